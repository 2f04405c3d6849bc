//! The statements of an export that hold no expression of the policy. Pure.
//!
//! Names become quoted identifiers or string literals; nothing else of a person is in them.

use sqlparser::ast::Ident;

use crate::catalog::Relation;

/// What every object of an export begins with.
pub(super) const PREFIX: &str = "rowgate_";
/// Owns views and functions; cannot log in.
pub(super) const READER: &str = "rowgate_reader";
/// Lets the owner of views and functions read every row.
pub(super) const READER_POLICY: &str = "rowgate_reader";
/// Lets the gateway's own role do what it has the rights for.
pub(super) const GATEWAY_POLICY: &str = "rowgate_gateway";
/// Says that a schema may be dropped.
const MARK: &str = "written by rowgate export rls";

/// Longest identifier of PostgreSQL, in bytes (documentation, 4.1.1).
const LONGEST: usize = 63;

pub(super) fn ident(name: &str) -> String {
    Ident::with_quote('"', name).to_string()
}

pub(super) fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", ident(schema), ident(name))
}

pub(super) fn name_of(relation: &Relation) -> String {
    qualified(&relation.schema, &relation.name)
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether a login can be the name of a role, and stand in the blocks below.
pub(super) fn is_usable(login: &str) -> bool {
    !login.is_empty()
        && login.len() <= LONGEST
        && !login.contains('$')
        && !login.contains('\\')
        && !login.chars().any(char::is_control)
        && !login.starts_with("pg_")
        && login != "public"
}

/// `rowgate_alice`, or something of the right length that is as unique.
fn short(login: &str, longest: usize) -> String {
    if login.len() <= longest {
        return login.to_owned();
    }
    let hash = blake3::hash(login.as_bytes()).to_hex();
    hash.chars().take(longest.min(24)).collect()
}

/// The schema with a person's views and functions.
pub(super) fn schema_of(login: &str) -> String {
    format!("{PREFIX}{}", short(login, LONGEST - PREFIX.len()))
}

/// `rowgate_alice_read_1`
pub(super) fn policy_name(login: &str, verb: &str, number: usize) -> String {
    format!("{PREFIX}{}_{verb}_{number}", short(login, 36))
}

fn block(body: &str) -> String {
    format!("DO $rowgate$ {body} $rowgate$")
}

pub(super) fn create_reader() -> String {
    block(&format!(
        // Roles are the whole server's: an export into another database may make it now.
        "BEGIN IF to_regrole({name}) IS NULL THEN CREATE ROLE {READER} NOLOGIN NOSUPERUSER \
         NOBYPASSRLS; END IF; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END",
        name = literal(READER)
    ))
}

pub(super) fn create_role(login: &str) -> String {
    block(&format!(
        "BEGIN IF to_regrole({name}) IS NULL THEN CREATE ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS \
         NOCREATEDB NOCREATEROLE; END IF; END",
        name = literal(&ident(login)),
        role = ident(login)
    ))
}

/// Row security does not bind superusers and roles with BYPASSRLS, and a role has the rights of the
/// roles it is a member of.
pub(super) fn check_role(login: &str) -> String {
    block(&format!(
        "BEGIN IF (SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE oid = \
         {name}::regrole) THEN RAISE EXCEPTION 'row security does not bind the role %', {text}; END \
         IF; IF EXISTS (SELECT FROM pg_catalog.pg_auth_members WHERE member = {name}::regrole) THEN \
         RAISE WARNING 'the role % has the rights of the roles it is a member of, too', {text}; END \
         IF; END",
        name = literal(&ident(login)),
        text = literal(login)
    ))
}

/// Takes away what an earlier export left, and rights on tables that came from elsewhere. A role
/// that does not exist has nothing.
pub(super) fn remove(login: &str, schemas: &[&str]) -> String {
    let (role, name) = (ident(login), literal(&ident(login)));
    let schema = schema_of(login);
    let revoked: Vec<String> = schemas
        .iter()
        .map(|schema| {
            let schema = ident(schema);
            format!(
                "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}; REVOKE ALL ON ALL \
                 SEQUENCES IN SCHEMA {schema} FROM {role}; REVOKE ALL ON ALL ROUTINES IN SCHEMA \
                 {schema} FROM {role}; REVOKE ALL ON SCHEMA {schema} FROM {role};"
            )
        })
        .collect();
    block(&format!(
        "DECLARE found record; BEGIN IF to_regrole({name}) IS NULL THEN RETURN; END IF; FOR found \
         IN SELECT polname, polrelid::regclass AS relation FROM pg_catalog.pg_policy WHERE \
         polname LIKE 'rowgate\\_%' AND polroles = ARRAY[to_regrole({name})::oid] LOOP EXECUTE \
         format('DROP POLICY %I ON %s', found.polname, found.relation); END LOOP; IF \
         to_regnamespace({schema_name}) IS NOT NULL THEN IF \
         obj_description(to_regnamespace({schema_name}), 'pg_namespace') IS DISTINCT FROM {mark} \
         THEN RAISE EXCEPTION 'the schema % is not of an export', {schema_text}; END IF; DROP \
         SCHEMA {schema_ident} CASCADE; END IF; {revoked} END",
        schema_name = literal(&ident(&schema)),
        schema_text = literal(&schema),
        schema_ident = ident(&schema),
        mark = literal(MARK),
        revoked = revoked.join(" ")
    ))
}

pub(super) fn create_schema(login: &str) -> Vec<String> {
    let schema = ident(&schema_of(login));
    vec![
        format!("CREATE SCHEMA {schema} AUTHORIZATION {READER}"),
        format!("COMMENT ON SCHEMA {schema} IS {}", literal(MARK)),
        format!("GRANT USAGE ON SCHEMA {schema} TO {}", ident(login)),
    ]
}

/// Row security on, with the rows that the gateway's role and the owner of the views need. A table
/// that PUBLIC may read is refused: everybody would read the columns that are masked.
pub(super) fn protect(relation: &Relation, gateway: &str, force: bool) -> Vec<String> {
    let name = name_of(relation);
    let mut statements = vec![
        block(&format!(
            "BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_class, aclexplode(relacl) AS granted WHERE \
             oid = {text}::regclass AND granted.grantee = 0) OR EXISTS (SELECT FROM \
             pg_catalog.pg_attribute, aclexplode(attacl) AS granted WHERE attrelid = \
             {text}::regclass AND granted.grantee = 0) THEN RAISE EXCEPTION 'PUBLIC has rights on \
             %', {text}; END IF; END",
            text = literal(&name)
        )),
        format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"),
    ];
    if force {
        statements.push(format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY"));
    }
    let mut open = |policy: &str, role: &str, command: &str| {
        statements.push(format!("DROP POLICY IF EXISTS {policy} ON {name}"));
        statements
            .push(format!("CREATE POLICY {policy} ON {name} FOR {command} TO {role} USING (true)"));
    };
    open(READER_POLICY, READER, "SELECT");
    if !gateway.is_empty() {
        open(GATEWAY_POLICY, &ident(gateway), "ALL");
    }
    statements
}

/// Drops what protected tables share, and row security where that was all.
pub(super) fn unprotect() -> String {
    block(&format!(
        "DECLARE found record; BEGIN FOR found IN SELECT DISTINCT polrelid AS oid, \
         polrelid::regclass AS relation FROM pg_catalog.pg_policy WHERE polname IN \
         ('{READER_POLICY}', '{GATEWAY_POLICY}') LOOP EXECUTE format('DROP POLICY IF EXISTS \
         {READER_POLICY} ON %s', found.relation); EXECUTE format('DROP POLICY IF EXISTS \
         {GATEWAY_POLICY} ON %s', found.relation); IF NOT EXISTS (SELECT FROM \
         pg_catalog.pg_policy WHERE polrelid = found.oid) THEN EXECUTE format('ALTER TABLE %s NO \
         FORCE ROW LEVEL SECURITY', found.relation); EXECUTE format('ALTER TABLE %s DISABLE ROW \
         LEVEL SECURITY', found.relation); END IF; END LOOP; END"
    ))
}

pub(super) fn disown_reader() -> String {
    block(&format!(
        "BEGIN IF to_regrole('{READER}') IS NOT NULL THEN DROP OWNED BY {READER}; END IF; END"
    ))
}
