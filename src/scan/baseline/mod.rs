//! Baselines: what was known before a scan is no news.
//!
//! Two kinds are read: our own file ([`entries`]), whose entries outlive moved lines, rebases and squashes,
//! say why they are accepted, and may expire; and gitleaks' JSON report ([`gitleaks`]). Where the file
//! lies, and who writes it, is the caller's choice.

pub mod entries;
pub mod entry;
#[cfg(test)]
mod fixture;
pub mod gitleaks;
mod slow_hash;

use super::finding::Finding;
use crate::files::Files;
use entries::Entries;
use entry::Entry;
use jiff::civil::Date;
use std::path::{Path, PathBuf};

/// The file's name at the root of a repository, where it is found without being asked for.
pub const FILE_NAME: &str = ".cofferdam-baseline";

/// Why a baseline cannot be used. No message quotes the file: a report may hold secrets.
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
    /// It is neither our own file nor a JSON report.
    #[error(
        "{}:{line}:{column}: is neither a baseline nor a gitleaks JSON report; write one with `cofferdam baseline create`",
        path.display()
    )]
    NoReport {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A line of our own file is damaged; none of its entries holds then.
    #[error("{}:{line}:{column}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// In bytes, from 1.
        column: usize,
        /// What is wrong, and what to do.
        what: String,
    },
    /// There is no salt to be had.
    #[error("the operating system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// Secrets cannot be hashed.
    #[error("no memory to hash secrets in ({kibibytes} KiB for each thread); use fewer threads")]
    Memory {
        /// What the baseline's header asks for.
        kibibytes: u32,
    },
}

/// What was known before a scan.
#[derive(Debug, Default)]
pub enum Baseline {
    /// Nothing.
    #[default]
    Nothing,
    /// Our own file.
    Entries(Entries),
    /// gitleaks' report.
    Report(gitleaks::Report),
}

/// Findings, parted by a baseline.
#[derive(Debug, Default)]
pub struct Sifted {
    /// What the baseline does not hold, or no longer.
    pub news: Vec<Finding>,
    /// How many findings it holds.
    pub known: usize,
    /// Entries whose day is over and whose finding is still there; the finding is among the news.
    pub expired: Vec<Entry>,
    /// Entries that no finding needs.
    pub stale: Vec<Entry>,
}

impl Baseline {
    /// Reads the baseline at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or a line is damaged.
    pub fn load(files: &dyn Files, path: &Path) -> Result<Self, BaselineError> {
        let bytes =
            files.read(path).map_err(|cause| BaselineError::Unreadable { path: path.to_owned(), cause })?;
        Self::parse(&bytes, path)
    }

    /// Reads a baseline of either kind; `path` is where it stands, for errors.
    ///
    /// # Errors
    /// When it is neither kind, or a line is damaged.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, BaselineError> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        if entries::is_own(bytes) {
            return Entries::parse(bytes, path).map(Self::Entries);
        }
        gitleaks::Report::parse(bytes, path).map(Self::Report)
    }

    /// Parts `findings`, which keep their order. `today` decides what has expired.
    ///
    /// # Errors
    /// When there is no memory to hash secrets in.
    pub fn sift(&self, findings: Vec<Finding>, today: Date) -> Result<Sifted, BaselineError> {
        let count = findings.len();
        let mut sifted = match self {
            Self::Nothing => Sifted { news: findings, ..Sifted::default() },
            Self::Entries(entries) => entries.sift(findings, today)?,
            Self::Report(report) => {
                let news = findings.into_iter().filter(|finding| !report.knows(finding)).collect();
                Sifted { news, ..Sifted::default() }
            }
        };
        sifted.known = count - sifted.news.len();
        Ok(sifted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_its_two_kinds_apart_and_refuses_the_rest() {
        let read = |text: &str| Baseline::parse(text.as_bytes(), Path::new("base"));
        assert!(matches!(read("[]"), Ok(Baseline::Report(_))));
        let own = Entries::new().unwrap().to_string();
        assert!(matches!(read(&own), Ok(Baseline::Entries(_))));
        assert!(matches!(read(&format!("\u{FEFF}{own}")), Ok(Baseline::Entries(_))));
        for text in ["", "{}", "not json", "[{}]"] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with("base:1:") || text.is_empty(), "{text}: {error}");
        }
        let missing = Baseline::load(&crate::files::Disk, Path::new("/no/such/file"));
        assert!(matches!(missing, Err(BaselineError::Unreadable { .. })));
    }
}
