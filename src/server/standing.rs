//! Judges the people of the running gateway by the snapshot in force.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::auth::scram::{Verifier, VerifierForm};
use crate::auth::{Account, Accounts};
use crate::directory::{self, Status};
use crate::error::{Refusal, SqlState};
use crate::ids::Login;
use crate::policy::{Context, Hole, Identity, PersonFacts, activate};
use crate::rewrite::Touched;
use crate::session::authority::{Authority, IdentityValues, Standing};
use crate::snapshot::{Snapshot, State};

/// How long a judgement stands, in seconds: conditions may speak of the time of day, and accounts
/// and assignments end at a time.
const JUDGEMENT: i64 = 1;

impl IdentityValues for Identity {
    fn text(&self, hole: Hole) -> Option<String> {
        Self::text(self, hole)
    }
}

/// The accounts of the directory in force.
#[derive(Debug)]
pub(super) struct DirectoryAccounts(pub(super) Arc<Snapshot>);

impl Accounts for DirectoryAccounts {
    fn account(&self, login: &str) -> Option<Account> {
        let account = self.0.directory.account(login)?;
        let (status, valid_until, allowed_from) = match account {
            directory::Account::User(user) => {
                (user.status, user.valid_until, user.allowed_from.clone())
            }
            directory::Account::Service(service) => {
                (service.status, service.valid_until, service.allowed_from.clone())
            }
        };
        Some(Account {
            verifier: account.verifier().and_then(|text| text.parse::<Verifier>().ok()),
            enabled: status == Status::Active,
            valid_until,
            allowed_from,
        })
    }

    fn forms(&self) -> &[VerifierForm] {
        self.0.directory.verifier_forms()
    }
}

/// Judges one session's people: conditions see where it comes from.
#[derive(Debug)]
pub(super) struct SessionAuthority {
    pub(super) state: Arc<State>,
    pub(super) changes: watch::Receiver<u64>,
    pub(super) peer: IpAddr,
    pub(super) tls: bool,
    pub(super) application: Option<String>,
    /// The last judgement of the login itself.
    pub(super) own: Mutex<Option<Judgement>>,
    /// The last judgement of who it speaks for.
    pub(super) acting: Mutex<Option<Judgement>>,
}

/// For whom, made when, under which snapshot.
#[derive(Debug)]
pub(super) struct Judgement {
    login: Login,
    acting: Option<Login>,
    second: i64,
    snapshot: Arc<Snapshot>,
    facts: Arc<PersonFacts>,
    standing: Arc<Standing>,
}

impl SessionAuthority {
    fn judge(&self, login: &Login, acting: Option<&Login>) -> Result<Arc<Standing>, Refusal> {
        let snapshot = self.state.current();
        let now = Timestamp::now();
        let slot = if acting.is_some() { &self.acting } else { &self.own };
        let mut last = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(judgement) = last.as_ref()
            && judgement.login == *login
            && judgement.acting.as_ref() == acting
            && Arc::ptr_eq(&judgement.snapshot, &snapshot)
            && judgement.second / JUDGEMENT == now.as_second() / JUDGEMENT
        {
            return Ok(Arc::clone(&judgement.standing));
        }
        let facts = self.facts(&snapshot, login, acting, now)?;
        let subject = activate(
            &snapshot.policy,
            &facts,
            &Context {
                now: directory::local_time(&facts, now),
                client_ip: Some(self.peer),
                tls: self.tls,
                mfa: false,
                application_name: self.application.clone(),
            },
        );
        // The same person with the same roles keeps the same identity value, so that a statement
        // prepared for it stays current.
        let same = last.as_ref().filter(|judgement| {
            judgement.login == *login
                && judgement.acting.as_ref() == acting
                && Arc::ptr_eq(&judgement.snapshot, &snapshot)
                && *judgement.facts == *facts
                && judgement.standing.roles == subject.roles
        });
        let standing = match same {
            Some(judgement) => Arc::clone(&judgement.standing),
            None => Arc::new(Standing {
                catalog: Arc::clone(&snapshot.catalog),
                policy: Arc::clone(&snapshot.policy),
                policy_version: snapshot.versions.policy.clone(),
                roles: subject.roles,
                unrestricted: subject.unrestricted,
                limits: subject.limits,
                shape: subject.identity.shape().clone(),
                identity: subject.identity,
            }),
        };
        *last = Some(Judgement {
            login: login.clone(),
            acting: acting.cloned(),
            second: now.as_second(),
            snapshot,
            facts,
            standing: Arc::clone(&standing),
        });
        Ok(standing)
    }

    fn facts(
        &self,
        snapshot: &Snapshot,
        login: &Login,
        acting: Option<&Login>,
        now: Timestamp,
    ) -> Result<Arc<PersonFacts>, Refusal> {
        let gone = |reason: &str| {
            let message = "terminating connection because the account may no longer be used";
            Refusal::new(SqlState::ADMIN_SHUTDOWN, message, reason)
        };
        let directory = &snapshot.directory;
        let account = directory.account(login.as_str()).ok_or_else(|| gone(""))?;
        account.admits(self.peer, now).map_err(|refusal| gone(&refusal.to_string()))?;
        match acting {
            None => directory.facts(login.as_str(), now).ok_or_else(|| gone("")),
            Some(user) => {
                let denied = |reason: &str| {
                    Refusal::denied(format!("permission denied to act as \"{user}\""), reason)
                };
                let service = directory
                    .service(login.as_str())
                    .ok_or_else(|| denied("only service accounts speak for other users"))?;
                directory
                    .act_as(service, user.as_str(), now)
                    .map_err(|refusal| denied(&refusal.to_string()))
            }
        }
    }
}

impl Authority for SessionAuthority {
    fn standing(&self, login: &Login) -> Result<Arc<Standing>, Refusal> {
        self.judge(login, None)
    }

    fn acting(&self, service: &Login, login: &Login) -> Result<Arc<Standing>, Refusal> {
        self.judge(service, Some(login))
    }

    fn still_meant(&self, touched: &[Touched]) -> Result<(), Refusal> {
        self.state.still_meant(touched, Timestamp::now())
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}
