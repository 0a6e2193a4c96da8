//! Whether an expression matches somewhere, and how far one must look to tell. Apart from the matcher's own
//! search because it finds no places and may be wrong in one direction: it takes long repetitions for ones
//! without end. So it is a small automaton, made while it runs, and where nothing ever
//! matches the expression itself is never compiled.

use super::LARGEST;
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
