//! The directory from queries on a database: `[directory.sql]`. Runs what the configuration says
//! in one read-only transaction; writes nothing.

use jiff::Timestamp;
use serde_json::Value as Json;
use tokio_postgres::Client;

use super::read::{self, Records};
use super::{Directory, LoadedDirectory, build};
use crate::config::DirectorySql;
use crate::diagnostic::Diagnostic;
use crate::yaml::{File, Node, Place, Reader, Value};

/// Why the queries gave no directory.
#[derive(Debug, thiserror::Error)]
pub enum SqlSourceError {
    /// A query failed, or the connection did.
    #[error("`directory.sql.{query}`: {reason}")]
    Query {
        /// Which query.
        query: &'static str,
        /// The server's words.
        reason: String,
    },
    /// The rows do not make a directory.
    #[error("the rows of `directory.sql` do not make a directory")]
    Rows(Vec<Diagnostic>),
}

/// Asks all queries in one snapshot and checks what they return.
///
/// The connection must be the gateway's own: the queries see what its role may see.
pub async fn load_sql(
    client: &Client,
    queries: &DirectorySql,
    now: Timestamp,
) -> Result<LoadedDirectory, SqlSourceError> {
    let transaction = |reason: tokio_postgres::Error| failed("users", &reason);
    client
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await
        .map_err(transaction)?;
    let rows = all_rows(client, queries).await;
    // Also after a failure: the connection is used again.
    let ended = client.batch_execute("ROLLBACK").await;
    let rows = rows?;
    ended.map_err(transaction)?;
    from_rows(&rows, now).map_err(SqlSourceError::Rows)
}

/// The rows of each query, as JSON objects.
#[derive(Debug, Default)]
struct Rows {
    users: Vec<Json>,
    departments: Vec<Json>,
    teams: Vec<Json>,
    assignments: Vec<Json>,
    services: Vec<Json>,
}

async fn all_rows(client: &Client, queries: &DirectorySql) -> Result<Rows, SqlSourceError> {
    let optional = async |name, query: &Option<String>| match query {
        Some(query) => rows_of(client, name, query).await,
        None => Ok(Vec::new()),
    };
    Ok(Rows {
        users: rows_of(client, "users", &queries.users).await?,
        departments: optional("departments", &queries.departments).await?,
        teams: optional("teams", &queries.teams).await?,
        assignments: optional("assignments", &queries.assignments).await?,
        services: optional("services", &queries.services).await?,
    })
}

/// `to_jsonb` gives every type one readable form: arrays, dates, addresses and nested attributes.
async fn rows_of(
    client: &Client,
    name: &'static str,
    query: &str,
) -> Result<Vec<Json>, SqlSourceError> {
    let query = query.trim().trim_end_matches(';');
    // The line end closes a comment in the last line of the query.
    let wrapped = format!("SELECT pg_catalog.to_jsonb(q)::text FROM ({query}\n) AS q");
    let rows = client.query(&wrapped, &[]).await.map_err(|reason| failed(name, &reason))?;
    rows.iter()
        .map(|row| {
            let text: String = row.try_get(0).map_err(|reason| failed(name, &reason))?;
            serde_json::from_str(&text)
                .map_err(|reason| SqlSourceError::Query { query: name, reason: reason.to_string() })
        })
        .collect()
}

fn failed(query: &'static str, error: &tokio_postgres::Error) -> SqlSourceError {
    let reason =
        error.as_db_error().map_or_else(|| error.to_string(), |answer| answer.message().to_owned());
    SqlSourceError::Query { query, reason }
}

fn from_rows(rows: &Rows, now: Timestamp) -> Result<LoadedDirectory, Vec<Diagnostic>> {
    let file = File::new("directory.sql", "");
    let mut reader = Reader::new(&file);
    let mut records = Records::default();
    let mut hasher = blake3::Hasher::new();
    let mut nodes = |rows: &[Json]| -> Vec<Node> {
        // Rows come in any order; equal rows have to give an equal directory.
        let mut rows: Vec<(String, &Json)> =
            rows.iter().map(|row| (row.to_string(), row)).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        hasher.update(&[0]);
        rows.into_iter()
            .map(|(text, row)| {
                hasher.update(text.as_bytes());
                node(row)
            })
            .collect()
    };
    let users = nodes(&rows.users);
    let departments = nodes(&rows.departments);
    let teams = nodes(&rows.teams);
    let assignments = nodes(&rows.assignments);
    let services = nodes(&rows.services);
    read::users(&mut reader, &users, &mut records);
    read::departments(&mut reader, &departments, &mut records);
    read::teams(&mut reader, &teams, &mut records);
    read::assignments(&mut reader, &assignments, &mut records);
    read::services(&mut reader, &services, &mut records);
    build::build(records, reader, hasher.finalize().to_hex().to_string(), now)
}

fn node(json: &Json) -> Node {
    let value = match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Scalar { text: value.to_string(), plain: true },
        Json::Number(value) => Value::Scalar { text: value.to_string(), plain: true },
        Json::String(text) => Value::Scalar { text: text.clone(), plain: false },
        Json::Array(elements) => Value::List(elements.iter().map(node).collect()),
        Json::Object(entries) => Value::Map(
            entries
                .iter()
                .map(|(key, value)| {
                    let key = Value::Scalar { text: key.clone(), plain: false };
                    (Node { place: Place::default(), value: key }, node(value))
                })
                .collect(),
        ),
    };
    Node { place: Place::default(), value }
}

impl Directory {
    /// Equal sources: nothing has to be swapped.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_in_another_order_are_the_same_directory() {
        let bob = json!({ "login": "bob", "id": 7, "roles": ["head"], "manager": null });
        let alice = json!({ "login": "alice", "id": 8, "manager": "7", "attributes": {"a": 1} });
        let rows = |users: &[&Json]| Rows {
            users: users.iter().copied().cloned().collect(),
            assignments: vec![
                json!({ "login": "alice", "role": "rep", "valid_until": "2027-01-01T00:00:00+00:00" }),
            ],
            ..Rows::default()
        };
        let first = from_rows(&rows(&[&bob, &alice]), Timestamp::UNIX_EPOCH).unwrap().directory;
        let second = from_rows(&rows(&[&alice, &bob]), Timestamp::UNIX_EPOCH).unwrap().directory;
        assert!(first.is_same_as(&second));
        assert_eq!(first.person("alice").unwrap().manager, Some("bob".into()));
        let facts = first.facts("alice", Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(facts.roles, ["rep".into()]);
        assert_eq!(facts.attributes["a"], ["1"]);
    }

    #[test]
    fn a_row_of_a_leaver_with_an_unknown_manager_is_named_in_the_finding() {
        let rows = Rows {
            users: vec![json!({ "login": "alice", "manager": "nobody" })],
            ..Rows::default()
        };
        let findings = from_rows(&rows, Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(
            findings[0].to_string(),
            "error: manager `nobody` is not a user of this directory\n  --> directory.sql"
        );
    }
}
