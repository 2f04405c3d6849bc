-- merge: conditions and answers of MERGE that would look at rows out of reach, in the forms of PostgreSQL 17
MERGE INTO contact c USING generate_series(1, 6) s ON c.id = s WHEN NOT MATCHED BY SOURCE AND 1 / (length(c.note) - 2) > -5 THEN UPDATE SET name = 'q'
MERGE INTO contact c USING generate_series(1, 6) s ON c.id = s WHEN NOT MATCHED BY SOURCE AND c.note::int = 42 THEN DELETE RETURNING c.id, c.note
MERGE INTO contact c USING generate_series(1, 6) s ON c.id = s WHEN NOT MATCHED BY SOURCE THEN UPDATE SET name = c.note RETURNING merge_action(), c.id, c.name
MERGE INTO contact c USING generate_series(1, 60) s ON c.id = s WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN NOT MATCHED THEN INSERT (id, owner_id, name) VALUES (s + 2000, 104, 'n') RETURNING merge_action(), c.id, s
MERGE INTO contact c USING generate_series(1, 60) s ON c.id = s AND 1 / (length(c.note) - 2) > -5 WHEN MATCHED THEN UPDATE SET name = 'q' RETURNING c.id, length(c.note)
MERGE INTO contact c USING contact d ON c.id = d.id WHEN MATCHED THEN UPDATE SET name = d.note RETURNING c.id, c.name, d.note
MERGE INTO account a USING generate_series(1, 8) s ON a.id = s WHEN NOT MATCHED BY SOURCE AND a.phone LIKE '1380000029%' THEN DELETE RETURNING a.id, a.phone
MERGE INTO account a USING generate_series(1, 8) s ON a.id = s WHEN NOT MATCHED BY SOURCE THEN UPDATE SET name = a.phone RETURNING a.id, a.name, a.mobile
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s WHEN MATCHED THEN UPDATE SET name = 'q' RETURNING a.id, a.phone, a.mobile, a.email, a.amount
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s WHEN MATCHED THEN UPDATE SET name = 'q' RETURNING *
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s WHEN MATCHED THEN UPDATE SET name = 'q' RETURNING a, to_jsonb(a)
MERGE INTO account a USING generate_series(1, 48) s ON a.id = s WHEN MATCHED THEN UPDATE SET name = 'q' RETURNING a.id, a.secret
MERGE INTO account a USING generate_series(1, 8) s ON a.id = s WHEN NOT MATCHED BY SOURCE AND a.secret = 42 THEN DELETE
MERGE INTO account a USING generate_series(1, 8) s ON a.id = s WHEN NOT MATCHED BY SOURCE AND 1 / a.score > -1 THEN UPDATE SET score = 100 / a.score
MERGE INTO event e USING generate_series(1, 40) s ON e.id = s WHEN NOT MATCHED BY SOURCE AND 1 / e.size > -1 THEN UPDATE SET kind = 'q' RETURNING e.id, e.size
MERGE INTO remark r USING generate_series(1, 5) s ON r.id = s WHEN NOT MATCHED BY SOURCE AND 1 / (length(r.body) - 2) > -1 THEN DELETE RETURNING r.id, r.body
WITH m AS (MERGE INTO contact c USING generate_series(1, 60) s ON c.id = s WHEN MATCHED THEN DELETE RETURNING c.id, c.note) SELECT sum(note::int) FROM m
WITH m AS (MERGE INTO account a USING generate_series(1, 8) s ON a.id = s WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING a.id, a.phone) SELECT count(*) FROM m WHERE phone LIKE '1380000029%'
