//! Remembers stretches of text in which nothing stands: no literal, or no encoded token. The versions
//! of a file bring the same lines again and again, for each was built on another: most of what is new in
//! a version stood, just so, in one before it.
//! Knows neither literals nor encodings: who looked for them says what there is not.

use super::keyed_hash::keyed_hash;
use polymur_hash::PolymurHash;
use std::ops::Range;

/// How many stretches are remembered, 8 bytes each: a later one takes an earlier one's place.
const PLACES_BITS: u32 = 18;
/// Bytes before and after a stretch that must be the same, too: most tokens end there.
const AROUND: usize = 12;
const NO_LITERAL: u64 = 1;
const NO_TOKEN: u64 = 2;
const NOTHING: u64 = NO_LITERAL | NO_TOKEN;

/// What a thread remembers of texts that it saw.
#[derive(Debug)]
pub(crate) struct Quiet {
    hasher: PolymurHash,
    /// By the highest bits of a stretch's hash: the others, with what is not there in the lowest bits.
    known: Vec<u64>,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { hasher: keyed_hash(), known: Vec::new() }
    }
}

/// A stretch of a text.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) range: Range<usize>,
    /// The part in and next to which tokens matter.
    pub(crate) core: Range<usize>,
    place: usize,
    /// What is left of its hash.
    hash: u64,
    /// What is not in it.
    nothing: u64,
}

impl Quiet {
    /// Gives parts of a text as `stretches`, with what is known of them. Their cores are `margin` bytes
    /// away from their ends, but where the text begins or ends.
    pub(crate) fn recall(
        &self,
        text: &[u8],
        ranges: impl Iterator<Item = Range<usize>>,
        margin: usize,
        stretches: &mut Vec<Stretch>,
    ) {
        stretches.extend(ranges.map(|range| self.stretch(text, range, margin)));
        // In a loop of its own, so that memory is waited for once and not for each.
        for stretch in stretches {
            let known = self.known.get(stretch.place).map_or(0, |known| *known ^ stretch.hash);
            stretch.nothing = if known <= NOTHING { known } else { 0 };
        }
    }

    fn stretch(&self, text: &[u8], range: Range<usize>, margin: usize) -> Stretch {
        let around = around(&range, text.len());
        let (begins, ends) = (around.start == 0, around.end == text.len());
        // Where the stretch lies in that, and whether the text begins or ends with it.
        let edges = [range.start - around.start, around.end - range.end, begins.into(), ends.into()];
        let edges = edges.iter().fold(0, |edges, edge| edges << 8 | *edge as u64);
        let hash = self.hasher.hash_with_tweak(&text[around], edges);
        let start = if range.start == 0 { 0 } else { (range.start + margin).min(range.end) };
        let end =
            if range.end == text.len() { range.end } else { range.end.saturating_sub(margin).max(start) };
        let place = (hash >> (64 - PLACES_BITS)) as usize;
        Stretch { range, core: start..end, place, hash: hash << 2, nothing: 0 }
    }

    /// Remembers what is not in a stretch.
    pub(crate) fn remember(&mut self, stretch: &Stretch) {
        if stretch.nothing != 0 {
            self.known.resize(1 << PLACES_BITS, 0);
            self.known[stretch.place] = stretch.hash | stretch.nothing;
        }
    }
}

impl Stretch {
    /// No literal lies in it, with all that must stand around one.
    pub(crate) fn has_no_literal(&self) -> bool {
        self.nothing & NO_LITERAL != 0
    }

    /// No token that touches its core decodes.
    pub(crate) fn has_no_token(&self) -> bool {
        self.nothing & NO_TOKEN != 0
    }

    /// None was found in it.
    pub(crate) fn set_no_literal(&mut self) {
        self.nothing |= NO_LITERAL;
    }

    /// No token that touches its core decodes. All of them lie in `tokens`; what lies before `floor` was
    /// not looked at. Where that reaches beyond what is around the stretch, it does not tell of the
    /// stretch elsewhere, so nothing is set.
    pub(crate) fn set_no_token(&mut self, tokens: &Range<usize>, floor: usize, text_len: usize) {
        let around = around(&self.range, text_len);
        let begins = around.start == 0 || around.start < tokens.start;
        let ends = around.end == text_len || tokens.end < around.end;
        if floor <= around.start && begins && ends {
            self.nothing |= NO_TOKEN;
        }
    }
}

fn around(range: &Range<usize>, text_len: usize) -> Range<usize> {
    range.start.saturating_sub(AROUND)..(range.end + AROUND).min(text_len)
}
