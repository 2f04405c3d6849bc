//! `rowgate serve`

use std::fs;
use std::io::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::{Exit, Failure, output};
use crate::admin::{self, Admin, Figures, Readiness};
use crate::audit::{self, Audit, AuditSettings, Event};
use crate::auth::{Authenticator, LockoutSettings, Method};
use crate::backend::catalog::CatalogReader;
use crate::backend::connect::Target;
use crate::backend::pool::{Pool, PoolSettings};
use crate::backend::search;
use crate::config::{self, AuthMethod, DirectorySource, ListenTls, Settings, TlsFiles};
use crate::diagnostic::Severity;
use crate::directory::{LoadedDirectory, load_sql};
use crate::planner::Planner;
use crate::protocol::cancel::CancelRegistry;
use crate::protocol::startup::TlsPolicy;
use crate::protocol::tls::TlsServer;
use crate::selftest::{self, Proven};
use crate::server::lanes::{LaneCount, Lanes};
use crate::server::{self, Authorities, Board, Budget, Gateway, Paths, Phase, Shared, Usages};
use crate::snapshot::{self, State};
use crate::telemetry::{LogFormat, start_logging, start_metrics};

/// Reading nested policy SQL needs deep stacks; the nesting itself is bounded.
const STACK: usize = 64 << 20;
/// Plans in memory, in bytes.
const PLAN_CACHE: u64 = 64 << 20;
/// How long sessions may take to finish their statement or transaction after a SIGTERM.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it takes until the catalogue is compared with the database's again, at least …
const CATALOG_REFRESH: Duration = Duration::from_secs(1);
/// … and at most …
const CATALOG_REFRESH_MOST: Duration = Duration::from_secs(5);
/// … and in between, this many times what the last comparison took.
const CATALOG_SHARE: u32 = 20;
/// A look at the catalogue that takes longer is given up and made on another connection.
const CATALOG_PATIENCE: Duration = Duration::from_secs(60);

/// Runs the gateway. SIGHUP reloads, SIGTERM drains, a second SIGTERM stops.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rowgate serve --config rowgate.toml")]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let loaded = config::load(&arguments.config).map_err(Failure::findings)?;
    start_logging(LogFormat::Text).map_err(|error| Failure::usage(error.to_string()))?;
    keep_small_pages();
    for warning in &loaded.warnings {
        tracing::warn!(%warning, "configuration");
    }
    let metrics = start_metrics().map_err(|error| Failure::usage(error.to_string()))?;
    let listen = &loaded.settings.listen;
    let lanes = Arc::new(Lanes::start(lane_count(&loaded.settings), listen.busy_poll)?);
    // What is not a session: one thread is enough, and takes no core from them.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_stack_size(STACK)
        .enable_all()
        .build()?;
    runtime.block_on(serve(Arc::new(loaded.settings), Arc::clone(&lanes), metrics, out))
}

/// As many lanes as the configuration says, or as the cores and the pools make worth while.
fn lane_count(settings: &Settings) -> LaneCount {
    settings.listen.threads.map_or_else(
        || {
            let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
            LaneCount::for_machine(cores, settings.statements_at_a_time())
        },
        LaneCount::exactly,
    )
}

/// Thousands of idle sessions leave holes that a page of two megabytes keeps: without such pages a
/// connection takes about a tenth less memory, and a statement no more time.
fn keep_small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::debug!(%error, "huge pages stay in use");
    }
}

async fn serve(
    settings: Arc<Settings>,
    lanes: Arc<Lanes>,
    metrics: PrometheusHandle,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let target = settings.backend_target().map_err(|finding| Failure::findings(vec![finding]))?;
    let mut reader = CatalogReader::new(target.clone(), settings.backend.database.clone());
    let catalog = reader
        .refresh()
        .await
        .map_err(|error| Failure::unreachable(format!("the database server: {error}")))?;
    let directory = sql_directory(&settings, &target).await?;
    let (state, warnings) =
        State::load(Arc::clone(&settings), Arc::new(catalog), directory, Timestamp::now())
            .map_err(Failure::findings)?;
    for warning in &warnings {
        tracing::warn!(%warning, "policy and directory");
    }
    let state = Arc::new(state);
    if settings.policy.self_test {
        let proven = prove_start(&state, &target).await?;
        prove_reloads(&state, &target, proven);
        // That took a while: names have to mean what they meant.
        let changed = reader.refresh_if_changed().await;
        let changed = changed
            .map_err(|error| Failure::unreachable(format!("the database server: {error}")))?;
        if let Some(catalog) = changed {
            state.replace_catalog(Arc::new(catalog));
        }
        state.confirm_catalog(Timestamp::now());
    }
    let audit = Audit::open(audit_settings(&settings))
        .map_err(|error| Failure::unreachable(error.to_string()))?;
    let listener = listen(&settings.listen.host, settings.listen.port).await?;
    let address = listener.local_addr()?;
    let admin_listener = match &settings.admin {
        Some(admin) => Some(listen(&admin.host, admin.port).await?),
        None => None,
    };
    let (versions, changes) = watch::channel(0_u64);
    let versions = Arc::new(versions);
    let (phase, phases) = watch::channel(Phase::Open);
    let board = Board::new(changes, phases);
    tokio::spawn(Arc::clone(&board).deliver());
    let gateway = Arc::new(Gateway {
        authorities: Authorities::new(Arc::clone(&state)),
        tls: listen_tls(&settings.listen.tls)?,
        authenticator: authenticator(&settings),
        registry: CancelRegistry::default(),
        pool: Pool::with_own(
            target.clone(),
            pool_settings(&settings.backend.pool),
            settings
                .databases
                .iter()
                .filter_map(|(name, mapping)| {
                    mapping.pool.as_ref().map(|pool| (name.clone(), pool_settings(pool)))
                })
                .collect(),
        ),
        server_tls: target.tls.clone(),
        audit: audit.clone(),
        state: Arc::clone(&state),
        shared: Arc::new(shared(&settings, board)),
    });
    let readiness = Arc::new(Readiness::default());
    readiness.snapshot_loaded.store(true, Ordering::Relaxed);
    readiness.backend_reachable.store(true, Ordering::Relaxed);
    tokio::spawn(gateway.pool.expire_idle());
    let planner = Arc::clone(&gateway.shared.planner);
    tokio::spawn(note_changes(Arc::clone(&state), audit.clone(), planner, Arc::clone(&versions)));
    tokio::spawn(note_failover(target.clone(), versions));
    tokio::spawn(search::keep_watch(target.clone(), settings.backend.database.clone()));
    let moves = target.hosts.changes();
    tokio::spawn(refresh_catalog(Arc::clone(&state), reader, Arc::clone(&readiness), moves));
    tokio::spawn(refresh_directory(Arc::clone(&state), target));
    let watched = if settings.policy.watch {
        Some(
            snapshot::watch(Arc::clone(&state))
                .map_err(|error| Failure::unreachable(format!("cannot watch files: {error}")))?,
        )
    } else {
        None
    };
    // Whoever reads below that the gateway listens may send it a signal.
    let hangups = tokio::spawn(snapshot::reload_on_hangup(Arc::clone(&state))?);
    let signals = tokio::spawn(obey_signals(
        phase,
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    ));
    let start = Event::Start {
        at: Timestamp::now(),
        version: env!("CARGO_PKG_VERSION").into(),
        detail: address.to_string().into(),
    };
    // Nobody is let in before the start is on the disk.
    let started = audit.event(start).map_err(|error| Failure::unreachable(error.to_string()))?;
    audit.durable(&started).await.map_err(|error| Failure::unreachable(error.to_string()))?;
    writeln!(out, "rowgate is listening on {address}")?;
    let figures: Arc<dyn Figures> = Arc::<Gateway>::clone(&gateway);
    let pages = admin_listener.map(|listener| {
        let pages = Admin { audit: audit.clone(), readiness, metrics, figures };
        tokio::spawn(admin::serve(listener, pages, std::future::pending()))
    });
    out.flush()?;
    let served = server::run(gateway, listener, &lanes, PATIENCE).await;
    signals.abort();
    hangups.abort();
    if let Some(pages) = pages {
        pages.abort();
    }
    drop(watched);
    let reason = if served.is_ok() { "signal" } else { "the listener failed" };
    let stop = audit.event(Event::Stop { at: Timestamp::now(), reason: reason.into() });
    // Closing writes and syncs what is queued.
    if let Err(error) = stop {
        tracing::error!(%error, "the end could not be recorded");
    }
    if let Err(error) = audit.close().await {
        tracing::error!(%error, "the audit log could not be closed");
    }
    served?;
    Ok(Exit::Success)
}

/// Refuses to start with a policy whose filters and masks do not bite.
async fn prove_start(state: &State, target: &Target) -> Result<Proven, Failure> {
    let (settings, snapshot) = (state.settings(), state.current());
    let mut progress = output::Progress::new("self-test");
    let mut proven = Proven::default();
    let now = Timestamp::now();
    let proof = selftest::run(target, settings, &snapshot, now, &mut proven, &mut |done, of| {
        progress.show(done, of);
    })
    .await;
    progress.clear();
    let proof = proof
        .map_err(|error| Failure::unreachable(format!("the self-test of the policy: {error}")))?;
    let findings = proof.diagnostics(&state.policy_texts());
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Failure::findings(findings));
    }
    for warning in &findings {
        tracing::warn!(%warning, "self-test");
    }
    tracing::info!("self-test: {proof}");
    Ok(proven)
}

/// The same for every policy that comes later: the one in force stays when it fails.
fn prove_reloads(state: &State, target: &Target, proven: Proven) {
    let (settings, target) = (Arc::clone(state.settings()), target.clone());
    let proven = Mutex::new(proven);
    state.prove_with(Box::new(move |snapshot, texts| {
        // Reloads run on threads of their own, with a runtime of their own here: the gateway's may
        // be waiting for this one to end.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let mut proven = proven.lock().unwrap_or_else(PoisonError::into_inner);
        let proof = match runtime {
            Ok(runtime) => runtime
                .block_on(selftest::run(
                    &target,
                    &settings,
                    snapshot,
                    Timestamp::now(),
                    &mut proven,
                    &mut |_, _| {},
                ))
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match proof {
            Ok(proof) => {
                tracing::info!("self-test: {proof}");
                proof.diagnostics(texts)
            }
            // A server that is down answers nobody; a change that takes a right away must not be
            // lost meanwhile.
            Err(error) => {
                let message = format!("the policy was taken without a self-test: {error}");
                vec![texts.about(None, Severity::Warning, &message)]
            }
        }
    }));
}

async fn listen(host: &str, port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind((host, port))
        .await
        .map_err(|error| Failure::unreachable(format!("cannot listen on {host}:{port}: {error}")))
}

/// The first SIGTERM drains, the second ends everything, and so does SIGINT.
async fn obey_signals(
    phase: watch::Sender<Phase>,
    mut terminated: Signal,
    mut interrupted: Signal,
) {
    tokio::select! {
        _ = terminated.recv() => {
            tracing::info!("draining: sessions end when they are idle");
            phase.send_replace(Phase::Draining);
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
            }
        }
        _ = interrupted.recv() => {}
    }
    tracing::info!("stopping: all sessions end");
    phase.send_replace(Phase::Stopping);
    // The channel stays open: a session that loses it could not tell why it ends.
    std::future::pending::<()>().await;
}

fn record(audit: &Audit, event: Event) {
    if let Err(error) = audit.event(event) {
        tracing::error!(%error, "an event could not be recorded");
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        Failure::usage(format!("cannot read `{}`: {}", path.display(), config::io_reason(&error)))
    })
}

fn pool_settings(pool: &config::Pool) -> PoolSettings {
    PoolSettings {
        size: pool.size,
        keepers: pool.unrestricted,
        check_after: pool.check_after,
        idle_timeout: pool.idle_timeout,
        lifetime: pool.lifetime,
        wait_timeout: pool.wait_timeout,
    }
}

fn listen_tls(tls: &ListenTls) -> Result<TlsPolicy, Failure> {
    let server = |files: &TlsFiles| -> Result<TlsServer, Failure> {
        let authorities = files.client_ca.as_deref().map(read).transpose()?;
        let (chain, key) = (read(&files.certificate)?, read(&files.private_key)?);
        TlsServer::from_pem(&chain, &key, authorities.as_deref())
            .map_err(|error| Failure::usage(error.to_string()))
    };
    Ok(match tls {
        ListenTls::Disable => TlsPolicy::Disable,
        ListenTls::Allow(files) => TlsPolicy::Allow(server(files)?),
        ListenTls::Require(files) => TlsPolicy::Require(server(files)?),
    })
}

fn authenticator(settings: &Settings) -> Authenticator {
    let methods = settings
        .auth
        .methods
        .iter()
        .map(|method| match method {
            AuthMethod::ScramSha256 => Method::ScramSha256,
            AuthMethod::Certificate => Method::Certificate,
            AuthMethod::Trust => Method::Trust,
        })
        .collect();
    let lockout = &settings.auth.lockout;
    let lockout = LockoutSettings {
        failures: lockout.failures,
        window: lockout.window,
        duration: lockout.duration,
    };
    Authenticator::new(methods, lockout, rand::random())
}

fn audit_settings(settings: &Settings) -> AuditSettings {
    let wanted = &settings.audit;
    let mut result = AuditSettings::new(wanted.path.clone());
    result.durability = match wanted.durability {
        config::Durability::Fsync => audit::Durability::Fsync,
        config::Durability::Write => audit::Durability::Write,
        config::Durability::Async => audit::Durability::Async,
    };
    result.on_failure = match wanted.on_failure {
        config::OnFailure::Refuse => audit::OnFailure::Refuse,
        config::OnFailure::Continue => audit::OnFailure::Continue,
    };
    result.parameters = match wanted.parameters {
        config::ParameterRecording::Record => audit::Parameters::Record,
        config::ParameterRecording::Hash => audit::Parameters::Hash,
        config::ParameterRecording::Omit => audit::Parameters::Omit,
    };
    if let Some(key) = &wanted.signing_key {
        result.signing_key = audit::SigningKeySource::Text(key.reveal().trim().to_owned());
    }
    result
}

async fn sql_directory(
    settings: &Settings,
    target: &Target,
) -> Result<Option<LoadedDirectory>, Failure> {
    let DirectorySource::Sql(queries) = &settings.directory else { return Ok(None) };
    let client = crate::backend::client::open(target, &settings.backend.database)
        .await
        .map_err(|error| Failure::unreachable(format!("the directory: {error}")))?;
    let directory = load_sql(&client, queries, Timestamp::now())
        .await
        .map_err(|error| Failure::unreachable(format!("the directory: {error}")))?;
    Ok(Some(directory))
}

/// What sessions share.
fn shared(settings: &Settings, board: Arc<Board>) -> Shared {
    let limits = &settings.limits;
    // A message of this size is never refused by the settings' own limit on 32-bit machines.
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Shared {
        board,
        planner: Arc::new(Planner::new(PLAN_CACHE, format!("{:032x}", rand::random::<u128>()))),
        message_size: size(limits.message_size),
        statement_size: size(limits.statement_size),
        statement_timeout: limits.statement_timeout,
        usages: Arc::new(Usages::new(Budget {
            data_errors: limits.data_errors,
            comparisons: limits.comparisons,
            window: limits.window,
        })),
        paths: Paths::default(),
    }
}

/// Records each reload and tells the sessions.
async fn note_changes(
    state: Arc<State>,
    audit: Audit,
    planner: Arc<Planner>,
    versions: Arc<watch::Sender<u64>>,
) {
    let mut reports = state.subscribe();
    loop {
        let report = match reports.recv().await {
            Ok(report) => report,
            Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {
                versions.send_modify(|version| *version = version.saturating_add(1));
                continue;
            }
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
        };
        let policy = audit::Change {
            at: Timestamp::now(),
            accepted: report.accepted(),
            version: report.after.policy.to_string().into(),
            previous: Some(report.before.policy.to_string().into()),
            trigger: report.cause.as_str().into(),
            diagnostics: report.findings.iter().map(|f| f.to_string().into()).collect(),
        };
        record(&audit, Event::Policy(policy));
        let (before, after) = (&report.before, &report.after);
        if before.policy != after.policy || before.catalog != after.catalog {
            planner.forget_plans();
        }
        if report.accepted() {
            versions.send_modify(|version| *version = version.saturating_add(1));
        } else {
            tracing::error!("a new policy or directory was refused; the old one stays in force");
        }
    }
}

/// Tells the sessions when another server takes over: those that have a connection for themselves
/// have to let it go.
async fn note_failover(target: Target, versions: Arc<watch::Sender<u64>>) {
    let mut moves = target.hosts.changes();
    while moves.changed().await.is_ok() {
        versions.send_modify(|version| *version = version.saturating_add(1));
    }
}

async fn refresh_catalog(
    state: Arc<State>,
    mut reader: CatalogReader,
    readiness: Arc<Readiness>,
    mut moves: watch::Receiver<u64>,
) {
    let mut pause = CATALOG_REFRESH;
    loop {
        // Another server may have another catalogue.
        if let Ok(Err(_)) = tokio::time::timeout(pause, moves.changed()).await {
            return;
        }
        let since = Instant::now();
        let answer = tokio::select! {
            answer = tokio::time::timeout(CATALOG_PATIENCE, reader.refresh_if_changed()) => answer,
            // One that has been left need not be waited for.
            _ = moves.changed() => {
                pause = Duration::ZERO;
                continue;
            }
        };
        // Where the comparison itself takes long, it must not keep the server busy.
        let share = since.elapsed().saturating_mul(CATALOG_SHARE);
        pause = share.clamp(CATALOG_REFRESH, CATALOG_REFRESH_MOST);
        readiness.backend_reachable.store(matches!(answer, Ok(Ok(_))), Ordering::Relaxed);
        match answer {
            Ok(Ok(Some(catalog))) => {
                state.replace_catalog(Arc::new(catalog));
                state.confirm_catalog(Timestamp::now());
            }
            Ok(Ok(None)) => state.confirm_catalog(Timestamp::now()),
            Ok(Err(error)) => tracing::warn!(%error, "the catalogue could not be read"),
            Err(_) => tracing::warn!("the database did not answer a look at its catalogue"),
        }
    }
}

async fn refresh_directory(state: Arc<State>, target: Target) {
    let settings = Arc::clone(state.settings());
    let DirectorySource::Sql(queries) = &settings.directory else { return };
    loop {
        tokio::time::sleep(queries.refresh).await;
        match sql_directory(&settings, &target).await {
            Ok(Some(directory)) => {
                state.replace_directory(directory);
            }
            Ok(None) => return,
            Err(failure) => tracing::warn!(%failure, "the directory could not be read"),
        }
    }
}
