//! `rowgate demo`

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, Failure};
use crate::demo::sample::Accounts;
use crate::demo::{Demo, DemoError, Options, Tour, TourError};

/// Starts a throw-away PostgreSQL with a sample CRM and a gateway in front of it.
///
/// Prints ready-to-paste psql lines for the sample people (all passwords are `demo`), runs until
/// Ctrl-C and leaves nothing behind.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rowgate demo\n  rowgate demo --check")]
pub(super) struct Arguments {
    /// Where the gateway listens; 127.0.0.1:6432 or, when that is taken, any free port.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Uses this empty or new folder instead of a temporary one; it is removed at the end, too.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Plays a scripted tour, prints it and exits.
    #[arg(long)]
    check: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<Exit, Failure> {
    let Arguments { listen, data_dir, check } = arguments;
    let options = Options {
        listen: *listen,
        folder: data_dir.clone(),
        accounts: Accounts::DEMO,
        program: std::env::current_exe()?,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let mut hung_up = signal(SignalKind::hangup())?;
        tokio::select! {
            ended = show(&options, *check, out) => ended,
            _ = interrupted.recv() => Ok(Exit::Success),
            _ = terminated.recv() => Ok(Exit::Success),
            _ = hung_up.recv() => Ok(Exit::Success),
        }
    })
}

/// Runs until the tour is over or, without one, for ever; what it started ends with it.
async fn show(options: &Options, check: bool, out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut demo = Demo::start(options).await.map_err(|error| failure(&error))?;
    if !check {
        demo.write_instructions(out)?;
        return std::future::pending().await;
    }
    match Tour::new(&mut demo, options).play(out).await {
        Ok(()) => Ok(Exit::Success),
        Err(TourError::Failed(why)) => Err(Failure {
            exit: Exit::No,
            findings: Vec::new(),
            message: format!("the tour does not show what it has to: {why}"),
        }),
        Err(error @ (TourError::Client { .. } | TourError::Io(_))) => {
            Err(Failure::unreachable(error.to_string()))
        }
    }
}

fn failure(error: &DemoError) -> Failure {
    match error {
        DemoError::FolderNotEmpty(_) => Failure::usage(error.to_string()),
        DemoError::Cluster(_)
        | DemoError::Io { .. }
        | DemoError::Gateway(_)
        | DemoError::Output(_) => Failure::unreachable(error.to_string()),
    }
}
