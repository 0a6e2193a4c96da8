//! A gitleaks JSON report read as a baseline: what was known before is no news.
//!
//! A finding is known when rule, file, commit and secret are equal, wherever in the file it stands now:
//! a line added above changes nothing (with gitleaks it does). Where the report shows the secret
//! redacted, start line and entropy stand in for it, and what is left of its beginning must agree:
//! there a moved line makes the finding new again, since nothing else tells two secrets apart.

use super::super::finding::Finding;
use super::BaselineError;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::path::Path;

/// gitleaks writes entropy as 32 bit.
const ENTROPY_TOLERANCE: f64 = 1e-4;

/// Findings of an earlier report. It keeps digests, not secrets.
#[derive(Debug, Default)]
pub struct Report {
    entries: Vec<Entry>,
    /// By file and secret.
    whole: HashMap<[u8; 32], Vec<usize>>,
    /// By file and commit: the entries whose secret is redacted.
    redacted: HashMap<[u8; 32], Vec<usize>>,
}

#[derive(Debug)]
struct Entry {
    rule: String,
    file: String,
    commit: String,
    line: usize,
    entropy: Option<f64>,
    /// What the report shows of a redacted secret's beginning.
    beginning: Option<String>,
}

/// A finding as the report writes it: the keys that are compared.
#[derive(Deserialize)]
struct Written {
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

impl Report {
    /// Reads a report; `path` is where it stands, for errors.
    ///
    /// # Errors
    /// When it is no JSON report of gitleaks' shape.
    pub fn parse(report: &[u8], path: &Path) -> Result<Self, BaselineError> {
        let written: Vec<Written> = serde_json::from_slice(report).map_err(|error| {
            BaselineError::NoReport { path: path.to_owned(), line: error.line(), column: error.column() }
        })?;
        let mut read = Self::default();
        written.into_iter().for_each(|entry| read.put(entry));
        Ok(read)
    }

    fn put(&mut self, written: Written) {
        let file = written.file.replace('\\', "/");
        let beginning = match written.secret.as_str() {
            "REDACTED" => Some(""),
            secret => secret.strip_suffix("..."),
        };
        let index = self.entries.len();
        // A secret may itself end in dots, so such an entry counts as both.
        self.whole.entry(digest(&[&file, &written.secret])).or_default().push(index);
        if beginning.is_some() {
            self.redacted.entry(digest(&[&file, &written.commit])).or_default().push(index);
        }
        let Written { rule, commit, line, entropy, .. } = written;
        let beginning = beginning.map(str::to_owned);
        self.entries.push(Entry { rule, file, commit, line, entropy, beginning });
    }

    /// Whether the finding stands in the report.
    pub fn knows(&self, finding: &Finding) -> bool {
        self.about(finding).any(|entry| entry.rule == finding.rule.id && entry.commit == finding.commit_id())
    }

    /// The fingerprints of the entries about the finding's secret in its file, whatever rule and commit
    /// they name: another program's rules have other names, and a rebase gives commits new ones. Where the
    /// report redacts the secret, the commit and the line must be the same.
    pub fn accepting<'r>(&'r self, finding: &'r Finding) -> impl Iterator<Item = String> + 'r {
        self.about(finding).map(Entry::fingerprint)
    }

    /// The fingerprints of all entries.
    pub fn fingerprints(&self) -> impl Iterator<Item = String> {
        self.entries.iter().map(Entry::fingerprint)
    }

    fn about<'r>(&'r self, finding: &'r Finding) -> impl Iterator<Item = &'r Entry> {
        let path = finding.path.replace('\\', "/");
        let whole = self.whole.get(&digest(&[&path, finding.secret.expose()]));
        let redacted = self.redacted.get(&digest(&[&path, finding.commit_id()]));
        let entries = |indices: Option<&'r Vec<usize>>| {
            indices.into_iter().flatten().map(|&index| &self.entries[index])
        };
        entries(whole).chain(entries(redacted).filter(|entry| entry.may_hide(finding)))
    }
}

impl Entry {
    /// Whether the redacted secret may be the finding's.
    fn may_hide(&self, finding: &Finding) -> bool {
        let begins = |beginning| finding.secret.expose().starts_with(beginning);
        self.line == finding.location.start_line
            && self.beginning.as_deref().is_some_and(begins)
            && self.entropy.is_none_or(|known| (known - finding.entropy).abs() <= ENTROPY_TOLERANCE)
    }

    fn fingerprint(&self) -> String {
        let Self { rule, file, commit, line, .. } = self;
        match commit.as_str() {
            "" => format!("{file}:{rule}:{line}"),
            commit => format!("{commit}:{file}:{rule}:{line}"),
        }
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
    use super::super::fixture::finding as found;
    use super::*;

    fn finding(secret: &str, line: usize) -> Finding {
        let mut finding = found("r", "a/b.txt", secret);
        finding.location.start_line = line;
        finding.entropy = 2.321_928_1;
        finding
    }

    fn baseline(secret: &str, line: usize) -> Report {
        let entry = serde_json::json!([{
            "RuleID": "r", "File": "a\\b.txt", "Commit": "", "StartLine": line, "Secret": secret,
            "Entropy": 2.321_928, "Tags": [], "Unknown": null,
        }]);
        Report::parse(entry.to_string().as_bytes(), Path::new("x")).unwrap()
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
        let error = Report::parse(text.as_bytes(), Path::new("base.json")).unwrap_err();
        let words = format!("{error} {error:?}");
        assert!(words.starts_with("base.json:2:") && !words.contains(&word), "{words}");
        assert!(Report::parse(b"", Path::new("x")).is_err());
        assert!(Report::parse(b"[]", Path::new("x")).is_ok());
    }
}
