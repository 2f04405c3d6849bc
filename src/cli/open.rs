//! Settings → the state that a session would decide from, read from the live database.

use std::sync::Arc;

use jiff::Timestamp;

use super::Failure;
use crate::backend::catalog::CatalogReader;
use crate::backend::client;
use crate::config::{DirectorySource, Settings, about_file};
use crate::diagnostic::{Diagnostic, Severity};
use crate::directory::{self, SqlSourceError};
use crate::snapshot::State;

/// What the database and the files came to.
#[derive(Debug)]
pub(super) struct Opened {
    /// The state and its warnings, or every finding that stands against it.
    pub(super) state: Result<(State, Vec<Diagnostic>), Vec<Diagnostic>>,
    /// The gateway's own role can do more than it needs.
    pub(super) role_warning: Option<Diagnostic>,
}

/// Connects, reads the catalogue (and the directory, when it comes from queries) and loads.
pub(super) fn open(settings: Settings, now: Timestamp) -> Result<Opened, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)?
        .block_on(read(settings, now))
}

async fn read(settings: Settings, now: Timestamp) -> Result<Opened, Failure> {
    let target = settings.backend_target().map_err(|finding| Failure::findings(vec![finding]))?;
    let database = settings.backend.database.clone();
    let lost = |error: client::ClientError| Failure::unreachable(error.to_string());
    let client = client::open(&target, &database).await.map_err(lost)?;
    let role_warning = role_warning(&client, &settings).await?;
    let directory = match &settings.directory {
        DirectorySource::File(_) => None,
        DirectorySource::Sql(queries) => match directory::load_sql(&client, queries, now).await {
            Ok(loaded) => Some(loaded),
            Err(SqlSourceError::Rows(findings)) => {
                return Ok(Opened { state: Err(findings), role_warning });
            }
            Err(error @ SqlSourceError::Query { .. }) => {
                let file = settings.file.display().to_string();
                let finding = about_file(&file, Severity::Error, error.to_string(), None);
                return Ok(Opened { state: Err(vec![finding]), role_warning });
            }
        },
    };
    let catalog = CatalogReader::new(target, database).refresh().await.map_err(lost)?;
    let state = State::load(Arc::new(settings), Arc::new(catalog), directory, now);
    Ok(Opened { state, role_warning })
}

/// A superuser's connection is one forgotten rule away from everything.
async fn role_warning(
    client: &tokio_postgres::Client,
    settings: &Settings,
) -> Result<Option<Diagnostic>, Failure> {
    let row = client
        .query_one(
            "SELECT rolsuper, rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user",
            &[],
        )
        .await
        .map_err(|error| Failure::unreachable(error.to_string()))?;
    let (superuser, bypass): (bool, bool) = (row.get(0), row.get(1));
    let what = match (superuser, bypass) {
        (true, _) => "is a superuser",
        (false, true) => "has BYPASSRLS",
        (false, false) => return Ok(None),
    };
    Ok(Some(about_file(
        &settings.file.display().to_string(),
        Severity::Warning,
        format!("the role `{}` of `backend.user` {what}", settings.backend.user),
        Some("give it the privileges on the tables that it serves, and no more".to_owned()),
    )))
}
