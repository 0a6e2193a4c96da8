//! Reports for GitHub Actions: annotations on the template's lines, and a step summary.

use super::Report;
use crate::terminal::escape as plain;
use crate::vault::problem::Weight;
use std::fmt::Write as _;

/// Workflow commands that annotate the template's lines.
pub fn annotations(reports: &[Report]) -> String {
    let mut out = String::new();
    for report in reports {
        for problem in &report.problems {
            let command = if problem.weight == Weight::Error { "error" } else { "warning" };
            let title = format!("{} ({}): {}", problem.key, report.environment, problem.cause.words());
            let _ = writeln!(
                out,
                "::{command} file={},line={},title={}::{}",
                property(&problem.place.file),
                problem.place.line.max(1),
                property(&title),
                data(&format!("{}\nfix: {}", problem.what, problem.fix))
            );
        }
    }
    out
}

/// The reports as Markdown.
pub fn summary(reports: &[Report]) -> String {
    let mut out = String::new();
    for report in reports {
        let _ = writeln!(
            out,
            "### Secrets of {}\n\n| key | state | source | fix |\n|---|---|---|---|",
            cell(&report.environment)
        );
        for line in &report.secrets {
            let fixes = report.problems.iter().filter(|problem| problem.key == line.key);
            let fixes: Vec<_> = fixes.map(|problem| format!("{} → {}", problem.what, problem.fix)).collect();
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | {} |",
                cell(&line.key),
                line.state,
                cell(line.source.as_deref().unwrap_or("-")),
                cell(&fixes.join("; "))
            );
        }
        out.push('\n');
    }
    out
}

fn data(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(|line| plain(line).replace('%', "%25")).collect();
    lines.join("%0A")
}

fn property(text: &str) -> String {
    data(&plain(text)).replace(':', "%3A").replace(',', "%2C")
}

fn cell(text: &str) -> String {
    plain(text).replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}
