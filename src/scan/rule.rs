//! What a rule says, as plain data: the schema of gitleaks plus our own keys. Reading it from a
//! file is `config`'s; compiling and running it is the matcher's.

use super::analysis;
use serde::{Deserialize, Serialize};

/// How bad a leak of this kind is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Harmless by itself.
    Low,
    /// Worth a look.
    Medium,
    /// A working credential.
    #[default]
    High,
    /// A working credential with wide reach.
    Critical,
}

/// How sure it is that what was found is a live secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// It has the form, and something speaks against it: a wrong checksum, a maker's sample, a test's file.
    Low,
    /// Its name and its surroundings speak for it.
    Medium,
    /// It identifies itself.
    #[default]
    High,
}

impl Confidence {
    /// Of a rule that says nothing of it: high where the secret itself says what it is, medium where
    /// only what stands around it does.
    pub(crate) fn of(regex: Option<&str>, secret_group: usize) -> Self {
        let hir = regex.and_then(|regex| analysis::parse(regex).ok());
        match hir.is_none_or(|hir| analysis::names_itself(&hir, secret_group)) {
            true => Self::High,
            false => Self::Medium,
        }
    }

    /// As reports and settings spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// One rule, as written (regular expressions already in this program's dialect).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name: the `RuleID` of reports.
    pub id: String,
    /// One line on what it finds.
    pub description: String,
    /// What to find in content; none where the path alone decides.
    pub regex: Option<String>,
    /// Which paths it applies to (an unanchored search).
    pub path: Option<String>,
    /// Which capture group is the secret; 0: the first that is not empty, else the whole match.
    pub secret_group: usize,
    /// The secret's entropy (bits a character) must be above this; 0: any.
    pub entropy: f64,
    /// One of these, in any case, must stand somewhere in the text; none: always.
    pub keywords: Vec<String>,
    /// Labels for reports.
    pub tags: Vec<String>,
    /// Reports nothing by itself: it only serves other rules' `required`.
    pub skip_report: bool,
    /// The secret must look like one: no word, name, path, hash of a known kind or placeholder.
    pub plausible: bool,
    /// What it must not report.
    pub allowlists: Vec<Allowlist>,
    /// Other rules that must find something nearby.
    pub required: Vec<Required>,
    /// How bad a leak is.
    pub severity: Severity,
    /// How sure a finding is that nothing speaks against.
    pub confidence: Confidence,
    /// Where to revoke and how to rotate, in a line or two.
    pub remediation: String,
    /// Texts in which it must find something (with generators like `<base62:36>`).
    pub examples: Vec<String>,
    /// Texts in which it must find nothing.
    pub negative_examples: Vec<String>,
}

/// Another rule that must find something near the match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Required {
    /// The other rule.
    pub id: String,
    /// At most so many lines away; none: anywhere in the same text.
    pub within_lines: Option<usize>,
    /// At most so many columns away.
    pub within_columns: Option<usize>,
}

/// What a regular expression of an allowlist looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegexTarget {
    /// The secret.
    #[default]
    Secret,
    /// The whole match.
    Match,
    /// The whole lines that the match touches.
    Line,
}

/// Content, paths and commits that are no leak.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowlist {
    /// Why.
    pub description: String,
    /// All the kinds of criteria that are present must hold (AND), not just one (OR).
    pub all: bool,
    /// Full commit ids, lower case.
    pub commits: Vec<String>,
    /// Path expressions (unanchored).
    pub paths: Vec<String>,
    /// What `regexes` look at.
    pub regex_target: RegexTarget,
    /// Content expressions.
    pub regexes: Vec<String>,
    /// Words that a secret may not contain, in any case.
    pub stopwords: Vec<String>,
}

/// The rules in force, with the allowlists that hold for all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ruleset {
    /// In the order of reports.
    pub rules: Vec<Rule>,
    /// For every rule.
    pub allowlists: Vec<Allowlist>,
}
