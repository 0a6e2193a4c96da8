//! Reports for people: a table of the secrets, and the problems a line each.

use super::Report;
use crate::terminal::escape as plain;
use crate::vault::problem::{Problem, Weight};
use jiff::Timestamp;
use std::fmt::Write as _;

/// The secrets of an environment as a table.
pub fn table(report: &Report) -> String {
    let day =
        |time: Option<Timestamp>| time.map_or(String::new(), |time| time.strftime("%Y-%m-%d").to_string());
    let head = ["KEY", "STATE", "TYPE", "SOURCE", "VERSION", "UPDATED", "EXPIRES"].map(str::to_owned);
    let rows = report.secrets.iter().map(|line| {
        let short = |version: &String| version.chars().take(8).collect::<String>();
        [
            plain(&line.key).into_owned(),
            line.state.to_owned(),
            format!("{}{}", line.kind.name(), if line.optional { "?" } else { "" }),
            plain(line.source.as_deref().unwrap_or("-")).into_owned(),
            line.version.as_ref().map_or(String::new(), short),
            day(line.updated),
            day(line.expires),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let used = |column: usize| rows.iter().skip(1).any(|row| !row[column].is_empty());
    let columns: Vec<_> = (0..7).filter(|&column| column < 4 || used(column)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    let template = report.template.as_deref().unwrap_or("cofferdam.toml");
    let _ = writeln!(out, "{} ({})", plain(&report.environment), plain(template));
    for row in &rows {
        let mut text = String::from(" ");
        for &column in &columns {
            let _ = write!(text, " {:<width$} ", row[column], width = width(column));
        }
        let _ = writeln!(out, "{}", text.trim_end());
    }
    out
}

/// Everything that is wrong, a line for each, and one for its fix.
pub fn problems(report: &Report) -> String {
    report.problems.iter().map(|problem| one(&report.environment, problem)).collect()
}

fn one(environment: &str, problem: &Problem) -> String {
    let weight = if problem.weight == Weight::Error { "error" } else { "warning" };
    let (place, key) = (problem.place.to_string(), &problem.key);
    let (what, fix) = (plain(&problem.what), plain(&problem.fix));
    let cause = problem.cause.words();
    format!(
        "{weight}: {key} ({}): {cause}: {what}\n    at {}\n   fix {fix}\n",
        plain(environment),
        plain(&place)
    )
}
