//! Workflow commands that GitHub Actions shows as annotations on the lines of a change.

use super::entry::{Entry, Safe};
use crate::scan::rule::Severity;
use std::io::{self, Write};

/// `incomplete`: the sentence that says what the scan could not see, if anything.
pub(super) fn write(safe: &Safe<'_>, incomplete: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    for entry in &safe.entries {
        annotation(entry, out)?;
    }
    match incomplete {
        Some(words) => writeln!(out, "::warning title=Scan incomplete::{}", data(words)),
        None => Ok(()),
    }
}

fn annotation(entry: &Entry<'_>, out: &mut dyn Write) -> io::Result<()> {
    let command = match entry.rule.severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "notice",
    };
    write!(out, "::{command} file={}", property(&entry.relative))?;
    let location = entry.location;
    if location.start_line > 0 {
        write!(out, ",line={},endLine={}", location.start_line, location.end_line)?;
        // Columns are taken only within one line.
        if location.start_line == location.end_line {
            write!(out, ",col={},endColumn={}", entry.utf16.0, entry.utf16.1)?;
        }
    }
    writeln!(out, ",title={}::{}", property(&entry.rule.id), data(&entry.message()))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{finding, render, render_with};
    use super::super::{Format, Style};
    use crate::scan::coverage::{Ledger, SkipReason};

    #[test]
    fn an_annotation_cannot_start_another() {
        let mut one = finding("r", "a,b:c\n::error::x%.txt", "k=abcdefgh1", "abcdefgh1");
        one.matched = "k=abcdefgh1\n::stop".to_owned().into();
        let expected = "::error file=a%2Cb%3Ac%0A%3A%3Aerror%3A%3Ax%25.txt,line=1,endLine=1,col=3,endColumn=12,\
            title=r::Finds r: k=REDACTED%0A::stop%0ARevoke it\n";
        assert_eq!(render(&[one], &Format::Github), expected);
    }

    #[test]
    fn what_was_not_seen_is_a_warning() {
        let ledger = Ledger::default();
        ledger.skip(SkipReason::Unreadable, "x");
        let text = render_with(&[], &Format::Github, &ledger.coverage(), Style::default());
        assert_eq!(text, "::warning title=Scan incomplete::The scan is incomplete: 1 unreadable.\n");
    }
}
