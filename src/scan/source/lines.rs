//! Which lines of a content a diff against the version before calls added. Apart because it knows no
//! files. Asked only where a hit was there before: a line that moved, or that came a second time, is new
//! to a diff, and so to gitleaks.

use super::super::keyed_hash::keyed_hash;
use super::tree::shared_length;
use polymur_hash::PolymurHash;
use rustc_hash::FxHashMap;
use std::cell::OnceCell;
use std::ops::{Range, RangeInclusive};

/// Contents above so many bytes are not compared.
const LARGEST: usize = 16 << 20;
/// Bytes that are compared at once.
const CHUNK: usize = 64;
/// So many lines at each end of what changed are tried for one that there is once.
const MOST_LOOKS: usize = 32;
/// Bytes that git compares at once where texts end (`trim_common_tail`).
const BLOCK: usize = 1024;
/// Characters that are neither blank nor above ASCII.
const DIGITS: u32 = 94;

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
    /// How many bytes both end with.
    tail: usize,
    /// What no diff adds.
    kept: Kept,
    /// Lines of the newer that hunks add, once they are needed; none where the two cannot be compared.
    hunks: OnceCell<Option<Vec<Range<usize>>>>,
}

/// Lines that no hunk adds, whatever a diff of the middle says.
#[derive(Debug)]
struct Kept {
    /// The last of those that both begin with; 0: none.
    last_of_head: usize,
    /// The first of those that both end with.
    first_of_tail: usize,
}

impl Added {
    /// Compares as `git diff -U0` does; none where a content is too large.
    pub(super) fn between(old: Vec<u8>, new: Vec<u8>) -> Option<Self> {
        (old.len().max(new.len()) <= LARGEST).then(|| Self::Between(Versions::new(old, new)))
    }

    /// Whether one hunk added all these lines.
    pub(super) fn covers(&self, lines: &RangeInclusive<usize>) -> bool {
        match self {
            Self::All => true,
            Self::Between(versions) => {
                let Kept { last_of_head, first_of_tail } = versions.kept;
                if *lines.start() <= last_of_head || *lines.end() >= first_of_tail {
                    return false;
                }
                // What cannot be compared is new.
                let hunks = versions.hunks.get_or_init(|| versions.hunks().ok());
                let Some(hunks) = hunks else { return true };
                hunks.iter().any(|added| added.contains(lines.start()) && added.contains(lines.end()))
            }
        }
    }
}

impl Versions {
    fn new(old: Vec<u8>, new: Vec<u8>) -> Self {
        let tail = shared_tail(&old, &new);
        let kept = Kept::of(&old, &new, tail);
        Self { old, new, tail, kept, hunks: OnceCell::new() }
    }

    fn hunks(&self) -> Result<Vec<Range<usize>>, git2::Error> {
        let (Self { old, new, .. }, cut) = (self, self.cut());
        let mut words = Words::default();
        hunks(&words.of(&old[..old.len() - cut]), &words.of(&new[..new.len() - cut]))
    }

    /// How many bytes of what both end with git leaves out where it shows no context, which is how gitleaks
    /// asks: whole blocks, from behind the first line end in them on.
    fn cut(&self) -> usize {
        let blocks = self.tail / BLOCK * BLOCK;
        let end = memchr::memchr(b'\n', &self.new[self.new.len() - blocks..]);
        end.map_or(0, |end| blocks - end - 1)
    }
}

impl Kept {
    /// A diff begins behind what both begin with and ends before what both end with. Its hunks can then be
    /// moved, line by line, but never over a line that there is once: they reach neither the nearest such
    /// line nor what is beyond it.
    fn of(old: &[u8], new: &[u8], tail: usize) -> Self {
        let (head, tail) = (shared_length(old, new), new.len() - tail);
        let head = memchr::memrchr(b'\n', &new[..head]).map_or(0, |end| end + 1);
        let tail = memchr::memchr(b'\n', &new[tail..]).map_or(new.len(), |end| tail + end + 1);
        let number = |end: usize| memchr::memchr_iter(b'\n', &new[..end]).count();
        let lines = |part: Range<usize>| new[part].split_inclusive(|byte| *byte == b'\n');
        let is_once = |line: &[u8]| {
            let starts = |at: &usize| *at == 0 || new[at - 1] == b'\n';
            memchr::memmem::find_iter(new, line).filter(starts).take(2).count() == 1
        };
        let above = lines(0..head).rev().take(MOST_LOOKS).position(is_once);
        let below = lines(tail..new.len()).take(MOST_LOOKS).position(is_once);
        Self {
            last_of_head: above.map_or(0, |lines| number(head) - lines),
            first_of_tail: below.map_or(usize::MAX, |lines| number(tail) + 1 + lines),
        }
    }
}

/// Lines, from 1, that hunks of a diff add.
fn hunks(old: &[u8], new: &[u8]) -> Result<Vec<Range<usize>>, git2::Error> {
    let mut options = git2::DiffOptions::new();
    options.context_lines(0).force_text(true).indent_heuristic(true);
    let patch = git2::Patch::from_buffers(old, None, new, None, Some(&mut options))?;
    let hunk = |number| {
        let (hunk, _) = patch.hunk(number).ok()?;
        let start = hunk.new_start() as usize;
        Some(start..start + hunk.new_lines() as usize)
    };
    Ok((0..patch.num_hunks()).filter_map(hunk).collect())
}

/// Stands for lines. A diff asks which are the same, which are blank and how far the others are indented, no
/// more; and most of its time goes with the length of what it is given, for libgit2 hashes that with SHA-1.
/// Blank is what git calls so, which is less than what libgit2 does.
struct Words {
    hasher: PolymurHash,
    numbers: FxHashMap<u64, u32>,
}

impl Default for Words {
    fn default() -> Self {
        Self { hasher: keyed_hash(), numbers: FxHashMap::default() }
    }
}

impl Words {
    /// A text of as many lines, where a line's number stands behind what it is indented by.
    fn of(&mut self, text: &[u8]) -> Vec<u8> {
        let mut words = Vec::with_capacity(text.len() / 4);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text).map(|end| end + 1).chain([text.len()]) {
            let line = &text[start..end];
            start = end;
            let indent = line.iter().take_while(|byte| b" \t\n\r".contains(byte)).count();
            words.extend(&line[..indent]);
            if indent == line.len() {
                continue;
            }
            let next = self.numbers.len() as u32;
            let mut number = *self.numbers.entry(self.hasher.hash(line)).or_insert(next);
            while {
                words.push(b'!' + (number % DIGITS) as u8);
                number /= DIGITS;
                number > 0
            } {}
            words.extend(line.last().filter(|byte| **byte == b'\n'));
        }
        words
    }
}

/// As [`shared_length`], of how they end.
fn shared_tail(old: &[u8], new: &[u8]) -> usize {
    let chunks = old.rchunks_exact(CHUNK).zip(new.rchunks_exact(CHUNK));
    let far = CHUNK * chunks.take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - far], &new[..new.len() - far]);
    far + old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count()
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
        fn a_line_that_surely_is_kept_is_in_no_hunk(
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
            let (hunks, kept) = (versions.hunks().unwrap(), &versions.kept);
            for line in 1..=new.lines().count() {
                let is_added = hunks.iter().any(|hunk| hunk.contains(&line));
                let is_kept = line <= kept.last_of_head || line >= kept.first_of_tail;
                prop_assert!(!(is_added && is_kept), "{line} of {hunks:?}: {kept:?}");
            }
        }
    }

    /// Lines that differ in what they are indented by, in their ends or not at all.
    fn texts() -> impl Strategy<Value = (String, String)> {
        let line = "[ \t]{0,9}[ab{}]?[ \r]?";
        let lines = proptest::collection::vec(line, 0..24);
        let edits =
            proptest::collection::vec((0usize..24, 0usize..4, proptest::collection::vec(line, 0..5)), 0..4);
        (lines, edits, any::<[bool; 2]>()).prop_map(|(old, edits, ended)| {
            let mut new = old.clone();
            for (at, removed, added) in edits {
                let start = at.min(new.len());
                new.splice(start..(start + removed).min(new.len()), added);
            }
            let text = |lines: Vec<String>, ended| lines.join("\n") + if ended { "\n" } else { "" };
            (text(old, ended[0]), text(new, ended[1]))
        })
    }

    proptest! {
        #[test]
        fn words_differ_as_their_lines_do((old, new) in texts()) {
            let versions = Versions::new(old.clone().into_bytes(), new.clone().into_bytes());
            prop_assert_eq!(versions.hunks().unwrap(), hunks(old.as_bytes(), new.as_bytes()).unwrap());
        }
    }

    #[test]
    fn what_surely_is_kept_needs_no_diff() {
        let kept = |old: &str, new: &str| {
            let Kept { last_of_head, first_of_tail } = Versions::new(old.into(), new.into()).kept;
            (last_of_head, first_of_tail)
        };
        assert_eq!(kept("a\nb\nc\nd\n", "a\nb\nx\nd\n"), (2, 4));
        assert_eq!(kept("c\na\nc\nd\nb\nd\n", "c\na\nc\nx\nd\nb\nd\n"), (2, 6));
        assert_eq!(kept("a\nb\n", "a\na\nb\n"), (0, 3));
        // The same bytes, but not the same line.
        assert_eq!(kept("xa\n", "b\na\n"), (0, usize::MAX));
        assert_eq!(kept("a\nbc", "a\nb"), (1, usize::MAX));
    }
}
