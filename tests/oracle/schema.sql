-- A small CRM with every kind of column and relation that a query can meet. What the people of the
-- tests (owners 102 to 105) have is harmless; what others have breaks careless arithmetic and casts.
CREATE SCHEMA crm;
SET search_path = crm;
CREATE TYPE stage AS ENUM ('lead', 'open', 'won', 'lost');
CREATE DOMAIN phone_number AS text CHECK (VALUE ~ '^[0-9+*]*$');

CREATE TABLE account (
  id int PRIMARY KEY,
  name text NOT NULL,
  phone varchar(20),
  email text,
  mobile phone_number,
  owner_id int,
  department_id int,
  amount numeric(12,2),
  score bigint,
  active bool NOT NULL DEFAULT true,
  opened date,
  seen timestamptz,
  attributes jsonb,
  token uuid,
  labels text[],
  stage stage DEFAULT 'lead',
  secret int DEFAULT 7
);
INSERT INTO account
SELECT n, 'account ' || n,
  CASE WHEN n % 7 = 0 THEN NULL WHEN n % 5 = 0 THEN '12345' ELSE '1380000' || lpad((n * 37)::text, 4, '0') END,
  CASE WHEN n % 6 = 0 THEN NULL WHEN n % 11 = 0 THEN 'nobody' ELSE 'user' || n || '@example.com' END,
  CASE WHEN n % 4 = 0 THEN NULL ELSE '+86139' || lpad((n * 91)::text, 6, '0') END,
  (ARRAY[104, 103, 102, NULL, 105, 104, 110, 999])[n % 8 + 1],
  (ARRAY[21, 22, 2, 3, NULL])[n % 5 + 1],
  CASE WHEN n % 9 = 0 THEN NULL ELSE n * 137.25 END, n * 3, n % 3 <> 0,
  DATE '2024-01-01' + n * 11, TIMESTAMPTZ '2025-01-01 00:00+00' + n * INTERVAL '7 hours',
  CASE WHEN n % 8 = 3 THEN NULL ELSE jsonb_build_object('n', n, 'city', (ARRAY['Beijing', 'Shanghai', 'Xi''an'])[n % 3 + 1], 'list', jsonb_build_array(n, n + 1)) END,
  ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
  CASE WHEN n % 10 = 0 THEN NULL ELSE ARRAY['l' || n % 3, 'm' || n % 4] END,
  (ARRAY['lead', 'open', 'won', 'lost'])[n % 4 + 1]::stage, n % 5
FROM generate_series(1, 48) n;
UPDATE account SET score = 0, amount = 0, name = 'x' || id, labels = '{}', attributes = '{"n": "no number"}'
 WHERE owner_id IS NULL OR owner_id > 105;

CREATE TABLE contact (
  id bigint PRIMARY KEY,
  account_id int,
  owner_id int,
  name text,
  email text,
  birthday date,
  note text,
  weight numeric
);
INSERT INTO contact
SELECT n, n % 50 + 1, (ARRAY[104, 103, 102, 105, NULL, 777])[n % 6 + 1], 'contact ' || n,
  CASE WHEN n % 5 = 0 THEN NULL ELSE 'c' || n || '@example.org' END,
  CASE WHEN n % 7 = 0 THEN NULL ELSE DATE '1980-02-03' + n * 101 END,
  CASE WHEN n % 6 < 4 THEN (n * 7)::text ELSE 'not a number' END, n * 1.5
FROM generate_series(1, 60) n;

CREATE TABLE product (id int PRIMARY KEY, name text, price numeric(10,2));
INSERT INTO product SELECT n, 'product ' || n, n * 9.5 FROM generate_series(1, 10) n;

CREATE TABLE event (
  id int,
  day date,
  owner_id int,
  kind text,
  size float8,
  PRIMARY KEY (id, day)
) PARTITION BY RANGE (day);
CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO event
SELECT n, DATE '2025-06-01' + n * 9, (ARRAY[104, 103, 102, 105, NULL])[n % 5 + 1],
  (ARRAY['call', 'visit', 'mail'])[n % 3 + 1], CASE WHEN n % 5 = 4 THEN 0 ELSE n * 0.5 END
FROM generate_series(1, 40) n;

CREATE TABLE remark (id int PRIMARY KEY, owner_id int, body text);
CREATE TABLE remark_long (extra text, PRIMARY KEY (id)) INHERITS (remark);
INSERT INTO remark SELECT n, (ARRAY[104, 103, 102, 105, NULL])[n % 5 + 1], 'remark ' || n FROM generate_series(1, 20) n;
INSERT INTO remark_long SELECT n, (ARRAY[104, 103, 102, 105, NULL])[n % 5 + 1], 'long remark ' || n, 'extra ' || n FROM generate_series(21, 35) n;

CREATE TABLE account_team (account_id int, user_id int, PRIMARY KEY (account_id, user_id));
INSERT INTO account_team VALUES (1, 105), (2, 105), (7, 105), (9, 104), (3, 103);
CREATE TABLE record_share (record_id int, object text, principal text, level text, expires_at timestamptz);
INSERT INTO record_share VALUES
  (10, 'account', 'user:105', 'read', NULL), (11, 'account', 'team:7', 'write', '2099-01-01'),
  (12, 'account', 'everyone', 'read', '2001-01-01'), (13, 'contact', 'user:105', 'read', NULL),
  (14, 'account', 'user:104', 'full', NULL), (15, 'account', 'role:mate', 'full', NULL);

CREATE TABLE ledger (id int PRIMARY KEY, account_id int, total numeric, memo text);
INSERT INTO ledger SELECT n, n, n * 1000, 'memo ' || n FROM generate_series(1, 10) n;

CREATE VIEW account_names AS SELECT id, name, owner_id, phone, email FROM account WHERE active;
CREATE VIEW name_lengths AS
  SELECT n.id, length(n.name) AS letters, upper(n.name) AS upper_name, n.phone, p.price
    FROM account_names n LEFT JOIN product p ON p.id = n.id;
-- Views whose own expressions can fail.
CREATE VIEW ratios AS SELECT id, 100 / score AS ratio, (attributes ->> 'n')::int AS n FROM account;
CREATE VIEW rated AS SELECT id, name FROM account WHERE 100 / score >= 0;

-- Views that are written through.
CREATE VIEW contact_open AS SELECT id, account_id, owner_id, name, note FROM contact WHERE id > 3;
CREATE VIEW contact_checked AS SELECT id, owner_id, name FROM contact_open WHERE id < 950 WITH CASCADED CHECK OPTION;
CREATE VIEW contact_local AS SELECT id, owner_id, name FROM contact_open WHERE id < 950 WITH LOCAL CHECK OPTION;
CREATE VIEW event_calls AS SELECT id, day, owner_id, kind AS sort, size FROM event WHERE kind = 'call';
CREATE VIEW account_phones AS SELECT id, name, owner_id, department_id, phone, email FROM account WHERE phone LIKE '138%';
CREATE VIEW account_places AS SELECT id, name AS title, phone AS number, owner_id, department_id, secret FROM account;
CREATE VIEW contact_swapped AS SELECT id, account_id AS owner_id, owner_id AS account_id, name FROM contact;
CREATE VIEW contact_renamed AS SELECT id, owner_id AS owner, name FROM contact;
CREATE VIEW contact_shared AS SELECT id, owner_id, name FROM contact WHERE id IN (SELECT id FROM remark);
CREATE VIEW contact_noted AS SELECT id, owner_id, name FROM contact WHERE 100 / length(note) > 0;

-- Rows lie in the order of their keys, here and in the copies that tests change.
ALTER TABLE account CLUSTER ON account_pkey;
ALTER TABLE contact CLUSTER ON contact_pkey;
ALTER TABLE event_2025 CLUSTER ON event_2025_pkey;
ALTER TABLE event_2026 CLUSTER ON event_2026_pkey;
ALTER TABLE remark CLUSTER ON remark_pkey;
ALTER TABLE remark_long CLUSTER ON remark_long_pkey;
