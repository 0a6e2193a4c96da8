//! Scanning one content: what rules find in it, as it stands and decoded, less what content alone
//! clears. Apart from judging hits at a place, which knows paths and commits. Versions of a content
//! inherit what was learnt of the one that they are made of.

use super::{Drop, Hit, Known, Learnt, Scanner};
use crate::scan::allowlist::{AllowlistError, Candidate};
use crate::scan::decode::{self, Decoded, Tokens};
use crate::scan::encoding;
use crate::scan::entropy::shannon;
use crate::scan::evidence::{self, Evidence};
use crate::scan::inline_allow::{self, AllowedLines};
use crate::scan::location::{Lines, Location, lines};
use crate::scan::lock::lock;
use crate::scan::matcher::{self, Match, Scratch, Tally};
use crate::scan::pieces::Piece;
use crate::scan::plausible::{self, Likeness};
use crate::scan::rule::Confidence;
use crate::scan::stats::{Count, Stage, Stats};
use crate::secret::Secret;
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::OnceLock;

/// Lines longer than this are kept in part: minified files have lines of megabytes.
const LONGEST_LINE: usize = 4096;
/// So much of a longer line is kept on either side of the match.
const AROUND: usize = 200;

impl Scanner {
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
        self.scan_version(content, |scratch| self.matcher.learn(content, scratch), |_| None)
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
        self.scan_version(content, learn, |Scratch { judged, stretches, .. }| {
            match self.options.max_decode_depth {
                0 => Some(Tokens::default()),
                _ => known.tokens.inherited(content, base_len, pieces, judged, stretches),
            }
        })
    }

    /// Scans with what is learnt of the literals; `tokens` gives those there are if decoding them gives
    /// nothing, by what is new in it.
    fn scan_version(
        &self,
        content: &[u8],
        learn: impl FnOnce(&mut Scratch) -> matcher::Learnt,
        tokens: impl FnOnce(&mut Scratch) -> Option<Tokens>,
    ) -> Result<(Vec<Hit>, Learnt), AllowlistError> {
        if encoding::is_transcoded(content) || u32::try_from(content.len()).is_err() {
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
            let tokens = Stats::time(self.stats(), Stage::Decode, || {
                let inherited = tokens(scratch);
                // Now, while the stretches are this content's.
                scratch.remember();
                match inherited {
                    Some(tokens) => Ok(tokens),
                    None => self.admit_decoded(&view, Some(&literals), scratch, &mut found),
                }
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

    /// Hands on what content alone tells of every match, as it stands and decoded.
    pub(super) fn each_match(
        &self,
        content: &[u8],
        scratch: &mut Scratch,
        found: impl FnMut(Result<Hit, Dropped>),
    ) -> Result<(), AllowlistError> {
        let transcoded = encoding::to_utf8(content);
        let text: &[u8] = transcoded.as_ref().map_or(content, |transcoded| &transcoded.text);
        let (view, mut found) = (View::of(text), found);
        Stats::time(self.stats(), Stage::Search, || self.matcher.note(text, scratch));
        Stats::time(self.stats(), Stage::Match, || {
            self.admit_noted(&view, &Text { text, decoded: None }, scratch, &mut found)
        })?;
        Stats::time(self.stats(), Stage::Decode, || self.admit_decoded(&view, None, scratch, &mut found))?;
        Ok(())
    }

    /// Hands on what content alone tells of all matches around the literals that were noted in a text.
    fn admit_noted(
        &self,
        view: &View<'_>,
        text: &Text<'_>,
        scratch: &mut Scratch,
        found: &mut impl FnMut(Result<Hit, Dropped>),
    ) -> Result<(), AllowlistError> {
        let mut matches = Vec::new();
        self.matcher.run(text.text, scratch, &mut matches);
        self.admit_each(view, text, &matches, scratch, found)?;
        Ok(())
    }

    /// As [`Self::admit_noted`] with what was learnt of the text's literals, and settles that.
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
                self.matcher.note(text.text, scratch);
                self.admit_noted(view, &text, scratch, found)?;
                continue;
            };
            let delta = matcher::Delta { base_len, learnt, pieces: decoded.delta() };
            let mut learnt = self.matcher.learn_delta(text.text, &delta, scratch);
            self.admit_learnt(view, &text, &mut learnt, scratch, found)?;
            for (range, spent) in learnt.verdicts(text.text.len()).filter(|(range, _)| decoded.touches(range))
            {
                let source = decoded.source(&range).range;
                // A comment on the content's line may be why it is not kept.
                tokens.depend_on(&if spent { lines(view.text, source) } else { source });
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
            line: &|| &text[lines(text, one.range.clone())],
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
    pub(super) fn resolve_required(&self, hits: &mut Vec<Hit>) {
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
}

/// What merely touches decoded text is found again in the next pass: once is enough.
fn drop_repeated(hits: &mut Vec<Hit>) {
    if hits.iter().any(|hit| hit.pass > 0) {
        let mut seen = FxHashSet::default();
        hits.retain(|hit| seen.insert((hit.rule, hit.location, hit.span.clone(), hit.identity)));
    }
}

/// The rule's number, the place in the text, the entropy, and why it is no finding.
pub(super) type Dropped = (usize, Range<usize>, f64, Drop);

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
