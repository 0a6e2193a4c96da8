//! The report for people: one paragraph for each secret, worst first, then a line that sums up.
//!
//! Whatever comes from the repository passes [`crate::terminal::escape`] on its way out.

use super::Style;
use super::entry::{Entry, Safe, clip};
use crate::scan::rule::{Confidence, Severity};
use crate::terminal::{Paint, escape};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// The widest line of content.
const WIDTH: usize = 150;
/// So many other places are named unless asked for all.
const PLACES: usize = 5;

/// Everything that is known of one secret.
struct Group<'e> {
    entries: Vec<&'e Entry<'e>>,
}

impl<'e> Group<'e> {
    fn severity(&self) -> Severity {
        self.entries[0].rule.severity
    }

    /// The entry to show: what is not committed yet, else what stands at HEAD, else the oldest.
    fn main(&self) -> &'e Entry<'e> {
        let now = |entry: &&&Entry<'_>| entry.commit.id.is_empty() && entry.object.is_empty();
        let entries = &self.entries;
        let at_head = || entries.iter().find(|entry| entry.at_head == Some(true));
        entries.iter().find(now).or_else(at_head).copied().or(self.oldest()).unwrap_or(entries[0])
    }

    /// The first commit that brought the secret in.
    fn oldest(&self) -> Option<&'e Entry<'e>> {
        let committed = self.entries.iter().filter(|entry| !entry.commit.id.is_empty());
        committed.min_by_key(|entry| entry.commit.date).copied()
    }

    /// The places beside the main one, each with the first commit that has it.
    fn others(&self) -> Vec<String> {
        let main = self.main().place();
        let mut places: BTreeMap<String, Option<&Entry<'_>>> = BTreeMap::new();
        for entry in &self.entries {
            let first = places.entry(entry.place()).or_default();
            let is_older = |first: &Entry<'_>| entry.commit.date < first.commit.date;
            if !entry.commit.id.is_empty() && first.is_none_or(is_older) {
                *first = Some(entry);
            }
        }
        places.remove(&main);
        let line = |(place, first): (String, Option<&Entry<'_>>)| match first {
            Some(entry) => format!("{}  (commit {})", escape(&place), short(entry.commit.id)),
            None => escape(&place).into_owned(),
        };
        places.into_iter().map(line).collect()
    }

    fn at_head(&self) -> Option<bool> {
        self.entries.iter().filter_map(|entry| entry.at_head).max()
    }
}

pub(super) fn write(
    safe: &Safe<'_>,
    incomplete: Option<&str>,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut by_secret: BTreeMap<usize, Group<'_>> = BTreeMap::new();
    for entry in &safe.entries {
        by_secret.entry(entry.group).or_insert(Group { entries: Vec::new() }).entries.push(entry);
    }
    let mut groups: Vec<Group<'_>> = by_secret.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.severity()));
    for group in &groups {
        paragraph(group, style, out)?;
        writeln!(out)?;
    }
    summary(safe, incomplete, &groups, style, out)
}

fn paragraph(group: &Group<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (main, rule) = (group.main(), &group.entries[0].rule);
    let (word, paint) = severity(rule.severity);
    let colour = style.colour;
    let sure = group.entries.iter().map(|entry| entry.confidence).max().unwrap_or_default();
    let unsure = match sure {
        Confidence::High => String::new(),
        _ => format!("  ({} confidence)", sure.as_str()),
    };
    writeln!(
        out,
        "{} {} {}{}",
        paint.on(word, colour),
        Paint::Bold.on(&escape(&rule.id), colour),
        escape(&rule.description),
        Paint::Dim.on(&unsure, colour)
    )?;
    let note = match main.origin {
        "index" => "  (staged)",
        "unreachable" => "  (unreachable object)",
        _ => "",
    };
    let place = main.place();
    writeln!(out, "  {}{}", Paint::Cyan.on(&escape(&place), colour), Paint::Dim.on(note, colour))?;
    if !main.line.is_empty() {
        writeln!(out, "    {}", content(main))?;
    }
    if let Some(first) = group.oldest() {
        writeln!(out, "  {} {}", label("since", colour), since(first, group.at_head()))?;
    }
    let others = group.others();
    let shown = if style.verbose { others.len() } else { others.len().min(PLACES) };
    for (number, place) in others[..shown].iter().enumerate() {
        writeln!(out, "  {} {place}", label(if number == 0 { "also" } else { "" }, colour))?;
    }
    if shown < others.len() {
        let more = format!("and {} more (-v lists all)", others.len() - shown);
        writeln!(out, "  {} {}", label("", colour), Paint::Dim.on(&more, colour))?;
    }
    if !rule.remediation.is_empty() {
        let remediation = rule.remediation.split_whitespace().collect::<Vec<_>>().join(" ");
        writeln!(out, "  {} {}", label("to do", colour), escape(&remediation))?;
    }
    if style.verbose {
        let prints: BTreeSet<&str> = group.entries.iter().map(|entry| entry.fingerprint.as_str()).collect();
        for print in prints {
            writeln!(out, "  {} {}", label("id", colour), escape(print))?;
        }
    }
    Ok(())
}

/// Names of the lines below a place, in one column.
fn label(word: &str, colour: bool) -> String {
    Paint::Dim.on(&format!("{word:<5}"), colour).into_owned()
}

/// What the match touches as one line, cut to a width.
fn content(entry: &Entry<'_>) -> String {
    let (before, after) = entry.line.split_at(entry.focus);
    let before = before.rsplit('\n').next().unwrap_or(before).trim_start();
    let after = after.lines().map(str::trim_start).collect::<Vec<_>>().join(" ");
    let (line, _) = clip(&format!("{before}{after}"), before.len(), WIDTH);
    escape(line.trim_end()).into_owned()
}

fn since(first: &Entry<'_>, at_head: Option<bool>) -> String {
    let day = first.commit.date.get(..10).unwrap_or(first.commit.date);
    let stands = match at_head {
        Some(true) => "; still at HEAD",
        Some(false) => "; gone from HEAD, not from history",
        None => "",
    };
    let author = escape(&first.commit.author);
    format!("commit {}, {}, {author}{stands}", short(first.commit.id), escape(day))
}

pub(super) fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

pub(super) fn severity(severity: Severity) -> (&'static str, Paint) {
    match severity {
        Severity::Low => ("low", Paint::Dim),
        Severity::Medium => ("medium", Paint::Yellow),
        Severity::High => ("high", Paint::Red),
        Severity::Critical => ("critical", Paint::Red),
    }
}

fn summary(
    safe: &Safe<'_>,
    incomplete: Option<&str>,
    groups: &[Group<'_>],
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let gap = incomplete.map(|words| format!(" {words}")).unwrap_or_default();
    let gap = Paint::Yellow.on(&gap, style.colour);
    if groups.is_empty() {
        let paint = if incomplete.is_none() { Paint::Green } else { Paint::Bold };
        return writeln!(out, "{}{gap}", paint.on("No secrets found.", style.colour));
    }
    let places: BTreeSet<String> = safe.entries.iter().map(Entry::place).collect();
    let of_each = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low].map(|level| {
        let count = groups.iter().filter(|group| group.severity() == level).count();
        (count, severity(level).0)
    });
    let of_each: Vec<String> =
        of_each.iter().filter(|(count, _)| *count > 0).map(|(n, w)| format!("{n} {w}")).collect();
    let found = format!(
        "{} in {}: {}.",
        counted(groups.len(), "secret"),
        counted(places.len(), "place"),
        of_each.join(", ")
    );
    writeln!(out, "{}{gap}", Paint::Bold.on(&found, style.colour))?;
    let hint = "Not a secret? Put cofferdam:allow on its line, or its id (-v shows it) in .gitleaksignore.";
    writeln!(out, "{}", Paint::Dim.on(hint, style.colour))
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::fixture::{committed, finding, render, render_with};
    use super::*;
    use crate::scan::coverage::{Coverage, Ledger, SkipReason};

    #[test]
    fn one_paragraph_for_each_secret() {
        let one = finding("aws-key", "a.env", "  KEY=abcdefgh1 # x", "abcdefgh1");
        let mut old = committed(one.clone(), "ab12cd34", "2024-01-02T03:04:05Z", "m");
        old.path = "old.env".into();
        old.at_head = Some(false);
        let mut new = committed(one.clone(), "ffff0000", "2025-01-02T03:04:05Z", "m");
        new.at_head = Some(true);
        let expected = "\
high aws-key Finds aws-key
  a.env:1:7
    KEY=REDACTED # x
  since commit ab12cd34ab, 2024-01-02, A U Thor; still at HEAD
  also  old.env:1:7  (commit ab12cd34ab)
  to do Revoke it

1 secret in 2 places: 1 high.
Not a secret? Put cofferdam:allow on its line, or its id (-v shows it) in .gitleaksignore.
";
        assert_eq!(render(&[one, old, new], &Format::Text), expected);
    }

    #[test]
    fn nothing_found_says_so_and_what_is_missing() {
        assert_eq!(render(&[], &Format::Text), "No secrets found.\n");
        let ledger = Ledger::default();
        ledger.skip(SkipReason::MissingObject, "abc");
        ledger.skip(SkipReason::Binary, "abc");
        let text = render_with(&[], &Format::Text, &ledger.coverage(), Style::default());
        assert_eq!(text, "No secrets found. The scan is incomplete: 1 missing object.\n");
    }

    #[test]
    fn a_terminal_gets_no_foreign_escapes_and_no_endless_line() {
        let line = format!("{}k=abcdefgh1\u{1b}[2J{}", "x".repeat(5000), "y".repeat(5000));
        let mut one = finding("r", "a\u{1b}]0;b\n\u{202e}.txt", &line, "abcdefgh1");
        one.rule =
            std::sync::Arc::new(crate::scan::rule::Rule { id: "r\u{7}".into(), ..(*one.rule).clone() });
        let text = render(&[one], &Format::Text);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains('\u{202e}'));
        assert!(text.contains("k=REDACTED"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 200), "{text}");
    }

    #[test]
    fn many_places_are_named_on_request() {
        let all: Vec<_> =
            (1..=9).map(|n| finding("r", &format!("{n}.txt"), "abcdefgh1", "abcdefgh1")).collect();
        let brief = render(&all, &Format::Text);
        assert!(brief.contains("also  2.txt:1:1\n        3.txt:1:1\n"), "{brief}");
        assert!(brief.contains("and 3 more (-v lists all)"), "{brief}");
        let style = Style { verbose: true, colour: false };
        let long = render_with(&all, &Format::Text, &Coverage::default(), style);
        assert!(long.contains("9.txt:1:1\n") && !long.contains("more"), "{long}");
        let coloured =
            render_with(&all, &Format::Text, &Coverage::default(), Style { colour: true, ..style });
        assert!(coloured.contains("\u{1b}[1;31mhigh\u{1b}[0m"));
    }
}
