# common table expressions
WITH w AS (SELECT a.id, {t} AS x FROM account a WHERE {c}) SELECT * FROM w WHERE w.id > {k}
WITH w AS MATERIALIZED (SELECT a.id, {i} AS x FROM account a WHERE {c}) SELECT x, count(*) FROM w GROUP BY x
WITH w AS NOT MATERIALIZED (SELECT a.* FROM account a WHERE {c}) SELECT id, name FROM w ORDER BY id
WITH w (k, v) AS (SELECT a.id, {t} FROM account a) SELECT v FROM w WHERE k < 2{k}
WITH w AS (SELECT a.id FROM account a WHERE {c}), v AS (SELECT c.id FROM contact c WHERE c.account_id IN (SELECT id FROM w)) SELECT count(*) FROM v
WITH account AS (SELECT a.id FROM account a WHERE {c}) SELECT * FROM account WHERE id > {k}
WITH w AS (SELECT {i} AS x FROM account a) SELECT w1.x, w2.x FROM w w1 JOIN w w2 ON w1.x = w2.x + {k}
SELECT (WITH w AS (SELECT a.id FROM account a WHERE {c}) SELECT count(*) FROM w)
SELECT a.id FROM account a WHERE EXISTS (WITH w AS (SELECT c.account_id FROM contact c) SELECT FROM w WHERE w.account_id = a.id) AND {c}
WITH RECURSIVE t (n) AS (VALUES ({k}) UNION ALL SELECT n + 1 FROM t WHERE n < 12) SELECT t.n, a.name FROM t JOIN account a ON a.id = t.n
WITH RECURSIVE t AS (SELECT a.id, 1 AS depth FROM account a WHERE a.id < {k} UNION ALL SELECT a.id, depth + 1 FROM account a, t WHERE a.id = t.id + 8 AND depth < 4) SELECT * FROM t
WITH RECURSIVE t AS (SELECT a.id FROM account a WHERE {c} UNION SELECT c.account_id FROM contact c JOIN t ON c.account_id = t.id + {k}) SELECT count(*) FROM t
WITH RECURSIVE t (id, up) AS (SELECT p.id, p.id - 1 FROM product p WHERE p.id = {k} UNION ALL SELECT p.id, p.id - 1 FROM product p JOIN t ON p.id = t.up) SEARCH BREADTH FIRST BY id SET o SELECT id, up FROM t ORDER BY o
WITH RECURSIVE t (id, up) AS (SELECT p.id, p.id - 1 FROM product p WHERE p.id = {k} UNION ALL SELECT p.id, p.id - 1 FROM product p JOIN t ON p.id = t.up) CYCLE id SET seen USING path SELECT id, seen FROM t
WITH RECURSIVE t (id, up) AS (SELECT p.id, p.id % 3 FROM product p WHERE p.id = {k} UNION ALL SELECT p.id, p.id % 3 FROM product p JOIN t ON p.id = t.up) CYCLE id SET seen TO 'y' DEFAULT 'n' USING path SELECT id, seen FROM t WHERE seen = 'n'
# set operations
SELECT {i} FROM account a WHERE {c} UNION SELECT c.account_id FROM contact c WHERE c.id > {k}
SELECT {t} FROM account a UNION ALL SELECT c.name FROM contact c WHERE c.id < 1{k}
SELECT a.id FROM account a WHERE {c} INTERSECT SELECT c.account_id FROM contact c
SELECT a.id FROM account a EXCEPT SELECT a.id FROM account a WHERE {c}
SELECT a.id FROM account a INTERSECT ALL SELECT c.account_id FROM contact c WHERE c.id <> {k}
(SELECT a.id, {t} FROM account a ORDER BY a.id LIMIT {k}) UNION ALL (SELECT p.id, p.name FROM product p ORDER BY p.id DESC LIMIT {k})
SELECT x FROM (SELECT {t} AS x FROM account a WHERE {c} UNION SELECT p.name FROM product p) u ORDER BY x LIMIT {k}
SELECT a.id, NULL AS x FROM account a WHERE {c} UNION SELECT p.id, p.name FROM product p
SELECT {i} AS x FROM account a UNION SELECT {k} ORDER BY x DESC NULLS LAST
SELECT u.x, count(*) FROM (SELECT {t} AS x FROM account a UNION ALL SELECT {t} FROM account a WHERE {c}) u GROUP BY u.x
VALUES (1, 'a'), ({k}, 'b') UNION SELECT a.id, {t} FROM account a WHERE {c}
TABLE product EXCEPT SELECT * FROM product p WHERE p.id = {k}
# joins
SELECT a.id, c.id FROM account a JOIN contact c ON c.account_id = a.id AND c.id > {k} WHERE {c}
SELECT a.id, c.name FROM account a LEFT JOIN contact c ON c.account_id = a.id AND c.owner_id = a.owner_id WHERE {c}
SELECT a.id, c.id FROM contact c RIGHT JOIN account a ON c.account_id = a.id + {k} WHERE {c}
SELECT a.id, p.id FROM account a FULL JOIN product p ON p.id = a.id WHERE coalesce(a.id, p.id) > {k}
SELECT a.id, p.name FROM account a CROSS JOIN product p WHERE p.id < {k} AND {c}
SELECT a.id, p.price, c.name FROM account a JOIN product p ON p.id = a.id % 10 JOIN contact c ON c.account_id = a.id WHERE {c} AND c.id > {k}
SELECT a.id, b.id FROM account a JOIN account b ON a.{ik} = b.{ik} AND a.id < b.id WHERE {c}
SELECT id, a.name, p.name FROM account a JOIN product p USING (id) WHERE {c}
SELECT id, r.body, p.price FROM product p LEFT JOIN remark r USING (id) WHERE id <> {k}
SELECT owner_id, count(*) FROM account a JOIN contact c USING (owner_id) WHERE {c} GROUP BY owner_id
SELECT owner_id, name FROM account a JOIN contact c USING (owner_id, name)
SELECT id FROM account a FULL JOIN product p USING (id) WHERE id > {k}
SELECT x.id, x.owner_id FROM (account a JOIN remark r USING (id, owner_id)) AS x WHERE x.id > {k}
SELECT k.id, a.name FROM account a JOIN remark r USING (id) AS k WHERE {c}
SELECT id, day FROM product NATURAL JOIN event WHERE id > {k}
SELECT * FROM (SELECT a.id, {t} AS x FROM account a WHERE {c}) l NATURAL JOIN (SELECT p.id, p.price FROM product p) r
SELECT a.id FROM account a NATURAL JOIN (SELECT a.id, {i} AS owner_id FROM account a WHERE {c}) b
SELECT email, count(*) FROM contact JOIN account USING (email) WHERE contact.id <> {k} GROUP BY email
SELECT phone FROM account a JOIN account_names n USING (id, phone) WHERE {c}
SELECT (a.id, c.id) FROM account a, contact c WHERE c.account_id = a.id AND {c}
SELECT a.id, c.id, e.id FROM account a LEFT JOIN (contact c JOIN event e ON e.id = c.id) ON c.account_id = a.id WHERE {c}
SELECT count(*) FROM account a LEFT JOIN contact c ON c.account_id = a.id AND {c}
SELECT a.id FROM account a LEFT JOIN contact c ON c.account_id = a.id WHERE c.id IS NULL AND {c}
# lateral
SELECT a.id, x.* FROM account a, LATERAL (SELECT c.id AS cid, c.name FROM contact c WHERE c.account_id = a.id AND c.id > {k} ORDER BY c.id LIMIT 2) x WHERE {c}
SELECT a.id, x.n FROM account a LEFT JOIN LATERAL (SELECT count(*) AS n FROM contact c WHERE c.owner_id = {i}) x ON true WHERE {c}
SELECT a.id, g FROM account a, generate_series(1, a.id % {k}) g WHERE {c}
SELECT a.id, x.y FROM account a CROSS JOIN LATERAL (SELECT {t} || '!' AS y) x WHERE {c}
SELECT a.id, v.* FROM account a, LATERAL (VALUES ({i}, {t}), ({k}, 'v')) AS v (i, t) WHERE {c}
SELECT a.id, j.key FROM account a, LATERAL jsonb_each(CASE WHEN jsonb_typeof(a.attributes) = 'object' THEN a.attributes END) j WHERE {c}
# window functions
SELECT a.id, row_number() OVER (ORDER BY a.id) + {k} FROM account a WHERE {c}
SELECT a.id, rank() OVER (PARTITION BY a.stage ORDER BY {i}, a.id) FROM account a WHERE {c}
SELECT a.id, sum({i}) OVER (ORDER BY a.id ROWS BETWEEN {k} PRECEDING AND CURRENT ROW) FROM account a WHERE {c}
SELECT a.id, avg({n}) OVER (ORDER BY a.id ROWS BETWEEN UNBOUNDED PRECEDING AND {k} FOLLOWING EXCLUDE TIES) FROM account a
SELECT a.id, count(*) OVER (ORDER BY {d} RANGE BETWEEN INTERVAL '{k} days' PRECEDING AND CURRENT ROW) FROM account a WHERE {c}
SELECT a.id, max({i}) OVER (ORDER BY a.stage GROUPS BETWEEN 1 PRECEDING AND {k} FOLLOWING) FROM account a
SELECT a.id, lag({t}, {k}) OVER w, lead({i}, 1, 0) OVER w FROM account a WHERE {c} WINDOW w AS (ORDER BY a.id)
SELECT a.id, first_value({t}) OVER w, nth_value({t}, {k}) OVER (w ROWS UNBOUNDED PRECEDING) FROM account a WINDOW w AS (PARTITION BY a.owner_id ORDER BY a.id)
SELECT a.id, ntile({k}) OVER (ORDER BY a.id), percent_rank() OVER (ORDER BY a.id) FROM account a WHERE {c}
SELECT a.id, count(*) FILTER (WHERE {c}) OVER (PARTITION BY {i}) FROM account a
SELECT a.owner_id, sum(count(*)) OVER (ORDER BY a.owner_id) FROM account a WHERE {c} GROUP BY a.owner_id
SELECT x.id FROM (SELECT a.id, dense_rank() OVER (ORDER BY {i} DESC NULLS LAST) AS place FROM account a WHERE {c}) x WHERE x.place <= {k}
SELECT DISTINCT {i}, max(a.id) OVER (PARTITION BY {i}) FROM account a WHERE {c}
SELECT a.id, string_agg({t}, ',') OVER (ORDER BY a.id ROWS {k} PRECEDING) FROM account a WHERE a.id < 12
# grouping
SELECT {i}, count(*) FROM account a WHERE {c} GROUP BY {i}
SELECT {t}, min(a.id) FROM account a WHERE {c} GROUP BY {t} HAVING count(*) < {k}
SELECT a.stage, {i}, count(*) FROM account a WHERE {c} GROUP BY ROLLUP (a.stage, {i})
SELECT a.stage, {i}, sum(a.score) FROM account a WHERE {c} GROUP BY CUBE (1, 2)
SELECT a.stage, a.active, count(*), grouping(a.stage, a.active) FROM account a WHERE {c} GROUP BY GROUPING SETS ((a.stage), (a.active), (a.stage, a.active), ())
SELECT a.stage, {i}, count(*) FROM account a WHERE {c} GROUP BY DISTINCT ROLLUP (a.stage, {i}), ROLLUP (a.stage)
SELECT extract(year FROM {d}), count(*) FROM account a WHERE {c} GROUP BY 1 ORDER BY 1
SELECT date_trunc('month', {s}) AS m, count(*) FROM account a WHERE {c} GROUP BY m ORDER BY m
SELECT a.id, a.name, count(c.id) FROM account a LEFT JOIN contact c ON c.account_id = a.id WHERE {c} GROUP BY a.id
SELECT p.id, p.name, sum(a.score) FROM product p JOIN account a ON a.id % 10 = p.id WHERE {c} GROUP BY p.id ORDER BY p.price
SELECT DISTINCT ON ({i}) {i}, a.id FROM account a WHERE {c} ORDER BY {i}, a.id DESC
SELECT DISTINCT ON (a.stage) a.stage, {t} FROM account a WHERE {c} ORDER BY a.stage, a.id
SELECT DISTINCT {t} FROM account a WHERE {c}
SELECT count(*) FROM account a WHERE {c} HAVING count(*) > {k}
SELECT CASE WHEN {i} > 10{k} THEN 'high' ELSE 'low' END AS band, count(*) FROM account a WHERE {c} GROUP BY band
SELECT {t} AS x, count(*) FROM account a WHERE {c} GROUP BY x ORDER BY 2 DESC, 1 LIMIT {k}
# aggregates
SELECT count(*), count({t}), count(DISTINCT {i}), sum({i}), avg({n}), max({d}) FROM account a WHERE {c}
SELECT string_agg({t}, ', ' ORDER BY a.id DESC) FROM account a WHERE {c}
SELECT array_agg({i} ORDER BY a.id) FILTER (WHERE a.id > {k}) FROM account a WHERE {c}
SELECT json_agg({t} ORDER BY a.id), jsonb_agg({i} ORDER BY a.id) FROM account a WHERE {c}
SELECT jsonb_object_agg(a.id, {t} ORDER BY a.id) FROM account a WHERE {c}
SELECT bool_and(a.active), bool_or({c}), every(a.id > {k}) FROM account a
SELECT percentile_cont(0.{k}) WITHIN GROUP (ORDER BY a.score) FROM account a WHERE {c}
SELECT percentile_disc(ARRAY[0.25, 0.{k}]) WITHIN GROUP (ORDER BY {i}) FROM account a WHERE {c}
SELECT mode() WITHIN GROUP (ORDER BY a.stage) FROM account a WHERE {c}
SELECT rank({k}) WITHIN GROUP (ORDER BY {i}), dense_rank({k}) WITHIN GROUP (ORDER BY a.id), cume_dist({k}) WITHIN GROUP (ORDER BY a.id), percent_rank({k}) WITHIN GROUP (ORDER BY a.id) FROM account a WHERE {c}
SELECT stddev_pop(a.score), var_samp({i}), corr(a.id, a.score), regr_slope(a.score, a.id) FROM account a WHERE {c}
SELECT bit_and(a.id), bit_or({i}::int) FROM account a WHERE {c}
SELECT max({t}), min({t}), max(a.stage) FROM account a WHERE {c}
SELECT range_agg(int4range(a.id, a.id + {k})) FROM account a WHERE {c}
SELECT a.owner_id, array_agg(DISTINCT a.stage ORDER BY a.stage) FROM account a WHERE {c} GROUP BY a.owner_id
# functions in from
SELECT * FROM ROWS FROM (generate_series(1, {k}), unnest(ARRAY['a', 'b'])) AS t (x, y)
SELECT * FROM ROWS FROM (generate_series(1, {k}), generate_series(2, 3)) WITH ORDINALITY AS t (x, y, o)
SELECT a.id, u.l, u.o FROM account a, unnest({l}) WITH ORDINALITY AS u (l, o) WHERE {c}
SELECT a.id, x.* FROM account a, jsonb_to_record(a.attributes) AS x (n text, city text) WHERE jsonb_typeof(a.attributes) = 'object' AND {c}
SELECT g.d::date, count(a.id) FROM generate_series(TIMESTAMP '2024-01-01', TIMESTAMP '2024-06-01', INTERVAL '{k} weeks') g (d) LEFT JOIN account a ON {d} = g.d::date GROUP BY 1 ORDER BY 1
SELECT a.id, s FROM account a, string_to_table(a.name, ' ') s WHERE {c}
SELECT a.id, r FROM account a, regexp_matches(a.name, '[0-9]', 'g') r WHERE {c}
SELECT a.id, r[1] FROM account a, regexp_split_to_table({t}, '{k}') r (r) WHERE false
SELECT * FROM unnest(ARRAY[1, 2, {k}], ARRAY['x', 'y']) AS u (a, b)
SELECT a.id, (jsonb_each_text(jsonb_build_object('k', {i}))).* FROM account a WHERE {c}
SELECT a.id, generate_series(1, {k}) FROM account a WHERE {c}
SELECT a.id, unnest({l}) FROM account a WHERE {c}
SELECT x FROM json_array_elements_text('["a", "{k}"]') x WHERE x IN (SELECT a.id::text FROM account a)
# json
SELECT a.id, {j} -> 'n', {j} ->> 'city', {j} #> '{list,0}', {j} #>> '{list,1}' FROM account a WHERE {c}
SELECT a.id FROM account a WHERE {j} ->> 'city' = 'Beijing' AND {c}
SELECT a.id FROM account a WHERE {j} @> '{"n": {k}}' OR {j} ? 'none'
SELECT a.id FROM account a WHERE {j} ?| ARRAY['city', 'x{k}'] AND {c}
SELECT a.id FROM account a WHERE {j} @? '$.list[*] ? (@ > {k})' AND {c}
SELECT a.id FROM account a WHERE {j} @@ '$.n > {k}' AND {c}
SELECT jsonb_path_query({j}, '$.list[*]') FROM account a WHERE {c}
SELECT jsonb_path_query_array({j}, '$.list[*] ? (@ > $x)', '{"x": {k}}') FROM account a WHERE {c}
SELECT jsonb_path_exists({j}, '$.n'), jsonb_typeof({j}) FROM account a WHERE {c}
SELECT {j} - 'n', {j} || '{"k": {k}}', {j} #- '{list,0}' FROM account a WHERE jsonb_typeof({j}) = 'object' AND {c}
SELECT jsonb_set({j}, '{n}', '{k}'), jsonb_strip_nulls({j}) FROM account a WHERE jsonb_typeof({j}) = 'object' AND {c}
SELECT {j}['list'][0], {j}['city'] FROM account a WHERE {c}
SELECT jsonb_build_object('id', a.id, 'x', {t}), json_build_array({i}, {t}) FROM account a WHERE {c}
SELECT row_to_json(a) ->> 'name' FROM account a WHERE {c}
SELECT to_jsonb(a) - 'attributes' -> 'id' FROM account a WHERE {c}
SELECT jsonb_object_keys({j}), count(*) FROM account a WHERE jsonb_typeof({j}) = 'object' AND {c} GROUP BY 1
SELECT jsonb_pretty({j}) FROM account a WHERE a.id = {k}
SELECT jsonb_extract_path_text({j}, 'list', '0'), jsonb_array_length({j} -> 'list') FROM account a WHERE {j} ? 'list' AND {c}
SELECT sum((x.v)::int) FROM account a, jsonb_array_elements({j} -> 'list') AS x (v) WHERE {c}
# sql/json 16
SELECT JSON_OBJECT('id': a.id, 'x' VALUE {t} ABSENT ON NULL) FROM account a WHERE {c}
SELECT JSON_OBJECT('k': {k}, 'd': {d} RETURNING jsonb) FROM account a WHERE {c}
SELECT JSON_ARRAY({i}, {t}, {k} NULL ON NULL) FROM account a WHERE {c}
SELECT JSON_ARRAY(SELECT c.id FROM contact c WHERE c.account_id = a.id ORDER BY c.id) FROM account a WHERE {c}
SELECT JSON_OBJECTAGG(a.id: {t}) FROM (SELECT * FROM account a WHERE {c} ORDER BY a.id) a
SELECT JSON_ARRAYAGG({t} ORDER BY a.id RETURNING jsonb) FROM account a WHERE {c}
SELECT a.stage, JSON_ARRAYAGG(a.id ORDER BY a.id) FILTER (WHERE a.id > {k}) FROM account a GROUP BY a.stage
SELECT a.id, JSON_ARRAYAGG({i}) OVER (ORDER BY a.id ROWS {k} PRECEDING) FROM account a WHERE {c}
SELECT a.id, {t} IS JSON, a.attributes::text IS JSON OBJECT, '[{k}]' IS JSON ARRAY FROM account a WHERE {c}
SELECT a.id FROM account a WHERE {t} IS NOT JSON SCALAR AND {c}
SELECT a.id FROM account a WHERE {j}::text IS JSON WITH UNIQUE KEYS AND {c}
SELECT ANY_VALUE({i}) IS NULL FROM account a WHERE a.id = {k}
# sql/json functions 17
SELECT JSON_VALUE({j}, '$.city'), JSON_VALUE({j}, '$.n' RETURNING text DEFAULT '{k}' ON EMPTY) FROM account a WHERE {c}
SELECT JSON_QUERY({j}, '$.list' WITH WRAPPER), JSON_EXISTS({j}, '$.list[*] ? (@ > $x)' PASSING {k} AS x) FROM account a WHERE {c}
SELECT a.id FROM account a WHERE JSON_EXISTS({j}, '$.list') AND {c}
SELECT a.id, t.* FROM account a, JSON_TABLE({j}, '$' COLUMNS (o FOR ORDINALITY, city text PATH '$.city', NESTED PATH '$.list[*]' COLUMNS (item int PATH '$'))) t WHERE {c}
SELECT a.id, t.x FROM account a LEFT JOIN JSON_TABLE({j}, '$.list[*] ? (@ > $m)' PASSING {k} AS m COLUMNS (x int PATH '$' DEFAULT 0 ON ERROR)) AS t ON true WHERE {c}
SELECT JSON('{"a": {k}}'), JSON_SCALAR({i}), JSON_SERIALIZE({j}) FROM account a WHERE {c}
SELECT t.city, count(*) FROM account a, JSON_TABLE({j}, '$' COLUMNS (city text EXISTS PATH '$.city')) t (city) WHERE {c} GROUP BY 1
# xml
SELECT xmlelement(name account, xmlattributes(a.id AS id), {t})::text FROM account a WHERE {c}
SELECT xmlforest(a.id, {t} AS x)::text FROM account a WHERE {c}
SELECT xmlserialize(CONTENT xmlconcat('<a/>', xmlelement(name b, {k})) AS text) FROM account a WHERE {c}
SELECT xmlagg(xmlelement(name i, a.id) ORDER BY a.id)::text FROM account a WHERE {c}
SELECT xmlparse(CONTENT '<a>{k}</a>') IS DOCUMENT, xmlexists('//a' PASSING xml '<a/>') FROM account a WHERE {c}
SELECT x.* FROM account a, XMLTABLE('/r/i' PASSING xmlelement(name r, xmlelement(name i, a.id)) COLUMNS v int PATH '.', o FOR ORDINALITY) x WHERE {c}
SELECT (xpath('/a/text()', ('<a>' || a.id || '</a>')::xml))[1]::text FROM account a WHERE {c}
# arrays and rows
SELECT {l}[1], {l}[1:{k}], {l}[:1], array_length({l}, 1), cardinality({l}) FROM account a WHERE {c}
SELECT a.id FROM account a WHERE 'l{m}' = ANY ({l}) AND {c}
SELECT a.id FROM account a WHERE {l} && ARRAY['l1', 'm{m}'] AND {c}
SELECT a.id FROM account a WHERE {l} @> ARRAY['l{m}'] OR {l} <@ ARRAY['m2']
SELECT a.id FROM account a WHERE {l}[1] = 'l{m}' AND {c}
SELECT array_append({l}, {t}), array_remove({l}, 'l{m}'), array_position({l}, 'm{m}') FROM account a WHERE {c}
SELECT ARRAY[{i}, {k}], ARRAY[[1, 2], [3, {k}]], ARRAY(SELECT p.id FROM product p ORDER BY 1) FROM account a WHERE {c}
SELECT array_to_string({l}, '-', '?'), {l} || 'x{k}' FROM account a WHERE {c}
SELECT a.id FROM account a WHERE a.id = ANY (ARRAY[1, 8, {k}]) AND {c}
SELECT a.id FROM account a WHERE {i} <> ALL ('{104,10{k}}') AND {c}
SELECT a FROM account a WHERE a.id = {k}
SELECT a::text FROM account a WHERE {c}
SELECT (a).name, (a).id + {k} FROM account a WHERE {c}
SELECT (x.a).id FROM (SELECT a FROM account a WHERE {c}) x
SELECT (x.r).f1 FROM (SELECT ROW(a.id, {t}) AS r FROM account a WHERE false) x
SELECT ROW({i}, {t}) FROM account a WHERE {c}
SELECT a.id FROM account a WHERE ({i}, a.id) > (103, {k}) AND {c}
SELECT a.id FROM account a WHERE (a.owner_id, a.stage) IN ((104, 'won'), (103, 'lead')) OR a.id = {k}
SELECT a.id FROM account a WHERE (a.id, {t}) = (SELECT b.id, b.name FROM account b WHERE b.id = {k})
SELECT a.id FROM account a WHERE ROW(a.id, {t}) IS DISTINCT FROM ROW({k}, 'x') AND {c}
SELECT a.* IS NULL, a IS NOT NULL FROM account a WHERE {c}
SELECT count(a), count(a.*), count(DISTINCT a.stage) FROM account a WHERE {c}
SELECT p.*::text FROM product p WHERE p.id < {k}
SELECT coalesce(p, NULL) FROM product p WHERE p.id < {k}
# values, table, only, sample
SELECT v.a, a.name FROM (VALUES (1, 'x'), ({k}, 'y')) AS v (a, b) JOIN account a ON a.id = v.a
SELECT * FROM (VALUES (({k} + 1), (SELECT max(a.id) FROM account a WHERE {c}))) v (x, y)
VALUES ({k}, (SELECT count(*) FROM account a WHERE {c}))
SELECT r.id FROM ONLY remark r WHERE r.id < 1{k} => SELECT r.id FROM remark r WHERE r.id < 1{k} AND r.id <= 20
SELECT p.id FROM product p TABLESAMPLE SYSTEM (100) WHERE p.id > {k} => SELECT p.id FROM product p WHERE p.id > {k}
SELECT e.id FROM event e TABLESAMPLE BERNOULLI (100) REPEATABLE ({k}) => SELECT e.id FROM event e WHERE {k} = {k}
SELECT count(*) FROM ONLY (account) a WHERE {c} => SELECT count(*) FROM account a WHERE {c}
SELECT r.id FROM remark * r WHERE r.id > {k}
# locking
SELECT p.id FROM product p WHERE p.id = {k} FOR SHARE
SELECT a.id FROM account a WHERE {c} FOR UPDATE
SELECT a.id FROM account a WHERE {c} FOR NO KEY UPDATE SKIP LOCKED
SELECT a.id FROM account a JOIN product p ON p.id = a.id WHERE {c} FOR KEY SHARE OF a NOWAIT
# text
SELECT upper({t}), lower({t}), initcap({t}), length({t}), reverse({t}) FROM account a WHERE {c}
SELECT left({t}, {k}), right({t}, {k}), substring({t} FROM {k}), substring({t}, 2, {k}), substr({t}, {k}) FROM account a WHERE {c}
SELECT a.id FROM account a WHERE {t} LIKE '%{k}%' AND {c}
SELECT a.id FROM account a WHERE {t} ILIKE 'ACC%{k}' OR {t} NOT LIKE 'a%'
SELECT a.id FROM account a WHERE {t} LIKE 'account!_{k}%' ESCAPE '!' OR {t} LIKE '1!%' ESCAPE '!'
SELECT a.id FROM account a WHERE {t} LIKE '%\{k}' AND {c}
SELECT a.id FROM account a WHERE {t} SIMILAR TO '%({k}|8)%' AND {c}
SELECT a.id FROM account a WHERE {t} ~ '^a.*[0-9]$' AND a.id <> {k}
SELECT a.id FROM account a WHERE {t} !~* '(X|{k}+)' AND {c}
SELECT regexp_replace({t}, '[0-9]+', '<\&>', 'g'), regexp_match({t}, '({k})') FROM account a WHERE {c}
SELECT regexp_count({t}, '[0-9]'), regexp_substr({t}, '[0-9]+'), regexp_like({t}, '{k}') FROM account a WHERE {c}
SELECT position('c' IN {t}), strpos({t}, '{k}'), overlay({t} placing '#' from {k} for 1) FROM account a WHERE {c}
SELECT trim(both 'a' FROM {t}), ltrim({t}, 'ac'), rtrim({t}, '0123'), btrim({t}) FROM account a WHERE a.id > {k}
SELECT replace({t}, '{k}', '#'), translate({t}, '012', 'abc'), repeat('x', {k}) FROM account a WHERE {c}
SELECT lpad({t}, 1{k}, '.'), rpad({t}, 1{k}), concat({t}, a.id, NULL), concat_ws('-', {i}, {t}) FROM account a WHERE {c}
SELECT format('%s %L %I %-10s|', {t}, {t}, 'n', a.id), quote_literal({t}), quote_ident('a{k}') FROM account a WHERE {c}
SELECT split_part({t}, ' ', {k}), string_to_array({t}, ' '), ascii({t}), chr(64 + {k}) FROM account a WHERE {c}
SELECT md5({t}), encode(sha256({t}::bytea), 'hex'), encode({t}::bytea, 'base64') FROM account a WHERE {c}
SELECT {t} COLLATE "C" < 'b', {t} || '-' || a.id FROM account a WHERE {c} ORDER BY a.name COLLATE "C"
SELECT to_tsvector('english', {t}) @@ plainto_tsquery('english', 'account {k}') FROM account a WHERE {c}
SELECT ts_rank(to_tsvector('simple', {t}), to_tsquery('simple', 'account & {k}')) > 0, ts_headline('simple', {t}, to_tsquery('simple', 'account')) FROM account a WHERE {c}
SELECT a.id FROM account a WHERE to_tsvector('simple', {t}) @@ websearch_to_tsquery('simple', 'account -{k}') AND {c}
SELECT U&"i\0064", U&'\0041{k}' FROM account a WHERE {c}
SELECT U&"n!0061me" UESCAPE '!' FROM account a WHERE U&"a"."id" > {k}
SELECT x.U&"\0069d" FROM U&"acc\006funt" x WHERE x.id <> {k} => SELECT x.id FROM account x WHERE x.id <> {k}
SELECT E'\x41\t' || {t}, $q$it's {k}$q$, N'n', B'101', X'1F' FROM account a WHERE {c}
SELECT unistr('\0041'), normalize({t}), {t} IS NORMALIZED, starts_with({t}, 'a') FROM account a WHERE {c}
# numbers
SELECT {i} + {k}, {i} - {k}, {i} * 2, {i} / {k}, {i} % {k}, -{i}, @ {i}, {i} ^ 2 FROM account a WHERE {c}
SELECT abs({i}), sign({n}), ceil({n}), floor({n}), round({n}, 1), trunc({n}), mod({i}::int, {k}), div({n}, {k}) FROM account a WHERE {c}
SELECT sqrt(a.id), cbrt(a.id), power(a.id, 2), exp({k}), ln(a.id), log(a.id), |/ a.id, pi() FROM account a WHERE {c}
SELECT {n}::int, {n}::text, {i}::numeric(10,2), {i}::float8, {i}::text::int FROM account a WHERE {c}
SELECT greatest({i}, {k}), least({i}, {k}, 100), nullif({i}, 104), coalesce({i}, {k}) FROM account a WHERE {c}
SELECT width_bucket(a.score, 0, 150, {k}), gcd(a.id, {k}), lcm(a.id, {k}), factorial({k}) FROM account a WHERE {c}
SELECT a.id & {k}, a.id | {k}, a.id # {k}, ~a.id, a.id << 1, a.id >> 1 FROM account a WHERE {c}
SELECT to_char({n}, 'FM999,990.00'), to_hex(a.id), to_number('1{k}', '99') FROM account a WHERE {c}
SELECT a.id FROM account a WHERE {i} BETWEEN {k} AND 104 AND {c}
SELECT a.id FROM account a WHERE {i} BETWEEN SYMMETRIC 104 AND {k} AND {c}
SELECT a.id FROM account a WHERE {i} NOT IN ({k}, 104) AND {c}
SELECT a.id FROM account a WHERE {n} > 100{k} AND {n} < 5000 AND {c}
SELECT a.id FROM account a WHERE a.id % {k} = 1 AND {c}
SELECT a.id, 1000 / a.id FROM account a WHERE 100 / a.id > {k} AND {c}
SELECT a.id, a.score / (a.id - {k}) FROM account a WHERE a.id <> {k} AND {c}
SELECT 0x1F, 1_000, 0b101 + {k}
# dates and times
SELECT {d} + {k}, {d} - {k}, {d} - DATE '2024-01-01', {d} + TIME '10:0{k}' FROM account a WHERE {c}
SELECT {d} + INTERVAL '{k} months', {s} - INTERVAL '{k} hours', {s} - {s}, age({s}, TIMESTAMPTZ '2024-01-01') FROM account a WHERE {c}
SELECT extract(epoch FROM {s}), extract(dow FROM {d}), date_part('hour', {s}), date_trunc('week', {s}) FROM account a WHERE a.id > {k}
SELECT {s} AT TIME ZONE 'Asia/Shanghai', ({s} AT TIME ZONE 'UTC')::date, {s}::time FROM account a WHERE {c}
SELECT to_char({s}, 'YYYY-MM-DD HH24:MI'), to_date('2025-0{k}', 'YYYY-MM'), make_date(2025, {k}, 1) FROM account a WHERE {c}
SELECT a.id FROM account a WHERE {d} >= DATE '2024-0{k}-01' AND {c}
SELECT a.id FROM account a WHERE {d} BETWEEN '2024-02-01' AND '2024-1{m}-01' AND {c}
SELECT a.id FROM account a WHERE {s} < '2025-01-0{k} 12:00+08' AND {c}
SELECT a.id FROM account a WHERE extract(month FROM {d}) = {k} AND {c}
SELECT a.id FROM account a WHERE {d} > current_date - INTERVAL '{k} years' AND {c}
SELECT a.id FROM account a WHERE ({d}, {d} + {k}) OVERLAPS (DATE '2024-03-01', DATE '2024-06-01') AND {c}
SELECT justify_hours(INTERVAL '{k}0 hours'), INTERVAL '1' YEAR, INTERVAL '{k}:30' HOUR TO MINUTE, isfinite({d}) FROM account a WHERE {c}
SELECT date_bin('{k} days', {s}, TIMESTAMPTZ '2025-01-01') FROM account a WHERE {c}
SELECT {d}::timestamp, {d}::text, {s}::date, {s}::text FROM account a WHERE {c}
# ranges
SELECT daterange({d}, {d} + {k}), lower(daterange({d}, {d} + {k})), upper_inc(int4range(a.id, a.id + {k}, '[]')) FROM account a WHERE {c}
SELECT a.id FROM account a WHERE daterange({d}, {d} + {k}) @> DATE '2024-04-01' AND {c}
SELECT a.id FROM account a WHERE int4range(a.id, a.id + {k}) && int4range(10, 12) AND {c}
SELECT int4range(1, {k}) * int4range(2, 20), numrange({n}, NULL), isempty(int4range(a.id, a.id)) FROM account a WHERE {c}
SELECT int4multirange(int4range(1, {k} + 1), int4range(20, 30)) @> a.id, range_merge(int4range(a.id, a.id + 2), int4range(5, 6)) FROM account a WHERE {c}
# casts and types
SELECT CAST({i} AS text), {t}::varchar(5), a.active::int, a.stage::text, a.token::text FROM account a WHERE {c}
SELECT 'won'::stage > a.stage, a.stage::text || {k}, enum_range(a.stage) FROM account a WHERE {c}
SELECT pg_typeof({i}), pg_typeof({t}), a.id::regtype IS NULL FROM account a WHERE false AND {c}
SELECT {u}, {u}::text LIKE '%{k}' FROM account a WHERE {c}
SELECT a.id FROM account a WHERE a.stage IN ('won', 'lost') AND {c}
SELECT a.id FROM account a WHERE a.stage::text LIKE 'l%' AND {c}
SELECT a.mobile::text, a.mobile IS NULL FROM account a WHERE {c}
SELECT '{k}'::int + '1'::numeric, '(1,{k})'::point, '10.0.0.{k}'::inet, '{1,{k}}'::int[] FROM account a WHERE {c}
SELECT {b}, NOT {b}, {b} IS TRUE, {b} IS NOT UNKNOWN, {b} AND {c}, {b} OR {c} FROM account a
# conditions
SELECT a.id FROM account a WHERE {t} IS NULL OR {c}
SELECT a.id FROM account a WHERE ({c}) IS NOT TRUE
SELECT a.id FROM account a WHERE NOT ({c})
SELECT a.id FROM account a WHERE {i} IS NOT DISTINCT FROM 104 OR a.id = {k}
SELECT CASE {i} WHEN 104 THEN 'a' WHEN {k} THEN 'b' ELSE {t} END FROM account a WHERE {c}
SELECT CASE WHEN {c} THEN {i} WHEN a.id > {k} THEN 0 END FROM account a
SELECT a.id FROM account a WHERE CASE WHEN a.id > 2{k} THEN a.active ELSE {c} END
SELECT a.id FROM account a WHERE coalesce({i}, 0) > {k} AND {c}
SELECT a.id FROM account a WHERE (a.id = {k} OR a.owner_id = 103) AND ({c} OR a.score > 10)
SELECT a.id FROM account a WHERE num_nulls({t}, {i}) = 0 AND {c}
# sub-selects
SELECT a.id, (SELECT max(c.id) FROM contact c WHERE c.account_id = a.id) FROM account a WHERE {c}
SELECT a.id FROM account a WHERE a.id IN (SELECT c.account_id FROM contact c WHERE c.id > {k}) AND {c}
SELECT a.id FROM account a WHERE a.id NOT IN (SELECT p.id FROM product p WHERE p.id < {k}) AND {c}
SELECT a.id FROM account a WHERE EXISTS (SELECT FROM contact c WHERE c.account_id = a.id AND c.name LIKE '%{k}') AND {c}
SELECT a.id FROM account a WHERE NOT EXISTS (SELECT 1 FROM contact c WHERE c.account_id = a.id) AND {c}
SELECT a.id FROM account a WHERE a.score > ALL (SELECT b.score FROM account b WHERE b.id < {k}) AND {c}
SELECT a.id FROM account a WHERE a.score >= (SELECT avg(b.score) FROM account b WHERE {cb})
SELECT a.id FROM account a WHERE {t} = ANY (SELECT c.name FROM contact c UNION SELECT 'account {k}')
SELECT p.id, ARRAY(SELECT a.id FROM account a WHERE a.id % 10 = p.id AND {c} ORDER BY a.id) FROM product p
SELECT (SELECT count(*) FROM account a WHERE {c}) - {k}
SELECT s.id FROM (SELECT a.id, {i} AS x FROM account a WHERE {c} ORDER BY a.id LIMIT 1{k}) s WHERE s.x IS NOT NULL
SELECT * FROM (SELECT a.* FROM account a WHERE {c}) s (a1, b1) WHERE s.a1 < 3{k}
SELECT a.id FROM account a ORDER BY (SELECT count(*) FROM contact c WHERE c.account_id = a.id) DESC, a.id LIMIT {k}
# order and limit
SELECT a.id FROM account a WHERE {c} ORDER BY {i} DESC NULLS FIRST, a.id LIMIT {k} OFFSET 1
SELECT a.id, {t} FROM account a WHERE {c} ORDER BY a.id FETCH FIRST {k} ROWS ONLY
SELECT a.id FROM account a ORDER BY a.id OFFSET {k} ROWS FETCH NEXT 2 ROWS ONLY
SELECT {i} FROM account a WHERE {c} ORDER BY 1 FETCH FIRST {k} ROWS WITH TIES
SELECT a.id AS x FROM account a WHERE {c} ORDER BY x USING > LIMIT {k}
SELECT {t} AS name, a.id FROM account a WHERE {c} ORDER BY upper(a.name), a.id
SELECT a.id FROM account a WHERE {c} ORDER BY a.stage, {d}, a.id LIMIT ALL
# names and aliases
SELECT x.n FROM account AS x (i, n) WHERE x.i > {k}
SELECT x.i, y.i FROM account AS x (i), contact AS y (i) WHERE y.i = x.i + {k}
SELECT "a"."id" AS "Weird "" name", a.name AS "select" FROM account "a" WHERE {c}
SELECT crm.product.name, crm.product.* FROM crm.product WHERE crm.product.id > {k}
SELECT account.id FROM crm.account WHERE account.id > {k}
SELECT a.id id, {t} value FROM crm.account a WHERE {c}
SELECT /* c */ a.id -- x
 FROM account a WHERE {c}
SELECT t.* FROM (TABLE product) t WHERE t.id = {k}
SELECT v.id, v.phone FROM account_names v WHERE v.id > {k}
SELECT n.letters, count(*) FROM name_lengths n WHERE n.id <> {k} GROUP BY 1
SELECT v.id, a.stage FROM account_names v JOIN account a ON a.id = v.id WHERE {c}
SELECT r.id FROM rated r WHERE r.name LIKE '%{k}'
SELECT e.kind, e.day FROM event_2025 e WHERE e.day > DATE '2025-0{k}-01' ORDER BY 2, 1
SELECT r.id, r.extra FROM remark_long r WHERE r.id > 2{k}
# copy and explain
COPY (SELECT a.id, {t} FROM account a WHERE {c} ORDER BY a.id) TO STDOUT
COPY (SELECT {i}, {d} FROM account a WHERE {c} ORDER BY a.id) TO STDOUT WITH (FORMAT csv, HEADER)
EXPLAIN (COSTS OFF) SELECT {t} FROM account a WHERE {c}
