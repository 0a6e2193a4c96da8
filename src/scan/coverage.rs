//! The coverage ledger: what a scan looked at, and each thing it did not look at with the reason.
//! Shared by all threads of a scan. It holds paths and object names, never content.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many places are named for each reason.
const NAMED: usize = 20;

/// Why something was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SkipReason {
    /// The configuration allows this path (or commit).
    AllowlistedPath,
    /// Over `--max-target-megabytes`.
    TooLarge,
    /// A known binary format by its first bytes.
    Binary,
    /// A symbolic link, not followed.
    Symlink,
    /// A submodule, not entered unless asked.
    Submodule,
    /// A nested repository, not entered unless asked.
    NestedRepository,
    /// Neither a file, a directory nor a link (a socket, a pipe, a device).
    SpecialFile,
    /// An archive below `--max-archive-depth`.
    ArchiveDepth,
    /// An archive that is damaged, encrypted, or that exceeds the bounds against bombs.
    ArchiveUnreadable,
    /// The operating system refused to let it be read.
    Unreadable,
    /// An object that the repository names and does not hold (a partial clone).
    MissingObject,
    /// History ends here: the clone is shallow.
    ShallowBoundary,
    /// An object or pack that cannot be decoded.
    DamagedObject,
    /// A rule whose expression is too large to run.
    Rule,
    /// The time limit came first.
    Timeout,
    /// The scan was interrupted.
    Interrupted,
}

impl SkipReason {
    /// Whether the scan promised to look at it: such a skip makes the scan incomplete (exit 3).
    pub fn is_gap(self) -> bool {
        matches!(
            self,
            Self::ArchiveUnreadable
                | Self::Unreadable
                | Self::MissingObject
                | Self::ShallowBoundary
                | Self::DamagedObject
                | Self::Rule
                | Self::Timeout
                | Self::Interrupted
        )
    }

    /// In words, for a sentence like "3 skipped: {words}".
    pub fn words(self) -> &'static str {
        match self {
            Self::AllowlistedPath => "allowlisted path",
            Self::TooLarge => "over the size limit",
            Self::Binary => "binary",
            Self::Symlink => "symbolic link",
            Self::Submodule => "submodule",
            Self::NestedRepository => "nested repository",
            Self::SpecialFile => "special file",
            Self::ArchiveDepth => "archive not opened",
            Self::ArchiveUnreadable => "unreadable archive",
            Self::Unreadable => "unreadable",
            Self::MissingObject => "missing object",
            Self::ShallowBoundary => "shallow boundary",
            Self::DamagedObject => "damaged object",
            Self::Rule => "rule too large to run",
            Self::Timeout => "time limit reached",
            Self::Interrupted => "interrupted",
        }
    }
}

/// How often a reason came up, and the first places (in sorted order) where it did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Skips {
    /// All of them.
    pub count: u64,
    /// The first 20, sorted, each with its cause where there is one to tell.
    pub places: BTreeSet<String>,
}

/// What a scan looked at, when it is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Files of a tree, of the index, or standard input.
    pub files: u64,
    /// Objects of the repository's history (blobs, commit and tag messages).
    pub objects: u64,
    /// Content bytes that were looked at.
    pub bytes: u64,
    /// Commits of the history that was asked for.
    pub commits: u64,
    /// References from which the history was read.
    pub refs: u64,
    /// What was not looked at.
    pub skipped: BTreeMap<SkipReason, Skips>,
}

impl Coverage {
    /// Whether everything that was promised was looked at.
    pub fn is_complete(&self) -> bool {
        !self.skipped.keys().any(|reason| reason.is_gap())
    }

    /// What was looked at, in a few words, and what was left out as it should be: `12 files, 3 commits,
    /// 4 MB; skipped: 2 binary`. The gaps are [`Self::gaps`]'.
    pub fn summary(&self) -> String {
        let plural = |count: u64, one: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{count} {one}s")),
        };
        let parts =
            [plural(self.files, "file"), plural(self.commits, "commit"), plural(self.objects, "object")];
        let mut parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.push(match self.bytes {
            bytes @ 0..10_000 => format!("{bytes} bytes"),
            bytes @ 10_000..10_000_000 => format!("{} kB", bytes / 1000),
            bytes => format!("{} MB", bytes / 1_000_000),
        });
        let skipped = |(reason, skips): (&SkipReason, &Skips)| format!("{} {}", skips.count, reason.words());
        let skipped: Vec<String> =
            self.skipped.iter().filter(|(reason, _)| !reason.is_gap()).map(skipped).collect();
        match skipped.is_empty() {
            true => parts.join(", "),
            false => format!("{}; skipped: {}", parts.join(", "), skipped.join(", ")),
        }
    }

    /// A sentence for a scan that is not complete, with what it promised and did not see.
    pub fn gaps(&self) -> String {
        let gaps = self.skipped.iter().filter(|(reason, _)| reason.is_gap());
        let gaps: Vec<String> =
            gaps.map(|(reason, skips)| format!("{} {}", skips.count, reason.words())).collect();
        match gaps.is_empty() {
            true => "The scan is incomplete.".to_owned(),
            false => format!("The scan is incomplete: {}.", gaps.join(", ")),
        }
    }
}

/// The ledger while a scan runs.
#[derive(Debug, Default)]
pub struct Ledger {
    files: AtomicU64,
    objects: AtomicU64,
    bytes: AtomicU64,
    commits: AtomicU64,
    refs: AtomicU64,
    skipped: Mutex<BTreeMap<SkipReason, Skips>>,
}

impl Ledger {
    /// A file of `bytes` bytes was looked at.
    pub fn file(&self, bytes: u64) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// An object of `bytes` bytes was looked at.
    pub fn object(&self, bytes: u64) {
        self.objects.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many commits belong to the history that was asked for.
    pub fn commits(&self, count: u64) {
        self.commits.fetch_add(count, Ordering::Relaxed);
    }

    /// So many references were read.
    pub fn refs(&self, count: u64) {
        self.refs.fetch_add(count, Ordering::Relaxed);
    }

    /// `place` was not looked at. A cause may follow it after a colon.
    pub fn skip(&self, reason: SkipReason, place: impl Into<String>) {
        let mut skipped = self.skipped.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let skips = skipped.entry(reason).or_default();
        skips.count += 1;
        skips.places.insert(place.into());
        if skips.places.len() > NAMED {
            skips.places.pop_last();
        }
    }

    /// Bytes looked at so far, for a progress display.
    pub fn bytes_so_far(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The ledger's state now.
    pub fn coverage(&self) -> Coverage {
        let skipped = self.skipped.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        Coverage {
            files: self.files.load(Ordering::Relaxed),
            objects: self.objects.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            refs: self.refs.load(Ordering::Relaxed),
            skipped: skipped.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_first_places_in_sorted_order() {
        let ledger = Ledger::default();
        for number in (0..50).rev() {
            ledger.skip(SkipReason::Binary, format!("{number:02}"));
        }
        let coverage = ledger.coverage();
        let skips = &coverage.skipped[&SkipReason::Binary];
        assert_eq!(skips.count, 50);
        assert_eq!(skips.places.first().map(String::as_str), Some("00"));
        assert_eq!(skips.places.len(), NAMED);
        assert!(coverage.is_complete());
        ledger.skip(SkipReason::Timeout, "x");
        assert_eq!(ledger.coverage().summary(), "0 bytes; skipped: 50 binary");
        assert!(!ledger.coverage().is_complete());
    }
}
