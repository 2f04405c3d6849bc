//! How the log is kept, as values. Parsing the configuration file is not done here.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ed25519_dalek::{SigningKey, VerifyingKey};
use jiff::Timestamp;

use super::chain::{from_hex, to_hex};
use super::{AuditError, Parameters};
use crate::config;

/// What has happened before a client gets its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The record is on the disk: survives a power failure.
    #[default]
    Fsync,
    /// The operating system has the record: survives the end of the process.
    Write,
    /// The record is queued: may be lost when the process is killed.
    Async,
}

/// What happens to statements while the log cannot be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// They fail with 58030.
    #[default]
    Refuse,
    /// They run; records are kept in memory up to the queue's bound, and what does not fit is
    /// counted in the log afterwards.
    Continue,
}

/// Where the signing key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningKeySource {
    /// A file with 64 hexadecimal digits; made, readable by its owner only, when it is missing.
    File(PathBuf),
    /// The 64 hexadecimal digits themselves.
    Text(String),
}

/// How the log is kept.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    /// The directory of the segments.
    pub path: PathBuf,
    /// What has happened before a client gets its answer.
    pub durability: Durability,
    /// What happens while the log cannot be written.
    pub on_failure: OnFailure,
    /// What becomes of parameter values, unless their column asks for more care.
    pub parameters: Parameters,
    /// The key of the signatures and of hashed parameters.
    pub signing_key: SigningKeySource,
    /// Names this gateway among several.
    pub instance: String,
    /// How many records may wait before sessions wait too.
    pub queue: usize,
    /// A segment that has grown to this size, in bytes, is closed.
    pub segment_size: u64,
    /// A segment of this age is closed when the next record comes.
    pub segment_age: Duration,
    /// A signed checkpoint follows after so many lines …
    pub checkpoint_lines: u64,
    /// … or so much time, whichever comes first.
    pub checkpoint_interval: Duration,
    /// How old the head file may become while records are written.
    pub head_interval: Duration,
    /// The time of the lines that the log itself adds.
    pub clock: fn() -> Timestamp,
}

impl AuditSettings {
    /// The defaults for a directory: durable, refusing, the key in `audit.key` beside it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let key = path.parent().unwrap_or(Path::new("")).join("audit.key");
        Self {
            path,
            durability: Durability::Fsync,
            on_failure: OnFailure::Refuse,
            parameters: Parameters::Record,
            signing_key: SigningKeySource::File(key),
            instance: "rowgate".to_owned(),
            queue: 8192,
            segment_size: 128 << 20,
            segment_age: Duration::from_secs(24 * 60 * 60),
            checkpoint_lines: 1000,
            checkpoint_interval: Duration::from_secs(1),
            head_interval: Duration::from_millis(50),
            clock: Timestamp::now,
        }
    }
}

impl From<&config::Audit> for AuditSettings {
    fn from(section: &config::Audit) -> Self {
        let defaults = Self::new(&section.path);
        Self {
            durability: match section.durability {
                config::Durability::Fsync => Durability::Fsync,
                config::Durability::Write => Durability::Write,
                config::Durability::Async => Durability::Async,
            },
            on_failure: match section.on_failure {
                config::OnFailure::Refuse => OnFailure::Refuse,
                config::OnFailure::Continue => OnFailure::Continue,
            },
            parameters: match section.parameters {
                config::ParameterRecording::Record => Parameters::Record,
                config::ParameterRecording::Hash => Parameters::Hash,
                config::ParameterRecording::Omit => Parameters::Omit,
            },
            signing_key: section.signing_key.as_ref().map_or_else(
                || defaults.signing_key.clone(),
                |secret| SigningKeySource::Text(secret.reveal().to_owned()),
            ),
            ..defaults
        }
    }
}

impl SigningKeySource {
    /// Reads the key, or makes the file.
    pub fn load(&self) -> Result<SigningKey, AuditError> {
        if let Self::File(path) = self
            && !path.exists()
        {
            create_key(path)?;
        }
        self.read()
    }

    /// Reads the key.
    pub fn read(&self) -> Result<SigningKey, AuditError> {
        match self {
            Self::Text(text) => parse_key(text, "the configured value"),
            Self::File(path) => {
                let text = fs::read_to_string(path).map_err(|error| AuditError::Key {
                    reason: format!("`{}`: {error}", path.display()),
                })?;
                parse_key(&text, &format!("`{}`", path.display()))
            }
        }
    }
}

fn parse_key(text: &str, whence: &str) -> Result<SigningKey, AuditError> {
    from_hex::<32>(text.trim().as_bytes()).map(|secret| SigningKey::from_bytes(&secret)).ok_or_else(
        || AuditError::Key { reason: format!("{whence} is not 64 lower-case hexadecimal digits") },
    )
}

fn create_key(path: &Path) -> Result<(), AuditError> {
    let text = format!("{}\n", to_hex(&rand::random::<[u8; 32]>()));
    let write = || -> io::Result<()> {
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| AuditError::Key { reason: format!("`{}`: {error}", path.display()) })
}

/// Reads a public key: 64 hexadecimal digits, or a file that holds them.
pub fn read_public_key(text: &str) -> Result<VerifyingKey, AuditError> {
    let digits = if from_hex::<32>(text.trim().as_bytes()).is_some() {
        text.to_owned()
    } else {
        fs::read_to_string(text).map_err(|error| AuditError::Key {
            reason: format!(
                "`{text}` is neither 64 lower-case hexadecimal digits nor a readable file: {error}"
            ),
        })?
    };
    from_hex::<32>(digits.trim().as_bytes())
        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
        .ok_or_else(|| AuditError::Key { reason: format!("`{text}` holds no ed25519 public key") })
}
