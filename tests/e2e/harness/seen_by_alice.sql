-- Turns a copy of the sample CRM into exactly what alice may see of it: a client that runs directly
-- against this copy gets the answers that it has to get as alice through the gateway.
-- Written by hand from the policy's words, not derived from its code.
SET session_replication_role = replica; -- no foreign keys, no triggers

CREATE TEMP TABLE visible AS
    SELECT id FROM crm.account
     WHERE owner_id = 104
        OR id IN (SELECT account_id FROM crm.account_team WHERE user_id = 104)
        OR id IN (SELECT record_id FROM crm.record_share
                   WHERE object = 'account' AND (expires_at IS NULL OR expires_at > now())
                     AND principal IN ('user:104', 'role:sales_rep', 'team:7', 'department:21'));

DELETE FROM crm.account WHERE id NOT IN (SELECT id FROM visible);
DELETE FROM crm.contact WHERE owner_id IS DISTINCT FROM 104 AND account_id NOT IN (SELECT id FROM visible);
DELETE FROM crm.opportunity WHERE owner_id IS DISTINCT FROM 104;
DELETE FROM crm.activity WHERE owner_id IS DISTINCT FROM 104;
DELETE FROM crm.remark WHERE owner_id IS DISTINCT FROM 104;
DELETE FROM crm.contract WHERE owner_id IS DISTINCT FROM 104;
DELETE FROM crm.客户 WHERE 负责人 IS DISTINCT FROM 104;
DELETE FROM crm.account_team WHERE user_id <> 104;

UPDATE crm.account SET credit_limit = NULL, annual_revenue = NULL;
ALTER TABLE crm.account DROP COLUMN internal_score;
UPDATE crm.客户 SET 年收入 = NULL;
UPDATE crm.employee SET phone = left(phone, 3) || '****' || right(phone, 4), email = left(email, 1) || '***@crm.example';
ALTER TABLE crm.employee DROP COLUMN salary;
