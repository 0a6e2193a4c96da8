//! GitLab's secret detection report (its schema, version 15.0.6), which a job hands on as
//! `artifacts:reports:secret_detection`. The secret itself, for which the schema has a field, is left out.

use super::entry::{Entry, Safe};
use super::{Report, ReportError};
use crate::scan::rule::Severity;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::io::Write;

const SCHEMA: &str = "15.0.6";
/// GitLab's own analyzer writes this where there is no commit; the schema wants one.
const NO_COMMIT: &str = "0000000";
/// The longest name that the schema takes, in characters.
const LONGEST_NAME: usize = 255;

/// `incomplete`: the sentence that says what the scan could not see, if anything.
pub(super) fn write(
    report: &Report<'_>,
    safe: &Safe<'_>,
    incomplete: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), ReportError> {
    let document = Document {
        version: SCHEMA,
        scan: scan(report, incomplete),
        vulnerabilities: Vulnerabilities(&safe.entries),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    Ok(out.write_all(b"\n")?)
}

#[derive(serde::Serialize)]
struct Document<'e> {
    version: &'static str,
    scan: Value,
    vulnerabilities: Vulnerabilities<'e>,
}

/// Serialised one by one.
struct Vulnerabilities<'e>(&'e [Entry<'e>]);

impl serde::Serialize for Vulnerabilities<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(vulnerability))
    }
}

fn tool() -> Value {
    json!({
        "id": "cofferdam",
        "name": "Cofferdam",
        "version": env!("CARGO_PKG_VERSION"),
        "vendor": { "name": "Cofferdam" },
    })
}

fn scan(report: &Report<'_>, incomplete: Option<&str>) -> Value {
    let messages: Vec<Value> =
        incomplete.iter().map(|words| json!({ "level": "warn", "value": words })).collect();
    json!({
        "analyzer": tool(),
        "scanner": tool(),
        "type": "secret_detection",
        "start_time": report.time,
        "end_time": report.time,
        "status": if report.complete { "success" } else { "failure" },
        "messages": messages,
    })
}

fn vulnerability(entry: &Entry<'_>) -> Value {
    let rule = &entry.rule;
    let name = if rule.description.is_empty() { &rule.id } else { &rule.description };
    let mut vulnerability = json!({
        "id": uuid(&entry.stable_id),
        "category": "secret_detection",
        "name": name.chars().take(LONGEST_NAME).collect::<String>(),
        "description": entry.message(),
        "severity": match rule.severity {
            Severity::Critical => "Critical",
            Severity::High => "High",
            Severity::Medium => "Medium",
            Severity::Low => "Low",
        },
        "scanner": { "id": "cofferdam", "name": "Cofferdam" },
        "location": location(entry),
        "identifiers": [{
            "type": "cofferdam_rule_id",
            "name": format!("Cofferdam rule ID {}", rule.id),
            "value": rule.id,
        }],
    });
    if !rule.remediation.is_empty() {
        vulnerability["solution"] = rule.remediation.as_str().into();
    }
    vulnerability
}

fn location(entry: &Entry<'_>) -> Value {
    let commit = &entry.commit;
    let mut location = json!({ "file": entry.relative });
    location["commit"] = match commit.id {
        "" => json!({ "sha": NO_COMMIT }),
        id => json!({
            "sha": id,
            "author": commit.author,
            "date": commit.date,
            "message": commit.message,
        }),
    };
    if entry.location.start_line > 0 {
        location["start_line"] = entry.location.start_line.into();
        location["end_line"] = entry.location.end_line.into();
    }
    location
}

/// The same text gives the same one (version 8: of our own making).
fn uuid(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::fixture::{committed, finding, render, report};
    use super::*;
    use crate::scan::coverage::{Ledger, SkipReason};

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_field_of_the_schema_is_there() {
        let one = finding("r", "d/a", "x\nk=abcdefgh1", "abcdefgh1");
        let one = committed(one, "ab", "2024-01-02T03:04:05Z", "add abcdefgh1");
        let document = parsed(&render(&[one], &Format::Gitlab));
        assert_eq!(document["version"], "15.0.6");
        let tool = json!({ "id": "cofferdam", "name": "Cofferdam", "version": env!("CARGO_PKG_VERSION"),
            "vendor": { "name": "Cofferdam" } });
        let scan = json!({ "analyzer": tool, "scanner": tool, "type": "secret_detection",
            "start_time": "2024-01-02T03:04:05", "end_time": "2024-01-02T03:04:05", "status": "success",
            "messages": [] });
        assert_eq!(document["scan"], scan);
        let sha = "ab".repeat(20);
        let one = &document["vulnerabilities"][0];
        let id = one["id"].as_str().unwrap();
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        let expected = json!({
            "id": id,
            "category": "secret_detection",
            "name": "Finds r",
            "description": format!("Finds r: REDACTED\nIn commit {sha}, 2024-01-02T03:04:05Z.\nRevoke it"),
            "severity": "High",
            "scanner": { "id": "cofferdam", "name": "Cofferdam" },
            "location": {
                "file": "d/a",
                "commit": { "sha": sha, "author": "A U Thor", "date": "2024-01-02T03:04:05Z",
                    "message": "add REDACTED" },
                "start_line": 2,
                "end_line": 2,
            },
            "identifiers": [{ "type": "cofferdam_rule_id", "name": "Cofferdam rule ID r", "value": "r" }],
            "solution": "Revoke it",
        });
        assert_eq!(*one, expected);
    }

    #[test]
    fn ids_are_stable_and_no_two_are_equal() {
        let one = finding("r", "a", "k=abcdefgh1", "abcdefgh1");
        let mut moved = one.clone();
        moved.location.start_line += 4;
        moved.location.end_line += 4;
        let ids = |findings: &[_]| -> Vec<Value> {
            let document = parsed(&render(findings, &Format::Gitlab));
            document["vulnerabilities"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect()
        };
        assert_eq!(ids(std::slice::from_ref(&one)), ids(std::slice::from_ref(&moved)));
        let both = ids(&[one, moved]);
        assert_ne!(both[0], both[1]);
    }

    #[test]
    fn what_was_not_seen_is_a_failure_and_a_path_has_no_line() {
        let ledger = Ledger::default();
        ledger.skip(SkipReason::ShallowBoundary, "x");
        let mut one = finding("r", "a.pem", "k=abcdefgh1", "abcdefgh1");
        one.location = crate::scan::location::Location::default();
        let (findings, coverage) = ([one], ledger.coverage());
        let mut out = Vec::new();
        report(&findings, &[], &coverage).write(&Format::Gitlab, Default::default(), &mut out).unwrap();
        let document = parsed(&String::from_utf8(out).unwrap());
        assert_eq!(document["scan"]["status"], "failure");
        let words = "The scan is incomplete: 1 shallow boundary.";
        assert_eq!(document["scan"]["messages"], json!([{ "level": "warn", "value": words }]));
        let location = &document["vulnerabilities"][0]["location"];
        assert_eq!(*location, json!({ "file": "a.pem", "commit": { "sha": "0000000" } }));
    }
}
