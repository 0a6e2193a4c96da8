//! Matching a text that is made of pieces of another one, as git's deltas are: what is known of the
//! base is carried over, and only what is new is searched. The result is the same as searching the
//! whole text; property tests keep it so.
//!
//! Why it is the same: every literal lies whole in one copied run or in a fresh range, so none is
//! missed. Every match holds a literal and lies in that literal's window. So a literal in whose
//! window nothing matches adds nothing, here or wherever the same window stands with the same bytes
//! about it; only the others, the live ones, are given to the matcher.

use super::{Matcher, Scratch, Use};
use crate::scan::pieces::{Piece, carried, fresh_ranges};
use regex_automata::{Anchored, Input};
use std::ops::Range;

/// Bytes about a window that an assertion (`\b`, `$`) may look at: a character.
const CONTEXT: u32 = 4;
/// Literals with longer windows are always live: windows may overlap, and each is searched.
const LONGEST_WINDOW: usize = 512;

/// What was learnt of a text: its literals, by place.
#[derive(Debug, Default)]
pub(crate) struct Learnt(Vec<Seen>);

/// A literal in a text.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: u32,
    literal: u32,
    /// What the verdict depends on, without its context.
    start: u32,
    end: u32,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Not known yet.
    Open,
    /// A rule may match around it.
    Live,
    /// None can.
    Dead,
}

/// How a text is made of another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delta<'a> {
    /// Bytes of the other.
    pub(crate) base_len: usize,
    /// What was learnt of it.
    pub(crate) learnt: &'a Learnt,
    /// The pieces, in order.
    pub(crate) pieces: &'a [Piece],
}

impl Matcher {
    /// As [`Self::find`], and learns what [`Self::find_in_delta`] wants to know. For texts of less
    /// than 4 GiB.
    pub(crate) fn find_and_learn(
        &self,
        text: &[u8],
        scratch: &mut Scratch,
        found: &mut Vec<super::Match>,
    ) -> Learnt {
        let mut seen = Vec::new();
        self.see(text, 0..text.len(), &mut seen);
        self.judge_and_match(text, seen, scratch, found)
    }

    /// As [`Self::find_and_learn`], with what is known of a text that this one is made of.
    pub(crate) fn find_in_delta(
        &self,
        text: &[u8],
        delta: &Delta<'_>,
        scratch: &mut Scratch,
        found: &mut Vec<super::Match>,
    ) -> Learnt {
        let mut seen = self.inherited(text, delta);
        for range in fresh_ranges(delta.pieces, delta.base_len, self.prefilter.longest()) {
            self.see(text, range, &mut seen);
        }
        self.judge_and_match(text, seen, scratch, found)
    }

    fn see(&self, text: &[u8], range: Range<usize>, seen: &mut Vec<Seen>) {
        let start = range.start;
        self.prefilter.find(&text[range], |hit| {
            let at = (start + hit.at) as u32;
            seen.push(Seen { at, literal: hit.literal, start: at, end: at, verdict: Verdict::Open });
        });
    }

    /// The base's literals that lie whole in a copied run, with the verdicts that still hold.
    fn inherited(&self, text: &[u8], delta: &Delta<'_>) -> Vec<Seen> {
        let known = &delta.learnt.0;
        let place = |seen: &Seen| {
            let at = seen.at as usize;
            at..at + self.prefilter.length(seen.literal)
        };
        let mut seen = Vec::with_capacity(known.len() + 8);
        let mut pieces = delta.pieces.iter().peekable();
        for (one, range) in carried(delta.pieces, known, place) {
            while pieces.next_if(|piece| piece.range().end < range.end).is_some() {}
            let Some(&&Piece::Copy { base_offset, len, offset }) = pieces.peek() else { continue };
            let begins =
                base_offset == 0 && offset == 0 || one.start as usize >= base_offset + CONTEXT as usize;
            let ends = base_offset + len == delta.base_len && offset + len == text.len()
                || (one.end + CONTEXT) as usize <= base_offset + len;
            let here = |there: u32| (there as usize - base_offset + offset) as u32;
            seen.push(if begins && ends {
                Seen { at: range.start as u32, start: here(one.start), end: here(one.end), ..*one }
            } else {
                let at = range.start as u32;
                Seen { at, literal: one.literal, start: at, end: at, verdict: Verdict::Open }
            });
        }
        seen
    }

    fn judge_and_match(
        &self,
        text: &[u8],
        mut seen: Vec<Seen>,
        scratch: &mut Scratch,
        found: &mut Vec<super::Match>,
    ) -> Learnt {
        // Stable, so that of two the inherited one stays.
        seen.sort_by_key(|one| (one.at, one.literal));
        seen.dedup_by_key(|one| (one.at, one.literal));
        let mut matters = !self.unanchored.is_empty();
        for one in &mut seen {
            if one.verdict == Verdict::Open {
                self.judge(text, one);
            }
            matters |= one.verdict == Verdict::Live || self.wholes[one.literal as usize];
        }
        if matters {
            self.prepare(scratch);
            for one in &seen {
                let uses = &self.uses[one.literal as usize];
                scratch.note(uses, one.at as usize, one.verdict == Verdict::Live);
            }
            self.run(text, scratch, found);
        }
        Learnt(seen)
    }

    /// Whether a match can be around a literal.
    fn judge(&self, text: &[u8], one: &mut Seen) {
        let at = one.at as usize;
        one.end = (at + self.prefilter.length(one.literal)) as u32;
        one.verdict = Verdict::Dead;
        for &use_ in &self.uses[one.literal as usize] {
            let Use::Anchor { rule, anchor } = use_ else { continue };
            let compiled = &self.rules[rule as usize];
            let sides = &compiled.anchors[anchor as usize];
            let window = sides.window(text, at);
            one.start = one.start.min(window.start as u32);
            one.end = one.end.max(window.end as u32);
            if !sides.may_match(text, at) {
                continue;
            }
            let matches = window.len() > LONGEST_WINDOW
                || match compiled.regex() {
                    Some(Ok(regex)) if compiled.starts_at_literal => {
                        let input = Input::new(text).span(at..text.len()).anchored(Anchored::Yes);
                        regex.is_match(input.earliest(true))
                    }
                    Some(Ok(regex)) => regex.is_match(Input::new(text).span(window).earliest(true)),
                    _ => false,
                };
            if matches {
                one.verdict = Verdict::Live;
                return;
            }
        }
    }
}
