-- writes: conditions, counts and conflicts of writes that would look at rows out of reach
INSERT INTO contact (id, owner_id, name) VALUES (7, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = 'q' WHERE 1 / (length(contact.note) - 2) > 0
INSERT INTO contact (id, owner_id, name) VALUES (7, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = 'q' WHERE contact.note = '42'
INSERT INTO contact (id, owner_id, name) VALUES (8, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = 'q' WHERE contact.note::int = 42
INSERT INTO contact (id, owner_id, name) VALUES (10, 104, 'c') ON CONFLICT (id) DO UPDATE SET note = (1 / (length(contact.name) - 1))::text
INSERT INTO contact (id, owner_id, name) VALUES (10, 104, 'c') ON CONFLICT (id) DO UPDATE SET note = contact.name RETURNING *
INSERT INTO contact (id, owner_id, name) VALUES (11, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = 'q' WHERE EXISTS (SELECT 1 FROM product p WHERE p.id = length(contact.note) OR 1 / (length(contact.note) - 2) > 0)
INSERT INTO contact (id, owner_id, name) VALUES (11, 105, 'c') ON CONFLICT (id) DO UPDATE SET name = 'q' WHERE (SELECT contact.note::int) = 42
INSERT INTO contact (id, owner_id, name) VALUES (16, 103, 'c') ON CONFLICT (id) DO UPDATE SET name = 'q' WHERE contact IS NOT NULL AND contact::text LIKE '%42%'
INSERT INTO contact (id, owner_id, name) SELECT n, 104, 'c' FROM generate_series(1, 58, 3) n ON CONFLICT (id) DO UPDATE SET name = 'q' WHERE contact.note = '42' RETURNING id
INSERT INTO contact (id, owner_id, name) SELECT n, 104, 'c' FROM generate_series(2, 59, 3) n ON CONFLICT (id) DO UPDATE SET name = 'q' WHERE 1 / (length(contact.note) - 2) > 0
INSERT INTO contact (id, owner_id, name) SELECT n, 104, 'c' FROM generate_series(2, 59, 3) n ON CONFLICT (id) DO NOTHING RETURNING *
INSERT INTO contact (id, owner_id, name) SELECT n, owner_id, note FROM contact, generate_series(2, 59, 3) n ON CONFLICT (id) DO NOTHING
INSERT INTO account (id, name, owner_id, department_id) VALUES (7, 'c', 104, 21) ON CONFLICT (id) DO UPDATE SET name = account.phone WHERE account.phone LIKE '%0%' RETURNING phone, name
INSERT INTO account (id, name, owner_id, department_id) VALUES (8, 'c', 104, 21) ON CONFLICT (id) DO UPDATE SET name = account.phone WHERE account.phone LIKE '1380000029%' RETURNING phone, name
INSERT INTO account (id, name, owner_id, department_id) VALUES (8, 'c', 104, 21) ON CONFLICT (id) DO UPDATE SET name = account.mobile || account.phone WHERE account.mobile = '0' RETURNING *
INSERT INTO account (id, name, owner_id, department_id) VALUES (8, 'c', 104, 21) ON CONFLICT (id) DO UPDATE SET name = 'q' WHERE 1 / (account.secret - 42) > 0
INSERT INTO account AS a (id, name, owner_id, department_id) VALUES (16, 'c', 104, 21) ON CONFLICT (id) DO UPDATE SET name = a::text
INSERT INTO account AS a (id, name, owner_id, department_id) VALUES (16, 'c', 104, 21) ON CONFLICT (id) DO UPDATE SET name = (SELECT phone FROM contact a LIMIT 1)
INSERT INTO account (id, name, owner_id, department_id) VALUES (16, 'c', 104, 21) ON CONFLICT (id) DO UPDATE SET name = excluded.secret::text
INSERT INTO account (id, name, owner_id, department_id) VALUES (16, 'c', 104, 21) ON CONFLICT (secret) DO NOTHING
INSERT INTO account (id, name, owner_id, department_id) VALUES (7, 'c', 103, 22) ON CONFLICT (id) DO UPDATE SET name = account.amount::text WHERE account.amount = 42
INSERT INTO event (id, day, owner_id, kind) SELECT n, DATE '2025-06-01' + n * 9, 104, 'k' FROM generate_series(1, 40) n ON CONFLICT (id, day) DO UPDATE SET kind = event.kind WHERE 1 / (event.size - 0) > 0 RETURNING kind
INSERT INTO event_2025 (id, day, owner_id, kind) SELECT n, DATE '2025-06-01' + n * 9, 104, 'k' FROM generate_series(1, 20) n ON CONFLICT (id, day) DO UPDATE SET kind = event_2025.kind WHERE event_2025.kind = '[' RETURNING kind
INSERT INTO remark (id, owner_id, body) SELECT n, 104, 'k' FROM generate_series(1, 20) n ON CONFLICT (id) DO UPDATE SET body = remark.body WHERE remark.body = 'x\' RETURNING body
WITH u AS (UPDATE contact SET note = 'q' WHERE 1 / (length(note) - 2) > 0 RETURNING id) SELECT count(*) FROM u
WITH u AS (UPDATE contact SET name = 'q' RETURNING id, note) SELECT sum(note::int) FROM u
WITH u AS (UPDATE account SET name = 'q' RETURNING id, phone, mobile, owner_id) SELECT * FROM u WHERE phone LIKE '1380000029%' OR mobile = '0'
WITH u AS (UPDATE account SET name = 'q' RETURNING *) SELECT u::text, to_jsonb(u) FROM u
WITH u AS (UPDATE account SET name = 'q' RETURNING account) SELECT u::text FROM u
WITH u AS (UPDATE account SET name = phone RETURNING id, name) SELECT * FROM u
WITH u AS (DELETE FROM account RETURNING *) SELECT u.secret FROM u
WITH u AS (DELETE FROM account WHERE secret = 42 RETURNING id) SELECT * FROM u
WITH u AS (DELETE FROM account RETURNING *) UPDATE contact SET name = 'q' FROM u WHERE secret = 42
WITH u AS (DELETE FROM contact WHERE note = '42' RETURNING *), v AS (DELETE FROM remark WHERE body = 'x\' RETURNING *) SELECT (SELECT count(*) FROM u), (SELECT count(*) FROM v)
WITH u AS (UPDATE contact SET name = 'q' RETURNING id) DELETE FROM account WHERE 1 / score > -1 AND id IN (SELECT id FROM u)
WITH u AS (UPDATE contact SET name = 'q' RETURNING id) DELETE FROM account USING u WHERE u.id = account.id AND 1 / (u.id - 6) >= 0 AND 1 / (account.score - 42) < 2
WITH i AS (INSERT INTO contact (id, owner_id, name) SELECT 2000 + id, owner_id, note FROM contact RETURNING *) SELECT count(*), max(name) FROM i
WITH c AS (INSERT INTO contact AS t (id, owner_id, name) VALUES (7, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = t.note RETURNING t.note) SELECT * FROM c
MERGE INTO contact c USING generate_series(1, 60) s ON c.id = s AND 1 / (length(c.note) - 2) > -5 WHEN MATCHED THEN UPDATE SET name = 'q'
MERGE INTO contact c USING generate_series(1, 60) s ON c.id = s AND c.note::int = 42 WHEN MATCHED THEN DELETE
MERGE INTO contact c USING generate_series(1, 60) s ON c.id = s WHEN MATCHED AND c.note = '42' THEN DELETE WHEN MATCHED AND 1 / (length(c.note) - 2) > -5 THEN UPDATE SET name = c.note
MERGE INTO contact c USING contact d ON c.id = d.id AND 1 / (length(d.note) - 2) > -5 WHEN MATCHED THEN UPDATE SET name = d.note
MERGE INTO contact c USING (SELECT id, note::int AS n FROM contact) d ON c.id = d.id WHEN MATCHED AND d.n = 42 THEN DELETE
MERGE INTO contact c USING generate_series(2, 59, 3) s ON c.id = s WHEN NOT MATCHED THEN INSERT (id, owner_id, name) VALUES (s, 104, 'n') WHEN MATCHED THEN DO NOTHING
MERGE INTO contact c USING generate_series(2, 59, 3) s ON c.id = s AND EXISTS (SELECT 1 FROM remark r WHERE 1 / (length(c.note) - 2) > -5) WHEN MATCHED THEN DELETE
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s AND a.phone LIKE '1380000029%' WHEN MATCHED THEN DELETE
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s WHEN MATCHED AND a.mobile = '0' THEN DELETE WHEN MATCHED THEN UPDATE SET name = a.phone || a.mobile
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s AND a.secret = 42 WHEN MATCHED THEN DELETE
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s WHEN MATCHED AND secret = 42 THEN DELETE
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s AND 1 / a.score > -1 WHEN MATCHED THEN UPDATE SET score = 100 / a.score
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s AND a.name::int = 42 WHEN MATCHED THEN DELETE
MERGE INTO account a USING account b ON a.id = b.id AND b.email = '@' WHEN MATCHED THEN DELETE
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s AND a::text LIKE '%42%' WHEN MATCHED THEN DELETE
MERGE INTO event e USING generate_series(1, 40) s ON e.id = s AND 1 / (e.size) > -1 WHEN MATCHED THEN UPDATE SET kind = 'q'
MERGE INTO event_2026 e USING generate_series(1, 40) s ON e.id = s AND e.kind = '[' WHEN MATCHED THEN DELETE
MERGE INTO remark e USING generate_series(1, 40) s ON e.id = s AND 1 / (length(e.body) - 2) > -1 WHEN MATCHED THEN DELETE
-- through: writes through views whose conditions or columns would tell of rows out of reach
UPDATE contact_open SET name = 'q' WHERE 1 / (length(note) - 2) > -5
UPDATE contact_open SET name = note RETURNING id, name, note
UPDATE contact_open SET name = 'q' WHERE note::int = 42 RETURNING id
UPDATE contact_open AS v SET name = 'q' FROM generate_series(1, 60) s WHERE v.id = s AND v.note::int = 42
UPDATE contact_open SET name = 'q' WHERE note LIKE '%42%' OR contact_open::text LIKE '%42%' RETURNING contact_open
UPDATE contact_noted SET name = 'q'
UPDATE contact_shared SET name = 'q'
UPDATE contact_swapped SET name = 'q' WHERE owner_id = 104 RETURNING id
UPDATE rated SET name = 'q'
UPDATE account_phones SET name = 'q' RETURNING id
UPDATE account_places SET title = number RETURNING id, title, number, secret
UPDATE account_places SET title = 'q' WHERE number LIKE '1380000029%' OR secret = 42
UPDATE account_places SET title = 'q' WHERE 1 / (secret - 42) > 0
UPDATE account_names SET name = 'q' WHERE phone LIKE '1380000029%' RETURNING id, phone, email
UPDATE event_calls SET sort = 'q' WHERE 1 / size > -1 RETURNING id
DELETE FROM contact_open WHERE 1 / (length(note) - 2) > -5
DELETE FROM contact_checked WHERE name::int = 42
DELETE FROM account_names WHERE email = '@' OR phone LIKE '1380000029%'
DELETE FROM event_calls USING generate_series(1, 40) s WHERE id = s AND 1 / size > -1
INSERT INTO contact_open (id, owner_id, name) SELECT n, 104, 'n' FROM generate_series(2001, 2010) n RETURNING *
