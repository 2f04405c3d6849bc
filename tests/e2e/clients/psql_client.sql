\pset pager off
\pset null '(null)'
\d crm.account
\d+ crm.contact
\dt crm.product
\dt crm.acc*
\dv crm.account_overview
\di crm.account*
\ds crm.account_id_seq
\dn crm
\df crm.fmt_phone
\dT crm.stage
\dD crm.rating
\d crm.客户
\d crm."Opportunities"
\l crm
SELECT count(*) FROM crm.account;
SELECT id, name, phone, email, credit_limit FROM crm.account ORDER BY id LIMIT 10;
TABLE crm.product LIMIT 3;
SELECT * FROM crm.客户 ORDER BY 编号 LIMIT 5;
SELECT a.name, c.name AS contact FROM crm.account a, crm.contact c WHERE c.account_id = a.id ORDER BY a.id, c.id LIMIT 5;
\x on
SELECT * FROM crm.account WHERE id = 1;
\x off
PREPARE by_id (bigint) AS SELECT id, name FROM crm.account WHERE id = $1;
EXECUTE by_id(1);
EXECUTE by_id(41);
DEALLOCATE by_id;
BEGIN;
DECLARE walk CURSOR FOR SELECT id FROM crm.account ORDER BY id;
FETCH 3 FROM walk;
MOVE 2 FROM walk;
FETCH NEXT FROM walk;
CLOSE walk;
UPDATE crm.account SET note = 'psql' WHERE id = 1;
\copy crm.contact (id, account_id, owner_id, name) from stdin
920001	1	104	a
920002	1	104	b
\.
SELECT id, name FROM crm.contact WHERE id > 900000 ORDER BY id;
SAVEPOINT s;
SELECT 1 / 0;
ROLLBACK TO s;
SELECT note FROM crm.account WHERE id = 1;
ROLLBACK;
SELECT id FROM crm.account WHERE id IN (1, 41) ORDER BY id \g
SELECT 1 AS a \gdesc
SELECT 'SELECT 41 + 1' \gexec
SHOW server_version_num;
SELECT no_such_column FROM crm.account;
