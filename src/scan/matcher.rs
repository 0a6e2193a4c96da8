//! Runs rules over a text: finds their literals, and runs each regular expression only where one of
//! its own stands. The result is the same as running every expression over the whole text; a
//! property test keeps it so.
//!
//! It knows nothing of files, entropy or allowlists: a `Match` is a rule and two ranges.

mod inherit;
mod memo;
mod probe;
mod window;

pub(crate) use inherit::{Delta, Learnt};

use super::analysis::{self, Anchor, Context, Literal};
use super::prefilter::Prefilter;
use super::quiet::{Quiet, Stretch};
use super::rule::Rule;
use memo::Memo;
use probe::{Probe, effort};
use regex_automata::hybrid::dfa::Cache;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, meta};
use rustc_hash::FxHashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use window::{AllCosts, Sides};

/// Bytes that an expression may be once it is compiled.
const LARGEST: usize = 16 << 20;

/// What a rule's expression found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// The rule's number.
    pub(crate) rule: usize,
    /// The whole match, without line ends at either end.
    pub(crate) range: Range<usize>,
    /// The secret in it.
    pub(crate) secret: Range<usize>,
}

/// A regular expression that no engine of bounded size can run.
#[derive(Clone, Debug, thiserror::Error)]
#[error("rule {rule}: {cause}; make the expression smaller")]
pub struct CompileError {
    /// The rule.
    pub rule: String,
    /// What the engine says.
    pub cause: String,
}

/// Rules, ready to run; shared by all threads.
#[derive(Debug)]
pub(crate) struct Matcher {
    rules: Vec<Compiled>,
    prefilter: Prefilter,
    /// What each literal of the prefilter stands for.
    uses: Vec<Vec<Use>>,
    /// Rules that neither literals nor keywords can hold back.
    unanchored: Vec<usize>,
    /// By literal: whether it is a keyword of a rule that runs over whole texts.
    wholes: Vec<bool>,
    /// No rule runs over whole texts.
    is_anchored: bool,
}

#[derive(Debug)]
struct Compiled {
    rule: Arc<Rule>,
    regex: OnceLock<Result<meta::Regex, CompileError>>,
    probe: OnceLock<Option<Probe>>,
    /// None: runs over whole texts.
    anchors: Vec<Sides>,
    /// Every match starts at a literal.
    starts_at_literal: bool,
}

#[derive(Clone, Copy, Debug)]
enum Use {
    Anchor { rule: u32, anchor: u32 },
    Keyword { rule: u32 },
}

/// A literal of an anchor that stands in a text.
#[derive(Clone, Debug)]
struct AnchorHit {
    at: usize,
    anchor: u32,
    /// What the rule finds around it is wanted; otherwise it matters only where that meets it.
    live: bool,
    /// What is around it, once the rule is to be run.
    window: Range<usize>,
}

/// A search of one rule: all that it found in a window.
#[derive(Debug)]
struct Group {
    rule: usize,
    window: Range<usize>,
    /// Which of the matches.
    found: Range<usize>,
}

/// What a thread did with its scratch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Bytes in which literals were looked for.
    pub(crate) searched: usize,
    /// Literals found in them.
    pub(crate) literals: usize,
    /// Windows of which everything that an expression finds was wanted.
    pub(crate) windows: usize,
    /// What expressions found.
    pub(crate) matches: usize,
    /// What of that may be a finding.
    pub(crate) hits: usize,
}

/// What one thread needs while it matches; reused from text to text.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) tally: Tally,
    fresh: Vec<inherit::Seen>,
    quiet: Quiet,
    memo: Memo,
    /// By rule.
    probes: Vec<Option<Box<Cache>>>,
    /// The new stretches of the last text in which encoded tokens may be.
    pub(crate) stretches: Vec<Stretch>,
    /// Where the literals matter to which verdicts were given last, for they were new or had none any more.
    pub(crate) judged: Vec<Range<usize>>,
    /// The searches of the last run, by rule, then by place.
    groups: Vec<Group>,
    hits: Vec<Vec<AnchorHit>>,
    keyword: Vec<bool>,
    touched: Vec<usize>,
}

impl Scratch {
    /// Remembers what is not in the new stretches of the last text.
    pub(crate) fn remember(&mut self) {
        self.stretches.iter().for_each(|stretch| self.quiet.remember(stretch));
    }

    /// Notes a literal for the rules that use it, live or not; without a word on that, as a mere keyword.
    #[inline]
    fn note(&mut self, uses: &[Use], at: usize, live: Option<bool>) {
        for &use_ in uses {
            match use_ {
                Use::Anchor { rule, anchor } => {
                    let Some(live) = live else { continue };
                    let hits = &mut self.hits[rule as usize];
                    if hits.is_empty() {
                        self.touched.push(rule as usize);
                    }
                    hits.push(AnchorHit { at, anchor, live, window: 0..0 });
                }
                Use::Keyword { rule } => {
                    if !std::mem::replace(&mut self.keyword[rule as usize], true) {
                        self.touched.push(rule as usize);
                    }
                }
            }
        }
    }
}

/// A rule with its anchors: computed here for rules of a file, ahead of time for the built-in ones.
pub(crate) struct Analysed {
    pub(crate) rule: Arc<Rule>,
    pub(crate) anchors: Option<Vec<Anchor>>,
}

impl Analysed {
    /// Analyses a rule of a file. Its expression was parsed when the file was read.
    pub(crate) fn new(rule: Arc<Rule>) -> Self {
        let parsed = rule.regex.as_deref().and_then(|regex| analysis::parse(regex).ok());
        Self { rule, anchors: parsed.as_ref().and_then(analysis::anchors) }
    }
}

impl Matcher {
    pub(crate) fn new(rules: Vec<Analysed>) -> Self {
        let keyword = |keyword: &String| Literal { bytes: keyword.to_lowercase().into_bytes(), fold: true };
        let keywords: Vec<Vec<Literal>> =
            rules.iter().map(|one| one.rule.keywords.iter().map(keyword).collect()).collect();
        let anywhere = Context::default();
        let mut index: FxHashMap<(&Literal, &Context), u32> = FxHashMap::default();
        let mut literals: Vec<(Literal, Context)> = Vec::new();
        let mut uses: Vec<Vec<Use>> = Vec::new();
        let mut unanchored = Vec::new();
        for (number, (Analysed { rule, anchors }, keywords)) in rules.iter().zip(&keywords).enumerate() {
            if rule.regex.is_none() {
                continue;
            }
            let rule = number as u32;
            let anchors = anchors.as_deref().unwrap_or_default();
            let keywords = keywords.iter().map(|literal| (literal, &anywhere, Use::Keyword { rule }));
            let anchored = anchors.iter().zip(0..).flat_map(|(Anchor { literals, context, .. }, anchor)| {
                literals.iter().map(move |literal| (literal, context, Use::Anchor { rule, anchor }))
            });
            if anchors.is_empty() && keywords.len() == 0 {
                unanchored.push(number);
            }
            for (literal, context, use_) in keywords.chain(anchored) {
                let number = *index.entry((literal, context)).or_insert_with(|| {
                    literals.push((literal.clone(), context.clone()));
                    uses.push(Vec::new());
                    literals.len() as u32 - 1
                });
                uses[number as usize].push(use_);
            }
        }
        let mut costs = AllCosts::default();
        let compiled = |Analysed { rule, anchors }| {
            let anchors: Vec<Anchor> = anchors.unwrap_or_default();
            let anchors: Vec<Sides> = anchors.iter().map(|anchor| Sides::new(anchor, &mut costs)).collect();
            let starts_at_literal = !anchors.is_empty() && anchors.iter().all(Sides::starts_here);
            let (regex, probe) = (OnceLock::new(), OnceLock::new());
            Compiled { rule, regex, probe, anchors, starts_at_literal }
        };
        let compiled: Vec<Compiled> = rules.into_iter().map(compiled).collect();
        let runs_whole = |use_: &Use| match use_ {
            Use::Keyword { rule } => compiled[*rule as usize].anchors.is_empty(),
            Use::Anchor { .. } => false,
        };
        let wholes: Vec<bool> = uses.iter().map(|uses| uses.iter().any(runs_whole)).collect();
        let is_anchored = unanchored.is_empty() && !wholes.contains(&true);
        let prefilter = Prefilter::new(literals);
        Self { rules: compiled, prefilter, uses, unanchored, wholes, is_anchored }
    }

    /// The rules, in the order of their numbers.
    pub(crate) fn rule(&self, number: usize) -> &Arc<Rule> {
        &self.rules[number].rule
    }

    /// All rules, in the order of their numbers.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.rules.iter().map(|compiled| &compiled.rule)
    }

    /// Compiles one rule now, to see that it can be.
    pub(crate) fn compile(&self, number: usize) -> Result<(), CompileError> {
        match self.rules[number].regex() {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// The rules that were needed so far and could not be compiled: they found nothing.
    pub(crate) fn broken(&self) -> impl Iterator<Item = &CompileError> {
        self.rules.iter().filter_map(|compiled| compiled.regex.get()?.as_ref().err())
    }

    /// Whether every rule finds something only around its literals.
    pub(crate) fn is_anchored(&self) -> bool {
        self.is_anchored
    }

    /// Notes every literal in `text`, for [`Self::run`].
    pub(crate) fn note(&self, text: &[u8], scratch: &mut Scratch) {
        self.prepare(scratch);
        scratch.tally.searched += text.len();
        self.prefilter.find(text, 0..text.len(), |hit| {
            scratch.tally.literals += 1;
            scratch.note(&self.uses[hit.literal as usize], hit.at, Some(true));
        });
    }

    /// Makes room in a scratch that was used up by [`Self::run`].
    fn prepare(&self, scratch: &mut Scratch) {
        scratch.hits.resize(self.rules.len(), Vec::new());
        scratch.keyword.resize(self.rules.len(), false);
        scratch.touched.extend(&self.unanchored);
    }

    /// Every match in `text` of the rules whose literals were noted, by rule, then by place.
    pub(crate) fn run(&self, text: &[u8], scratch: &mut Scratch, found: &mut Vec<Match>) {
        let Scratch { tally, memo, groups, hits, keyword, touched, probes, .. } = scratch;
        groups.clear();
        probes.resize_with(self.rules.len(), || None);
        touched.sort_unstable();
        touched.dedup();
        for &number in touched.iter() {
            let compiled = &self.rules[number];
            let seen = std::mem::take(&mut keyword[number]) || compiled.rule.keywords.is_empty();
            let hits = &mut hits[number];
            if seen && (compiled.anchors.is_empty() || hits.iter().any(|hit| hit.live)) {
                let is_whole = compiled.anchors.is_empty();
                if is_whole || !compiled.is_ruled_out(text, hits, &mut probes[number]) {
                    let mut effort = effort(text);
                    hits.retain_mut(|hit| {
                        let sides = &compiled.anchors[hit.anchor as usize];
                        let window = sides.window_within(text, hit.at, &mut effort);
                        let may_match =
                            window.as_ref().is_none_or(|window| sides.may_match_in(&text[window.clone()]));
                        hit.window = window.unwrap_or(0..text.len());
                        may_match
                    });
                    hits.sort_unstable_by_key(|hit| (hit.at, hit.anchor));
                    compiled.find(number, text, hits, memo, found, groups);
                }
            }
            hits.clear();
        }
        touched.clear();
        tally.windows += groups.len();
    }
}

impl Compiled {
    fn find(
        &self,
        number: usize,
        text: &[u8],
        hits: &[AnchorHit],
        memo: &mut Memo,
        found: &mut Vec<Match>,
        groups: &mut Vec<Group>,
    ) {
        let Some(Ok(regex)) = self.regex() else { return };
        if self.anchors.is_empty() {
            found.extend(
                regex.find_iter(text).filter_map(|one| self.resolve(number, regex, text, one.range())),
            );
            return;
        }
        for (window, hits) in joined(hits) {
            if !hits.iter().any(|hit| hit.live) {
                continue;
            }
            let first = found.len();
            let key = memo.key(number, text, &window);
            if !memo.recall(key, &window, found) {
                let matched = self.matched(regex, text, &window, hits);
                found.extend(matched.into_iter().filter_map(|at| self.resolve(number, regex, text, at)));
                memo.remember(key, &window, &found[first..]);
            }
            groups.push(Group { rule: number, window, found: first..found.len() });
        }
    }

    /// Where the expression matches in a window.
    fn matched(
        &self,
        regex: &meta::Regex,
        text: &[u8],
        window: &Range<usize>,
        hits: &[AnchorHit],
    ) -> Vec<Range<usize>> {
        if !self.starts_at_literal {
            return regex.find_iter(Input::new(text).span(window.clone())).map(|one| one.range()).collect();
        }
        let mut matched: Vec<Range<usize>> = Vec::new();
        let mut free = 0;
        for at in hits.iter().map(|hit| hit.at) {
            let input = Input::new(text).span(at..text.len()).anchored(Anchored::Yes);
            if at >= free
                && let Some(one) = regex.find(input)
            {
                free = one.end().max(at + 1);
                matched.push(one.range());
            }
        }
        matched
    }

    /// The expression, compiled now if it was not yet; none where the rule is about paths only.
    fn regex(&self) -> Option<&Result<meta::Regex, CompileError>> {
        let pattern = self.rule.regex.as_deref()?;
        Some(self.regex.get_or_init(|| {
            build(pattern, self.anchors.is_empty()).map_err(|error| CompileError {
                rule: self.rule.id.clone(),
                cause: error.size_limit().map_or_else(
                    || error.to_string(),
                    |limit| format!("the compiled expression is over {limit} bytes"),
                ),
            })
        }))
    }

    /// Which part of a match is the secret.
    fn resolve(&self, number: usize, regex: &meta::Regex, text: &[u8], at: Range<usize>) -> Option<Match> {
        let range = trim(text, at.clone());
        if range.is_empty() {
            return None;
        }
        let mut secret = range.clone();
        if regex.captures_len() > 1 {
            let mut captures = regex.create_captures();
            regex.captures(Input::new(text).span(at.clone()).anchored(Anchored::Yes), &mut captures);
            let group = match self.rule.secret_group {
                0 => (1..captures.group_len())
                    .filter_map(|group| captures.get_group(group))
                    .find(|group| !group.is_empty()),
                group => captures.get_group(group),
            };
            secret = group.map_or(secret, |group| group.range());
        }
        Some(Match { rule: number, range, secret })
    }
}

/// The windows of all `hits`, which are in order; those that meet as one, for what one match takes
/// another cannot have. In order, each with its hits.
fn joined(hits: &[AnchorHit]) -> Vec<(Range<usize>, &[AnchorHit])> {
    let mut all: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for (number, hit) in hits.iter().enumerate() {
        let (mut window, mut first) = (hit.window.clone(), number);
        // One may begin before several others where anchors reach unequally far.
        while let Some((last, hits)) = all.pop_if(|(last, _)| last.end >= window.start) {
            (window, first) = (last.start.min(window.start)..window.end.max(last.end), hits.start);
        }
        all.push((window, first..number + 1));
    }
    all.into_iter().map(|(window, range)| (window, &hits[range])).collect()
}

/// gitleaks drops line ends from both ends of a match.
fn trim(text: &[u8], mut range: Range<usize>) -> Range<usize> {
    while !range.is_empty() && text[range.start] == b'\n' {
        range.start += 1;
    }
    while !range.is_empty() && text[range.end - 1] == b'\n' {
        range.end -= 1;
    }
    range
}

/// With `leaps`, the expression looks for literals of its own: that pays in whole texts only.
fn build(pattern: &str, leaps: bool) -> Result<meta::Regex, Box<meta::BuildError>> {
    let config = meta::Config::new().utf8_empty(false).nfa_size_limit(Some(LARGEST)).auto_prefilter(leaps);
    meta::Builder::new()
        .syntax(syntax::Config::new().unicode(false).utf8(false).nest_limit(200))
        .configure(config)
        .build(pattern)
        .map_err(Box::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(id: &str, regex: &str) -> Rule {
        Rule { id: id.to_owned(), regex: Some(regex.to_owned()), ..Rule::default() }
    }

    fn matcher(rules: Vec<Rule>) -> Matcher {
        Matcher::new(rules.into_iter().map(|rule| Analysed::new(Arc::new(rule))).collect())
    }

    fn find_with(matcher: &Matcher, text: &[u8], scratch: &mut Scratch) -> Vec<Match> {
        let mut found = Vec::new();
        matcher.note(text, scratch);
        matcher.run(text, scratch, &mut found);
        found
    }

    fn find(rules: Vec<Rule>, text: &[u8]) -> Vec<Match> {
        find_with(&matcher(rules), text, &mut Scratch::default())
    }

    fn texts<'t>(text: &'t str, found: &[Match]) -> Vec<(&'t str, &'t str)> {
        found.iter().map(|one| (&text[one.range.clone()], &text[one.secret.clone()])).collect()
    }

    #[test]
    fn literals_that_crowd_are_found_around() {
        let text = format!("tok=1 {}=1234 x tok=5678", "tok".repeat(3000));
        let matcher = matcher(vec![rule("a", "[a-z]*tok[a-z]*=([0-9]{4})")]);
        let mut scratch = Scratch::default();
        let found = find_with(&matcher, text.as_bytes(), &mut scratch);
        let secrets: Vec<&str> = found.iter().map(|one| &text[one.secret.clone()]).collect();
        assert_eq!(secrets, ["1234", "5678"]);
        let learnt = matcher.learn(text.as_bytes(), &mut scratch);
        let mut again = Vec::new();
        matcher.find_learnt(text.as_bytes(), &learnt, &mut scratch, &mut again);
        assert_eq!(found, again);
    }

    #[test]
    fn takes_the_first_group_that_is_not_empty() {
        let text = "foosec=al2";
        assert_eq!(texts(text, &find(vec![rule("a", r"(foo)?sec=(\w+)")], text.as_bytes())), [(text, "foo")]);
        let text = "sec=al2";
        assert_eq!(texts(text, &find(vec![rule("a", r"(foo)?sec=(\w+)")], text.as_bytes())), [(text, "al2")]);
    }

    #[test]
    fn a_consumed_line_end_is_not_part_of_the_match() {
        let text = "z\nq=abc\nq=def\n";
        let found = find(vec![rule("a", r"\nq=(\w+)\n")], text.as_bytes());
        assert_eq!(texts(text, &found), [("q=abc", "abc")]);
    }

    #[test]
    fn keywords_hold_a_rule_back() {
        let held = Rule { keywords: vec!["Magic".to_owned()], ..rule("a", r"[0-9]{4}") };
        assert!(find(vec![held.clone()], b"1234").is_empty());
        assert_eq!(find(vec![held], b"1234 mAGIC").len(), 1);
    }

    const PATTERNS: &[&str] = &[
        r"ab_c[0-9]{2,5}",
        r"[xy]{0,4}ab_c[0-9]*",
        r"(?i)key[ =]{0,3}([a-z0-9]+)",
        r"(?:ab_c|key=|bca)[0-9]{1,3}\b",
        r"(?m)^key.*$",
        r"[\s\S]ab_c[\s\S]{0,6}?end",
        r"\bbca(?:[0-9]+|key)",
        r"(?:^|[^a-z])(ab_c[0-9]{3}|bca=[xy]{2,4})(?:[^0-9]|$)",
        r"ab_c(?:x|\n)+end",
        r"[0-9]{3}",
        r"ab_c ?([0-9]{10,12})",
        r"key(?:=[0-9]{10}|[xy]{10,})\b",
        r"[a-y =]{0,50}ab_c[0-9=]{0,60}(?:end)?",
        r"(?m)^[^x]*key[^=\n]+$",
        r"(?:[xy]|=)?[0-9 ](?:ab_c|key|bca)(?:end|[0-9=]{2})",
        r"\b(?:(?:ab_c|key)[0-9=]?){1,3}(?:$|[xy])",
        r"(?:key|ab_cab_cab_c)=?[0-9]\b",
        r"[xy](?:bca|ab_c(?:key){3})\b",
    ];

    proptest! {
        /// The law of the matcher: windows change nothing.
        #[test]
        fn windows_find_what_whole_texts_give(
            text in "(?:ab_c|key|KEY|bca|end|=| |\n|[xy]|[0-9]|[0-9]{8,13}|[xy]{9,11}){0,40}",
        ) {
            let rules: Vec<Rule> = PATTERNS.iter().map(|pattern| rule(pattern, pattern)).collect();
            let mut plain = Vec::new();
            for (number, pattern) in PATTERNS.iter().enumerate() {
                let compiled = Compiled {
                    rule: Arc::new(rule(pattern, pattern)),
                    regex: OnceLock::new(),
                    probe: OnceLock::new(),
                    anchors: Vec::new(),
                    starts_at_literal: false,
                };
                compiled.find(number, text.as_bytes(), &[], &mut Memo::default(), &mut plain, &mut Vec::new());
            }
            prop_assert_eq!(find(rules, text.as_bytes()), plain);
        }

        /// What was found in the same window elsewhere is found here.
        #[test]
        fn what_is_remembered_is_what_would_be_found(
            texts in proptest::collection::vec("(?:ab_c1|key=xyx|KEY|bca|end|=|_| |\n|x){0,5}", 2..12),
        ) {
            let matcher = matcher(PATTERNS.iter().map(|pattern| rule(pattern, pattern)).collect());
            let mut scratch = Scratch::default();
            for text in &texts {
                let anew = find_with(&matcher, text.as_bytes(), &mut Scratch::default());
                prop_assert_eq!(find_with(&matcher, text.as_bytes(), &mut scratch), anew, "{:?}", texts);
            }
        }
    }
}
