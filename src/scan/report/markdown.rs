//! A table in GitHub's Markdown, for a job's summary or a comment. Text of the repository stands in code
//! spans, where it can neither mark up nor link.

use super::entry::{Entry, Safe};
use super::leaks_found;
use super::text::{severity, short};
use std::io::{self, Write};

/// A summary may hold one megabyte; more rows than this, nobody reads.
const ROWS: usize = 200;

/// `incomplete`: the sentence that says what the scan could not see, if anything.
pub(super) fn write(safe: &Safe<'_>, incomplete: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    let count = safe.entries.len();
    writeln!(out, "### Cofferdam: {}\n\n{}.", leaks_found(count), safe.coverage.summary())?;
    if let Some(words) = incomplete {
        writeln!(out, "\n**{words}**")?;
    }
    if count == 0 {
        return Ok(());
    }
    writeln!(out, "\n| severity | rule | place | commit | what | to do |\n|---|---|---|---|---|---|")?;
    for entry in safe.entries.iter().take(ROWS) {
        row(entry, out)?;
    }
    if count > ROWS {
        writeln!(out, "\n{} more are in the report.", count - ROWS)?;
    }
    Ok(())
}

fn row(entry: &Entry<'_>, out: &mut dyn Write) -> io::Result<()> {
    let rule = &entry.rule;
    let place = match entry.location.start_line {
        0 => entry.relative.clone(),
        line => format!("{}:{line}", entry.relative),
    };
    let cells = [&rule.id, &place, short(entry.commit.id), &rule.description, &rule.remediation].map(code);
    writeln!(out, "| {} | {} |", severity(rule.severity).0, cells.join(" | "))
}

/// A code span that ends where it should, in one cell of one line.
fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|letter| match letter {
            '`' => '\'',
            letter if letter.is_control() => ' ',
            letter => letter,
        })
        .collect();
    if text.trim().is_empty() { String::new() } else { format!("`{}`", text.replace('|', "\\|")) }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{committed, finding, render, render_with};
    use super::super::{Format, Style};
    use crate::scan::coverage::{Ledger, SkipReason};

    #[test]
    fn a_row_for_each_finding_and_no_text_leaves_its_cell() {
        let one = finding("r", "a|`b`\n<img>.txt", "k=abcdefgh1", "abcdefgh1");
        let text = render(&[committed(one, "ab", "2024-01-02T03:04:05Z", "")], &Format::Markdown);
        let expected = "### Cofferdam: 1 leak found\n\n0 bytes.\n\n\
            | severity | rule | place | commit | what | to do |\n|---|---|---|---|---|---|\n\
            | high | `r` | `a\\|'b' <img>.txt:1` | `ababababab` | `Finds r` | `Revoke it` |\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_was_not_seen_is_told_and_many_are_counted() {
        let ledger = Ledger::default();
        ledger.skip(SkipReason::Timeout, "x");
        let text = render_with(&[], &Format::Markdown, &ledger.coverage(), Style::default());
        assert!(text.ends_with("\n**The scan is incomplete: 1 time limit reached.**\n"), "{text}");
        let many = vec![finding("r", "a", "k=abcdefgh1", "abcdefgh1"); 203];
        assert!(render(&many, &Format::Markdown).ends_with("\n3 more are in the report.\n"));
    }
}
