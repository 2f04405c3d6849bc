UPDATE contact SET name = 'new' WHERE id IN (6, 7, 8, 9) RETURNING old.name, new.name, id
UPDATE contact SET name = 'new' RETURNING WITH (OLD AS o, NEW AS n) o.name AS was, n.name, o.id
UPDATE contact AS c SET note = 'x' WHERE c.note::int > 40 RETURNING WITH (OLD AS o) o.note, c.note, new.id
UPDATE contact SET owner_id = 999 RETURNING WITH (OLD AS o) o.owner_id
UPDATE contact SET name = 'x' RETURNING old.*
UPDATE contact SET name = 'x' RETURNING old, new.id
UPDATE contact c SET name = p.name FROM product p WHERE p.id = c.id RETURNING WITH (OLD AS o, NEW AS n) o.name, n.name, p.id
UPDATE contact SET name = 'x' FROM product c WHERE c.id = contact.id RETURNING WITH (OLD AS c) c.id
UPDATE account SET name = 'q' RETURNING old.name, new.phone
UPDATE account SET name = 'q' RETURNING WITH (OLD AS o) o.*
UPDATE event SET kind = 'n' WHERE id < 20 RETURNING old.kind, new.kind, id, day
DELETE FROM contact WHERE id < 20 RETURNING old.id, new.id, name
DELETE FROM contact RETURNING WITH (OLD AS gone) gone.*
INSERT INTO contact (id, owner_id, name) VALUES (900, 104, 'c') RETURNING WITH (NEW AS made) made.id, old.id
INSERT INTO contact (id, owner_id, name) VALUES (900, 999, 'c') RETURNING WITH (NEW AS made) made.id
INSERT INTO contact (id, owner_id, name) VALUES (6, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING old.name, new.name
INSERT INTO contact (id, owner_id, name) VALUES (10, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = 'q' RETURNING WITH (OLD AS o) o.name
MERGE INTO contact c USING product p ON c.id = p.id WHEN MATCHED THEN UPDATE SET note = p.name RETURNING WITH (OLD AS o) merge_action(), o.note, c.note
MERGE INTO contact c USING product p ON c.id = p.id WHEN MATCHED AND c.id > 5 THEN DELETE RETURNING old.id, new.id
WITH u AS (UPDATE contact SET note = 'w' RETURNING id, old.note AS was) SELECT id, was FROM u ORDER BY id
WITH u AS (UPDATE contact SET owner_id = 999 RETURNING id, old.note AS was) SELECT 1
UPDATE contact_open SET name = 'v' RETURNING WITH (OLD AS o, NEW AS n) o.id, o.name, n.name
