//! Reports through the library: SARIF against its schema, and that no format shows a secret.

use cofferdam::scan::coverage::{Coverage, Ledger, SkipReason};
use cofferdam::scan::finding::{Commit, Finding, Origin};
use cofferdam::scan::location::{Lines, Location, lines};
use cofferdam::scan::report::{Format, Redaction, Report, Style};
use cofferdam::scan::rule::{Confidence, Rule, Severity};
use proptest::prelude::*;
use serde_json::Value;
use std::ops::Range;
use std::sync::Arc;

/// A finding in `text`: the bytes `secret` within the bytes `matched`.
fn finding(rule: &str, text: &str, matched: Range<usize>, secret: Range<usize>) -> Finding {
    Finding {
        rule: Arc::new(Rule { id: rule.into(), description: "A rule".into(), ..Rule::default() }),
        tags: vec!["tag".into()],
        location: Lines::of(text.as_bytes()).locate(&matched),
        line: text[lines(text.as_bytes(), matched.clone())].to_owned().into(),
        matched: text[matched].to_owned().into(),
        secret: text[secret].to_owned().into(),
        entropy: 4.5,
        path: "src/a b.txt".into(),
        symlink: None,
        link: None,
        line_cut: 0,
        confidence: Confidence::High,
        origin: Origin::Tree,
        required: Vec::new(),
        at_head: Some(true),
    }
}

fn render(findings: &[Finding], coverage: &Coverage, format: &Format, redaction: Redaction) -> String {
    let report = Report {
        findings,
        rules: &[],
        coverage,
        complete: coverage.is_complete(),
        redaction,
        compat_columns: true,
        root: None,
        time: "2024-01-02T03:04:05",
    };
    let mut out = Vec::new();
    report.write(format, Style { colour: true, verbose: true }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn sarif_is_valid() {
    let text = "first\nkey = \"0123456789abcdef\"\n";
    let mut in_tree = finding("one", text, 6..30, 13..29);
    in_tree.symlink = Some("link".into());
    let mut in_commit = in_tree.clone();
    in_commit.rule = Arc::new(Rule {
        id: "two".into(),
        severity: Severity::Low,
        remediation: "Revoke it.".into(),
        tags: vec!["cloud".into(), "secret".into()],
        ..Rule::default()
    });
    in_commit.link = Some("https://example.com/x".into());
    in_commit.origin = Origin::Commit(Arc::new(Commit {
        id: "ab".repeat(20),
        message: "a message".into(),
        ..Commit::default()
    }));
    in_commit.tags = vec!["a".into(), "b".into(), "a".into()];
    let mut path_only = in_tree.clone();
    path_only.location = Location::default();
    path_only.line = String::new().into();
    path_only.origin = Origin::Unreachable { object: "cd".repeat(20) };
    let ledger = Ledger::default();
    ledger.skip(SkipReason::MissingObject, "an object");
    ledger.skip(SkipReason::Binary, "a.png");
    let all = [in_tree, in_commit, path_only];
    let sarif = render(&all, &ledger.coverage(), &Format::Sarif, Redaction::Full);
    let schema: Value = serde_json::from_str(include_str!("../data/sarif-2.1.0.schema.json")).unwrap();
    let mut log: Value = serde_json::from_str(&sarif).unwrap();
    assert_eq!(faults(&schema, &schema, &log, "$"), Vec::<String>::new());
    let page = &log["runs"][0]["tool"]["driver"]["informationUri"];
    assert!(
        page.as_str().is_none_or(|page| page.starts_with("https://")),
        "the schema's format is not checked"
    );
    log["runs"][0]["results"][0]["region"] = 1.into();
    log["runs"][0]["results"][1]["level"] = "bad".into();
    assert_eq!(faults(&schema, &schema, &log, "$").len(), 2, "the check can fail");
}

/// What in `value` is not as `schema` wants it: the keywords of JSON Schema that SARIF's uses.
fn faults(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, wanted) in schema.as_object().unwrap() {
        let is_met = match keyword.as_str() {
            "$ref" => {
                let target = root.pointer(wanted.as_str().unwrap().trim_start_matches('#')).unwrap();
                found.extend(faults(root, target, value, at));
                true
            }
            "type" => match wanted.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_i64() || value.is_u64(),
                "number" => value.is_number(),
                "boolean" => value.is_boolean(),
                other => panic!("type {other}"),
            },
            "properties" => {
                for (key, schema) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        found.extend(faults(root, schema, value, &format!("{at}.{key}")));
                    }
                }
                true
            }
            "additionalProperties" => value.as_object().is_none_or(|object| {
                let known = schema.get("properties").and_then(Value::as_object);
                object.iter().filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key))).all(
                    |(key, value)| match wanted {
                        Value::Bool(allowed) => *allowed,
                        wanted => faults(root, wanted, value, &format!("{at}.{key}")).is_empty(),
                    },
                )
            }),
            "required" => {
                wanted.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some())
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(faults(root, wanted, item, &format!("{at}[{index}]")));
                }
                true
            }
            "enum" => wanted.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
            "uniqueItems" => value.as_array().is_none_or(|items| {
                wanted == false
                    || items.iter().enumerate().all(|(index, item)| !items[..index].contains(item))
            }),
            "minLength" => value.as_str().is_none_or(|text| text.len() as u64 >= wanted.as_u64().unwrap()),
            "pattern" => {
                let pattern = regex::Regex::new(wanted.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "anyOf" => wanted.as_array().unwrap().iter().any(|one| faults(root, one, value, at).is_empty()),
            "oneOf" => {
                wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|one| faults(root, one, value, at).is_empty())
                    .count()
                    == 1
            }
            "$schema" | "$id" | "title" | "description" | "default" | "definitions" | "format" => true,
            other => panic!("the check does not know {other}"),
        };
        if !is_met {
            found.push(format!("{at}: {keyword}"));
        }
    }
    found
}

#[test]
fn gitleaks_columns_are_one_too_big_below_the_first_line() {
    let all = [finding("one", "ab\nkey 0123456789abcdef", 3..23, 7..23)];
    let json = render(&all, &Coverage::default(), &Format::Json, Redaction::Full);
    assert!(json.contains("\"StartColumn\": 2,\n  \"EndColumn\": 21,"), "{json}");
}

/// A secret: no plain word, which may stand in a path, and of letters that the formats' own words do
/// not have in a row.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[jkqvwxzJKQVWXZ0-9+/_%&<\"',:;é😀-]{4,12}[0-9][jkqvwxzJKQVWXZ0-9]{4,12}",
        "[jkq]{3}[0-9][jkq1]{4,9}",
        "-----\n[jkqvwxzJKQVWXZ0-9]{20}\n[jkqvwxzJKQVWXZ0-9]{20}\n-----",
    ]
}

fn formats(template: &std::path::Path) -> Vec<Format> {
    Format::NAMES.iter().map(|name| Format::named(name, Some(template.to_owned())).unwrap()).collect()
}

/// Pieces of five characters that would give a secret away, in any format's spelling. Punctuation is
/// part of the formats themselves.
fn pieces(secret: &str) -> Vec<String> {
    let letters: Vec<char> = secret.chars().collect();
    let windows = letters.windows(5).filter(|piece| piece.iter().all(char::is_ascii_alphanumeric));
    windows.map(|piece| piece.iter().collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_format_shows_a_piece_of_a_secret(
        secrets in prop::collection::vec(secret(), 1..5),
        glue in prop::collection::vec("(?s)[ =xyz\n\t\u{1b}]{0,4}", 6),
        cut in 0usize..20,
    ) {
        // All secrets in one text, some without anything between them.
        let mut text = glue[5].clone();
        let mut places = Vec::new();
        for (secret, glue) in secrets.iter().zip(&glue) {
            places.push(text.len()..text.len() + secret.len());
            text.push_str(secret);
            text.push_str(glue);
        }
        let commit = Arc::new(Commit {
            id: "ef".repeat(20),
            author: secrets[0].clone(),
            email: format!("{}@example.com", secrets[0]),
            message: format!("about {}", secrets.join("")),
            ..Commit::default()
        });
        let all: Vec<Finding> = places.iter().enumerate().map(|(index, place)| {
            // The match ends amid what follows.
            let end = (place.start..=text.len().min(place.end + cut))
                .rev().find(|&end| text.is_char_boundary(end)).unwrap().max(place.end);
            let mut one = finding("rule", &text, place.start..end, place.clone());
            one.path = format!("dir/{}/x", secrets[index]);
            one.symlink = Some(secrets[0].clone());
            one.link = Some(format!("https://example.com/{}", secrets[0]));
            one.tags.push(secrets[0].clone());
            if index % 2 == 0 {
                one.origin = Origin::Commit(commit.clone());
            }
            one
        }).collect();
        let ledger = Ledger::default();
        ledger.skip(SkipReason::Unreadable, secrets[0].as_str());
        let directory = tempfile::tempdir().unwrap();
        let template = directory.path().join("t.txt");
        std::fs::write(&template, "{{ findings }}{{ coverage }}").unwrap();
        for format in formats(&template) {
            let shown = render(&all, &ledger.coverage(), &format, Redaction::Full);
            for piece in secrets.iter().flat_map(|secret| pieces(secret)) {
                prop_assert!(!shown.contains(&piece), "{format:?} shows {piece:?} of {secrets:?}:\n{shown}");
            }
            prop_assert_eq!(&shown, &render(&all, &ledger.coverage(), &format, Redaction::Full));
        }
    }
}
