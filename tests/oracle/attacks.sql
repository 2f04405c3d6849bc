SELECT id FROM account WHERE 1 / score > -1
SELECT id FROM account WHERE 1 / (score - 42) IS NOT NULL
SELECT id FROM account WHERE 1 / (amount - 42) > 0
SELECT id FROM account WHERE id / amount < 5
SELECT id FROM account WHERE mod(id, score) >= 0
SELECT id FROM account WHERE score % (score - 42) >= 0
SELECT id FROM account WHERE name::int = 0
SELECT id FROM account WHERE CAST(name AS int) = 42
SELECT id FROM account WHERE name::numeric > 0
SELECT id FROM account WHERE name::date IS NULL
SELECT id FROM account WHERE name::bool
SELECT id FROM account WHERE name::jsonb IS NOT NULL
SELECT id FROM account WHERE name::uuid IS NOT NULL
SELECT id FROM account WHERE name::text[] IS NOT NULL
SELECT id FROM account WHERE name::float8 > 0
SELECT id FROM account WHERE name::interval IS NOT NULL
SELECT id FROM account WHERE name::inet IS NOT NULL
SELECT id FROM account WHERE name::int4range IS NOT NULL
SELECT id FROM account WHERE name::crm.stage = 'won'
SELECT id FROM account WHERE name::crm.phone_number = ''
SELECT id FROM account WHERE name::regclass IS NOT NULL
SELECT id FROM account WHERE int '42' = CASE WHEN score = 42 THEN 1 / 0 ELSE 42 END
SELECT id FROM account WHERE CASE WHEN score = 0 THEN 1 / score > 0 ELSE false END
SELECT id FROM account WHERE CASE score WHEN 42 THEN 1 / (score - 42) ELSE 1 END = 1
SELECT id FROM account WHERE coalesce(1 / nullif(score, 42), 1 / (score - 42)) > 0
SELECT id FROM account WHERE score::int > 0
SELECT id FROM account WHERE score::smallint IS NOT NULL
SELECT id FROM account WHERE score + 9223372036854775800 > 0
SELECT id FROM account WHERE score * 9223372036854775807 > 0
SELECT id FROM account WHERE -score > 0
SELECT id FROM account WHERE abs(score) > 0
SELECT id FROM account WHERE id * score > 0
SELECT id FROM account WHERE amount::int > 0
SELECT id FROM account WHERE amount::smallint > 0
SELECT id FROM account WHERE amount::numeric(4,2) > 0
SELECT id FROM account WHERE power(amount, 200) > 0
SELECT id FROM account WHERE exp(amount) > 0
SELECT id FROM account WHERE sqrt(amount) > 0
SELECT id FROM account WHERE ln(amount) > 0
SELECT id FROM account WHERE log(score) > 0
SELECT id FROM account WHERE factorial(score) > 0
SELECT id FROM account WHERE acos(score) > 0
SELECT id FROM account WHERE name LIKE name
SELECT id FROM account WHERE 'x' LIKE name
SELECT id FROM account WHERE name LIKE '%x%' ESCAPE name
SELECT id FROM account WHERE name NOT LIKE 'x\'
SELECT id FROM account WHERE name ILIKE name || '\'
SELECT id FROM account WHERE name SIMILAR TO name
SELECT id FROM account WHERE 'x' ~ name
SELECT id FROM account WHERE name ~ '['
SELECT id FROM account WHERE regexp_replace('x', name, '') = ''
SELECT id FROM account WHERE regexp_match('x', name) IS NULL
SELECT id FROM account WHERE substring('x' FROM name) IS NULL
SELECT id FROM account WHERE substring(name FROM 1 FOR score::int - 42) = ''
SELECT id FROM account WHERE substr('abc', 1, (score - 43)::int) = 'a'
SELECT id FROM account WHERE repeat('x', score::int) = ''
SELECT id FROM account WHERE chr((score)::int) = 'x'
SELECT id FROM account WHERE ascii(name) / (length(name) - 1) > 0
SELECT id FROM account WHERE 1 / length(name) > 0
SELECT id FROM account WHERE to_date(name, 'YYYY-MM-DD') IS NULL
SELECT id FROM account WHERE to_timestamp(name, 'YYYY') IS NULL
SELECT id FROM account WHERE to_number(name, '999') IS NULL
SELECT id FROM account WHERE decode(name, 'hex') IS NULL
SELECT id FROM account WHERE decode(name, 'base64') IS NULL
SELECT id FROM account WHERE convert_from(name::bytea, 'UTF8') = ''
SELECT id FROM account WHERE to_tsquery('simple', name) IS NULL
SELECT id FROM account WHERE name::tsquery IS NULL
SELECT id FROM account WHERE name::xml IS NOT NULL
SELECT id FROM account WHERE opened::timestamp IS NOT NULL AND extract(epoch FROM opened) > 0
SELECT id FROM account WHERE opened - DATE '2024-01-01' > 0
SELECT id FROM account WHERE opened + 2000000000 > opened
SELECT id FROM account WHERE seen - TIMESTAMPTZ '2024-01-01' > INTERVAL '0'
SELECT id FROM account WHERE extract(year FROM opened)::int > 0
SELECT id FROM account WHERE make_date(score::int, 1, 1) IS NULL
SELECT id FROM account WHERE age(opened) > INTERVAL '0'
SELECT id FROM account WHERE date_trunc(name, seen) IS NULL
SELECT id FROM account WHERE date_part(name, seen) IS NULL
SELECT id FROM account WHERE seen AT TIME ZONE name IS NULL
SELECT id FROM account WHERE generate_series_check.x > 0
SELECT id, generate_series(1, 3, score::int) FROM account
SELECT a.id, g FROM account a, generate_series(1, 3, (a.score - 42)::int) g
SELECT a.id, g FROM account a, LATERAL generate_series(1, 2, (a.score / a.score)::int) g
SELECT id FROM account WHERE (attributes ->> 'n')::int = 8
SELECT id FROM account WHERE (attributes ->> 0)::int = 1
SELECT id FROM account WHERE (attributes -> 1)::int = 1
SELECT id FROM account WHERE (attributes)::int = 1
SELECT id FROM account WHERE jsonb_array_length(attributes) > 0
SELECT a.id FROM account a, jsonb_array_elements(a.attributes) e
SELECT a.id FROM account a, jsonb_each(a.attributes) e
SELECT a.id FROM account a, jsonb_object_keys(a.attributes) e
SELECT id FROM account WHERE jsonb_set(attributes, '{x}', '1') IS NOT NULL
SELECT id FROM account WHERE attributes - 'n' IS NOT NULL
SELECT id FROM account WHERE attributes @@ '$.n > 5'
SELECT id FROM account WHERE jsonb_path_exists(attributes, 'strict $.n')
SELECT id FROM account WHERE jsonb_path_query_first(attributes, 'strict $[0].double()') IS NULL
SELECT id FROM account WHERE (labels[2])::int = 5
SELECT id FROM account WHERE array_fill(1, ARRAY[score::int]) IS NULL
SELECT id FROM account WHERE array_cat(ARRAY[[1]], ARRAY[score::int]) IS NULL
SELECT id FROM account WHERE array_position(labels, NULL) / (cardinality(labels) - 2) > 0
SELECT id FROM account WHERE 1 / cardinality(labels) > 0
SELECT id FROM account WHERE array_upper(labels, 1) / array_length(labels, 1) > 0
SELECT id FROM account WHERE trim_array(labels, 1) IS NULL
SELECT id FROM account WHERE (SELECT c.id FROM contact c WHERE c.owner_id IS NOT DISTINCT FROM account.owner_id) > 0
SELECT (SELECT c.id FROM contact c WHERE c.account_id >= a.id) FROM account a WHERE a.id = 48
SELECT id FROM account a WHERE id = (SELECT b.id FROM account b WHERE b.score = a.score)
SELECT (SELECT id FROM account WHERE score = 42)
SELECT (SELECT id FROM account WHERE owner_id IS NULL)
SELECT (SELECT 1 FROM contact WHERE note = '42')
SELECT ARRAY(SELECT 1 / score FROM account)
SELECT owner_id FROM account GROUP BY owner_id HAVING 1 / min(score) > -1
SELECT owner_id FROM account GROUP BY owner_id HAVING 1 / sum(amount) > -1
SELECT owner_id, sum(1 / score) FROM account GROUP BY owner_id
SELECT count(*) FILTER (WHERE 1 / score > 0) FROM account
SELECT 1 / score, count(*) FROM account GROUP BY 1 / score
SELECT sum(score) FROM account
SELECT sum(score)::bigint FROM account
SELECT sum(score::int) FROM account
SELECT avg(1 / amount) FROM account
SELECT string_agg((1 / score)::text, ',' ORDER BY 1 / score) FROM account
SELECT percentile_cont(1 / min(score)) WITHIN GROUP (ORDER BY id) FROM account
SELECT jsonb_object_agg(phone, id) FROM account
SELECT a.id FROM account a JOIN contact c ON 1 / a.score > -1 AND c.account_id = a.id
SELECT a.id FROM account a JOIN contact c ON c.account_id / a.score >= 0 ORDER BY 1
SELECT a.id FROM account a LEFT JOIN contact c ON c.note::int = a.id
SELECT p.id FROM product p LEFT JOIN account a ON a.id = p.id AND 1 / a.score > 0
SELECT p.id FROM product p LEFT JOIN account a ON 1 / (a.score - 42) = p.id
SELECT a.id FROM account a FULL JOIN contact c ON a.id = c.account_id WHERE 1 / a.score > -1 OR c.note::int > 0
SELECT a.id FROM account a JOIN account b ON b.id = a.id AND 1 / (a.score - b.score) > 0
SELECT p.id FROM product p WHERE p.id IN (SELECT 1 / score FROM account)
SELECT p.id FROM product p WHERE p.id NOT IN (SELECT 1 / score FROM account)
SELECT p.id FROM product p WHERE EXISTS (SELECT 1 FROM account a WHERE 1 / (a.score - p.id) > 0)
SELECT p.id FROM product p WHERE EXISTS (SELECT 1 / 0 FROM account a WHERE a.score = 42)
SELECT p.id FROM product p WHERE p.id = ANY (SELECT name::int FROM account)
SELECT p.id FROM product p WHERE p.id > ALL (SELECT 1 / score FROM account)
SELECT CASE WHEN EXISTS (SELECT 1 FROM account WHERE score = 42) THEN 1 / 0 ELSE 1 END
SELECT CASE WHEN (SELECT count(*) FROM account WHERE secret = 42) > 0 THEN 1 / 0 END
SELECT id FROM account ORDER BY 1 / score
SELECT id FROM account ORDER BY name::int
SELECT id FROM account ORDER BY id LIMIT (SELECT min(score) FROM account)
SELECT id FROM account ORDER BY id OFFSET (SELECT -count(*) FROM account WHERE score = 42)
SELECT id, sum(1 / score) OVER (ORDER BY id) FROM account
SELECT id, sum(id) OVER (ORDER BY id ROWS (SELECT min(score) FROM account) PRECEDING) FROM account
SELECT id, ntile((SELECT min(score)::int FROM account)) OVER (ORDER BY id) FROM account
SELECT id, lag(id, score::int) OVER (ORDER BY id) FROM account
SELECT id, nth_value(id, (score / score)::int) OVER (ORDER BY id) FROM account
SELECT id, sum(id) OVER (PARTITION BY 1 / score ORDER BY id) FROM account
SELECT id, count(*) OVER (ORDER BY opened RANGE BETWEEN '1 day' PRECEDING AND CURRENT ROW) FROM account
SELECT DISTINCT 1 / score FROM account
SELECT DISTINCT ON (1 / score) id FROM account ORDER BY 1 / score, id
SELECT id FROM account UNION SELECT 1 / score FROM account
SELECT 1 / score FROM account EXCEPT SELECT 1
WITH a AS (SELECT id, 1 / score AS x FROM account) SELECT id FROM a WHERE x >= 0
WITH a AS NOT MATERIALIZED (SELECT id, name::int AS x FROM account) SELECT id FROM a WHERE x > 0
WITH RECURSIVE t AS (SELECT id, score FROM account WHERE id = 8 UNION ALL SELECT a.id, a.score / t.score FROM account a JOIN t ON a.id = t.id + 8) SELECT * FROM t
SELECT x FROM (SELECT 1 / score AS x, id FROM account) s WHERE id > 0 AND x IS NOT NULL
SELECT x FROM (SELECT name::int AS x FROM account OFFSET 0) s WHERE x > 0
SELECT l.x FROM account a, LATERAL (SELECT 1 / a.score AS x) l WHERE l.x >= 0
SELECT l.x FROM product p, LATERAL (SELECT 1 / (a.score - p.id) AS x FROM account a) l WHERE l.x > 0
SELECT * FROM (VALUES ((SELECT 1 / min(score) FROM account))) v
SELECT id FROM account WHERE ROW(1 / score, id) > ROW(0, 0)
SELECT id FROM account WHERE (1 / score, id) IN (SELECT 1, 2)
SELECT id FROM account a WHERE (a).score / (a).score = 1
SELECT id FROM account a WHERE a::text LIKE '%42%'
SELECT id FROM account a WHERE row_to_json(a)::text::int > 0
SELECT id FROM account a WHERE a.* IS NULL AND 1 / a.score > 0
SELECT id FROM account a WHERE a > (SELECT b FROM account b ORDER BY id LIMIT 1)
SELECT id FROM contact WHERE note::int > 0
SELECT id FROM contact WHERE note::int = 42 AND owner_id = 104
SELECT id FROM contact WHERE 1 / (note::int - 42) IS NOT NULL
SELECT id FROM contact WHERE birthday + 100000 > birthday
SELECT id FROM contact WHERE extract(year FROM birthday)::int > 1980
SELECT id FROM contact WHERE email::int = 0
SELECT id FROM event WHERE 1 / size > 0
SELECT id FROM event WHERE size::int > 0
SELECT id FROM event WHERE sqrt(size - 1) > 0
SELECT id FROM event WHERE 'x' ~ kind
SELECT id FROM event_2025 WHERE 1 / size > 0
SELECT e.id FROM event e WHERE e.kind::int = 42
SELECT id FROM remark WHERE body::int = 0
SELECT id FROM remark_long WHERE extra::int = 0
SELECT id FROM remark WHERE 'x' LIKE body
SELECT id FROM ONLY remark WHERE 'x' LIKE body
SELECT n.id FROM name_lengths n WHERE 1 / n.letters > 0
SELECT n.id FROM account_names n WHERE n.name::int > 0
SELECT n.id FROM name_lengths n WHERE n.phone::numeric > 0
SELECT id FROM account WHERE phone::bigint > 0
SELECT id FROM account WHERE 1 / (right(phone, 5)::int) > 0
SELECT id FROM account WHERE phone = '13800000037' OR phone LIKE '1380000____'
SELECT max(phone), min(mobile), max(email) FROM account
SELECT id FROM account ORDER BY phone, id
SELECT id FROM account ORDER BY email, id
SELECT id FROM account ORDER BY mobile, amount, id
SELECT count(DISTINCT phone), count(DISTINCT email), count(mobile) FROM account
SELECT phone FROM account GROUP BY phone HAVING count(*) > 1
SELECT a.id, b.id FROM account a JOIN account b ON a.phone = b.phone ORDER BY 1, 2
SELECT a.id, b.id FROM account a JOIN account b ON a.mobile = b.mobile ORDER BY 1, 2
SELECT a.id FROM account a WHERE md5(a.email) < '8'
SELECT a.id FROM account a WHERE length(a.email) > 15
SELECT a.id FROM account a WHERE hashtext(a.mobile) > 0
SELECT secret FROM account
SELECT id FROM account WHERE secret = 42
SELECT (a).secret FROM account a
SELECT a.id FROM account a WHERE (row_to_json(a) ->> 'secret')::int = 42
SELECT id FROM account a WHERE to_jsonb(a) ->> 'secret' = '42'
SELECT a.id FROM account a JOIN account b USING (secret)
SELECT a.id FROM account a NATURAL JOIN account b
SELECT * FROM ledger WHERE 1 / total > 0
SELECT (SELECT count(*) FROM ledger)
SELECT id FROM account WHERE 1 / (SELECT count(*) FROM ledger) > 0
SELECT id FROM account FOR UPDATE
SELECT id FROM account WHERE 1 / score > -1 FOR UPDATE
SELECT pg_relation_size('account')
SELECT reltuples FROM pg_class WHERE relname = 'account'
SELECT pg_column_size(account.*) FROM account
SELECT query_to_xml('select * from crm.ledger', true, true, '')
SELECT has_table_privilege('ledger', 'select')
EXPLAIN SELECT * FROM account WHERE name = 'x'
EXPLAIN ANALYZE SELECT * FROM account
EXPLAIN SELECT 1 / score FROM account
COPY (SELECT 1 / score FROM account) TO STDOUT
COPY (SELECT name::int FROM account ORDER BY id) TO STDOUT
COPY account TO STDOUT
UPDATE account SET name = 'y' WHERE 1 / score > -1
UPDATE account SET name = 'y' WHERE name::int = 0
UPDATE account SET name = 'y' WHERE 1 / (score - 42) IS NOT NULL RETURNING id
UPDATE account SET name = (1 / score)::text
UPDATE account SET name = 'y' WHERE id > 0 RETURNING 1 / score
UPDATE account SET score = (SELECT max(note::int) FROM contact)
UPDATE account SET score = (SELECT c.id FROM contact c WHERE c.account_id > account.id)
UPDATE account SET name = c.name FROM contact c WHERE c.account_id = account.id AND c.note::int > 0
UPDATE account SET name = c.name FROM contact c WHERE c.account_id / account.score >= 0
UPDATE account SET name = 'y' WHERE EXISTS (SELECT 1 FROM contact c WHERE 1 / (account.score - c.id) > 0)
UPDATE account SET name = 'y' WHERE phone LIKE '13800%'
UPDATE account SET name = 'y' WHERE secret = 42
UPDATE account SET name = email WHERE email LIKE '%@%' RETURNING name
UPDATE account SET name = secret::text
UPDATE account SET score = score / (score - 42)
UPDATE account SET active = NOT active RETURNING id, active, phone
UPDATE contact SET note = (note::int + 1)::text
UPDATE contact SET name = 'z' WHERE note::int = 42
UPDATE event SET size = 1 / size
UPDATE event SET kind = 'x' WHERE 1 / size > 0
UPDATE remark SET body = 'z' WHERE 'x' LIKE body
DELETE FROM account WHERE 1 / score > -1
DELETE FROM account WHERE name::int = 0
DELETE FROM account RETURNING 1 / score
DELETE FROM account USING contact c WHERE c.account_id / account.score >= 0
DELETE FROM account WHERE id IN (SELECT 1 / score FROM account)
DELETE FROM contact WHERE note::int > 0
DELETE FROM contact WHERE 'x' ~ note RETURNING id
DELETE FROM event WHERE 1 / size > 0
DELETE FROM remark WHERE body::int = 0
DELETE FROM account WHERE secret = 42
DELETE FROM contact
DELETE FROM account
INSERT INTO contact (id, owner_id, name) SELECT 5000 + id, 104, (1 / score)::text FROM account
INSERT INTO contact (id, owner_id, name) SELECT 5000 + id, owner_id, note FROM contact WHERE note::int > 0
INSERT INTO contact (id, owner_id, name) VALUES (5000, 104, (SELECT name FROM account WHERE score = 42))
INSERT INTO contact (id, owner_id) VALUES (5001, 104) RETURNING (SELECT 1 / min(score) FROM account)
INSERT INTO contact (id, owner_id) VALUES (5002, 105)
INSERT INTO account (id, name, owner_id, department_id) VALUES (5003, 'x', 104, 21) ON CONFLICT DO NOTHING
INSERT INTO account (id, name, owner_id, department_id) VALUES (8, 'x', 104, 21) ON CONFLICT (id) DO UPDATE SET name = 'z' WHERE 1 / account.score > -1
INSERT INTO account (id, name, owner_id, department_id) VALUES (8, 'x', 104, 21) ON CONFLICT (id) DO UPDATE SET name = account.name || '!' RETURNING id, name, phone
WITH d AS (DELETE FROM contact RETURNING id, note) SELECT count(*), sum(note::int) FROM d
WITH u AS (UPDATE account SET name = 'q' RETURNING id, 1 / score AS x) SELECT * FROM u WHERE x > 0
UPDATE account SET name = 'y' WHERE 1 / (xmin::text::bigint - xmin::text::bigint + score) > -1
UPDATE account SET name = 'y' WHERE 1 / (score - 42) IS NOT NULL AND tableoid > 0
UPDATE account SET name = 'y' WHERE 1 / (tableoid::bigint - tableoid::bigint + (ctid IS NOT NULL)::int - 1) > 0 AND id < 0
DELETE FROM remark WHERE 1 / length(body) >= 0 AND tableoid = 'remark'::regclass
UPDATE account a SET name = 'y' WHERE a.secret = 42
UPDATE account a SET name = 'y' WHERE (SELECT secret) = 42
UPDATE account a SET name = 'y' WHERE (a).secret = 42
UPDATE account a SET name = 'y' WHERE EXISTS (SELECT 1 FROM contact c WHERE c.id = secret)
DELETE FROM account WHERE id IN (SELECT secret FROM contact)
DELETE FROM account WHERE account::text LIKE '%42%'
UPDATE account SET name = 'y' WHERE 1 / (id - 5) IS NOT NULL AND secret > 0
UPDATE account SET name = 'y' FROM product p WHERE p.id = secret
INSERT INTO account AS a (id, name, owner_id) VALUES (8, 'x', 104) ON CONFLICT (id) DO UPDATE SET name = 'z' WHERE a.secret = 42
INSERT INTO account AS a (id, name, owner_id) VALUES (8, 'x', 104) ON CONFLICT (id) DO UPDATE SET name = a.secret::text RETURNING name
UPDATE account SET name = 'y' RETURNING (SELECT secret)
UPDATE account SET (name, phone) = (SELECT secret::text, 'x')
SELECT id FROM account WHERE token > '00000000-0000-0000-0000-000000000005' AND 1 / score > -1
SELECT id FROM account WHERE opened BETWEEN seen AND seen
SELECT id FROM account WHERE opened = seen OR opened > TIMESTAMP '2024-01-01'
SELECT id FROM account WHERE coalesce(seen, opened) > now()
SELECT id FROM account WHERE greatest(seen, opened) > TIMESTAMPTZ '2024-01-01'
SELECT id FROM account WHERE seen IN (opened, now())
SELECT id FROM account WHERE opened::timestamptz > now()
SELECT id FROM account WHERE opened::timestamp IS NOT NULL
SELECT id FROM account WHERE CASE WHEN active THEN seen ELSE opened END IS NOT NULL
SELECT id FROM account WHERE seen AT TIME ZONE 'Asia/Shanghai' > '2020-01-01'
SELECT id FROM account WHERE seen::timestamp > '2020-01-01'
SELECT id FROM account WHERE seen + INTERVAL '1 day' > now()
SELECT id FROM account WHERE seen::date > '2020-01-01' AND seen::time > '01:00'
SELECT id FROM account WHERE date_trunc('day', seen) > now()
SELECT id FROM account WHERE date_trunc('day', seen, 'Asia/Shanghai') > now()
SELECT id FROM account WHERE date_trunc('month', opened) > now()
SELECT id FROM account WHERE extract(epoch FROM seen) > 0 AND extract(doy FROM opened) > 0
SELECT id FROM account WHERE to_char(opened, 'YYYY-MM') = '2024-05'
SELECT id FROM account WHERE to_char(seen, 'YYYY-MM TZ') = '2024-05'
SELECT id FROM account WHERE to_char(amount, name) = ''
SELECT id FROM account WHERE to_char(opened, name) = ''
SELECT id FROM account WHERE format(name, 1) = ''
SELECT id FROM account WHERE format('%s', name) = ''
SELECT id FROM account WHERE labels[score] = 'x'
SELECT id FROM account WHERE labels[id:score] IS NULL
SELECT id FROM account WHERE attributes[score] IS NULL
SELECT id FROM account WHERE attributes[id] IS NULL
SELECT id FROM account WHERE (attributes || '{"a": 1}') IS NOT NULL
SELECT id FROM account WHERE (attributes -> 'n')::bool
SELECT id FROM account WHERE name::bytea IS NOT NULL
SELECT id FROM account WHERE name::bit(3) IS NOT NULL
SELECT id FROM account WHERE amount::money > 0::money
SELECT id FROM account WHERE width_bucket(amount, 0, amount, 5) > 0
SELECT id FROM account WHERE gcd(score, 0) > 0
SELECT id FROM account WHERE lcm(score, 7) > 0
SELECT id FROM account WHERE div(amount, score) > 0
SELECT id FROM account WHERE daterange(opened, DATE '2024-05-01') IS NOT NULL
SELECT id FROM account WHERE int8range(score, 50) IS NOT NULL
SELECT id FROM account WHERE int8range(score, score, '[]') IS NOT NULL
SELECT id FROM account WHERE score BETWEEN -score AND score
SELECT id FROM account WHERE score IN (1, id / score)
SELECT id FROM account WHERE score IS DISTINCT FROM 1 / score
SELECT id FROM account WHERE name < ALL (string_to_array(name, '')::int[]::text[])
SELECT id FROM account WHERE (name || '')::int = 1 IS TRUE
SELECT id FROM account WHERE NOT (1 / score > 0) IS NULL
SELECT id FROM account WHERE (1 / score)::bool IS NOT FALSE
SELECT id FROM account WHERE lpad(name, length(name) - 2000000000) = ''
SELECT id FROM account WHERE overlay(name PLACING 'x' FROM score::int) = ''
SELECT id FROM account WHERE split_part(name, 'x', length(name)) = ''
SELECT id FROM account WHERE split_part(name, 'x', id - id) = ''
SELECT id FROM account WHERE set_byte(name::bytea, 0, 0) IS NOT NULL
SELECT id FROM account WHERE get_byte(sha256('x'), length(name) * 10) > 0
SELECT id FROM account WHERE encode(name::bytea, name) = ''
SELECT id FROM account WHERE regexp_count(name, name) > 0
SELECT id FROM account WHERE regexp_split_to_array('x', name) IS NULL
SELECT id FROM account WHERE name ~* name OR name !~ name
SELECT id FROM account WHERE name ^@ 'x' AND starts_with(name, name)
SELECT id FROM account WHERE normalize(name, NFC) = name AND name IS NORMALIZED
SELECT id FROM account WHERE unistr(name) = ''
SELECT id FROM account WHERE quote_ident(name) = name AND quote_literal(name) = name
SELECT id FROM account WHERE parse_ident(name) IS NULL
SELECT id FROM account WHERE to_regclass(name) IS NULL
SELECT id FROM account WHERE makeaclitem(score::oid, 1, name, true) IS NULL
SELECT id FROM account WHERE has_table_privilege(name, 'select')
SELECT id FROM account WHERE current_setting(name) = ''
SELECT id FROM account WHERE current_setting(name, true) = 'on'
SELECT id FROM account WHERE pg_input_is_valid(name, 'int4')
SELECT id FROM account WHERE json_build_object(name, 1, name, 2) IS NOT NULL
SELECT id FROM account WHERE json_object(labels) IS NOT NULL
SELECT id FROM account WHERE jsonb_object(labels) IS NOT NULL
SELECT id FROM account WHERE json_object(ARRAY[phone, '1']) IS NOT NULL
SELECT id FROM account WHERE jsonb_build_object(phone, 1) IS NOT NULL
SELECT id FROM account WHERE jsonb_insert(attributes, '{n}', '0') IS NOT NULL
SELECT id FROM account WHERE attributes #- '{n}' IS NOT NULL
SELECT id FROM account WHERE jsonb_populate_record(NULL::crm.product, attributes) IS NULL
SELECT a.id FROM account a, jsonb_to_record(a.attributes) AS r (n int)
SELECT a.id FROM account a, jsonb_to_recordset(a.attributes) AS r (n int)
SELECT id FROM account WHERE jsonb_path_query_array(attributes, 'strict $.list[*]') IS NULL
SELECT id FROM account WHERE attributes @? 'strict $.n.x'
SELECT id FROM account WHERE name = ANY (labels) AND name::jsonb ? 'x'
SELECT id FROM account WHERE (labels)::int[] IS NOT NULL
SELECT id FROM account WHERE array_append(labels, name)::int[] IS NOT NULL
SELECT id FROM account WHERE labels || ARRAY[ARRAY['x']] IS NOT NULL
SELECT id FROM account WHERE array_prepend('x', labels) IS NOT NULL
SELECT id FROM account WHERE array_to_string(labels, ',')::int > 0
SELECT id FROM contact WHERE weight > 5::float8
SELECT id FROM contact WHERE weight::float8 > 5
SELECT id FROM contact WHERE weight = ANY (ARRAY[1.5::float8])
SELECT c.id FROM contact c JOIN event e ON e.size = c.weight
SELECT c.id FROM contact c WHERE c.weight IN (SELECT size FROM event)
SELECT c.id FROM contact c WHERE coalesce(c.weight, 1::float8) > 0
SELECT id FROM contact WHERE weight * weight > 0
SELECT id FROM contact WHERE weight::int > 0
SELECT id FROM contact WHERE weight ^ 2 > 0 AND |/ weight > 0
SELECT id FROM contact WHERE birthday > TIMESTAMP '1980-01-01'
SELECT id FROM contact WHERE birthday::timestamp > '1980-01-01'
SELECT * FROM (SELECT id, name FROM account UNION ALL SELECT id::int, note FROM contact) u WHERE name::int > 0
SELECT * FROM (SELECT name FROM account UNION SELECT note FROM contact) u WHERE name::int > 0
SELECT * FROM (SELECT name FROM account EXCEPT SELECT 'x') u WHERE name::int > 0
SELECT * FROM (SELECT name FROM account INTERSECT SELECT name FROM account) u WHERE name::int > 0
SELECT * FROM (SELECT DISTINCT name FROM account) u WHERE name::int > 0
SELECT * FROM (SELECT DISTINCT ON (name) name, id FROM account ORDER BY name, id) u WHERE name::int > 0
SELECT * FROM (SELECT name, count(*) FROM account GROUP BY name) u WHERE name::int > 0
SELECT * FROM (SELECT name, count(*) OVER (PARTITION BY name) FROM account) u WHERE name::int > 0
SELECT * FROM (SELECT name, row_number() OVER (ORDER BY id) AS r FROM account) u WHERE r < 3 AND name::int > 0
SELECT * FROM (SELECT name, id FROM account ORDER BY id) u WHERE 1 / length(name) >= 0
SELECT * FROM (SELECT * FROM (SELECT id, score AS s FROM account) x) y WHERE 1 / s >= 0
SELECT y.s FROM (SELECT score AS s FROM account) y GROUP BY y.s HAVING 1 / y.s >= 0
WITH a AS (SELECT score AS s FROM account), b AS (SELECT s AS t FROM a) SELECT t FROM b WHERE 1 / t >= 0
SELECT p.id FROM product p JOIN (SELECT id, score AS s FROM account) a ON a.id = p.id AND 1 / a.s >= 0
SELECT p.id FROM product p LEFT JOIN LATERAL (SELECT score AS s FROM account WHERE id = p.id) a ON 1 / a.s >= 0
SELECT a.id FROM (account a JOIN product p USING (id)) WHERE 1 / score >= 0
SELECT j.id FROM (account a JOIN product p USING (id)) j WHERE 1 / j.score >= 0
SELECT x.s FROM account AS x (i, n, p, e, m, o, d, a, s) WHERE 1 / x.s >= 0
SELECT id FROM account TABLESAMPLE SYSTEM (100) WHERE 1 / score >= 0
SELECT id FROM account TABLESAMPLE SYSTEM ((SELECT count(*) FROM account)) WHERE active
SELECT * FROM ratios WHERE id = 8
SELECT * FROM ratios WHERE ratio > 1
SELECT id FROM ratios WHERE n > 5
SELECT r.id FROM ratios r JOIN product p ON p.id = r.ratio
SELECT max(ratio) FROM ratios
SELECT id FROM ratios ORDER BY ratio, id
SELECT * FROM rated
SELECT count(*) FROM rated WHERE name LIKE 'a%'
SELECT r.id FROM rated r JOIN account a ON a.id = r.id
SELECT id FROM rated UNION SELECT id FROM ratios WHERE ratio = 0
SELECT count(*) FROM pg_stats
SELECT most_common_vals FROM pg_stats WHERE tablename = 'account'
SELECT stanumbers1 FROM pg_statistic
SELECT n_live_tup FROM pg_stat_user_tables
SELECT relpages FROM pg_class WHERE relname = 'account'
SELECT c.reltuples FROM pg_catalog.pg_class c ORDER BY c.relname LIMIT 500
SELECT pg_total_relation_size('crm.account')
SELECT pg_stat_get_live_tuples('crm.account'::regclass)
SELECT to_json(c) FROM pg_class c WHERE c.relname = 'account'
SELECT c FROM pg_class c WHERE c.relname = 'account'
SELECT a.attstattarget FROM pg_attribute a WHERE a.attrelid = 'crm.account'::regclass AND a.attnum = 1
SELECT database_to_xml(true, true, '')
SELECT pg_get_viewdef('crm.rated'::regclass)
SELECT lo_get(1)
SELECT pg_read_file('PG_VERSION')
SELECT currval('crm.x')
MERGE INTO account a USING product p ON p.id = a.id WHEN MATCHED AND 1 / a.score > 0 THEN UPDATE SET name = 'm'
DO $$ BEGIN PERFORM 1 / min(score) FROM crm.account; END $$
CREATE TEMP TABLE t AS SELECT * FROM account
SELECT * INTO TEMP t FROM account
TABLE ledger
LOCK TABLE account
ANALYZE account
