//! Remembers what expressions found in windows: the versions of a file, and files that were copied, bring
//! the same ones again and again. Apart because to it an expression is a number, and a window its bytes.

use super::Match;
use super::inherit::LOOK_AROUND;
use crate::scan::keyed_hash::keyed_hash;
use polymur_hash::PolymurHash;
use rustc_hash::FxHashMap;
use std::ops::Range;

/// So many windows are remembered; then all are forgotten.
const MOST: usize = 1 << 13;
/// Where more was found in a window, it is not remembered.
const MOST_MATCHES: usize = 16;

/// What a thread remembers.
#[derive(Debug)]
pub(super) struct Memo {
    hasher: PolymurHash,
    /// By a hash of the rule and the window: the window's length, and what was found, as if it were a text.
    known: FxHashMap<u64, (usize, Box<[Match]>)>,
}

impl Default for Memo {
    fn default() -> Self {
        Self { hasher: keyed_hash(), known: FxHashMap::default() }
    }
}

impl Memo {
    /// Stands for a rule and a window with all around it that an assertion may look at.
    pub(super) fn key(&self, rule: usize, text: &[u8], window: &Range<usize>) -> u64 {
        let start = window.start.saturating_sub(LOOK_AROUND);
        let end = text.len().min(window.end + LOOK_AROUND);
        // Where less is around it, the text begins or ends there.
        let around = (window.start - start) << 8 | (end - window.end);
        self.hasher.hash_with_tweak(&text[start..end], (rule << 16 | around) as u64)
    }

    /// Adds what was found in such a window to `found`; whether it is known.
    pub(super) fn recall(&self, key: u64, window: &Range<usize>, found: &mut Vec<Match>) -> bool {
        let Some((_, known)) = self.known.get(&key).filter(|(length, _)| *length == window.len()) else {
            return false;
        };
        found.extend(known.iter().map(|one| moved(one, |at| at + window.start)));
        true
    }

    /// Remembers what was found in such a window.
    pub(super) fn remember(&mut self, key: u64, window: &Range<usize>, found: &[Match]) {
        // A search from a literal on is not held to the window.
        let is_inside = |one: &Match| window.start <= one.range.start && one.range.end <= window.end;
        if found.len() > MOST_MATCHES || !found.iter().all(is_inside) {
            return;
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let found = found.iter().map(|one| moved(one, |at| at - window.start)).collect();
        self.known.insert(key, (window.len(), found));
    }
}

fn moved(one: &Match, to: impl Fn(usize) -> usize) -> Match {
    let moved = |range: &Range<usize>| to(range.start)..to(range.end);
    Match { rule: one.rule, range: moved(&one.range), secret: moved(&one.secret) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_in_the_same_surroundings_is_known() {
        let mut memo = Memo::default();
        let one = |start: usize| Match { rule: 3, range: start..start + 4, secret: start + 1..start + 3 };
        let recall = |memo: &Memo, rule, text: &str, window: Range<usize>| {
            let mut found = Vec::new();
            memo.recall(memo.key(rule, text.as_bytes(), &window), &window, &mut found).then_some(found)
        };
        let key = memo.key(3, b"....ab=cd;....", &(4..10));
        memo.remember(key, &(4..10), &[one(5)]);
        assert_eq!(recall(&memo, 3, "xx\n....ab=cd;....y", 7..13), Some(vec![one(8)]));
        assert_eq!(recall(&memo, 4, "....ab=cd;....", 4..10), None);
        for other in ["....ab=cd;...", "...ab=cd;....", "....ab=cd;...x", "x...ab=cd;...."] {
            let at = other.find("ab").unwrap();
            assert_eq!(recall(&memo, 3, other, at..at + 6), None, "{other}");
        }
        // The same bytes, of which another part is the window.
        assert_eq!(recall(&memo, 3, "....ab=cd;....", 3..10), None);
    }

    #[test]
    fn it_forgets_and_leaves_out_what_would_grow() {
        let mut memo = Memo::default();
        let one = Match { rule: 0, range: 1..2, secret: 1..2 };
        for key in 0..=MOST as u64 {
            memo.remember(key, &(0..3), std::slice::from_ref(&one));
        }
        assert_eq!(memo.known.len(), 1);
        memo.remember(0, &(0..3), &vec![one.clone(); MOST_MATCHES + 1]);
        memo.remember(0, &(2..3), &[one]);
        assert_eq!(memo.known.len(), 1);
    }
}
