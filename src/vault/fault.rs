//! What is wrong with a declaration (a template, `cofferdam.toml`, a setting) and where it stands.
//! Apart from [`super::problem`], which is about secrets: a fault is found before anything is asked.
//! No fault quotes a value.

use serde::Serialize;
use std::fmt;
use std::path::Path;

/// A place in a file that declares something. Lines and columns count from 1; 0: the whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// Path as the user knows it.
    pub file: String,
    /// Line, or 0.
    pub line: usize,
    /// Column in characters, or 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub column: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Place {
    /// A line of a file.
    pub fn line(file: impl AsRef<Path>, line: usize) -> Self {
        Self { file: file.as_ref().display().to_string(), line, column: 0 }
    }

    /// The file as a whole.
    pub fn file(file: impl AsRef<Path>) -> Self {
        Self::line(file, 0)
    }

    /// Where the byte `offset` of `text` lies.
    pub fn offset(file: impl AsRef<Path>, text: &str, offset: usize) -> Self {
        let end = (0..=offset.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
        let before = &text[..end.unwrap_or(0)];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            column: before[start..].chars().count() + 1,
            ..Self::line(file, before.matches('\n').count() + 1)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(out, "{}", self.file),
            (line, 0) => write!(out, "{}:{line}", self.file),
            (line, column) => write!(out, "{}:{line}:{column}", self.file),
        }
    }
}

/// One thing that is wrong with a declaration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {kind}")]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: FaultKind,
}

/// The kinds of faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// A file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// A file is not UTF-8.
    #[error("is not UTF-8: save it as UTF-8")]
    NotUtf8,
    /// A line that is no line of this format.
    #[error("{0}")]
    Syntax(&'static str),
    /// A text that is not TOML: what the parser expected.
    #[error("is not TOML: {0}")]
    Toml(String),
    /// A key that means nothing here.
    #[error("unknown key `{key}`{}", did_you_mean(.suggestion.as_deref()))]
    UnknownKey {
        /// The key.
        key: String,
        /// The known key that is nearest.
        suggestion: Option<String>,
    },
    /// A key whose value is not what it must be.
    #[error("`{key}` must be {expected}")]
    BadValue {
        /// The key.
        key: String,
        /// What it must be.
        expected: String,
    },
    /// The same name twice.
    #[error("`{key}` stands here again: it is already declared in line {first}")]
    Duplicate {
        /// The name.
        key: String,
        /// Line of the first one.
        first: usize,
    },
    /// A secret that is declared and that no template has.
    #[error("no template has `{key}`{}", did_you_mean(.suggestion.as_deref()))]
    Stray {
        /// Its key.
        key: String,
        /// The key of a template that is nearest.
        suggestion: Option<String>,
    },
    /// An environment that nothing declares.
    #[error("no environment `{name}`{}", known_ones(.known))]
    UnknownEnvironment {
        /// Its name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// An environment without a template.
    #[error("environment `{name}` has no template: none of {} is there", .tried.join(", "))]
    NoTemplate {
        /// The environment.
        name: String,
        /// The files that were tried.
        tried: Vec<String>,
    },
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

fn known_ones(known: &[String]) -> String {
    match known {
        [] => "; write a template `.env.<environment>` or run `cofferdam env init`".to_owned(),
        _ => format!("; there are: {}", known.join(", ")),
    }
}

/// Everything that is wrong with the declarations, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            write!(out, "{}{fault}", if number > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl Faults {
    /// A single fault.
    pub fn one(place: Place, kind: FaultKind) -> Self {
        Self(vec![Fault { place, kind }])
    }
}

impl From<Vec<Fault>> for Faults {
    fn from(faults: Vec<Fault>) -> Self {
        Self(faults)
    }
}

/// Reads a declaring file as text.
///
/// # Errors
/// A fault when it cannot be read or is not UTF-8.
pub fn read(path: &Path, shown: &Path) -> Result<String, Faults> {
    let bytes = std::fs::read(path)
        .map_err(|error| Faults::one(Place::file(shown), FaultKind::Unreadable(error.kind())))?;
    String::from_utf8(bytes).map_err(|_| Faults::one(Place::file(shown), FaultKind::NotUtf8))
}

/// The known name that is nearest to `name`, if one is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = |other: &str| distance(&name.to_lowercase(), &other.to_lowercase());
    known
        .into_iter()
        .map(|other| (near(other), other))
        .filter(|&(distance, other)| distance <= 1 + other.len().min(name.len()) / 4)
        .min()
        .map(|(_, other)| other.to_owned())
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![(0..=right.len()).collect::<Vec<_>>()];
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut best = (rows[i][j + 1] + 1).min(row[j] + 1).min(rows[i][j] + usize::from(a != b));
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_nearest_name() {
        assert_eq!(nearest("scemes", ["schemes", "source"]).as_deref(), Some("schemes"));
        assert_eq!(nearest("envirnoments", ["environments"]).as_deref(), Some("environments"));
        assert_eq!(nearest("colour", ["schemes", "name"]), None);
    }

    #[test]
    fn places_count_characters() {
        let place = Place::offset("a.toml", "x\näö = 1", 7);
        assert_eq!(place.to_string(), "a.toml:2:4");
        assert_eq!(Place::offset("a", "x", 99).to_string(), "a:1:2");
    }
}
