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
INSERT INTO contact (id, owner_id, name) VALUES (900, 104, 'c') ON CONFLICT DO NOTHING
INSERT INTO contact (id, owner_id, name) VALUES (6, 104, 'c'), (7, 104, 'd'), (901, 104, 'e') ON CONFLICT DO NOTHING RETURNING *
INSERT INTO contact (id, owner_id, name) VALUES (6, 104, 'c'), (902, 102, 'd') ON CONFLICT (id) DO NOTHING
INSERT INTO contact (id, owner_id, name) VALUES (6, 104, 'c') ON CONFLICT ON CONSTRAINT contact_pkey DO UPDATE SET name = excluded.name, note = contact.note || excluded.name RETURNING *
INSERT INTO contact (id, owner_id, name) VALUES (6, 104, 'c') ON CONFLICT (id) DO UPDATE SET (name, note) = (excluded.name, 'x') RETURNING id, name, note
INSERT INTO contact (id, owner_id, name) VALUES (6, 104, 'c') ON CONFLICT (id) DO UPDATE SET (name, note) = (SELECT excluded.name, max(p.name) FROM product p) RETURNING id, name, note
INSERT INTO contact (id, owner_id, name) VALUES (6, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE contact.name LIKE 'contact%' RETURNING id, name
INSERT INTO contact (id, owner_id, name) VALUES (6, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE contact.note::int > 1000000 RETURNING id
INSERT INTO contact AS t (id, owner_id, name) VALUES (6, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = t.email || excluded.id WHERE t.email IS NOT NULL OR true RETURNING t.name, t.email
INSERT INTO contact (id, owner_id, name) VALUES (6, 999, 'c') ON CONFLICT (id) DO UPDATE SET name = 'q'
INSERT INTO contact (id, owner_id, name) VALUES (6, 104, 'c') ON CONFLICT (id) DO UPDATE SET owner_id = 999
INSERT INTO contact (id, owner_id, name) VALUES (7, 104, 'c') ON CONFLICT (id) DO UPDATE SET owner_id = excluded.owner_id RETURNING id, owner_id
INSERT INTO contact (id, owner_id, name) VALUES (10, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = 'q' WHERE 1 / (length(contact.note) - 12) > 0 => INSERT INTO contact (id, owner_id, name) VALUES (10, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = 'q'
INSERT INTO contact (id, owner_id, name) VALUES (10, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = 'q' WHERE contact.note = 'nothing' => INSERT INTO contact (id, owner_id, name) VALUES (10, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = 'q'
INSERT INTO contact (id, owner_id, name) SELECT id, 104, 'again' FROM contact WHERE owner_id = 104 ON CONFLICT (id) DO UPDATE SET name = excluded.name || contact.id RETURNING id, name
INSERT INTO contact (id, owner_id, name) SELECT id, owner_id, 'again' FROM contact ON CONFLICT (id) DO UPDATE SET name = excluded.name, weight = DEFAULT
INSERT INTO contact (id, owner_id, name) SELECT n, 104, 'all' FROM generate_series(1, 60) n ON CONFLICT (id) DO UPDATE SET name = excluded.name
INSERT INTO contact (id, owner_id, name) VALUES (6, 104, 'c'), (6, 104, 'd') ON CONFLICT (id) DO UPDATE SET name = excluded.name
INSERT INTO contact VALUES (6, 1, 104, 'c', 'e', '2000-01-01', 'n', 3) ON CONFLICT (id) DO UPDATE SET note = excluded.note, birthday = excluded.birthday RETURNING id, note, birthday
INSERT INTO event (id, day, owner_id, kind) VALUES (5, '2025-07-16', 104, 'k') ON CONFLICT (id, day) DO UPDATE SET kind = excluded.kind RETURNING *
INSERT INTO event (id, day, owner_id, kind) VALUES (6, '2025-07-25', 104, 'k') ON CONFLICT (id, day) DO UPDATE SET kind = excluded.kind RETURNING *
INSERT INTO event (id, day, owner_id, kind) VALUES (40, '2026-05-27', 104, 'k') ON CONFLICT (id, day) DO UPDATE SET kind = event.kind || excluded.kind WHERE event.size IS NOT NULL
INSERT INTO remark (id, owner_id, body) VALUES (5, 104, 'b') ON CONFLICT (id) DO UPDATE SET body = remark.body || excluded.body RETURNING body
INSERT INTO remark (id, owner_id, body) VALUES (6, 104, 'b') ON CONFLICT (id) DO UPDATE SET body = remark.body || excluded.body RETURNING body
INSERT INTO product VALUES (1, 'p', 1) ON CONFLICT (id) DO UPDATE SET price = 2
WITH u AS (UPDATE contact SET note = 'cte' WHERE id < 30 RETURNING *) SELECT id, note FROM u WHERE id > 3 ORDER BY id
WITH u AS (UPDATE contact SET note = 'cte' RETURNING contact.*) SELECT * FROM u ORDER BY id
WITH u AS (UPDATE contact SET note = 'cte' RETURNING upper(name), id) SELECT upper, id FROM u
WITH u (a, b) AS (UPDATE contact SET note = 'cte' RETURNING id, name || 'x') SELECT b, a FROM u WHERE a > 5
WITH u AS (UPDATE contact SET note = 'cte') SELECT 1
WITH u AS (UPDATE contact SET note = 'cte' WHERE id > 5 RETURNING id) SELECT 1 LIMIT 0
WITH u AS (UPDATE contact SET owner_id = 999 RETURNING id) SELECT 1
WITH u AS (UPDATE contact SET owner_id = 999) SELECT 1
WITH i AS (INSERT INTO contact (id, owner_id, name) VALUES (900, 999, 'c') RETURNING id) SELECT 1
WITH i AS (INSERT INTO contact (id, owner_id, name) VALUES (900, 999, 'c')) SELECT 1
WITH i AS (INSERT INTO contact (id, owner_id, name) VALUES (900, 104, 'c')) SELECT count(*) FROM contact
WITH i AS (INSERT INTO contact (id, owner_id, name) VALUES (900, 104, 'c') RETURNING id, name), d AS (DELETE FROM remark WHERE id = 5 RETURNING id, body) SELECT * FROM i FULL JOIN d ON i.id = d.id
WITH i AS (INSERT INTO contact (id, owner_id, name) VALUES (900, 104, 'c') RETURNING *) INSERT INTO remark (id, owner_id, body) SELECT id, owner_id, name FROM i RETURNING *
WITH i AS (INSERT INTO contact (id, owner_id, name) VALUES (900, 104, 'c') RETURNING *) INSERT INTO remark (id, owner_id, body) SELECT id, 999, name FROM i
WITH moved AS (DELETE FROM contact WHERE id < 20 RETURNING *) INSERT INTO contact SELECT * FROM moved WHERE false RETURNING id
WITH moved AS (DELETE FROM contact WHERE id < 20 RETURNING *) INSERT INTO remark (id, owner_id, body) SELECT id + 1000, owner_id, name FROM moved RETURNING id, body
WITH u AS (UPDATE remark SET body = 'u' WHERE owner_id = 104 RETURNING id) UPDATE contact SET note = 'v' FROM u WHERE contact.id = u.id RETURNING contact.id, u.id
WITH u AS (UPDATE remark SET body = 'u' RETURNING id AS n, owner_id) DELETE FROM contact USING u WHERE u.owner_id = contact.owner_id AND 10 / u.n >= 0 RETURNING contact.id
WITH a AS (SELECT id FROM contact WHERE id > 10), u AS (UPDATE contact c SET note = 'w' FROM a WHERE a.id = c.id RETURNING c.id, c.note) SELECT * FROM u ORDER BY 1
WITH d AS (DELETE FROM contact WHERE note::int > 100 RETURNING id, note) SELECT sum(note::int) FROM d
WITH d AS (DELETE FROM event WHERE size > 3 RETURNING id, day) SELECT count(*), min(day) FROM d
WITH c AS (INSERT INTO contact AS t (id, owner_id, name) VALUES (6, 104, 'c') ON CONFLICT (id) DO UPDATE SET name = t.name || excluded.name RETURNING t.*) SELECT id, name, email FROM c
WITH u AS (UPDATE account SET score = 1 RETURNING id, phone, email AS mail) SELECT * FROM u WHERE phone LIKE '138%'
WITH u AS (UPDATE account SET name = 'all' RETURNING *) SELECT * FROM u ORDER BY id
WITH u AS (UPDATE account SET name = 'all' RETURNING *) SELECT secret FROM u
WITH u AS (UPDATE account SET name = 'all' RETURNING phone) SELECT * FROM u
MERGE INTO contact c USING product p ON c.id = p.id WHEN MATCHED THEN UPDATE SET note = p.name WHEN NOT MATCHED THEN INSERT (id, owner_id, name) VALUES (p.id, 104, p.name)
MERGE INTO contact c USING product p ON c.id = p.id WHEN MATCHED THEN UPDATE SET note = p.name
MERGE INTO contact c USING product p ON c.id = p.id WHEN MATCHED THEN DELETE
MERGE INTO contact USING product ON contact.id = product.id WHEN MATCHED AND product.price > 20 THEN DELETE WHEN MATCHED THEN DO NOTHING
MERGE INTO contact c USING (VALUES (6, 104), (906, 104)) AS s(id, owner) ON c.id = s.id WHEN MATCHED THEN UPDATE SET name = 'm' || s.id WHEN NOT MATCHED THEN INSERT (id, owner_id, name) VALUES (s.id, s.owner, 'new')
MERGE INTO contact c USING (VALUES (906, 999)) AS s(id, owner) ON c.id = s.id WHEN NOT MATCHED THEN INSERT (id, owner_id, name) VALUES (s.id, s.owner, 'new')
MERGE INTO contact c USING (VALUES (906, 104)) AS s(id, owner) ON c.id = s.id WHEN NOT MATCHED AND s.owner > 1000 THEN INSERT (id, owner_id) VALUES (s.id, 999) WHEN NOT MATCHED THEN INSERT (id, owner_id, name) VALUES (s.id, s.owner::int, 'new')
MERGE INTO contact c USING (VALUES (906, 104)) AS s(id, owner) ON c.id = s.id WHEN NOT MATCHED THEN INSERT DEFAULT VALUES
MERGE INTO contact c USING (VALUES (906, 104)) AS s(id, owner) ON c.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (s.id, 1, s.owner)
MERGE INTO contact c USING (VALUES (6), (7), (12)) AS s(id) ON c.id = s.id WHEN MATCHED THEN UPDATE SET owner_id = 999
MERGE INTO contact c USING (VALUES (6), (12)) AS s(id) ON c.id = s.id WHEN MATCHED AND c.note::int > 50 THEN UPDATE SET name = c.name || '!' WHEN MATCHED THEN DELETE
MERGE INTO contact c USING account a ON c.account_id = a.id WHEN MATCHED THEN UPDATE SET name = a.name
MERGE INTO contact c USING (SELECT id, name FROM account WHERE active) AS a ON c.account_id = a.id AND c.note::int > 20 WHEN MATCHED THEN DELETE
MERGE INTO contact c USING (SELECT max(id) AS id FROM contact) AS m ON c.id = m.id WHEN MATCHED THEN UPDATE SET note = CASE WHEN c.id > 0 THEN 'x' END
WITH s AS (SELECT id, 'from cte' AS name FROM product) MERGE INTO contact c USING s ON s.id = c.id WHEN MATCHED AND CASE WHEN c.id > 2 THEN true END THEN UPDATE SET (name, note) = (s.name, 'n')
MERGE INTO account a USING product p ON a.id = p.id WHEN MATCHED THEN UPDATE SET name = p.name
MERGE INTO account a USING product p ON a.id = p.id AND a.phone LIKE '138%' WHEN MATCHED THEN UPDATE SET score = 5
MERGE INTO account a USING product p ON a.id = p.id WHEN MATCHED AND a.phone IS NULL THEN DELETE
MERGE INTO account a USING product p ON a.id = p.id AND 1 / (a.id - 8) >= 0 WHEN MATCHED THEN DELETE
MERGE INTO event e USING event_2025 s ON e.id = s.id AND e.day = s.day WHEN MATCHED THEN UPDATE SET kind = s.kind || '!'
MERGE INTO remark r USING product p ON p.id = r.id WHEN MATCHED THEN UPDATE SET body = p.name
MERGE INTO remark_long r USING product p ON p.id + 20 = r.id WHEN MATCHED THEN DELETE
MERGE INTO product p USING contact c ON p.id = c.id WHEN MATCHED THEN DELETE
UPDATE contact SET name = p.name FROM product p WHERE p.id = contact.id AND contact.note::int > 30 RETURNING contact.id, p.id
UPDATE contact SET name = p.name FROM product p JOIN account a ON a.id = p.id WHERE p.id = contact.id AND 100 / length(contact.name) > 2 RETURNING *
UPDATE contact c SET name = p.name FROM product p LEFT JOIN LATERAL (SELECT max(e.id) AS n FROM event e WHERE e.id > p.id) e ON true WHERE p.id = c.id AND c.note::int > e.n
UPDATE contact c SET note = d.note FROM contact d WHERE d.id = c.id + 6 AND (c.note::int > 20 OR d.note::int > 20) AND c.id BETWEEN 1 AND 40 RETURNING c.id, d.id
UPDATE contact c SET note = d.n FROM (SELECT account_id, count(*)::text AS n FROM contact GROUP BY account_id) d WHERE d.account_id = c.account_id AND c.note::int % 2 = 0
UPDATE account a SET name = c.name FROM contact c WHERE c.account_id = a.id AND a.phone LIKE '138%' RETURNING a.id, a.phone, c.id
UPDATE account a SET name = c.name FROM contact c WHERE c.account_id = a.id AND 100 / a.score >= 0 AND a.id > 0 RETURNING a.id
UPDATE account a SET name = 'x' FROM contact c CROSS JOIN product p WHERE c.account_id = a.id AND p.id = c.id
DELETE FROM contact USING product p, account a WHERE p.id = contact.id AND a.id = contact.account_id AND contact.note::int > 0 RETURNING contact.id, p.id, a.id
DELETE FROM contact USING product p NATURAL JOIN (SELECT id FROM event) e WHERE p.id = contact.id AND upper(contact.note)::int > 0 RETURNING *
DELETE FROM ONLY remark WHERE length(body) / (id - 100) < 1 RETURNING id
DELETE FROM remark USING contact c WHERE c.id = remark.id AND 100 / length(remark.body) > 0 RETURNING remark.*
DELETE FROM account a USING contact c WHERE c.account_id = a.id AND a.email LIKE 'user%' RETURNING a.id, a.email
UPDATE remark SET body = upper(body) WHERE 10 / length(body) >= 0 RETURNING *
UPDATE ONLY remark SET body = upper(body) WHERE 10 / length(body) >= 0 RETURNING *
UPDATE remark r SET body = l.extra FROM remark_long l WHERE l.id = r.id AND 10 / length(r.body) >= 0 RETURNING r.id, l.extra
UPDATE event e SET kind = f.kind FROM event_2026 f WHERE f.id = e.id + 1 AND 10 / e.size >= 0 RETURNING e.id, e.day, f.id
UPDATE account AS a SET name = to_jsonb(a) ->> 'id' RETURNING a, to_jsonb(a)
UPDATE account SET name = account::text RETURNING row_to_json(account)
UPDATE contact AS c SET name = to_jsonb(c) ->> 'email' RETURNING c, to_jsonb(c)
DELETE FROM account RETURNING account
INSERT INTO contact AS c (id, owner_id, name) VALUES (900, 104, 'c') RETURNING c, to_jsonb(c)
INSERT INTO contact AS c (id, owner_id, name) VALUES (6, 104, 'c') ON CONFLICT (id) DO UPDATE SET note = to_jsonb(c) ->> 'email', name = to_jsonb(excluded) ->> 'name' RETURNING c
