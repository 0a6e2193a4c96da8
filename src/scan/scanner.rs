//! The engine as sources see it. Content is scanned without regard to where it lies
//! ([`Scanner::scan`] gives [`Hit`]s), so that one blob of a history is scanned once; then hits are
//! judged for each place that holds the content ([`Scanner::judge`] gives findings).
//!
//! It reads nothing and writes nothing.

mod content;
mod judge;

use super::allowlist::{AllowlistError, CompiledAllowlist, Joining};
use super::builtin;
use super::decode::Tokens;
use super::evidence::Doubt;
use super::finding::Origin;
use super::inline_allow::AllowedLines;
use super::location::{Lines, Location};
use super::matcher::{self, Analysed, CompileError, Matcher, Scratch};
use super::rule::{Allowlist, Confidence, Rule, Ruleset};
use super::stats::Stats;
use crate::secret::Secret;
use regex::bytes::Regex;
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex, OnceLock};

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
        // Most rules of most configurations are built-in ones, and analysing takes time.
        let known = builtin::anchors_by_expression();
        let analysed = |rule: Rule| match rule.regex.as_ref().and_then(|regex| known.get(regex)) {
            Some(anchors) => Analysed { rule: Arc::new(rule), anchors: anchors.clone() },
            None => Analysed::new(Arc::new(rule)),
        };
        let rules = ruleset.rules.into_iter().map(analysed).collect();
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

    /// Whether the hit's rule yields to every other one.
    fn is_generic(&self, hit: &Hit) -> bool {
        self.matcher.rule(hit.rule).id.to_ascii_lowercase().contains("generic")
    }
}
