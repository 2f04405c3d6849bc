//! Judges the people of the running gateway by the snapshot in force.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use jiff::Timestamp;

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
    fn text(&self, hole: Hole) -> Option<Arc<str>> {
        self.shared_text(hole)
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

/// Who judges which people. Clients of one login under the same circumstances are judged together:
/// what they may rely on is kept once for all of them.
#[derive(Debug)]
pub struct Authorities {
    state: Arc<State>,
    made: Mutex<Made>,
}

#[derive(Debug, Default)]
struct Made {
    authorities: HashMap<Circumstances, Weak<LoginAuthority>>,
    /// At so many those are forgotten whose clients have gone.
    crowded: usize,
}

/// Few are looked through for those that are not needed any more.
const CROWDED: usize = 64;

/// What conditions see of a client, and whom they judge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Circumstances {
    pub(super) login: Login,
    pub(super) peer: IpAddr,
    pub(super) tls: bool,
    pub(super) application: Option<String>,
}

impl Authorities {
    /// All judge by the snapshot in force.
    pub fn new(state: Arc<State>) -> Self {
        Self { state, made: Mutex::default() }
    }

    pub(super) fn of(&self, circumstances: Circumstances) -> Arc<LoginAuthority> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.authorities.get(&circumstances).and_then(Weak::upgrade) {
            return known;
        }
        if made.authorities.len() >= made.crowded.max(CROWDED) {
            made.authorities.retain(|_, authority| authority.strong_count() > 0);
            made.crowded = made.authorities.len().saturating_mul(2);
        }
        let authority = Arc::new(LoginAuthority {
            state: Arc::clone(&self.state),
            circumstances: circumstances.clone(),
            own: Mutex::default(),
            acting: Mutex::default(),
        });
        made.authorities.insert(circumstances, Arc::downgrade(&authority));
        authority
    }
}

/// Judges one login under the same circumstances, and those it speaks for.
#[derive(Debug)]
pub(super) struct LoginAuthority {
    state: Arc<State>,
    circumstances: Circumstances,
    /// The last judgement of the login itself.
    own: Mutex<Option<Judgement>>,
    /// The last judgement of each person it speaks for.
    acting: Mutex<HashMap<Login, Judgement>>,
}

/// Made when, under which snapshot.
#[derive(Debug)]
struct Judgement {
    second: i64,
    snapshot: Arc<Snapshot>,
    facts: Arc<PersonFacts>,
    standing: Arc<Standing>,
}

impl LoginAuthority {
    /// Who logged in.
    pub(super) fn login(&self) -> &Login {
        &self.circumstances.login
    }

    fn judge_own(&self, now: Timestamp) -> Result<Arc<Standing>, Refusal> {
        let snapshot = self.state.current();
        let mut last = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(judgement) = last.as_ref().filter(|last| last.stands(&snapshot, now)) {
            return Ok(Arc::clone(&judgement.standing));
        }
        let facts = self.facts(&snapshot, None, now)?;
        let judgement = self.judge(snapshot, facts, now, last.as_ref());
        let standing = Arc::clone(&judgement.standing);
        *last = Some(judgement);
        Ok(standing)
    }

    fn judge_acting(&self, user: &Login, now: Timestamp) -> Result<Arc<Standing>, Refusal> {
        let snapshot = self.state.current();
        let mut acting = self.acting.lock().unwrap_or_else(PoisonError::into_inner);
        let last = acting.get(user);
        if let Some(judgement) = last.filter(|last| last.stands(&snapshot, now)) {
            return Ok(Arc::clone(&judgement.standing));
        }
        let facts = self.facts(&snapshot, Some(user), now)?;
        let judgement = self.judge(snapshot, facts, now, last);
        let standing = Arc::clone(&judgement.standing);
        if last.is_none() {
            // For whom nobody speaks any more is forgotten.
            acting.retain(|_, judgement| Arc::strong_count(&judgement.standing) > 1);
        }
        acting.insert(user.clone(), judgement);
        Ok(standing)
    }

    fn judge(
        &self,
        snapshot: Arc<Snapshot>,
        facts: Arc<PersonFacts>,
        now: Timestamp,
        last: Option<&Judgement>,
    ) -> Judgement {
        let subject = activate(
            &snapshot.policy,
            &facts,
            &Context {
                now: directory::local_time(&facts, now),
                client_ip: Some(self.circumstances.peer),
                tls: self.circumstances.tls,
                mfa: false,
                application_name: self.circumstances.application.clone(),
            },
        );
        // The same person with the same roles keeps the same identity value, so that a statement
        // prepared for it stays current.
        let same = last.filter(|judgement| {
            Arc::ptr_eq(&judgement.snapshot, &snapshot)
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
        Judgement { second: now.as_second(), snapshot, facts, standing }
    }

    fn facts(
        &self,
        snapshot: &Snapshot,
        acting: Option<&Login>,
        now: Timestamp,
    ) -> Result<Arc<PersonFacts>, Refusal> {
        let gone = |reason: &str| {
            let message = "terminating connection because the account may no longer be used";
            Refusal::new(SqlState::ADMIN_SHUTDOWN, message, reason)
        };
        let Circumstances { login, peer, .. } = &self.circumstances;
        let directory = &snapshot.directory;
        let account = directory.account(login.as_str()).ok_or_else(|| gone(""))?;
        account.admits(*peer, now).map_err(|refusal| gone(&refusal.to_string()))?;
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

impl Judgement {
    fn stands(&self, snapshot: &Arc<Snapshot>, now: Timestamp) -> bool {
        Arc::ptr_eq(&self.snapshot, snapshot)
            && self.second / JUDGEMENT == now.as_second() / JUDGEMENT
    }
}

impl Authority for LoginAuthority {
    fn standing(&self, now: Timestamp) -> Result<Arc<Standing>, Refusal> {
        self.judge_own(now)
    }

    fn acting(&self, login: &Login, now: Timestamp) -> Result<Arc<Standing>, Refusal> {
        self.judge_acting(login, now)
    }

    fn still_meant(&self, touched: &[Touched], now: Timestamp) -> Result<(), Refusal> {
        self.state.still_meant(touched, now)
    }
}
