//! The part of a text that a match around a literal can take. Apart because it knows bytes alone, and
//! no expressions or rules.

use crate::scan::analysis::{Anchor, Reach, has};
use rustc_hash::FxHashMap;
use std::ops::Range;
use std::sync::Arc;

/// A set of bytes, to look them up.
type Set = Arc<[bool; 256]>;

/// The sets of all rules, each once: most look for the same.
#[derive(Default)]
pub(super) struct Sets(FxHashMap<[u64; 4], Set>);

impl Sets {
    fn of(&mut self, bits: &[u64; 4]) -> Set {
        let new = || Arc::new(std::array::from_fn(|byte| has(bits, byte as u8)));
        Arc::clone(self.0.entry(*bits).or_insert_with(new))
    }
}

/// How far matches reach to both sides of a literal, and what each contains besides.
#[derive(Clone, Debug)]
pub(super) struct Sides {
    before: Side,
    after: Side,
    run: Option<(Set, usize)>,
}

#[derive(Clone, Debug)]
struct Side {
    bound: usize,
    least: usize,
    loops: Option<Set>,
    within: Option<Set>,
}

impl Sides {
    pub(super) fn new(anchor: &Anchor, sets: &mut Sets) -> Self {
        let run = anchor.run.as_ref().map(|run| (sets.of(&run.class), run.length as usize));
        Self { before: Side::new(&anchor.before, sets), after: Side::new(&anchor.after, sets), run }
    }

    /// Whether no match begins before the literal.
    pub(super) fn starts_here(&self) -> bool {
        self.distance() == Some(0)
    }

    /// How far before the literal every match begins; none where that is not one number.
    pub(super) fn distance(&self) -> Option<usize> {
        let Side { bound, least, ref loops, .. } = self.before;
        (bound == least && loops.is_none()).then_some(least)
    }

    /// Bytes that a match takes at most from the literal on; none where it may take any number.
    pub(super) fn most_after(&self) -> Option<usize> {
        self.after.loops.is_none().then_some(self.after.bound)
    }

    /// Whether what every match must contain stands around a literal at `at`.
    pub(super) fn may_match(&self, text: &[u8], at: usize) -> bool {
        self.run.is_none() || self.may_match_in(&text[self.window(text, at)])
    }

    /// As [`Self::may_match`], in the literal's window.
    pub(super) fn may_match_in(&self, window: &[u8]) -> bool {
        let Some((class, length)) = &self.run else { return true };
        // A run that long has a byte at every multiple of its length.
        let mut probe = length - 1;
        while probe < window.len() {
            let back = window[..=probe].iter().rev().take_while(|byte| class[**byte as usize]).count();
            if back == 0 {
                probe += length;
                continue;
            }
            let start = probe + 1 - back;
            let end =
                window[probe + 1..].iter().take_while(|byte| class[**byte as usize]).count() + probe + 1;
            if end - start >= *length {
                return true;
            }
            probe = end + length;
        }
        false
    }

    /// Everything that a match around a literal at `at` could take.
    pub(super) fn window(&self, text: &[u8], at: usize) -> Range<usize> {
        let before = self.before.length(text[..at].iter().rev());
        let after = self.after.length(text[at..].iter());
        at - before..at + after
    }
}

impl Side {
    fn new(reach: &Reach, sets: &mut Sets) -> Self {
        let mut known = |set: &[u64; 4]| (*set != [0; 4]).then(|| sets.of(set));
        let (loops, within) = (known(&reach.loops), known(&reach.within));
        Self { bound: reach.bound as usize, least: reach.least as usize, loops, within }
    }

    fn length<'t>(&self, bytes: impl ExactSizeIterator<Item = &'t u8>) -> usize {
        let there = bytes.len();
        let Self { loops, within, bound, .. } = self;
        if loops.is_none() && within.is_none() {
            return there.min(*bound);
        }
        let mut left = *bound;
        let mut taken = 0;
        for &byte in bytes {
            if within.as_ref().is_some_and(|within| !within[byte as usize]) {
                break;
            }
            if !loops.as_ref().is_some_and(|loops| loops[byte as usize]) {
                if left == 0 {
                    break;
                }
                left -= 1;
            }
            taken += 1;
        }
        taken
    }
}
