//! SARIF 2.1.0 as GitHub code scanning takes it: levels, security severities, relative URIs, help
//! texts, fingerprints that outlive moved lines, and the ledger as the run's data.
//!
//! gitleaks' keys (`commitSha`, `author`, ...) are kept beside ours.

use super::entry::{Entry, Safe};
use super::{Report, ReportError};
use crate::scan::coverage::Coverage;
use crate::scan::rule::{Confidence, Rule, Severity};
use serde::ser::{Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub(super) fn write(report: &Report<'_>, safe: &Safe<'_>, out: &mut dyn Write) -> Result<(), ReportError> {
    let mut rules: Vec<&Rule> = safe.rules.iter().map(AsRef::as_ref).collect();
    let mut indexes: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, rule) in rules.iter().enumerate() {
        indexes.entry(&rule.id).or_insert(index);
    }
    for entry in &safe.entries {
        indexes.entry(&entry.rule.id).or_insert_with(|| {
            rules.push(&entry.rule);
            rules.len() - 1
        });
    }
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: tool(&rules),
            invocations: [invocation(report, &safe.coverage)],
            original_uri_base_ids: json!({ "%SRCROOT%": { "description": { "text": "The root of the scan" } } }),
            column_kind: "utf16CodeUnits",
            results: Results { entries: &safe.entries, indexes },
            properties: json!({ "complete": report.complete, "coverage": safe.coverage }),
        }],
    };
    serde_json::to_writer_pretty(&mut *out, &log)?;
    Ok(out.write_all(b"\n")?)
}

#[derive(serde::Serialize)]
struct Log<'e> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'e>; 1],
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'e> {
    tool: Value,
    invocations: [Value; 1],
    original_uri_base_ids: Value,
    column_kind: &'static str,
    results: Results<'e>,
    properties: Value,
}

/// Serialised one by one.
struct Results<'e> {
    entries: &'e [Entry<'e>],
    indexes: BTreeMap<&'e str, usize>,
}

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let results = self.entries.iter().map(|entry| result(entry, self.indexes[entry.rule.id.as_str()]));
        serializer.collect_seq(results)
    }
}

fn tool(rules: &[&Rule]) -> Value {
    let rules: Vec<Value> = rules.iter().map(|rule| descriptor(rule)).collect();
    json!({ "driver": {
        "name": "cofferdam",
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules,
    } })
}

fn descriptor(rule: &Rule) -> Value {
    let description = if rule.description.is_empty() { &rule.id } else { &rule.description };
    let allow = format!("If it is not a secret, write cofferdam:allow {} on its line.", rule.id);
    let help = [description, &rule.remediation, &allow].map(String::as_str);
    let help: Vec<&str> = help.into_iter().filter(|part| !part.is_empty()).collect();
    let tags = ["security", "secret"].into_iter().chain(rule.tags.iter().map(String::as_str));
    json!({
        "id": rule.id,
        "name": rule.id,
        "shortDescription": { "text": description },
        "fullDescription": { "text": description },
        "help": { "text": help.join("\n"), "markdown": help.join("\n\n") },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": {
            "tags": unique(tags),
            "precision": match rule.confidence {
                Confidence::High => "very-high",
                other => other.as_str(),
            },
            "security-severity": match rule.severity {
                Severity::Critical => "9.5",
                Severity::High => "8.0",
                Severity::Medium => "5.5",
                Severity::Low => "3.0",
            },
        },
    })
}

/// The schema wants each tag once.
fn unique<'t>(tags: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    tags.fold(Vec::new(), |mut unique, tag| {
        if !unique.contains(&tag) {
            unique.push(tag);
        }
        unique
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

fn invocation(report: &Report<'_>, coverage: &Coverage) -> Value {
    let notification =
        |(reason, skips): (&crate::scan::coverage::SkipReason, &crate::scan::coverage::Skips)| {
            let mut text = format!("{} skipped: {}", skips.count, reason.words());
            for place in &skips.places {
                let _ = write!(text, "\n{place}");
            }
            json!({
                "descriptor": { "id": reason },
                "level": if reason.is_gap() { "warning" } else { "note" },
                "message": { "text": text },
                "properties": { "count": skips.count },
            })
        };
    let notifications: Vec<Value> = coverage.skipped.iter().map(notification).collect();
    json!({ "executionSuccessful": report.complete, "toolExecutionNotifications": notifications })
}

fn result(entry: &Entry<'_>, rule_index: usize) -> Value {
    let mut properties = json!({
        "tags": unique(entry.tags.iter().map(String::as_str)),
        "origin": entry.origin,
        "fingerprint": entry.fingerprint,
        "entropy": entry.entropy,
        "confidence": entry.confidence,
    });
    let mut fingerprints = json!({ "primaryLocationLineHash": entry.stable_id });
    let commit = &entry.commit;
    let mut message = format!("{} ({})", sentence(&entry.rule), entry.relative);
    if !commit.id.is_empty() {
        let _ = write!(message, " in commit {}", commit.id);
        let facts = json!({
            "commitSha": commit.id,
            "email": commit.email,
            "author": commit.author,
            "date": commit.date,
            "commitMessage": commit.message,
        });
        for (key, value) in facts.as_object().into_iter().flatten() {
            properties[key] = value.clone();
            fingerprints[key] = value.clone();
        }
    }
    let optional = [
        ("atHead", entry.at_head.map(Value::from)),
        ("link", entry.link.as_deref().map(Value::from)),
        ("object", Some(entry.object).filter(|id| !id.is_empty()).map(Value::from)),
        ("symlink", Some(entry.symlink.as_str()).filter(|link| !link.is_empty()).map(Value::from)),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            properties[key] = value;
        }
    }
    json!({
        "ruleId": entry.rule.id,
        "ruleIndex": rule_index,
        "level": level(entry.rule.severity),
        "message": { "text": message },
        "locations": [{ "physicalLocation": physical(entry) }],
        "partialFingerprints": fingerprints,
        "properties": properties,
    })
}

fn sentence(rule: &Rule) -> &str {
    if rule.description.is_empty() { &rule.id } else { rule.description.trim_end_matches('.') }
}

fn physical(entry: &Entry<'_>) -> Value {
    let mut artifact = json!({ "uri": uri(&entry.relative) });
    if !Path::new(&entry.relative).is_absolute() {
        artifact["uriBaseId"] = "%SRCROOT%".into();
    }
    let location = entry.location;
    if location.start_line == 0 {
        return json!({ "artifactLocation": artifact });
    }
    json!({
        "artifactLocation": artifact,
        "region": {
            "startLine": location.start_line,
            "startColumn": entry.utf16.0,
            "endLine": location.end_line,
            "endColumn": entry.utf16.1,
            "snippet": { "text": entry.line },
        },
    })
}

/// A path as a URI reference; an absolute one as a file URI.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'/'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'='
            | b'@' => uri.push(byte as char),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{committed, finding, render, report};
    use super::super::{Format, Redaction, Style};
    use super::*;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_result_says_where_and_how_bad() {
        let mut one = finding("r", "/work/a b/ä.txt", "😀 k=abcdefgh1 x", "abcdefgh1");
        one.location.start_line = 7;
        one.location.end_line = 7;
        let (all, coverage) = ([one], Coverage::default());
        let mut report = report(&all, &[], &coverage);
        report.root = Some(Path::new("/work/"));
        let mut out = Vec::new();
        report.write(&Format::Sarif, Style::default(), &mut out).unwrap();
        let log = parsed(std::str::from_utf8(&out).unwrap());
        let result = &log["runs"][0]["results"][0];
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"], json!({ "uri": "a%20b/%C3%A4.txt", "uriBaseId": "%SRCROOT%" }));
        let region = json!({
            "startLine": 7, "startColumn": 6, "endLine": 7, "endColumn": 15,
            "snippet": { "text": "😀 k=REDACTED x" },
        });
        assert_eq!(place["region"], region);
        assert_eq!(result["level"], "error");
        let rule = &log["runs"][0]["tool"]["driver"]["rules"][0];
        assert_eq!(rule["id"], "r");
        assert_eq!(rule["properties"]["security-severity"], "8.0");
        assert!(rule["help"]["text"].as_str().unwrap().contains("Revoke it"));
    }

    #[test]
    fn the_fingerprint_outlives_moved_lines_and_every_redaction() {
        let id = |line: usize, secret: &str, redaction| {
            let mut one = finding("r", "a", &format!("k={secret}"), secret);
            (one.location.start_line, one.location.end_line) = (line, line);
            let (all, coverage) = ([one.clone(), one], Coverage::default());
            let mut report = report(&all, &[], &coverage);
            report.redaction = redaction;
            let mut out = Vec::new();
            report.write(&Format::Sarif, Style::default(), &mut out).unwrap();
            let log = parsed(std::str::from_utf8(&out).unwrap());
            let id = |n: usize| {
                log["runs"][0]["results"][n]["partialFingerprints"]["primaryLocationLineHash"].clone()
            };
            (id(0), id(1))
        };
        let (first, second) = id(1, "abcdefgh1", Redaction::Full);
        assert_ne!(first, second);
        assert_eq!((first.clone(), second), id(9, "abcdefgh1", Redaction::None));
        assert_eq!(first, id(9, "zzzzzzzz9", Redaction::Partial(50)).0, "no hash of the secret");
    }

    #[test]
    fn gitleaks_keys_are_there() {
        let one = committed(
            finding("r", "a", "k=abcdefgh1", "abcdefgh1"),
            "ab",
            "2024-01-02T03:04:05Z",
            "m abcdefgh1",
        );
        let log = parsed(&render(&[one], &Format::Sarif));
        let prints = &log["runs"][0]["results"][0]["partialFingerprints"];
        assert_eq!(prints["commitSha"], "ab".repeat(20));
        assert_eq!(prints["commitMessage"], "m REDACTED");
    }
}
