//! `.gitleaksignore` and `.cofferdamignore`: fingerprints that the user accepts, one a line. Which
//! files are read is the caller's choice.

use super::finding::Finding;
use super::synonym;
use crate::files::Files;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Why an ignore file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IgnoreFileError {
    /// It cannot be read.
    #[error("{}: the ignore file cannot be read: {cause}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
}

/// A line that can never match a finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: is no fingerprint; write `file:rule:line` or `commit:file:rule:line`", path.display())]
pub struct NoFingerprint {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
}

/// Accepted fingerprints: `file:rule:line` holds in every commit, `commit:file:rule:line` in one.
/// A file's name may hold colons.
#[derive(Clone, Debug, Default)]
pub struct IgnoreFile {
    fingerprints: HashSet<String>,
    warnings: Vec<NoFingerprint>,
}

impl IgnoreFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read. A line that is no fingerprint is one of [`Self::warnings`].
    pub fn load(files: &dyn Files, path: &Path) -> Result<Self, IgnoreFileError> {
        let bytes =
            files.read(path).map_err(|cause| IgnoreFileError::Unreadable { path: path.to_owned(), cause })?;
        Ok(Self::parse(&String::from_utf8_lossy(&bytes), path))
    }

    /// Reads `text`; `path` is where it stands, for warnings.
    pub fn parse(text: &str, path: &Path) -> Self {
        let mut file = Self::default();
        for (index, line) in text.trim_start_matches('\u{FEFF}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let number = line.rsplit(':').next().unwrap_or_default();
            if line.split(':').count() < 3 || number.parse::<usize>().is_err() {
                file.warnings.push(NoFingerprint { path: path.to_owned(), line: index + 1 });
            }
            file.accept(&line.replace('\\', "/"));
        }
        file
    }

    /// What names a rule of gitleaks' holds for ours that find the same, too.
    fn accept(&mut self, fingerprint: &str) {
        if let Some((start, line)) = fingerprint.rsplit_once(':')
            && let Some((place, rule)) = start.rsplit_once(':')
        {
            let ours = synonym::ours(rule).unwrap_or_default();
            self.fingerprints.extend(ours.iter().map(|rule| format!("{place}:{rule}:{line}")));
        }
        self.fingerprints.insert(fingerprint.to_owned());
    }

    /// Adds what another file accepts.
    pub fn extend(&mut self, other: Self) {
        self.fingerprints.extend(other.fingerprints);
        self.warnings.extend(other.warnings);
    }

    /// Lines that are no fingerprint.
    pub fn warnings(&self) -> &[NoFingerprint] {
        &self.warnings
    }

    /// All that is accepted, in no order.
    pub fn fingerprints(&self) -> impl Iterator<Item = &str> {
        self.fingerprints.iter().map(String::as_str)
    }

    /// Whether the user accepts the finding.
    pub fn suppresses(&self, finding: &Finding) -> bool {
        self.accepting(finding).next().is_some()
    }

    /// The fingerprints that accept the finding.
    pub fn accepting(&self, finding: &Finding) -> impl Iterator<Item = &str> {
        let path = finding.path.replace('\\', "/");
        let anywhere = format!("{path}:{}:{}", finding.rule.id, finding.location.start_line);
        let in_commit = match finding.commit_id() {
            "" => None,
            commit => Some(format!("{commit}:{anywhere}")),
        };
        let known = |print: String| self.fingerprints.get(&print).map(String::as_str);
        [Some(anywhere), in_commit].into_iter().flatten().filter_map(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::finding::{Commit, Origin};
    use crate::scan::location::Location;
    use crate::scan::rule::{Confidence, Rule};
    use crate::secret::Secret;
    use std::sync::Arc;

    fn finding(path: &str, commit: &str) -> Finding {
        let none = || Secret::new(String::new());
        let commit = Commit { id: commit.to_owned(), ..Commit::default() };
        Finding {
            rule: Arc::new(Rule { id: "github-pat".to_owned(), ..Rule::default() }),
            tags: Vec::new(),
            location: Location { start_line: 1, ..Location::default() },
            matched: none(),
            secret: none(),
            line: none(),
            entropy: 0.0,
            path: path.to_owned(),
            symlink: None,
            link: None,
            line_cut: 0,
            confidence: Confidence::High,
            at_head: None,
            origin: if commit.id.is_empty() { Origin::Tree } else { Origin::Commit(Arc::new(commit)) },
            required: Vec::new(),
        }
    }

    #[test]
    fn accepts_fingerprints_of_one_commit_and_of_all() {
        let text =
            "# why\r\n\r\nsub\\a.txt:github-pat:1\r\nc0ffee:b.txt:github-pat:1\na:b.txt:github-pat:1\n";
        let file = IgnoreFile::parse(text, Path::new("x"));
        assert!(file.warnings().is_empty());
        for (path, commit, accepted) in [
            ("sub/a.txt", "", true),
            ("sub/a.txt", "c0ffee", true),
            ("a.txt", "", false),
            ("b.txt", "c0ffee", true),
            ("b.txt", "", false),
            ("b.txt", "beef", false),
            ("a:b.txt", "", true),
        ] {
            assert_eq!(file.suppresses(&finding(path, commit)), accepted, "{path} {commit}");
        }
    }

    #[test]
    fn a_line_that_is_no_fingerprint_gets_a_word() {
        let file = IgnoreFile::parse("\n*.txt\n", Path::new("x/.gitleaksignore"));
        assert_eq!(file.warnings().len(), 1);
        assert!(file.warnings()[0].to_string().starts_with("x/.gitleaksignore:2: "));
    }

    #[test]
    fn a_name_of_gitleaks_rule_holds_for_ours() {
        let file = IgnoreFile::parse("c0ffee:a:b.txt:github-oauth:1\nx:generic-api-key:1\n", Path::new("x"));
        let mut one = finding("a:b.txt", "c0ffee");
        assert!(!file.suppresses(&one));
        one.rule = Arc::new(Rule { id: "github-oauth-token".to_owned(), ..Rule::default() });
        assert!(file.suppresses(&one));
        one.path = "x".to_owned();
        assert!(!file.suppresses(&one));
    }
}
