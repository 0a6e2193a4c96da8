//! Which lines of a content a diff against the version before calls added, and whether a file is
//! another one under a new name. Asked only where a hit was there before: a line that moved, or that
//! came a second time, is new to a diff, and so to gitleaks.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};

/// Contents above so many bytes are not compared.
const LARGEST: usize = 16 << 20;

/// Lines, from 1, that only the newer content has.
#[derive(Debug)]
pub(super) enum Added {
    /// There was no version before.
    All,
    /// The hunks of a diff.
    Hunks(Vec<Range<usize>>),
}

impl Added {
    /// Compares as `git diff` does; none where a content is too large.
    pub(super) fn between(old: &[u8], new: &[u8]) -> Option<Self> {
        if old.len().max(new.len()) > LARGEST {
            return None;
        }
        let mut options = git2::DiffOptions::new();
        options.context_lines(0).force_text(true).indent_heuristic(true);
        let patch = git2::Patch::from_buffers(old, None, new, None, Some(&mut options)).ok()?;
        let hunk = |number| {
            let (hunk, _) = patch.hunk(number).ok()?;
            let start = hunk.new_start() as usize;
            Some(start..start + hunk.new_lines() as usize)
        };
        Some(Self::Hunks((0..patch.num_hunks()).filter_map(hunk).collect()))
    }

    /// Whether one hunk added all these lines.
    pub(super) fn covers(&self, lines: &RangeInclusive<usize>) -> bool {
        match self {
            Self::All => true,
            Self::Hunks(hunks) => {
                hunks.iter().any(|added| added.contains(lines.start()) && added.contains(lines.end()))
            }
        }
    }
}

/// The share of the larger content that both have, in whole lines. At one half git takes one file for
/// the other under a new name.
pub(super) fn similarity(old: &[u8], new: &[u8]) -> f64 {
    let mut lines: HashMap<&[u8], usize> = HashMap::new();
    for line in old.split_inclusive(|&byte| byte == b'\n') {
        *lines.entry(line).or_default() += 1;
    }
    let mut shared = 0;
    for line in new.split_inclusive(|&byte| byte == b'\n') {
        if let Some(count) = lines.get_mut(line).filter(|count| **count > 0) {
            *count -= 1;
            shared += line.len();
        }
    }
    shared as f64 / old.len().max(new.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_moved_or_came_again_are_added() {
        let added = Added::between(b"a\nb\nc\nd\n", b"b\nc\nd\na\nd\n").unwrap();
        assert!(added.covers(&(4..=5)), "{added:?}");
        assert!(!added.covers(&(1..=1)) && !added.covers(&(3..=4)), "{added:?}");
        assert!(Added::All.covers(&(1..=9)));
    }

    #[test]
    fn half_of_a_file_makes_it_a_renamed_one() {
        assert!(similarity(b"a\nb\nc\n", b"a\nb\nx\n") > 0.5);
        assert!(similarity(b"a\nb\nc\n", b"a\ny\nx\n") < 0.5);
    }
}
