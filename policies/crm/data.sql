-- Rows for the sample CRM, the same ones on every run: series and arithmetic, no random().
-- Size: SET crm.accounts = '20000' beforehand gives about 300,000 rows (the default 500 about 8,000).
SET TimeZone = 'UTC';

CREATE FUNCTION pg_temp.size() RETURNS int LANGUAGE sql STABLE
    RETURN coalesce(nullif(current_setting('crm.accounts', true), ''), '500')::int;

-- A number in 0 .. m-1 that looks unordered and is the same everywhere.
CREATE FUNCTION pg_temp.mix(i bigint, salt int, m int) RETURNS int LANGUAGE sql IMMUTABLE
    RETURN (((i * 2654435761 + salt * 40503::bigint) % 4294967296 / 16) % m)::int;

CREATE FUNCTION pg_temp.pick(i bigint, salt int, VARIADIC words text[]) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN words[1 + pg_temp.mix(i, salt, cardinality(words))];

CREATE FUNCTION pg_temp.moment(i bigint, salt int) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    RETURN timestamptz '2026-01-01 00:00:00+00' + pg_temp.mix(i, salt, 322 * 86400) * interval '1 second';

INSERT INTO crm.department (id, parent_id, head_id, name, name_zh) VALUES
    (1, NULL, 101, 'Headquarters', '总部'),
    (2, 1, 109, 'Sales', '销售中心'),
    (21, 2, 102, 'East Sales', '华东销售部'),
    (211, 21, 201, 'Shanghai', '上海组'),
    (212, 21, 202, 'Hangzhou', '杭州组'),
    (22, 2, 203, 'North Sales', '华北销售部'),
    (221, 22, 204, 'Beijing', '北京组'),
    (222, 22, 205, 'Tianjin', '天津组'),
    (23, 2, 206, 'South Sales', '华南销售部'),
    (231, 23, 207, 'Shenzhen', '深圳组'),
    (232, 23, 208, 'Guangzhou', '广州组'),
    (3, 1, 105, 'Finance', '财务部'),
    (4, 1, 106, 'Marketing', '市场部'),
    (5, 1, 107, 'Service', '客服中心'),
    (51, 5, 209, 'Hotline', '热线组'),
    (52, 5, 210, 'Field Service', '现场组'),
    (9, 1, 108, 'IT', '信息部');

-- The same people, departments and managers as in directory.yaml.
INSERT INTO crm.employee (id, login, full_name, department_id, manager_id, position, location, email, phone, salary, hired_on)
SELECT id, login, full_name, department_id, manager_id, position, location, login || '@crm.example',
       '139' || lpad((id * 7919 % 100000000)::text, 8, '0'), 8000 + id * 37 % 9000, date '2018-01-01' + (id * 17 % 2500)::int
  FROM (
    VALUES (101, 'grace', 'Grace 高', 1, NULL::int, 'chief', 'beijing'),
           (109, 'judy', 'Judy 朱', 2, 101, 'sales director', 'shanghai'),
           (102, 'bob', 'Bob 鲍', 21, 109, 'sales manager', 'shanghai'),
           (203, 'u203', '员工 203', 22, 109, 'sales manager', 'beijing'),
           (103, 'carol', 'Carol 柯', 22, 203, 'rep', 'beijing'),
           (104, 'alice', 'Alice 艾', 21, 102, 'rep', 'shanghai'),
           (105, 'dave', 'Dave 戴', 3, 101, 'finance manager', 'shanghai'),
           (106, 'erin', 'Erin 尹', 4, 101, 'marketing manager', 'shanghai'),
           (107, 'frank', 'Frank 方', 5, 101, 'service manager', 'hangzhou'),
           (108, 'henry', 'Henry 何', 9, 101, 'dba', 'shanghai')
  ) AS named (id, login, full_name, department_id, manager_id, position, location)
UNION ALL
SELECT h.id, 'u' || h.id, '员工 ' || h.id, d.id, p.head_id,
       CASE WHEN d.id < 50 OR d.id > 100 THEN 'sales manager' ELSE 'service manager' END, 'shanghai',
       'u' || h.id || '@crm.example', '139' || lpad((h.id * 7919 % 100000000)::text, 8, '0'),
       8000 + h.id * 37 % 9000, date '2018-01-01' + (h.id * 17 % 2500)::int
  FROM generate_series(201, 210) AS h (id)
  JOIN crm.department d ON d.head_id = h.id
  JOIN crm.department p ON p.id = d.parent_id
 WHERE h.id <> 203
UNION ALL
SELECT s.id, 'u' || s.id, '员工 ' || s.id, d.id, d.head_id,
       CASE WHEN d.id IN (3) THEN 'accountant' WHEN d.id IN (4) THEN 'marketer' WHEN d.id IN (51, 52) THEN 'agent' ELSE 'rep' END,
       'shanghai', 'u' || s.id || '@crm.example', '139' || lpad((s.id * 7919 % 100000000)::text, 8, '0'),
       8000 + s.id * 37 % 9000, date '2018-01-01' + (s.id * 17 % 2500)::int
  FROM generate_series(211, 500) AS s (id)
  JOIN crm.department d
    ON d.id = (ARRAY[21, 211, 212, 22, 221, 222, 23, 231, 232, 3, 4, 51, 52])[1 + s.id % 13];

-- The people who may own a customer, numbered from 0.
CREATE TEMP TABLE seller AS
    SELECT id, department_id, row_number() OVER (ORDER BY id) - 1 AS place
      FROM crm.employee WHERE position IN ('rep', 'sales manager') AND id >= 200;
CREATE TEMP TABLE sellers AS SELECT count(*)::int AS n FROM seller;

INSERT INTO crm.product (id, sku, name, name_zh, category, price)
SELECT i, 'SKU-' || lpad(i::text, 4, '0'),
       pg_temp.pick(i, 1, 'Router', 'Sensor', 'Gateway', 'Battery', 'Panel', 'Licence') || ' ' || i,
       pg_temp.pick(i, 1, '路由器', '传感器', '网关', '电池', '面板', '许可证') || ' ' || i,
       pg_temp.pick(i, 2, 'hardware', 'software', 'service'), 50 + pg_temp.mix(i, 3, 20000)
  FROM generate_series(1, 60) AS i;

-- Every 40th account belongs to alice, the next to carol, bob and judy; some to nobody.
-- A few belong to another department than their owner: records move, people too.
INSERT INTO crm.account (id, name, owner_id, department_id, industry, region, phone, email, credit_limit,
                         annual_revenue, internal_score, status, stage, is_vip, tags, attributes, external_id, website,
                         founded_on, note, created_at)
SELECT i,
       CASE WHEN i % 2 = 1
            THEN pg_temp.pick(i, 1, '上海', '北京', '深圳', '杭州', '广州', '天津', '苏州', '南京')
              || pg_temp.pick(i, 2, '华兴', '远大', '东方', '金桥', '明德', '天成', '瑞丰', '百合')
              || pg_temp.pick(i, 3, '科技', '贸易', '制造', '物流', '食品', '医药') || '有限公司'
            ELSE pg_temp.pick(i, 1, 'Northern', 'Golden', 'Pacific', 'Silver', 'Grand', 'Blue', 'United', 'First')
              || ' ' || pg_temp.pick(i, 2, 'Harbour', 'Bridge', 'Forest', 'River', 'Stone', 'Lantern', 'Field', 'Tower')
              || ' ' || pg_temp.pick(i, 3, 'Technology', 'Trading', 'Works', 'Logistics', 'Foods', 'Pharma') || ' Ltd'
       END || ' ' || i,
       o.owner_id,
       CASE WHEN o.owner_id IS NULL THEN NULL WHEN i % 53 = 0 THEN 23 ELSE o.department_id END,
       pg_temp.pick(i, 4, 'technology', 'trade', 'manufacturing', 'logistics', 'food', 'pharma'),
       pg_temp.pick(i, 5, 'east', 'north', 'south'),
       CASE WHEN i % 61 = 0 THEN NULL ELSE '13' || lpad(((i * 7919 + 812337759) % 1000000000)::text, 9, '0') END,
       CASE WHEN i % 67 = 0 THEN NULL ELSE 'office' || i || '@customer.example' END,
       (10 + pg_temp.mix(i, 6, 500)) * 1000, pg_temp.mix(i, 7, 90000000) / 100.0 * 100,
       pg_temp.mix(i, 8, 100),
       CASE pg_temp.mix(i, 9, 10) WHEN 0 THEN 'archived' WHEN 1 THEN 'dormant' ELSE 'active' END,
       pg_temp.pick(i, 10, 'lead', 'qualified', 'proposal', 'negotiation', 'won', 'lost')::crm.stage,
       i % 25 = 7,
       ARRAY[pg_temp.pick(i, 11, 'retail', 'key', 'partner'), pg_temp.pick(i, 12, '重点', '普通', '潜力')],
       jsonb_build_object('source', pg_temp.pick(i, 13, 'web', 'fair', 'referral'), 'employees', pg_temp.mix(i, 14, 5000)),
       md5('account ' || i)::uuid,
       CASE WHEN i % 4 = 2 THEN 'https://customer' || i || '.example' END,
       date '1990-01-01' + pg_temp.mix(i, 15, 12000),
       CASE WHEN i % 3 = 0 THEN '最近联系过 / contacted recently' END,
       pg_temp.moment(i, 16)
  FROM generate_series(1, pg_temp.size()) AS i
 CROSS JOIN sellers
  LEFT JOIN seller s ON s.place = pg_temp.mix(i, 17, sellers.n)
 CROSS JOIN LATERAL (
    SELECT CASE WHEN i % 97 = 0 THEN NULL WHEN i % 40 = 1 THEN 104 WHEN i % 40 = 2 THEN 103
                WHEN i % 40 = 3 THEN 102 WHEN i % 40 = 4 THEN 109 ELSE s.id END AS owner_id,
           CASE WHEN i % 40 = 1 THEN 21 WHEN i % 40 = 2 THEN 22
                WHEN i % 40 = 3 THEN 21 WHEN i % 40 = 4 THEN 2 ELSE s.department_id END AS department_id
 ) AS o;

INSERT INTO crm.contact (id, account_id, owner_id, name, title, phone, email, birthday, preferences, created_at)
SELECT a.id * 2 - 2 + k, a.id, a.owner_id,
       CASE WHEN k = 1 THEN pg_temp.pick(a.id, 21, '王', '李', '张', '刘', '陈', '杨', '赵', '黄') || pg_temp.pick(a.id, 22, '伟', '芳', '娜', '敏', '静', '强', '磊', '洋')
            ELSE pg_temp.pick(a.id, 23, 'Ann', 'Ben', 'Chloe', 'Dan', 'Eve', 'Finn') || ' ' || pg_temp.pick(a.id, 24, 'Smith', 'Jones', 'Brown', 'Lee', 'Miller') END,
       pg_temp.pick(a.id + k, 25, 'buyer', 'director', 'engineer', '经理', '采购'),
       '13' || lpad(((a.id * 2 + k) * 104729 % 1000000000)::text, 9, '0'),
       'person' || (a.id * 2 - 2 + k) || '@customer.example',
       date '1965-01-01' + pg_temp.mix(a.id * 2 + k, 26, 14000),
       jsonb_build_object('newsletter', a.id % 3 = 0, 'language', CASE k WHEN 1 THEN 'zh' ELSE 'en' END),
       a.created_at + k * interval '1 day'
  FROM crm.account a CROSS JOIN generate_series(1, 2) AS k;

-- alice and carol work on each other's first accounts; bob on one of the north.
INSERT INTO crm.account_team (account_id, user_id, level)
SELECT id, CASE owner_id WHEN 104 THEN 103 ELSE 104 END, CASE WHEN id % 80 < 40 THEN 'write' ELSE 'read' END
  FROM crm.account WHERE owner_id IN (103, 104) AND id % 120 IN (1, 2)
UNION ALL
SELECT id, 200 + pg_temp.mix(id, 31, 10) + 1, 'read' FROM crm.account WHERE id % 9 = 5;

INSERT INTO crm.record_share (object, record_id, principal, level, expires_at)
SELECT 'account', id, 'user:104', 'read', NULL FROM crm.account WHERE id % 200 = 10
UNION ALL
SELECT 'account', id, 'user:104', 'read', timestamptz '2020-01-01 00:00:00+00' FROM crm.account WHERE id % 200 = 11
UNION ALL
SELECT 'account', id, 'department:21', 'write', NULL FROM crm.account WHERE id % 200 = 12
UNION ALL
SELECT 'account', id, 'role:sales_rep', 'read', NULL FROM crm.account WHERE id % 200 = 13;

INSERT INTO crm.opportunity (id, account_id, owner_id, department_id, name, stage, amount, probability, close_date, product_ids, created_at)
SELECT i, a.id, a.owner_id, a.department_id,
       CASE WHEN i % 2 = 0 THEN 'Deal ' ELSE '商机 ' END || i,
       pg_temp.pick(i, 41, 'lead', 'qualified', 'proposal', 'negotiation', 'won', 'lost')::crm.stage,
       1000 + pg_temp.mix(i, 42, 900000), pg_temp.mix(i, 43, 101) / 100.0,
       date '2026-01-01' + pg_temp.mix(i, 44, 400),
       ARRAY[1 + pg_temp.mix(i, 45, 60), 1 + pg_temp.mix(i, 46, 60)],
       pg_temp.moment(i, 47)
  FROM generate_series(1, pg_temp.size() * 3 / 2) AS i
  JOIN crm.account a ON a.id = 1 + (i - 1) % pg_temp.size();

INSERT INTO crm.activity (id, account_id, owner_id, kind, subject, notes, minutes, occurred_at)
SELECT i, a.id, a.owner_id,
       pg_temp.pick(i, 51, 'call', 'visit', 'email', 'wechat', 'meeting')::crm.activity_kind,
       pg_temp.pick(i, 52, '电话跟进', '上门拜访', 'follow-up', 'demo', '报价') || ' ' || i,
       CASE WHEN i % 4 = 0 THEN '客户表示感兴趣, wants a quotation' END,
       5 + pg_temp.mix(i, 53, 115), pg_temp.moment(i, 54)
  FROM generate_series(1, pg_temp.size() * 7) AS i
  JOIN crm.account a ON a.id = 1 + (i - 1) % pg_temp.size();

INSERT INTO crm.remark (id, account_id, owner_id, body, written_on)
SELECT a.id, a.id, a.owner_id, 'remark ' || a.id, date '2026-03-01' + (a.id % 90)::int FROM crm.account a WHERE a.id % 3 = 1;
INSERT INTO crm.remark_archive (id, account_id, owner_id, body, written_on, archived_on)
SELECT 1000000 + a.id, a.id, a.owner_id, 'old remark ' || a.id, date '2021-03-01' + (a.id % 90)::int, date '2024-01-01'
  FROM crm.account a WHERE a.id % 6 = 1;

INSERT INTO crm.客户 (编号, 名称, 负责人, 部门, 电话, 等级, 年收入, 登记日期)
SELECT a.id, a.name, a.owner_id, a.department_id, a.phone, pg_temp.pick(a.id, 61, '甲', '乙', '丙'),
       a.annual_revenue, date '2019-05-01' + (a.id % 365)::int
  FROM crm.account a WHERE a.id % 4 = 1;

INSERT INTO crm.contract (id, contract_no, account_id, opportunity_id, owner_id, department_id, amount, signed_on, status, terms)
SELECT o.id, 'HT-' || lpad(o.id::text, 6, '0'), o.account_id, o.id, o.owner_id, o.department_id, o.amount,
       o.created_at::date, CASE WHEN o.id % 5 = 0 THEN 'closed' ELSE 'active' END, '标准条款 standard terms'
  FROM crm.opportunity o WHERE o.id % 3 = 1;

INSERT INTO crm.invoice (id, contract_id, account_id, net, tax, bank_account, issued_on, due_on, paid)
SELECT c.id * 2 - 2 + k, c.id, c.account_id, round(c.amount / 2, 2), round(c.amount / 2 * 0.13, 2),
       '6222' || lpad((c.id * 15485863 % 1000000000000)::text, 12, '0'),
       c.signed_on + k * 30, c.signed_on + k * 30 + 30, (c.id + k) % 3 <> 0
  FROM crm.contract c CROSS JOIN generate_series(1, 2) AS k;

INSERT INTO crm.payment (id, invoice_id, amount, method, paid_at)
SELECT i.id, i.id, i.total, pg_temp.pick(i.id, 71, 'transfer', 'cheque', '支付宝'), i.due_on - interval '3 days'
  FROM crm.invoice i WHERE i.paid;

INSERT INTO crm.campaign (id, name, channel, budget, owner_id, department_id, starts_on, ends_on)
SELECT i, pg_temp.pick(i, 81, '春季促销', 'Autumn fair', '新品发布', 'Partner day') || ' ' || i,
       pg_temp.pick(i, 82, 'web', 'fair', 'mail', '微信'), 5000 + pg_temp.mix(i, 83, 200000), 106, 4,
       date '2026-01-01' + i * 10, date '2026-01-15' + i * 10
  FROM generate_series(1, 24) AS i;

INSERT INTO crm.feedback (id, account_id, campaign_id, rating, comment, created_at)
SELECT a.id, a.id, 1 + pg_temp.mix(a.id, 91, 24), 1 + pg_temp.mix(a.id, 92, 5),
       pg_temp.pick(a.id, 93, '很满意', 'too expensive', '一般', 'great support'), pg_temp.moment(a.id, 94)
  FROM crm.account a WHERE a.id % 2 = 0;

INSERT INTO crm.ticket (id, account_id, contact_id, assignee_id, status, priority, subject, body, opened_at, closed_at)
SELECT i, a.id, a.id * 2 - 1, CASE WHEN i % 20 = 1 THEN 107 ELSE 209 + pg_temp.mix(i, 101, 2) END,
       pg_temp.pick(i, 102, 'open', 'pending', 'solved', 'closed')::crm.ticket_status, 1 + pg_temp.mix(i, 103, 5),
       pg_temp.pick(i, 104, '无法登录', 'delivery late', '发票问题', 'broken panel') || ' ' || i,
       'call back ' || coalesce(a.phone, 'nobody'), pg_temp.moment(i, 105),
       CASE WHEN i % 2 = 0 THEN pg_temp.moment(i, 105) + interval '2 days' END
  FROM generate_series(1, pg_temp.size()) AS i
  JOIN crm.account a ON a.id = i;

-- The next free numbers.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['product', 'account', 'contact', 'opportunity', 'contract', 'invoice', 'payment', 'campaign', 'feedback', 'ticket'] LOOP
        EXECUTE format('SELECT setval(pg_get_serial_sequence(%L, %L), (SELECT max(id) FROM crm.%I))', 'crm.' || name, 'id', name);
    END LOOP;
END $$;

REFRESH MATERIALIZED VIEW crm.department_revenue;
DROP TABLE pg_temp.seller, pg_temp.sellers;
