MERGE INTO contact c USING product p ON c.id = p.id WHEN MATCHED THEN UPDATE SET note = p.name RETURNING merge_action(), c.id, c.note
MERGE INTO contact c USING product p ON c.id = p.id WHEN MATCHED THEN DELETE RETURNING merge_action(), c.id, p.name
MERGE INTO contact c USING product p ON c.id = p.id WHEN MATCHED THEN DELETE RETURNING merge_action() AS done, p.*
MERGE INTO contact AS c USING product AS p ON c.id = p.id WHEN MATCHED AND c.id > 6 THEN DELETE WHEN MATCHED THEN UPDATE SET name = 'm' WHEN NOT MATCHED THEN DO NOTHING RETURNING merge_action(), c.id
MERGE INTO contact c USING (VALUES (6, 104), (906, 104)) AS s(id, owner) ON c.id = s.id WHEN MATCHED THEN UPDATE SET name = 'm' || s.id WHEN NOT MATCHED THEN INSERT (id, owner_id, name) VALUES (s.id, s.owner, 'new') RETURNING merge_action(), c.id, c.name, c.owner_id, s.owner
MERGE INTO contact c USING (VALUES (7, 103), (907, 103)) AS s(id, owner) ON c.id = s.id WHEN MATCHED THEN UPDATE SET name = 'm' || s.id WHEN NOT MATCHED THEN INSERT (id, owner_id, name) VALUES (s.id, s.owner, upper('new')) RETURNING CASE merge_action() WHEN 'INSERT' THEN 'i' ELSE 'o' END, c.id, c.name
MERGE INTO contact c USING (VALUES (6, 104), (906, 999)) AS s(id, owner) ON c.id = s.id WHEN MATCHED THEN UPDATE SET name = 'm' WHEN NOT MATCHED THEN INSERT (id, owner_id, name) VALUES (s.id, s.owner, 'new') RETURNING c.id
MERGE INTO contact c USING (VALUES (906, 104)) AS s(id, owner) ON c.id = s.id WHEN NOT MATCHED BY TARGET THEN INSERT (id, owner_id, name) VALUES (s.id + 0, abs(s.owner), lower('N')) RETURNING *
MERGE INTO contact c USING (VALUES (906, 999)) AS s(id, owner) ON c.id = s.id WHEN NOT MATCHED BY TARGET THEN INSERT (id, owner_id, name) VALUES (s.id, s.owner - 0, 'n')
MERGE INTO contact c USING (VALUES (906, 103)) AS s(id, owner) ON c.id = s.id WHEN NOT MATCHED BY TARGET AND s.owner = 103 THEN INSERT (id, owner_id, name) VALUES (s.id, s.owner - 0, 'n') WHEN NOT MATCHED BY SOURCE THEN DO NOTHING
MERGE INTO contact c USING (VALUES (906, 103)) AS s(id, owner) ON c.id = s.id WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action(), c.id
MERGE INTO contact c USING (VALUES (6), (7), (8)) AS s(id) ON c.id = s.id WHEN NOT MATCHED BY SOURCE THEN DELETE
MERGE INTO contact c USING (VALUES (6), (7), (8)) AS s(id) ON c.id = s.id WHEN NOT MATCHED BY SOURCE AND c.id < 40 THEN DELETE RETURNING c.id, c.name, s.id
MERGE INTO contact c USING (VALUES (6), (7), (8)) AS s(id) ON c.id = s.id WHEN NOT MATCHED BY SOURCE AND c.note::int > 100 THEN UPDATE SET note = 'gone' WHEN MATCHED THEN UPDATE SET note = 'met' RETURNING merge_action(), c.id, c.note
MERGE INTO contact c USING (VALUES (6), (7), (8)) AS s(id) ON c.id = s.id WHEN NOT MATCHED BY SOURCE AND 1 / (length(c.note) - 12) < 1 THEN UPDATE SET note = 'gone'
MERGE INTO contact c USING (SELECT id FROM product WHERE false) AS s ON c.id = s.id WHEN NOT MATCHED BY SOURCE THEN UPDATE SET weight = c.weight + 1 RETURNING c.id, c.weight
MERGE INTO contact c USING (SELECT id FROM product WHERE false) AS s ON c.id = s.id WHEN NOT MATCHED BY SOURCE THEN UPDATE SET owner_id = 999
MERGE INTO account a USING product p ON a.id = p.id WHEN MATCHED THEN UPDATE SET name = p.name RETURNING a.id, a.name, a.phone, a.email
MERGE INTO account a USING product p ON a.id = p.id AND a.phone LIKE '138%' WHEN MATCHED THEN UPDATE SET score = 5 RETURNING merge_action(), a.id, a.phone AS telephone, a.mobile
MERGE INTO account a USING product p ON a.id = p.id WHEN MATCHED AND a.phone IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET name = coalesce(a.phone, '-') RETURNING a.id, a.name
MERGE INTO account a USING product p ON a.id = p.id WHEN NOT MATCHED BY SOURCE THEN UPDATE SET name = 'none' RETURNING a.id, a.name, p.id
MERGE INTO account a USING product p ON a.id = p.id WHEN NOT MATCHED BY SOURCE AND a.email LIKE 'user%' THEN DELETE RETURNING a.id, a.email
MERGE INTO account a USING product p ON a.id = p.id WHEN NOT MATCHED BY SOURCE AND a.secret = 1 THEN DELETE
MERGE INTO account a USING (VALUES (950, 104, 21), (951, 999, 99)) AS s(id, owner, department) ON a.id = s.id WHEN NOT MATCHED THEN INSERT (id, name, owner_id, department_id) VALUES (s.id, 'n', s.owner, s.department)
MERGE INTO account a USING (VALUES (950, 104, 21)) AS s(id, owner, department) ON a.id = s.id WHEN NOT MATCHED THEN INSERT (id, name, owner_id, department_id) VALUES (s.id, 'n' || s.id, s.owner, s.department) RETURNING a.id, a.name, a.phone
MERGE INTO event e USING event_2025 s ON e.id = s.id AND e.day = s.day WHEN MATCHED THEN UPDATE SET kind = s.kind || '!' RETURNING e.id, e.day, e.kind
MERGE INTO event e USING event_2025 s ON e.id = s.id AND e.day = s.day WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action(), e.*
MERGE INTO event e USING (VALUES (960, 104)) AS s(id, owner) ON e.id = s.id WHEN NOT MATCHED THEN INSERT (id, day, owner_id) VALUES (s.id, DATE '2025-01-01' + 5, s.owner) RETURNING e.id, e.day
MERGE INTO event e USING (VALUES (960, 999)) AS s(id, owner) ON e.id = s.id WHEN NOT MATCHED THEN INSERT (id, day, owner_id) VALUES (s.id, DATE '2025-01-01' + 5, s.owner)
MERGE INTO remark r USING product p ON p.id = r.id WHEN MATCHED THEN UPDATE SET body = p.name || r.body RETURNING r.id, r.body
MERGE INTO ONLY remark r USING product p ON p.id = r.id WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING r.id
MERGE INTO remark_long r USING product p ON p.id + 20 = r.id WHEN NOT MATCHED BY SOURCE THEN UPDATE SET extra = 'e' RETURNING r.id, r.extra
MERGE INTO product p USING contact c ON p.id = c.id WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING p.id
WITH m AS (MERGE INTO contact c USING product p ON c.id = p.id WHEN MATCHED THEN DELETE RETURNING merge_action() AS done, c.id) SELECT done, id FROM m ORDER BY id
WITH m AS (MERGE INTO contact c USING (VALUES (906, 104)) AS s(id, owner) ON c.id = s.id WHEN NOT MATCHED THEN INSERT (id, owner_id, name) VALUES (s.id, s.owner, 'n') RETURNING c.id, c.name) SELECT count(*), max(name) FROM m
WITH m AS (MERGE INTO contact c USING (VALUES (906, 999)) AS s(id, owner) ON c.id = s.id WHEN NOT MATCHED THEN INSERT (id, owner_id, name) VALUES (s.id, s.owner, 'n') RETURNING c.id) SELECT 1
WITH m AS (MERGE INTO contact c USING product p ON c.id = p.id WHEN MATCHED THEN UPDATE SET note = 'w' WHEN NOT MATCHED BY SOURCE THEN DO NOTHING) SELECT 1
MERGE INTO account a USING product p ON a.id = p.id WHEN MATCHED THEN UPDATE SET name = p.name RETURNING *
MERGE INTO account a USING product p ON a.id = p.id WHEN MATCHED THEN UPDATE SET name = p.name RETURNING a.*, merge_action()
MERGE INTO contact USING product ON contact.id = product.id WHEN MATCHED THEN DELETE RETURNING *
WITH m AS (MERGE INTO contact c USING product p ON c.id = p.id WHEN MATCHED THEN UPDATE SET note = 'w' RETURNING *) SELECT * FROM m
