//! The engine as sources see it. Content is scanned without regard to where it lies
//! ([`Scanner::scan`] gives [`Hit`]s), so that one blob of a history is scanned once; then hits are
//! judged for each place that holds the content ([`Scanner::judge`] gives findings).
//!
//! It reads nothing and writes nothing.

use super::allowlist::{AllowlistError, Candidate, CompiledAllowlist, Joining};
use super::decode::{self, Decoded, Tokens};
use super::entropy::shannon;
use super::evidence::{self, Doubt, Evidence};
use super::finding::{Finding, Origin};
use super::inline_allow::{self, AllowedLines};
use super::location::{Lines, Location, lines};
use super::matcher::{self, Analysed, CompileError, Match, Matcher, Scratch, Tally};
use super::pieces::Piece;
use super::plausible::{self, Likeness};
use super::rule::{Allowlist, Confidence, Rule, Ruleset, Severity};
use super::stats::{Count, Stage, Stats};
use super::{builtin, file_kind};
use crate::secret::Secret;
use regex::bytes::Regex;
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex, OnceLock};

/// Lines longer than this are kept in part: minified files have lines of megabytes.
const LONGEST_LINE: usize = 4096;
/// So much of a longer line is kept on either side of the match.
const AROUND: usize = 200;

/// How content is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How often decoded text is decoded again; 0: not at all.
    pub max_decode_depth: u32,
    /// Comments such as `gitleaks:allow` hold.
    pub inline_allows: bool,
    /// How the expressions of an allowlist are compiled.
    pub joining: Joining,
    /// One secret that several rules see is one finding, of the most specific rule. gitleaks drops
    /// only generic ones.
    pub one_rule_per_secret: bool,
    /// What a secret says of itself (a wrong checksum), and the kind of its file, count.
    pub evidence: bool,
    /// What is less sure is no finding.
    pub min_confidence: Confidence,
    /// The time, in seconds since 1970: tokens expire.
    pub now: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_decode_depth: 5,
            inline_allows: true,
            joining: Joining::Apart,
            one_rule_per_secret: true,
            evidence: true,
            min_confidence: Confidence::Medium,
            now: jiff::Timestamp::now().as_second(),
        }
    }
}

/// Rules and allowlists, ready to be run by many threads.
#[derive(Debug)]
pub struct Scanner {
    matcher: Matcher,
    paths: Vec<OnceLock<Option<Regex>>>,
    global: Vec<Listed>,
    by_rule: Vec<Vec<Listed>>,
    /// Rules that are about paths alone.
    path_rules: Vec<usize>,
    options: Options,
    /// Where it is set, comments hold on these lines alone.
    allowed: Option<AllowedLines>,
    /// What it costs, for who wants to know.
    stats: Option<Arc<Stats>>,
    scratches: Mutex<Vec<Scratch>>,
}

/// An allowlist, and which of its criteria look at what.
#[derive(Debug)]
struct Listed {
    compiled: CompiledAllowlist,
    /// Cannot be decided without knowing the place.
    needs_place: bool,
    /// Has criteria on content.
    on_content: bool,
}

impl Listed {
    fn new(list: Allowlist, joining: Joining) -> Self {
        let on_place = !list.paths.is_empty() || !list.commits.is_empty();
        let on_content = !list.regexes.is_empty() || !list.stopwords.is_empty();
        Self {
            needs_place: list.all && on_place,
            on_content,
            compiled: CompiledAllowlist::new(list, joining),
        }
    }
}

/// A match that is no false alarm as far as the content alone can tell.
#[derive(Clone, Debug)]
pub struct Hit {
    rule: usize,
    location: Location,
    /// Where the secret lies in the content, with all of an encoded token that it came from.
    span: Range<usize>,
    matched: Secret,
    secret: Secret,
    line: Secret,
    line_cut: usize,
    entropy: f64,
    confidence: Confidence,
    doubt: Option<Doubt>,
    tags: Vec<String>,
    required: Vec<(String, Location)>,
    /// In which pass of decoding it was found.
    pass: usize,
    identity: u128,
}

impl Hit {
    /// Equal for the same rule, secret and line text, wherever they lie.
    pub fn identity(&self) -> u128 {
        self.identity
    }

    /// The lines of the content that it lies in, from 1.
    pub fn lines(&self) -> RangeInclusive<usize> {
        self.location.start_line..=self.location.end_line
    }
}

/// What was learnt of a content and is of use for contents that are made of it.
#[derive(Debug, Default)]
pub struct Learnt(Option<Known>);

#[derive(Debug)]
struct Known {
    literals: matcher::Learnt,
    tokens: Tokens,
}

/// Why a match is no finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Drop {
    /// The secret's entropy is not above the rule's.
    Entropy,
    /// It looks like a word, a name, a path, an expression or a placeholder.
    Implausible,
    /// It is not sure enough that it is a secret that works.
    Doubtful(Doubt),
    /// A comment on its line allows it.
    InlineAllow,
    /// An allowlist allows it.
    Allowlist,
    /// What the rule requires nearby is not there, or the rule only serves others.
    Required,
    /// A more specific rule sees the same secret.
    MoreSpecific,
    /// The rule is not for this path, or an allowlist allows the path.
    Path,
}

impl Drop {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Doubtful(doubt) => doubt.words(),
            Self::Entropy => "its entropy is not above the rule's",
            Self::Implausible => "it looks like a word, a name, a path, an expression or a placeholder",
            Self::InlineAllow => "a comment on its line allows it",
            Self::Allowlist => "an allowlist allows it",
            Self::Required => "what the rule requires nearby is not there",
            Self::MoreSpecific => "a more specific rule sees the same secret",
            Self::Path => "the rule is not for this path, or the path is allowed",
        }
    }
}

/// What became of one match.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The rule that matched.
    pub rule: Arc<Rule>,
    /// Where.
    pub location: Location,
    /// Bits a character of the secret.
    pub entropy: f64,
    /// Why it is no finding; none: it is one.
    pub drop: Option<Drop>,
}

/// Where content lies.
#[derive(Clone, Debug)]
pub struct Place<'p> {
    /// As reports show it.
    pub path: &'p str,
    /// As expressions may spell it: as typed, and from the root of the scan.
    pub spellings: &'p [&'p str],
    /// The link that led to it.
    pub symlink: Option<&'p str>,
    /// Where it can be seen on the web.
    pub link: Option<&'p str>,
    /// Where it was read.
    pub origin: &'p Origin,
    /// Whether it still stands at HEAD.
    pub at_head: Option<bool>,
}

impl Scanner {
    /// The built-in rules as they stand, in `ruleset` (whose global allowlists may be more). Only
    /// rules in `only` run; all where it is empty.
    pub fn builtin(ruleset: Ruleset, only: &[String], options: Options) -> Self {
        let rules = ruleset.rules.into_iter().zip(builtin::anchors());
        let rules = rules.map(|(rule, anchors)| Analysed { rule: Arc::new(rule), anchors }).collect();
        Self::of(rules, ruleset.allowlists, only, options)
    }

    /// These rules.
    pub fn new(ruleset: Ruleset, only: &[String], options: Options) -> Self {
        let rules = ruleset.rules.into_iter().map(|rule| Analysed::new(Arc::new(rule))).collect();
        Self::of(rules, ruleset.allowlists, only, options)
    }

    fn of(mut rules: Vec<Analysed>, global: Vec<Allowlist>, only: &[String], options: Options) -> Self {
        if !only.is_empty() {
            // A rule that another one requires must run as well, without a report of its own.
            let required: Vec<String> = rules
                .iter()
                .filter(|one| only.contains(&one.rule.id))
                .flat_map(|one| one.rule.required.iter().map(|required| required.id.clone()))
                .collect();
            rules.retain(|one| only.contains(&one.rule.id) || required.contains(&one.rule.id));
            for one in &mut rules {
                if !only.contains(&one.rule.id) {
                    Arc::make_mut(&mut one.rule).skip_report = true;
                }
            }
        }
        let listed = |list: &Allowlist| Listed::new(list.clone(), options.joining);
        let by_rule = rules.iter().map(|one| one.rule.allowlists.iter().map(listed).collect()).collect();
        let is_path_rule = |rule: &Rule| rule.regex.is_none() && rule.path.is_some() && !rule.skip_report;
        let path_rules = (0..rules.len()).filter(|&number| is_path_rule(&rules[number].rule)).collect();
        Self {
            path_rules,
            paths: rules.iter().map(|_| OnceLock::new()).collect(),
            global: global.iter().map(listed).collect(),
            by_rule,
            matcher: Matcher::new(rules),
            options,
            allowed: None,
            stats: None,
            scratches: Mutex::default(),
        }
    }

    /// What is less sure is no finding. What is surer by its content, and not by its place, is one of
    /// [`Self::judge`] all the same: only the whole of a scan tells what its places mean.
    pub fn min_confidence(&self) -> Confidence {
        self.options.min_confidence
    }

    /// The same, but comments such as `gitleaks:allow` hold on these lines alone.
    pub fn with_allowed_lines(self, lines: AllowedLines) -> Self {
        Self { allowed: Some(lines), ..self }
    }

    /// The same, and says there what it costs.
    pub fn with_stats(self, stats: Arc<Stats>) -> Self {
        Self { stats: Some(stats), ..self }
    }

    /// What it costs, if that is counted.
    pub fn stats(&self) -> Option<&Stats> {
        self.stats.as_deref()
    }

    /// The rules in force.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.matcher.rules()
    }

    /// The rules that these hits are of.
    pub fn rules_of<'h>(&'h self, hits: &'h [Hit]) -> impl Iterator<Item = &'h Arc<Rule>> {
        hits.iter().map(|hit| self.matcher.rule(hit.rule))
    }

    /// Compiles the rule of that number now.
    ///
    /// # Errors
    /// When it is too large.
    pub fn compile_rule(&self, number: usize) -> Result<(), CompileError> {
        self.matcher.compile(number)
    }

    /// Rules that were needed and could not be compiled: they found nothing.
    pub fn broken(&self) -> impl Iterator<Item = &CompileError> {
        self.matcher.broken()
    }

    /// Whether a global allowlist allows the place, whatever stands there.
    ///
    /// # Errors
    /// When an expression of the list cannot be compiled.
    pub fn allows_place(&self, spellings: &[&str], commit: &str) -> Result<bool, AllowlistError> {
        for list in &self.global {
            if list.compiled.allows_place(spellings, commit)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether some rule is about paths alone, so that every path must be seen.
    pub fn wants_paths(&self) -> bool {
        !self.path_rules.is_empty()
    }

    /// The expressions of the rules that are about paths alone.
    pub fn path_expressions(&self) -> impl Iterator<Item = &str> {
        self.path_rules.iter().filter_map(|&number| self.matcher.rule(number).path.as_deref())
    }

    /// Whether a rule about paths alone finds something at the path.
    pub fn names_a_secret(&self, path: &str) -> bool {
        self.path_rules.iter().any(|&number| self.matches_path(number, &[path]))
    }

    /// Everything in `content` that a rule finds and that content alone does not clear.
    ///
    /// # Errors
    /// When an expression of an allowlist cannot be compiled.
    pub fn scan(&self, content: &[u8]) -> Result<Vec<Hit>, AllowlistError> {
        self.with_scratch(|scratch| {
            let mut hits = Vec::new();
            self.each_match(content, scratch, |admitted| hits.extend(admitted.ok()))?;
            self.settle(&mut hits);
            Ok(hits)
        })
    }

    /// As [`Self::scan`], and says what is of use for the contents that are made of this one.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn scan_base(&self, content: &[u8]) -> Result<(Vec<Hit>, Learnt), AllowlistError> {
        self.scan_version(content, |scratch| self.matcher.learn(content, scratch), || None)
    }

    /// As [`Self::scan_base`], for a content that is made of `pieces` of another one of `base_len`
    /// bytes, and with what was learnt of that.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn scan_delta(
        &self,
        content: &[u8],
        base_len: usize,
        learnt: &Learnt,
        pieces: &[Piece],
    ) -> Result<(Vec<Hit>, Learnt), AllowlistError> {
        let Some(known) = &learnt.0 else { return self.scan_base(content) };
        let learn = |scratch: &mut Scratch| {
            let delta = matcher::Delta { base_len, learnt: &known.literals, pieces };
            self.matcher.learn_delta(content, &delta, scratch)
        };
        self.scan_version(content, learn, || match self.options.max_decode_depth {
            0 => Some(Tokens::default()),
            _ => known.tokens.inherited(content, base_len, pieces),
        })
    }

    /// Scans with what is learnt of the literals; `tokens` gives those there are if decoding them gives
    /// nothing.
    fn scan_version(
        &self,
        content: &[u8],
        learn: impl FnOnce(&mut Scratch) -> matcher::Learnt,
        tokens: impl FnOnce() -> Option<Tokens>,
    ) -> Result<(Vec<Hit>, Learnt), AllowlistError> {
        if super::encoding::to_utf8(content).is_some() || u32::try_from(content.len()).is_err() {
            return Ok((self.scan(content)?, Learnt::default()));
        }
        self.with_scratch(|scratch| {
            let mut hits = Vec::new();
            let mut found = |admitted: Result<Hit, Dropped>| hits.extend(admitted.ok());
            let view = View::of(content);
            let mut literals = Stats::time(self.stats(), Stage::Search, || learn(scratch));
            Stats::time(self.stats(), Stage::Match, || {
                let text = Text { text: content, decoded: None };
                self.admit_learnt(&view, &text, &mut literals, scratch, &mut found)
            })?;
            let tokens = Stats::time(self.stats(), Stage::Decode, || match tokens() {
                Some(tokens) => Ok(tokens),
                None => self.admit_decoded(&view, Some(&literals), scratch, &mut found),
            })?;
            self.settle(&mut hits);
            Ok((hits, Learnt(Some(Known { literals, tokens }))))
        })
    }

    /// Lends what a thread needs, and counts what it did.
    fn with_scratch<T>(
        &self,
        work: impl FnOnce(&mut Scratch) -> Result<T, AllowlistError>,
    ) -> Result<T, AllowlistError> {
        let mut scratch = lock(&self.scratches).pop().unwrap_or_default();
        let outcome = work(&mut scratch);
        let Tally { searched, literals, windows, matches, hits } = std::mem::take(&mut scratch.tally);
        if let Some(stats) = &self.stats {
            stats.add(Count::Searched, searched as u64);
            stats.add(Count::Literals, literals as u64);
            stats.add(Count::Windows, windows as u64);
            stats.add(Count::Matches, matches as u64);
            stats.add(Count::Hits, hits as u64);
        }
        lock(&self.scratches).push(scratch);
        outcome
    }

    /// What is left of the hits of a content when they are seen together.
    fn settle(&self, hits: &mut Vec<Hit>) {
        self.resolve_required(hits);
        self.drop_doubtful(hits);
        drop_repeated(hits);
    }

    /// Every match in `content`, with why it is or is not a finding at `place`.
    ///
    /// # Errors
    /// When an expression of an allowlist cannot be compiled.
    pub fn explain(&self, content: &[u8], place: &Place<'_>) -> Result<Vec<Verdict>, AllowlistError> {
        let verdict = |hit: &Hit, drop| Verdict {
            rule: Arc::clone(self.matcher.rule(hit.rule)),
            location: hit.location,
            entropy: hit.entropy,
            drop,
        };
        let (mut verdicts, mut hits) = (Vec::new(), Vec::new());
        let transcoded = super::encoding::to_utf8(content);
        let lines = Lines::of(transcoded.as_ref().map_or(content, |transcoded| &transcoded.text));
        self.each_match(content, &mut Scratch::default(), |admitted| match admitted {
            Ok(hit) => hits.push(hit),
            Err((rule, ..)) if !self.applies(rule, place) => {}
            Err((rule, range, entropy, drop)) => {
                let rule = Arc::clone(self.matcher.rule(rule));
                let location = lines.locate(&range);
                verdicts.push(Verdict { rule, location, entropy, drop: Some(drop) });
            }
        })?;
        let all = hits.clone();
        self.resolve_required(&mut hits);
        for hit in &all {
            let rule = self.matcher.rule(hit.rule);
            if self.confidence_at(rule, hit.confidence, place) < self.options.min_confidence {
                let by_place =
                    if hit.confidence < self.options.min_confidence { Doubt::Rule } else { Doubt::Fixture };
                verdicts.push(verdict(hit, Some(Drop::Doubtful(hit.doubt.unwrap_or(by_place)))));
                continue;
            }
            let same =
                |other: &&Hit| other.rule == hit.rule && other.span == hit.span && other.pass == hit.pass;
            verdicts.push(match hits.iter().find(same) {
                None => verdict(hit, Some(Drop::Required)),
                Some(hit) if self.judge([hit], place)?.is_empty() => verdict(hit, Some(Drop::Path)),
                Some(hit) => {
                    let findings = self.judge(&hits, place)?;
                    let kept = findings.iter().any(|finding| {
                        finding.location == hit.location && finding.rule.id == self.matcher.rule(hit.rule).id
                    });
                    verdict(hit, (!kept).then_some(Drop::MoreSpecific))
                }
            });
        }
        verdicts.sort_by(|a, b| (a.location, &a.rule.id).cmp(&(b.location, &b.rule.id)));
        verdicts.dedup_by(|a, b| (a.location, &a.rule.id, a.drop) == (b.location, &b.rule.id, b.drop));
        Ok(verdicts)
    }

    /// Hands on what content alone tells of every match, as it stands and decoded.
    fn each_match(
        &self,
        content: &[u8],
        scratch: &mut Scratch,
        found: impl FnMut(Result<Hit, Dropped>),
    ) -> Result<(), AllowlistError> {
        let transcoded = super::encoding::to_utf8(content);
        let text: &[u8] = transcoded.as_ref().map_or(content, |transcoded| &transcoded.text);
        let (view, mut found) = (View::of(text), found);
        Stats::time(self.stats(), Stage::Search, || {
            self.admit_all(&view, &Text { text, decoded: None }, scratch, &mut found)
        })?;
        Stats::time(self.stats(), Stage::Decode, || self.admit_decoded(&view, None, scratch, &mut found))?;
        Ok(())
    }

    /// Hands on what content alone tells of all matches in a text.
    fn admit_all(
        &self,
        view: &View<'_>,
        text: &Text<'_>,
        scratch: &mut Scratch,
        found: &mut impl FnMut(Result<Hit, Dropped>),
    ) -> Result<(), AllowlistError> {
        let mut matches = Vec::new();
        self.matcher.find(text.text, scratch, &mut matches);
        self.admit_each(view, text, &matches, scratch, found)?;
        Ok(())
    }

    /// As [`Self::admit_all`] with what was learnt of the text's literals, and settles that.
    fn admit_learnt(
        &self,
        view: &View<'_>,
        text: &Text<'_>,
        learnt: &mut matcher::Learnt,
        scratch: &mut Scratch,
        found: &mut impl FnMut(Result<Hit, Dropped>),
    ) -> Result<(), AllowlistError> {
        let mut matches = Vec::new();
        self.matcher.find_learnt(text.text, learnt, scratch, &mut matches);
        let kept = self.admit_each(view, text, &matches, scratch, found)?;
        self.matcher.settle(text.text, learnt, &matches, &kept, scratch);
        Ok(())
    }

    /// Hands on what content alone tells of `matches` in a text, and gives which of them are kept.
    fn admit_each(
        &self,
        view: &View<'_>,
        text: &Text<'_>,
        matches: &[Match],
        scratch: &mut Scratch,
        found: &mut impl FnMut(Result<Hit, Dropped>),
    ) -> Result<Vec<bool>, AllowlistError> {
        let mut kept = Vec::with_capacity(matches.len());
        for one in matches {
            // What touches nothing that was decoded was found before.
            let is_new = text.decoded.is_none_or(|(decoded, _)| decoded.touches(&one.range));
            let admitted = if is_new { Some(self.admit(view, text, one)?) } else { None };
            kept.push(matches!(admitted, Some(Ok(_))));
            admitted.into_iter().for_each(&mut *found);
        }
        scratch.tally.matches += matches.len();
        scratch.tally.hits += kept.iter().filter(|kept| **kept).count();
        Ok(kept)
    }

    /// Hands on what is found in decoded text, and gives the tokens that decode. With what was learnt
    /// of the content, only what was decoded in it is searched.
    fn admit_decoded(
        &self,
        view: &View<'_>,
        learnt: Option<&matcher::Learnt>,
        scratch: &mut Scratch,
        found: &mut impl FnMut(Result<Hit, Dropped>),
    ) -> Result<Tokens, AllowlistError> {
        let (mut decoded, mut learnt_here): (Option<Decoded>, Option<matcher::Learnt>) = (None, None);
        let mut tokens = Tokens::default();
        for pass in 1..=self.options.max_decode_depth as usize {
            let next = match &decoded {
                None => decode::decode(view.text),
                Some(before) => before.again(),
            };
            let Some(next) = next else { break };
            if pass == 1 {
                tokens = Tokens::of(&next);
            }
            let base_len = decoded.as_ref().map_or(view.text.len(), |before| before.text().len());
            let decoded = decoded.insert(next);
            let text = Text { text: decoded.text(), decoded: Some((decoded, pass)) };
            let Some(learnt) = learnt_here.as_ref().or(learnt) else {
                self.admit_all(view, &text, scratch, found)?;
                continue;
            };
            let delta = matcher::Delta { base_len, learnt, pieces: decoded.delta() };
            let mut learnt = self.matcher.learn_delta(text.text, &delta, scratch);
            self.admit_learnt(view, &text, &mut learnt, scratch, found)?;
            for range in learnt.depends_on(text.text.len()).filter(|range| decoded.touches(range)) {
                tokens.depend_on(&decoded.source(&range).range);
            }
            if learnt.is_live() || !self.matcher.is_anchored() {
                tokens.revive();
            }
            learnt_here = Some(learnt);
        }
        Ok(tokens)
    }

    /// Makes a hit of a match in a text, if content alone does not clear it.
    fn admit(
        &self,
        view: &View<'_>,
        Text { text, decoded }: &Text<'_>,
        one: &Match,
    ) -> Result<Result<Hit, Dropped>, AllowlistError> {
        let rule = self.matcher.rule(one.rule);
        let secret = &text[one.secret.clone()];
        let entropy = shannon(secret);
        let (range, span, tags) = match decoded {
            None => (one.range.clone(), one.secret.clone(), Vec::new()),
            Some((decoded, _)) => {
                let source = decoded.source(&one.range);
                (source.range.clone(), decoded.source(&one.secret).range, source.tags())
            }
        };
        let dropped = |drop| Ok(Err((one.rule, range.clone(), entropy, drop)));
        if rule.entropy > 0.0 && entropy <= rule.entropy {
            return dropped(Drop::Entropy);
        }
        let mut doubt = None;
        if rule.plausible {
            match plausible::judge(text, one.range.start, one.secret.clone()) {
                Likeness::Secret => {}
                Likeness::Doubtful(why) => doubt = Some(why),
                Likeness::Other => return dropped(Drop::Implausible),
            }
        }
        let evidence = match self.options.evidence {
            true => evidence::weigh(rule, secret, self.options.now),
            false => Evidence::default(),
        };
        doubt = evidence.doubt.or(doubt);
        let confidence = match doubt {
            Some(_) => Confidence::Low,
            None if evidence.hollow => rule.confidence.min(Confidence::Medium),
            None => rule.confidence,
        };
        if self.options.inline_allows && view.allows(&range, &rule.id, self.allowed.as_ref()) {
            return dropped(Drop::InlineAllow);
        }
        let candidate = Candidate {
            secret,
            matched: &text[one.range.clone()],
            line: &text[lines(text, one.range.clone())],
            paths: &[],
            commit: "",
        };
        for list in self.global.iter().chain(&self.by_rule[one.rule]) {
            if list.on_content && !list.needs_place && list.compiled.allows(&candidate)? {
                return dropped(Drop::Allowlist);
            }
        }
        let (line, line_cut) = view.line(&range);
        Ok(Ok(Hit {
            rule: one.rule,
            location: view.lines().locate(&range),
            span,
            matched: lossy(candidate.matched),
            secret: lossy(secret),
            line: lossy(&line),
            line_cut,
            entropy,
            confidence,
            doubt,
            tags: rule.tags.iter().cloned().chain(evidence.facts).chain(tags).collect(),
            required: Vec::new(),
            pass: decoded.map_or(0, |(_, pass)| pass),
            identity: identity(&rule.id, secret, &line),
        }))
    }

    /// Drops hits whose rule requires another one that found nothing nearby in the same pass.
    fn resolve_required(&self, hits: &mut Vec<Hit>) {
        let mut kept: Vec<Option<Vec<(String, Location)>>> = Vec::with_capacity(hits.len());
        for hit in hits.iter() {
            let mut with = Vec::new();
            let all = self.matcher.rule(hit.rule).required.iter().all(|required| {
                let near = hits.iter().filter(|other| {
                    let (here, there) = (hit.location, other.location);
                    other.pass == hit.pass
                        && self.matcher.rule(other.rule).id == required.id
                        && required
                            .within_lines
                            .is_none_or(|most| here.start_line.abs_diff(there.start_line) <= most)
                        && required
                            .within_columns
                            .is_none_or(|most| here.start_column.abs_diff(there.start_column) <= most)
                });
                let before = with.len();
                with.extend(near.map(|other| (required.id.clone(), other.location)));
                with.len() > before
            });
            kept.push((all && !self.matcher.rule(hit.rule).skip_report).then_some(with));
        }
        let mut kept = kept.into_iter();
        hits.retain_mut(|hit| match kept.next().flatten() {
            Some(with) => {
                hit.required = with;
                true
            }
            None => false,
        });
    }

    /// Drops hits that are not sure enough, with the generic ones that see the same secret: a sample
    /// is none under another name either.
    fn drop_doubtful(&self, hits: &mut Vec<Hit>) {
        let is_sure = |hit: &Hit| hit.confidence >= self.options.min_confidence;
        if hits.iter().all(is_sure) {
            return;
        }
        let doubtful: Vec<Range<usize>> = hits
            .iter()
            .filter(|hit| !is_sure(hit) && !self.is_generic(hit))
            .map(|hit| hit.span.clone())
            .collect();
        let overlaps =
            |hit: &Hit| doubtful.iter().any(|one| one.start < hit.span.end && hit.span.start < one.end);
        hits.retain(|hit| is_sure(hit) && !(self.is_generic(hit) && overlaps(hit)));
    }

    /// Whether the hit's rule yields to every other one.
    fn is_generic(&self, hit: &Hit) -> bool {
        self.matcher.rule(hit.rule).id.to_ascii_lowercase().contains("generic")
    }

    /// How sure a finding is at a place; `known` is what its content tells. A token that a service
    /// issued may be live in a test too; keys and passwords are made for tests as for anything else.
    fn confidence_at(&self, rule: &Rule, known: Confidence, place: &Place<'_>) -> Confidence {
        const SELF_MADE: &[&str] = &["jwt", "keystore", "privatekey"];
        let path = place.spellings.last().copied().unwrap_or(place.path);
        if !self.options.evidence || !file_kind::is_fixture(path) {
            return known;
        }
        let self_made = rule.tags.iter().any(|tag| SELF_MADE.contains(&tag.as_str()));
        if known == Confidence::High && !self_made { Confidence::Medium } else { Confidence::Low }
    }

    /// The findings at one place, of the hits in its content.
    ///
    /// # Errors
    /// When an expression of an allowlist cannot be compiled.
    pub fn judge<'h>(
        &self,
        hits: impl IntoIterator<Item = &'h Hit>,
        place: &Place<'_>,
    ) -> Result<Vec<Finding>, AllowlistError> {
        Ok(self.keep(hits, place)?.into_iter().map(|hit| self.finding(hit, place)).collect())
    }

    /// The hits that are findings at a place.
    ///
    /// # Errors
    /// When an expression of an allowlist cannot be compiled.
    pub fn keep<'h>(
        &self,
        hits: impl IntoIterator<Item = &'h Hit>,
        place: &Place<'_>,
    ) -> Result<Vec<&'h Hit>, AllowlistError> {
        let commit = match place.origin {
            Origin::Commit(commit) => commit.id.as_str(),
            _ => "",
        };
        let mut kept: Vec<&Hit> = Vec::new();
        if !self.allows_place(place.spellings, commit)? {
            for hit in hits {
                if self.applies(hit.rule, place) && !self.allows_here(hit, place, commit)? {
                    kept.push(hit);
                }
            }
        }
        self.one_of_each(&mut kept);
        Ok(kept)
    }

    /// What rules about paths alone find at a place.
    ///
    /// # Errors
    /// When an expression of an allowlist cannot be compiled.
    pub fn judge_path(&self, place: &Place<'_>) -> Result<Vec<Finding>, AllowlistError> {
        let commit = match place.origin {
            Origin::Commit(commit) => commit.id.as_str(),
            _ => "",
        };
        let mut findings = Vec::new();
        for &number in &self.path_rules {
            let rule = self.matcher.rule(number);
            if !self.matches_path(number, place.spellings) {
                continue;
            }
            let mut allowed = self.allows_place(place.spellings, commit)?;
            for list in &self.by_rule[number] {
                allowed |= list.compiled.allows_place(place.spellings, commit)?;
            }
            if !allowed {
                let confidence = self.confidence_at(rule, rule.confidence, place);
                findings.push(path_finding(rule, confidence, place));
            }
        }
        Ok(findings)
    }

    /// Whether the rule's own path expression, if any, holds.
    fn applies(&self, number: usize, place: &Place<'_>) -> bool {
        self.matcher.rule(number).path.is_none() || self.matches_path(number, place.spellings)
    }

    fn matches_path(&self, number: usize, spellings: &[&str]) -> bool {
        let Some(pattern) = self.matcher.rule(number).path.as_deref() else { return false };
        let regex = self.paths[number]
            .get_or_init(|| regex::bytes::RegexBuilder::new(pattern).unicode(false).build().ok());
        regex.as_ref().is_some_and(|regex| spellings.iter().any(|path| regex.is_match(path.as_bytes())))
    }

    fn allows_here(&self, hit: &Hit, place: &Place<'_>, commit: &str) -> Result<bool, AllowlistError> {
        let candidate = Candidate {
            secret: hit.secret.expose().as_bytes(),
            matched: hit.matched.expose().as_bytes(),
            line: hit.line.expose().as_bytes(),
            paths: place.spellings,
            commit,
        };
        for list in self.global.iter().filter(|list| list.needs_place && list.on_content) {
            if list.compiled.allows(&candidate)? {
                return Ok(true);
            }
        }
        for list in &self.by_rule[hit.rule] {
            if list.compiled.allows_place(place.spellings, commit)?
                || list.needs_place && list.on_content && list.compiled.allows(&candidate)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Leaves one hit where several rules see the same secret.
    fn one_of_each(&self, hits: &mut Vec<&Hit>) {
        if !self.options.one_rule_per_secret {
            let mut specific: FxHashMap<usize, Vec<&Hit>> = FxHashMap::default();
            for hit in hits.iter().filter(|hit| !self.is_generic(hit)) {
                specific.entry(hit.location.start_line).or_default().push(hit);
            }
            hits.retain(|hit| {
                let covers = |other: &&Hit| other.secret.expose().contains(hit.secret.expose());
                let here = specific.get(&hit.location.start_line);
                !self.is_generic(hit) || !here.is_some_and(|others| others.iter().any(covers))
            });
            return;
        }
        let rank = |hit: &Hit| {
            let rule = self.matcher.rule(hit.rule);
            let tagged = rule.tags.iter().any(|tag| tag == "generic");
            (
                usize::from(self.is_generic(hit)) + usize::from(tagged),
                std::cmp::Reverse::<Severity>(rule.severity),
                hit.pass,
                std::cmp::Reverse(hit.span.len()),
            )
        };
        let mut best: Vec<&Hit> = std::mem::take(hits);
        best.sort_by(|a, b| (rank(a), &a.span.start, a.rule).cmp(&(rank(b), &b.span.start, b.rule)));
        // What is kept does not overlap: only the last one that starts before a hit's end can.
        let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
        for hit in best {
            let before = taken.range(..hit.span.end).next_back();
            if before.is_none_or(|(_, end)| *end <= hit.span.start) {
                taken.insert(hit.span.start, hit.span.end);
                hits.push(hit);
            }
        }
    }

    /// The finding that a hit is at a place.
    pub fn finding(&self, hit: &Hit, place: &Place<'_>) -> Finding {
        let rule = self.matcher.rule(hit.rule);
        Finding {
            rule: Arc::clone(rule),
            confidence: self.confidence_at(rule, hit.confidence, place),
            tags: hit.tags.clone(),
            location: hit.location,
            matched: hit.matched.clone(),
            secret: hit.secret.clone(),
            line: hit.line.clone(),
            line_cut: hit.line_cut,
            entropy: hit.entropy,
            path: place.path.to_owned(),
            symlink: place.symlink.map(str::to_owned),
            link: place.link.map(str::to_owned),
            origin: place.origin.clone(),
            required: hit.required.clone(),
            at_head: place.at_head,
        }
    }
}

/// What merely touches decoded text is found again in the next pass: once is enough.
fn drop_repeated(hits: &mut Vec<Hit>) {
    if hits.iter().any(|hit| hit.pass > 0) {
        let mut seen = FxHashSet::default();
        hits.retain(|hit| seen.insert((hit.rule, hit.location, hit.span.clone(), hit.identity)));
    }
}

/// The rule's number, the place in the text, the entropy, and why it is no finding.
type Dropped = (usize, Range<usize>, f64, Drop);

/// What a rule about paths alone finds.
fn path_finding(rule: &Arc<Rule>, confidence: Confidence, place: &Place<'_>) -> Finding {
    Finding {
        rule: Arc::clone(rule),
        confidence,
        tags: rule.tags.clone(),
        location: Location::default(),
        matched: Secret::new(format!("file detected: {}", place.path)),
        secret: Secret::new(String::new()),
        line: Secret::new(String::new()),
        line_cut: 0,
        entropy: 0.0,
        path: place.path.to_owned(),
        symlink: place.symlink.map(str::to_owned),
        link: place.link.map(str::to_owned),
        origin: place.origin.clone(),
        required: Vec::new(),
        at_head: place.at_head,
    }
}

/// What is searched: the content, or what was decoded of it in so many passes.
struct Text<'t> {
    text: &'t [u8],
    decoded: Option<(&'t Decoded, usize)>,
}

/// The content with what is worked out of it when first needed.
struct View<'t> {
    text: &'t [u8],
    lines: OnceLock<Lines>,
    allows: OnceLock<bool>,
}

impl<'t> View<'t> {
    fn of(text: &'t [u8]) -> Self {
        Self { text, lines: OnceLock::new(), allows: OnceLock::new() }
    }

    fn lines(&self) -> &Lines {
        self.lines.get_or_init(|| Lines::of(self.text))
    }

    fn allows(&self, range: &Range<usize>, rule: &str, only: Option<&AllowedLines>) -> bool {
        if !*self.allows.get_or_init(|| inline_allow::present(self.text)) {
            return false;
        }
        let lines = &self.text[lines(self.text, range.clone())];
        inline_allow::allows(lines, rule) && only.is_none_or(|only| only.hold(lines))
    }

    /// The lines around a match, and how much is left out at their start.
    fn line(&self, range: &Range<usize>) -> (Cow<'_, [u8]>, usize) {
        let whole = lines(self.text, range.clone());
        if whole.len() <= LONGEST_LINE.max(range.len()) {
            return (Cow::Borrowed(&self.text[whole]), 0);
        }
        let start = whole.start.max(range.start.saturating_sub(AROUND));
        let end = whole.end.min(range.end + AROUND);
        (Cow::Borrowed(&self.text[start..end]), start - whole.start)
    }
}

/// 128 bits, so that no two different hits of a history are taken for one.
fn identity(rule: &str, secret: &[u8], line: &[u8]) -> u128 {
    let half = |salt: u8| {
        let mut hasher = std::hash::DefaultHasher::new();
        (salt, rule, secret, line).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

fn lossy(bytes: &[u8]) -> Secret {
    Secret::new(String::from_utf8_lossy(bytes).into_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
