//! Logging commands of Azure Pipelines: each finding is an issue of the run, at its file and line. The
//! agent takes a command wherever it stands in a line, so everything that comes from the repository is
//! escaped, and nothing but commands is written.

use super::entry::{Entry, Safe};
use crate::scan::rule::Severity;
use std::io::{self, Write};

/// `incomplete`: the sentence that says what the scan could not see, if anything.
pub(super) fn write(safe: &Safe<'_>, incomplete: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    for entry in &safe.entries {
        issue(entry, out)?;
    }
    match incomplete {
        Some(words) => writeln!(out, "##vso[task.logissue type=warning;]{}", data(words)),
        None => Ok(()),
    }
}

fn issue(entry: &Entry<'_>, out: &mut dyn Write) -> io::Result<()> {
    // There are two types: errors and warnings.
    let kind = match entry.rule.severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium | Severity::Low => "warning",
    };
    write!(out, "##vso[task.logissue type={kind};sourcepath={};", property(&entry.relative))?;
    if entry.location.start_line > 0 {
        write!(out, "linenumber={};columnnumber={};", entry.location.start_line, entry.utf16.0)?;
    }
    writeln!(out, "code={};]{}", property(&entry.rule.id), data(&entry.message()))
}

fn data(text: &str) -> String {
    text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(']', "%5D").replace(';', "%3B")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{finding, render, render_with};
    use super::super::{Format, Style};
    use crate::scan::coverage::{Ledger, SkipReason};

    #[test]
    fn an_issue_cannot_end_its_command_nor_start_another() {
        let mut one = finding("r", "a;b]\n##vso[x]%.txt", "k=abcdefgh1", "abcdefgh1");
        one.matched = "k=abcdefgh1\n##vso[task.complete result=Succeeded]".to_owned().into();
        let expected = "##vso[task.logissue type=error;sourcepath=a%3Bb%5D%0A##vso[x%5D%AZP25.txt;\
            linenumber=1;columnnumber=3;code=r;]Finds r: k=REDACTED%0A##vso[task.complete result=Succeeded]\
            %0ARevoke it\n";
        assert_eq!(render(&[one], &Format::Azure), expected);
    }

    #[test]
    fn what_was_not_seen_is_a_warning() {
        let ledger = Ledger::default();
        ledger.skip(SkipReason::Unreadable, "x");
        let text = render_with(&[], &Format::Azure, &ledger.coverage(), Style::default());
        assert_eq!(text, "##vso[task.logissue type=warning;]The scan is incomplete: 1 unreadable.\n");
    }
}
