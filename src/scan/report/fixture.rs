//! Findings for the tests of this directory.

use super::{Format, Redaction, Report, Style};
use crate::scan::coverage::Coverage;
use crate::scan::finding::{Commit, Finding, Origin};
use crate::scan::location::Lines;
use crate::scan::rule::Rule;
use std::sync::Arc;

/// A finding on line 1 of `path`, whose match is the first occurrence of `secret`.
pub(super) fn finding(rule: &str, path: &str, line: &str, secret: &str) -> Finding {
    let start = line.find(secret).unwrap_or(0);
    Finding {
        rule: Arc::new(Rule {
            id: rule.into(),
            description: format!("Finds {rule}"),
            remediation: "Revoke it".into(),
            ..Rule::default()
        }),
        tags: Vec::new(),
        location: Lines::of(line.as_bytes()).locate(&(start..start + secret.len())),
        matched: secret.to_owned().into(),
        secret: secret.to_owned().into(),
        line: line.to_owned().into(),
        line_cut: 0,
        entropy: 3.25,
        path: path.into(),
        symlink: None,
        link: None,
        origin: Origin::Tree,
        required: Vec::new(),
        at_head: None,
    }
}

/// The same, brought in by a commit.
pub(super) fn committed(mut finding: Finding, id: &str, date: &str, message: &str) -> Finding {
    finding.origin = Origin::Commit(Arc::new(Commit {
        id: id.repeat(40 / id.len()),
        author: "A U Thor".into(),
        email: "author@example.com".into(),
        date: date.into(),
        message: message.into(),
    }));
    finding
}

/// The report of `findings`, without colour.
pub(super) fn render(findings: &[Finding], format: &Format) -> String {
    render_with(findings, format, &Coverage::default(), Style::default())
}

pub(super) fn render_with(
    findings: &[Finding],
    format: &Format,
    coverage: &Coverage,
    style: Style,
) -> String {
    let mut out = Vec::new();
    report(findings, &[], coverage).write(format, style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

pub(super) fn report<'a>(
    findings: &'a [Finding],
    rules: &'a [Arc<Rule>],
    coverage: &'a Coverage,
) -> Report<'a> {
    Report {
        findings,
        rules,
        coverage,
        complete: coverage.is_complete(),
        redaction: Redaction::Full,
        compat_columns: false,
        root: None,
        time: "2024-01-02T03:04:05",
    }
}
