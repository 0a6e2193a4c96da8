//! What is known of an environment's secrets after a check. It can be printed and serialised, for
//! it has no place for a value.

mod github;
mod junit;
mod sarif;
mod table;

pub use github::{annotations, summary};
pub use junit::junit;
pub use sarif::sarif;
pub use table::{problems, table};

use super::fault::Place;
use super::plan::Requirement;
use super::problem::{Problem, Weight};
use super::shape::Kind;
use jiff::Timestamp;
use serde::Serialize;

/// What is known of an environment's secrets.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The environment.
    pub environment: String,
    /// Its template, as shown.
    pub template: Option<String>,
    /// One line for each requirement, in the template's order.
    pub secrets: Vec<Line>,
    /// Everything that is wrong.
    pub problems: Vec<Problem>,
    /// How vaults were logged in to, and why so.
    pub notes: Vec<String>,
}

/// Whether an application may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It may.
    Ready,
    /// It cannot be said: trying again may help.
    Undecided,
    /// It must not.
    Failed,
}

/// What is known of one secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The key that the application reads.
    pub key: String,
    /// `ok`, `absent` (and may be), `not asked`, or what is wrong in a word or two.
    pub state: &'static str,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whether it may be missing.
    pub optional: bool,
    /// Whether it is hidden.
    pub sensitive: bool,
    /// What gave it.
    pub source: Option<String>,
    /// The version that was served.
    pub version: Option<String>,
    /// When that was last changed.
    pub updated: Option<Timestamp>,
    /// When it, or what is in it, expires.
    pub expires: Option<Timestamp>,
    /// Where it is declared.
    pub place: Place,
    /// What it is for.
    pub description: String,
}

impl Line {
    pub(super) fn of(requirement: &Requirement) -> Self {
        Self {
            key: requirement.asked.key.clone(),
            state: "ok",
            kind: requirement.shape.kind.unwrap_or_default(),
            optional: requirement.optional,
            sensitive: requirement.sensitive,
            source: None,
            version: None,
            updated: None,
            expires: None,
            place: requirement.place.clone(),
            description: requirement.description.clone(),
        }
    }
}

impl Report {
    /// Whether an application may start with this.
    pub fn status(&self) -> Status {
        let errors = self.problems.iter().filter(|problem| problem.weight == Weight::Error);
        let worst = errors.map(|problem| match problem.cause.is_certain() {
            true => Status::Failed,
            false => Status::Undecided,
        });
        worst.max().unwrap_or(Status::Ready)
    }

    /// The worst of several.
    pub fn worst(reports: &[Self]) -> Status {
        reports.iter().map(Self::status).max().unwrap_or(Status::Ready)
    }
}
