//! Reloads when a file changes or on SIGHUP. Decides nothing: [`State`] refuses what is broken.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::{Cause, Report, State, Versions};
use crate::backend::client;
use crate::config::{DirectorySource, about_file};
use crate::diagnostic::Severity;
use crate::directory::{SqlSourceError, load_sql};

/// A file is read when nothing has happened for this long …
const QUIET: Duration = Duration::from_millis(100);
/// … and at the latest after this, so that a change is in force within a second.
const LATEST: Duration = Duration::from_millis(500);

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Watch {
    _watcher: RecommendedWatcher,
}

/// Starts to watch the policy folder and the directory's file. Call it inside the runtime.
pub fn watch(state: Arc<State>) -> notify::Result<Watch> {
    let settings = Arc::clone(state.settings());
    let policy = absolute(&settings.policy.path);
    let directory = match &settings.directory {
        DirectorySource::File(file) => Some(absolute(file)),
        DirectorySource::Sql(_) => None,
    };
    // One waiting event is enough: a reload reads everything.
    let (sender, receiver) = mpsc::channel(1);
    let (policy_folder, directory_file) = (policy.clone(), directory.clone());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let matters = match event {
            Ok(event) => concerns(&event, &policy_folder, directory_file.as_deref()),
            // Events were lost: files may have changed.
            Err(_) => true,
        };
        // A full channel has the event that matters in it already.
        let sent = if matters { sender.try_send(()) } else { Ok(()) };
        tracing::trace!(matters, waiting = sent.is_err(), "a watched file changed");
    })?;
    watcher.watch(&policy, RecursiveMode::Recursive)?;
    // Editors replace a file by a new one: the folder sees that, a watch on the file does not.
    if let Some(folder) = directory.as_deref().and_then(Path::parent) {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
    }
    tokio::spawn(reload_when_quiet(state, receiver));
    Ok(Watch { _watcher: watcher })
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

fn concerns(event: &notify::Event, policy: &Path, directory: Option<&Path>) -> bool {
    // Reading the files is an access: it must not lead to the next reading.
    if matches!(event.kind, EventKind::Access(_)) {
        return false;
    }
    event.need_rescan()
        || event.paths.iter().any(|path| {
            path.starts_with(policy)
                || directory.is_some_and(|directory| path == directory)
                // A mounted volume changes all its files by swapping the link `..data`.
                || path.file_name().is_some_and(|name| name == "..data")
        })
}

async fn reload_when_quiet(state: Arc<State>, mut receiver: mpsc::Receiver<()>) {
    while receiver.recv().await.is_some() {
        let latest = Instant::now() + LATEST;
        while let Ok(Some(())) =
            timeout_at((Instant::now() + QUIET).min(latest), receiver.recv()).await
        {
            if Instant::now() >= latest {
                break;
            }
        }
        reload(&state, Cause::FileChange).await;
    }
}

/// Reloads on each SIGHUP, until the process ends. From the call on no SIGHUP ends the process.
pub fn reload_on_hangup(
    state: Arc<State>,
) -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut hangups = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangups.recv().await.is_some() {
            reload(&state, Cause::Signal).await;
        }
    })
}

/// Asks `directory.sql` again and again, until the process ends; returns at once with a file.
///
/// While the queries fail, the directory in force stays and every failure is reported.
pub async fn refresh_directory(state: Arc<State>) {
    let settings = Arc::clone(state.settings());
    let DirectorySource::Sql(queries) = &settings.directory else { return };
    let file = settings.file.display().to_string();
    let refused = |reason: String| vec![about_file(&file, Severity::Error, reason, None)];
    let mut connection: Option<tokio_postgres::Client> = None;
    loop {
        tokio::time::sleep(queries.refresh).await;
        let client = match connection.take().filter(|client| !client.is_closed()) {
            Some(client) => Ok(client),
            None => match settings.backend_target() {
                Ok(target) => client::open(&target, &settings.backend.database)
                    .await
                    .map_err(|error| refused(error.to_string())),
                Err(finding) => Err(vec![finding]),
            },
        };
        let client = match client {
            Ok(client) => client,
            Err(findings) => {
                log(&state.refuse_directory(findings));
                continue;
            }
        };
        let report = match load_sql(&client, queries, Timestamp::now()).await {
            Ok(loaded) => state.replace_directory(loaded),
            Err(SqlSourceError::Rows(findings)) => Some(state.refuse_directory(findings)),
            Err(error @ SqlSourceError::Query { .. }) => {
                Some(state.refuse_directory(refused(error.to_string())))
            }
        };
        if let Some(report) = report {
            log(&report);
        }
        connection = Some(client);
    }
}

async fn reload(state: &Arc<State>, cause: Cause) {
    let state = Arc::clone(state);
    // Files may be on a slow disk and a large directory takes a while: not on the runtime.
    let reloaded = tokio::task::spawn_blocking(move || state.reload(cause, Timestamp::now())).await;
    match reloaded {
        Ok(None) => tracing::info!(cause = cause.as_str(), "nothing has changed"),
        Ok(Some(report)) => log(&report),
        Err(error) => tracing::error!(cause = cause.as_str(), %error, "reload failed"),
    }
}

fn log(report: &Report) {
    let cause = report.cause.as_str();
    if report.accepted() {
        let Versions { policy, directory, catalog: _ } = &report.after;
        tracing::info!(cause, %policy, %directory, files = report.files.len(), "reloaded");
        return;
    }
    for finding in &report.findings {
        tracing::error!(cause, %finding, "reload refused");
    }
}
