//! Findings as text for people and machines. A [`Report`] is made safe to show in one place
//! (`entry`, by `redaction`); each format is a module that turns safe entries into bytes.
//!
//! It decides nothing: what is a finding, and in which order, was settled before.

mod azure;
mod csv;
mod entry;
#[cfg(test)]
mod fixture;
mod github;
mod gitlab;
mod json;
mod junit;
mod markdown;
mod redaction;
mod sarif;
mod template;
mod text;

pub use redaction::Redaction;

use super::coverage::Coverage;
use super::finding::Finding;
use super::rule::Rule;
use entry::Safe;
use redaction::Redactor;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a scan found, and how to show it.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// In the order of the report.
    pub findings: &'a [Finding],
    /// The rules in force.
    pub rules: &'a [Arc<Rule>],
    /// What was looked at, and what was not.
    pub coverage: &'a Coverage,
    /// Whether the scan saw everything that it promised.
    pub complete: bool,
    /// How much of a secret is shown.
    pub redaction: Redaction,
    /// Count columns as gitleaks does (one too many on every line but the first), for baselines.
    pub compat_columns: bool,
    /// The root of the scan: paths below it are shown relative to it where a format wants that.
    pub root: Option<&'a Path>,
    /// When the scan ran, in UTC (`2024-01-02T03:04:05`), for a format that must say so.
    pub time: &'a str,
}

/// `no leaks found`, `1 leak found`.
pub fn leaks_found(count: usize) -> String {
    match count {
        0 => "no leaks found".to_owned(),
        1 => "1 leak found".to_owned(),
        count => format!("{count} leaks found"),
    }
}

/// A report format.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// For people.
    Text,
    /// gitleaks' array of findings.
    Json,
    /// An object with the findings, what was not looked at, and the program's version.
    CofferdamJson,
    /// gitleaks' CSV; nothing where nothing was found.
    Csv,
    /// JUnit XML.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
    /// GitLab's secret detection report.
    Gitlab,
    /// Logging commands of Azure Pipelines.
    Azure,
    /// A table, for a job's summary.
    Markdown,
    /// What a Jinja template makes of it.
    Template(PathBuf),
}

/// How the text for people looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Colours, for a terminal.
    pub colour: bool,
    /// Every place of a secret, not the first five.
    pub verbose: bool,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The report could not be written.
    #[error("cannot write the report: {0}")]
    Write(#[from] std::io::Error),
    /// The secrets do not fit into one automaton.
    #[error("too many secrets to redact in one report; scan in parts, or with a baseline")]
    TooManySecrets,
    /// No such format.
    #[error("unknown report format {0:?}; known are {names}", names = Format::NAMES.join(", "))]
    UnknownFormat(String),
    /// The format `template` needs one.
    #[error("the report format template needs a template: name it with --report-template")]
    NoTemplate,
    /// The template cannot be read.
    #[error("cannot read the report template {}: {cause}", path.display())]
    ReadTemplate {
        /// The template.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The template is wrong.
    #[error("{}:{line}: {fault} (report templates are Jinja; Go templates must be rewritten)", path.display())]
    Template {
        /// The template.
        path: PathBuf,
        /// Its line, from 1; 0 where it is not known.
        line: usize,
        /// What is wrong.
        fault: String,
    },
}

impl ReportError {
    /// Whether the reader went away, which is no fault.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Write(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

impl From<serde_json::Error> for ReportError {
    fn from(error: serde_json::Error) -> Self {
        Self::Write(error.into())
    }
}

impl Format {
    /// The names that [`Format::named`] knows.
    pub const NAMES: [&str; 11] = [
        "text",
        "json",
        "cofferdam-json",
        "csv",
        "junit",
        "sarif",
        "github",
        "gitlab",
        "azure",
        "markdown",
        "template",
    ];

    /// The format of that name; `template` is for the format of the same name.
    pub fn named(name: &str, template: Option<PathBuf>) -> Result<Self, ReportError> {
        Ok(match name {
            "text" => Self::Text,
            "json" => Self::Json,
            "cofferdam-json" => Self::CofferdamJson,
            "csv" => Self::Csv,
            "junit" => Self::Junit,
            "sarif" => Self::Sarif,
            "github" => Self::Github,
            "gitlab" => Self::Gitlab,
            "azure" => Self::Azure,
            "markdown" => Self::Markdown,
            "template" => Self::Template(template.ok_or(ReportError::NoTemplate)?),
            _ => return Err(ReportError::UnknownFormat(name.to_owned())),
        })
    }

    /// The format that a file's name asks for, if any.
    pub fn infer(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        if name.ends_with(".sarif.json") {
            return Some(Self::Sarif);
        }
        // The name that GitLab's documentation gives the report.
        if name.starts_with("gl-secret-detection-report") {
            return Some(Self::Gitlab);
        }
        match name.rsplit_once('.')?.1 {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "sarif" => Some(Self::Sarif),
            "xml" => Some(Self::Junit),
            "txt" => Some(Self::Text),
            "md" => Some(Self::Markdown),
            _ => None,
        }
    }
}

impl Report<'_> {
    /// Writes the report, nothing but it, to `out`.
    pub fn write(&self, format: &Format, style: Style, out: &mut dyn Write) -> Result<(), ReportError> {
        let safe = Safe::of(self)?;
        let incomplete = (!self.complete).then(|| self.coverage.gaps());
        let incomplete = incomplete.as_deref();
        match format {
            Format::Text => text::write(&safe, incomplete, style, out)?,
            Format::Json => json::write(&safe.entries, out)?,
            Format::CofferdamJson => json::write_full(self, &safe, out)?,
            Format::Csv => csv::write(&safe.entries, out)?,
            Format::Junit => junit::write(&safe, incomplete, out)?,
            Format::Sarif => sarif::write(self, &safe, out)?,
            Format::Github => github::write(&safe, incomplete, out)?,
            Format::Gitlab => gitlab::write(self, &safe, incomplete, out)?,
            Format::Azure => azure::write(&safe, incomplete, out)?,
            Format::Markdown => markdown::write(&safe, incomplete, out)?,
            Format::Template(path) => template::write(path, self, &safe, out)?,
        }
        Ok(out.flush()?)
    }

    /// The ledger without the secrets that names in it may hold.
    pub fn safe_coverage(&self) -> Result<Coverage, ReportError> {
        if self.coverage.skipped.is_empty() {
            return Ok(self.coverage.clone());
        }
        let redactor = Redactor::new(self.findings, self.redaction)?;
        Ok(entry::safe_coverage(self.coverage, &redactor))
    }

    /// `path` as seen from the root of the scan.
    fn relative<'p>(&self, path: &'p str) -> &'p str {
        let root = self.root.and_then(Path::to_str).map(|root| root.trim_end_matches('/'));
        let below = root.and_then(|root| path.strip_prefix(root)?.strip_prefix('/'));
        below.unwrap_or(path).trim_start_matches("./")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_named_and_inferred() {
        for name in Format::NAMES {
            assert!(Format::named(name, Some("t".into())).is_ok(), "{name}");
        }
        assert!(matches!(Format::named("template", None), Err(ReportError::NoTemplate)));
        let error = Format::named("yaml", None).unwrap_err();
        assert!(error.to_string().contains("\"yaml\"; known are text, json,"), "{error}");
        let inferred = [
            ("a/b.json", Some(Format::Json)),
            ("b.CSV", Some(Format::Csv)),
            ("b.sarif", Some(Format::Sarif)),
            ("b.sarif.json", Some(Format::Sarif)),
            ("gl-secret-detection-report.json", Some(Format::Gitlab)),
            ("x.xml", Some(Format::Junit)),
            ("x.yaml", None),
            ("json", None),
        ];
        for (path, format) in inferred {
            assert_eq!(Format::infer(Path::new(path)), format, "{path}");
        }
    }
}
