//! Every node kind of PostgreSQL's grammar with examples of it, and the enumerations that tell forms
//! of a kind apart. Data, and nothing else.
//!
//! `src/sql/tests.rs` holds the lists against `pg_query`'s: with a newer grammar that has another
//! kind or form it does not compile until somebody has written an example and looked at the decision.

/// Hands all kinds by class, each with examples, to another macro. `Later` is what is made after
/// parsing; no text of a client gives it. The names are `pg_query`'s.
macro_rules! kinds {
    ($then:ident) => { $then! {
Statement {
    SelectStmt [
        "SELECT id, name, phone FROM account WHERE id = 5",
        "TABLE product",
        "VALUES (1), (2)",
        "SELECT id FROM account UNION ALL SELECT id FROM contact EXCEPT SELECT 3 INTERSECT SELECT 4",
        "SELECT count(*) FROM account",
        "SELECT name INTO copied FROM account",
        "SELECT name INTO TEMPORARY copied FROM account",
        "SELECT id FROM account FOR UPDATE",
        "SELECT total FROM ledger",
    ];
    InsertStmt [
        "INSERT INTO account (id, name, owner_id) VALUES (1, 'a', 7)",
        "INSERT INTO account (id, name) SELECT id, name FROM contact RETURNING id",
        "INSERT INTO account DEFAULT VALUES",
        "INSERT INTO account (id, name, owner_id) OVERRIDING SYSTEM VALUE VALUES (1, 'a', 7)",
        "INSERT INTO account (id, name, owner_id) VALUES (1, 'a', 7) ON CONFLICT DO NOTHING",
        "INSERT INTO account (id, name, owner_id) VALUES (1, 'a', 7) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        "INSERT INTO account (id, name, owner_id) OVERRIDING USER VALUE VALUES (1, 'a', 7)",
        "INSERT INTO account_names (id, name) VALUES (1, 'a')",
        "INSERT INTO product (id, name) VALUES (1, 'a')",
    ];
    UpdateStmt [
        "UPDATE account SET name = 'b' WHERE id = 1",
        "UPDATE account SET name = 'b' WHERE id = 1 RETURNING *",
        "UPDATE account SET name = c.name FROM contact c WHERE c.account_id = account.id",
        "UPDATE account SET (name, amount) = ('b', 1) WHERE id = 1",
        "UPDATE account SET owner_id = 8 WHERE id = 1",
        "UPDATE account SET name = 'b' WHERE CURRENT OF c",
        "UPDATE account_names SET name = 'b'",
    ];
    DeleteStmt [
        "DELETE FROM account WHERE id = 1",
        "DELETE FROM account USING contact c WHERE c.account_id = account.id",
        "DELETE FROM account WHERE id = 1 RETURNING phone",
        "DELETE FROM account WHERE CURRENT OF c",
    ];
    MergeStmt [
        "MERGE INTO account a USING contact c ON c.account_id = a.id WHEN MATCHED THEN UPDATE SET name = c.name WHEN NOT MATCHED THEN DO NOTHING",
        "MERGE INTO account a USING contact c ON c.account_id = a.id WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action(), a.id",
    ];
    CopyStmt [
        "COPY account TO STDOUT",
        "COPY account (id, name) TO STDOUT WITH (FORMAT csv)",
        "COPY (SELECT id, phone FROM account) TO STDOUT",
        "COPY (DELETE FROM account RETURNING id) TO STDOUT",
        "COPY account FROM STDIN",
        "COPY account TO '/tmp/a'",
        "COPY account FROM '/tmp/a'",
        "COPY account TO PROGRAM 'cat'",
    ];
    ExplainStmt [
        "EXPLAIN SELECT name FROM account",
        "EXPLAIN (ANALYZE) SELECT name FROM account",
        "EXPLAIN UPDATE account SET name = 'b'",
        "EXPLAIN (GENERIC_PLAN) SELECT name FROM account",
    ];
    DeclareCursorStmt [
        "DECLARE c CURSOR FOR SELECT name FROM account",
        "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT name FROM account",
        "DECLARE c BINARY INSENSITIVE CURSOR FOR SELECT name FROM account",
    ];
    FetchStmt ["FETCH 5 FROM c", "FETCH BACKWARD ALL FROM c", "FETCH ABSOLUTE 3 FROM c", "FETCH RELATIVE -1 FROM c", "MOVE FORWARD 5 IN c"];
    ClosePortalStmt ["CLOSE c", "CLOSE ALL"];
    PrepareStmt [
        "PREPARE p (int) AS SELECT name FROM account WHERE id = $1",
        "PREPARE p AS UPDATE account SET name = $1 WHERE id = $2",
        "PREPARE p AS MERGE INTO account a USING contact c ON c.account_id = a.id WHEN MATCHED THEN DELETE",
    ];
    ExecuteStmt ["EXECUTE p (5)"];
    DeallocateStmt ["DEALLOCATE p", "DEALLOCATE ALL"];
    TransactionStmt [
        "BEGIN",
        "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY",
        "COMMIT AND CHAIN",
        "ROLLBACK",
        "SAVEPOINT s",
        "RELEASE SAVEPOINT s",
        "ROLLBACK TO SAVEPOINT s",
        "PREPARE TRANSACTION 'x'",
        "COMMIT PREPARED 'x'",
        "ROLLBACK PREPARED 'x'",
    ];
    VariableSetStmt [
        "SET statement_timeout = '5s'",
        "SET LOCAL timezone TO 'UTC'",
        "SET TIME ZONE INTERVAL '1' HOUR",
        "SET search_path = crm",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET TRANSACTION SNAPSHOT '00000003-0000001B-1'",
        "SET client_encoding = 'UTF8'",
        "SET client_encoding = 'LATIN1'",
        "SET ROLE admin",
        "SET SESSION AUTHORIZATION admin",
        "SET row_security = off",
        "SET session_replication_role = replica",
        "SET work_mem = '1GB'",
        "SET statement_timeout TO DEFAULT",
        "SET search_path FROM CURRENT",
        "RESET statement_timeout",
        "RESET ALL",
    ];
    VariableShowStmt ["SHOW server_version", "SHOW ALL", "SHOW hba_file"];
    DiscardStmt ["DISCARD ALL", "DISCARD PLANS", "DISCARD SEQUENCES", "DISCARD TEMP"];
    ConstraintsSetStmt ["SET CONSTRAINTS ALL DEFERRED"];
    UnlistenStmt ["UNLISTEN *"];
    ListenStmt ["LISTEN news"];
    NotifyStmt ["NOTIFY news, 'x'"];
    LockStmt ["LOCK TABLE account IN SHARE MODE"];
    TruncateStmt ["TRUNCATE account"];
    CallStmt ["CALL close_year(2025)"];
    DoStmt ["DO 'BEGIN END'"];
    CreateTableAsStmt [
        "CREATE TABLE copied AS SELECT name FROM account",
        "CREATE TEMPORARY TABLE copied AS SELECT name FROM account",
        "CREATE MATERIALIZED VIEW copied AS SELECT name FROM account",
        "CREATE TEMPORARY TABLE copied AS EXECUTE p",
    ];
    CreateStmt [
        "CREATE TABLE more (id int)",
        "CREATE TEMPORARY TABLE more (id int)",
        "CREATE TEMPORARY TABLE more (LIKE account INCLUDING ALL)",
    ];
    RefreshMatViewStmt ["REFRESH MATERIALIZED VIEW totals"];
    ViewStmt [
        "CREATE VIEW names AS SELECT name FROM account",
        "CREATE TEMPORARY VIEW names AS SELECT name FROM account",
    ];
    CreateSchemaStmt ["CREATE SCHEMA more"];
    AlterTableStmt ["ALTER TABLE account ADD COLUMN extra int", "ALTER VIEW account_names SET (security_barrier)"];
    ReplicaIdentityStmt ["ALTER TABLE account REPLICA IDENTITY FULL"];
    AlterTableMoveAllStmt ["ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b"];
    AlterCollationStmt ["ALTER COLLATION c REFRESH VERSION"];
    AlterDomainStmt ["ALTER DOMAIN d DROP NOT NULL"];
    GrantStmt ["GRANT SELECT ON account TO PUBLIC", "REVOKE ALL ON account FROM PUBLIC"];
    GrantRoleStmt ["GRANT admin TO alice"];
    AlterDefaultPrivilegesStmt ["ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC"];
    CreateTableSpaceStmt ["CREATE TABLESPACE a LOCATION '/tmp'"];
    DropTableSpaceStmt ["DROP TABLESPACE a"];
    AlterTableSpaceOptionsStmt ["ALTER TABLESPACE a SET (random_page_cost = 1)"];
    CreateExtensionStmt ["CREATE EXTENSION dblink"];
    AlterExtensionStmt ["ALTER EXTENSION dblink UPDATE"];
    AlterExtensionContentsStmt ["ALTER EXTENSION dblink ADD TABLE account"];
    CreateFdwStmt ["CREATE FOREIGN DATA WRAPPER w"];
    AlterFdwStmt ["ALTER FOREIGN DATA WRAPPER w NO HANDLER"];
    CreateForeignServerStmt ["CREATE SERVER s FOREIGN DATA WRAPPER w"];
    AlterForeignServerStmt ["ALTER SERVER s OPTIONS (host 'x')"];
    CreateForeignTableStmt ["CREATE FOREIGN TABLE f (id int) SERVER s"];
    CreateUserMappingStmt ["CREATE USER MAPPING FOR PUBLIC SERVER s"];
    AlterUserMappingStmt ["ALTER USER MAPPING FOR PUBLIC SERVER s OPTIONS (user 'x')"];
    DropUserMappingStmt ["DROP USER MAPPING FOR PUBLIC SERVER s"];
    ImportForeignSchemaStmt ["IMPORT FOREIGN SCHEMA x FROM SERVER s INTO crm"];
    CreatePolicyStmt ["CREATE POLICY p ON account USING (true)"];
    AlterPolicyStmt ["ALTER POLICY p ON account USING (true)"];
    CreateAmStmt ["CREATE ACCESS METHOD m TYPE INDEX HANDLER h"];
    CreateTrigStmt ["CREATE TRIGGER t BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION f()"];
    CreateEventTrigStmt ["CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION f()"];
    AlterEventTrigStmt ["ALTER EVENT TRIGGER t DISABLE"];
    CreatePlangStmt ["CREATE LANGUAGE l HANDLER h"];
    CreateRoleStmt ["CREATE ROLE r", "CREATE USER r PASSWORD 'x'"];
    AlterRoleStmt ["ALTER ROLE r SUPERUSER", "ALTER ROLE r PASSWORD 'x'"];
    AlterRoleSetStmt ["ALTER ROLE r SET search_path = x"];
    DropRoleStmt ["DROP ROLE r"];
    CreateSeqStmt ["CREATE SEQUENCE s"];
    AlterSeqStmt ["ALTER SEQUENCE s RESTART"];
    DefineStmt ["CREATE AGGREGATE a (int) (SFUNC = f, STYPE = int)", "CREATE OPERATOR = (FUNCTION = f, LEFTARG = int)", "CREATE TEXT SEARCH CONFIGURATION c (COPY = simple)", "CREATE COLLATION c (LOCALE = 'C')"];
    CreateDomainStmt ["CREATE DOMAIN d AS int CHECK (VALUE > 0)"];
    CreateOpClassStmt ["CREATE OPERATOR CLASS c FOR TYPE int USING btree AS OPERATOR 1 <"];
    CreateOpFamilyStmt ["CREATE OPERATOR FAMILY f USING btree"];
    AlterOpFamilyStmt ["ALTER OPERATOR FAMILY f USING btree ADD OPERATOR 1 < (int, int)"];
    DropStmt ["DROP TABLE account", "DROP VIEW account_names", "DROP FUNCTION f(int)", "DROP SCHEMA crm CASCADE"];
    CommentStmt ["COMMENT ON TABLE account IS 'x'"];
    SecLabelStmt ["SECURITY LABEL ON TABLE account IS 'x'"];
    IndexStmt ["CREATE INDEX i ON account (lower(name))"];
    CreateStatsStmt ["CREATE STATISTICS s ON name, phone FROM account"];
    AlterStatsStmt ["ALTER STATISTICS s SET STATISTICS 5"];
    CreateFunctionStmt [
        "CREATE FUNCTION f(a int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE PROCEDURE f() LANGUAGE sql BEGIN ATOMIC DELETE FROM account; END",
    ];
    ReturnStmt ["CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1"];
    AlterFunctionStmt ["ALTER FUNCTION f(int) SECURITY DEFINER"];
    RenameStmt ["ALTER TABLE account RENAME TO other"];
    AlterObjectDependsStmt ["ALTER FUNCTION f(int) DEPENDS ON EXTENSION e"];
    AlterObjectSchemaStmt ["ALTER TABLE account SET SCHEMA other"];
    AlterOwnerStmt ["ALTER FUNCTION f(int) OWNER TO alice"];
    AlterOperatorStmt ["ALTER OPERATOR = (int, int) SET (RESTRICT = f)"];
    AlterTypeStmt ["ALTER TYPE t SET (SEND = f)"];
    RuleStmt ["CREATE RULE r AS ON SELECT TO account DO INSTEAD SELECT 1"];
    CompositeTypeStmt ["CREATE TYPE t AS (a int)"];
    CreateEnumStmt ["CREATE TYPE t AS ENUM ('a')"];
    CreateRangeStmt ["CREATE TYPE t AS RANGE (SUBTYPE = int)"];
    AlterEnumStmt ["ALTER TYPE t ADD VALUE 'b'"];
    LoadStmt ["LOAD 'library'"];
    CreatedbStmt ["CREATE DATABASE d"];
    AlterDatabaseStmt ["ALTER DATABASE d CONNECTION LIMIT 1"];
    AlterDatabaseRefreshCollStmt ["ALTER DATABASE d REFRESH COLLATION VERSION"];
    AlterDatabaseSetStmt ["ALTER DATABASE d SET search_path = x"];
    DropdbStmt ["DROP DATABASE d"];
    AlterSystemStmt ["ALTER SYSTEM SET work_mem = '1GB'"];
    ClusterStmt ["CLUSTER account"];
    VacuumStmt ["VACUUM account", "ANALYZE account"];
    CheckPointStmt ["CHECKPOINT"];
    ReindexStmt ["REINDEX TABLE account"];
    CreateConversionStmt ["CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM f"];
    CreateCastStmt ["CREATE CAST (int AS text) WITHOUT FUNCTION"];
    CreateTransformStmt ["CREATE TRANSFORM FOR int LANGUAGE l (FROM SQL WITH FUNCTION f(internal))"];
    DropOwnedStmt ["DROP OWNED BY alice"];
    ReassignOwnedStmt ["REASSIGN OWNED BY alice TO bob"];
    AlterTsdictionaryStmt ["ALTER TEXT SEARCH DICTIONARY d (stopwords = 'x')"];
    AlterTsconfigurationStmt ["ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR word WITH simple"];
    CreatePublicationStmt ["CREATE PUBLICATION p FOR TABLE account"];
    AlterPublicationStmt ["ALTER PUBLICATION p ADD TABLE account"];
    CreateSubscriptionStmt ["CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p"];
    AlterSubscriptionStmt ["ALTER SUBSCRIPTION s ENABLE"];
    DropSubscriptionStmt ["DROP SUBSCRIPTION s"];
}
Clause {
    RawStmt ["SELECT 1; SELECT name FROM account"];
    RangeVar [
        "SELECT name FROM crm.account",
        "SELECT name FROM sample.crm.account",
        "SELECT name FROM other.crm.account",
        "SELECT name FROM ONLY account",
        "SELECT name FROM account_names",
        "SELECT * FROM totals",
    ];
    Alias ["SELECT a.name FROM account AS a", "SELECT a.x FROM account AS a (x, y)"];
    RangeSubselect [
        "SELECT s.name FROM (SELECT name FROM account) s",
        "SELECT s.name FROM account a, LATERAL (SELECT c.name FROM contact c WHERE c.account_id = a.id) s",
    ];
    RangeFunction [
        "SELECT * FROM generate_series(1, 3) AS n",
        "SELECT * FROM ROWS FROM (generate_series(1, 3), unnest(ARRAY[1, 2])) WITH ORDINALITY AS n (a, b, c)",
        "SELECT r.b FROM account a, json_to_recordset(a.attributes::json) AS r (b int, c text)",
    ];
    RangeTableFunc ["SELECT x.n FROM account a, XMLTABLE('/r' PASSING a.document COLUMNS n int PATH '@n' DEFAULT 0) x"];
    RangeTableFuncCol ["SELECT x.o FROM account a, XMLTABLE(XMLNAMESPACES('u' AS p), '/r' PASSING a.document COLUMNS o FOR ORDINALITY) x"];
    RangeTableSample [
        "SELECT name FROM account TABLESAMPLE bernoulli (10) REPEATABLE (1)",
        "SELECT name FROM account TABLESAMPLE tsm_system_rows (10)",
    ];
    JsonTable ["SELECT t.n FROM account a, JSON_TABLE(a.attributes, '$[*]' COLUMNS (n int PATH '$.n')) t"];
    JsonTableColumn ["SELECT t.n FROM account a, JSON_TABLE(a.attributes, '$' COLUMNS (o FOR ORDINALITY, NESTED PATH '$.l[*]' COLUMNS (n int EXISTS PATH '$', f text FORMAT JSON))) t"];
    JsonTablePathSpec ["SELECT t.n FROM account a, JSON_TABLE(a.attributes, '$[*]' AS p COLUMNS (n int)) t"];
    JoinExpr [
        "SELECT a.name, c.name FROM account a JOIN contact c ON c.account_id = a.id",
        "SELECT a.name FROM account a LEFT JOIN contact c USING (id)",
        "SELECT j.id FROM account a FULL JOIN contact c USING (id) AS j",
        "SELECT a.name FROM contact a NATURAL JOIN product p",
        "SELECT a.name FROM account a NATURAL JOIN product p",
        "SELECT a.name FROM account a CROSS JOIN product p RIGHT JOIN contact c ON c.id = p.id",
        "SELECT j.id FROM (contact a JOIN product p ON a.id = p.id) AS j (id)",
    ];
    IntoClause ["SELECT name INTO copied FROM account", "CREATE TABLE copied WITH (fillfactor = 50) AS SELECT name FROM account WITH NO DATA"];
    WithClause [
        "WITH a AS (SELECT name FROM account) SELECT name FROM a",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n",
    ];
    CommonTableExpr [
        "WITH account AS MATERIALIZED (SELECT name FROM account) SELECT name FROM account",
        "WITH a AS NOT MATERIALIZED (SELECT name FROM account) SELECT name FROM a",
        "WITH gone AS (DELETE FROM account RETURNING id) SELECT id FROM gone",
        "WITH added AS (INSERT INTO account (id, name, owner_id) VALUES (1, 'a', 7) RETURNING id) SELECT id FROM added",
    ];
    CtesearchClause ["WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SEARCH DEPTH FIRST BY i SET o SELECT i FROM n ORDER BY o"];
    CtecycleClause ["WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) CYCLE i SET c USING p SELECT i FROM n WHERE NOT c"];
    ResTarget ["SELECT name AS n, 1 + 1 FROM account"];
    SortBy [
        "SELECT name FROM account ORDER BY name DESC NULLS LAST, id ASC NULLS FIRST",
        "SELECT name FROM account ORDER BY name USING <",
        "SELECT name FROM account ORDER BY id FETCH FIRST 5 ROWS WITH TIES",
        "SELECT name FROM account ORDER BY id LIMIT 5 OFFSET 5",
    ];
    GroupingSet [
        "SELECT name, count(*) FROM account GROUP BY ROLLUP (name)",
        "SELECT name, count(*) FROM account GROUP BY CUBE (name), GROUPING SETS ((name), ())",
        "SELECT name, count(*) FROM account GROUP BY DISTINCT ROLLUP (name)",
    ];
    WindowDef [
        "SELECT sum(amount) OVER w FROM account WINDOW w AS (PARTITION BY name ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES)",
        "SELECT rank() OVER (ORDER BY id) FROM account",
    ];
    LockingClause [
        "SELECT id FROM account FOR SHARE",
        "SELECT a.id FROM account a, contact c FOR NO KEY UPDATE OF a SKIP LOCKED",
        "SELECT id FROM product FOR KEY SHARE NOWAIT",
    ];
    OnConflictClause ["INSERT INTO account (id, name, owner_id) VALUES (1, 'a', 7) ON CONFLICT (id) DO UPDATE SET name = 'c' WHERE account.amount > 1"];
    InferClause ["INSERT INTO account (id, name, owner_id) VALUES (1, 'a', 7) ON CONFLICT (lower(name)) WHERE id > 1 DO NOTHING", "INSERT INTO account (id, name, owner_id) VALUES (1, 'a', 7) ON CONFLICT ON CONSTRAINT account_pkey DO NOTHING"];
    ReturningClause ["UPDATE account SET name = 'b' RETURNING id, phone"];
    ReturningOption ["UPDATE account SET name = 'b' RETURNING WITH (OLD AS o, NEW AS n) o.name, n.name"];
    MergeWhenClause ["MERGE INTO account a USING contact c ON c.account_id = a.id WHEN NOT MATCHED THEN INSERT (id, name, owner_id) VALUES (c.id, c.name, 7)"];
    IndexElem ["INSERT INTO account (id, name, owner_id) VALUES (1, 'a', 7) ON CONFLICT (id) DO NOTHING"];
    DefElem ["EXPLAIN (VERBOSE, FORMAT json) SELECT name FROM account", "COPY account TO STDOUT (FORMAT binary)"];
    TypeName ["SELECT id::pg_catalog.text FROM account"];
    ColumnDef ["SELECT r.a FROM json_to_record('{}') AS r (a int)"];
    List ["SELECT 1 WHERE (1, 2) IN ((1, 2))"];
}
Expression {
    ColumnRef [
        "SELECT name FROM account",
        "SELECT * FROM account",
        "SELECT account.* FROM account",
        "SELECT account FROM account",
        "SELECT crm.account.name FROM crm.account",
        "SELECT ctid, tableoid FROM account",
    ];
    AStar ["SELECT a.* FROM account a"];
    ParamRef ["SELECT name FROM account WHERE id = $1"];
    AConst ["SELECT 1, 2.5, 'x', TRUE, NULL, B'1', X'f', E'x\\n'"];
    Integer ["SELECT 1"];
    Float ["SELECT 1.5"];
    Boolean ["SELECT false"];
    String ["SELECT name::text FROM account"];
    BitString ["SELECT B'101'"];
    AExpr [
        "SELECT id + 1 FROM account",
        "SELECT name FROM account WHERE id = ANY (ARRAY[1, 2])",
        "SELECT name FROM account WHERE id > ALL (ARRAY[1, 2])",
        "SELECT name FROM account WHERE id IS DISTINCT FROM 1 AND id IS NOT DISTINCT FROM 2",
        "SELECT nullif(name, '') FROM account",
        "SELECT name FROM account WHERE id IN (1, 2)",
        "SELECT name FROM account WHERE name LIKE 'a%' AND name ILIKE 'b%' AND name SIMILAR TO 'c%'",
        "SELECT name FROM account WHERE id BETWEEN 1 AND 2 AND id NOT BETWEEN SYMMETRIC 4 AND 3",
        "SELECT name FROM account WHERE id BETWEEN SYMMETRIC 2 AND 1 AND id NOT BETWEEN 4 AND 5",
        "SELECT name FROM account WHERE id OPERATOR(pg_catalog.=) 1",
    ];
    BoolExpr ["SELECT name FROM account WHERE id = 1 AND NOT (id = 2 OR id = 3)"];
    SubLink [
        "SELECT name FROM account a WHERE EXISTS (SELECT 1 FROM contact c WHERE c.account_id = a.id)",
        "SELECT name FROM account WHERE id IN (SELECT account_id FROM contact)",
        "SELECT name FROM account WHERE id > ALL (SELECT account_id FROM contact)",
        "SELECT (SELECT name FROM contact LIMIT 1), ARRAY(SELECT id FROM account)",
        "UPDATE account SET (name, amount) = (SELECT c.name, 1 FROM contact c LIMIT 1)",
    ];
    FuncCall [
        "SELECT lower(name) FROM account",
        "SELECT count(DISTINCT name) FILTER (WHERE id > 1) FROM account",
        "SELECT string_agg(name, ',' ORDER BY id) FROM account",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) FROM account",
        "SELECT concat(VARIADIC ARRAY['a', 'b'])",
        "SELECT query_to_xml('SELECT 1', true, true, '')",
        "SELECT pg_read_file('x')",
        "SELECT pg_sleep(1)",
        "SELECT set_config('role', 'admin', false)",
        "SELECT close_year(2025)",
    ];
    NamedArgExpr ["SELECT make_date(year => 2025, month => 1, day => 1)"];
    TypeCast ["SELECT id::text, CAST(name AS varchar(5)) FROM account", "SELECT 'account'::regclass"];
    CollateClause ["SELECT name COLLATE \"C\" FROM account"];
    NullTest ["SELECT name IS NULL, name IS NOT NULL FROM account"];
    BooleanTest ["SELECT (id = 1) IS TRUE, (id = 1) IS NOT TRUE, (id = 1) IS FALSE, (id = 1) IS NOT FALSE, (id = 1) IS UNKNOWN, (id = 1) IS NOT UNKNOWN FROM account"];
    AArrayExpr ["SELECT ARRAY[id, 2] FROM account"];
    AIndices ["SELECT labels[1], labels[1:2] FROM account"];
    AIndirection ["SELECT (ARRAY[1, 2])[1]", "SELECT (a).name FROM account a", "SELECT (a).* FROM account a"];
    RowExpr ["SELECT ROW(id, name) FROM account"];
    CaseExpr ["SELECT CASE id WHEN 1 THEN 'a' ELSE 'b' END FROM account"];
    CaseWhen ["SELECT CASE WHEN id = 1 THEN name END FROM account"];
    CoalesceExpr ["SELECT coalesce(phone, name) FROM account"];
    MinMaxExpr ["SELECT greatest(id, 1), least(id, 1) FROM account"];
    SqlvalueFunction ["SELECT current_date, current_time, current_timestamp, localtime, localtimestamp", "SELECT current_time(0), current_timestamp(0), localtime(0), localtimestamp(0)", "SELECT current_user", "SELECT user", "SELECT current_role", "SELECT session_user", "SELECT current_catalog", "SELECT current_schema"];
    GroupingFunc ["SELECT grouping(name) FROM account GROUP BY ROLLUP (name)"];
    SetToDefault ["UPDATE account SET amount = DEFAULT"];
    MultiAssignRef ["UPDATE account SET (name, amount) = ROW('b', 1)"];
    CurrentOfExpr ["DELETE FROM account WHERE CURRENT OF c"];
    MergeSupportFunc ["MERGE INTO account a USING contact c ON c.account_id = a.id WHEN MATCHED THEN DELETE RETURNING merge_action()"];
    XmlExpr [
        "SELECT xmlelement(NAME a, xmlattributes(id AS b), name) FROM account",
        "SELECT xmlforest(name), xmlpi(NAME p), xmlroot('<a/>', VERSION '1.0'), xmlconcat('<a/>', '<b/>') FROM account",
        "SELECT xmlparse(DOCUMENT '<a/>'), document IS DOCUMENT FROM account",
    ];
    XmlSerialize ["SELECT xmlserialize(CONTENT document AS text) FROM account"];
    JsonIsPredicate ["SELECT name IS JSON, name IS JSON OBJECT, name IS JSON ARRAY, name IS NOT JSON SCALAR WITH UNIQUE KEYS FROM account"];
    JsonFuncExpr [
        "SELECT JSON_VALUE(attributes, '$.a') FROM account",
        "SELECT JSON_QUERY(attributes, '$.a' WITH WRAPPER) FROM account",
        "SELECT JSON_EXISTS(attributes, '$.a') FROM account",
    ];
    JsonBehavior [
        "SELECT JSON_EXISTS(attributes, '$.a' TRUE ON ERROR), JSON_EXISTS(attributes, '$.a' FALSE ON ERROR), JSON_EXISTS(attributes, '$.a' UNKNOWN ON ERROR) FROM account",
        "SELECT JSON_QUERY(attributes, '$.a' EMPTY ARRAY ON EMPTY EMPTY OBJECT ON ERROR), JSON_VALUE(attributes, '$.a' NULL ON ERROR) FROM account",
        "SELECT JSON_VALUE(attributes, '$.a' DEFAULT 'x' ON EMPTY ERROR ON ERROR) FROM account"];
    JsonArgument ["SELECT JSON_VALUE(attributes, '$.a ? (@ > $x)' PASSING id AS x) FROM account"];
    JsonObjectConstructor ["SELECT JSON_OBJECT('a' VALUE id ABSENT ON NULL) FROM account"];
    JsonKeyValue ["SELECT JSON_OBJECT('a': name) FROM account"];
    JsonArrayConstructor ["SELECT JSON_ARRAY(id, name) FROM account"];
    JsonArrayQueryConstructor ["SELECT JSON_ARRAY(SELECT name FROM account)"];
    JsonAggConstructor ["SELECT JSON_ARRAYAGG(name ORDER BY id) FROM account"];
    JsonObjectAgg ["SELECT JSON_OBJECTAGG(name: id) FROM account"];
    JsonArrayAgg ["SELECT JSON_ARRAYAGG(name) FROM account"];
    JsonParseExpr ["SELECT JSON(name) FROM account"];
    JsonScalarExpr ["SELECT JSON_SCALAR(name) FROM account"];
    JsonSerializeExpr ["SELECT JSON_SERIALIZE(attributes) FROM account"];
    JsonValueExpr ["SELECT JSON_ARRAY(name FORMAT JSON) FROM account"];
    JsonFormat ["SELECT JSON_ARRAY('[]' FORMAT JSON)"];
    JsonOutput ["SELECT JSON_ARRAY(name RETURNING jsonb) FROM account"];
    JsonReturning ["SELECT JSON_OBJECT('a': 1 RETURNING text)"];
}
Definition {
    TableLikeClause ["CREATE TABLE more (LIKE account)"];
    Constraint ["CREATE TABLE more (id int PRIMARY KEY REFERENCES account)"];
    AlterTableCmd ["ALTER TABLE account DROP COLUMN name"];
    AtalterConstraint ["ALTER TABLE account ALTER CONSTRAINT c DEFERRABLE"];
    PartitionElem ["CREATE TABLE more (id int) PARTITION BY RANGE ((id + 1))"];
    PartitionSpec ["CREATE TABLE more (id int) PARTITION BY HASH (id)"];
    PartitionBoundSpec ["CREATE TABLE part PARTITION OF more FOR VALUES FROM (1) TO (2)"];
    PartitionCmd ["ALTER TABLE more ATTACH PARTITION part DEFAULT"];
    TriggerTransition ["CREATE TRIGGER t AFTER INSERT ON account REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION f()"];
    RoleSpec ["GRANT SELECT ON account TO CURRENT_USER"];
    ObjectWithArgs ["DROP FUNCTION f(int)"];
    AccessPriv ["GRANT SELECT (name) ON account TO PUBLIC"];
    CreateOpClassItem ["CREATE OPERATOR CLASS c FOR TYPE int USING btree AS FUNCTION 1 f(int, int)"];
    StatsElem ["CREATE STATISTICS s ON lower(name), id FROM account"];
    FunctionParameter ["CREATE FUNCTION f(a int, OUT b text) LANGUAGE sql AS 'SELECT 1'"];
    VacuumRelation ["VACUUM (ANALYZE) account (name)"];
    PublicationObjSpec ["CREATE PUBLICATION p FOR TABLES IN SCHEMA crm"];
    PublicationTable ["CREATE PUBLICATION p FOR TABLE account (id) WHERE (id > 1)"];
}
Later {
    PartitionRangeDatum; TableFunc; Var; Param; Aggref; WindowFunc; WindowFuncRunCondition; SubscriptingRef;
    FuncExpr; OpExpr; DistinctExpr; NullIfExpr; ScalarArrayOpExpr; SubPlan; AlternativeSubPlan;
    FieldSelect; FieldStore; RelabelType; CoerceViaIo; ArrayCoerceExpr; ConvertRowtypeExpr;
    CollateExpr; CaseTestExpr; ArrayExpr; RowCompareExpr; JsonConstructorExpr; JsonExpr;
    JsonTablePath; JsonTablePathScan; JsonTableSiblingJoin; MergeAction; CoerceToDomain;
    CoerceToDomainValue; NextValueExpr; InferenceElem; ReturningExpr; TargetEntry; RangeTblRef;
    FromExpr; OnConflictExpr; Query; RangeTblEntry; RtepermissionInfo; RangeTblFunction;
    TableSampleClause; WithCheckOption; SortGroupClause; WindowClause; RowMarkClause;
    SetOperationStmt; PlassignStmt; InlineCodeBlock; CallContext; IntList; OidList;
}
    } };
}

/// Hands the enumerations that tell forms of a node apart to another macro: the node and its field,
/// the values as C numbers them, and the values that no text gives.
macro_rules! forms {
    ($then:ident) => { $then! {
    SelectStmt.op: SetOperation { SetopNone = 0, SetopUnion = 1, SetopIntersect = 2, SetopExcept =
        3 } later { Undefined };
    SelectStmt.limit_option: LimitOption { Default = 0, Count = 1, WithTies = 2 } later {
        Undefined };
    JoinExpr.jointype: JoinType { JoinInner = 0, JoinLeft = 1, JoinFull = 2, JoinRight = 3 } later
        { Undefined, JoinSemi, JoinAnti, JoinRightSemi, JoinRightAnti, JoinUniqueOuter,
        JoinUniqueInner };
    A_Expr.kind: AExprKind { AexprOp = 0, AexprOpAny = 1, AexprOpAll = 2, AexprDistinct = 3,
        AexprNotDistinct = 4, AexprNullif = 5, AexprIn = 6, AexprLike = 7, AexprIlike = 8,
        AexprSimilar = 9, AexprBetween = 10, AexprNotBetween = 11, AexprBetweenSym = 12,
        AexprNotBetweenSym = 13 } later { Undefined };
    BoolExpr.boolop: BoolExprType { AndExpr = 0, OrExpr = 1, NotExpr = 2 } later { Undefined };
    SubLink.sub_link_type: SubLinkType { ExistsSublink = 0, AllSublink = 1, AnySublink = 2,
        ExprSublink = 4, ArraySublink = 6 } later { Undefined, RowcompareSublink,
        MultiexprSublink, CteSublink };
    GroupingSet.kind: GroupingSetKind { GroupingSetEmpty = 0, GroupingSetRollup = 2,
        GroupingSetCube = 3, GroupingSetSets = 4 } later { Undefined, GroupingSetSimple };
    SQLValueFunction.op: SqlValueFunctionOp { SvfopCurrentDate = 0, SvfopCurrentTime = 1,
        SvfopCurrentTimeN = 2, SvfopCurrentTimestamp = 3, SvfopCurrentTimestampN = 4,
        SvfopLocaltime = 5, SvfopLocaltimeN = 6, SvfopLocaltimestamp = 7, SvfopLocaltimestampN =
        8, SvfopCurrentRole = 9, SvfopCurrentUser = 10, SvfopUser = 11, SvfopSessionUser = 12,
        SvfopCurrentCatalog = 13, SvfopCurrentSchema = 14 } later { SqlvalueFunctionOpUndefined };
    NullTest.nulltesttype: NullTestType { IsNull = 0, IsNotNull = 1 } later { Undefined };
    BooleanTest.booltesttype: BoolTestType { IsTrue = 0, IsNotTrue = 1, IsFalse = 2, IsNotFalse =
        3, IsUnknown = 4, IsNotUnknown = 5 } later { Undefined };
    MinMaxExpr.op: MinMaxOp { IsGreatest = 0, IsLeast = 1 } later { Undefined };
    XmlExpr.op: XmlExprOp { IsXmlconcat = 0, IsXmlelement = 1, IsXmlforest = 2, IsXmlparse = 3,
        IsXmlpi = 4, IsXmlroot = 5, IsDocument = 7 } later { Undefined, IsXmlserialize };
    JsonFuncExpr.op: JsonExprOp { JsonExistsOp = 0, JsonQueryOp = 1, JsonValueOp = 2 } later {
        Undefined, JsonTableOp };
    JsonIsPredicate.item_type: JsonValueType { JsTypeAny = 0, JsTypeObject = 1, JsTypeArray = 2,
        JsTypeScalar = 3 } later { Undefined };
    JsonBehavior.btype: JsonBehaviorType { JsonBehaviorNull = 0, JsonBehaviorError = 1,
        JsonBehaviorTrue = 3, JsonBehaviorFalse = 4, JsonBehaviorUnknown =
        5, JsonBehaviorEmptyArray = 6, JsonBehaviorEmptyObject = 7, JsonBehaviorDefault = 8 }
        later { Undefined, JsonBehaviorEmpty };
    JsonTableColumn.coltype: JsonTableColumnType { JtcForOrdinality = 0, JtcRegular = 1, JtcExists
        = 2, JtcFormatted = 3, JtcNested = 4 } later { Undefined };
    TransactionStmt.kind: TransactionStmtKind { TransStmtBegin = 0, TransStmtStart = 1,
        TransStmtCommit = 2, TransStmtRollback = 3, TransStmtSavepoint = 4, TransStmtRelease = 5,
        TransStmtRollbackTo = 6, TransStmtPrepare = 7, TransStmtCommitPrepared = 8,
        TransStmtRollbackPrepared = 9 } later { Undefined };
    VariableSetStmt.kind: VariableSetKind { VarSetValue = 0, VarSetDefault = 1, VarSetCurrent = 2,
        VarSetMulti = 3, VarReset = 4, VarResetAll = 5 } later { Undefined };
    DiscardStmt.target: DiscardMode { DiscardAll = 0, DiscardPlans = 1, DiscardSequences = 2,
        DiscardTemp = 3 } later { Undefined };
    OnConflictClause.action: OnConflictAction { OnconflictNothing = 1, OnconflictUpdate = 2 }
        later { Undefined, OnconflictNone };
    MergeWhenClause.match_kind: MergeMatchKind { MergeWhenMatched = 0, MergeWhenNotMatchedBySource
        = 1, MergeWhenNotMatchedByTarget = 2 } later { Undefined };
    InsertStmt.override_: OverridingKind { OverridingNotSet = 0, OverridingUserValue = 1,
        OverridingSystemValue = 2 } later { Undefined };
    LockingClause.strength: LockClauseStrength { LcsForkeyshare = 1, LcsForshare = 2,
        LcsFornokeyupdate = 3, LcsForupdate = 4 } later { Undefined, LcsNone };
    LockingClause.wait_policy: LockWaitPolicy { LockWaitBlock = 0, LockWaitSkip = 1, LockWaitError
        = 2 } later { Undefined };
    CommonTableExpr.ctematerialized: CteMaterialize { Default = 0, Always = 1, Never = 2 } later {
        CtematerializeUndefined };
    FetchStmt.direction: FetchDirection { FetchForward = 0, FetchBackward = 1, FetchAbsolute = 2,
        FetchRelative = 3 } later { Undefined };
    ReturningOption.option: ReturningOptionKind { ReturningOptionOld = 0, ReturningOptionNew = 1 }
        later { Undefined };
    SortBy.sortby_dir: SortByDir { SortbyDefault = 0, SortbyAsc = 1, SortbyDesc = 2, SortbyUsing =
        3 } later { Undefined };
    SortBy.sortby_nulls: SortByNulls { SortbyNullsDefault = 0, SortbyNullsFirst = 1,
        SortbyNullsLast = 2 } later { Undefined };
    } };
}

pub(crate) use {forms, kinds};
