//! What can be wrong with a configuration, each with its place and what to do, and what is merely
//! worth a word.

use std::fmt;
use std::path::PathBuf;

/// A place in a configuration, as `path:line:column`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// As it was given, or the name of an environment variable.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Something that works, but perhaps not as its writer thinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What, and what to do.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.message)
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {cause}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// It is not UTF-8.
    #[error("{}: is not UTF-8 text; save it as UTF-8", path.display())]
    NotText {
        /// The file, or the variable.
        path: PathBuf,
    },
    /// It is not TOML.
    #[error("{place}: {what}; correct the TOML")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says.
        what: String,
    },
    /// A key that means nothing here.
    #[error("{place}: unknown key `{key}`; {}", advice(suggestion.as_deref(), "remove it"))]
    UnknownKey {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// The known key that it resembles.
        suggestion: Option<String>,
    },
    /// A value of the wrong type or outside its range.
    #[error("{place}: `{key}` is {found}; it must be {wanted}")]
    Value {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// What stands there.
        found: String,
        /// What may stand there.
        wanted: String,
    },
    /// A rule without a name.
    #[error("{place}: a rule has no `id`; give it one")]
    NoId {
        /// The rule.
        place: Place,
    },
    /// Two rules of one file have the same name.
    #[error("{place}: rule `{id}` stands a second time (first in line {first}); rename or remove one")]
    DuplicateRule {
        /// The second.
        place: Place,
        /// Their name.
        id: String,
        /// Line of the first.
        first: usize,
    },
    /// A rule with neither `regex` nor `path`.
    #[error("{place}: rule `{id}` has neither `regex` nor `path`; give it one of them")]
    NothingToFind {
        /// The rule.
        place: Place,
        /// Its name.
        id: String,
    },
    /// A regular expression that is not valid.
    #[error("{place}: {of}: the regular expression is not valid: {cause}; correct it")]
    Regex {
        /// Where it begins.
        place: Place,
        /// Which rule or allowlist it belongs to.
        of: String,
        /// What is wrong.
        cause: crate::scan::go_regex::GoRegexError,
    },
    /// `secretGroup` is more than there are groups.
    #[error(
        "{place}: rule `{id}`: secretGroup is {group}, but the regex has {groups} capture group(s); correct one"
    )]
    NoSuchGroup {
        /// Where.
        place: Place,
        /// The rule.
        id: String,
        /// The group asked for.
        group: usize,
        /// How many there are.
        groups: usize,
    },
    /// `[allowlist]` and `[[allowlists]]` together.
    #[error("{place}: `allowlist` and `allowlists` stand together; move the first into the second")]
    BothAllowlists {
        /// The former.
        place: Place,
    },
    /// An allowlist that allows nothing.
    #[error("{place}: the allowlist has no criterion; give it `commits`, `paths`, `regexes` or `stopwords`")]
    EmptyAllowlist {
        /// Where.
        place: Place,
    },
    /// `targetRules` or `required` names a rule that does not exist.
    #[error("{place}: there is no rule `{id}`; {}", advice(suggestion.as_deref(), "correct the name"))]
    NoSuchRule {
        /// Where.
        place: Place,
        /// The name.
        id: String,
        /// The rule that it resembles.
        suggestion: Option<String>,
    },
    /// `extend` with both `useDefault` and `path`.
    #[error(
        "{place}: `extend` has both `useDefault` and `path`; keep one, and extend the default in the other file"
    )]
    ExtendTwice {
        /// Where.
        place: Place,
    },
    /// The file that `extend.path` names is not there.
    #[error("{place}: the extended file is not there; looked at {}; correct the path", tried(looked_at))]
    ExtendMissing {
        /// Where.
        place: Place,
        /// In this order.
        looked_at: Vec<PathBuf>,
    },
    /// Files that extend each other, or too many in a row.
    #[error("{place}: too many files extend each other; is there a circle?")]
    ExtendTooDeep {
        /// Where.
        place: Place,
    },
}

fn advice(suggestion: Option<&str>, otherwise: &str) -> String {
    suggestion.map_or_else(|| otherwise.to_owned(), |known| format!("did you mean `{known}`?"))
}

fn tried(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
