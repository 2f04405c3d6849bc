SELECT * FROM account
SELECT id, name FROM account WHERE id = 1
SELECT a.* FROM account a
SELECT a FROM account a
SELECT a::text FROM account a WHERE a.id < 9
SELECT (a).name, (a).id FROM account a
SELECT (a).* FROM account a
SELECT row_to_json(a) FROM account a
SELECT to_jsonb(c) FROM contact c
SELECT crm.account.id, crm.account.name FROM crm.account
SELECT crm.account.* FROM crm.account
SELECT * FROM crm.account AS x (a, b, c, d)
TABLE product
TABLE account
TABLE contact ORDER BY id
SELECT * FROM ONLY account
SELECT * FROM ONLY remark => SELECT * FROM remark WHERE id <= 20
SELECT * FROM remark
SELECT * FROM remark *
SELECT * FROM remark_long
SELECT id, extra FROM remark_long WHERE extra LIKE 'extra%'
SELECT * FROM event
SELECT * FROM event WHERE day BETWEEN '2025-07-01' AND '2025-12-01'
SELECT * FROM event_2025
SELECT count(*) FROM event_2026
SELECT * FROM ONLY event
SELECT *, ctid IS NOT NULL AS stored FROM event_2025 => SELECT *, true AS stored FROM event_2025
SELECT tableoid::regclass::text, id FROM remark => SELECT CASE WHEN id <= 20 THEN 'remark' ELSE 'remark_long' END AS tableoid, id FROM remark
SELECT id, ctid IS NOT NULL FROM product => SELECT id, id IS NOT NULL FROM product
SELECT * FROM account_names
SELECT * FROM name_lengths
SELECT n.id, n.upper_name FROM name_lengths n WHERE n.letters > 9
SELECT v.name, c.name FROM account_names v JOIN contact c ON c.account_id = v.id
SELECT name FROM crm.account_names WHERE phone LIKE '138%'
SELECT count(*), sum(letters) FROM name_lengths
VALUES (1, 'a'), (2, 'b')
VALUES ((SELECT max(id) FROM account)), (0)
SELECT 1
SELECT
SELECT id, phone FROM account WHERE phone LIKE '138%'
SELECT id FROM account WHERE phone = '13800000037'
SELECT phone, count(*) FROM account GROUP BY phone
SELECT DISTINCT email FROM account
SELECT email FROM contact ORDER BY email
SELECT id, mobile FROM account WHERE mobile IS NOT NULL
SELECT max(phone), min(phone), min(email) FROM account
SELECT birthday, count(*) FROM contact GROUP BY birthday ORDER BY birthday
SELECT id FROM contact WHERE birthday < '1985-06-01'
SELECT sum(amount), avg(amount), count(amount) FROM account
SELECT id, amount * 2, amount / 3 FROM account
SELECT id, round(amount, -2) FROM account
SELECT id, -score, abs(score), score % 7 FROM account
SELECT id, active, NOT active FROM account WHERE active
SELECT id, opened, opened + 30, opened - DATE '2024-01-01' FROM account
SELECT id, extract(year FROM opened), date_part('month', opened) FROM account
SELECT id, date_trunc('month', seen) FROM account
SELECT id, seen AT TIME ZONE 'Asia/Shanghai' FROM account
SELECT id, seen + INTERVAL '1 day', seen::date FROM account
SELECT to_char(opened, 'YYYY-MM'), count(*) FROM account GROUP BY 1
SELECT id, attributes ->> 'city', attributes -> 'n' FROM account
SELECT id FROM account WHERE attributes @> '{"city": "Beijing"}'
SELECT id, attributes #>> '{list,0}' FROM account
SELECT id, jsonb_array_length(attributes -> 'list') FROM account WHERE attributes ? 'list'
SELECT a.id, e.value FROM account a, jsonb_array_elements(a.attributes -> 'list') e
SELECT a.id, e.* FROM account a, LATERAL jsonb_each_text(a.attributes) e WHERE a.owner_id = 104
SELECT id, jsonb_build_object('id', id, 'name', name) FROM account
SELECT jsonb_agg(id ORDER BY id) FROM account
SELECT jsonb_object_agg(id, name) FROM product
SELECT id, token FROM account WHERE token = '00000000-0000-0000-0000-000000000005'
SELECT token::text FROM account
SELECT id, labels, labels[1], cardinality(labels), array_length(labels, 1) FROM account
SELECT id FROM account WHERE labels @> ARRAY['l1']
SELECT id FROM account WHERE 'm2' = ANY (labels)
SELECT id FROM account WHERE 'l0' <> ALL (labels)
SELECT id, unnest(labels) FROM account
SELECT a.id, l FROM account a, unnest(a.labels) AS l
SELECT a.id, l, o FROM account a CROSS JOIN LATERAL unnest(a.labels) WITH ORDINALITY AS u (l, o)
SELECT id, array_to_string(labels, ',') FROM account
SELECT labels || ARRAY['new'] FROM account WHERE labels IS NOT NULL
SELECT array_agg(id ORDER BY id DESC) FROM account
SELECT ARRAY(SELECT id FROM contact ORDER BY id)
SELECT id, stage FROM account WHERE stage = 'won'
SELECT stage, count(*) FROM account GROUP BY stage ORDER BY stage
SELECT id FROM account WHERE stage IN ('won', 'lost') AND stage > 'lead'
SELECT max(stage), min(stage) FROM account
SELECT stage::text || '!' FROM account
SELECT id, CASE stage WHEN 'won' THEN 1 WHEN 'lost' THEN -1 ELSE 0 END FROM account
SELECT id, CASE WHEN amount > 1000 THEN 'big' ELSE 'small' END AS size FROM account
SELECT coalesce(phone, email, 'none') FROM account
SELECT nullif(owner_id, 104), greatest(id, score), least(id, 5) FROM account
SELECT id FROM account WHERE owner_id IS NULL
SELECT id FROM account WHERE owner_id IS DISTINCT FROM 104
SELECT id FROM account WHERE (owner_id = 104) IS NOT TRUE
SELECT id FROM account WHERE NOT (owner_id = 104)
SELECT id FROM account WHERE id = 5 OR true
SELECT id FROM account WHERE id = 5 OR 1 = 1 --
SELECT id FROM account WHERE id IN (1, 2, 3, 14, 15, 16)
SELECT id FROM account WHERE id BETWEEN 5 AND 20
SELECT id FROM account WHERE id > ANY (ARRAY[10, 20])
SELECT id FROM account WHERE (id, owner_id) = (8, 104)
SELECT id FROM account WHERE (id, owner_id) IN ((8, 104), (16, 104), (1, 103))
SELECT id FROM account WHERE (owner_id, id) > (103, 10)
SELECT id FROM account WHERE ROW(id, name) IS NOT NULL
SELECT ROW(id, name) FROM account
SELECT name ILIKE 'ACCOUNT%', name ~ '1$', name SIMILAR TO '%1' FROM account
SELECT substring(name FROM 3 FOR 4), position('c' IN name), trim(name), overlay(name placing 'X' from 1) FROM account
SELECT upper(name), lower(name), length(name), reverse(name), left(name, 3), md5(name) FROM account
SELECT format('%s-%s', id, name), concat(id, '/', phone), concat_ws(',', id, email) FROM account
SELECT split_part(email, '@', 2), count(*) FROM account GROUP BY 1
SELECT replace(name, 'account', 'client'), translate(name, 'abc', 'xyz'), lpad(name, 20) FROM account
SELECT regexp_replace(name, '[0-9]+', '#'), regexp_match(name, '[0-9]+') FROM account
SELECT string_agg(name, ', ' ORDER BY name) FROM account
SELECT string_agg(DISTINCT email, ',' ORDER BY email) FROM contact
SELECT count(*) FROM account
SELECT count(*), count(phone), count(DISTINCT owner_id) FROM account
SELECT count(*) FILTER (WHERE active), count(*) FILTER (WHERE NOT active) FROM account
SELECT bool_and(active), bool_or(active), every(active) FROM account
SELECT owner_id, count(*) FROM account GROUP BY owner_id
SELECT owner_id, count(*) FROM account GROUP BY owner_id HAVING count(*) > 2
SELECT department_id, owner_id, sum(score) FROM account GROUP BY ROLLUP (department_id, owner_id)
SELECT department_id, stage, count(*), grouping(department_id, stage) FROM account GROUP BY CUBE (department_id, stage)
SELECT department_id, stage, count(*) FROM account GROUP BY GROUPING SETS ((department_id), (stage), ())
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY score) FROM account
SELECT percentile_disc(0.25) WITHIN GROUP (ORDER BY id), mode() WITHIN GROUP (ORDER BY owner_id) FROM account
SELECT rank(10) WITHIN GROUP (ORDER BY id) FROM account
SELECT stddev(score), variance(score), corr(id, score) FROM account
SELECT a.id, a.name, count(c.id) FROM account a LEFT JOIN contact c ON c.account_id = a.id GROUP BY a.id, a.name
SELECT p.id, p.name, p.price, count(e.id) FROM product p LEFT JOIN event e ON e.id = p.id GROUP BY p.id
SELECT r.*, count(*) FROM remark r GROUP BY r.id, r.owner_id, r.body
SELECT DISTINCT owner_id FROM account
SELECT DISTINCT owner_id, stage FROM account ORDER BY 1, 2
SELECT DISTINCT ON (owner_id) owner_id, id, name FROM account ORDER BY owner_id, id DESC
SELECT id, row_number() OVER (ORDER BY id) FROM account
SELECT id, rank() OVER (PARTITION BY owner_id ORDER BY score DESC) FROM account
SELECT id, sum(score) OVER (PARTITION BY department_id ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM account
SELECT id, lag(name) OVER w, lead(name, 1, '-') OVER w, first_value(id) OVER w FROM account WINDOW w AS (ORDER BY id)
SELECT id, ntile(4) OVER (ORDER BY id), cume_dist() OVER (ORDER BY id), percent_rank() OVER (ORDER BY id) FROM account
SELECT id, count(*) FILTER (WHERE active) OVER (ORDER BY id) FROM account
SELECT id, max(score) OVER (ORDER BY opened RANGE BETWEEN INTERVAL '30 days' PRECEDING AND CURRENT ROW) FROM account
SELECT id, nth_value(id, 2) OVER (ORDER BY id GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM account
SELECT owner_id, sum(count(*)) OVER () FROM account GROUP BY owner_id
SELECT a.id, c.id FROM account a JOIN contact c ON c.account_id = a.id
SELECT a.id, c.id FROM account a LEFT JOIN contact c ON c.account_id = a.id
SELECT a.id, c.id FROM account a RIGHT JOIN contact c ON c.account_id = a.id
SELECT a.id, c.id FROM account a FULL JOIN contact c ON c.account_id = a.id
SELECT a.id, c.id FROM account a LEFT JOIN contact c ON c.account_id = a.id AND c.owner_id = 104 WHERE c.id IS NULL
SELECT a.id, c.id FROM account a LEFT JOIN contact c ON c.account_id = a.id WHERE c.id IS NULL OR c.name LIKE '%1'
SELECT p.id, a.id FROM product p LEFT JOIN account a ON a.id = p.id
SELECT p.id, a.id, c.id FROM product p LEFT JOIN (account a JOIN contact c ON c.account_id = a.id) ON a.id = p.id
SELECT p.id, a.id, c.id FROM product p LEFT JOIN account a ON a.id = p.id LEFT JOIN contact c ON c.account_id = a.id
SELECT p.id, a.id FROM product p RIGHT JOIN account a ON a.id = p.id + 1
SELECT count(*) FROM account, product
SELECT a.id, p.id FROM account a CROSS JOIN product p WHERE p.id < 3
SELECT id, a.name, p.name FROM account a JOIN product p USING (id)
SELECT id, p.price FROM account a LEFT JOIN product p USING (id)
SELECT id, a.name, r.body FROM account a FULL JOIN remark r USING (id)
SELECT j.id FROM (account a JOIN remark r USING (id)) AS j
SELECT j.id, j.body FROM (product p JOIN remark r USING (id)) AS j
SELECT k.id FROM account a JOIN remark r USING (id) AS k
SELECT id FROM product NATURAL JOIN event
SELECT id FROM account NATURAL JOIN contact
SELECT id, name FROM account NATURAL LEFT JOIN (SELECT id, 'x' AS body FROM product) p
SELECT count(*) FROM account a NATURAL JOIN account_names n
SELECT * FROM product NATURAL LEFT JOIN (SELECT id, body FROM remark) r
SELECT a.id, b.id FROM account a JOIN account b ON b.id = a.id + 1
SELECT a.id, b.id FROM account a JOIN account b ON b.owner_id = a.owner_id AND b.id > a.id
SELECT a.id, x.name FROM account a, LATERAL (SELECT c.name FROM contact c WHERE c.account_id = a.id ORDER BY c.id LIMIT 1) x
SELECT a.id, x.n FROM account a LEFT JOIN LATERAL (SELECT count(*) AS n FROM contact c WHERE c.account_id = a.id) x ON true
SELECT p.id, x.* FROM product p CROSS JOIN LATERAL (SELECT a.id, a.phone FROM account a WHERE a.id = p.id) x
SELECT a.id, g FROM account a, generate_series(1, 2) g
SELECT a.id, g FROM account a, LATERAL generate_series(a.id, a.id + 1) g
SELECT id, generate_series(1, 2) FROM product
SELECT * FROM generate_series(1, 5) AS g (n) WHERE n IN (SELECT id FROM account)
SELECT * FROM ROWS FROM (generate_series(1, 3), generate_series(1, 2)) AS t (a, b)
SELECT * FROM generate_series(1, 3) WITH ORDINALITY
SELECT id, (SELECT count(*) FROM contact c WHERE c.account_id = a.id) FROM account a
SELECT (SELECT max(score) FROM account), (SELECT min(id) FROM contact)
SELECT id FROM account a WHERE EXISTS (SELECT 1 FROM contact c WHERE c.account_id = a.id)
SELECT id FROM account a WHERE NOT EXISTS (SELECT FROM contact c WHERE c.account_id = a.id)
SELECT id FROM account WHERE id IN (SELECT account_id FROM contact)
SELECT id FROM product WHERE id NOT IN (SELECT id FROM account)
SELECT id FROM contact WHERE account_id = ANY (SELECT id FROM account WHERE active)
SELECT id FROM account WHERE score >= ALL (SELECT score FROM account)
SELECT id FROM account WHERE (id, name) IN (SELECT id, name FROM account WHERE active)
SELECT id FROM account WHERE score > (SELECT avg(score) FROM account)
SELECT id FROM account ORDER BY (SELECT count(*) FROM contact c WHERE c.account_id = account.id), id
SELECT id FROM account ORDER BY id LIMIT (SELECT count(*) / 2 FROM account)
SELECT owner_id, count(*) FROM account GROUP BY owner_id HAVING count(*) > (SELECT count(*) FROM remark) / 10
SELECT CASE WHEN EXISTS (SELECT FROM account WHERE id = 1) THEN 'yes' ELSE 'no' END
SELECT s.id, s.n FROM (SELECT id, name AS n FROM account WHERE active) s WHERE s.n LIKE '%2%'
SELECT * FROM (SELECT * FROM (SELECT * FROM account) x) y WHERE y.id < 10
SELECT s.owner_id, max(s.n) FROM (SELECT owner_id, count(*) AS n FROM account GROUP BY owner_id, stage) s GROUP BY s.owner_id
WITH a AS (SELECT * FROM account) SELECT id, phone FROM a
WITH account AS (SELECT * FROM account) SELECT * FROM account
WITH account AS (SELECT 1 AS id) SELECT * FROM account
WITH a AS MATERIALIZED (SELECT id, name FROM account) SELECT * FROM a x JOIN a y ON y.id = x.id + 8
WITH a AS NOT MATERIALIZED (SELECT id FROM account), c AS (SELECT * FROM contact WHERE account_id IN (SELECT id FROM a)) SELECT count(*) FROM c
WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT n FROM t
WITH RECURSIVE t AS (SELECT id, owner_id, 1 AS depth FROM account WHERE id < 4 UNION ALL SELECT a.id, a.owner_id, t.depth + 1 FROM account a JOIN t ON a.id = t.id + 8 WHERE t.depth < 5) SELECT * FROM t
WITH RECURSIVE t AS (SELECT min(id) AS id FROM account UNION SELECT a.id FROM t, account a WHERE a.id = t.id + 1) SELECT * FROM t
WITH RECURSIVE t (id, up) AS (SELECT id, id - 1 FROM product WHERE id = 9 UNION ALL SELECT p.id, p.id - 1 FROM product p JOIN t ON p.id = t.up) SEARCH DEPTH FIRST BY id SET o SELECT id FROM t ORDER BY o
WITH x AS (SELECT id FROM account) SELECT (SELECT count(*) FROM x), (SELECT count(*) FROM account)
SELECT id FROM account UNION SELECT id FROM contact
SELECT id FROM account UNION ALL SELECT id FROM account
SELECT id FROM product EXCEPT SELECT id FROM account
SELECT id FROM product INTERSECT SELECT id FROM account
SELECT id FROM account EXCEPT ALL (SELECT id FROM product UNION SELECT 20)
(SELECT id, name FROM account ORDER BY id LIMIT 3) UNION ALL (SELECT id, name FROM product ORDER BY id DESC LIMIT 2)
SELECT name FROM account UNION SELECT name FROM contact ORDER BY 1 LIMIT 20
SELECT phone FROM account EXCEPT SELECT '13800000037'
TABLE product UNION TABLE product
SELECT * FROM account ORDER BY id FETCH FIRST 3 ROWS ONLY
SELECT id FROM account ORDER BY id DESC LIMIT 5 OFFSET 2
SELECT id, score FROM account ORDER BY score DESC NULLS LAST, id FETCH FIRST 2 ROWS WITH TIES
SELECT id, name AS label FROM account ORDER BY label
SELECT id FROM account ORDER BY 1 LIMIT ALL
SELECT id FROM account ORDER BY id USING >
SELECT id FROM account TABLESAMPLE SYSTEM (100) => SELECT id FROM account
SELECT a.id FROM account a TABLESAMPLE BERNOULLI (100) REPEATABLE (1) WHERE a.active => SELECT a.id FROM account a WHERE a.active
SELECT count(*) FROM event TABLESAMPLE SYSTEM (100) => SELECT count(*) FROM event
SELECT * FROM remark r TABLESAMPLE SYSTEM (100) => SELECT * FROM remark
SELECT id, name FROM product FOR SHARE
SELECT id FROM account ORDER BY id FOR UPDATE
SELECT a.id FROM contact a WHERE a.id < 20 FOR UPDATE OF a NOWAIT
SELECT e.id FROM event e JOIN remark r ON r.id = e.id FOR UPDATE OF e SKIP LOCKED
COPY (SELECT id, name, phone FROM account ORDER BY id) TO STDOUT
COPY (SELECT * FROM contact) TO STDOUT WITH (FORMAT csv, HEADER)
COPY product TO STDOUT
COPY account (id, name) TO STDOUT => COPY (SELECT id, name FROM account) TO STDOUT
COPY contact TO STDOUT (FORMAT csv) => COPY (TABLE contact) TO STDOUT (FORMAT csv)
COPY remark TO STDOUT => COPY (SELECT * FROM remark WHERE id <= 20) TO STDOUT
EXPLAIN (COSTS off) SELECT * FROM product
SELECT id::text, id::numeric, score::int, amount::int, opened::text FROM account
SELECT name::varchar(5), CAST(id AS bigint), id::float8 FROM account
SELECT note::int FROM contact WHERE owner_id = 104
SELECT sum(note::int) FROM contact
SELECT id FROM contact WHERE note::int > 50
SELECT id, 100 / score FROM account
SELECT id FROM account WHERE 100 / score > 2
SELECT id FROM account WHERE 1 / (id - 8) > 0
SELECT 1 / (id - id) FROM account
SELECT sqrt(id), power(id, 2), ln(id), exp(1), ceil(amount), floor(amount), mod(id, 3) FROM account
SELECT id FROM event WHERE 1 / size > 0.1
SELECT id FROM account WHERE (attributes ->> 'n')::int = 8
SELECT nosuchcolumn FROM account
SELECT a.nosuch FROM account a
SELECT id FROM nosuchtable
SELECT nosuchfunction(id) FROM account
SELECT id FROM account GROUP BY owner_id
SELECT id + name FROM account
SELECT secret FROM account
SELECT * FROM ledger
SELECT count(*) FROM ledger l JOIN account a ON a.id = l.account_id
SELECT a.secret, a.id FROM account a WHERE a.secret = 3
SELECT id FROM account WHERE id = 'x'
SELECT current_date IS NOT NULL, now() IS NOT NULL, localtimestamp IS NOT NULL
SELECT name COLLATE "C" FROM account ORDER BY name COLLATE "C"
SELECT (SELECT a.name) FROM account a
SELECT a.id, (SELECT b.id FROM account b WHERE b.id > a.id ORDER BY b.id LIMIT 1) FROM account a
SELECT count(a), count(a.*) FROM account a
SELECT a.id FROM account a WHERE a.* IS NOT NULL
SELECT c.* FROM contact c, account a WHERE a.id = c.account_id AND a.name < c.name
SELECT row_to_json(x) FROM (SELECT a.id, a.name, (SELECT json_agg(c.name ORDER BY c.id) FROM contact c WHERE c.account_id = a.id) AS contacts FROM account a) x
SELECT id FROM account WHERE name = 'account 8' AND active IS TRUE AND opened > '2020-01-01'
SELECT x.a, x.b FROM (SELECT id, name FROM account) AS x (a, b)
SELECT id AS "select", name AS "Weird Name" FROM account
SELECT "id" FROM "crm"."account"
SELECT U&"i\0064" FROM account
SELECT id FROM account WHERE name = E'account\x20' || '8'
SELECT $$it's$$ || name FROM account
SELECT /* a comment */ id -- another
 FROM account
SELECT min(id), max(id) FROM (SELECT id FROM account UNION ALL SELECT id FROM contact) u
SELECT e.kind, sum(e.size), count(*) FROM event e GROUP BY e.kind
SELECT e.day, r.body FROM event e JOIN remark r ON r.owner_id = e.owner_id AND r.id = e.id
SELECT overlay.id FROM account overlay WHERE overlay.id < 10
SELECT xmin IS NOT NULL, id FROM remark => SELECT id IS NOT NULL, id FROM remark
SELECT make_date(2025, id, 1) FROM product
SELECT * FROM (VALUES (8, 'x'), (16, 'y')) v (id, l) JOIN account a USING (id)
SELECT id, width_bucket(score, 0, 100, 4) FROM account
SELECT id, hashtext(name) IS NULL FROM account
SELECT daterange(opened, opened + 5) @> DATE '2024-04-01' FROM account
SELECT (opened, opened + 10) OVERLAPS (DATE '2024-03-01', DATE '2024-06-01'), id FROM account
SELECT age(opened, DATE '2020-01-01') FROM account
SELECT jsonb_path_query_first(attributes, '$.list[*] ? (@ > 8)') FROM account
SELECT attributes - 'city', attributes || '{"x": 1}', jsonb_set(attributes, '{n}', '0') FROM account WHERE jsonb_typeof(attributes) = 'object'
SELECT id FROM account WHERE attributes['city'] = '"Beijing"'
SELECT to_json(labels), array_position(labels, 'm1'), labels[1:1] FROM account
SELECT num_nulls(phone, email), num_nonnulls(phone, email) FROM account
SELECT encode(sha256(name::bytea), 'hex') FROM product
SELECT to_tsvector('simple', name) @@ to_tsquery('simple', 'account') FROM account
SELECT a.*, count(c.id) FROM account a LEFT JOIN contact c ON c.account_id = a.id GROUP BY a.id
SELECT a.name, max(c.name) FROM account a JOIN contact c ON c.account_id = a.id GROUP BY a.id HAVING a.name LIKE '%1%' ORDER BY a.name
SELECT c.name, c.note, count(*) FROM contact c JOIN account a ON a.id = c.account_id GROUP BY c.id
SELECT * FROM ratios
SELECT id FROM ratios WHERE ratio > 2
SELECT r.id, a.name FROM rated r JOIN account a USING (id)
SELECT a.id FROM account a WHERE a.id IN (SELECT r.id FROM rated r) AND a.name LIKE 'account%'
SELECT catalog.crm.account.id, catalog.crm.account.name FROM catalog.crm.account => SELECT id, name FROM account
SELECT id FROM elsewhere.crm.account
