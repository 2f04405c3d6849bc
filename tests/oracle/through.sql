UPDATE contact_open SET name = 'through'
UPDATE contact_open SET name = 'through' WHERE id = 7 RETURNING id, name
UPDATE contact_open SET name = 'through' WHERE id IN (1, 2, 3, 6, 7, 12) RETURNING *
UPDATE contact_open AS v SET name = v.name || '!' WHERE v.note::int > 50 RETURNING v.id, v.name AS label
UPDATE contact_open SET name = 'through' WHERE 100 / length(note) > 10
UPDATE contact_open SET note = upper(name) WHERE id = 5 OR true RETURNING id, note
UPDATE contact_open SET owner_id = 999
UPDATE contact_open SET id = 2 WHERE id = 6
UPDATE contact_open SET name = p.name FROM product p WHERE p.id = contact_open.id RETURNING contact_open.id, p.id
UPDATE contact_open v SET name = a.name FROM account a WHERE a.id = v.account_id AND v.note::int > 3 RETURNING v.id
UPDATE contact_open SET name = 'z' WHERE id IN (SELECT id FROM account_names)
UPDATE contact_open SET (name, note) = ('a', 'b') WHERE id > 20 RETURNING contact_open
UPDATE contact_checked SET name = 'through' RETURNING id, name
UPDATE contact_checked SET id = id + 900 WHERE id = 12
UPDATE contact_checked SET id = id + 1000 WHERE id = 12
UPDATE contact_checked SET id = id + 1000 WHERE id = 13
UPDATE contact_checked SET id = 3 WHERE id = 12
UPDATE contact_local SET id = id - 2000 WHERE id IN (12, 13) RETURNING id
UPDATE contact_local SET id = 2000 WHERE id IN (12, 13) RETURNING id
UPDATE event_calls SET sort = 'gone' RETURNING id, sort
UPDATE event_calls SET size = 10 / size WHERE size > 0.5 RETURNING id, day, size
UPDATE event_calls SET day = day + 1 WHERE id < 20 RETURNING *
UPDATE account_places SET title = coalesce(number, '-') RETURNING id, title, number
UPDATE account_places SET title = 'q' WHERE number LIKE '138%' RETURNING *
UPDATE account_places SET secret = 5 WHERE id = 8
UPDATE account_places SET title = 'q' WHERE secret = 1
UPDATE account_places AS p SET title = p.number || p.title WHERE p.title LIKE '%1%' OR 100 / p.id > 3 RETURNING p.*
UPDATE account_phones SET name = 'p' RETURNING id, name
UPDATE contact_swapped SET name = 'p'
UPDATE contact_renamed SET name = 'p'
UPDATE contact_shared SET name = 'p'
UPDATE contact_noted SET name = 'p'
WITH u AS (UPDATE contact_open SET note = 'w' WHERE id > 5 RETURNING id, note) SELECT count(*), max(note) FROM u
WITH u AS (UPDATE contact_open SET owner_id = 999 RETURNING id) SELECT 1
DELETE FROM contact_open
DELETE FROM contact_open WHERE id IN (1, 6, 7) RETURNING id, name
DELETE FROM contact_open v WHERE v.note::int > 30
DELETE FROM contact_open USING account a WHERE a.id = contact_open.account_id RETURNING contact_open.id, a.id
DELETE FROM contact_checked WHERE name LIKE 'contact 1%' RETURNING *
DELETE FROM event_calls WHERE size > 1 RETURNING id
DELETE FROM account_places WHERE number IS NULL RETURNING id, title
DELETE FROM account_phones
DELETE FROM contact_swapped WHERE owner_id = 104
DELETE FROM contact_shared
INSERT INTO contact_open (id, owner_id, name) VALUES (900, 104, 'v')
INSERT INTO contact_open (id, owner_id, name) VALUES (900, 103, 'v') RETURNING id, name, note
INSERT INTO contact_open (id, owner_id, name) VALUES (900, 104, 'v'), (901, 999, 'w')
INSERT INTO contact_open VALUES (900, 1, 104, 'v', 'n') RETURNING *
INSERT INTO contact_open (id, name) VALUES (900, 'nobody')
INSERT INTO contact_open (id, owner_id, name) SELECT 900 + id, owner_id, name FROM contact_open
INSERT INTO contact_open (id, owner_id, name) SELECT 900 + id, 104, name FROM contact_open RETURNING id, owner_id
INSERT INTO contact_open (id, owner_id, name) VALUES (-5, 104, 'v') RETURNING id
INSERT INTO contact_checked (id, owner_id, name) VALUES (900, 104, 'v')
INSERT INTO contact_checked (id, owner_id, name) VALUES (2, 104, 'v')
INSERT INTO contact_checked (id, owner_id, name) VALUES (-7, 103, 'v')
INSERT INTO contact_checked (id, owner_id, name) VALUES (951, 103, 'v')
INSERT INTO contact_local (id, owner_id, name) VALUES (-7, 104, 'v')
INSERT INTO contact_local (id, owner_id, name) VALUES (951, 104, 'v')
INSERT INTO event_calls (id, day, owner_id, sort) VALUES (900, '2025-05-05', 104, 'visit') RETURNING *
INSERT INTO event_calls (id, day, owner_id, sort) VALUES (900, '2026-05-05', 777, 'call')
INSERT INTO account_places (id, title, owner_id, department_id) VALUES (900, 'new', 104, 21) RETURNING id, title, number
INSERT INTO account_places (id, title, owner_id, department_id) VALUES (900, 'new', 999, 99)
INSERT INTO contact_swapped (id, owner_id, account_id, name) VALUES (900, 104, 999, 'v')
INSERT INTO contact_renamed (id, owner, name) VALUES (900, 999, 'v')
WITH i AS (INSERT INTO contact_open (id, owner_id, name) VALUES (900, 999, 'v')) SELECT 1
WITH i AS (INSERT INTO contact_open (id, owner_id, name) VALUES (900, 104, 'v') RETURNING id) SELECT * FROM i
