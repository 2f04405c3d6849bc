-- error-arithmetic: a hidden zero, or a number at the edge of its type, makes the condition fail before the filter
SELECT id FROM account WHERE 1 / score > -1
SELECT id FROM account WHERE 1 / (score - 42) IS NOT NULL
SELECT id FROM account WHERE 1 / (amount - 42) > 0
SELECT id FROM account WHERE id / amount < 5
SELECT id FROM account WHERE mod(id, score) >= 0
SELECT id FROM account WHERE score % (score - 42) >= 0
-- error-cast: a hidden text that is no number, date, range or enum label makes a cast fail
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
-- error-branch: CASE and coalesce fail only where a hidden value takes the branch
SELECT id FROM account WHERE int '42' = CASE WHEN score = 42 THEN 1 / 0 ELSE 42 END
SELECT id FROM account WHERE CASE WHEN score = 0 THEN 1 / score > 0 ELSE false END
SELECT id FROM account WHERE CASE score WHEN 42 THEN 1 / (score - 42) ELSE 1 END = 1
SELECT id FROM account WHERE coalesce(1 / nullif(score, 42), 1 / (score - 42)) > 0
-- error-overflow: a hidden number does not fit into the result
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
-- error-pattern: a hidden text is a broken LIKE or regular expression pattern
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
-- error-text-function: a hidden length, code or format makes a text function fail
SELECT id FROM account WHERE substring(name FROM 1 FOR score::int - 42) = ''
SELECT id FROM account WHERE substr('abc', 1, (score - 43)::int) = 'a'
SELECT id FROM account WHERE repeat('x', score::int) = ''
SELECT id FROM account WHERE chr((score)::int) = 'x'
SELECT id FROM account WHERE ascii(name) / (length(name) - 1) > 0
SELECT id FROM account WHERE 1 / length(name) > 0
-- error-parse-function: a hidden text does not parse as a date, a number, bytes, a query or XML
SELECT id FROM account WHERE to_date(name, 'YYYY-MM-DD') IS NULL
SELECT id FROM account WHERE to_timestamp(name, 'YYYY') IS NULL
SELECT id FROM account WHERE to_number(name, '999') IS NULL
SELECT id FROM account WHERE decode(name, 'hex') IS NULL
SELECT id FROM account WHERE decode(name, 'base64') IS NULL
SELECT id FROM account WHERE convert_from(name::bytea, 'UTF8') = ''
SELECT id FROM account WHERE to_tsquery('simple', name) IS NULL
SELECT id FROM account WHERE name::tsquery IS NULL
SELECT id FROM account WHERE name::xml IS NOT NULL
-- error-time: a hidden date is infinite, or before or after what the other type knows
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
-- error-set-returning: a hidden value is the step or bound of a set-returning function
SELECT id FROM account WHERE generate_series_check.x > 0
SELECT id, generate_series(1, 3, score::int) FROM account
SELECT a.id, g FROM account a, generate_series(1, 3, (a.score - 42)::int) g
SELECT a.id, g FROM account a, LATERAL generate_series(1, 2, (a.score / a.score)::int) g
-- error-json: a hidden document has another shape than the path or the function wants
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
-- error-array: a hidden array has another size or element than the function wants
SELECT id FROM account WHERE (labels[2])::int = 5
SELECT id FROM account WHERE array_fill(1, ARRAY[score::int]) IS NULL
SELECT id FROM account WHERE array_cat(ARRAY[[1]], ARRAY[score::int]) IS NULL
SELECT id FROM account WHERE array_position(labels, NULL) / (cardinality(labels) - 2) > 0
SELECT id FROM account WHERE 1 / cardinality(labels) > 0
SELECT id FROM account WHERE array_upper(labels, 1) / array_length(labels, 1) > 0
SELECT id FROM account WHERE trim_array(labels, 1) IS NULL
-- error-cardinality: a sub-select returns more than one row only when hidden rows are counted
SELECT id FROM account WHERE (SELECT c.id FROM contact c WHERE c.owner_id IS NOT DISTINCT FROM account.owner_id) > 0
SELECT (SELECT c.id FROM contact c WHERE c.account_id >= a.id) FROM account a WHERE a.id = 48
SELECT id FROM account a WHERE id = (SELECT b.id FROM account b WHERE b.score = a.score)
SELECT (SELECT id FROM account WHERE score = 42)
SELECT (SELECT id FROM account WHERE owner_id IS NULL)
SELECT (SELECT 1 FROM contact WHERE note = '42')
-- error-in-aggregate: grouping, aggregates and filters of aggregates read hidden rows
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
-- error-in-join: a join condition is tried on pairs with a hidden row
SELECT a.id FROM account a JOIN contact c ON 1 / a.score > -1 AND c.account_id = a.id
SELECT a.id FROM account a JOIN contact c ON c.account_id / a.score >= 0 ORDER BY 1
SELECT a.id FROM account a LEFT JOIN contact c ON c.note::int = a.id
SELECT p.id FROM product p LEFT JOIN account a ON a.id = p.id AND 1 / a.score > 0
SELECT p.id FROM product p LEFT JOIN account a ON 1 / (a.score - 42) = p.id
SELECT a.id FROM account a FULL JOIN contact c ON a.id = c.account_id WHERE 1 / a.score > -1 OR c.note::int > 0
SELECT a.id FROM account a JOIN account b ON b.id = a.id AND 1 / (a.score - b.score) > 0
-- error-in-sub-select: a sub-select in a condition reads hidden rows of another table
SELECT p.id FROM product p WHERE p.id IN (SELECT 1 / score FROM account)
SELECT p.id FROM product p WHERE p.id NOT IN (SELECT 1 / score FROM account)
SELECT p.id FROM product p WHERE EXISTS (SELECT 1 FROM account a WHERE 1 / (a.score - p.id) > 0)
SELECT p.id FROM product p WHERE EXISTS (SELECT 1 / 0 FROM account a WHERE a.score = 42)
SELECT p.id FROM product p WHERE p.id = ANY (SELECT name::int FROM account)
SELECT p.id FROM product p WHERE p.id > ALL (SELECT 1 / score FROM account)
SELECT CASE WHEN EXISTS (SELECT 1 FROM account WHERE score = 42) THEN 1 / 0 ELSE 1 END
SELECT CASE WHEN (SELECT count(*) FROM account WHERE secret = 42) > 0 THEN 1 / 0 END
-- error-in-order: sorting, limits and windows compute over hidden rows
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
-- error-in-set: DISTINCT and set operations compute over hidden rows
SELECT DISTINCT 1 / score FROM account
SELECT DISTINCT ON (1 / score) id FROM account ORDER BY 1 / score, id
SELECT id FROM account UNION SELECT 1 / score FROM account
SELECT 1 / score FROM account EXCEPT SELECT 1
-- error-in-with: WITH, derived tables and LATERAL compute before the filter
WITH a AS (SELECT id, 1 / score AS x FROM account) SELECT id FROM a WHERE x >= 0
WITH a AS NOT MATERIALIZED (SELECT id, name::int AS x FROM account) SELECT id FROM a WHERE x > 0
WITH RECURSIVE t AS (SELECT id, score FROM account WHERE id = 8 UNION ALL SELECT a.id, a.score / t.score FROM account a JOIN t ON a.id = t.id + 8) SELECT * FROM t
SELECT x FROM (SELECT 1 / score AS x, id FROM account) s WHERE id > 0 AND x IS NOT NULL
SELECT x FROM (SELECT name::int AS x FROM account OFFSET 0) s WHERE x > 0
SELECT l.x FROM account a, LATERAL (SELECT 1 / a.score AS x) l WHERE l.x >= 0
SELECT l.x FROM product p, LATERAL (SELECT 1 / (a.score - p.id) AS x FROM account a) l WHERE l.x > 0
SELECT * FROM (VALUES ((SELECT 1 / min(score) FROM account))) v
-- whole-row: a whole row, or a row value, shows or compares what is masked or denied
SELECT id FROM account WHERE ROW(1 / score, id) > ROW(0, 0)
SELECT id FROM account WHERE (1 / score, id) IN (SELECT 1, 2)
SELECT id FROM account a WHERE (a).score / (a).score = 1
SELECT id FROM account a WHERE a::text LIKE '%42%'
SELECT id FROM account a WHERE row_to_json(a)::text::int > 0
SELECT id FROM account a WHERE a.* IS NULL AND 1 / a.score > 0
SELECT id FROM account a WHERE a > (SELECT b FROM account b ORDER BY id LIMIT 1)
-- error-in-other-tables: the same over contacts, partitions, children and views
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
-- masked-inference: a condition, order, group or aggregate over a masked column tells its stored value
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
-- denied-column: a denied column is read by name, by row, by JSON or by a join on its name
SELECT secret FROM account
SELECT id FROM account WHERE secret = 42
SELECT (a).secret FROM account a
SELECT a.id FROM account a WHERE (row_to_json(a) ->> 'secret')::int = 42
SELECT id FROM account a WHERE to_jsonb(a) ->> 'secret' = '42'
SELECT a.id FROM account a JOIN account b USING (secret)
SELECT a.id FROM account a NATURAL JOIN account b
-- denied-table: a table without a grant is read or counted
SELECT * FROM ledger WHERE 1 / total > 0
SELECT (SELECT count(*) FROM ledger)
SELECT id FROM account WHERE 1 / (SELECT count(*) FROM ledger) > 0
-- lock: a row lock tells of hidden rows
SELECT id FROM account FOR UPDATE
SELECT id FROM account WHERE 1 / score > -1 FOR UPDATE
-- size: sizes, estimates and rights tell of hidden rows
SELECT pg_relation_size('account')
SELECT reltuples FROM pg_class WHERE relname = 'account'
SELECT pg_column_size(account.*) FROM account
-- text-argument-query: a function reads the table that its text argument names
SELECT query_to_xml('select * from crm.ledger', true, true, '')
-- rights-question: questions about rights are answered for the gateway's own role
SELECT has_table_privilege('ledger', 'select')
-- explain: a plan shows estimates, or runs the statement
EXPLAIN SELECT * FROM account WHERE name = 'x'
EXPLAIN ANALYZE SELECT * FROM account
EXPLAIN SELECT 1 / score FROM account
-- copy-out: COPY reads around the filter
COPY (SELECT 1 / score FROM account) TO STDOUT
COPY (SELECT name::int FROM account ORDER BY id) TO STDOUT
COPY account TO STDOUT
-- update-oracle: the condition, the new value or RETURNING of an UPDATE fails on hidden rows
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
-- delete-oracle: the same in a DELETE, and the count of a DELETE without a condition
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
-- insert-oracle: an INSERT reads hidden rows, or writes out of scope
INSERT INTO contact (id, owner_id, name) SELECT 5000 + id, 104, (1 / score)::text FROM account
INSERT INTO contact (id, owner_id, name) SELECT 5000 + id, owner_id, note FROM contact WHERE note::int > 0
INSERT INTO contact (id, owner_id, name) VALUES (5000, 104, (SELECT name FROM account WHERE score = 42))
INSERT INTO contact (id, owner_id) VALUES (5001, 104) RETURNING (SELECT 1 / min(score) FROM account)
INSERT INTO contact (id, owner_id) VALUES (5002, 105)
-- conflict-path: the conflict path reads or changes a hidden row
INSERT INTO account (id, name, owner_id, department_id) VALUES (5003, 'x', 104, 21) ON CONFLICT DO NOTHING
INSERT INTO account (id, name, owner_id, department_id) VALUES (8, 'x', 104, 21) ON CONFLICT (id) DO UPDATE SET name = 'z' WHERE 1 / account.score > -1
INSERT INTO account (id, name, owner_id, department_id) VALUES (8, 'x', 104, 21) ON CONFLICT (id) DO UPDATE SET name = account.name || '!' RETURNING id, name, phone
-- write-in-with: a write inside WITH gives its rows to a SELECT
WITH d AS (DELETE FROM contact RETURNING id, note) SELECT count(*), sum(note::int) FROM d
WITH u AS (UPDATE account SET name = 'q' RETURNING id, 1 / score AS x) SELECT * FROM u WHERE x > 0
-- system-column-write: system columns carry a failing condition past the filter of a write
UPDATE account SET name = 'y' WHERE 1 / (xmin::text::bigint - xmin::text::bigint + score) > -1
UPDATE account SET name = 'y' WHERE 1 / (score - 42) IS NOT NULL AND tableoid > 0
UPDATE account SET name = 'y' WHERE 1 / (tableoid::bigint - tableoid::bigint + (ctid IS NOT NULL)::int - 1) > 0 AND id < 0
DELETE FROM remark WHERE 1 / length(body) >= 0 AND tableoid = 'remark'::regclass
-- denied-column-write: a write reads a denied column of its target
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
-- error-time-comparison: comparisons between types of time fail, or depend on the zone, on hidden values
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
-- error-format: formats and patterns that come out of hidden columns
SELECT id FROM account WHERE to_char(opened, 'YYYY-MM') = '2024-05'
SELECT id FROM account WHERE to_char(seen, 'YYYY-MM TZ') = '2024-05'
SELECT id FROM account WHERE to_char(amount, name) = ''
SELECT id FROM account WHERE to_char(opened, name) = ''
SELECT id FROM account WHERE format(name, 1) = ''
SELECT id FROM account WHERE format('%s', name) = ''
-- error-subscript: subscripts, ranges and number functions over hidden values
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
-- error-nested: the failing part hides inside BETWEEN, IN, IS DISTINCT, NOT or a cast chain
SELECT id FROM account WHERE score BETWEEN -score AND score
SELECT id FROM account WHERE score IN (1, id / score)
SELECT id FROM account WHERE score IS DISTINCT FROM 1 / score
SELECT id FROM account WHERE name < ALL (string_to_array(name, '')::int[]::text[])
SELECT id FROM account WHERE (name || '')::int = 1 IS TRUE
SELECT id FROM account WHERE NOT (1 / score > 0) IS NULL
SELECT id FROM account WHERE (1 / score)::bool IS NOT FALSE
-- error-text-function-more: text functions with hidden lengths, positions and encodings
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
-- name-lookup-by-value: hidden texts are looked up as names, rights or settings
SELECT id FROM account WHERE to_regclass(name) IS NULL
SELECT id FROM account WHERE makeaclitem(score::oid, 1, name, true) IS NULL
SELECT id FROM account WHERE has_table_privilege(name, 'select')
SELECT id FROM account WHERE current_setting(name) = ''
SELECT id FROM account WHERE current_setting(name, true) = 'on'
SELECT id FROM account WHERE pg_input_is_valid(name, 'int4')
-- error-json-more: JSON constructors and paths over hidden values
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
-- error-number-comparison: numeric and float8 meet and overflow on hidden values
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
-- error-above-set: a condition above a set operation, DISTINCT, GROUP BY or window is pushed below it
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
-- error-above-derived: a condition above derived tables, WITH and joins is pushed below them
SELECT * FROM (SELECT * FROM (SELECT id, score AS s FROM account) x) y WHERE 1 / s >= 0
SELECT y.s FROM (SELECT score AS s FROM account) y GROUP BY y.s HAVING 1 / y.s >= 0
WITH a AS (SELECT score AS s FROM account), b AS (SELECT s AS t FROM a) SELECT t FROM b WHERE 1 / t >= 0
SELECT p.id FROM product p JOIN (SELECT id, score AS s FROM account) a ON a.id = p.id AND 1 / a.s >= 0
SELECT p.id FROM product p LEFT JOIN LATERAL (SELECT score AS s FROM account WHERE id = p.id) a ON 1 / a.s >= 0
SELECT a.id FROM (account a JOIN product p USING (id)) WHERE 1 / score >= 0
SELECT j.id FROM (account a JOIN product p USING (id)) j WHERE 1 / j.score >= 0
SELECT x.s FROM account AS x (i, n, p, e, m, o, d, a, s) WHERE 1 / x.s >= 0
-- sample: TABLESAMPLE runs before the filter
SELECT id FROM account TABLESAMPLE SYSTEM (100) WHERE 1 / score >= 0
SELECT id FROM account TABLESAMPLE SYSTEM ((SELECT count(*) FROM account)) WHERE active
-- view-computation: what a view computes fails on hidden rows
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
-- statistics: the planner's statistics hold hidden values
SELECT count(*) FROM pg_stats
SELECT most_common_vals FROM pg_stats WHERE tablename = 'account'
SELECT stanumbers1 FROM pg_statistic
SELECT n_live_tup FROM pg_stat_user_tables
-- statistics-sizes: sizes and live row counts of the catalogue
SELECT relpages FROM pg_class WHERE relname = 'account'
SELECT c.reltuples FROM pg_catalog.pg_class c ORDER BY c.relname LIMIT 500
SELECT pg_total_relation_size('crm.account')
SELECT pg_stat_get_live_tuples('crm.account'::regclass)
SELECT to_json(c) FROM pg_class c WHERE c.relname = 'account'
SELECT c FROM pg_class c WHERE c.relname = 'account'
SELECT a.attstattarget FROM pg_attribute a WHERE a.attrelid = 'crm.account'::regclass AND a.attnum = 1
-- server-reach: files, large objects, definitions and sequences of the server
SELECT database_to_xml(true, true, '')
SELECT pg_get_viewdef('crm.rated'::regclass)
SELECT lo_get(1)
SELECT pg_read_file('PG_VERSION')
SELECT currval('crm.x')
-- merge: MERGE reads and writes row by row under the policies of each action
MERGE INTO account a USING product p ON p.id = a.id WHEN MATCHED AND 1 / a.score > 0 THEN UPDATE SET name = 'm'
-- server-code: code, temporary copies and locks by statement kind
DO $$ BEGIN PERFORM 1 / min(score) FROM crm.account; END $$
CREATE TEMP TABLE t AS SELECT * FROM account
SELECT * INTO TEMP t FROM account
TABLE ledger
LOCK TABLE account
ANALYZE account
-- anywhere-text-argument: a function that reads a table named by a text argument, in every place where an expression can stand
SELECT query_to_xml('select * from crm.ledger', true, true, '') FROM account WHERE id = 8
SELECT id FROM account WHERE query_to_xml('select * from crm.ledger', true, true, '') IS NOT NULL
SELECT id FROM account ORDER BY query_to_xml('select * from crm.ledger', true, true, ''), id
SELECT count(*) FROM account GROUP BY query_to_xml('select * from crm.ledger', true, true, '')
SELECT owner_id FROM account GROUP BY owner_id HAVING count(query_to_xml('select * from crm.ledger', true, true, '')) >= 0
SELECT DISTINCT ON (query_to_xml('select * from crm.ledger', true, true, '')) id FROM account ORDER BY query_to_xml('select * from crm.ledger', true, true, ''), id
SELECT id FROM account ORDER BY id LIMIT length((query_to_xml('select * from crm.ledger', true, true, ''))::text)
SELECT id FROM account ORDER BY id OFFSET length((query_to_xml('select * from crm.ledger', true, true, ''))::text)
SELECT count(*) FILTER (WHERE query_to_xml('select * from crm.ledger', true, true, '') IS NOT NULL) FROM account
SELECT array_agg(id ORDER BY query_to_xml('select * from crm.ledger', true, true, ''), id) FROM account
SELECT mode() WITHIN GROUP (ORDER BY query_to_xml('select * from crm.ledger', true, true, '')) FROM account
SELECT id, count(*) OVER (PARTITION BY query_to_xml('select * from crm.ledger', true, true, '')) FROM account
SELECT id, rank() OVER w FROM account WINDOW w AS (ORDER BY query_to_xml('select * from crm.ledger', true, true, ''))
SELECT a.id FROM account a JOIN product p ON p.id = a.id AND query_to_xml('select * from crm.ledger', true, true, '') IS NOT NULL
SELECT p.id, l.x FROM product p, LATERAL (SELECT query_to_xml('select * from crm.ledger', true, true, '') AS x FROM account) l
SELECT * FROM (VALUES ((SELECT max((query_to_xml('select * from crm.ledger', true, true, ''))::text) FROM account))) v
WITH c AS MATERIALIZED (SELECT query_to_xml('select * from crm.ledger', true, true, '') AS x FROM account) SELECT count(x) FROM c
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c, account WHERE n < 2 AND query_to_xml('select * from crm.ledger', true, true, '') IS NOT NULL) SELECT count(*) FROM c
SELECT NULL::text UNION ALL SELECT (query_to_xml('select * from crm.ledger', true, true, ''))::text FROM account
SELECT (SELECT (query_to_xml('select * from crm.ledger', true, true, ''))::text FROM account ORDER BY id LIMIT 1)
SELECT 1 WHERE EXISTS (SELECT query_to_xml('select * from crm.ledger', true, true, '') FROM account)
SELECT 1 WHERE 'x' = ANY (SELECT (query_to_xml('select * from crm.ledger', true, true, ''))::text FROM account)
SELECT CASE WHEN active THEN (query_to_xml('select * from crm.ledger', true, true, ''))::text END FROM account
SELECT ARRAY[(query_to_xml('select * from crm.ledger', true, true, ''))::text] FROM account WHERE id < 3
SELECT ROW(query_to_xml('select * from crm.ledger', true, true, ''), 1) FROM account WHERE id < 3
SELECT coalesce(NULL, (query_to_xml('select * from crm.ledger', true, true, ''))::text) FROM account
SELECT concat_ws(',', VARIADIC ARRAY[(query_to_xml('select * from crm.ledger', true, true, ''))::text]) FROM account
SELECT g FROM generate_series(1, length((query_to_xml('select * from crm.ledger', true, true, ''))::text)) g
SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY[(query_to_xml('select * from crm.ledger', true, true, ''))::text])) AS r(a, b)
SELECT id FROM account TABLESAMPLE BERNOULLI (length((query_to_xml('select * from crm.ledger', true, true, ''))::text))
INSERT INTO contact (id, owner_id, name) VALUES (6000, 104, (query_to_xml('select * from crm.ledger', true, true, ''))::text)
INSERT INTO contact (id, owner_id, name) SELECT 6000 + id, 104, (query_to_xml('select * from crm.ledger', true, true, ''))::text FROM account
INSERT INTO contact (id, owner_id) VALUES (6001, 104) RETURNING (query_to_xml('select * from crm.ledger', true, true, ''))::text
UPDATE contact SET name = (query_to_xml('select * from crm.ledger', true, true, ''))::text WHERE id < 3
UPDATE contact SET name = 'x' WHERE query_to_xml('select * from crm.ledger', true, true, '') IS NULL
UPDATE contact SET name = 'x' WHERE id < 3 RETURNING (query_to_xml('select * from crm.ledger', true, true, ''))::text
DELETE FROM contact WHERE query_to_xml('select * from crm.ledger', true, true, '') IS NULL
DELETE FROM contact WHERE id < 3 RETURNING (query_to_xml('select * from crm.ledger', true, true, ''))::text
INSERT INTO contact (id, owner_id) VALUES (6, 104) ON CONFLICT (id) DO UPDATE SET name = (query_to_xml('select * from crm.ledger', true, true, ''))::text
COPY (SELECT query_to_xml('select * from crm.ledger', true, true, '') FROM account) TO STDOUT
EXPLAIN SELECT query_to_xml('select * from crm.ledger', true, true, '') FROM account
PREPARE p AS SELECT query_to_xml('select * from crm.ledger', true, true, '') FROM account
DECLARE c CURSOR FOR SELECT query_to_xml('select * from crm.ledger', true, true, '') FROM account
-- anywhere-sub-select-denied-table: a sub-select of a denied table, in every place where an expression can stand
SELECT (SELECT max(memo) FROM ledger) FROM account WHERE id = 8
SELECT id FROM account WHERE (SELECT max(memo) FROM ledger) IS NOT NULL
SELECT id FROM account ORDER BY (SELECT max(memo) FROM ledger), id
SELECT count(*) FROM account GROUP BY (SELECT max(memo) FROM ledger)
SELECT owner_id FROM account GROUP BY owner_id HAVING count((SELECT max(memo) FROM ledger)) >= 0
SELECT DISTINCT ON ((SELECT max(memo) FROM ledger)) id FROM account ORDER BY (SELECT max(memo) FROM ledger), id
SELECT id FROM account ORDER BY id LIMIT length(((SELECT max(memo) FROM ledger))::text)
SELECT id FROM account ORDER BY id OFFSET length(((SELECT max(memo) FROM ledger))::text)
SELECT count(*) FILTER (WHERE (SELECT max(memo) FROM ledger) IS NOT NULL) FROM account
SELECT array_agg(id ORDER BY (SELECT max(memo) FROM ledger), id) FROM account
SELECT mode() WITHIN GROUP (ORDER BY (SELECT max(memo) FROM ledger)) FROM account
SELECT id, count(*) OVER (PARTITION BY (SELECT max(memo) FROM ledger)) FROM account
SELECT id, rank() OVER w FROM account WINDOW w AS (ORDER BY (SELECT max(memo) FROM ledger))
SELECT a.id FROM account a JOIN product p ON p.id = a.id AND (SELECT max(memo) FROM ledger) IS NOT NULL
SELECT p.id, l.x FROM product p, LATERAL (SELECT (SELECT max(memo) FROM ledger) AS x FROM account) l
SELECT * FROM (VALUES ((SELECT max(((SELECT max(memo) FROM ledger))::text) FROM account))) v
WITH c AS MATERIALIZED (SELECT (SELECT max(memo) FROM ledger) AS x FROM account) SELECT count(x) FROM c
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c, account WHERE n < 2 AND (SELECT max(memo) FROM ledger) IS NOT NULL) SELECT count(*) FROM c
SELECT NULL::text UNION ALL SELECT ((SELECT max(memo) FROM ledger))::text FROM account
SELECT (SELECT ((SELECT max(memo) FROM ledger))::text FROM account ORDER BY id LIMIT 1)
SELECT 1 WHERE EXISTS (SELECT (SELECT max(memo) FROM ledger) FROM account)
SELECT 1 WHERE 'x' = ANY (SELECT ((SELECT max(memo) FROM ledger))::text FROM account)
SELECT CASE WHEN active THEN ((SELECT max(memo) FROM ledger))::text END FROM account
SELECT ARRAY[((SELECT max(memo) FROM ledger))::text] FROM account WHERE id < 3
SELECT ROW((SELECT max(memo) FROM ledger), 1) FROM account WHERE id < 3
SELECT coalesce(NULL, ((SELECT max(memo) FROM ledger))::text) FROM account
SELECT concat_ws(',', VARIADIC ARRAY[((SELECT max(memo) FROM ledger))::text]) FROM account
SELECT g FROM generate_series(1, length(((SELECT max(memo) FROM ledger))::text)) g
SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY[((SELECT max(memo) FROM ledger))::text])) AS r(a, b)
SELECT id FROM account TABLESAMPLE BERNOULLI (length(((SELECT max(memo) FROM ledger))::text))
INSERT INTO contact (id, owner_id, name) VALUES (6000, 104, ((SELECT max(memo) FROM ledger))::text)
INSERT INTO contact (id, owner_id, name) SELECT 6000 + id, 104, ((SELECT max(memo) FROM ledger))::text FROM account
INSERT INTO contact (id, owner_id) VALUES (6001, 104) RETURNING ((SELECT max(memo) FROM ledger))::text
UPDATE contact SET name = ((SELECT max(memo) FROM ledger))::text WHERE id < 3
UPDATE contact SET name = 'x' WHERE (SELECT max(memo) FROM ledger) IS NULL
UPDATE contact SET name = 'x' WHERE id < 3 RETURNING ((SELECT max(memo) FROM ledger))::text
DELETE FROM contact WHERE (SELECT max(memo) FROM ledger) IS NULL
DELETE FROM contact WHERE id < 3 RETURNING ((SELECT max(memo) FROM ledger))::text
INSERT INTO contact (id, owner_id) VALUES (6, 104) ON CONFLICT (id) DO UPDATE SET name = ((SELECT max(memo) FROM ledger))::text
COPY (SELECT (SELECT max(memo) FROM ledger) FROM account) TO STDOUT
EXPLAIN SELECT (SELECT max(memo) FROM ledger) FROM account
PREPARE p AS SELECT (SELECT max(memo) FROM ledger) FROM account
DECLARE c CURSOR FOR SELECT (SELECT max(memo) FROM ledger) FROM account
-- anywhere-denied-column: a denied column, or a column of the other schema, in every place where an expression can stand
SELECT secret FROM account WHERE id = 8
SELECT id FROM account WHERE secret IS NOT NULL
SELECT id FROM account ORDER BY secret, id
SELECT count(*) FROM account GROUP BY secret
SELECT owner_id FROM account GROUP BY owner_id HAVING count(secret) >= 0
SELECT DISTINCT ON (secret) id FROM account ORDER BY secret, id
SELECT id FROM account ORDER BY id LIMIT length((secret)::text)
SELECT id FROM account ORDER BY id OFFSET length((secret)::text)
SELECT count(*) FILTER (WHERE secret IS NOT NULL) FROM account
SELECT array_agg(id ORDER BY secret, id) FROM account
SELECT mode() WITHIN GROUP (ORDER BY secret) FROM account
SELECT id, count(*) OVER (PARTITION BY secret) FROM account
SELECT id, rank() OVER w FROM account WINDOW w AS (ORDER BY secret)
SELECT a.id FROM account a JOIN product p ON p.id = a.id AND secret IS NOT NULL
SELECT p.id, l.x FROM product p, LATERAL (SELECT secret AS x FROM account) l
SELECT * FROM (VALUES ((SELECT max((secret)::text) FROM account))) v
WITH c AS MATERIALIZED (SELECT secret AS x FROM account) SELECT count(x) FROM c
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c, account WHERE n < 2 AND secret IS NOT NULL) SELECT count(*) FROM c
SELECT NULL::text UNION ALL SELECT (secret)::text FROM account
SELECT (SELECT (secret)::text FROM account ORDER BY id LIMIT 1)
SELECT 1 WHERE EXISTS (SELECT secret FROM account)
SELECT 1 WHERE 'x' = ANY (SELECT (secret)::text FROM account)
SELECT CASE WHEN active THEN (secret)::text END FROM account
SELECT ARRAY[(secret)::text] FROM account WHERE id < 3
SELECT ROW(secret, 1) FROM account WHERE id < 3
SELECT coalesce(NULL, (secret)::text) FROM account
SELECT concat_ws(',', VARIADIC ARRAY[(secret)::text]) FROM account
SELECT g FROM generate_series(1, length((secret)::text)) g
SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY[(secret)::text])) AS r(a, b)
SELECT id FROM account TABLESAMPLE BERNOULLI (length((secret)::text))
INSERT INTO contact (id, owner_id, name) VALUES (6000, 104, (secret)::text)
INSERT INTO contact (id, owner_id, name) SELECT 6000 + id, 104, (secret)::text FROM account
INSERT INTO contact (id, owner_id) VALUES (6001, 104) RETURNING (secret)::text
UPDATE contact SET name = (secret)::text WHERE id < 3
UPDATE contact SET name = 'x' WHERE secret IS NULL
UPDATE contact SET name = 'x' WHERE id < 3 RETURNING (secret)::text
DELETE FROM contact WHERE secret IS NULL
DELETE FROM contact WHERE id < 3 RETURNING (secret)::text
INSERT INTO contact (id, owner_id) VALUES (6, 104) ON CONFLICT (id) DO UPDATE SET name = (secret)::text
COPY (SELECT secret FROM account) TO STDOUT
EXPLAIN SELECT secret FROM account
PREPARE p AS SELECT secret FROM account
DECLARE c CURSOR FOR SELECT secret FROM account
-- anywhere-file: a function of the file system, in every place where an expression can stand
SELECT pg_read_file('postgresql.auto.conf') FROM account WHERE id = 8
SELECT id FROM account WHERE pg_read_file('postgresql.auto.conf') IS NOT NULL
SELECT id FROM account ORDER BY pg_read_file('postgresql.auto.conf'), id
SELECT count(*) FROM account GROUP BY pg_read_file('postgresql.auto.conf')
SELECT owner_id FROM account GROUP BY owner_id HAVING count(pg_read_file('postgresql.auto.conf')) >= 0
SELECT DISTINCT ON (pg_read_file('postgresql.auto.conf')) id FROM account ORDER BY pg_read_file('postgresql.auto.conf'), id
SELECT id FROM account ORDER BY id LIMIT length((pg_read_file('postgresql.auto.conf'))::text)
SELECT id FROM account ORDER BY id OFFSET length((pg_read_file('postgresql.auto.conf'))::text)
SELECT count(*) FILTER (WHERE pg_read_file('postgresql.auto.conf') IS NOT NULL) FROM account
SELECT array_agg(id ORDER BY pg_read_file('postgresql.auto.conf'), id) FROM account
SELECT mode() WITHIN GROUP (ORDER BY pg_read_file('postgresql.auto.conf')) FROM account
SELECT id, count(*) OVER (PARTITION BY pg_read_file('postgresql.auto.conf')) FROM account
SELECT id, rank() OVER w FROM account WINDOW w AS (ORDER BY pg_read_file('postgresql.auto.conf'))
SELECT a.id FROM account a JOIN product p ON p.id = a.id AND pg_read_file('postgresql.auto.conf') IS NOT NULL
SELECT p.id, l.x FROM product p, LATERAL (SELECT pg_read_file('postgresql.auto.conf') AS x FROM account) l
SELECT * FROM (VALUES ((SELECT max((pg_read_file('postgresql.auto.conf'))::text) FROM account))) v
WITH c AS MATERIALIZED (SELECT pg_read_file('postgresql.auto.conf') AS x FROM account) SELECT count(x) FROM c
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c, account WHERE n < 2 AND pg_read_file('postgresql.auto.conf') IS NOT NULL) SELECT count(*) FROM c
SELECT NULL::text UNION ALL SELECT (pg_read_file('postgresql.auto.conf'))::text FROM account
SELECT (SELECT (pg_read_file('postgresql.auto.conf'))::text FROM account ORDER BY id LIMIT 1)
SELECT 1 WHERE EXISTS (SELECT pg_read_file('postgresql.auto.conf') FROM account)
SELECT 1 WHERE 'x' = ANY (SELECT (pg_read_file('postgresql.auto.conf'))::text FROM account)
SELECT CASE WHEN active THEN (pg_read_file('postgresql.auto.conf'))::text END FROM account
SELECT ARRAY[(pg_read_file('postgresql.auto.conf'))::text] FROM account WHERE id < 3
SELECT ROW(pg_read_file('postgresql.auto.conf'), 1) FROM account WHERE id < 3
SELECT coalesce(NULL, (pg_read_file('postgresql.auto.conf'))::text) FROM account
SELECT concat_ws(',', VARIADIC ARRAY[(pg_read_file('postgresql.auto.conf'))::text]) FROM account
SELECT g FROM generate_series(1, length((pg_read_file('postgresql.auto.conf'))::text)) g
SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY[(pg_read_file('postgresql.auto.conf'))::text])) AS r(a, b)
SELECT id FROM account TABLESAMPLE BERNOULLI (length((pg_read_file('postgresql.auto.conf'))::text))
INSERT INTO contact (id, owner_id, name) VALUES (6000, 104, (pg_read_file('postgresql.auto.conf'))::text)
INSERT INTO contact (id, owner_id, name) SELECT 6000 + id, 104, (pg_read_file('postgresql.auto.conf'))::text FROM account
INSERT INTO contact (id, owner_id) VALUES (6001, 104) RETURNING (pg_read_file('postgresql.auto.conf'))::text
UPDATE contact SET name = (pg_read_file('postgresql.auto.conf'))::text WHERE id < 3
UPDATE contact SET name = 'x' WHERE pg_read_file('postgresql.auto.conf') IS NULL
UPDATE contact SET name = 'x' WHERE id < 3 RETURNING (pg_read_file('postgresql.auto.conf'))::text
DELETE FROM contact WHERE pg_read_file('postgresql.auto.conf') IS NULL
DELETE FROM contact WHERE id < 3 RETURNING (pg_read_file('postgresql.auto.conf'))::text
INSERT INTO contact (id, owner_id) VALUES (6, 104) ON CONFLICT (id) DO UPDATE SET name = (pg_read_file('postgresql.auto.conf'))::text
COPY (SELECT pg_read_file('postgresql.auto.conf') FROM account) TO STDOUT
EXPLAIN SELECT pg_read_file('postgresql.auto.conf') FROM account
PREPARE p AS SELECT pg_read_file('postgresql.auto.conf') FROM account
DECLARE c CURSOR FOR SELECT pg_read_file('postgresql.auto.conf') FROM account
-- anywhere-hidden-error: a division by a hidden zero, in every place where an expression can stand
SELECT (1 / (SELECT min(abs(score)) FROM account)) FROM account WHERE id = 8
SELECT id FROM account WHERE (1 / (SELECT min(abs(score)) FROM account)) IS NOT NULL
SELECT id FROM account ORDER BY (1 / (SELECT min(abs(score)) FROM account)), id
SELECT count(*) FROM account GROUP BY (1 / (SELECT min(abs(score)) FROM account))
SELECT owner_id FROM account GROUP BY owner_id HAVING count((1 / (SELECT min(abs(score)) FROM account))) >= 0
SELECT DISTINCT ON ((1 / (SELECT min(abs(score)) FROM account))) id FROM account ORDER BY (1 / (SELECT min(abs(score)) FROM account)), id
SELECT id FROM account ORDER BY id LIMIT length(((1 / (SELECT min(abs(score)) FROM account)))::text)
SELECT id FROM account ORDER BY id OFFSET length(((1 / (SELECT min(abs(score)) FROM account)))::text)
SELECT count(*) FILTER (WHERE (1 / (SELECT min(abs(score)) FROM account)) IS NOT NULL) FROM account
SELECT array_agg(id ORDER BY (1 / (SELECT min(abs(score)) FROM account)), id) FROM account
SELECT mode() WITHIN GROUP (ORDER BY (1 / (SELECT min(abs(score)) FROM account))) FROM account
SELECT id, count(*) OVER (PARTITION BY (1 / (SELECT min(abs(score)) FROM account))) FROM account
SELECT id, rank() OVER w FROM account WINDOW w AS (ORDER BY (1 / (SELECT min(abs(score)) FROM account)))
SELECT a.id FROM account a JOIN product p ON p.id = a.id AND (1 / (SELECT min(abs(score)) FROM account)) IS NOT NULL
SELECT p.id, l.x FROM product p, LATERAL (SELECT (1 / (SELECT min(abs(score)) FROM account)) AS x FROM account) l
SELECT * FROM (VALUES ((SELECT max(((1 / (SELECT min(abs(score)) FROM account)))::text) FROM account))) v
WITH c AS MATERIALIZED (SELECT (1 / (SELECT min(abs(score)) FROM account)) AS x FROM account) SELECT count(x) FROM c
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c, account WHERE n < 2 AND (1 / (SELECT min(abs(score)) FROM account)) IS NOT NULL) SELECT count(*) FROM c
SELECT NULL::text UNION ALL SELECT ((1 / (SELECT min(abs(score)) FROM account)))::text FROM account
SELECT (SELECT ((1 / (SELECT min(abs(score)) FROM account)))::text FROM account ORDER BY id LIMIT 1)
SELECT 1 WHERE EXISTS (SELECT (1 / (SELECT min(abs(score)) FROM account)) FROM account)
SELECT 1 WHERE 'x' = ANY (SELECT ((1 / (SELECT min(abs(score)) FROM account)))::text FROM account)
SELECT CASE WHEN active THEN ((1 / (SELECT min(abs(score)) FROM account)))::text END FROM account
SELECT ARRAY[((1 / (SELECT min(abs(score)) FROM account)))::text] FROM account WHERE id < 3
SELECT ROW((1 / (SELECT min(abs(score)) FROM account)), 1) FROM account WHERE id < 3
SELECT coalesce(NULL, ((1 / (SELECT min(abs(score)) FROM account)))::text) FROM account
SELECT concat_ws(',', VARIADIC ARRAY[((1 / (SELECT min(abs(score)) FROM account)))::text]) FROM account
SELECT g FROM generate_series(1, length(((1 / (SELECT min(abs(score)) FROM account)))::text)) g
SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY[((1 / (SELECT min(abs(score)) FROM account)))::text])) AS r(a, b)
SELECT id FROM account TABLESAMPLE BERNOULLI (length(((1 / (SELECT min(abs(score)) FROM account)))::text))
INSERT INTO contact (id, owner_id, name) VALUES (6000, 104, ((1 / (SELECT min(abs(score)) FROM account)))::text)
INSERT INTO contact (id, owner_id, name) SELECT 6000 + id, 104, ((1 / (SELECT min(abs(score)) FROM account)))::text FROM account
INSERT INTO contact (id, owner_id) VALUES (6001, 104) RETURNING ((1 / (SELECT min(abs(score)) FROM account)))::text
UPDATE contact SET name = ((1 / (SELECT min(abs(score)) FROM account)))::text WHERE id < 3
UPDATE contact SET name = 'x' WHERE (1 / (SELECT min(abs(score)) FROM account)) IS NULL
UPDATE contact SET name = 'x' WHERE id < 3 RETURNING ((1 / (SELECT min(abs(score)) FROM account)))::text
DELETE FROM contact WHERE (1 / (SELECT min(abs(score)) FROM account)) IS NULL
DELETE FROM contact WHERE id < 3 RETURNING ((1 / (SELECT min(abs(score)) FROM account)))::text
INSERT INTO contact (id, owner_id) VALUES (6, 104) ON CONFLICT (id) DO UPDATE SET name = ((1 / (SELECT min(abs(score)) FROM account)))::text
COPY (SELECT (1 / (SELECT min(abs(score)) FROM account)) FROM account) TO STDOUT
EXPLAIN SELECT (1 / (SELECT min(abs(score)) FROM account)) FROM account
PREPARE p AS SELECT (1 / (SELECT min(abs(score)) FROM account)) FROM account
DECLARE c CURSOR FOR SELECT (1 / (SELECT min(abs(score)) FROM account)) FROM account
-- xml-export: every relative of query_to_xml, one of which a deny list forgets
SELECT table_to_xml('crm.account', true, true, '')
SELECT table_to_xmlschema('crm.account', true, true, '')
SELECT table_to_xml_and_xmlschema('crm.account', true, true, '')
SELECT query_to_xmlschema('select * from crm.account', true, true, '')
SELECT query_to_xml_and_xmlschema('select 1', true, true, '')
SELECT cursor_to_xml('c', 1, true, true, '')
SELECT cursor_to_xmlschema('c', true, true, '')
SELECT schema_to_xml('crm', true, true, '')
SELECT schema_to_xmlschema('crm', true, true, '')
SELECT schema_to_xml_and_xmlschema('crm', true, true, '')
SELECT database_to_xmlschema(true, true, '')
SELECT database_to_xml_and_xmlschema(true, true, '')
-- function-in-from: a forbidden function in FROM, where checks of expressions do not look
SELECT * FROM pg_read_file('PG_VERSION')
SELECT * FROM pg_read_binary_file('PG_VERSION') b
SELECT * FROM pg_ls_dir('.')
SELECT * FROM pg_ls_logdir()
SELECT * FROM pg_ls_waldir()
SELECT * FROM pg_ls_tmpdir()
SELECT * FROM pg_stat_file('PG_VERSION')
SELECT * FROM pg_show_all_settings()
SELECT * FROM pg_show_all_file_settings()
SELECT * FROM pg_hba_file_rules()
SELECT * FROM pg_get_shmem_allocations()
SELECT * FROM pg_stat_get_activity(NULL)
SELECT * FROM pg_lock_status()
SELECT * FROM pg_cursor()
SELECT * FROM pg_prepared_statement()
SELECT * FROM pg_prepared_xact()
SELECT * FROM pg_stat_get_wal_senders()
SELECT * FROM pg_logical_slot_peek_changes('s', NULL, NULL)
SELECT * FROM pg_get_publication_tables('p')
SELECT * FROM ts_stat('SELECT to_tsvector(memo) FROM crm.ledger')
SELECT * FROM pg_config()
SELECT * FROM pg_stats_ext
SELECT * FROM pg_mcv_list_items(NULL)
SELECT * FROM pg_options_to_table(ARRAY['a=b'])
SELECT * FROM dblink('dbname=plain', 'SELECT 1') AS d(x int)
SELECT * FROM ROWS FROM (pg_ls_dir('.'), generate_series(1, 2)) AS r(a, b)
SELECT * FROM LATERAL pg_read_file('PG_VERSION') f
SELECT * FROM generate_series(1, 2) g LEFT JOIN pg_ls_dir('.') d ON true
SELECT * FROM unnest(ARRAY[pg_read_file('PG_VERSION')]) u
SELECT * FROM json_to_record((SELECT query_to_xml('select 1', true, true, '')::text::json)) AS r(a int)
-- server-control: functions that stop, signal, write or wait
SELECT pg_sleep(0)
SELECT pg_sleep_for('0')
SELECT pg_sleep_until(now())
SELECT pg_terminate_backend(1)
SELECT pg_cancel_backend(1)
SELECT pg_reload_conf()
SELECT pg_rotate_logfile()
SELECT pg_switch_wal()
SELECT pg_create_restore_point('x')
SELECT pg_promote()
SELECT pg_notify('c', 'x')
SELECT pg_export_snapshot()
SELECT pg_logical_emit_message(false, 'x', 'y')
SELECT pg_create_logical_replication_slot('s', 'test_decoding')
SELECT pg_drop_replication_slot('s')
SELECT pg_stat_reset()
SELECT pg_stat_clear_snapshot()
SELECT pg_replication_origin_create('o')
SELECT txid_current()
SELECT pg_current_xact_id()
SELECT setseed(0.5)
SELECT pg_log_backend_memory_contexts(1)
SELECT lo_create(0)
SELECT lo_unlink(1)
SELECT lo_import('/etc/passwd')
SELECT lo_export(1, '/tmp/x')
SELECT lo_open(1, 1)
SELECT loread(0, 1)
SELECT lowrite(0, 'x')
SELECT lo_from_bytea(0, 'x')
SELECT lo_put(1, 0, 'x')
SELECT pg_file_write('x', 'y', false)
SELECT pg_import_system_collations('crm')
SELECT binary_upgrade_set_next_pg_type_oid(1)
SELECT currtid2('account', '(0,1)')
SELECT pg_relation_filepath('account')
SELECT pg_filenode_relation(0, 1)
SELECT pg_identify_object(1259, 'account'::regclass, 0)
SELECT pg_blocking_pids(1)
SELECT pg_backend_memory_contexts()
SELECT pg_get_wal_resource_managers()
SELECT pg_extension_config_dump('account'::regclass, '')
SELECT brin_summarize_new_values('account_pkey')
SELECT gin_clean_pending_list('account_pkey')
SELECT pg_stat_get_numscans('account'::regclass)
SELECT pg_stat_get_tuples_returned('account'::regclass)
SELECT pg_stat_get_live_tuples('ledger'::regclass)
SELECT pg_stat_get_last_analyze_time('account'::regclass)
SELECT pg_database_size('plain')
SELECT pg_indexes_size('account')
SELECT pg_column_compression(name) FROM account WHERE id = 1
-- internal-arguments: functions with internal arguments, and transition and input functions called by hand
SELECT array_agg_transfn(NULL, 1)
SELECT array_agg_finalfn(NULL)
SELECT numeric_avg(NULL)
SELECT int8_avg_accum(NULL, 1)
SELECT string_agg_transfn(NULL, 'a', 'b')
SELECT string_agg_finalfn(NULL)
SELECT ordered_set_transition(NULL, 1)
SELECT percentile_cont_float8_final(NULL, 0.5)
SELECT internal_in('x')
SELECT internal_out(NULL)
SELECT cstring_in('x')
SELECT record_in('(1)', 2249, -1)
SELECT record_recv(NULL, 2249, -1)
SELECT anyarray_in('x')
SELECT domain_in('x', 16390, -1)
SELECT array_in('{1}', 23, -1)
SELECT regclassin('crm.ledger')
SELECT btint4cmp(1, 2)
SELECT hashint4(1)
SELECT eqsel(NULL, 0, NULL, 0)
SELECT scalarltsel(NULL, 96, NULL, 0)
SELECT eqjoinsel(NULL, 96, NULL, 0::int2, NULL)
SELECT array_typanalyze(NULL)
SELECT textlike_support(NULL)
SELECT gin_extract_jsonb(NULL, NULL, NULL)
SELECT jsonb_agg_transfn(NULL, 1)
SELECT trigger_in('x')
SELECT event_trigger_in('x')
SELECT fdw_handler_in('x')
SELECT table_am_handler_in('x')
SELECT heap_tableam_handler(NULL)
SELECT bthandler(NULL)
SELECT plpgsql_call_handler()
SELECT plpgsql_inline_handler(NULL)
SELECT plpgsql_validator(1)
SELECT fmgr_sql_validator(1)
SELECT ri_fkey_check_ins() FROM product
SELECT "RI_FKey_check_ins"()
SELECT suppress_redundant_updates_trigger()
SELECT tsvector_update_trigger()
-- object-names: regclass and its kin turn names into numbers and numbers into names, also of what is hidden
SELECT 'ledger'::regclass
SELECT 'ledger'::regclass::oid > 0
SELECT to_regclass('crm.ledger')
SELECT to_regclass('crm.' || 'ledger')
SELECT 16384::regclass::text IS NOT NULL
SELECT 'lower(text)'::regprocedure
SELECT 'pg_read_file'::regproc
SELECT to_regrole('gateway')
SELECT 'gateway'::regrole
SELECT 'crm'::regnamespace
SELECT 'crm.stage'::regtype
SELECT 'integer'::regtype::oid
SELECT to_regtype('crm.ledger')
SELECT pg_describe_object(1259, 'account'::regclass, 0)
SELECT obj_description('account'::regclass)
SELECT col_description('account'::regclass, 1)
SELECT format_type(16384, NULL)
SELECT pg_get_userbyid(10)
SELECT pg_typeof(ROW(1)::record)
SELECT pg_typeof(a) FROM account a WHERE id = 8
-- rights-questions: every has_…_privilege, by name, by number and with another role
SELECT has_table_privilege('gateway', 'crm.ledger', 'select')
SELECT has_table_privilege('postgres', 'crm.ledger', 'select')
SELECT has_any_column_privilege('crm.ledger', 'select')
SELECT has_column_privilege('crm.account', 'secret', 'select')
SELECT has_column_privilege('crm.account', 17::int2, 'select')
SELECT has_schema_privilege('crm', 'create')
SELECT has_database_privilege(current_database(), 'create')
SELECT has_function_privilege('pg_read_file(text)', 'execute')
SELECT has_sequence_privilege('crm.s', 'usage')
SELECT has_tablespace_privilege('pg_default', 'create')
SELECT has_type_privilege('crm.stage', 'usage')
SELECT has_parameter_privilege('row_security', 'set')
SELECT pg_has_role('postgres', 'member')
SELECT pg_has_role('gateway', 'pg_read_all_data', 'usage')
SELECT row_security_active('crm.account')
SELECT has_table_privilege(c.oid, 'select') FROM pg_class c WHERE c.relname = 'ledger'
SELECT count(*) FILTER (WHERE has_table_privilege(id::oid, 'select') IS NULL) FROM account
-- statistics-relations: every catalogue relation that holds values, sizes or activity
SELECT * FROM pg_statistic
SELECT * FROM pg_stats
SELECT * FROM pg_statistic_ext
SELECT * FROM pg_statistic_ext_data
SELECT * FROM pg_stats_ext_exprs
SELECT * FROM pg_stat_all_tables
SELECT * FROM pg_stat_user_tables
SELECT * FROM pg_stat_xact_user_tables
SELECT * FROM pg_statio_user_tables
SELECT * FROM pg_stat_user_indexes
SELECT * FROM pg_stat_activity
SELECT * FROM pg_stat_ssl
SELECT * FROM pg_stat_replication
SELECT * FROM pg_stat_database
SELECT * FROM pg_stat_bgwriter
SELECT * FROM pg_stat_user_functions
SELECT * FROM pg_stat_progress_copy
SELECT * FROM pg_locks
SELECT * FROM pg_prepared_statements
SELECT * FROM pg_prepared_xacts
SELECT * FROM pg_cursors
SELECT * FROM pg_shadow
SELECT * FROM pg_authid
SELECT * FROM pg_user_mapping
SELECT * FROM pg_user_mappings
SELECT * FROM pg_largeobject
SELECT * FROM pg_largeobject_metadata
SELECT * FROM pg_subscription
SELECT * FROM pg_replication_slots
SELECT * FROM pg_file_settings
SELECT * FROM pg_hba_file_rules
SELECT * FROM pg_ident_file_mappings
SELECT * FROM pg_shmem_allocations
SELECT * FROM pg_backend_memory_contexts
SELECT * FROM pg_config
SELECT * FROM pg_policy
SELECT * FROM pg_policies
SELECT * FROM pg_rules
SELECT * FROM pg_seclabel
SELECT * FROM pg_seclabels
SELECT * FROM pg_db_role_setting
SELECT * FROM pg_publication_rel
SELECT * FROM pg_foreign_server
SELECT * FROM pg_foreign_table
SELECT * FROM information_schema.user_mapping_options
SELECT * FROM pg_replication_origin_status
SELECT * FROM pg_stat_statements
SELECT * FROM pg_timezone_abbrevs
SELECT * FROM pg_available_extensions
SELECT * FROM pg_sequences
-- catalogue-values: columns of allowed catalogue relations that hold sizes, bodies or conditions
SELECT relpages, reltuples, relallvisible FROM pg_class WHERE relname IN ('account', 'ledger')
SELECT relfrozenxid, relminmxid, relfilenode FROM pg_class WHERE relname = 'account'
SELECT relacl FROM pg_class WHERE relname = 'account'
SELECT relpartbound FROM pg_class WHERE relname = 'event_2025'
SELECT prosrc, probin, proconfig FROM pg_proc WHERE proname = 'lower'
SELECT prosqlbody FROM pg_proc WHERE proname = 'lower'
SELECT adbin FROM pg_attrdef ORDER BY adrelid, adnum
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef ORDER BY 1
SELECT conbin FROM pg_constraint ORDER BY oid
SELECT ev_action FROM pg_rewrite WHERE ev_class = 'crm.rated'::regclass
SELECT attmissingval FROM pg_attribute WHERE attrelid = 'account'::regclass
SELECT indpred, indexprs FROM pg_index WHERE indrelid = 'account'::regclass
SELECT rolpassword FROM pg_roles
SELECT rolconfig FROM pg_roles
SELECT datacl, datfrozenxid FROM pg_database
SELECT definition FROM pg_views WHERE viewname = 'rated'
SELECT view_definition FROM information_schema.views WHERE table_name = 'rated'
SELECT routine_definition FROM information_schema.routines WHERE routine_name = 'lower'
SELECT check_clause FROM information_schema.check_constraints ORDER BY 1
SELECT column_default FROM information_schema.columns WHERE table_name = 'account'
SELECT last_value FROM pg_sequences
SELECT grantor, grantee, table_schema, table_name, privilege_type FROM information_schema.role_table_grants
SELECT grantor, grantee, table_name, column_name, privilege_type FROM information_schema.column_privileges
SELECT (c).reltuples FROM pg_class c WHERE relname = 'account'
SELECT row_to_json(c) ->> 'reltuples' FROM pg_class c WHERE relname = 'account'
SELECT c::text FROM pg_class c WHERE relname = 'account'
SELECT to_jsonb(a) ->> 'attmissingval' FROM pg_attribute a WHERE attrelid = 'account'::regclass
SELECT count(*) FROM pg_class c JOIN pg_class d USING (reltuples)
SELECT relname FROM pg_class ORDER BY reltuples DESC, relname LIMIT 500
SELECT max(reltuples) FROM pg_class
SELECT relname FROM pg_class WHERE reltuples > 45 ORDER BY relname
-- catalogue-join: catalogue rows joined with protected rows carry values across
SELECT c.relname FROM pg_class c JOIN account a ON a.score::oid = c.oid
SELECT a.id FROM account a, pg_class c WHERE c.relname = 'account' AND a.score < c.reltuples
SELECT (SELECT reltuples FROM pg_class WHERE oid = a.tableoid) FROM account a WHERE id = 8
SELECT a.id, c.oid FROM account a JOIN pg_class c ON c.oid = a.tableoid ORDER BY a.id
SELECT n.nspname FROM pg_namespace n WHERE EXISTS (SELECT 1 FROM account WHERE 1 / score > 0)
-- masked-reconstruction: a masked column is compared, ordered, grouped, joined, cast, hashed or copied to find its stored value
SELECT id FROM account WHERE phone = '13800000037'
SELECT id FROM account WHERE phone <> '13800000037' ORDER BY id
SELECT id FROM account WHERE phone > '13800000037' ORDER BY id
SELECT id FROM account WHERE phone IN ('13800000037', '13800000037')
SELECT id FROM account WHERE phone BETWEEN '13800000037' AND '13800000037'
SELECT id FROM account WHERE phone IS NOT DISTINCT FROM '13800000037'
SELECT id FROM account WHERE (phone, id) = ('13800000037', 1)
SELECT id FROM account WHERE phone = ANY (ARRAY['13800000037'])
SELECT phone, count(*) FROM account GROUP BY phone ORDER BY 1
SELECT id, rank() OVER (ORDER BY phone) FROM account ORDER BY id
SELECT id, dense_rank() OVER (PARTITION BY phone ORDER BY id) FROM account ORDER BY id
SELECT DISTINCT phone FROM account ORDER BY 1
SELECT count(DISTINCT phone), min(phone), max(phone) FROM account
SELECT array_agg(phone ORDER BY phone) FROM account
SELECT phone FROM account INTERSECT SELECT '13800000037'
SELECT phone FROM account EXCEPT SELECT '13800000037'
SELECT b.id FROM account a JOIN account b USING (phone) ORDER BY 1
SELECT id FROM account WHERE phone IN (SELECT phone FROM account WHERE id = 1)
SELECT (a).phone FROM account a WHERE id = 1
SELECT id FROM account WHERE phone::text LIKE '1%' ORDER BY id
SELECT CASE phone WHEN '13800000037' THEN 1 ELSE 0 END FROM account ORDER BY id
SELECT nullif(phone, '13800000037') IS NULL FROM account ORDER BY id
SELECT greatest(phone, '13800000037') FROM account ORDER BY id
SELECT md5(phone::text) FROM account ORDER BY id
SELECT row_to_json(t) ->> 'phone' FROM account t ORDER BY id
SELECT id FROM account t WHERE t::text LIKE '%13800%' ORDER BY id
SELECT max(phone) OVER (ORDER BY id ROWS 1 PRECEDING) FROM account
UPDATE account SET name = phone::text RETURNING name
UPDATE account SET name = 'y' WHERE phone = '13800000037'
DELETE FROM account WHERE phone = '13800000037'
INSERT INTO contact (id, owner_id, name) SELECT 7000 + id, 104, phone::text FROM account
COPY (SELECT phone FROM account WHERE phone = '13800000037') TO STDOUT
WITH x AS (SELECT phone AS y FROM account) SELECT count(*) FROM x WHERE y = '13800000037'
SELECT id FROM account a WHERE EXISTS (SELECT 1 FROM account b WHERE b.phone = a.phone AND b.id <> a.id) ORDER BY id
SELECT id FROM account WHERE mobile = '+86139000091'
SELECT id FROM account WHERE mobile <> '+86139000091' ORDER BY id
SELECT id FROM account WHERE mobile > '+86139000091' ORDER BY id
SELECT id FROM account WHERE mobile IN ('+86139000091', '+86139000091')
SELECT id FROM account WHERE mobile BETWEEN '+86139000091' AND '+86139000091'
SELECT id FROM account WHERE mobile IS NOT DISTINCT FROM '+86139000091'
SELECT id FROM account WHERE (mobile, id) = ('+86139000091', 1)
SELECT id FROM account WHERE mobile = ANY (ARRAY['+86139000091'])
SELECT mobile, count(*) FROM account GROUP BY mobile ORDER BY 1
SELECT id, rank() OVER (ORDER BY mobile) FROM account ORDER BY id
SELECT id, dense_rank() OVER (PARTITION BY mobile ORDER BY id) FROM account ORDER BY id
SELECT DISTINCT mobile FROM account ORDER BY 1
SELECT count(DISTINCT mobile), min(mobile), max(mobile) FROM account
SELECT array_agg(mobile ORDER BY mobile) FROM account
SELECT mobile FROM account INTERSECT SELECT '+86139000091'
SELECT mobile FROM account EXCEPT SELECT '+86139000091'
SELECT b.id FROM account a JOIN account b USING (mobile) ORDER BY 1
SELECT id FROM account WHERE mobile IN (SELECT mobile FROM account WHERE id = 1)
SELECT (a).mobile FROM account a WHERE id = 1
SELECT id FROM account WHERE mobile::text LIKE '1%' ORDER BY id
SELECT CASE mobile WHEN '+86139000091' THEN 1 ELSE 0 END FROM account ORDER BY id
SELECT nullif(mobile, '+86139000091') IS NULL FROM account ORDER BY id
SELECT greatest(mobile, '+86139000091') FROM account ORDER BY id
SELECT md5(mobile::text) FROM account ORDER BY id
SELECT row_to_json(t) ->> 'mobile' FROM account t ORDER BY id
SELECT max(mobile) OVER (ORDER BY id ROWS 1 PRECEDING) FROM account
UPDATE account SET name = mobile::text RETURNING name
UPDATE account SET name = 'y' WHERE mobile = '+86139000091'
DELETE FROM account WHERE mobile = '+86139000091'
INSERT INTO contact (id, owner_id, name) SELECT 7000 + id, 104, mobile::text FROM account
COPY (SELECT mobile FROM account WHERE mobile = '+86139000091') TO STDOUT
WITH x AS (SELECT mobile AS y FROM account) SELECT count(*) FROM x WHERE y = '+86139000091'
SELECT id FROM account a WHERE EXISTS (SELECT 1 FROM account b WHERE b.mobile = a.mobile AND b.id <> a.id) ORDER BY id
SELECT id FROM account WHERE email = 'user1@example.com'
SELECT id FROM account WHERE email <> 'user1@example.com' ORDER BY id
SELECT id FROM account WHERE email > 'user1@example.com' ORDER BY id
SELECT id FROM account WHERE email IN ('user1@example.com', 'user1@example.com')
SELECT id FROM account WHERE email BETWEEN 'user1@example.com' AND 'user1@example.com'
SELECT id FROM account WHERE email IS NOT DISTINCT FROM 'user1@example.com'
SELECT id FROM account WHERE (email, id) = ('user1@example.com', 1)
SELECT id FROM account WHERE email = ANY (ARRAY['user1@example.com'])
SELECT email, count(*) FROM account GROUP BY email ORDER BY 1
SELECT id, rank() OVER (ORDER BY email) FROM account ORDER BY id
SELECT id, dense_rank() OVER (PARTITION BY email ORDER BY id) FROM account ORDER BY id
SELECT DISTINCT email FROM account ORDER BY 1
SELECT count(DISTINCT email), min(email), max(email) FROM account
SELECT array_agg(email ORDER BY email) FROM account
SELECT email FROM account INTERSECT SELECT 'user1@example.com'
SELECT email FROM account EXCEPT SELECT 'user1@example.com'
SELECT b.id FROM account a JOIN account b USING (email) ORDER BY 1
SELECT id FROM account WHERE email IN (SELECT email FROM account WHERE id = 1)
SELECT (a).email FROM account a WHERE id = 1
SELECT id FROM account WHERE email::text LIKE '1%' ORDER BY id
SELECT CASE email WHEN 'user1@example.com' THEN 1 ELSE 0 END FROM account ORDER BY id
SELECT nullif(email, 'user1@example.com') IS NULL FROM account ORDER BY id
SELECT greatest(email, 'user1@example.com') FROM account ORDER BY id
SELECT md5(email::text) FROM account ORDER BY id
SELECT row_to_json(t) ->> 'email' FROM account t ORDER BY id
SELECT max(email) OVER (ORDER BY id ROWS 1 PRECEDING) FROM account
UPDATE account SET name = email::text RETURNING name
UPDATE account SET name = 'y' WHERE email = 'user1@example.com'
DELETE FROM account WHERE email = 'user1@example.com'
INSERT INTO contact (id, owner_id, name) SELECT 7000 + id, 104, email::text FROM account
COPY (SELECT email FROM account WHERE email = 'user1@example.com') TO STDOUT
WITH x AS (SELECT email AS y FROM account) SELECT count(*) FROM x WHERE y = 'user1@example.com'
SELECT id FROM account a WHERE EXISTS (SELECT 1 FROM account b WHERE b.email = a.email AND b.id <> a.id) ORDER BY id
SELECT id FROM account WHERE amount = 137.25
SELECT id FROM account WHERE amount <> 137.25 ORDER BY id
SELECT id FROM account WHERE amount > 137.25 ORDER BY id
SELECT id FROM account WHERE amount IN (137.25, 137.25)
SELECT id FROM account WHERE amount BETWEEN 137.25 AND 137.25
SELECT id FROM account WHERE amount IS NOT DISTINCT FROM 137.25
SELECT id FROM account WHERE (amount, id) = (137.25, 1)
SELECT id FROM account WHERE amount = ANY (ARRAY[137.25])
SELECT amount, count(*) FROM account GROUP BY amount ORDER BY 1
SELECT id, rank() OVER (ORDER BY amount) FROM account ORDER BY id
SELECT id, dense_rank() OVER (PARTITION BY amount ORDER BY id) FROM account ORDER BY id
SELECT DISTINCT amount FROM account ORDER BY 1
SELECT count(DISTINCT amount), min(amount), max(amount) FROM account
SELECT array_agg(amount ORDER BY amount) FROM account
SELECT amount FROM account INTERSECT SELECT 137.25
SELECT amount FROM account EXCEPT SELECT 137.25
SELECT b.id FROM account a JOIN account b USING (amount) ORDER BY 1
SELECT id FROM account WHERE amount IN (SELECT amount FROM account WHERE id = 1)
SELECT (a).amount FROM account a WHERE id = 1
SELECT id FROM account WHERE amount::text LIKE '1%' ORDER BY id
SELECT CASE amount WHEN 137.25 THEN 1 ELSE 0 END FROM account ORDER BY id
SELECT nullif(amount, 137.25) IS NULL FROM account ORDER BY id
SELECT greatest(amount, 137.25) FROM account ORDER BY id
SELECT md5(amount::text) FROM account ORDER BY id
SELECT row_to_json(t) ->> 'amount' FROM account t ORDER BY id
SELECT max(amount) OVER (ORDER BY id ROWS 1 PRECEDING) FROM account
UPDATE account SET name = amount::text RETURNING name
UPDATE account SET name = 'y' WHERE amount = 137.25
DELETE FROM account WHERE amount = 137.25
INSERT INTO contact (id, owner_id, name) SELECT 7000 + id, 104, amount::text FROM account
COPY (SELECT amount FROM account WHERE amount = 137.25) TO STDOUT
WITH x AS (SELECT amount AS y FROM account) SELECT count(*) FROM x WHERE y = 137.25
SELECT id FROM account a WHERE EXISTS (SELECT 1 FROM account b WHERE b.amount = a.amount AND b.id <> a.id) ORDER BY id
-- masked-in-other-tables: masked birthdays, bodies and addresses of contacts and remarks
SELECT id FROM contact WHERE birthday = '1980-05-14'
SELECT id FROM contact WHERE extract(day FROM birthday) = 14
SELECT id FROM contact WHERE to_char(birthday, 'MMDD') = '0514'
SELECT age(birthday) FROM contact ORDER BY id
SELECT id FROM contact ORDER BY birthday, id
SELECT id FROM contact WHERE email LIKE 'c1%'
SELECT count(*) FROM contact GROUP BY email ORDER BY 1
SELECT id FROM remark WHERE body LIKE '%1%'
SELECT length(body) FROM remark ORDER BY id
SELECT id FROM remark WHERE body = 'remark 1'
SELECT body FROM remark_long ORDER BY id
SELECT id, extra FROM remark_long WHERE body > 'l' ORDER BY id
SELECT string_agg(body, ',' ORDER BY body) FROM remark
SELECT c.id FROM contact c JOIN account a ON a.email = c.email
SELECT c.id FROM contact c JOIN remark r ON r.body LIKE '%' || c.name || '%'
SELECT n.phone FROM name_lengths n ORDER BY n.phone, n.id
SELECT n.id FROM account_names n WHERE n.email = 'user1@example.com'
SELECT count(*) FROM account_names n JOIN account a USING (phone)
-- denied-column-more: a denied column behind aliases, stars, rows, JSON, USING, views, defaults and system functions
SELECT a.secret FROM account a
SELECT account.secret FROM account
SELECT crm.account.secret FROM crm.account
SELECT "secret" FROM account
SELECT SECRET FROM account
SELECT x.secret FROM account x
SELECT t.* FROM (SELECT secret FROM account) t
SELECT s FROM (SELECT secret AS s FROM account) t
SELECT (SELECT secret FROM account a WHERE a.id = p.id) FROM product p
SELECT (ROW(a.*)).f17 FROM account a
SELECT (a.*).secret FROM account a
SELECT a.secret FROM (SELECT * FROM account) a
SELECT j.secret FROM (account JOIN product USING (id)) AS j
SELECT count(secret) FROM account
SELECT max(secret) FROM account
SELECT id FROM account ORDER BY secret
SELECT id FROM account GROUP BY id, secret
SELECT id FROM account WHERE secret IS NULL
SELECT id FROM account WHERE (a.secret) = 1
SELECT sum(secret) OVER () FROM account
SELECT to_jsonb(a) - 'id' FROM account a WHERE id < 9 ORDER BY id
SELECT jsonb_object_keys(to_jsonb(a)) FROM account a WHERE id = 8
SELECT json_agg(a) FROM (SELECT * FROM account ORDER BY id) a
SELECT array_agg(a ORDER BY id) FROM account a
SELECT a FROM account a ORDER BY id
SELECT a::text FROM account a ORDER BY id
SELECT hash_record(a) FROM account a ORDER BY id
SELECT a = b FROM account a JOIN account b USING (id) ORDER BY a.id
SELECT row(a.*)::text FROM account a ORDER BY a.id
SELECT record_out(a) FROM account a
SELECT pg_column_size(a) FROM account a
SELECT jsonb_populate_record(a, '{}') FROM account a WHERE id = 8
SELECT json_populate_record(NULL::account, '{"secret": 1}')
SELECT NULL::account
SELECT (NULL::account).secret
SELECT (jsonb_populate_record(NULL::crm.account, '{"secret": 5}')).secret
SELECT q.secret FROM account AS q (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, secret)
SELECT q.p17 FROM account AS q (p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13, p14, p15, p16, p17)
SELECT token FROM account ORDER BY id
SELECT phone FROM account NATURAL JOIN product
-- denied-column-write-more: a denied column is written, or is the source of what is written
INSERT INTO account (id, owner_id, name, secret) VALUES (6100, 104, 'x', 1)
INSERT INTO account VALUES (6101, 'x')
INSERT INTO account DEFAULT VALUES RETURNING secret
UPDATE account SET secret = 1
UPDATE account SET secret = DEFAULT
UPDATE account SET (name, secret) = ('x', 1)
UPDATE account SET name = (SELECT secret::text FROM account b WHERE b.id = account.id)
UPDATE account SET name = 'x' RETURNING account
UPDATE account SET name = 'x' RETURNING account.*
UPDATE account a SET name = 'x' RETURNING to_jsonb(a)
UPDATE account SET name = row_to_json(account)::text
DELETE FROM account RETURNING secret
DELETE FROM account RETURNING *
DELETE FROM account a RETURNING (a).secret
DELETE FROM account WHERE (secret IS NULL)
INSERT INTO contact (id, owner_id, note) SELECT 6200 + id, 104, secret::text FROM account
INSERT INTO account (id, owner_id, name) VALUES (6102, 104, 'x') RETURNING secret
INSERT INTO account (id, owner_id, name) VALUES (6103, 104, 'x') RETURNING account
-- denied-table-more: a denied table by schema, quotes, views, joins, ONLY, sampling, locks, writes and exports
SELECT * FROM crm.ledger
SELECT * FROM "crm"."ledger"
SELECT * FROM LEDGER
SELECT * FROM ONLY ledger
SELECT * FROM ledger *
SELECT 1 FROM ledger
SELECT FROM ledger
SELECT count(*) FROM product p, ledger
SELECT p.id FROM product p LEFT JOIN ledger l ON false ORDER BY 1
SELECT p.id FROM product p WHERE EXISTS (SELECT FROM ledger)
SELECT p.id FROM product p ORDER BY (SELECT max(total) FROM ledger)
SELECT * FROM ledger TABLESAMPLE SYSTEM (100)
SELECT * FROM (TABLE ledger) t
WITH l AS (TABLE ledger) SELECT 1
WITH l AS (SELECT 1) SELECT * FROM ledger
SELECT (SELECT l FROM ledger l LIMIT 1)
SELECT * FROM ledger FOR SHARE
SELECT * FROM ledger UNION SELECT 1, 1, 1, ''
VALUES ((SELECT 1 FROM ledger LIMIT 1))
INSERT INTO ledger VALUES (11, 1, 1, '')
INSERT INTO ledger SELECT * FROM ledger
INSERT INTO contact (id, owner_id, note) SELECT 6300 + id, 104, memo FROM ledger
UPDATE ledger SET total = 0
UPDATE contact SET note = memo FROM ledger l WHERE l.id = contact.id
DELETE FROM ledger
DELETE FROM contact USING ledger l WHERE l.id = contact.id
COPY ledger TO STDOUT
COPY (TABLE ledger) TO STDOUT
COPY ledger (memo) TO STDOUT
EXPLAIN SELECT * FROM ledger
PREPARE p AS TABLE ledger
DECLARE c CURSOR FOR TABLE ledger
SELECT * FROM account_team
SELECT * FROM record_share
SELECT a.id FROM account a JOIN account_team t ON t.account_id = a.id
SELECT * FROM pg_temp.account
SELECT * FROM public.account
SELECT * FROM plain.crm.account
SELECT * FROM other.crm.ledger
SELECT * FROM pg_toast.pg_toast_1
SELECT * FROM crm.account_pkey
-- structure: joins, LATERAL, recursion and set operations whose pieces carry a relation without a filter
SELECT a.id, b.id FROM account a, account b WHERE a.id = b.id + 1 ORDER BY 1
SELECT a.id FROM account a CROSS JOIN LATERAL (SELECT * FROM account b WHERE b.owner_id = a.owner_id) l ORDER BY 1, l.id
SELECT * FROM (account a JOIN contact c ON c.account_id = a.id) ORDER BY a.id, c.id LIMIT 5
SELECT x.id FROM ((account CROSS JOIN product)) AS x (id) ORDER BY 1 LIMIT 5
SELECT a.id FROM product p LEFT JOIN (account a JOIN contact c ON c.account_id = a.id) ON a.id = p.id ORDER BY 1
SELECT a.id FROM account a FULL JOIN account b ON b.id = a.id + 1000 WHERE a.id IS NULL
SELECT count(*) FROM account a RIGHT JOIN contact c ON c.account_id = a.id
SELECT count(*) FROM account a FULL JOIN contact c ON c.account_id = a.id WHERE a.id IS NULL
SELECT count(*) FROM contact c WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.id = c.account_id)
SELECT count(*) FROM contact WHERE account_id NOT IN (SELECT id FROM account)
SELECT c.account_id FROM contact c EXCEPT SELECT id FROM account ORDER BY 1
WITH RECURSIVE r AS (SELECT id, owner_id FROM account WHERE id = 8 UNION SELECT a.id, a.owner_id FROM account a JOIN r ON a.owner_id = r.owner_id) SELECT count(*) FROM r
WITH RECURSIVE account AS (SELECT id FROM crm.account UNION SELECT id + 1 FROM account WHERE id < 3) SELECT count(*) FROM account
WITH account AS (SELECT * FROM account) SELECT count(*) FROM account
WITH account AS (SELECT 1 AS id) SELECT * FROM account, crm.account LIMIT 3
SELECT count(*) FROM (WITH contact AS (TABLE account) TABLE contact) x
WITH a AS (SELECT * FROM account), b AS (SELECT * FROM a), c AS (SELECT * FROM b) SELECT count(*) FROM c
SELECT (WITH account AS (SELECT 5 AS id) SELECT id FROM account)
SELECT count(*) FROM account UNION ALL SELECT count(*) FROM crm.account UNION ALL (TABLE product EXCEPT TABLE product LIMIT 1) LIMIT 2
(SELECT id FROM account ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM account ORDER BY id DESC LIMIT 2)
SELECT id FROM account INTERSECT ALL SELECT id FROM contact ORDER BY 1
SELECT GROUPING(owner_id), owner_id, count(*) FROM account GROUP BY ROLLUP (owner_id) ORDER BY 1, 2
SELECT owner_id, active, count(*) FROM account GROUP BY CUBE (owner_id, active) ORDER BY 1, 2
SELECT owner_id, count(*) FROM account GROUP BY GROUPING SETS ((owner_id), ()) ORDER BY 1
SELECT count(*) FROM account HAVING count(*) > 40
SELECT 1 FROM account HAVING true
SELECT id, name FROM account ORDER BY 1 FETCH FIRST 2 ROWS WITH TIES
SELECT id FROM account ORDER BY owner_id FETCH FIRST 1 ROW WITH TIES
SELECT DISTINCT owner_id FROM account ORDER BY 1
SELECT count(*), count(owner_id), count(DISTINCT owner_id) FROM account
SELECT max(id), min(id), sum(id), avg(id) FROM account
SELECT regr_slope(score, id), corr(score, id), stddev(score) FROM account
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM account
SELECT rank(8) WITHIN GROUP (ORDER BY id) FROM account
SELECT id, first_value(id) OVER (ORDER BY id DESC), last_value(id) OVER () FROM account ORDER BY id
SELECT id, lag(id) OVER (ORDER BY id), lead(id, 1, -1) OVER (ORDER BY id) FROM account ORDER BY id
SELECT id, percent_rank() OVER (ORDER BY id) FROM account ORDER BY id
SELECT id, count(*) OVER (ORDER BY id GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM account ORDER BY id
-- partitions-and-children: a partition, a child or the parent alone, by name, by ONLY, by tableoid and by a join of both
SELECT * FROM event_2025 ORDER BY id
SELECT * FROM event_2026 ORDER BY id
SELECT * FROM ONLY event
SELECT count(*) FROM event_2025 a JOIN event b USING (id, day)
SELECT tableoid::regclass, count(*) FROM event GROUP BY 1 ORDER BY 1
SELECT id FROM event WHERE tableoid = 'event_2025'::regclass ORDER BY id
SELECT count(*) FROM remark_long
SELECT * FROM ONLY remark ORDER BY id
SELECT tableoid::regclass, id FROM remark ORDER BY id
SELECT count(*) FROM remark r JOIN remark_long l ON l.id = r.id
SELECT id FROM remark EXCEPT SELECT id FROM ONLY remark ORDER BY 1
INSERT INTO event_2025 VALUES (900, '2025-03-03', 105, 'x', 1)
INSERT INTO event VALUES (901, '2025-03-03', 105, 'x', 1)
INSERT INTO event VALUES (902, '2031-03-03', 104, 'x', 1)
INSERT INTO remark_long VALUES (903, 105, 'x', 'y')
UPDATE event SET day = '2026-02-02' WHERE id = 1
UPDATE event SET owner_id = 105 WHERE id < 9
UPDATE event_2025 SET kind = 'x' RETURNING *
UPDATE ONLY remark SET body = 'x'
UPDATE remark SET owner_id = 105 RETURNING id
DELETE FROM event_2026 RETURNING id
DELETE FROM ONLY remark
DELETE FROM remark_long WHERE extra LIKE 'e%'
TABLE event_2025
COPY event_2025 TO STDOUT
SELECT id FROM event WHERE day BETWEEN '2025-01-01' AND '2025-12-31' ORDER BY id
SELECT count(*) FROM event e WHERE e.kind ~ 'a' AND 1 / (e.size - e.size + 1) > 0
-- system-columns: ctid, xmin, cmin and tableoid point at rows or tell when they were written
SELECT count(DISTINCT xmin::text) FROM account
SELECT count(*) FROM account GROUP BY tableoid
UPDATE account SET name = 'x' WHERE ctid = '(0,1)'
DELETE FROM account WHERE ctid IN (SELECT ctid FROM account)
SELECT a.ctid = b.ctid FROM account a JOIN account b USING (id) ORDER BY id
UPDATE contact SET note = ctid::text RETURNING id
-- user-types: casts, domains, enums and rows of the application's own types over hidden values
SELECT name::phone_number FROM account
SELECT id FROM account WHERE (score::text)::phone_number IS NOT NULL ORDER BY id
SELECT id FROM account WHERE name::crm.stage IS NOT NULL
SELECT enum_range(NULL::crm.stage)
SELECT enum_first(stage), enum_last(stage) FROM account WHERE id = 8
SELECT (name || '')::crm.stage FROM account WHERE id = 8
SELECT ROW(1, 'x', NULL)::crm.product
SELECT (ROW(1, 'x', 2)::crm.product).price
SELECT CAST(ROW(a.id, a.name, a.amount) AS crm.product) FROM account a ORDER BY id
SELECT a.id FROM account a WHERE CAST(ROW(a.id, a.name, a.name) AS crm.product) IS NOT NULL
SELECT id FROM account WHERE stage > 'open' ORDER BY id
SELECT stage, count(*) FROM account GROUP BY stage ORDER BY stage
SELECT id FROM account WHERE stage::text = name
SELECT p FROM product p WHERE p = ROW(1, 'product 1', 9.5)::crm.product
SELECT id FROM account WHERE name::crm.account IS NULL
SELECT '{"(1,x,2)"}'::crm.product[]
-- escapes: strings, quotes, comments, dollar quotes and unicode that a lexer reads otherwise than the server
SELECT id FROM account WHERE name = 'a\' OR id > 0 --'
SELECT id FROM account WHERE name = E'a\' OR true --' ORDER BY id
SELECT id FROM account WHERE name = $$'$$ OR id = 8 ORDER BY id
SELECT id FROM account WHERE name = $a$ $$ -- $a$ ORDER BY id
SELECT id /* /* nested */ FROM ledger */ FROM account ORDER BY id
SELECT id FROM account -- WHERE false
SELECT id FROM account WHERE id = 8--1
SELECT id FROM account WHERE id = 8 --1
SELECT 1-- -$1
SELECT id FROM account WHERE id = - -8
SELECT id FROM account WHERE name = U&'\0061' ORDER BY id
SELECT U&"\0069d" FROM account
SELECT id FROM U&"account"
SELECT id FROM "account" AS "a""b" WHERE "a""b".id = 8
SELECT id FROM account WHERE name = 'x' 'y'
SELECT id FROM account WHERE name = N'x'
SELECT id FROM account WHERE B'1' = B'1' ORDER BY id
SELECT id FROM account WHERE name = X'41'::text
SELECT id FROM account WHERE 0x1F > 30
SELECT 1_000
SELECT id FROM account WHERE id=8OR id=9
SELECT id FROM account WHERE id = 8.ORDER
SELECT E'\x27 OR 1=1' FROM account WHERE id = 8
SELECT '\'' FROM ledger --'
SELECT id FROM account WHERE id = 1 OR/**/true ORDER BY id
SELECT id FROM account WHERE id @ 1
SELECT id FROM account WHERE id OPERATOR(pg_catalog.=) 8
SELECT id FROM account WHERE id OPERATOR(crm.=) 8
SELECT id FROM account WHERE id OPERATOR(pg_temp.=) 8
SELECT '客户' FROM account WHERE name <> '客户' ORDER BY id
SELECT extract("epoch" FROM seen) FROM account ORDER BY id
SELECT extract('epoch'') OR (1=1' FROM seen) FROM account
SELECT extract("x') FROM crm.ledger --" FROM seen) FROM account
SELECT position('a' IN name), substring(name FROM 1 FOR 2), trim(BOTH 'x' FROM name), overlay(name PLACING 'x' FROM 1) FROM account ORDER BY id
SELECT id FROM account WHERE name LIKE '%''; DROP TABLE crm.account; --%'
SELECT id AS "id; DELETE FROM crm.account" FROM account ORDER BY id
SELECT id FROM account AS "rowgate_row" ORDER BY id
SELECT rowgate_row.id FROM account rowgate_row WHERE rowgate_row.owner_id > 0 ORDER BY 1
SELECT rowgate_row.secret FROM account
SELECT owner_id AS rowgate_check FROM account ORDER BY id
-- statements-in-one-string: several statements in one string: the first is harmless
SELECT 1; SELECT * FROM ledger
SELECT 1; DELETE FROM contact
SELECT 1;; TABLE ledger
; SELECT * FROM ledger
SELECT 1; SET row_security = off
SELECT 1 \; SELECT 2
BEGIN; SELECT * FROM ledger; COMMIT
SELECT id FROM product WHERE id = 1; COPY ledger TO STDOUT
SET search_path = pg_temp; SELECT * FROM account
PREPARE p AS SELECT 1; EXECUTE p
SELECT 1; DO $$ BEGIN END $$
SELECT 1; CREATE TABLE crm.x (a int)
-- write-scope: rows are moved into or out of scope, or written for somebody else
UPDATE account SET owner_id = 105 WHERE id = 8
UPDATE account SET owner_id = 104
UPDATE account SET owner_id = NULL
UPDATE account SET department_id = 3
UPDATE contact SET owner_id = 999
UPDATE contact SET owner_id = owner_id + 0
UPDATE account SET id = id + 5000
UPDATE account SET name = 'x' WHERE id = 1 OR true
UPDATE account SET name = 'x' WHERE owner_id <> 104 RETURNING id
UPDATE account SET name = 'x' WHERE id IN (SELECT id FROM account WHERE owner_id IS NULL)
UPDATE account SET active = (SELECT count(*) > 40 FROM account)
UPDATE account a SET name = b.name FROM account b WHERE b.id = a.id + 1 RETURNING a.id, b.name
UPDATE account SET (name, score) = (SELECT name, id FROM product p WHERE p.id = account.id) RETURNING id
UPDATE account SET labels[1] = 'x', attributes['n'] = '0' RETURNING id, labels[1]
DELETE FROM account WHERE owner_id = 105
DELETE FROM account WHERE id = 1 RETURNING *
DELETE FROM contact WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.id = contact.account_id) RETURNING id
INSERT INTO account (id, name, owner_id, department_id) VALUES (6400, 'x', 105, 3)
INSERT INTO account (id, name) VALUES (6401, 'x')
INSERT INTO account (id, name, owner_id, department_id) VALUES (6402, 'x', 104, 21), (6403, 'x', 105, 3)
INSERT INTO contact (id, owner_id) SELECT 6404 + id, owner_id FROM contact
INSERT INTO contact (id, owner_id) VALUES (6405, (SELECT max(owner_id) FROM account))
INSERT INTO contact (id, owner_id) OVERRIDING SYSTEM VALUE VALUES (6406, 104) RETURNING id
INSERT INTO contact AS c (id, owner_id) VALUES (6407, 104) RETURNING c.id, c
INSERT INTO contact DEFAULT VALUES
INSERT INTO product VALUES (77, 'x', 1)
UPDATE product SET price = 0
DELETE FROM product
INSERT INTO account_names (id, name) VALUES (6408, 'x')
UPDATE account_names SET name = 'x'
DELETE FROM account_names
UPDATE rated SET name = 'x' RETURNING id
TRUNCATE account
TRUNCATE contact CASCADE
-- conflict-more: ON CONFLICT reads every row that conflicts: conditions, EXCLUDED, RETURNING, masked and denied columns
INSERT INTO account (id, name, owner_id, department_id) VALUES (8, 'x', 104, 21) ON CONFLICT (id) DO UPDATE SET name = account.name
INSERT INTO account (id, name, owner_id, department_id) VALUES (8, 'x', 104, 21) ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name || account.phone RETURNING name
INSERT INTO account (id, name, owner_id, department_id) VALUES (1, 'x', 104, 21) ON CONFLICT (id) DO UPDATE SET owner_id = 104 RETURNING *
INSERT INTO account (id, name, owner_id, department_id) VALUES (1, 'x', 104, 21) ON CONFLICT ON CONSTRAINT account_pkey DO UPDATE SET name = 'z' RETURNING id
INSERT INTO account (id, name, owner_id, department_id) VALUES (8, 'x', 104, 21) ON CONFLICT (id) DO UPDATE SET name = 'z' WHERE account.score = 42
INSERT INTO account (id, name, owner_id, department_id) VALUES (8, 'x', 104, 21) ON CONFLICT (id) DO UPDATE SET name = 'z' WHERE account.secret > 0
INSERT INTO account (id, name, owner_id, department_id) SELECT id, 'x', 104, 21 FROM generate_series(1, 48) id ON CONFLICT (id) DO UPDATE SET name = 'z' RETURNING account.id
INSERT INTO contact (id, owner_id) SELECT n, 104 FROM generate_series(1, 60) n ON CONFLICT (id) DO UPDATE SET note = contact.note::int::text
INSERT INTO contact (id, owner_id) VALUES (6, 104) ON CONFLICT (id) DO UPDATE SET owner_id = EXCLUDED.owner_id RETURNING *
INSERT INTO contact (id, owner_id) VALUES (6, 104) ON CONFLICT (id) WHERE id > 0 DO UPDATE SET name = 'x'
INSERT INTO contact (id, owner_id) VALUES (6, 104) ON CONFLICT ((id + 0)) DO NOTHING
INSERT INTO event (id, day, owner_id) VALUES (1, '2025-06-10', 104) ON CONFLICT (id, day) DO UPDATE SET kind = event.kind RETURNING kind
INSERT INTO event_2025 (id, day, owner_id) VALUES (1, '2025-06-10', 104) ON CONFLICT DO NOTHING
INSERT INTO contact (id, owner_id) VALUES (6, 104) ON CONFLICT (id) DO UPDATE SET name = (SELECT max(name) FROM account)
-- write-in-with-more: writes inside WITH, nested, unused, under EXPLAIN, COPY, cursors and PREPARE
WITH x AS (UPDATE contact SET note = 'x' RETURNING *) SELECT * FROM x ORDER BY id
WITH x AS (INSERT INTO contact (id, owner_id) VALUES (6500, 105) RETURNING *) SELECT count(*) FROM x
WITH x AS (DELETE FROM contact) SELECT 1
WITH x AS (DELETE FROM account RETURNING secret) SELECT * FROM x
WITH a AS (SELECT id FROM account), b AS (DELETE FROM contact USING a WHERE a.id = contact.account_id RETURNING contact.id) SELECT count(*) FROM b
SELECT * FROM (WITH x AS (DELETE FROM contact RETURNING id) SELECT * FROM x) y
EXPLAIN WITH x AS (DELETE FROM contact RETURNING id) SELECT * FROM x
COPY (WITH x AS (DELETE FROM contact RETURNING id) SELECT * FROM x) TO STDOUT
COPY (DELETE FROM contact RETURNING id) TO STDOUT
COPY (INSERT INTO contact (id, owner_id) VALUES (6501, 105) RETURNING id) TO STDOUT
PREPARE p AS WITH x AS (DELETE FROM contact RETURNING id) SELECT * FROM x
DECLARE c CURSOR FOR WITH x AS (DELETE FROM contact RETURNING id) SELECT * FROM x
WITH x AS (UPDATE ledger SET total = 1 RETURNING *) SELECT count(*) FROM x
WITH x AS (DELETE FROM contact RETURNING 1 / (note::int - 42)) SELECT count(*) FROM x
WITH x AS (MERGE INTO contact c USING product p ON p.id = c.id WHEN MATCHED THEN DELETE) SELECT 1
WITH x AS (SELECT id FROM account) UPDATE contact SET note = 'y' FROM x WHERE x.id = contact.account_id
WITH x AS (SELECT secret FROM account) DELETE FROM contact WHERE id IN (SELECT secret FROM x)
WITH x AS (SELECT id FROM account) INSERT INTO contact (id, owner_id) SELECT 6600 + id, 104 FROM x RETURNING id
-- merge-more: MERGE: update, delete and insert by each kind of match, conditions over hidden rows and denied columns
MERGE INTO contact c USING account a ON a.id = c.account_id WHEN MATCHED THEN UPDATE SET note = a.name
MERGE INTO contact c USING account a ON a.id = c.account_id WHEN MATCHED THEN DELETE
MERGE INTO contact c USING (SELECT 6700 AS id) s ON s.id = c.id WHEN NOT MATCHED THEN INSERT (id, owner_id) VALUES (s.id, 105)
MERGE INTO contact c USING (SELECT 6700 AS id) s ON s.id = c.id WHEN NOT MATCHED THEN INSERT (id, owner_id) VALUES (s.id, 104)
MERGE INTO account a USING product p ON p.id = a.id WHEN MATCHED AND a.secret = 42 THEN UPDATE SET name = 'x'
MERGE INTO account a USING product p ON p.id = a.secret WHEN MATCHED THEN UPDATE SET name = 'x'
MERGE INTO account a USING product p ON a.phone = '1' WHEN MATCHED THEN UPDATE SET name = 'x'
MERGE INTO account a USING product p ON p.id = a.id WHEN MATCHED THEN UPDATE SET owner_id = 105
MERGE INTO account a USING product p ON 1 / a.score > -1 AND p.id = a.id WHEN MATCHED THEN DO NOTHING
MERGE INTO ledger l USING product p ON p.id = l.id WHEN MATCHED THEN DELETE
MERGE INTO contact c USING ledger l ON l.id = c.id WHEN MATCHED THEN UPDATE SET note = l.memo
MERGE INTO account_names n USING product p ON p.id = n.id WHEN MATCHED THEN UPDATE SET name = 'x'
EXPLAIN MERGE INTO contact c USING account a ON a.id = c.account_id WHEN MATCHED THEN DELETE
-- schema-change: statements that detach a name from its rules, or attach code to a table
CREATE VIEW v AS SELECT * FROM account
CREATE TEMP VIEW account AS SELECT * FROM crm.ledger
CREATE OR REPLACE VIEW account_names AS SELECT * FROM account
CREATE RECURSIVE VIEW v (n) AS SELECT id FROM account
CREATE MATERIALIZED VIEW v AS SELECT * FROM account
REFRESH MATERIALIZED VIEW v
ALTER TABLE account RENAME TO x
ALTER TABLE account RENAME COLUMN secret TO shown
ALTER TABLE account SET SCHEMA public
ALTER TABLE account DROP COLUMN owner_id
ALTER TABLE account ADD COLUMN x int
ALTER TABLE account DISABLE TRIGGER ALL
ALTER TABLE account NO FORCE ROW LEVEL SECURITY
ALTER TABLE event ATTACH PARTITION ledger DEFAULT
ALTER TABLE remark INHERIT ledger
ALTER VIEW rated RENAME TO ledger_view
ALTER SCHEMA crm RENAME TO other
ALTER FUNCTION lower(text) OWNER TO gateway
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE FUNCTION pg_temp.f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM crm.ledger'
CREATE OPERATOR crm.= (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)
CREATE CAST (text AS int) WITH INOUT
CREATE AGGREGATE a (int) (SFUNC = int4pl, STYPE = int)
CREATE TRIGGER t AFTER INSERT ON contact FOR EACH ROW EXECUTE FUNCTION f()
CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()
CREATE RULE r AS ON INSERT TO contact DO ALSO SELECT * FROM ledger
CREATE POLICY p ON account USING (true)
DROP POLICY p ON account
CREATE INDEX ON account ((1 / score))
CREATE STATISTICS s ON name, score FROM account
CREATE SEQUENCE s
CREATE SCHEMA x
CREATE DOMAIN d AS int CHECK (VALUE > 0)
CREATE TYPE t AS (a int)
CREATE EXTENSION dblink
CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw
CREATE USER MAPPING FOR CURRENT_USER SERVER s
CREATE FOREIGN TABLE f (a int) SERVER s
IMPORT FOREIGN SCHEMA public FROM SERVER s INTO crm
CREATE PUBLICATION p FOR ALL TABLES
CREATE SUBSCRIPTION s CONNECTION 'dbname=plain' PUBLICATION p
CREATE COLLATION c FROM "C"
CREATE CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1
CREATE LANGUAGE plpython3u
CREATE ROLE x SUPERUSER
CREATE TABLE x AS SELECT * FROM ledger
CREATE TABLE x (LIKE account INCLUDING ALL)
CREATE UNLOGGED TABLE x (a int)
CREATE TEMP TABLE account AS SELECT * FROM crm.ledger
CREATE TEMP TABLE account (id int)
SELECT * INTO x FROM ledger
SELECT * INTO TEMP account FROM crm.ledger
DROP TABLE account
DROP OWNED BY gateway
REASSIGN OWNED BY gateway TO postgres
COMMENT ON TABLE account IS 'x'
SECURITY LABEL ON TABLE account IS 'x'
-- maintenance: maintenance commands run code of the table's owner
VACUUM
VACUUM FULL account
ANALYZE
ANALYZE account (secret)
CLUSTER account USING account_pkey
REINDEX TABLE account
REINDEX DATABASE plain
CHECKPOINT
LOAD 'auto_explain'
LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE
LOCK TABLE account IN SHARE MODE
-- server-side-code: DO, CALL and asynchronous messages
DO $$ BEGIN RAISE NOTICE '%', (SELECT count(*) FROM crm.ledger); END $$
DO LANGUAGE plpgsql 'BEGIN EXECUTE ''SELECT 1''; END'
CALL crm.f()
CALL pg_catalog.lower('x')
LISTEN c
NOTIFY c, 'x'
UNLISTEN *
COPY account FROM STDIN
COPY account FROM PROGRAM 'cat /etc/passwd'
COPY account TO PROGRAM 'cat'
COPY account TO '/tmp/x'
COPY contact FROM '/etc/passwd'
COPY (SELECT 1) TO '/tmp/x'
PREPARE TRANSACTION 'x'
COMMIT PREPARED 'x'
ROLLBACK PREPARED 'x'
EXECUTE nothing
EXPLAIN EXECUTE nothing
FETCH ALL FROM nothing
MOVE 1 FROM nothing
CLOSE nothing
DEALLOCATE nothing
-- settings: settings that change what a text means, who one is, or which rules the server applies
SET row_security = off
SET LOCAL row_security TO off
SET session_replication_role = replica
SET plan_cache_mode = force_generic_plan
SET role = postgres
SET ROLE NONE
RESET ROLE
SET SESSION AUTHORIZATION postgres
RESET SESSION AUTHORIZATION
SET LOCAL SESSION AUTHORIZATION DEFAULT
SET client_encoding = 'GBK'
SET NAMES 'BIG5'
SET standard_conforming_strings = off
SET backslash_quote = on
SET escape_string_warning = off
SET quote_all_identifiers = on
SET transform_null_equals = on
SET array_nulls = off
SET check_function_bodies = off
SET default_table_access_method = 'heap'
SET temp_tablespaces = ''
SET default_tablespace = ''
SET local_preload_libraries = 'x'
SET session_preload_libraries = 'x'
SET dynamic_library_path = '/tmp'
SET log_statement = 'none'
SET log_min_messages = 'debug5'
SET debug_print_plan = on
SET log_parser_stats = on
SET client_min_messages = debug5
SET track_activities = off
SET lo_compat_privileges = on
SET allow_system_table_mods = on
SET ignore_system_indexes = on
SET zero_damaged_pages = on
SET statement_timeout = 0
SET work_mem = '1GB'
SET max_parallel_workers_per_gather = 8
SET createrole_self_grant = 'set'
SET XML OPTION DOCUMENT
SET TIME ZONE 'Asia/Shanghai'
SET TRANSACTION SNAPSHOT '00000003-0000001B-1'
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
SET crm.anything = 'x'
SET rowgate.roles = 'manager'
RESET ALL
DISCARD ALL
DISCARD PLANS
DISCARD TEMP
DISCARD SEQUENCES
SHOW ALL
SHOW row_security
SHOW data_directory
SHOW hba_file
SHOW is_superuser
SHOW session_authorization
SHOW krb_server_keyfile
SHOW primary_conninfo
SELECT set_config('row_security', 'off', false)
SELECT set_config('search_path', 'pg_temp', false)
SELECT set_config(name, 'x', true) FROM account
SELECT id FROM account WHERE set_config('session_replication_role', 'replica', true) IS NULL
SELECT pg_catalog.set_config('role', 'postgres', true)
SELECT (pg_catalog.set_config)('role', 'postgres', true)
SELECT set_config(setting_name => 'role', new_value => 'postgres', is_local => true)
SELECT set_config(VARIADIC ARRAY['role', 'postgres', 'true'])
UPDATE pg_settings SET setting = 'off' WHERE name = 'row_security'
SELECT set_config('jit', name, false) FROM account
SELECT current_setting('data_directory')
SELECT current_setting('row_security')
SELECT current_setting('crm.secret', true)
SELECT current_setting('pool.password', true)
SELECT * FROM pg_settings WHERE name = 'data_directory'
ALTER ROLE gateway SET row_security = off
ALTER ROLE ALL SET search_path = pg_temp
ALTER ROLE CURRENT_USER RESET ALL
ALTER DATABASE plain SET standard_conforming_strings = off
ALTER DATABASE plain RESET ALL
ALTER SYSTEM SET wal_level = minimal
ALTER USER gateway PASSWORD 'x'
GRANT pg_read_all_data TO gateway
REVOKE ALL ON account FROM gateway
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO public
-- explain-more: EXPLAIN in every form that runs the statement, shows estimates or shows conditions
EXPLAIN (ANALYZE) SELECT * FROM account
EXPLAIN (ANALYZE off) SELECT * FROM account
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT 1 / score FROM account
EXPLAIN ANALYZE VERBOSE DELETE FROM contact
EXPLAIN ANALYSE SELECT 1
EXPLAIN (COSTS) SELECT * FROM account
EXPLAIN (COSTS on, VERBOSE) SELECT * FROM account WHERE name = 'x'
EXPLAIN (FORMAT JSON) SELECT * FROM account
EXPLAIN (FORMAT XML, BUFFERS) SELECT * FROM account
EXPLAIN (FORMAT YAML) SELECT 1
EXPLAIN (BUFFERS) SELECT * FROM account
EXPLAIN (WAL) SELECT 1
EXPLAIN (GENERIC_PLAN) SELECT * FROM account WHERE id = $1
EXPLAIN (SETTINGS, SUMMARY) SELECT 1
EXPLAIN (MEMORY) SELECT 1
EXPLAIN (SERIALIZE) SELECT * FROM account
EXPLAIN (COSTS 'on') SELECT * FROM account
EXPLAIN VERBOSE UPDATE account SET name = 'x'
EXPLAIN DELETE FROM contact WHERE note::int = 42
EXPLAIN INSERT INTO contact (id, owner_id) SELECT id, 1 / score FROM account
EXPLAIN DECLARE c CURSOR FOR SELECT * FROM ledger
EXPLAIN CREATE TABLE x AS SELECT * FROM ledger
EXPLAIN EXPLAIN SELECT 1
EXPLAIN EXECUTE p
EXPLAIN SELECT * FROM account WHERE secret = 42
-- copy-more: COPY out in every format and form, with conditions on hidden rows
COPY account (id, name) TO STDOUT
COPY account (secret) TO STDOUT
COPY account (id, phone) TO STDOUT (FORMAT csv, HEADER)
COPY contact TO STDOUT (FORMAT binary)
COPY (SELECT * FROM account WHERE 1 / score > -1) TO STDOUT
COPY (SELECT * FROM account ORDER BY id) TO STDOUT (FORMAT csv, FORCE_QUOTE *)
COPY event TO STDOUT
COPY ONLY remark TO STDOUT
COPY (TABLE remark) TO STDOUT
COPY (VALUES ((SELECT max(secret) FROM account))) TO STDOUT
COPY account_names TO STDOUT
COPY (SELECT (SELECT count(*) FROM ledger)) TO STDOUT
COPY account TO STDOUT (DELIMITER '|', NULL 'x')
COPY account WHERE id > 0 TO STDOUT
COPY product TO STDOUT
-- locks: row locks of every strength and target, also of what may only be read
SELECT id FROM account ORDER BY id FOR UPDATE
SELECT id FROM account ORDER BY id FOR NO KEY UPDATE
SELECT id FROM account ORDER BY id FOR SHARE SKIP LOCKED
SELECT id FROM account ORDER BY id FOR KEY SHARE NOWAIT
SELECT a.id FROM account a JOIN contact c ON c.account_id = a.id ORDER BY 1 FOR UPDATE OF c
SELECT id FROM product ORDER BY id FOR UPDATE
SELECT * FROM ledger FOR KEY SHARE
SELECT id FROM account WHERE name::int = 0 FOR UPDATE
SELECT id FROM (SELECT * FROM account FOR UPDATE) x ORDER BY id
WITH x AS (SELECT id FROM account FOR UPDATE) SELECT count(*) FROM x
SELECT pg_advisory_lock(1)
SELECT pg_try_advisory_xact_lock(score) FROM account
SELECT id FROM account WHERE pg_advisory_xact_lock(id) IS NULL ORDER BY id
-- cursors: cursors and prepared statements over protected rows, by SQL
DECLARE c CURSOR FOR SELECT 1 / score FROM account
DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT id FROM account ORDER BY id
DECLARE c BINARY CURSOR FOR SELECT secret FROM account
DECLARE rowgate_x CURSOR FOR SELECT 1
PREPARE p AS SELECT id FROM account WHERE 1 / score > $1
PREPARE p (int) AS SELECT secret FROM account WHERE id = $1
PREPARE p AS UPDATE account SET owner_id = $1
PREPARE rowgate_x AS SELECT 1
EXECUTE rowgate_q1_1
FETCH ALL FROM rowgate_path
CLOSE ALL
DEALLOCATE ALL
UPDATE account SET name = 'x' WHERE CURRENT OF c
DELETE FROM account WHERE CURRENT OF c
-- identity: functions and names that tell who the gateway is, or are taken for the person
SELECT current_user, session_user, current_role, user
SELECT current_catalog = current_database(), current_schema
SELECT current_schemas(true)
SELECT pg_backend_pid() > 0
SELECT inet_server_addr(), inet_server_port()
SELECT inet_client_addr()
SELECT pg_postmaster_start_time() < now()
SELECT pg_conf_load_time() < now()
SELECT pg_is_in_recovery()
SELECT pg_my_temp_schema()
SELECT pg_is_other_temp_schema(2200)
SELECT pg_trigger_depth()
SELECT pg_current_logfile()
SELECT pg_jit_available()
SELECT id FROM account WHERE owner_id = :user.id
SELECT id FROM account WHERE owner_id = $1
SELECT rowgate_user_id()
SELECT version() LIKE 'PostgreSQL%'
-- regular-expressions: patterns that run for ever or fail by hidden texts
SELECT id FROM account WHERE name ~ '(a+)+$' ORDER BY id
SELECT id FROM account WHERE name SIMILAR TO '%(a|b)%' ORDER BY id
SELECT id FROM account WHERE name ~ ('(' || name) ORDER BY id
SELECT regexp_matches(name, name) FROM account
SELECT regexp_split_to_table('x', name) FROM account
SELECT id FROM account WHERE regexp_like('x', name)
SELECT id FROM account WHERE regexp_instr(name, '(', 1) > 0
SELECT id FROM account WHERE name ~ '***:' ORDER BY id
SELECT id FROM account WHERE 'x' SIMILAR TO name ESCAPE name
SELECT id FROM account WHERE like_escape(name, '\\') = 'x'
-- temporal-and-money: dates, intervals, money and network types over hidden values
SELECT id FROM account WHERE (opened - '0001-01-01'::date) * 1000000 > 0
SELECT id FROM account WHERE opened + time '00:00' > '2024-01-01' ORDER BY id
SELECT id FROM account WHERE (seen, interval '1 day') OVERLAPS (now(), now())
SELECT id FROM account WHERE make_interval(days => score::int) > '0'
SELECT id FROM account WHERE make_time(score::int, 0, 0) IS NULL
SELECT id FROM account WHERE make_timestamptz(score::int, 1, 1, 0, 0, 0) IS NULL
SELECT id FROM account WHERE justify_days(seen - now()) > '0' ORDER BY id
SELECT id FROM account WHERE isfinite(opened) ORDER BY id
SELECT id FROM account WHERE date_bin('1 day', seen, '2000-01-01') IS NULL
SELECT id FROM account WHERE to_timestamp(score) IS NULL
SELECT id FROM account WHERE score::money IS NULL
SELECT id FROM account WHERE name::macaddr IS NULL
SELECT id FROM account WHERE name::cidr IS NULL
SELECT id FROM account WHERE name::point IS NULL
SELECT id FROM account WHERE name::pg_lsn IS NULL
SELECT id FROM account WHERE name::txid_snapshot IS NULL
SELECT id FROM account WHERE name::bit varying IS NULL
SELECT id FROM account WHERE name::timetz IS NULL
SELECT id FROM account WHERE name::"char" = '0' ORDER BY id
SELECT id FROM account WHERE name::jsonpath IS NULL
SELECT id FROM account WHERE name::regtype IS NULL
SELECT id FROM account WHERE name::tid IS NULL
SELECT id FROM account WHERE name::int[] IS NULL
SELECT id FROM account WHERE name::crm.stage[] IS NULL
-- xml-json-tables: XMLTABLE, JSON and text search read hidden documents, and fail by them
SELECT x.a FROM account, XMLTABLE('/r' PASSING ('<r>' || name || '</r>')::xml COLUMNS a text PATH '.') x
SELECT xmlparse(DOCUMENT name) FROM account
SELECT xpath(name, '<a/>') FROM account
SELECT xpath_exists('/a', ('<a>' || name || '</a>')::xml) FROM account
SELECT xmlelement(name x, score) FROM account ORDER BY id
SELECT xmlagg(xmlelement(name x, name) ORDER BY id)::text FROM account
SELECT xml_is_well_formed(name) FROM account ORDER BY id
SELECT jsonb_path_query(attributes, '$.list[*]') FROM account ORDER BY id, 1
SELECT jsonb_each_text(attributes) FROM account
SELECT jsonb_array_elements_text(attributes -> 'list') FROM account
SELECT attributes['n'] FROM account ORDER BY id
SELECT attributes @> '{"n": 8}' FROM account ORDER BY id
SELECT (attributes -> 'n')::int FROM account ORDER BY id
SELECT jsonb_path_match(attributes, '$.n == 8') FROM account
SELECT jsonb_path_query_first(attributes, name::jsonpath) FROM account
SELECT jsonb_pretty(attributes) FROM account ORDER BY id
SELECT to_tsvector('simple', name) @@ to_tsquery('simple', name) FROM account
SELECT ts_headline(name, plainto_tsquery('x')) FROM account ORDER BY id
SELECT ts_rank(to_tsvector(name), name::tsquery) FROM account
SELECT to_tsvector(name::regconfig, 'x') FROM account
SELECT * FROM JSON_TABLE((SELECT attributes FROM account WHERE id = 8), '$' COLUMNS (n int PATH '$.n')) j
-- volatile: values that change by call are used to make a condition run on hidden rows
SELECT id FROM account WHERE random() >= 0 AND 1 / score > -1
SELECT id FROM account WHERE random() < 2 ORDER BY id
SELECT count(*) FROM account WHERE gen_random_uuid() IS NOT NULL
SELECT id FROM account WHERE clock_timestamp() > seen - interval '9999 years' AND name::int > 0
SELECT nextval('crm.s')
SELECT setval('crm.s', 1)
SELECT lastval()
SELECT id FROM account WHERE nextval(name) > 0
SELECT count(*) FROM account, LATERAL (SELECT random() / score) x
SELECT id FROM account a WHERE (SELECT random() + a.score) / a.score > 0
-- known-unique-probe: whether a key exists may be told by a unique constraint, and nothing else of its row
INSERT INTO account (id, name, owner_id, department_id) VALUES (3, 'x', 104, 21)
INSERT INTO contact (id, owner_id) VALUES (3, 104)
INSERT INTO event (id, day, owner_id) VALUES (3, '2025-06-28', 104)
UPDATE account SET id = 3 WHERE id = 8
UPDATE contact SET id = 3 WHERE id = 6
-- known-physical: where a row lies, and which transaction wrote it, tells of rows that are not shown
SELECT ctid, id FROM account ORDER BY id
SELECT id FROM account WHERE ctid = ANY (ARRAY['(0,1)', '(0,2)', '(0,8)']::tid[]) ORDER BY id
SELECT id FROM account WHERE ctid >= '(0,5)' ORDER BY id
SELECT cmin, cmax, id FROM account WHERE id < 3 ORDER BY id
SELECT xmax FROM account WHERE id = 8
SELECT xmin, ctid FROM pg_class WHERE relname = 'account'
SELECT id FROM account WHERE ctid = '(0,1)'
-- known-conflict-nothing: ON CONFLICT DO NOTHING tells of many keys at once whether they exist
INSERT INTO account (id, name, owner_id, department_id) SELECT n, 'x', 104, 21 FROM generate_series(1, 48) n ON CONFLICT DO NOTHING RETURNING id
