//! The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677). Pure: nonces
//! come in as arguments. It never sees a password, except where one is being set.
//!
//! State machines that exist compare keys in variable time, take no nonce from outside
//! or do not tie the channel-binding flag to the chosen mechanism; this one does all three.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The mechanism without channel binding.
pub const SCRAM_SHA_256: &str = "SCRAM-SHA-256";
/// The mechanism bound to the TLS channel.
pub const SCRAM_SHA_256_PLUS: &str = "SCRAM-SHA-256-PLUS";
/// What PostgreSQL uses unless told otherwise (`SCRAM_SHA_256_DEFAULT_ITERATIONS`).
pub const DEFAULT_ITERATIONS: u32 = 4096;
/// Salt length of PostgreSQL's own verifiers (`SCRAM_DEFAULT_SALT_LEN`).
pub const SALT_LENGTH: usize = 16;
/// The longest SASL message accepted (`PG_MAX_SASL_MESSAGE_LENGTH`).
pub const MAX_MESSAGE: usize = 1024;

/// What is stored instead of a password: `SCRAM-SHA-256$iterations:salt$stored key:server key`.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    iterations: u32,
    salt: Vec<u8>,
    stored_key: [u8; 32],
    server_key: [u8; 32],
}

/// What a client reads of a verifier, and how many users have one like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifierForm {
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// Bytes of salt.
    pub salt_length: usize,
    /// How many users.
    pub users: u32,
}

impl Default for VerifierForm {
    /// What PostgreSQL makes unless told otherwise.
    fn default() -> Self {
        Self { iterations: DEFAULT_ITERATIONS, salt_length: SALT_LENGTH, users: 1 }
    }
}

/// Why a stored verifier can not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a verifier of the form `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`")]
pub struct VerifierError;

/// The client's message breaks the protocol. No variant tells anything about the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// Not one of the two mechanisms, or PLUS without TLS.
    #[error("client selected an invalid SASL authentication mechanism")]
    Mechanism,
    /// The message does not follow the grammar.
    #[error("malformed SCRAM message")]
    Malformed,
    /// The flag in the message does not fit the mechanism or the channel.
    #[error("SCRAM channel binding negotiation error")]
    ChannelBindingNegotiation,
    /// The client is bound to another TLS channel.
    #[error("SCRAM channel binding check failed")]
    ChannelBinding,
    /// The nonce is not the one of this exchange: a replay.
    #[error("invalid SCRAM response")]
    Nonce,
}

/// The answer to a client's proof. A wrong proof is an answer, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The client knows the password; this is the server's own proof to it.
    Right {
        /// The server-final-message.
        server_final: String,
    },
    /// It does not.
    Wrong,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Makes the verifier of a password, as `user password` stores it. Slow by design.
    pub fn from_password(password: &str, salt: &[u8], iterations: u32) -> Self {
        // PostgreSQL takes a password that SASLprep does not allow as it is.
        let prepared = stringprep::saslprep(password);
        let password = prepared.as_deref().unwrap_or(password);
        let salted = salted_password(password.as_bytes(), salt, iterations);
        Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: Sha256::digest(hmac(&salted, &[b"Client Key"])).into(),
            server_key: hmac(&salted, &[b"Server Key"]),
        }
    }

    /// The verifier of a user who does not exist: always the same one for the same login, so that
    /// asking twice tells nothing, and of a form that the verifiers of existing users have, each
    /// as often as among them. No password fits it.
    pub fn fake(login: &str, secret: &[u8], forms: &[VerifierForm]) -> Self {
        let keyed = keyed(secret);
        let part = |label: &[u8]| tag(keyed.clone(), &[label, b"\0", login.as_bytes()]);
        // As much for everybody: how long it takes tells nothing of the form.
        let longest = forms.iter().map(|form| form.salt_length).max().unwrap_or(SALT_LENGTH);
        let form = likely_form(forms, |form| {
            let [iterations, length] = [form.iterations, form.salt_length.try_into().unwrap_or(0)];
            let lot = [&b"form"[..], &iterations.to_be_bytes(), &length.to_be_bytes()].concat();
            part(&lot)
        });
        let mut salt = Vec::with_capacity(longest.next_multiple_of(32));
        // 256 bytes: no longer salt is taken.
        for number in (0..8_u8).take(longest.div_ceil(32)) {
            salt.extend_from_slice(&part(&[b's', b'a', b'l', b't', number]));
        }
        salt.truncate(form.salt_length);
        Self {
            iterations: form.iterations,
            salt,
            stored_key: part(b"stored key"),
            server_key: part(b"server key"),
        }
    }

    /// What a client reads of it.
    pub fn form(&self) -> VerifierForm {
        VerifierForm { iterations: self.iterations, salt_length: self.salt.len(), users: 1 }
    }

    /// How many rounds of PBKDF2 the client has to do.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }
}

impl FromStr for Verifier {
    type Err = VerifierError;

    fn from_str(text: &str) -> Result<Self, VerifierError> {
        fn key(text: &str) -> Result<[u8; 32], VerifierError> {
            let bytes = STANDARD.decode(text).map_err(|_| VerifierError)?;
            bytes.try_into().map_err(|_| VerifierError)
        }
        let rest = text.strip_prefix("SCRAM-SHA-256$").ok_or(VerifierError)?;
        let (parameters, keys) = rest.split_once('$').ok_or(VerifierError)?;
        let (iterations, salt) = parameters.split_once(':').ok_or(VerifierError)?;
        let (stored, server) = keys.split_once(':').ok_or(VerifierError)?;
        let iterations: u32 = iterations.parse().map_err(|_| VerifierError)?;
        let salt = STANDARD.decode(salt).map_err(|_| VerifierError)?;
        if iterations == 0 || salt.is_empty() || salt.len() > 256 {
            return Err(VerifierError);
        }
        Ok(Self { iterations, salt, stored_key: key(stored)?, server_key: key(server)? })
    }
}

/// The text that is stored.
impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encode = |bytes: &[u8]| STANDARD.encode(bytes);
        write!(
            f,
            "SCRAM-SHA-256${}:{}${}:{}",
            self.iterations,
            encode(&self.salt),
            encode(&self.stored_key),
            encode(&self.server_key)
        )
    }
}

/// An exchange whose challenge is with the client.
#[derive(Debug)]
pub struct Challenge {
    verifier: Verifier,
    /// What the client has to repeat, still encoded: gs2 header and channel-binding bytes.
    channel_binding: String,
    client_first_bare: String,
    server_first: String,
    nonce: String,
}

impl Challenge {
    /// Reads the client-first-message and makes the challenge. `endpoint` is the
    /// tls-server-end-point hash when the PLUS mechanism was offered.
    pub fn new(
        mechanism: &str,
        client_first: &[u8],
        endpoint: Option<&[u8]>,
        verifier: Verifier,
        server_nonce: &str,
    ) -> Result<Self, ScramError> {
        let bound = match mechanism {
            SCRAM_SHA_256 => false,
            SCRAM_SHA_256_PLUS if endpoint.is_some() => true,
            _ => return Err(ScramError::Mechanism),
        };
        let message = printable(client_first)?;
        let mut attributes = message.splitn(3, ',');
        let (Some(flag), Some(authzid), Some(bare)) =
            (attributes.next(), attributes.next(), attributes.next())
        else {
            return Err(ScramError::Malformed);
        };
        match (flag, bound) {
            ("n", false) | ("p=tls-server-end-point", true) => {}
            // "I could do channel binding, you can not": true only when it was not offered.
            // Otherwise somebody in the middle has removed it from the offer.
            ("y", false) if endpoint.is_none() => {}
            _ if flag == "y" || flag == "n" || flag.starts_with("p=") => {
                return Err(ScramError::ChannelBindingNegotiation);
            }
            _ => return Err(ScramError::Malformed),
        }
        // Acting as somebody else inside SASL is not supported, nor by PostgreSQL.
        if !authzid.is_empty() {
            return Err(ScramError::Malformed);
        }
        let mut attributes = bare.split(',');
        // The name in here is ignored: the one in the startup packet counts, as in PostgreSQL.
        attributes.next().and_then(|a| a.strip_prefix("n=")).ok_or(ScramError::Malformed)?;
        let client_nonce =
            attributes.next().and_then(|a| a.strip_prefix("r=")).ok_or(ScramError::Malformed)?;
        if client_nonce.is_empty() || !client_nonce.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ScramError::Malformed);
        }
        let mut binding = format!("{flag},,").into_bytes();
        if bound {
            binding.extend_from_slice(endpoint.unwrap_or_default());
        }
        let nonce = format!("{client_nonce}{server_nonce}");
        let salt = STANDARD.encode(&verifier.salt);
        let server_first = format!("r={nonce},s={salt},i={}", verifier.iterations);
        Ok(Self {
            channel_binding: STANDARD.encode(binding),
            client_first_bare: bare.to_owned(),
            server_first,
            nonce,
            verifier,
        })
    }

    /// The server-first-message.
    pub fn server_first(&self) -> &str {
        &self.server_first
    }

    /// Judges the client-final-message. An exchange is used once: the value is gone afterwards.
    pub fn judge(self, client_final: &[u8]) -> Result<Proof, ScramError> {
        let message = printable(client_final)?;
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(ScramError::Malformed)?;
        let mut attributes = without_proof.split(',');
        let binding =
            attributes.next().and_then(|a| a.strip_prefix("c=")).ok_or(ScramError::Malformed)?;
        let nonce =
            attributes.next().and_then(|a| a.strip_prefix("r=")).ok_or(ScramError::Malformed)?;
        let proof = STANDARD.decode(proof).map_err(|_| ScramError::Malformed)?;
        let proof: [u8; 32] = proof.try_into().map_err(|_| ScramError::Malformed)?;
        if !bool::from(binding.as_bytes().ct_eq(self.channel_binding.as_bytes())) {
            return Err(ScramError::ChannelBinding);
        }
        if !bool::from(nonce.as_bytes().ct_eq(self.nonce.as_bytes())) {
            return Err(ScramError::Nonce);
        }
        let message: [&[u8]; 5] = [
            self.client_first_bare.as_bytes(),
            b",",
            self.server_first.as_bytes(),
            b",",
            without_proof.as_bytes(),
        ];
        let mut client_key = hmac(&self.verifier.stored_key, &message);
        for (key, proof) in client_key.iter_mut().zip(proof) {
            *key ^= proof;
        }
        let computed: [u8; 32] = Sha256::digest(client_key).into();
        // Computed in both cases: a wrong proof takes as long as a right one.
        let signature = STANDARD.encode(hmac(&self.verifier.server_key, &message));
        if bool::from(computed.ct_eq(&self.verifier.stored_key)) {
            Ok(Proof::Right { server_final: format!("v={signature}") })
        } else {
            Ok(Proof::Wrong)
        }
    }
}

/// One of the forms, each with the probability of its share. Weighted rendezvous hashing: when a
/// form comes or goes, hardly any other login's choice changes with it.
fn likely_form(forms: &[VerifierForm], lot: impl Fn(&VerifierForm) -> [u8; 32]) -> VerifierForm {
    let score = |form: &VerifierForm| {
        let [a, b, c, d, ..] = lot(form);
        // Above 0 and below 1.
        let uniform = (f64::from(u32::from_be_bytes([a, b, c, d])) + 0.5) / 4_294_967_296.0;
        -f64::from(form.users) / uniform.ln()
    };
    let best = forms.iter().max_by(|left, right| score(left).total_cmp(&score(right)));
    best.copied().unwrap_or_default()
}

/// SCRAM messages are UTF-8 without control characters.
fn printable(message: &[u8]) -> Result<&str, ScramError> {
    if message.len() > MAX_MESSAGE {
        return Err(ScramError::Malformed);
    }
    let text = std::str::from_utf8(message).map_err(|_| ScramError::Malformed)?;
    if text.chars().any(char::is_control) { Err(ScramError::Malformed) } else { Ok(text) }
}

/// `HMAC(key, parts…)`.
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    tag(keyed(key), parts)
}

/// HMAC before its first part. Keys longer than a block are hashed first, shorter ones are padded with
/// zeros: both is HMAC's own rule (RFC 2104), done here because it leaves no error to handle.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    let hashed: [u8; 32];
    let key = if key.len() > 64 {
        hashed = Sha256::digest(key).into();
        hashed.as_slice()
    } else {
        key
    };
    let mut block = [0_u8; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::<Sha256>::new(&block.into())
}

/// What comes out of a keyed HMAC for these parts.
fn tag(mut mac: Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// `Hi(password, salt, iterations)`: PBKDF2 with one block of output.
fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let keyed = keyed(password);
    let mut previous = tag(keyed.clone(), &[salt, &1_u32.to_be_bytes()]);
    let mut result = previous;
    for _ in 1..iterations {
        previous = tag(keyed.clone(), &[&previous]);
        for (to, from) in result.iter_mut().zip(previous) {
            *to ^= from;
        }
    }
    result
}

#[cfg(test)]
mod tests;
