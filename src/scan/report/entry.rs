//! A finding made safe to show. This is the one place where secrets turn into text: reporters get
//! entries only, and so cannot leak.

use super::redaction::{Redaction, Redactor};
use super::{Report, ReportError};
use crate::scan::coverage::Coverage;
use crate::scan::finding::{Commit, Finding, Origin};
use crate::scan::location::Location;
use crate::scan::rule::{Confidence, Rule};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Of the lines around a match, at most so many characters are kept.
const LINE: usize = 500;

/// One finding, safe to show.
pub(super) struct Entry<'a> {
    pub(super) rule: Cow<'a, Rule>,
    /// Index of the first entry with the same rule and secret.
    pub(super) group: usize,
    /// `tree`, `index`, `stdin`, `commit` or `unreachable`.
    pub(super) origin: &'static str,
    /// The id of an unreachable object.
    pub(super) object: &'a str,
    pub(super) commit: CommitEntry<'a>,
    /// As the source named it.
    pub(super) path: String,
    /// Relative to the root of the scan where it lies below it.
    pub(super) relative: String,
    /// The link that was followed, or nothing.
    pub(super) symlink: String,
    pub(super) location: Location,
    /// First and last column as gitleaks' formats show them.
    pub(super) columns: (usize, usize),
    /// First column and the one after the last, in UTF-16 code units.
    pub(super) utf16: (usize, usize),
    pub(super) matched: String,
    pub(super) secret: String,
    /// The lines that the match touches, or what is around it in a long one.
    pub(super) line: String,
    /// Where the match begins in `line`, in bytes.
    pub(super) focus: usize,
    pub(super) entropy: f32,
    pub(super) confidence: Confidence,
    pub(super) tags: Vec<String>,
    pub(super) fingerprint: String,
    pub(super) link: Option<String>,
    pub(super) required: &'a [(String, Location)],
    pub(super) at_head: Option<bool>,
    /// The same when lines move, and whatever the redaction: `hash:occurrence`.
    pub(super) stable_id: String,
}

/// The commit of an entry; empty texts where there is none.
#[derive(Clone, Default)]
pub(super) struct CommitEntry<'a> {
    pub(super) id: &'a str,
    pub(super) author: String,
    pub(super) email: String,
    pub(super) date: &'a str,
    pub(super) message: String,
}

impl<'a> CommitEntry<'a> {
    fn of(commit: &'a Commit, redactor: &Redactor) -> Self {
        Self {
            id: &commit.id,
            author: redactor.text(&commit.author),
            email: redactor.text(&commit.email),
            date: &commit.date,
            message: redactor.text(&commit.message),
        }
    }
}

impl Entry<'_> {
    /// `path:line:column`, or the path alone for a finding about a path.
    pub(super) fn place(&self) -> String {
        match self.location.start_line {
            0 => self.path.clone(),
            line => format!("{}:{line}:{}", self.path, self.location.start_column),
        }
    }

    /// What it is, where it came in and what to do, a line for each.
    pub(super) fn message(&self) -> String {
        let mut message = format!("{}: {}", self.rule.description, self.matched);
        if !self.commit.id.is_empty() {
            let _ = write!(message, "\nIn commit {}, {}.", self.commit.id, self.commit.date);
        }
        if !self.rule.remediation.is_empty() {
            let _ = write!(message, "\n{}", self.rule.remediation);
        }
        message
    }
}

/// Everything of a report, safe to show.
pub(super) struct Safe<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    /// Those in force.
    pub(super) rules: Vec<Cow<'a, Rule>>,
    pub(super) coverage: Coverage,
}

impl<'a> Safe<'a> {
    pub(super) fn of(report: &Report<'a>) -> Result<Self, ReportError> {
        let redactor = Redactor::new(report.findings, report.redaction)?;
        let strict = match report.redaction {
            Redaction::Full => None,
            _ => Some(Redactor::new(report.findings, Redaction::Full)?),
        };
        let strict = strict.as_ref().unwrap_or(&redactor);
        let mut first = HashMap::new();
        let mut occurrences: HashMap<String, usize> = HashMap::new();
        // A commit that brings in much is redacted once.
        let mut commits: HashMap<*const Commit, CommitEntry<'a>> = HashMap::new();
        let entries = report.findings.iter().enumerate().map(|(index, finding)| {
            let commit = match &finding.origin {
                Origin::Commit(commit) => commits
                    .entry(Arc::as_ptr(commit))
                    .or_insert_with(|| CommitEntry::of(commit, &redactor))
                    .clone(),
                _ => CommitEntry::default(),
            };
            let group = *first.entry((finding.rule.id.as_str(), finding.secret.expose())).or_insert(index);
            let mut entry = entry(report, finding, commit, &redactor, group);
            let hash = stable_hash(strict, finding);
            let occurrence = occurrences.entry(hash.clone()).or_default();
            *occurrence += 1;
            entry.stable_id = format!("{hash}:{occurrence}");
            entry
        });
        let entries = entries.collect();
        let rules = report.rules.iter().map(|rule| safe_rule(rule, &redactor)).collect();
        Ok(Self { entries, rules, coverage: safe_coverage(report.coverage, &redactor) })
    }
}

/// Names in the ledger may hold secrets.
pub(super) fn safe_coverage(coverage: &Coverage, redactor: &Redactor) -> Coverage {
    let mut coverage = coverage.clone();
    for skips in coverage.skipped.values_mut() {
        skips.places = skips.places.iter().map(|place| redactor.path(place)).collect();
    }
    coverage
}

/// A rule of the user's own may tell of the very secret that it finds.
fn safe_rule<'a>(rule: &'a Rule, redactor: &Redactor) -> Cow<'a, Rule> {
    let (description, remediation) = (redactor.path(&rule.description), redactor.path(&rule.remediation));
    if (&description, &remediation) == (&rule.description, &rule.remediation) {
        return Cow::Borrowed(rule);
    }
    Cow::Owned(Rule { description, remediation, ..rule.clone() })
}

fn entry<'a>(
    report: &Report<'_>,
    finding: &'a Finding,
    commit: CommitEntry<'a>,
    redactor: &Redactor,
    group: usize,
) -> Entry<'a> {
    let location = finding.location;
    let path = redactor.path(&finding.path);
    let (origin, object) = match &finding.origin {
        Origin::Tree => ("tree", ""),
        Origin::Index => ("index", ""),
        Origin::Stdin => ("stdin", ""),
        Origin::Commit(_) => ("commit", ""),
        Origin::Unreachable { object } => ("unreachable", object.as_str()),
    };
    // A link holds the path in another spelling: where the path hides something, none is safe.
    let link = finding.link.as_deref().filter(|_| path == finding.path);
    let content = redactor.content(finding);
    let (line, focus) = clip(&content.line, content.focus, LINE);
    Entry {
        rule: safe_rule(&finding.rule, redactor),
        group,
        origin,
        object,
        relative: redactor.path(report.relative(&finding.path)),
        symlink: finding.symlink.as_deref().map(|link| redactor.path(link)).unwrap_or_default(),
        location,
        columns: match report.compat_columns {
            true => compat_columns(location),
            false => (location.start_column, location.end_column),
        },
        utf16: utf16_columns(finding),
        line,
        focus,
        matched: content.matched,
        secret: redactor.secret(finding),
        entropy: finding.entropy as f32,
        confidence: finding.confidence,
        tags: finding.tags.iter().map(|tag| redactor.path(tag)).collect(),
        fingerprint: redactor.path(&finding.fingerprint()),
        link: link.map(|web| redactor.path(&format!("{web}{}", anchor(web, location)))),
        required: &finding.required,
        at_head: finding.at_head,
        stable_id: String::new(),
        commit,
        path,
    }
}

/// gitleaks counts one too many on every line but the first of what it reads at once.
fn compat_columns(location: Location) -> (usize, usize) {
    let extra = |line| usize::from(line > 1);
    (location.start_column + extra(location.start_line), location.end_column + extra(location.end_line))
}

/// Byte columns as UTF-16 columns, the end exclusive. Counted in the finding's own lines.
fn utf16_columns(finding: &Finding) -> (usize, usize) {
    let location = finding.location;
    let line = finding.line.expose();
    let last_line = line.split('\n').nth(location.end_line.saturating_sub(location.start_line));
    let units = |line: &str, bytes: usize| {
        // Most lines need no counting, and some are very long.
        if line.as_bytes().get(..bytes).is_some_and(<[u8]>::is_ascii) {
            return bytes + 1;
        }
        let before = line.char_indices().take_while(|(at, _)| *at < bytes);
        before.map(|(_, character)| character.len_utf16()).sum::<usize>() + 1
    };
    let cut = |line_number| if line_number == location.start_line { finding.line_cut } else { 0 };
    let (start, end) = (cut(location.start_line), cut(location.end_line));
    (
        start + units(line, location.start_column.saturating_sub(1 + start)),
        end + units(last_line.unwrap_or(line), location.end_column.saturating_sub(end)),
    )
}

/// Which lines of a page: each host has its own way to say it.
fn anchor(web: &str, location: Location) -> String {
    let (start, end) = (location.start_line, location.end_line);
    if start == 0 {
        return String::new();
    }
    let is_azure = web.contains("dev.azure.com") || web.contains("visualstudio.com");
    let (first, to) = match web {
        _ if is_azure => ("&line=", "&lineEnd="),
        _ if web.contains("/-/blob/") || web.contains("gitlab") => ("#L", "-"),
        _ if web.contains("bitbucket.org") => ("#lines-", ":"),
        _ => ("#L", "-L"),
    };
    let mut anchor = format!("{first}{start}");
    if end > start {
        let _ = write!(anchor, "{to}{end}");
    }
    if is_azure {
        // Without columns that host marks no line.
        anchor.push_str("&lineStartColumn=1&lineEndColumn=10000000&type=2&lineStyle=plain&_a=files");
    }
    anchor
}

/// Names the finding in a way that outlives inserted lines: the rule, the path and the redacted
/// line. Never the secret, whose hash could be searched for.
fn stable_hash(strict: &Redactor, finding: &Finding) -> String {
    let line = strict.content(finding).line;
    let mut hash = Sha256::new();
    for part in [finding.rule.id.as_str(), &strict.path(&finding.path), line.trim()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// At most `width` characters of `text`, those at byte `focus` among them; with the focus in that.
pub(super) fn clip(text: &str, focus: usize, width: usize) -> (String, usize) {
    if text.chars().nth(width).is_none() {
        return (text.to_owned(), focus);
    }
    let before = text[..focus].chars().count();
    let after = text[focus..].chars().take(width).count();
    // A third of the width for what leads to the match, more where little follows it.
    let start = before.saturating_sub((width / 3).max(width.saturating_sub(after)));
    let mut clipped = String::new();
    if start > 0 {
        clipped.push_str("...");
    }
    clipped.extend(text.chars().skip(start).take(before - start));
    let focus = clipped.len();
    clipped.extend(text.chars().skip(before).take(width - (before - start)));
    if text.chars().nth(start + width).is_some() {
        clipped.push_str("...");
    }
    (clipped, focus)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::finding;
    use super::*;

    #[test]
    fn clips_around_the_match() {
        let clip = |text, focus, width| {
            let (text, focus) = super::clip(text, focus, width);
            format!("{}|{}", &text[..focus], &text[focus..])
        };
        assert_eq!(clip("short", 2, 10), "sh|ort");
        let long = format!("{}MATCH{}", "a".repeat(100), "b".repeat(100));
        assert_eq!(clip(&long, 100, 12), "...aaaa|MATCHbbb...");
        assert_eq!(clip(&long[..105], 100, 12), "...aaaaaaa|MATCH");
        assert_eq!(clip(&long, 0, 5), "|aaaaa...");
    }

    #[test]
    fn columns_are_converted() {
        let mut one = finding("r", "a", "é😀 key=abcdefgh", "abcdefgh");
        assert_eq!((one.location.start_column, one.location.end_column), (12, 19));
        assert_eq!(utf16_columns(&one), (9, 17));
        assert_eq!(compat_columns(one.location), (12, 19));
        one.location.start_line = 2;
        one.location.end_line = 2;
        assert_eq!(compat_columns(one.location), (13, 20));
    }

    #[test]
    fn anchors_are_each_hosts_own() {
        let at = Location { start_line: 3, end_line: 5, ..Location::default() };
        let one = Location { start_line: 3, end_line: 3, ..Location::default() };
        assert_eq!(anchor("https://github.com/o/r/blob/1/a", at), "#L3-L5");
        assert_eq!(anchor("https://github.com/o/r/blob/1/a", one), "#L3");
        assert_eq!(anchor("https://gitlab.com/o/r/-/blob/1/a", at), "#L3-5");
        assert_eq!(anchor("https://bitbucket.org/o/r/src/1/a", at), "#lines-3:5");
        assert!(
            anchor("https://dev.azure.com/o/_git/r/commit/1?path=/a", at).starts_with("&line=3&lineEnd=5&")
        );
        assert_eq!(anchor("https://github.com/o/r/blob/1/a", Location::default()), "");
    }
}
