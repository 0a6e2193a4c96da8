//! The part of a text that a match around a literal can take. Apart because it knows bytes alone, and
//! no expressions or rules.

use crate::scan::analysis::{Anchor, Reach, has};
use rustc_hash::FxHashMap;
use std::ops::Range;
use std::sync::Arc;

/// What each byte takes of how far a match may reach: nothing, one, or all there is, for it ends there.
type Costs = Arc<[u8; 256]>;

/// Bytes that are looked at together.
const CHUNK: usize = 8;
/// More than those together can take.
const END: u8 = CHUNK as u8 + 1;

/// The costs of all rules, each once: most look for the same.
#[derive(Default)]
pub(super) struct AllCosts(FxHashMap<[[u64; 4]; 2], Costs>);

impl AllCosts {
    /// Bytes `within` a set, or any if it is empty, of which those in `loops` take nothing.
    fn of(&mut self, loops: [u64; 4], within: [u64; 4]) -> Costs {
        let cost = |byte| match byte {
            byte if within != [0; 4] && !has(&within, byte) => END,
            byte => u8::from(!has(&loops, byte)),
        };
        let new = || Arc::new(std::array::from_fn(|byte| cost(byte as u8)));
        Arc::clone(self.0.entry([loops, within]).or_insert_with(new))
    }
}

/// How far matches reach to both sides of a literal, and what each contains besides.
#[derive(Clone, Debug)]
pub(super) struct Sides {
    before: Side,
    after: Side,
    /// Bytes that cost nothing, and how many of them.
    run: Option<(Costs, usize)>,
}

#[derive(Clone, Debug)]
struct Side {
    bound: usize,
    least: usize,
    is_endless: bool,
    /// None: one each.
    costs: Option<Costs>,
}

impl Sides {
    pub(super) fn new(anchor: &Anchor, costs: &mut AllCosts) -> Self {
        let run = anchor.run.as_ref().map(|run| (costs.of(run.class, run.class), run.length as usize));
        Self { before: Side::new(&anchor.before, costs), after: Side::new(&anchor.after, costs), run }
    }

    /// Whether no match begins before the literal.
    pub(super) fn starts_here(&self) -> bool {
        self.distance() == Some(0)
    }

    /// How far before the literal every match begins; none where that is not one number.
    pub(super) fn distance(&self) -> Option<usize> {
        let Side { bound, least, is_endless, .. } = self.before;
        (bound == least && !is_endless).then_some(least)
    }

    /// Bytes that a match takes at most from the literal on; none where it may take any number.
    pub(super) fn most_after(&self) -> Option<usize> {
        (!self.after.is_endless).then_some(self.after.bound)
    }

    /// Whether what every match must contain stands around a literal at `at`.
    pub(super) fn may_match(&self, text: &[u8], at: usize) -> bool {
        self.run.is_none() || self.may_match_in(&text[self.window(text, at)])
    }

    /// As [`Self::may_match`], in the literal's window.
    pub(super) fn may_match_in(&self, window: &[u8]) -> bool {
        let Some((costs, length)) = &self.run else { return true };
        let is_in = |byte: &&u8| costs[usize::from(**byte)] == 0;
        // A run that long has a byte at every multiple of its length.
        let mut probe = length - 1;
        while probe < window.len() {
            let back = window[..=probe].iter().rev().take_while(is_in).count();
            if back == 0 {
                probe += length;
                continue;
            }
            let start = probe + 1 - back;
            let end = window[probe + 1..].iter().take_while(is_in).count() + probe + 1;
            if end - start >= *length {
                return true;
            }
            probe = end + length;
        }
        false
    }

    /// As [`Self::window`], whose bytes it takes of `effort`. None where nothing is left of that and the
    /// window may be of any length: those of literals that crowd each reach over all others.
    pub(super) fn window_within(&self, text: &[u8], at: usize, effort: &mut usize) -> Option<Range<usize>> {
        if *effort == 0 && (self.before.is_endless || self.after.is_endless) {
            return None;
        }
        let window = self.window(text, at);
        *effort = effort.saturating_sub(window.len());
        Some(window)
    }

    /// Everything that a match around a literal at `at` could take.
    pub(super) fn window(&self, text: &[u8], at: usize) -> Range<usize> {
        let (before, after) = text.split_at(at);
        let reaches_before = self.before.length(before.iter().rev(), before.as_rchunks().1.iter().rev());
        let reaches_after = self.after.length(after.iter(), after.as_chunks().0.iter());
        at - reaches_before..at + reaches_after
    }
}

impl Side {
    fn new(reach: &Reach, costs: &mut AllCosts) -> Self {
        let Reach { bound, least, loops, within } = *reach;
        let (is_endless, is_plain) = (loops != [0; 4], [loops, within] == [[0; 4]; 2]);
        let costs = (!is_plain).then(|| costs.of(loops, within));
        Self { bound: bound as usize, least: least as usize, is_endless, costs }
    }

    /// How many of the bytes a match can take, in the order in which it does; they come in chunks, too.
    fn length<'t>(
        &self,
        bytes: impl ExactSizeIterator<Item = &'t u8>,
        chunks: impl Iterator<Item = &'t [u8; CHUNK]>,
    ) -> usize {
        let Some(costs) = &self.costs else { return bytes.len().min(self.bound) };
        let cost = |byte: &u8| costs[usize::from(*byte)];
        let (mut left, mut taken) = (self.bound, 0);
        for chunk in chunks {
            let cost = usize::from(chunk.iter().map(cost).sum::<u8>());
            if cost > left.min(CHUNK) {
                break;
            }
            (left, taken) = (left - cost, taken + CHUNK);
        }
        for cost in bytes.skip(taken).map(|byte| usize::from(cost(byte))) {
            if cost > left.min(1) {
                break;
            }
            (left, taken) = (left - cost, taken + 1);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(bytes: &[u8]) -> [u64; 4] {
        let mut set = [0; 4];
        bytes.iter().for_each(|byte| set[usize::from(byte / 64)] |= 1 << (byte % 64));
        set
    }

    proptest! {
        #[test]
        fn chunks_are_counted_as_their_bytes(
            (text, at) in (prop::collection::vec(prop::sample::select(&b"abc\n\xe9"[..]), 0..60), 0usize..60),
            bound in 0u32..30,
            loops in prop::sample::select(vec![&b""[..], b"a", b"ab\xe9", b"c\n"]),
            within in prop::sample::select(vec![&b""[..], b"abc", b"ab\xe9", b"ac\n"]),
        ) {
            let (text, at) = (&text[..], at.min(text.len()));
            let plain = |bytes: &mut dyn Iterator<Item = &u8>| {
                let mut left = bound;
                let takes = |byte: &&u8| {
                    let is_free = loops.contains(byte);
                    let goes_on = (within.is_empty() || within.contains(byte)) && (is_free || left > 0);
                    left -= u32::from(goes_on && !is_free);
                    goes_on
                };
                bytes.take_while(takes).count()
            };
            let reach = Reach { bound, loops: set(loops), within: set(within), least: 0 };
            let side = Side::new(&reach, &mut AllCosts::default());
            let sides = Sides { before: side.clone(), after: side, run: None };
            let expected = at - plain(&mut text[..at].iter().rev())..at + plain(&mut text[at..].iter());
            prop_assert_eq!(sides.window(text, at), expected);
        }

        #[test]
        fn a_run_is_as_long_as_asked_for(
            window in prop::collection::vec(prop::sample::select(&b"abc\xe9"[..]), 0..60),
            class in prop::sample::select(vec![&b"a"[..], b"ab\xe9", b"bc"]),
            length in 1usize..12,
        ) {
            let mut costs = AllCosts::default();
            let side = Side::new(&Reach::default(), &mut costs);
            let run = Some((costs.of(set(class), set(class)), length));
            let sides = Sides { before: side.clone(), after: side, run };
            let mut runs = window.chunk_by(|one, next| class.contains(one) == class.contains(next));
            let expected = runs.any(|run| class.contains(&run[0]) && run.len() >= length);
            prop_assert_eq!(sides.may_match_in(&window), expected);
        }
    }
}
