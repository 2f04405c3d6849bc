//! Authenticates a client whose startup packet has been read. A rejection is a value and the client
//! has been told; an `Err` is a connection that broke. It sends nothing but authentication messages
//! and accepts nothing else.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ipnet::IpNet;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::lockout::{Lockout, LockoutSettings};
use super::scram::{
    Challenge, MAX_MESSAGE, Proof, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramError, Verifier,
    VerifierForm,
};
use crate::error::{Refusal, SqlState};
use crate::ids::Login;
use crate::protocol::frame::{Connection, Frame};
use crate::protocol::startup::{Startup, message, send_fatal};
use crate::protocol::stream::ClientStream;

/// What authentication needs to know of a user.
#[derive(Debug, Clone)]
pub struct Account {
    /// The stored verifier; without one no password fits.
    pub verifier: Option<Verifier>,
    /// May log in at all.
    pub enabled: bool,
    /// Until when, exclusively; `None` is for ever.
    pub valid_until: Option<Timestamp>,
    /// From where; empty is from everywhere.
    pub allowed_from: Vec<IpNet>,
}

/// Where accounts come from.
pub trait Accounts {
    /// The account of that login, when there is one.
    fn account(&self, login: &str) -> Option<Account>;

    /// What the verifiers of the existing users look like. A user who does not exist seems to have
    /// one of these, or it would tell who exists.
    fn forms(&self) -> &[VerifierForm] {
        &[]
    }
}

/// A way to prove who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A password, which never leaves the client.
    ScramSha256,
    /// A client certificate that names the login.
    Certificate,
    /// No proof, from the same machine only.
    Trust,
}

/// Why a login was refused, for the audit log. Never for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nobody has that login.
    UnknownUser,
    /// The proof does not fit.
    WrongPassword,
    /// The account is disabled.
    Disabled,
    /// The account has expired.
    Expired,
    /// Not from that address.
    Address,
    /// Too many failures before.
    Locked,
    /// The client broke the protocol.
    Protocol,
    /// No method that is switched on fits this client.
    NoMethod,
    /// It took longer than it may.
    Timeout,
}

impl Cause {
    /// The word for the audit log and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown_user",
            Self::WrongPassword => "wrong_password",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Address => "address",
            Self::Locked => "locked",
            Self::Protocol => "protocol",
            Self::NoMethod => "no_method",
            Self::Timeout => "timeout",
        }
    }
}

/// The end of an authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Proven; AuthenticationOk is the last of what is to be sent.
    Accepted {
        /// Who it is.
        login: Login,
        /// How they proved it.
        method: Method,
    },
    /// Refused; the client has been told `refusal`.
    Refused {
        /// What the client was told.
        refusal: Refusal,
        /// Why, in truth.
        cause: Cause,
    },
    /// The client went away without an answer, as psql does before it asks for a password.
    Left,
}

/// Authenticates clients.
pub struct Authenticator {
    methods: Vec<Method>,
    /// Makes the salts of users who do not exist; the same on every instance and after a restart.
    secret: [u8; 32],
    lockout: Mutex<Lockout>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("methods", &self.methods).finish_non_exhaustive()
    }
}

enum Verdict {
    Accepted(Method),
    Refused(Refusal, Cause),
    Left,
}

impl Authenticator {
    /// `secret` belongs to the installation; a random one per process works, but then a restart
    /// changes the salts of unknown users, and of nobody else.
    pub fn new(methods: Vec<Method>, lockout: LockoutSettings, secret: [u8; 32]) -> Self {
        Self { methods, secret, lockout: Mutex::new(Lockout::new(lockout)) }
    }

    /// Runs the exchange, to be done by `deadline`. `now` is the time that accounts are judged at.
    pub async fn authenticate(
        &self,
        startup: &mut Startup,
        accounts: &(dyn Accounts + Sync),
        now: Timestamp,
        deadline: Instant,
    ) -> io::Result<Outcome> {
        let verdict = match timeout_at(deadline, self.judge(startup, accounts, now)).await {
            Ok(verdict) => verdict?,
            Err(_) => Verdict::Refused(
                Refusal::new(
                    SqlState::PROTOCOL_VIOLATION,
                    "canceling authentication due to timeout",
                    "",
                ),
                Cause::Timeout,
            ),
        };
        let address = startup.peer.ip().to_canonical();
        match verdict {
            Verdict::Accepted(method) => {
                self.lock().succeeded(&startup.user, address);
                Ok(Outcome::Accepted { login: Login::from(startup.user.as_str()), method })
            }
            Verdict::Refused(refusal, cause) => {
                match cause {
                    Cause::UnknownUser
                    | Cause::WrongPassword
                    | Cause::Disabled
                    | Cause::Expired => {
                        self.lock().failed(&startup.user, address, Instant::now().into_std());
                    }
                    Cause::Address
                    | Cause::Locked
                    | Cause::Protocol
                    | Cause::NoMethod
                    | Cause::Timeout => {}
                }
                // A client that does not read must not keep us; it is refused either way.
                let limit = Instant::now() + std::time::Duration::from_secs(5);
                if let Ok(Err(error)) =
                    timeout_at(limit, send_fatal(&mut startup.client, &refusal)).await
                {
                    tracing::debug!(%error, "a refused client went away");
                }
                Ok(Outcome::Refused { refusal, cause })
            }
            Verdict::Left => Ok(Outcome::Left),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lockout> {
        self.lockout.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_locked(&self, login: &str, address: IpAddr) -> bool {
        self.lock().is_locked(login, address, Instant::now().into_std())
    }

    async fn judge(
        &self,
        startup: &mut Startup,
        accounts: &(dyn Accounts + Sync),
        now: Timestamp,
    ) -> io::Result<Verdict> {
        let address = startup.peer.ip().to_canonical();
        let account = accounts.account(&startup.user);
        let standing = standing(account.as_ref(), now);
        for method in &self.methods {
            let proven = match method {
                Method::Trust => address.is_loopback(),
                Method::Certificate => {
                    startup.tls.as_ref().is_some_and(|tls| tls.client_names.contains(&startup.user))
                }
                Method::ScramSha256 => continue,
            };
            if proven && standing.is_ok() {
                if let Some(refusal) = address_refusal(startup, account.as_ref()) {
                    return Ok(Verdict::Refused(refusal, Cause::Address));
                }
                startup.client.outbound.extend(&authentication(0, b""));
                return Ok(Verdict::Accepted(*method));
            }
        }
        if self.methods.contains(&Method::ScramSha256) {
            return self.scram(startup, account.as_ref(), standing, accounts.forms()).await;
        }
        let refusal = Refusal::new(
            SqlState::INVALID_AUTHORIZATION,
            format!("authentication failed for user \"{}\"", startup.user),
            "",
        );
        Ok(Verdict::Refused(refusal, Cause::NoMethod))
    }

    async fn scram(
        &self,
        startup: &mut Startup,
        account: Option<&Account>,
        standing: Result<(), Cause>,
        forms: &[VerifierForm],
    ) -> io::Result<Verdict> {
        let address = startup.peer.ip().to_canonical();
        // Made in any case: who exists is not to be told by the time this takes.
        let fake = Verifier::fake(&startup.user, &self.secret, forms);
        let verifier = account.and_then(|account| account.verifier.clone()).unwrap_or(fake);
        let endpoint = startup.tls.as_ref().and_then(|tls| tls.endpoint.clone());

        let mut offer = Vec::new();
        if endpoint.is_some() {
            offer.extend_from_slice(SCRAM_SHA_256_PLUS.as_bytes());
            offer.push(0);
        }
        offer.extend_from_slice(SCRAM_SHA_256.as_bytes());
        offer.extend_from_slice(&[0, 0]);
        send(&mut startup.client, &authentication(10, &offer)).await?;

        let first = match read(&mut startup.client).await? {
            Read::Message(first) => first,
            Read::Left => return Ok(Verdict::Left),
            Read::Invalid => return Ok(broken("invalid SASL message")),
        };
        let Some((mechanism, data)) = initial_response(&first) else {
            return Ok(broken("malformed SASLInitialResponse message"));
        };
        let nonce = STANDARD.encode(rand::random::<[u8; 18]>());
        let challenge = match Challenge::new(mechanism, data, endpoint.as_deref(), verifier, &nonce)
        {
            Ok(challenge) => challenge,
            Err(error) => return Ok(broken_scram(error)),
        };
        send(&mut startup.client, &authentication(11, challenge.server_first().as_bytes())).await?;

        let last = match read(&mut startup.client).await? {
            Read::Message(last) => last,
            Read::Left => return Ok(Verdict::Left),
            Read::Invalid => return Ok(broken("invalid SASL message")),
        };
        let proof = match challenge.judge(&last) {
            Ok(proof) => proof,
            Err(error) => return Ok(broken_scram(error)),
        };
        let wrong = |cause| {
            let message = format!("password authentication failed for user \"{}\"", startup.user);
            let refusal = Refusal::new(SqlState::INVALID_PASSWORD, message, "");
            Ok(Verdict::Refused(refusal, cause))
        };
        // Asked last, so that guesses made at the same time do not slip through together.
        if self.is_locked(&startup.user, address) {
            return wrong(Cause::Locked);
        }
        match (standing, proof) {
            (Err(cause), Proof::Right { .. } | Proof::Wrong) => wrong(cause),
            (Ok(()), Proof::Wrong) => wrong(Cause::WrongPassword),
            (Ok(()), Proof::Right { server_final }) => {
                // Only who knows the password learns that the address is the trouble.
                if let Some(refusal) = address_refusal(startup, account) {
                    return Ok(Verdict::Refused(refusal, Cause::Address));
                }
                // Both leave with what the client is told at the start of its session.
                startup.client.outbound.extend(&authentication(12, server_final.as_bytes()));
                startup.client.outbound.extend(&authentication(0, b""));
                Ok(Verdict::Accepted(Method::ScramSha256))
            }
        }
    }
}

/// Whether this account may log in at all.
fn standing(account: Option<&Account>, now: Timestamp) -> Result<(), Cause> {
    match account {
        None => Err(Cause::UnknownUser),
        Some(account) if !account.enabled => Err(Cause::Disabled),
        Some(account) if account.valid_until.is_some_and(|until| now >= until) => {
            Err(Cause::Expired)
        }
        Some(_) => Ok(()),
    }
}

fn address_refusal(startup: &Startup, account: Option<&Account>) -> Option<Refusal> {
    let allowed = account.map_or(&[][..], |account| account.allowed_from.as_slice());
    let address = startup.peer.ip().to_canonical();
    if allowed.is_empty() || allowed.iter().any(|network| network.contains(&address)) {
        return None;
    }
    let encryption =
        if startup.client.stream().is_encrypted() { "SSL encryption" } else { "no encryption" };
    let message = format!(
        "no access rule for host \"{address}\", user \"{}\", database \"{}\", {encryption}",
        startup.user, startup.database
    );
    Some(Refusal::new(SqlState::INVALID_AUTHORIZATION, message, ""))
}

fn broken(message: &str) -> Verdict {
    Verdict::Refused(Refusal::new(SqlState::PROTOCOL_VIOLATION, message, ""), Cause::Protocol)
}

fn broken_scram(error: ScramError) -> Verdict {
    let sqlstate = match error {
        ScramError::ChannelBinding => SqlState::INVALID_AUTHORIZATION,
        ScramError::Mechanism
        | ScramError::Malformed
        | ScramError::ChannelBindingNegotiation
        | ScramError::Nonce => SqlState::PROTOCOL_VIOLATION,
    };
    Verdict::Refused(Refusal::new(sqlstate, error.to_string(), ""), Cause::Protocol)
}

/// An authentication request of that kind.
fn authentication(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut body = kind.to_be_bytes().to_vec();
    body.extend_from_slice(data);
    message(b'R', &body)
}

async fn send(client: &mut Connection<ClientStream>, bytes: &[u8]) -> io::Result<()> {
    client.outbound.extend(bytes);
    client.flush().await
}

enum Read {
    Message(Bytes),
    Left,
    Invalid,
}

/// The body of one `p` message.
async fn read(client: &mut Connection<ClientStream>) -> io::Result<Read> {
    // The mechanism's name and two lengths come on top of the SASL message.
    const MOST: usize = MAX_MESSAGE + 64;
    let limit = |tag| if tag == b'p' { MOST } else { 0 };
    loop {
        match client.inbound.take_frame(limit) {
            Ok(Some(Frame { tag: b'p', body })) => return Ok(Read::Message(body)),
            Ok(Some(Frame { tag: b'X', .. })) => return Ok(Read::Left),
            Ok(Some(_)) | Err(_) => return Ok(Read::Invalid),
            Ok(None) => {}
        }
        if client.fill_up_to(MOST).await? == 0 {
            return Ok(Read::Left);
        }
    }
}

/// Mechanism and data of a SASLInitialResponse.
fn initial_response(body: &[u8]) -> Option<(&str, &[u8])> {
    let end = body.iter().position(|byte| *byte == 0)?;
    let (mechanism, rest) = body.split_at_checked(end)?;
    let (length, data) = rest.strip_prefix(&[0])?.split_first_chunk::<4>()?;
    let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
    (length == data.len()).then_some((std::str::from_utf8(mechanism).ok()?, data))
}

#[cfg(test)]
mod tests;
