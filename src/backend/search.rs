//! Looking for a server that is what is wanted: the host in use first, then the others in order.

use std::fmt;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::connect::{ConnectError, Target, connect, connect_on};
use super::hosts::{Host, Wanted};

/// Where a connection goes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The number of the host.
    pub(super) index: usize,
    /// The epoch it belongs to.
    pub(super) epoch: u64,
}

/// A failure of which one can tell whether another host may do better.
pub(super) trait Failed: From<ConnectError> + fmt::Display {
    /// See [`ConnectError::is_about_the_host`].
    fn is_about_the_host(&self) -> bool;
}

impl Failed for ConnectError {
    fn is_about_the_host(&self) -> bool {
        Self::is_about_the_host(self)
    }
}

/// The hosts in turn, until one does.
pub(super) struct Search<'t, E> {
    target: &'t Target,
    rest: std::vec::IntoIter<(usize, &'t Host)>,
    tried: Option<(usize, &'t Host)>,
    last: Option<E>,
}

impl<'t, E: Failed> Search<'t, E> {
    pub(super) fn new(target: &'t Target) -> Self {
        Self { target, rest: target.hosts.order().into_iter(), tried: None, last: None }
    }

    /// The next one to try.
    pub(super) fn next(&mut self) -> Option<&'t Host> {
        for (index, host) in self.rest.by_ref() {
            match self.target.hosts.claim(index) {
                Ok(()) => {
                    self.tried = Some((index, host));
                    return Some(host);
                }
                Err(reason) => {
                    self.last.get_or_insert_with(|| E::from(ConnectError::Avoided { reason }));
                }
            }
        }
        None
    }

    /// What the attempt came to: a connection, and whether the server takes writes. `None`: the
    /// next one is to be tried.
    pub(super) fn judge<T>(
        &mut self,
        attempt: Result<Result<(T, bool), E>, Elapsed>,
    ) -> Result<Option<(T, Place)>, E> {
        let Some((index, host)) = self.tried else { return Ok(None) };
        let read_only = host.wanted == Wanted::ReadWrite && matches!(&attempt, Ok(Ok((_, false))));
        let error = match fitting(self.target, host, attempt) {
            Ok(connection) => {
                let epoch = self.target.hosts.found(index);
                return Ok(epoch.map(|epoch| (connection, Place { index, epoch })));
            }
            Err(error) if error.is_about_the_host() => error,
            Err(error) => return Err(error),
        };
        if read_only {
            self.target.hosts.lost(index, &error.to_string());
        } else {
            self.target.hosts.failed(index, &error.to_string());
        }
        self.last = Some(error);
        Ok(None)
    }

    /// Why there is none.
    pub(super) fn into_failure(self) -> E {
        self.last.unwrap_or_else(|| E::from(ConnectError::NoHost))
    }
}

/// The connection, if the host is what is wanted.
fn fitting<T, E: Failed>(
    target: &Target,
    host: &Host,
    attempt: Result<Result<(T, bool), E>, Elapsed>,
) -> Result<T, E> {
    let (name, port) = (host.name.clone(), host.port);
    match attempt {
        Ok(Ok((connection, writable))) => match host.wanted {
            Wanted::ReadWrite if !writable => {
                Err(E::from(ConnectError::ReadOnly { host: name, port }))
            }
            Wanted::ReadWrite | Wanted::Any => Ok(connection),
        },
        Ok(Err(error)) => Err(error),
        Err(_) => {
            let limit = target.connect_timeout;
            Err(E::from(ConnectError::TimedOut { host: name, port, limit }))
        }
    }
}

/// How often the hosts are looked at.
const WATCH: Duration = Duration::from_secs(5);

/// Where there are several hosts: notices that the one in use does not answer any more although
/// nobody connects, and goes back to those that come first, while one stands in for them of which
/// nothing but an answer is asked. Runs for ever.
pub async fn keep_watch(target: Target, database: String) {
    if target.hosts.order().len() < 2 {
        return;
    }
    loop {
        tokio::time::sleep(WATCH).await;
        // An attempt that fails has chosen another one where there is one.
        if let Err(error) = connect(&target, &database, &[]).await {
            tracing::debug!(%error, "no server can be used");
            continue;
        }
        for (index, host) in target.hosts.preferred() {
            let attempt =
                timeout(target.connect_timeout, connect_on(&target, host, &database, &[]));
            if fitting(&target, host, attempt.await).is_ok() {
                target.hosts.prefer(index);
                break;
            }
        }
    }
}
