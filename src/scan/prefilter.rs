//! Finds many literals in one pass. Every literal is at least `GRAM` bytes long, so looking at one
//! gram in every `stride` bytes sees each literal exactly once: a bit table of folded grams says
//! "nothing here" for nearly all of them, and the few that remain are compared byte for byte.
//!
//! It knows nothing of rules; the matcher gives literals their meaning.

use super::analysis::{Context, Literal, has};
use super::grams::{self, GRAM, fold, folded, hash};
use regex_syntax::is_word_byte;
use std::ops::Range;

/// Longer strides would need longer literals than rules have.
const MOST_STRIDE: usize = 3;
const TABLE_BITS: u32 = 14;
const SLOT_BITS: u32 = 13;
/// No gram: grams have 24 bits.
const EMPTY: u32 = u32::MAX;

/// A literal that stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    /// Where its first byte is.
    pub(crate) at: usize,
    /// Which literal, in the order given to [`Prefilter::new`].
    pub(crate) literal: u32,
}

/// A set of literals, ready to be looked for.
#[derive(Debug)]
pub(crate) struct Prefilter {
    /// Each with what must stand around it.
    literals: Vec<(Literal, Context)>,
    /// Literals shorter than a gram; nearly always none.
    short: Vec<u32>,
    longest: usize,
    stride: usize,
    /// By a gram's hash: what may stand there, a bit for each [`sign`].
    table: Box<[u32; 1 << TABLE_BITS]>,
    /// Open hashing: a folded gram, and which of `candidates` it stands for.
    slots: Vec<(u32, u32, u32)>,
    candidates: Vec<Candidate>,
}

/// A literal that holds a gram.
#[derive(Debug)]
struct Candidate {
    literal: u32,
    /// Where in it the gram stands.
    offset: u8,
    /// Its first bytes, folded: most that is no such literal differs there.
    first: u64,
    /// Which bytes of that count.
    mask: u64,
}

impl Candidate {
    fn new(literal: u32, offset: u8, bytes: &[u8]) -> Self {
        let mut first = [0; 8];
        let length = bytes.len().min(8);
        first[..length].copy_from_slice(&bytes[..length]);
        let mask = u64::MAX >> (64 - 8 * length);
        Self { literal, offset, first: (u64::from_le_bytes(first) | FOLD) & mask, mask }
    }
}

impl Context {
    /// Whether it stands around a range of a text.
    #[inline]
    fn stands(&self, text: &[u8], range: Range<usize>) -> bool {
        let is_edge = |at: usize| {
            let before = at.checked_sub(1).is_some_and(|before| is_word_byte(text[before]));
            before != text.get(at).is_some_and(|byte| is_word_byte(*byte))
        };
        let before = || range.start.checked_sub(1).map(|before| text[before]);
        self.head.is_none_or(|head| before().is_some_and(|byte| has(&head, byte)))
            && (!self.edge_before || is_edge(range.start))
            && (!self.edge_after || is_edge(range.end))
            && self.tail.as_ref().is_none_or(|tail| {
                let there = text.get(range.end..range.end + tail.length as usize);
                there.is_some_and(|there| there.iter().all(|byte| has(&tail.class, *byte)))
            })
    }

    /// Bytes behind the literal that count.
    fn behind(&self) -> usize {
        self.tail.as_ref().map_or(0, |tail| tail.length as usize).max(usize::from(self.edge_after))
    }
}

impl Prefilter {
    pub(crate) fn new(literals: Vec<(Literal, Context)>) -> Self {
        let lengths = literals.iter().map(|(literal, _)| literal.bytes.len());
        let shortest = lengths.filter(|length| *length >= GRAM).min().unwrap_or(GRAM);
        let stride = (shortest - GRAM + 1).min(MOST_STRIDE);
        let mut by_gram: Vec<(u32, u32, u8)> = Vec::new();
        let mut short = Vec::new();
        for (index, (literal, _)) in literals.iter().enumerate() {
            if literal.bytes.len() < GRAM {
                short.push(index as u32);
                continue;
            }
            let first = rarest_grams(&literal.bytes, stride);
            for at in first..first + stride {
                let gram = folded(&literal.bytes[at..at + GRAM]);
                by_gram.push((gram, index as u32, at as u8));
            }
        }
        by_gram.sort_unstable();
        let mut table = Box::new([0u32; 1 << TABLE_BITS]);
        // At most half full, so that a search ends soon.
        let mut slots = vec![(EMPTY, 0, 0); (by_gram.len() * 2).next_power_of_two().max(1 << SLOT_BITS)];
        let mut first = 0;
        for same in by_gram.chunk_by(|a, b| a.0 == b.0) {
            let gram = same[0].0;
            for &(_, literal, at) in same {
                table[hash(gram, TABLE_BITS)] |= signs(&literals[literal as usize], at as usize);
            }
            let mut slot = hash(gram, SLOT_BITS);
            while slots[slot].0 != EMPTY {
                slot = (slot + 1) % slots.len();
            }
            let end = first + same.len() as u32;
            slots[slot] = (gram, first, end);
            first = end;
        }
        let candidate = |(_, literal, offset): (u32, u32, u8)| {
            Candidate::new(literal, offset, &literals[literal as usize].0.bytes)
        };
        let candidates = by_gram.into_iter().map(candidate).collect();
        let longest = literals.iter().map(|(literal, context)| 1 + literal.bytes.len() + context.behind());
        let longest = longest.max().unwrap_or(0);
        Self { literals, short, longest, stride, table, slots, candidates }
    }

    /// Bytes of the longest literal, with those around it that count.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// Bytes of a literal, with those behind it that count.
    pub(crate) fn length(&self, literal: u32) -> usize {
        let (literal, context) = &self.literals[literal as usize];
        literal.bytes.len() + context.behind()
    }

    /// Calls `found` for every literal in a range of `text`, in no promised order.
    pub(crate) fn find(&self, text: &[u8], range: Range<usize>, mut found: impl FnMut(Hit)) {
        for &literal in &self.short {
            self.find_short(text, &range, literal, &mut found);
        }
        if self.candidates.is_empty() {
            return;
        }
        match self.stride {
            1 => self.find_long::<1>(text, &range, &mut found),
            2 => self.find_long::<2>(text, &range, &mut found),
            _ => self.find_long::<MOST_STRIDE>(text, &range, &mut found),
        }
    }

    #[inline]
    fn find_long<const STRIDE: usize>(&self, text: &[u8], range: &Range<usize>, found: &mut impl FnMut(Hit)) {
        // Grams in one word of eight bytes, each with the byte after it.
        let grams = (7 - GRAM) / STRIDE + 1;
        let mut at = range.start;
        while at + GRAM <= range.end {
            let rest = &text[at..];
            let eight = rest.first_chunk::<8>().copied().unwrap_or_else(|| {
                let mut eight = [0; 8];
                eight[..rest.len()].copy_from_slice(rest);
                eight
            });
            let word = u64::from_le_bytes(eight);
            let mut seen = 0u32;
            for step in 0..grams {
                let here = (word >> (8 * STRIDE * step)) as u32;
                seen |= (self.table[hash(fold(here), TABLE_BITS)] >> sign(here) & 1) << step;
            }
            while seen != 0 {
                self.check(text, at + seen.trailing_zeros() as usize * STRIDE, found);
                seen &= seen - 1;
            }
            at += grams * STRIDE;
        }
    }

    #[inline(never)]
    fn check(&self, text: &[u8], at: usize, found: &mut impl FnMut(Hit)) {
        let Some(gram) = text.get(at..at + GRAM).map(folded) else { return };
        let mut slot = hash(gram, SLOT_BITS);
        while self.slots[slot].0 != gram {
            if self.slots[slot].0 == EMPTY {
                return;
            }
            slot = (slot + 1) % self.slots.len();
        }
        let (_, first, end) = self.slots[slot];
        for &Candidate { literal, offset, first, mask } in &self.candidates[first as usize..end as usize] {
            let Some(start) = at.checked_sub(usize::from(offset)) else { continue };
            let there = text[start..].first_chunk().map(|there| u64::from_le_bytes(*there) | FOLD);
            if there.is_none_or(|there| there & mask == first) && self.stands(text, start, literal) {
                found(Hit { at: start, literal });
            }
        }
    }

    #[inline]
    fn stands(&self, text: &[u8], start: usize, literal: u32) -> bool {
        let (literal, context) = &self.literals[literal as usize];
        let range = start..start + literal.bytes.len();
        let stands = match text.get(range.clone()) {
            Some(there) if literal.fold => there.eq_ignore_ascii_case(&literal.bytes),
            Some(there) => there == literal.bytes,
            None => false,
        };
        stands && context.stands(text, range)
    }

    fn find_short(&self, text: &[u8], range: &Range<usize>, literal: u32, found: &mut impl FnMut(Hit)) {
        let Some(&first) = self.literals[literal as usize].0.bytes.first() else { return };
        let other = if first.is_ascii_lowercase() { first.to_ascii_uppercase() } else { first };
        for at in memchr::memchr2_iter(first, other, &text[range.clone()]) {
            let at = range.start + at;
            if self.stands(text, at, literal) {
                found(Hit { at, literal });
            }
        }
    }
}

/// Sets the bit that tells ASCII letters' cases apart, in eight bytes at once.
const FOLD: u64 = 0x2020_2020_2020_2020;

/// What else is told of a gram, by its first byte and the one behind it: the bit by which the cases of the
/// first differ, and four bits of the other that are the same in both cases.
#[inline]
fn sign(four: u32) -> u32 {
    four >> 1 & 16 | four >> 24 & 15
}

/// The signs that a gram of a literal may have, a bit each.
fn signs((literal, context): &(Literal, Context), at: usize) -> u32 {
    let behind = match (literal.bytes.get(at + GRAM), &context.tail) {
        (Some(next), _) => 1 << (next & 15),
        (None, Some(tail)) => tail.class.iter().fold(0, |all, bits| {
            let bits = bits | bits >> 32;
            all | (bits | bits >> 16) as u32 & 0xffff
        }),
        (None, None) => 0xffff,
    };
    let first = literal.bytes[at];
    let both = literal.fold && first.is_ascii_alphabetic();
    if both { behind << 16 | behind } else { behind << sign(first.into()) }
}

/// Where the `stride` neighbouring grams begin that are least common in source text.
fn rarest_grams(literal: &[u8], stride: usize) -> usize {
    let common = |at: usize| grams::count(&literal[at..at + GRAM]);
    let sum = |first: usize| (first..first + stride).map(common).sum::<f32>();
    (0..=literal.len() - (GRAM + stride - 1)).min_by(|a, b| sum(*a).total_cmp(&sum(*b))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::analysis::Run;
    use super::*;
    use proptest::prelude::*;

    fn plain(literals: &[Literal], text: &[u8]) -> Vec<Hit> {
        let mut hits = Vec::new();
        for at in 0..text.len() {
            for (index, literal) in literals.iter().enumerate() {
                let there = text.get(at..at + literal.bytes.len());
                let stands = there.is_some_and(|there| {
                    if literal.fold {
                        there.eq_ignore_ascii_case(&literal.bytes)
                    } else {
                        there == literal.bytes
                    }
                });
                if stands {
                    hits.push(Hit { at, literal: index as u32 });
                }
            }
        }
        hits
    }

    #[test]
    fn a_literal_counts_where_its_context_stands() {
        let find = |context: Context, text: &str, range: Range<usize>| {
            let literal = Literal { bytes: b"key".to_vec(), fold: false };
            let mut at = Vec::new();
            Prefilter::new(vec![(literal, context)]).find(text.as_bytes(), range, |hit| at.push(hit.at));
            at
        };
        let whole = |context: &Context, text: &str| find(context.clone(), text, 0..text.len());
        let before = Context { edge_before: true, ..Context::default() };
        assert_eq!(whole(&before, "key akey _key .key"), [0, 15]);
        let after = Context { edge_after: true, ..Context::default() };
        assert_eq!(whole(&after, "keys key_ key. key"), [10, 15]);
        let class = [0, 0b110 << 32, 0, 0]; // a and b
        let head = Context { head: Some(class), ..Context::default() };
        assert_eq!(whole(&head, "key akey ckey bkey"), [5, 15]);
        let tail = Context { tail: Some(Run { class, length: 2 }), ..Context::default() };
        assert_eq!(whole(&tail, "keyab keyac keybb keya"), [0, 12]);
        // What stands around counts also where it is not searched.
        assert_eq!(find(tail, "keyab", 0..3), [0]);
        assert_eq!(find(before, "akey key", 1..8), [5]);
    }

    proptest! {
        #[test]
        fn sees_each_literal_once_wherever_it_stands(
            words in proptest::collection::vec(("[aAbB_-]{1,6}", any::<bool>()), 1..6),
            text in "[aAbB_\\-\n]{0,120}",
        ) {
            let literals: Vec<Literal> = words
                .into_iter()
                .map(|(word, fold)| Literal {
                    bytes: if fold { word.to_ascii_lowercase().into_bytes() } else { word.into_bytes() },
                    fold,
                })
                .collect();
            let mut hits = Vec::new();
            let all = literals.iter().map(|literal| (literal.clone(), Context::default())).collect();
            Prefilter::new(all).find(text.as_bytes(), 0..text.len(), |hit| hits.push(hit));
            hits.sort();
            prop_assert_eq!(hits, plain(&literals, text.as_bytes()));
        }

        #[test]
        fn long_literals_stride(
            text in proptest::collection::vec(prop::sample::select(b"abcAC\x81\xe9".to_vec()), 0..400),
            word in "[abc]{3,9}",
            tail in proptest::option::of((prop::sample::subsequence(b"abC\x81\xe9".to_vec(), 1..4), 1_u32..3)),
        ) {
            let class = |bytes: Vec<u8>| {
                let mut class = [0; 4];
                bytes.iter().for_each(|byte| class[usize::from(byte >> 6)] |= 1 << (byte & 63));
                class
            };
            let tail = tail.map(|(bytes, length)| Run { class: class(bytes), length });
            let literal = Literal { bytes: word.into_bytes(), fold: false };
            let context = Context { tail, ..Context::default() };
            let mut hits = Vec::new();
            let all = vec![(literal.clone(), context.clone())];
            Prefilter::new(all).find(&text, 0..text.len(), |hit| hits.push(hit));
            hits.sort();
            let length = literal.bytes.len();
            let mut all = plain(&[literal], &text);
            all.retain(|hit| context.stands(&text, hit.at..hit.at + length));
            prop_assert_eq!(hits, all);
        }
    }
}
