UPDATE account SET name = 'new name'
UPDATE account SET name = 'new name' WHERE id = 8 RETURNING id, name
UPDATE account SET name = 'new name' WHERE id IN (1, 2, 8, 16) RETURNING *
UPDATE account AS a SET name = a.name || '!' WHERE a.active RETURNING a.id, a.name AS label
UPDATE account SET score = score + 1, name = upper(name) WHERE score > 20
UPDATE account SET score = score * 2 WHERE 100 / score > 2
UPDATE account SET stage = 'won' WHERE stage = 'open' RETURNING stage, id
UPDATE account SET labels = labels || ARRAY['n'] WHERE labels @> ARRAY['l1']
UPDATE account SET attributes = attributes || '{"seen": true}' WHERE attributes ? 'n'
UPDATE account SET (name, score) = (SELECT 'x', 5) WHERE id > 10
UPDATE account SET (name, score) = ROW('y', 6) WHERE id > 10 RETURNING id
UPDATE account SET owner_id = 777
UPDATE account SET name = NULL WHERE id = 8
UPDATE account SET stage = 'nonsense'
UPDATE account SET name = p.name FROM product p WHERE p.id = account.id
UPDATE account AS a SET name = c.name FROM contact c WHERE c.account_id = a.id AND c.id < 20 RETURNING a.id, c.id
UPDATE account SET name = 'z' WHERE id IN (SELECT account_id FROM contact)
UPDATE account SET name = 'z' WHERE EXISTS (SELECT FROM contact c WHERE c.account_id = account.id) RETURNING id
UPDATE account SET name = (SELECT max(c.name) FROM contact c WHERE c.account_id = account.id) WHERE id < 20 AND id % 8 = 0 AND false
UPDATE account SET name = 'q' WHERE phone LIKE '138%' RETURNING id, phone
UPDATE account SET name = coalesce(phone, '-') RETURNING id, name
UPDATE account SET score = 1 WHERE email LIKE 'user8%' RETURNING email
UPDATE account SET name = 'q' WHERE id = 5 OR true
UPDATE account SET opened = DEFAULT, stage = DEFAULT WHERE id % 2 = 0 RETURNING id, stage, opened => UPDATE account SET opened = NULL, stage = 'lead' WHERE id % 2 = 0 RETURNING id, stage, opened
UPDATE account SET amount = 5 WHERE id = 16
UPDATE account SET secret = 5 WHERE id = 8
UPDATE contact SET note = 'changed' WHERE id % 2 = 0 RETURNING *
UPDATE contact SET owner_id = 999
UPDATE contact SET note = (note::int + 1)::text
UPDATE contact SET name = 'n' WHERE note::int > 50 RETURNING id
UPDATE contact c SET name = a.name FROM account a WHERE a.id = c.account_id RETURNING c.id, a.id, c.name
UPDATE event SET kind = 'changed' WHERE size > 3 RETURNING id, day, kind
UPDATE event SET day = day + 1 RETURNING id, day
UPDATE event_2025 SET size = 1
UPDATE ONLY remark SET body = 'only'
UPDATE remark SET body = 'all' RETURNING id
UPDATE remark_long SET extra = 'more' WHERE id > 25 RETURNING id, extra
UPDATE product SET price = 1
WITH u AS (UPDATE account SET name = 'cte' WHERE active RETURNING id, name) SELECT count(*), max(name) FROM u
WITH big AS (SELECT id FROM contact WHERE id > 30) UPDATE contact SET note = '0' WHERE id IN (SELECT id FROM big)
DELETE FROM account
DELETE FROM account WHERE id = 8 RETURNING id, name
DELETE FROM account WHERE id IN (1, 2, 3, 8) RETURNING *
DELETE FROM account a WHERE a.score < 50 AND a.active
DELETE FROM account USING contact c WHERE c.account_id = account.id RETURNING account.id, c.id
DELETE FROM account WHERE 1 / (id - 8) > 0
DELETE FROM account WHERE phone IS NULL RETURNING phone, id
DELETE FROM contact WHERE account_id IN (SELECT id FROM account WHERE active) RETURNING id
DELETE FROM contact WHERE note::int % 2 = 0
DELETE FROM event WHERE day < '2026-01-01'
DELETE FROM event_2026 RETURNING id
DELETE FROM remark WHERE body LIKE '%1' RETURNING *
DELETE FROM ONLY remark
DELETE FROM remark_long
DELETE FROM product WHERE id = 1
DELETE FROM ledger
WITH d AS (DELETE FROM contact WHERE id < 30 RETURNING *) SELECT id, name FROM d ORDER BY id
INSERT INTO account (id, name, owner_id, department_id) VALUES (900, 'new', 104, 21)
INSERT INTO account (id, name, owner_id, department_id) VALUES (900, 'new', 103, 22) RETURNING *
INSERT INTO account (id, name, owner_id, department_id) VALUES (900, 'a', 104, 21), (901, 'b', 999, 99)
INSERT INTO account (id, name, owner_id, department_id) VALUES (900, 'a', NULL, NULL)
INSERT INTO account (id, name) VALUES (900, 'a')
INSERT INTO account (id, owner_id, department_id) VALUES (900, 104, 21)
INSERT INTO account (id, name, owner_id, department_id) SELECT 900 + id, name, owner_id, department_id FROM account
INSERT INTO account (id, name, owner_id, department_id) SELECT 900 + id, name, 104, 21 FROM product RETURNING id, name, stage
INSERT INTO contact (id, owner_id, name) VALUES (900, 104, 'c') RETURNING id, name
INSERT INTO contact (id, owner_id, name) VALUES (900, 103, 'c'), (901, 103, 'd') RETURNING *
INSERT INTO contact (id, owner_id, name) SELECT 900 + id, owner_id, name FROM contact RETURNING id, owner_id
INSERT INTO contact (id, owner_id, name) VALUES (900, 105, 'c')
INSERT INTO contact VALUES (900, 1, 104, 'c', 'e', '2000-01-01', 'n')
INSERT INTO contact DEFAULT VALUES
INSERT INTO event (id, day, owner_id, kind, size) VALUES (900, '2025-05-05', 104, 'call', 1) RETURNING *
INSERT INTO event (id, day, owner_id) VALUES (900, '2031-05-05', 104)
INSERT INTO event (id, day, owner_id) VALUES (900, '2026-05-05', 777)
INSERT INTO event_2025 (id, day, owner_id) VALUES (900, '2025-05-05', 104)
INSERT INTO remark (id, owner_id, body) VALUES (900, 104, 'r') RETURNING id
INSERT INTO remark_long (id, owner_id, body, extra) VALUES (900, 103, 'r', 'e')
INSERT INTO product VALUES (900, 'p', 1)
INSERT INTO contact (id, owner_id, name) VALUES (900, 104, 'c') ON CONFLICT (id) DO NOTHING RETURNING id
INSERT INTO contact AS c (id, owner_id, name) VALUES (6, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = c.name || EXCLUDED.name RETURNING id, name
INSERT INTO contact (id, owner_id, name) VALUES (7, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = 'taken'
WITH i AS (INSERT INTO contact (id, owner_id, name) VALUES (900, 104, 'c') RETURNING id) SELECT * FROM i
