//! A problem with one secret: what keeps it from being used, and what to do. It holds no value,
//! by type: only what a declaration or a service says about it.

use super::fault::Place;
use serde::Serialize;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// No source has it.
    Missing,
    /// A source has it, with nothing in it.
    Empty,
    /// Its value is something to be filled in.
    Placeholder,
    /// Its value is a reference that nobody resolved.
    Unresolved,
    /// Its value does not look like what it must be.
    WrongType,
    /// Spaces or a line break around its value.
    StrayWhitespace,
    /// None of a group is there, of which one must be.
    OneOf,
    /// Another environment has the same value.
    SameElsewhere,
    /// Its version is older than allowed.
    TooOld,
    /// It was deleted and can still be recovered.
    SoftDeleted,
    /// It is disabled.
    Disabled,
    /// It is past its expiry.
    Expired,
    /// It will expire soon.
    ExpiresSoon,
    /// Its validity has not begun.
    NotYetValid,
    /// The caller may not read it.
    Denied,
    /// The vault's firewall or private link does not let the caller in.
    Firewall,
    /// The vault asked to wait longer than there was time.
    Throttled,
    /// The deadline came first.
    TimedOut,
    /// The source could not be reached.
    Unreachable,
    /// The login did not work.
    LoginFailed,
    /// The source failed to answer.
    ServerError,
    /// The answer did not come from the source that was asked, or was cut off.
    Malformed,
}

impl Cause {
    /// Whether trying again would not change it (exit 1); else it is undecided (exit 3).
    pub fn is_certain(self) -> bool {
        !matches!(
            self,
            Self::Throttled
                | Self::TimedOut
                | Self::Unreachable
                | Self::LoginFailed
                | Self::ServerError
                | Self::Malformed
        )
    }

    /// In a word or two.
    pub fn words(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Placeholder => "placeholder",
            Self::Unresolved => "unresolved",
            Self::WrongType => "wrong type",
            Self::StrayWhitespace => "stray whitespace",
            Self::OneOf => "none of a group",
            Self::SameElsewhere => "not unique",
            Self::TooOld => "too old",
            Self::SoftDeleted => "deleted",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::ExpiresSoon => "expires soon",
            Self::NotYetValid => "not yet valid",
            Self::Denied => "denied",
            Self::Firewall => "firewall",
            Self::Throttled => "throttled",
            Self::TimedOut => "timed out",
            Self::Unreachable => "unreachable",
            Self::LoginFailed => "login failed",
            Self::ServerError => "server error",
            Self::Malformed => "malformed answer",
        }
    }
}

/// How much a problem weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The application must not start.
    Error,
    /// Worth knowing.
    Warning,
}

/// One thing that is wrong with one secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The key that the application reads.
    pub key: String,
    /// What is wrong.
    pub cause: Cause,
    /// How much it weighs.
    pub weight: Weight,
    /// The same in a sentence.
    pub what: String,
    /// What to do.
    pub fix: String,
    /// Where the key is declared.
    pub place: Place,
    /// The source that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}
