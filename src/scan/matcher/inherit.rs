//! Matching a text that is made of pieces of another one, as git's deltas are: only what is new is
//! searched. The result is the same as searching the whole text. For every literal lies whole in one
//! copied run or in a fresh range, and every match lies in the window of a literal that it holds; so one
//! around which nothing matches, or nothing that the caller keeps, adds nothing wherever the bytes that
//! this depends on stand again: only around the others, the live ones, expressions are run.

use super::probe::{FARTHEST, effort};
use super::window::Sides;
use super::{Group, Match, Matcher, Scratch, Use};
use crate::scan::decode::TOKEN_WINDOW;
use crate::scan::location::lines;
use crate::scan::pieces::{Piece, fresh_ranges, runs, seek};
use regex_automata::hybrid::dfa::Cache;
use std::ops::Range;

/// Bytes about a window that an assertion (`\b`, `$`) may look at: a character. Also, what depends on all
/// of the text to one side so depends on where the text begins or ends.
pub(super) const LOOK_AROUND: usize = 4;
/// Stands for the whole text.
const FAR: u16 = u16::MAX;

/// What was learnt of a text: its literals, by place.
#[derive(Debug, Default)]
pub(crate) struct Learnt {
    seen: Vec<Seen>,
    /// How many of them are live.
    live: usize,
    /// The most bytes to one side that a verdict depends on.
    reach: usize,
}

/// A literal in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    at: u32,
    literal: u32,
    /// On how many bytes before `at`, and from there on, the verdict depends, without its context.
    before: u16,
    after: u16,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Not known yet.
    Open,
    /// A rule may find something around it.
    Live,
    /// What rules find around it is not kept.
    Spent,
    /// None finds anything around it.
    Dead,
}

impl Seen {
    fn open(at: usize, literal: u32) -> Self {
        Self { at: at as u32, literal, before: 0, after: 0, verdict: Verdict::Open }
    }

    fn key(&self) -> (u32, u32) {
        (self.at, self.literal)
    }

    /// Gives a verdict that holds as long as these bytes, and a character about them, are the same.
    fn settle(&mut self, verdict: Verdict, depends_on: &Range<usize>) {
        let at = self.at as usize;
        let (before, after) = (at - depends_on.start.min(at), depends_on.end.max(at) - at);
        *self = if before <= FARTHEST && after <= FARTHEST {
            Self { before: before as u16, after: after as u16, verdict, ..*self }
        } else {
            Self { before: FAR, after: FAR, verdict: Verdict::Live, ..*self }
        };
    }

    /// On how many bytes before its place, and from there on, the verdict depends.
    fn reach(&self) -> (usize, usize) {
        match self.before {
            FAR => (usize::MAX / 2, usize::MAX / 2),
            before => (usize::from(before) + LOOK_AROUND, usize::from(self.after) + LOOK_AROUND),
        }
    }
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

impl Learnt {
    /// Whether something may be found in the text.
    pub(crate) fn is_live(&self) -> bool {
        self.live > 0
    }

    /// What the verdicts on the literals depend on if none is live, in their order; and whether
    /// something was found there and not kept.
    pub(crate) fn verdicts(&self, text_len: usize) -> impl Iterator<Item = (Range<usize>, bool)> + '_ {
        self.seen.iter().map(move |one| {
            let (at, (before, after)) = (one.at as usize, one.reach());
            let range = at.saturating_sub(before)..(at + after).min(text_len);
            (range, one.verdict == Verdict::Spent)
        })
    }

    fn of(seen: Vec<Seen>) -> Self {
        let live = seen.iter().filter(|one| one.verdict == Verdict::Live).count();
        let reach = seen.iter().map(Seen::reach).map(|(before, after)| before.max(after)).max().unwrap_or(0);
        Self { seen, live, reach }
    }
}

impl Matcher {
    /// What there is to learn of a text of less than 4 GiB.
    pub(crate) fn learn(&self, text: &[u8], scratch: &mut Scratch) -> Learnt {
        scratch.fresh.clear();
        scratch.stretches.clear();
        self.see(text, 0..text.len(), scratch);
        self.judged(text, Vec::new(), scratch)
    }

    /// As [`Self::learn`], with what is known of a text that this one is made of. What the verdicts
    /// depend on that are not inherited is then in `scratch.judged`.
    pub(crate) fn learn_delta(&self, text: &[u8], delta: &Delta<'_>, scratch: &mut Scratch) -> Learnt {
        scratch.fresh.clear();
        scratch.stretches.clear();
        let inherited = self.inherited(delta, &mut scratch.fresh);
        let window = self.prefilter.longest().max(TOKEN_WINDOW);
        let fresh = fresh_ranges(delta.pieces, delta.base_len, window);
        let mut stretches = std::mem::take(&mut scratch.stretches);
        scratch.quiet.recall(text, fresh, window - TOKEN_WINDOW, &mut stretches);
        stretches.retain_mut(|stretch| {
            if !stretch.has_no_literal() && self.see(text, stretch.range.clone(), scratch) == 0 {
                stretch.set_no_literal();
            }
            !stretch.has_no_token()
        });
        scratch.stretches = stretches;
        self.judged(text, inherited, scratch)
    }

    /// Every match in a text that this was learnt of and that may be kept, as [`Self::run`] gives it.
    pub(crate) fn find_learnt(
        &self,
        text: &[u8],
        learnt: &Learnt,
        scratch: &mut Scratch,
        found: &mut Vec<Match>,
    ) {
        let runs_whole = |one: &Seen| self.wholes[one.literal as usize];
        let runs_nowhere =
            self.is_anchored || self.unanchored.is_empty() && !learnt.seen.iter().any(runs_whole);
        if learnt.live == 0 && runs_nowhere {
            return;
        }
        self.prepare(scratch);
        for one in &learnt.seen {
            let live = (one.verdict != Verdict::Dead).then_some(one.verdict == Verdict::Live);
            scratch.note(&self.uses[one.literal as usize], one.at as usize, live);
        }
        self.run(text, scratch, found);
    }

    /// Notes the literals in a range of a text, and gives their number.
    fn see(&self, text: &[u8], range: Range<usize>, Scratch { tally, fresh, .. }: &mut Scratch) -> usize {
        let before = fresh.len();
        tally.searched += range.len();
        self.prefilter.find(text, range, |hit| fresh.push(Seen::open(hit.at, hit.literal)));
        tally.literals += fresh.len() - before;
        fresh.len() - before
    }

    /// The base's literals that lie whole in a copied run, with the verdicts that still hold; those
    /// whose verdicts do not are `open`.
    fn inherited(&self, delta: &Delta<'_>, open: &mut Vec<Seen>) -> Vec<Seen> {
        let known = &delta.learnt.seen[..];
        let mut inherited = Vec::with_capacity(if known.is_empty() { 0 } else { known.len() + 8 });
        let margin = delta.learnt.reach.max(self.prefilter.longest());
        let mut next = 0;
        for run in runs(delta.pieces, delta.base_len).take_while(|_| !known.is_empty()) {
            let first = seek(known, next, before(run.base.start));
            next = seek(known, first, before(run.base.end));
            let here = &known[first..next];
            if here.is_empty() {
                continue;
            }
            // Only near the ends of the run a verdict may not hold.
            let head = here.iter().take_while(|one| one.at as usize - run.base.start < margin).count();
            let (head, rest) = here.split_at(head);
            let tail = rest.iter().rev().take_while(|one| run.base.end - (one.at as usize) < margin).count();
            let (body, tail) = rest.split_at(rest.len() - tail);
            let moved = |one: &Seen| Seen { at: run.here(one.at as usize) as u32, ..*one };
            let mut carry = |one: &Seen, inherited: &mut Vec<Seen>| {
                let (at, (before, after)) = (one.at as usize, one.reach());
                if run.has(&(at..at), before, after) {
                    inherited.push(moved(one));
                } else if run.has(&(at..at + self.prefilter.length(one.literal)), 0, 0) {
                    open.push(Seen::open(run.here(at), one.literal));
                }
            };
            head.iter().for_each(|one| carry(one, &mut inherited));
            inherited.extend(body.iter().map(moved));
            tail.iter().for_each(|one| carry(one, &mut inherited));
        }
        inherited
    }

    /// All literals of a text, of which some are inherited; judges the fresh ones. Of a literal that is
    /// both, the inherited verdict counts.
    fn judged(&self, text: &[u8], inherited: Vec<Seen>, scratch: &mut Scratch) -> Learnt {
        let Scratch { fresh, judged, probes, .. } = scratch;
        judged.clear();
        if fresh.is_empty() {
            return Learnt::of(inherited);
        }
        probes.resize_with(self.rules.len(), || None);
        fresh.sort_unstable_by_key(Seen::key);
        fresh.dedup_by_key(|one| one.key());
        let mut seen = Vec::with_capacity(inherited.len() + fresh.len());
        let (mut done, mut effort) = (0, effort(text));
        for mut one in fresh.drain(..) {
            let here = seek(&inherited, done, before(one.at as usize));
            let same = inherited[here..].iter().take_while(|other| other.key() < one.key()).count();
            let here = here + same;
            if inherited.get(here).is_some_and(|other| other.key() == one.key()) {
                continue;
            }
            seen.extend_from_slice(&inherited[done..here]);
            done = here;
            judged.push(self.judge(text, &mut one, &mut effort, probes));
            seen.push(one);
        }
        seen.extend_from_slice(&inherited[done..]);
        Learnt::of(seen)
    }

    /// Judges whether a match can be around a literal. Gives what that depends on; where one can, all that
    /// matches could take, for more of them may come where that changes.
    fn judge(
        &self,
        text: &[u8],
        one: &mut Seen,
        effort: &mut usize,
        probes: &mut [Option<Box<Cache>>],
    ) -> Range<usize> {
        let at = one.at as usize;
        let mut depends_on = at..at + self.prefilter.length(one.literal);
        for (rule, sides) in self.anchors_of(one.literal) {
            let (is_live, looked) = self.rules[rule].look(text, at, sides, effort, &mut probes[rule]);
            widen(&mut depends_on, &looked);
            if is_live {
                one.settle(Verdict::Live, &depends_on);
                for (_, sides) in self.anchors_of(one.literal) {
                    let window = sides.window_within(text, at, &mut effort.clone());
                    widen(&mut depends_on, &window.unwrap_or(0..text.len()));
                }
                return depends_on;
            }
        }
        one.settle(Verdict::Dead, &depends_on);
        depends_on
    }

    /// Settles the literals around which only such matches were found as the caller does not keep, for
    /// reasons that lie in their lines alone. For what was `found`, last of all, with `scratch`.
    pub(crate) fn settle(
        &self,
        text: &[u8],
        learnt: &mut Learnt,
        found: &[Match],
        kept: &[bool],
        scratch: &Scratch,
    ) {
        if learnt.live == 0 {
            return;
        }
        let spent = scratch.groups.iter().map(|group| (group, group.spent(text, found, kept)));
        let spent: Vec<(&Group, Option<Range<usize>>)> = spent.collect();
        // What depends on too much to be inherited does so then, too.
        let may_settle = |one: &&mut Seen| one.verdict == Verdict::Live && one.before != FAR;
        for one in learnt.seen.iter_mut().filter(may_settle) {
            if let Some(depends_on) = self.spent(text, one, &spent) {
                one.settle(Verdict::Spent, &depends_on);
            }
        }
        *learnt = Learnt::of(std::mem::take(&mut learnt.seen));
    }

    /// What it depends on that nothing comes of a literal, by the searches around it; none where
    /// something may.
    fn spent(
        &self,
        text: &[u8],
        one: &Seen,
        groups: &[(&Group, Option<Range<usize>>)],
    ) -> Option<Range<usize>> {
        let at = one.at as usize;
        let mut depends_on = at..at + self.prefilter.length(one.literal);
        for (rule, sides) in self.anchors_of(one.literal) {
            let window = sides.window(text, at);
            widen(&mut depends_on, &window);
            if !sides.may_match_in(&text[window]) {
                continue;
            }
            let past = groups.partition_point(|(group, _)| (group.rule, group.window.start) <= (rule, at));
            // None where its keyword held the rule back.
            let (group, spent) = past.checked_sub(1).map(|last| &groups[last])?;
            if group.rule != rule || group.window.end <= at {
                return None;
            }
            widen(&mut depends_on, spent.as_ref()?);
        }
        Some(depends_on)
    }

    /// The rules that anchor at a literal, each with what is around it.
    fn anchors_of(&self, literal: u32) -> impl Iterator<Item = (usize, &Sides)> {
        self.uses[literal as usize].iter().filter_map(|&use_| match use_ {
            Use::Anchor { rule, anchor } => {
                Some((rule as usize, &self.rules[rule as usize].anchors[anchor as usize]))
            }
            Use::Keyword { .. } => None,
        })
    }
}

impl Group {
    /// What it depends on that nothing was found here, or only what is not kept; none where that is
    /// not so, or where it is too much.
    fn spent(&self, text: &[u8], found: &[Match], kept: &[bool]) -> Option<Range<usize>> {
        if kept[self.found.clone()].contains(&true) {
            return None;
        }
        let mut depends_on = self.window.clone();
        for one in &found[self.found.clone()] {
            widen(&mut depends_on, &one.range);
            widen(&mut depends_on, &lines(text, one.range.clone()));
            if depends_on.len() > 2 * FARTHEST {
                return None;
            }
        }
        Some(depends_on)
    }
}

fn widen(range: &mut Range<usize>, by: &Range<usize>) {
    *range = range.start.min(by.start)..range.end.max(by.end);
}

/// Whether a literal lies before a place.
fn before(place: usize) -> impl Fn(&Seen) -> bool {
    move |one| (one.at as usize) < place
}
