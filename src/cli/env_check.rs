//! `cofferdam env-check`: is every secret that an environment needs there, and usable?

use super::exit::Exit;
use super::vault_options::{VaultOptions, declared_wrong, exit, judge, which};
use clap::{Args, ValueEnum};
use cofferdam::terminal::escape;
use cofferdam::vault::check::{Strictness, compare};
use cofferdam::vault::report::{Report, Status, annotations, junit, problems, sarif, summary, table};
use cofferdam::vault::settings::duration;
use cofferdam::vault::{deliver, fault};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Check that every secret an environment needs is there and usable
///
/// Exit codes: 0 all are, 1 something is missing or unusable, 2 the declarations are wrong, 3 a source
/// could not be asked (trying again may help).
#[derive(Args, Clone, Debug)]
pub(crate) struct EnvCheck {
    /// An environment (again for more); none: the only one that there is
    #[arg(long = "environment", short, value_name = "ENV", env = "COFFERDAM_ENV", value_delimiter = ',')]
    environments: Vec<String>,
    /// Check all environments, and that values which must be unique are
    #[arg(long)]
    all: bool,
    /// How to say it; none: a table, with annotations and a step summary where GitHub Actions runs
    #[arg(long, short, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write it to this file
    #[arg(long, short, value_name = "FILE")]
    report_path: Option<PathBuf>,
    /// Refuse what expires within this time, such as 30d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expiry: Option<Duration>,
    /// Ask no vault: check the declarations and the local sources only
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    vault: VaultOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Junit,
    Sarif,
    Github,
}

/// A report as JSON has it.
#[derive(serde::Serialize)]
struct Judgement<'a> {
    status: Status,
    #[serde(flatten)]
    report: &'a Report,
}

impl EnvCheck {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let prepared = self.vault.settings().and_then(|settings| Ok((settings, self.vault.project()?)));
        let prepared =
            prepared.and_then(|(settings, project)| Ok((self.names(&project)?, settings, project)));
        let (names, settings, project) = match prepared {
            Ok(prepared) => prepared,
            Err(faults) => return Ok(declared_wrong(&faults)),
        };
        for stray in project.strays() {
            eprintln!("warning: {}", escape(&stray.to_string()));
        }
        let strictness = Strictness { horizon: self.expiry, refuse_expiring: true, ..Strictness::now() };
        let mut judged = match judge(&project, &names, &settings, strictness, self.offline)? {
            Ok(judged) => judged,
            Err(faults) => return Ok(declared_wrong(&faults)),
        };
        compare(&mut judged);
        let reports: Vec<_> = judged.into_iter().map(|judged| judged.report).collect();
        self.write(&reports)?;
        for note in reports.iter().flat_map(|report| &report.notes) {
            eprintln!("note: {note}");
        }
        Ok(exit(Report::worst(&reports)))
    }

    fn names(&self, project: &cofferdam::vault::project::Project) -> Result<Vec<String>, fault::Faults> {
        let known = project.environments();
        let named: Vec<_> = self.environments.iter().filter(|name| !name.is_empty()).cloned().collect();
        match (self.all, named.is_empty(), known.as_slice()) {
            (true, ..) if !known.is_empty() => Ok(known),
            (false, true, [_]) => Ok(known),
            (_, true, _) => Err(which(&known)),
            (_, false, _) => Ok(named),
        }
    }

    fn write(&self, reports: &[Report]) -> anyhow::Result<()> {
        let github = std::env::var_os("GITHUB_ACTIONS").is_some();
        let text = match self.format.unwrap_or(Format::Table) {
            Format::Table => reports.iter().map(|report| table(report) + &problems(report)).collect(),
            Format::Json => {
                let reports = reports.iter().map(|report| Judgement { status: report.status(), report });
                format!("{}\n", serde_json::to_string_pretty(&reports.collect::<Vec<_>>())?)
            }
            Format::Junit => junit(reports),
            Format::Sarif => sarif(reports),
            Format::Github => annotations(reports),
        };
        let mut out = std::io::stdout().lock();
        match &self.report_path {
            Some(path) => deliver::replace_file(path, &text)?,
            None => out.write_all(text.as_bytes())?,
        }
        if github && self.format.is_none() {
            out.write_all(annotations(reports).as_bytes())?;
        }
        let step = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
        if let Some(path) = step.filter(|_| matches!(self.format, None | Some(Format::Github))) {
            deliver::append_file(path.as_ref(), &summary(reports))?;
        }
        out.flush()?;
        Ok(())
    }
}
