//! JSON: gitleaks' array, byte for byte as Go writes it, and our own object around the same
//! findings with what gitleaks has no room for.

use super::entry::{Entry, Safe};
use super::{Report, ReportError};
use crate::scan::coverage::Coverage;
use crate::scan::location::Location;
use crate::scan::rule::{Confidence, Severity};
use serde::ser::{Serialize, Serializer};
use serde_json::ser::{Formatter, PrettyFormatter};
use std::io::{self, Write};

/// gitleaks' keys in gitleaks' order.
#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Record<'e> {
    #[serde(rename = "RuleID")]
    rule_id: &'e str,
    description: &'e str,
    start_line: usize,
    end_line: usize,
    start_column: usize,
    end_column: usize,
    r#match: &'e str,
    secret: &'e str,
    file: &'e str,
    symlink_file: &'e str,
    commit: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'e str>,
    entropy: f32,
    author: &'e str,
    email: &'e str,
    date: &'e str,
    message: &'e str,
    tags: &'e [String],
    fingerprint: &'e str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    required: Vec<Nearby<'e>>,
}

/// What a rule's `required` found nearby.
#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Nearby<'e> {
    #[serde(rename = "RuleID")]
    rule_id: &'e str,
    start_line: usize,
    end_line: usize,
    start_column: usize,
    end_column: usize,
}

impl<'e> Record<'e> {
    pub(super) fn of(entry: &'e Entry<'_>) -> Self {
        let commit = &entry.commit;
        Self {
            rule_id: &entry.rule.id,
            description: &entry.rule.description,
            start_line: entry.location.start_line,
            end_line: entry.location.end_line,
            start_column: entry.columns.0,
            end_column: entry.columns.1,
            r#match: &entry.matched,
            secret: &entry.secret,
            file: &entry.path,
            symlink_file: &entry.symlink,
            commit: commit.id,
            link: entry.link.as_deref(),
            entropy: entry.entropy,
            author: &commit.author,
            email: &commit.email,
            date: commit.date,
            message: &commit.message,
            tags: &entry.tags,
            fingerprint: &entry.fingerprint,
            required: entry.required.iter().map(Nearby::of).collect(),
        }
    }
}

impl<'e> Nearby<'e> {
    fn of((rule_id, at): &'e (String, Location)) -> Self {
        let Location { start_line, start_column, end_line, end_column } = *at;
        Self { rule_id, start_line, end_line, start_column, end_column }
    }
}

/// gitleaks' keys and ours.
#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct FullRecord<'e> {
    #[serde(flatten)]
    record: Record<'e>,
    severity: Severity,
    confidence: Confidence,
    remediation: &'e str,
    line: &'e str,
    origin: &'static str,
    object: &'e str,
    at_head: Option<bool>,
    /// Findings with the same number are of the same secret.
    group: usize,
}

/// The whole report as an object. Templates see the same.
#[derive(serde::Serialize)]
pub(super) struct Document<'e> {
    tool: &'static str,
    version: &'static str,
    complete: bool,
    coverage: &'e Coverage,
    findings: Sequence<'e>,
}

impl<'e> Document<'e> {
    pub(super) fn of(report: &Report<'_>, safe: &'e Safe<'_>) -> Self {
        Self {
            tool: "cofferdam",
            version: env!("CARGO_PKG_VERSION"),
            complete: report.complete,
            coverage: &safe.coverage,
            findings: Sequence(&safe.entries),
        }
    }
}

/// Serialised one by one, so that no second copy of everything is in memory.
struct Sequence<'e>(&'e [Entry<'e>]);

impl Serialize for Sequence<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|entry| FullRecord {
            record: Record::of(entry),
            severity: entry.rule.severity,
            confidence: entry.confidence,
            remediation: &entry.rule.remediation,
            line: &entry.line,
            origin: entry.origin,
            object: entry.object,
            at_head: entry.at_head,
            group: entry.group,
        }))
    }
}

/// gitleaks' array.
pub(super) fn write(entries: &[Entry<'_>], out: &mut dyn Write) -> Result<(), ReportError> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Go::indented(b" "));
    serializer.collect_seq(entries.iter().map(Record::of))?;
    Ok(out.write_all(b"\n")?)
}

/// The object with everything.
pub(super) fn write_full(
    report: &Report<'_>,
    safe: &Safe<'_>,
    out: &mut dyn Write,
) -> Result<(), ReportError> {
    serde_json::to_writer_pretty(&mut *out, &Document::of(report, safe))?;
    Ok(out.write_all(b"\n")?)
}

/// Writes JSON as Go's encoder does: `<`, `>`, `&` and the line separators escaped, numbers without
/// a needless fraction.
pub(super) struct Go(PrettyFormatter<'static>);

impl Go {
    pub(super) fn indented(indent: &'static [u8]) -> Self {
        Self(PrettyFormatter::with_indent(indent))
    }
}

impl Formatter for Go {
    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        write!(writer, "{value}")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let special = rest[at..].chars().next().expect("something was found here");
            write!(writer, "\\u{:04x}", special as u32)?;
            rest = &rest[at + special.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{committed, finding, render};
    use super::super::{Format, Redaction};
    use crate::scan::finding::{Commit, Origin};
    use std::sync::Arc;

    #[test]
    fn an_empty_report_is_an_empty_array() {
        assert_eq!(render(&[], &Format::Json), "[]\n");
    }

    #[test]
    fn writes_the_bytes_that_go_writes() {
        let mut one = finding("r<1>", "a&b.txt", "x = \"abcdefgh\"\u{2028}", "abcdefgh");
        one.entropy = 3.0;
        one.tags = vec!["t".into()];
        let expected = [
            "[",
            " {",
            "  \"RuleID\": \"r\\u003c1\\u003e\",",
            "  \"Description\": \"Finds r\\u003c1\\u003e\",",
            "  \"StartLine\": 1,",
            "  \"EndLine\": 1,",
            "  \"StartColumn\": 6,",
            "  \"EndColumn\": 13,",
            "  \"Match\": \"REDACTED\",",
            "  \"Secret\": \"REDACTED\",",
            "  \"File\": \"a\\u0026b.txt\",",
            "  \"SymlinkFile\": \"\",",
            "  \"Commit\": \"\",",
            "  \"Entropy\": 3,",
            "  \"Author\": \"\",",
            "  \"Email\": \"\",",
            "  \"Date\": \"\",",
            "  \"Message\": \"\",",
            "  \"Tags\": [",
            "   \"t\"",
            "  ],",
            "  \"Fingerprint\": \"a\\u0026b.txt:r\\u003c1\\u003e:1\"",
            " }",
            "]\n",
        ];
        assert_eq!(render(&[one], &Format::Json), expected.join("\n"));
    }

    #[test]
    fn entropy_is_the_shortest_float32() {
        let mut one = finding("r", "a", "abcdefgh", "abcdefgh");
        one.entropy = 3.121_928_094_887_362_6;
        assert!(render(&[one], &Format::Json).contains("\"Entropy\": 3.121928,"));
    }

    #[test]
    fn the_commit_message_is_redacted_and_the_link_has_its_lines() {
        let mut one =
            committed(finding("r", "a", "k=abcdefgh1", "abcdefgh1"), "ab", "2024-01-02T03:04:05Z", "");
        if let Origin::Commit(commit) = &mut one.origin {
            *commit = Arc::new(Commit { message: "add abcdefgh1".into(), ..(**commit).clone() });
        }
        one.link = Some("https://github.com/o/r/blob/ab/a".into());
        let text = render(&[one], &Format::Json);
        assert!(text.contains("\"Message\": \"add REDACTED\""), "{text}");
        assert!(text.contains("\"Link\": \"https://github.com/o/r/blob/ab/a#L1\",\n  \"Entropy\""), "{text}");
    }

    #[test]
    fn our_own_object_has_the_ledger_and_our_keys() {
        let mut one = finding("r", "a", "k=abcdefgh1", "abcdefgh1");
        one.required = vec![("other".into(), one.location)];
        let text = render(&[one.clone(), one], &Format::CofferdamJson);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["tool"], "cofferdam");
        assert_eq!(value["complete"], true);
        assert_eq!(value["coverage"]["files"], 0);
        let second = &value["findings"][1];
        assert_eq!(second["Severity"], "high");
        assert_eq!(second["Line"], "k=REDACTED");
        assert_eq!(second["Group"], 0);
        assert_eq!(second["Required"][0]["RuleID"], "other");
        assert_eq!(Redaction::default(), Redaction::Full);
    }
}
