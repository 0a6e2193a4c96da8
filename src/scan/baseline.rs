//! A gitleaks JSON report read as a baseline: what was known before is no news.
//!
//! A finding is known when rule, file, commit and secret are equal, wherever in the file it stands now:
//! a line added above changes nothing (with gitleaks it does). Where the report shows the secret
//! redacted, start line and entropy stand in for it, and what is left of its beginning must agree:
//! there a moved line makes the finding new again, since nothing else tells two secrets apart.

use super::finding::Finding;
use crate::files::Files;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// gitleaks writes entropy as 32 bit.
const ENTROPY_TOLERANCE: f64 = 1e-4;

/// Why a baseline cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// It cannot be read.
    #[error("{}: the baseline cannot be read: {cause}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// It is no JSON report. The parser's own words are left out: they may quote a secret.
    #[error("{}:{line}:{column}: the baseline is no gitleaks JSON report; write one with `-f json`", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

/// Findings of an earlier report. It keeps digests, not secrets.
#[derive(Debug, Default)]
pub struct Baseline {
    known: HashSet<[u8; 32]>,
    redacted: HashMap<[u8; 32], Vec<Redacted>>,
}

#[derive(Debug)]
struct Redacted {
    line: usize,
    entropy: Option<f64>,
    /// What the report shows of the secret's beginning.
    beginning: String,
}

/// A finding of the report: the keys that are compared.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "RuleID")]
    rule: String,
    #[serde(rename = "File")]
    file: String,
    #[serde(rename = "Commit", default)]
    commit: String,
    #[serde(rename = "StartLine", default)]
    line: usize,
    #[serde(rename = "Secret", default)]
    secret: String,
    #[serde(rename = "Entropy", default)]
    entropy: Option<f64>,
}

impl Baseline {
    /// Reads the report at `path`.
    ///
    /// # Errors
    /// When it cannot be read or is no JSON report of gitleaks' shape.
    pub fn load(files: &dyn Files, path: &Path) -> Result<Self, BaselineError> {
        let bytes =
            files.read(path).map_err(|cause| BaselineError::Unreadable { path: path.to_owned(), cause })?;
        Self::parse(&bytes, path)
    }

    /// Reads a report; `path` is where it stands, for errors.
    ///
    /// # Errors
    /// When it is no JSON report of gitleaks' shape.
    pub fn parse(report: &[u8], path: &Path) -> Result<Self, BaselineError> {
        let report = report.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(report);
        let entries: Vec<Entry> = serde_json::from_slice(report).map_err(|error| BaselineError::Invalid {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
        })?;
        let mut baseline = Self::default();
        for entry in entries {
            baseline.put(entry);
        }
        Ok(baseline)
    }

    fn put(&mut self, entry: Entry) {
        let file = entry.file.replace('\\', "/");
        let beginning = match entry.secret.as_str() {
            "REDACTED" => Some(""),
            secret => secret.strip_suffix("..."),
        };
        // A secret may itself end in dots, so such an entry counts as both.
        self.known.insert(digest(&[&entry.rule, &file, &entry.commit, &entry.secret]));
        if let Some(beginning) = beginning {
            let redacted =
                Redacted { line: entry.line, entropy: entry.entropy, beginning: beginning.to_owned() };
            self.redacted.entry(digest(&[&entry.rule, &file, &entry.commit])).or_default().push(redacted);
        }
    }

    /// Whether the finding stands in the report.
    pub fn knows(&self, finding: &Finding) -> bool {
        let secret = finding.secret.expose();
        let path = finding.path.replace('\\', "/");
        let place = [finding.rule.id.as_str(), &path, finding.commit_id()];
        if self.known.contains(&digest(&[place[0], place[1], place[2], secret])) {
            return true;
        }
        self.redacted.get(&digest(&place)).is_some_and(|entries| {
            entries.iter().any(|entry| {
                entry.line == finding.location.start_line
                    && secret.starts_with(&entry.beginning)
                    && entry.entropy.is_none_or(|known| (known - finding.entropy).abs() <= ENTROPY_TOLERANCE)
            })
        })
    }
}

/// Of parts, each with its length, so that no two lists of parts come to the same.
fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::finding::Origin;
    use crate::scan::location::Location;
    use crate::scan::rule::Rule;
    use crate::secret::Secret;
    use std::sync::Arc;

    fn finding(secret: &str, line: usize) -> Finding {
        Finding {
            rule: Arc::new(Rule { id: "r".to_owned(), ..Rule::default() }),
            tags: Vec::new(),
            location: Location { start_line: line, ..Location::default() },
            matched: Secret::new(secret.to_owned()),
            secret: Secret::new(secret.to_owned()),
            line: Secret::new(secret.to_owned()),
            entropy: 2.321_928_1,
            path: "a/b.txt".to_owned(),
            symlink: None,
            link: None,
            line_cut: 0,
            at_head: None,
            origin: Origin::Tree,
            required: Vec::new(),
        }
    }

    fn baseline(secret: &str, line: usize) -> Baseline {
        let entry = serde_json::json!([{
            "RuleID": "r", "File": "a\\b.txt", "Commit": "", "StartLine": line, "Secret": secret,
            "Entropy": 2.321_928, "Tags": [], "Unknown": null,
        }]);
        Baseline::parse(entry.to_string().as_bytes(), Path::new("x")).unwrap()
    }

    #[test]
    fn a_moved_line_is_still_known_but_another_secret_is_not() {
        let baseline = baseline("abcde", 3);
        assert!(baseline.knows(&finding("abcde", 3)));
        assert!(baseline.knows(&finding("abcde", 4)));
        assert!(!baseline.knows(&finding("abcdf", 3)));
        let mut elsewhere = finding("abcde", 3);
        elsewhere.path = "c.txt".to_owned();
        assert!(!baseline.knows(&elsewhere));
    }

    #[test]
    fn a_redacted_secret_is_known_by_its_line_and_entropy() {
        let whole = baseline("REDACTED", 3);
        assert!(whole.knows(&finding("abcde", 3)));
        assert!(!whole.knows(&finding("abcde", 4)));
        let mut other = finding("abcde", 3);
        other.entropy = 2.0;
        assert!(!whole.knows(&other));
        let part = baseline("ab...", 3);
        assert!(part.knows(&finding("abcde", 3)));
        assert!(!part.knows(&finding("bcdef", 3)));
    }

    #[test]
    fn what_is_no_report_is_an_error_that_quotes_nothing() {
        let word = format!("hunter{}", 2);
        let text = format!("[{{\"RuleID\": \"r\",\n \"File\": \"f\", \"StartLine\": \"{word}\"}}]");
        let error = Baseline::parse(text.as_bytes(), Path::new("base.json")).unwrap_err();
        let words = format!("{error} {error:?}");
        assert!(words.starts_with("base.json:2:") && !words.contains(&word), "{words}");
        assert!(Baseline::parse(b"", Path::new("x")).is_err());
        assert!(Baseline::parse(b"[]", Path::new("x")).is_ok());
        let missing = Baseline::load(&crate::files::Disk, Path::new("/no/such/file"));
        assert!(matches!(missing, Err(BaselineError::Unreadable { .. })));
    }
}
