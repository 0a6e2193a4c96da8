//! Whether a rule may find something around a literal, and how far one must look to tell. Apart from the
//! matcher's own search because it finds no places and may be wrong in one direction: it takes long
//! repetitions for ones without end. So an expression is a small automaton, made while it runs, and where
//! nothing ever matches the expression itself is never compiled.

use super::window::Sides;
use super::{AnchorHit, Compiled, LARGEST};
use crate::scan::analysis;
use regex_automata::hybrid::dfa::{self, Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::start::Config as Start;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Hir, HirKind, Repetition};
use std::ops::Range;

/// A repetition that may be longer is taken for one without end.
const MOST_TIMES: u32 = 64;
/// Bytes that the states of one may take in each thread.
const CACHE: usize = 1 << 19;
/// A literal with a longer window is not looked around: windows may overlap.
const LONGEST_WINDOW: usize = 2048;
/// What depends on more than so many bytes to one side is not inherited.
pub(super) const FARTHEST: usize = 1 << 14;
/// So many bytes, and so many times the text, are looked at around the literals of a text: where they
/// crowd, windows overlap, and one search for all of them costs less.
const LEAST_EFFORT: usize = 1 << 16;
const MOST_EFFORT: usize = 16;

/// How many bytes may be looked at around all literals of a text.
pub(super) fn effort(text: &[u8]) -> usize {
    LEAST_EFFORT + MOST_EFFORT * text.len()
}

/// An expression that can be probed for.
#[derive(Debug)]
pub(super) struct Probe(DFA);

impl Probe {
    /// None where the expression is too large.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let config = thompson::Config::new()
            .utf8(false)
            .nfa_size_limit(Some(LARGEST))
            .which_captures(WhichCaptures::None);
        let wider = wider(&analysis::parse(pattern).ok()?);
        let automaton = thompson::Compiler::new().configure(config).build_from_hir(&wider).ok()?;
        let config = dfa::Config::new().cache_capacity(CACHE).skip_cache_capacity_check(true);
        dfa::Builder::new().configure(config).build_from_nfa(automaton).ok().map(Self)
    }

    /// What [`Self::matches`] and [`Self::begins`] need, for one thread.
    pub(super) fn cache(&self) -> Cache {
        self.0.create_cache()
    }

    /// Whether a match may lie in a range of a text; none where this cannot tell.
    pub(super) fn matches(&self, text: &[u8], range: Range<usize>, cache: &mut Cache) -> Option<bool> {
        let found = self.0.try_search_fwd(cache, &Input::new(text).span(range).earliest(true));
        found.ok().map(|found| found.is_some())
    }

    /// Whether a match may lie in a range of a text, from its first byte on, and where what tells so ends.
    /// None where this cannot tell.
    pub(super) fn begins(
        &self,
        text: &[u8],
        range: Range<usize>,
        cache: &mut Cache,
    ) -> Option<(bool, usize)> {
        let Self(dfa) = self;
        let before = range.start.checked_sub(1).map(|before| text[before]);
        let start = Start::new().look_behind(before).anchored(Anchored::Yes);
        let mut state = dfa.start_state(cache, &start).ok()?;
        for at in range.clone() {
            state = dfa.next_state(cache, state, text[at]).ok()?;
            if state.is_quit() {
                return None;
            }
            if state.is_match() || state.is_dead() {
                return Some((state.is_match(), at + 1));
            }
        }
        // It says so one byte late.
        let last = match text.get(range.end) {
            Some(byte) => dfa.next_state(cache, state, *byte),
            None => dfa.next_eoi_state(cache, state),
        };
        let last = last.ok().filter(|last| !last.is_quit())?;
        Some((last.is_match(), range.end))
    }
}

impl Compiled {
    /// Whether the rule finds nothing around any of its literals; asked only as long as its expression was
    /// not needed, for to compile that costs more.
    pub(super) fn is_ruled_out(
        &self,
        text: &[u8],
        hits: &[AnchorHit],
        cache: &mut Option<Box<Cache>>,
    ) -> bool {
        if self.regex.get().is_some() {
            return false;
        }
        let mut effort = effort(text);
        let may_match = |hit: &AnchorHit| {
            let sides = &self.anchors[hit.anchor as usize];
            self.look(text, hit.at, sides, &mut effort, cache).0
        };
        !hits.iter().any(may_match)
    }

    /// Whether the rule may find something around a literal, and what that depends on. It may where more
    /// than `effort` would have to be looked at, of which it takes what it looked at.
    pub(super) fn look(
        &self,
        text: &[u8],
        at: usize,
        sides: &Sides,
        effort: &mut usize,
        cache: &mut Option<Box<Cache>>,
    ) -> (bool, Range<usize>) {
        if let Some(distance) = sides.distance() {
            // That the text begins is no byte; what depends on all up to there holds only there (`Seen::reach`).
            let Some(start) = at.checked_sub(distance) else { return (false, 0..at) };
            let bound = sides.most_after();
            let most = bound.map_or(text.len(), |bound| text.len().min(at.saturating_add(bound)));
            // What counts the bytes up to a token has a state for each; a run is seen to be missing in no time.
            // A verdict that depends on more than is inherited is of no use.
            let is_cheap = bound.is_some() && most - start <= FARTHEST.min(*effort);
            if is_cheap {
                *effort -= most - start;
                if !sides.may_match(text, at) {
                    return (false, start..most);
                }
            }
            let range = start..most.min(start + FARTHEST.min(*effort));
            let told = self.probe(cache).and_then(|(probe, cache)| probe.begins(text, range.clone(), cache));
            let (may_match, end) = told.unwrap_or((true, range.end));
            *effort -= end - start;
            // Where it has not looked at everything, one may match yet.
            return (may_match || end == range.end && end < most, start..end);
        }
        let Some(window) = sides.window_within(text, at, effort) else { return (true, 0..text.len()) };
        let mut may_match = || {
            let told =
                self.probe(cache).and_then(|(probe, cache)| probe.matches(text, window.clone(), cache));
            told.unwrap_or(true)
        };
        let is_live = sides.may_match_in(&text[window.clone()])
            && (window.len() > LONGEST_WINDOW.min(*effort) || may_match());
        (is_live, window)
    }

    fn probe<'s, 'c>(&'s self, cache: &'c mut Option<Box<Cache>>) -> Option<(&'s Probe, &'c mut Cache)> {
        let probe = self.probe.get_or_init(|| self.rule.regex.as_deref().and_then(Probe::new)).as_ref()?;
        Some((probe, cache.get_or_insert_with(|| Box::new(probe.cache()))))
    }
}

/// An expression that matches wherever this one does.
fn wider(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Capture(capture) => wider(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(wider).collect()),
        HirKind::Alternation(branches) => Hir::alternation(branches.iter().map(wider).collect()),
        HirKind::Repetition(repetition) => {
            let max = repetition.max.filter(|max| *max <= repetition.min.max(MOST_TIMES));
            Hir::repetition(Repetition { max, sub: Box::new(wider(&repetition.sub)), ..*repetition })
        }
        _ => hir.clone(),
    }
}
