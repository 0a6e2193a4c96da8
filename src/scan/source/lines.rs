//! Which lines of a content a diff against the version before calls added, and whether a file is
//! another one under a new name. Asked only where a hit was there before: a line that moved, or that
//! came a second time, is new to a diff, and so to gitleaks.

use super::tree::shared_length;
use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};

/// Contents above so many bytes are not compared.
const LARGEST: usize = 16 << 20;
/// Bytes that are compared at once.
const CHUNK: usize = 64;
/// So many looks at lines cost less than a diff.
const MOST_LOOKS: usize = 4;

/// Lines, from 1, that only the newer content has.
#[derive(Debug)]
pub(super) enum Added {
    /// There was no version before.
    All,
    /// What a diff of the two says.
    Between(Versions),
}

/// Two versions of a content.
#[derive(Debug)]
pub(super) struct Versions {
    old: Vec<u8>,
    new: Vec<u8>,
    /// How many lines were asked for so far.
    asked: Cell<usize>,
    /// How many bytes both begin and end with.
    shared: OnceCell<(usize, usize)>,
    /// Lines of the newer that hunks add, once they are needed.
    hunks: OnceCell<Vec<Range<usize>>>,
}

impl Added {
    /// Compares as `git diff` does; none where a content is too large.
    pub(super) fn between(old: Vec<u8>, new: Vec<u8>) -> Option<Self> {
        let versions = Versions::new(old, new);
        (versions.old.len().max(versions.new.len()) <= LARGEST).then_some(Self::Between(versions))
    }

    /// Whether one hunk added all these lines.
    pub(super) fn covers(&self, lines: &RangeInclusive<usize>) -> bool {
        match self {
            Self::All => true,
            Self::Between(versions) => {
                let is_first = versions.asked.replace(versions.asked.get() + 1) < MOST_LOOKS;
                if is_first && versions.hunks.get().is_none() && versions.surely_share(*lines.start()) {
                    return false;
                }
                let hunks = versions.hunks.get_or_init(|| versions.hunks().unwrap_or_default());
                hunks.iter().any(|added| added.contains(lines.start()) && added.contains(lines.end()))
            }
        }
    }
}

impl Versions {
    fn new(old: Vec<u8>, new: Vec<u8>) -> Self {
        Self { old, new, asked: Cell::new(0), shared: OnceCell::new(), hunks: OnceCell::new() }
    }

    fn hunks(&self) -> Result<Vec<Range<usize>>, git2::Error> {
        let mut options = git2::DiffOptions::new();
        options.context_lines(0).force_text(true).indent_heuristic(true);
        let patch = git2::Patch::from_buffers(&self.old, None, &self.new, None, Some(&mut options))?;
        let hunk = |number| {
            let (hunk, _) = patch.hunk(number).ok()?;
            let start = hunk.new_start() as usize;
            Some(start..start + hunk.new_lines() as usize)
        };
        Ok((0..patch.num_hunks()).filter_map(hunk).collect())
    }

    /// Whether a line of the newer is in no hunk for sure, which spares most diffs: all before it or all
    /// behind it is the same in both, so that a diff begins behind it or ends before it; and no other
    /// line is like it, so that no hunk can be moved over it.
    fn surely_share(&self, line: usize) -> bool {
        let Self { old, new, .. } = self;
        let mut ends = memchr::memchr_iter(b'\n', new).map(|end| end + 1);
        let start = if line < 2 { Some(0) } else { ends.nth(line - 2) };
        let Some((start, end)) = start.zip(ends.next()) else { return false };
        let &(begin, tail) = self.shared.get_or_init(|| (shared_length(old, new), shared_tail(old, new)));
        let line = &new[start..end];
        let is_shared = end <= begin || start > new.len() - tail;
        let like_it = memchr::memmem::find_iter(new, line).filter(|at| *at == 0 || new[at - 1] == b'\n');
        is_shared && like_it.take(2).count() == 1
    }
}

/// As [`shared_length`], of how they end.
fn shared_tail(old: &[u8], new: &[u8]) -> usize {
    let chunks = old.rchunks_exact(CHUNK).zip(new.rchunks_exact(CHUNK));
    let far = CHUNK * chunks.take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - far], &new[..new.len() - far]);
    far + old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count()
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
    use proptest::prelude::*;

    #[test]
    fn lines_that_moved_or_came_again_are_added() {
        let added = Added::between(b"a\nb\nc\nd\n".into(), b"b\nc\nd\na\nd\n".into()).unwrap();
        assert!(added.covers(&(4..=5)), "{added:?}");
        assert!(!added.covers(&(1..=1)) && !added.covers(&(3..=4)), "{added:?}");
        assert!(Added::All.covers(&(1..=9)));
    }

    proptest! {
        #[test]
        fn what_is_the_same_is_counted_at_both_ends(
            bytes in proptest::collection::vec(97u8..99, 0..300),
            (at, more) in (0usize..300, 0usize..70),
        ) {
            let mut other = bytes.clone();
            other.splice(at.min(bytes.len())..(at + 1).min(bytes.len()), vec![b'x'; more]);
            let plain = |one: Vec<u8>, other: Vec<u8>| one.iter().zip(&other).take_while(|(a, b)| a == b).count();
            let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<_>>();
            prop_assert_eq!(shared_length(&bytes, &other), plain(bytes.clone(), other.clone()));
            prop_assert_eq!(shared_tail(&bytes, &other), plain(reversed(&bytes), reversed(&other)));
        }

        /// Few different lines, so that hunks can be moved.
        #[test]
        fn a_line_that_both_surely_share_is_in_no_hunk(
            old in "([a-e]?\n){0,12}[a-e]?",
            edits in proptest::collection::vec((0usize..12, 0usize..3, "([a-f]?\n){0,2}"), 0..3),
        ) {
            let mut new: Vec<&str> = old.split_inclusive('\n').collect();
            for (at, removed, added) in &edits {
                let start = (*at).min(new.len());
                new.splice(start..(start + removed).min(new.len()), added.split_inclusive('\n'));
            }
            let new = new.concat();
            let versions = Versions::new(old.into_bytes(), new.clone().into_bytes());
            let hunks = versions.hunks().unwrap();
            for line in 1..=new.lines().count() {
                let is_added = hunks.iter().any(|hunk| hunk.contains(&line));
                prop_assert!(!(is_added && versions.surely_share(line)), "{line} of {hunks:?}");
            }
        }
    }

    #[test]
    fn what_surely_is_shared_needs_no_diff() {
        let versions = |old: &str, new: &str| Versions::new(old.into(), new.into());
        let one = versions("a\nb\nc\nd\n", "a\nb\nx\nd\n");
        assert_eq!([1, 2, 3, 4, 5].map(|line| one.surely_share(line)), [true, true, false, true, false]);
        let twice = versions("a\nb\n", "a\na\nb\n");
        assert_eq!([1, 2, 3].map(|line| twice.surely_share(line)), [false, false, true]);
        // The same bytes, but not the same line.
        assert!(!versions("xa\n", "b\na\n").surely_share(2));
    }

    #[test]
    fn half_of_a_file_makes_it_a_renamed_one() {
        assert!(similarity(b"a\nb\nc\n", b"a\nb\nx\n") > 0.5);
        assert!(similarity(b"a\nb\nc\n", b"a\ny\nx\n") < 0.5);
    }
}
