//! Reports as JUnit: a suite for each environment, a case for each secret.

use super::Report;
use crate::terminal;
use crate::vault::problem::Weight;
use std::fmt::Write as _;

/// The reports as a JUnit document.
pub fn junit(reports: &[Report]) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"cofferdam env-check\">\n",
    );
    for report in reports {
        suite(report, &mut out);
    }
    out + "</testsuites>\n"
}

fn suite(report: &Report, out: &mut String) {
    let errors: Vec<_> = report.problems.iter().filter(|problem| problem.weight == Weight::Error).collect();
    let of = |key: &str| errors.iter().filter(|problem| problem.key == key).collect::<Vec<_>>();
    let cases: Vec<_> = report.secrets.iter().map(|line| (line, of(&line.key))).collect();
    let certain =
        |case: &&(_, Vec<_>)| case.1.iter().any(|p: &&&crate::vault::problem::Problem| p.cause.is_certain());
    let failures = cases.iter().filter(certain).count();
    let undecided = cases.iter().filter(|case| !case.1.is_empty() && !certain(case)).count();
    let skipped = cases.iter().filter(|(line, _)| line.state == "not asked").count();
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"{undecided}\" skipped=\"{skipped}\">",
        escape(&report.environment),
        cases.len()
    );
    for (line, problems) in &cases {
        let _ = write!(
            out,
            "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\"",
            escape(&line.key),
            escape(&report.environment),
            escape(&line.place.file),
            line.place.line
        );
        if problems.is_empty() && line.state != "not asked" {
            out.push_str("/>\n");
            continue;
        }
        out.push_str(">\n");
        if line.state == "not asked" {
            out.push_str("      <skipped message=\"offline\"/>\n");
        }
        for problem in problems {
            let element = if problem.cause.is_certain() { "failure" } else { "error" };
            let _ = writeln!(
                out,
                "      <{element} type=\"{}\" message=\"{}\">{}</{element}>",
                problem.cause.words(),
                escape(&problem.what),
                escape(&problem.fix)
            );
        }
        out.push_str("    </testcase>\n");
    }
    out.push_str("  </testsuite>\n");
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in terminal::escape(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(character),
        }
    }
    out
}
