//! JUnit XML in gitleaks' shape: one failed case for each finding, its JSON as the failure's text.
//! Written by hand, because that shape and its escapes are Go's; what XML 1.0 cannot hold becomes U+FFFD.

use super::entry::Entry;
use super::json::{Go, Record};
use super::{ReportError, entry::Safe};
use serde::Serialize;
use std::io::Write;

/// `incomplete`: the sentence that says what the scan could not see, if anything.
pub(super) fn write(
    safe: &Safe<'_>,
    incomplete: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), ReportError> {
    let count = safe.entries.len();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, "<testsuites>")?;
    write!(out, "\t<testsuite failures=\"{count}\" name=\"cofferdam\" tests=\"{count}\" time=\"\">")?;
    for entry in &safe.entries {
        case(entry, out)?;
    }
    if let Some(words) = incomplete {
        write!(out, "\n\t\t<system-err>{}</system-err>", escape(words))?;
    }
    if count > 0 || incomplete.is_some() {
        write!(out, "\n\t")?;
    }
    Ok(writeln!(out, "</testsuite>\n</testsuites>")?)
}

fn case(entry: &Entry<'_>, out: &mut dyn Write) -> Result<(), ReportError> {
    let at_commit = match entry.commit.id {
        "" => String::new(),
        id => format!(", at commit {id}"),
    };
    let (rule, line) = (&entry.rule, entry.location.start_line);
    let message =
        format!("{} has detected a secret in file {}, line {line}{at_commit}.", rule.id, entry.path);
    let (message, description) = (escape(&message), escape(&rule.description));
    let mut data = Vec::new();
    Record::of(entry)
        .serialize(&mut serde_json::Serializer::with_formatter(&mut data, Go::indented(b"\t")))?;
    let data = escape(&String::from_utf8_lossy(&data));
    let file = escape(&entry.path);
    writeln!(
        out,
        "\n\t\t<testcase classname=\"{description}\" file=\"{file}\" name=\"{message}\" time=\"\">"
    )?;
    writeln!(out, "\t\t\t<failure message=\"{message}\" type=\"{description}\">{data}</failure>")?;
    Ok(write!(out, "\t\t</testcase>")?)
}

/// As Go escapes, in attributes and text alike.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => safe.push_str("&#34;"),
            '\'' => safe.push_str("&#39;"),
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\t' => safe.push_str("&#x9;"),
            '\n' => safe.push_str("&#xA;"),
            '\r' => safe.push_str("&#xD;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => safe.push(char::REPLACEMENT_CHARACTER),
            character => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{finding, render, render_with};
    use super::super::{Format, Style};
    use crate::scan::coverage::{Ledger, SkipReason};

    #[test]
    fn a_case_for_each_finding() {
        let one = finding("r", "a<\u{1}>.txt", "k=abcdefgh1", "abcdefgh1");
        let text = render(&[one], &Format::Junit);
        let start = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n\
            \t<testsuite failures=\"1\" name=\"cofferdam\" tests=\"1\" time=\"\">\n\
            \t\t<testcase classname=\"Finds r\" file=\"a&lt;\u{fffd}&gt;.txt\" \
            name=\"r has detected a secret in file a&lt;\u{fffd}&gt;.txt, line 1.\" time=\"\">\n\
            \t\t\t<failure message=\"r has detected a secret in file a&lt;\u{fffd}&gt;.txt, line 1.\" \
            type=\"Finds r\">{&#xA;&#x9;&#34;RuleID&#34;: &#34;r&#34;,&#xA;";
        assert!(text.starts_with(start), "{text}");
        assert!(text.ends_with("}</failure>\n\t\t</testcase>\n\t</testsuite>\n</testsuites>\n"), "{text}");
    }

    #[test]
    fn what_was_not_seen_is_told() {
        assert!(render(&[], &Format::Junit).ends_with("tests=\"0\" time=\"\"></testsuite>\n</testsuites>\n"));
        let ledger = Ledger::default();
        ledger.skip(SkipReason::Timeout, "");
        let text = render_with(&[], &Format::Junit, &ledger.coverage(), Style::default());
        assert!(
            text.contains("<system-err>The scan is incomplete: 1 time limit reached.</system-err>"),
            "{text}"
        );
    }
}
