//! Where values come from. A provider is asked for several secrets at once and gives one outcome
//! for each; it never fails as a whole, and it never waits past the deadline.

pub mod dotenv;
#[cfg(feature = "keyring")]
pub mod keyring;
pub mod keyvault;
pub mod memory;
pub mod process;

mod credential;
mod denial;
mod executor;
mod login_failure;
mod pace;
mod transport;

use super::problem::Cause;
use crate::secret::Secret;
use jiff::Timestamp;
use tokio::time::Instant;

/// One secret that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The key that the application reads: its name in local sources.
    pub key: String,
    /// Its name in a vault.
    pub name: String,
    /// Its version in a vault; none: the newest.
    pub version: Option<String>,
}

/// A value with what its source says about it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The value.
    pub value: Secret,
    /// The version that was served.
    pub version: Option<String>,
    /// When that version was last changed.
    pub updated: Option<Timestamp>,
    /// From when on it may be used.
    pub not_before: Option<Timestamp>,
    /// Until when.
    pub expires: Option<Timestamp>,
}

impl Found {
    /// A value of a source that knows nothing else about it.
    pub fn plain(value: Secret) -> Self {
        Self { value, version: None, updated: None, not_before: None, expires: None }
    }
}

/// Why a source could not give a secret that it may have. It holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind.
    pub cause: Cause,
    /// A sentence.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// What became of one secret that was asked for.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Here it is.
    Found(Found),
    /// The source does not have it, or has it empty (`true`): the next one may have it.
    Absent {
        /// It is there, with nothing in it.
        empty: bool,
    },
    /// The source could not tell, or forbids it: no other source is asked.
    Failed(Failure),
}

impl Outcome {
    /// A plain value, or absent where there is none or nothing in it.
    pub fn of(value: Option<Secret>) -> Self {
        match value {
            Some(value) if !value.expose().trim().is_empty() => Self::Found(Found::plain(value)),
            value => Self::Absent { empty: value.is_some() },
        }
    }
}

/// A source of secrets.
#[async_trait::async_trait]
pub trait Provider: Send + Sync {
    /// Its name in reports.
    fn label(&self) -> &str;

    /// Whether asking it leaves this machine.
    fn is_remote(&self) -> bool {
        false
    }

    /// One outcome for each of `asked`, in their order, before `deadline`.
    async fn look_up(&self, asked: &[Asked], deadline: Instant) -> Vec<Outcome>;

    /// What to do so that it has `asked`.
    fn fix(&self, asked: &Asked) -> String;

    /// What it did that is worth knowing, such as how it logged in and why. No value.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
