-- What the gateway's own role may do: use the sample CRM, own nothing, bypass nothing.
-- The role itself is made beforehand, with a password of its own.
GRANT USAGE, CREATE ON SCHEMA crm TO rowgate;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA crm TO rowgate;
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA crm TO rowgate;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA crm TO rowgate;
