//! Judging the hits of a content at each place that holds it: path rules, allowlists that ask for the
//! place, one rule for each secret, how sure it is there. Apart from scanning, which is done once for all
//! places.

use super::{Hit, Place, Scanner};
use crate::scan::allowlist::{AllowlistError, Candidate};
use crate::scan::file_kind;
use crate::scan::finding::{Finding, Origin};
use crate::scan::location::Location;
use crate::scan::rule::{Confidence, Rule, Severity};
use crate::secret::Secret;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Scanner {
    /// How sure a finding is at a place; `known` is what its content tells. A token that a service
    /// issued may be live in a test too; keys and passwords are made for tests as for anything else.
    pub(super) fn confidence_at(&self, rule: &Rule, known: Confidence, place: &Place<'_>) -> Confidence {
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
    pub(super) fn applies(&self, number: usize, place: &Place<'_>) -> bool {
        self.matcher.rule(number).path.is_none() || self.matches_path(number, place.spellings)
    }

    pub(super) fn matches_path(&self, number: usize, spellings: &[&str]) -> bool {
        let Some(pattern) = self.matcher.rule(number).path.as_deref() else { return false };
        let regex = self.paths[number]
            .get_or_init(|| regex::bytes::RegexBuilder::new(pattern).unicode(false).build().ok());
        regex.as_ref().is_some_and(|regex| spellings.iter().any(|path| regex.is_match(path.as_bytes())))
    }

    fn allows_here(&self, hit: &Hit, place: &Place<'_>, commit: &str) -> Result<bool, AllowlistError> {
        let candidate = Candidate {
            secret: hit.secret.expose().as_bytes(),
            matched: hit.matched.expose().as_bytes(),
            line: &|| hit.line.expose().as_bytes(),
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
