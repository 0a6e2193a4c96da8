//! A report of the user's own shape, by a Jinja template. It sees what the `cofferdam-json` format
//! has: `findings`, `coverage`, `complete`, `tool`, `version`.

use super::json::Document;
use super::{Report, ReportError, entry::Safe};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, UndefinedBehavior};
use std::io::Write;
use std::path::Path;

pub(super) fn write(
    path: &Path,
    report: &Report<'_>,
    safe: &Safe<'_>,
    out: &mut dyn Write,
) -> Result<(), ReportError> {
    let source = std::fs::read_to_string(path)
        .map_err(|cause| ReportError::ReadTemplate { path: path.to_owned(), cause })?;
    let mut environment = Environment::new();
    // A misspelt key is an error, not an empty place.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    // The name decides how values are escaped (.html, .xml, .json, each also with .j2 or .jinja).
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let fault = |error: Error| ReportError::Template {
        path: path.to_owned(),
        line: error.line().unwrap_or(0),
        fault: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
    };
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build().map_err(fault)?;
    environment.set_syntax(syntax);
    let template = environment.template_from_named_str(&name, &source).map_err(fault)?;
    let text = template.render(Serde(Document::of(report, safe))).map_err(fault)?;
    Ok(out.write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{finding, render, report};
    use super::super::{Format, ReportError, Style};
    use crate::scan::coverage::Coverage;

    fn template(name: &str, text: &str) -> (tempfile::TempDir, Format) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        (directory, Format::Template(path))
    }

    #[test]
    fn sees_the_findings_and_the_ledger() {
        let (_directory, format) = template(
            "t.html",
            "{% for f in findings %}{{ f.RuleID }} {{ f.File }} {{ f.Match }} {{ f.Severity }}\n{% endfor %}\
             {{ coverage.files }} {{ complete }}\n",
        );
        let one = finding("r", "<a>", "k=abcdefgh1", "abcdefgh1");
        assert_eq!(render(&[one], &format), "r &lt;a&gt; REDACTED high\n0 True\n");
    }

    #[test]
    fn faults_name_the_line() {
        for (text, line) in [("a\n{% for %}", 2), ("a\nb\n{{ findings[0].Typo }}", 3)] {
            let (_directory, format) = template("t.txt", text);
            let (all, coverage) = ([finding("r", "a", "abcdefgh1", "abcdefgh1")], Coverage::default());
            let error = report(&all, &[], &coverage).write(&format, Style::default(), &mut Vec::new());
            let error = error.unwrap_err();
            assert!(matches!(error, ReportError::Template { line: at, .. } if at == line), "{error}");
            assert!(error.to_string().contains("t.txt:"), "{error}");
        }
        let missing = Format::Template("/nowhere/t.txt".into());
        let coverage = Coverage::default();
        let error = report(&[], &[], &coverage).write(&missing, Style::default(), &mut Vec::new());
        assert!(matches!(error, Err(ReportError::ReadTemplate { .. })));
    }
}
