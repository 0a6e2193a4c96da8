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
    /// By a hash of the rule and the window: what it found, as if the window were a text.
    known: FxHashMap<u64, Box<[Match]>>,
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
        let Some(known) = self.known.get(&key) else { return false };
        found.extend(known.iter().map(|one| moved(one, |at| at + window.start)));
        true
    }

    /// Remembers what was found in such a window.
    pub(super) fn remember(&mut self, key: u64, window: &Range<usize>, found: &[Match]) {
        let is_inside = |one: &Match| window.start <= one.range.start && one.range.end <= window.end;
        if found.len() > MOST_MATCHES || !found.iter().all(is_inside) {
            return;
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(key, found.iter().map(|one| moved(one, |at| at - window.start)).collect());
    }
}

fn moved(one: &Match, to: impl Fn(usize) -> usize) -> Match {
    let moved = |range: &Range<usize>| to(range.start)..to(range.end);
    Match { rule: one.rule, range: moved(&one.range), secret: moved(&one.secret) }
}
