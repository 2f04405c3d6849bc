-- returning-old: rows as they were, by the names of PostgreSQL 18
UPDATE account SET name = 'q' RETURNING old.*
UPDATE account SET name = 'q' RETURNING new.*
UPDATE account SET name = 'q' RETURNING id, old.phone, new.phone
UPDATE account SET name = 'q' RETURNING to_jsonb(old.*), to_jsonb(new)
UPDATE account SET name = 'q' RETURNING old, new
UPDATE account SET name = 'q' RETURNING WITH (OLD AS o, NEW AS n) o.*, n.phone
UPDATE account SET name = 'q' RETURNING WITH (OLD AS o) to_jsonb(o), (SELECT o.phone), (SELECT max(o.secret) FROM product)
UPDATE account SET name = 'q' RETURNING old.secret, new.secret
DELETE FROM account RETURNING old.*, new.*
DELETE FROM account RETURNING WITH (OLD AS account_names) account_names.phone
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s WHEN MATCHED THEN UPDATE SET name = 'q' RETURNING old.*
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s WHEN MATCHED THEN UPDATE SET name = 'q' RETURNING WITH (OLD AS o) o.phone
INSERT INTO account (id, name, owner_id, department_id) VALUES (8, 'c', 104, 21) ON CONFLICT (id) DO UPDATE SET name = 'c' RETURNING old.*
WITH u AS (UPDATE account SET name = 'q' RETURNING old.*) SELECT * FROM u
WITH u AS (UPDATE account SET name = 'q' RETURNING old.phone AS p) SELECT max(p) FROM u
UPDATE contact SET name = 'q' RETURNING old.*, new.note
UPDATE remark SET body = 'q' RETURNING old.body
