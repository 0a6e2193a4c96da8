//! Finds literals in a text, case-sensitive or not, many of them in one pass: the first look that every
//! byte gets. Of each literal one gram of three bytes is looked for. Two bit tables, small enough to stay
//! in the nearest cache, say "nothing here" for nearly all places: one by the gram's first two bytes, then
//! one by all three and what is behind them. Neither is a branch, for which of them says so is hard to
//! foresee. The literals of the few places that remain are compared byte for byte.
//!
//! It knows nothing of rules; the matcher gives literals their meaning.

use super::analysis::{Context, Literal, has};
use super::grams::{self, GRAM, folded, hash};
use regex_syntax::is_word_byte;
use std::ops::Range;

/// Bits of a place in the table of grams: 16 kB.
const TABLE_BITS: u32 = 17;
const BUCKET_BITS: u32 = 12;
/// Places in one step.
const STEP: usize = 8;
/// Places that are looked at together; each fits in a byte.
const CHUNK: usize = 31 * STEP;
/// What is read of a text to look at a chunk: its last gram and the byte behind that.
const READ: usize = CHUNK + GRAM;

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
    /// By two bytes: whether a gram begins with them.
    pairs: Box<[u32; 1 << 11]>,
    /// By [`place`]: whether a gram and what is behind it may be there.
    table: Box<[u32; 1 << (TABLE_BITS - 5)]>,
    /// By a folded gram's hash: where its candidates begin; they end where the next one's begin.
    buckets: Box<[u32; (1 << BUCKET_BITS) + 1]>,
    candidates: Vec<Candidate>,
}

/// A literal that holds a gram.
#[derive(Debug)]
struct Candidate {
    literal: u32,
    /// Where in it the gram stands.
    offset: usize,
    /// Its first bytes, folded: most that is no such literal differs there.
    first: u64,
    /// Which bytes of that count.
    mask: u64,
}

impl Candidate {
    fn new(literal: u32, offset: usize, bytes: &[u8]) -> Self {
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
        let mut pairs = Box::new([0; 1 << 11]);
        let mut table = Box::new([0; 1 << (TABLE_BITS - 5)]);
        let by_length = |index: &u32| literals[*index as usize].0.bytes.len();
        // Those first that have least choice.
        let mut order: Vec<u32> = (0..literals.len() as u32).collect();
        order.sort_by_key(by_length);
        let short = order.partition_point(|index| by_length(index) < GRAM);
        let long = order.split_off(short);
        let mut by_bucket: Vec<(usize, u32, usize)> = Vec::with_capacity(long.len());
        for &index in &long {
            let (literal, context) = &literals[index as usize];
            let at = gram_of(literal, &pairs[..]);
            for first in cases(literal, at) {
                cases(literal, at + 1).for_each(|second| set(&mut pairs[..], pair(first, second)));
                let four =
                    |next| u32::from_le_bytes([first, literal.bytes[at + 1], literal.bytes[at + 2], next]);
                nexts(literal, context, at + GRAM).for_each(|next| set(&mut table[..], place(four(next))));
            }
            by_bucket.push((hash(folded(&literal.bytes[at..at + GRAM]), BUCKET_BITS), index, at));
        }
        by_bucket.sort_unstable();
        let mut next = 0;
        let buckets = std::array::from_fn(|bucket| {
            next += by_bucket[next..].iter().take_while(|one| one.0 < bucket).count();
            next as u32
        });
        let candidate = |(_, index, at)| Candidate::new(index, at, &literals[index as usize].0.bytes);
        let candidates = by_bucket.into_iter().map(candidate).collect();
        let longest = literals.iter().map(|(literal, context)| 1 + literal.bytes.len() + context.behind());
        let longest = longest.max().unwrap_or(0);
        Self { literals, short: order, longest, pairs, table, buckets: Box::new(buckets), candidates }
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
        let end = range.end.saturating_sub(GRAM - 1);
        let mut padded = [0; READ];
        for at in range.clone().step_by(CHUNK) {
            let places = end.saturating_sub(at).min(CHUNK);
            let rest = &text[at..];
            let bytes = rest.first_chunk().unwrap_or_else(|| {
                padded[..rest.len()].copy_from_slice(rest);
                &padded
            });
            self.look(bytes, places, |place| self.check(text, at + place, &mut found));
        }
    }

    /// Calls `found` for the first `places` bytes at which grams may begin.
    #[inline]
    fn look(&self, bytes: &[u8; READ], places: usize, found: impl FnMut(usize)) {
        // To take the number of a place modulo 256 spares a check.
        const { assert!(CHUNK < 256) };
        let mut maybe = [0; 256];
        let mut count = 0;
        for step in (0..places).step_by(STEP) {
            let mut note = |at: usize, word: u64| {
                maybe[count & 255] = at as u8;
                count += usize::from(is_set(&self.pairs[..], word as u32 & 0xffff));
            };
            let word = |at: usize| bytes[at..].first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
            let (here, next) = (word(step), word(step + 1));
            for at in (0..STEP).step_by(2) {
                note(step + at, here >> (8 * at));
                note(step + at + 1, next >> (8 * at));
            }
        }
        let mut left = 0;
        for index in 0..count {
            let at = maybe[index & 255];
            let four = bytes[usize::from(at)..].first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
            maybe[left & 255] = at;
            left += usize::from(is_set(&self.table[..], place(four)));
        }
        // The last step may have gone beyond.
        maybe[..left].iter().map(|at| usize::from(*at)).take_while(|at| *at < places).for_each(found);
    }

    #[inline(never)]
    fn check(&self, text: &[u8], at: usize, found: &mut impl FnMut(Hit)) {
        let Some(gram) = text.get(at..at + GRAM).map(folded) else { return };
        let bucket = hash(gram, BUCKET_BITS);
        let range = self.buckets[bucket] as usize..self.buckets[bucket + 1] as usize;
        for &Candidate { literal, offset, first, mask } in &self.candidates[range] {
            let Some(start) = at.checked_sub(offset) else { continue };
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

/// Two bytes as a number.
fn pair(first: u8, second: u8) -> u32 {
    u16::from_le_bytes([first, second]).into()
}

/// Where the table tells of a gram and the byte behind it: by the case of the first only, and by four bits
/// of the last that are the same in both cases.
#[inline]
fn place(four: u32) -> u32 {
    (four & 0x0fdf_dfff).wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS)
}

#[inline]
fn is_set(bits: &[u32], at: u32) -> bool {
    bits[at as usize >> 5] >> (at & 31) & 1 == 1
}

fn set(bits: &mut [u32], at: u32) {
    bits[at as usize >> 5] |= 1 << (at & 31);
}

/// What may stand for a byte of a literal.
fn cases(literal: &Literal, at: usize) -> impl Iterator<Item = u8> + use<> {
    let byte = literal.bytes[at];
    let has_cases = literal.fold && byte.is_ascii_alphabetic();
    [byte, byte ^ 0x20].into_iter().take(1 + usize::from(has_cases))
}

/// What may stand at a place in or behind a literal, as far as [`place`] tells it apart.
fn nexts(literal: &Literal, context: &Context, at: usize) -> impl Iterator<Item = u8> + use<> {
    let all: u16 = match (literal.bytes.get(at), &context.tail) {
        (Some(byte), _) => 1 << (byte & 15),
        (None, Some(tail)) => {
            let sixteens =
                tail.class.iter().flat_map(|bits| [0, 16, 32, 48].map(|from| (bits >> from) as u16));
            sixteens.fold(0, |all, bits| all | bits)
        }
        (None, None) => u16::MAX,
    };
    (0..16).filter(move |next| all >> next & 1 == 1)
}

/// Where in a literal the gram begins that costs least to look for: for each place where its first two
/// bytes stand in source text, unless they are looked for anyhow, and where it stands itself.
fn gram_of(literal: &Literal, pairs: &[u32]) -> usize {
    let cost = |at: usize| {
        let mut cost = grams::count(&literal.bytes[at..at + GRAM]);
        for first in cases(literal, at) {
            for second in cases(literal, at + 1).filter(|second| !is_set(pairs, pair(first, *second))) {
                cost += grams::pair_count([first, second]);
            }
        }
        cost
    };
    let costs = (0..=literal.bytes.len() - GRAM).map(|at| (at, cost(at)));
    costs.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at)
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

    #[test]
    fn places_are_looked_at_across_chunks_and_not_beyond_the_range() {
        let literal = Literal { bytes: b"key".to_vec(), fold: true };
        let prefilter = Prefilter::new(vec![(literal, Context::default())]);
        for length in [CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + GRAM, 2 * CHUNK + 5] {
            for at in 0..=length - GRAM {
                let mut text = vec![b'k'; length];
                text[at..at + GRAM].copy_from_slice(b"KeY");
                for (range, seen) in [(0..length, 1), (at..at + GRAM, 1), (0..at + 2, 0), (at + 1..length, 0)]
                {
                    let mut hits = Vec::new();
                    prefilter.find(&text, range.clone(), |hit| hits.push(hit.at));
                    assert_eq!(hits, vec![at; seen], "{at} of {length} in {range:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn sees_each_literal_once_wherever_it_stands(
            words in proptest::collection::vec(("[aAbB_@`{\\[-]{1,9}", any::<bool>()), 1..6),
            text in proptest::collection::vec(prop::sample::select(b"aAbB_-@`{[\n\x81\xa1".to_vec()), 0..600),
            cut in 0usize..600,
        ) {
            let literals: Vec<Literal> = words
                .into_iter()
                .map(|(word, fold)| Literal {
                    bytes: if fold { word.to_ascii_lowercase().into_bytes() } else { word.into_bytes() },
                    fold,
                })
                .collect();
            let prefilter =
                Prefilter::new(literals.iter().map(|literal| (literal.clone(), Context::default())).collect());
            let find = |range: Range<usize>| {
                let mut hits = Vec::new();
                prefilter.find(&text, range, |hit| hits.push(hit));
                hits.sort();
                hits
            };
            prop_assert_eq!(find(0..text.len()), plain(&literals, &text));
            // In a part of the text: each that lies in it, once, and of the others some.
            let part = text.len().min(cut)..text.len().min(2 * cut);
            let hits = find(part.clone());
            let all = plain(&literals, &text);
            prop_assert!(hits.iter().all(|hit| all.contains(hit)) && hits.is_sorted_by(|a, b| a < b));
            for hit in all {
                let end = hit.at + literals[hit.literal as usize].bytes.len();
                prop_assert!(hits.contains(&hit) || hit.at < part.start || part.end < end, "{hit:?} in {part:?}");
            }
        }

        #[test]
        fn long_literals_count_with_their_tails(
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
