//! `cofferdam export`: the check, then the values for a CI job, a file or a shell. All or nothing.

use super::exit::Exit;
use super::vault_options::{OneEnvironment, VaultOptions, declared_wrong, exit, judge, refused};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use cofferdam::vault::check::{Checked, Judged, Strictness};
use cofferdam::vault::deliver;
use std::io::Write as _;
use std::path::PathBuf;

/// Deliver an environment's values to a CI job, a file or a shell
#[derive(Args, Clone, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    environment: OneEnvironment,
    /// Where the values go
    #[arg(long, short, value_name = "FORMAT")]
    format: Format,
    /// Write to this file, readable by its owner only; it is replaced at once
    #[arg(long, short, value_name = "FILE", conflicts_with = "stdout")]
    output: Option<PathBuf>,
    /// Write the values to standard output
    #[arg(long)]
    stdout: bool,
    /// For --format github: step outputs under the names of Key Vault (OPENAI-API-KEY), as
    /// Azure/get-keyvault-secrets gave them, in place of environment variables
    #[arg(long)]
    outputs: bool,
    /// For --format shell: whose commands to write
    #[arg(long, value_name = "SHELL", default_value = "sh")]
    shell: Shell,
    #[command(flatten)]
    vault: VaultOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Github,
    Dotenv,
    Json,
    Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Sh,
    Fish,
    Powershell,
}

impl Export {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        if self.format != Format::Github && self.output.is_none() && !self.stdout {
            eprintln!("error: say where the values go: --output FILE, or --stdout");
            return Ok(Exit::Unusable);
        }
        let prepared = self.vault.settings().and_then(|settings| {
            let project = self.vault.project()?;
            Ok((self.environment.name(&project)?, settings, project))
        });
        let (name, settings, project) = match prepared {
            Ok(prepared) => prepared,
            Err(faults) => return Ok(declared_wrong(&faults)),
        };
        let judged = match judge(&project, &[name], &settings, Strictness::now(), false)? {
            Ok(judged) => judged,
            Err(faults) => return Ok(declared_wrong(&faults)),
        };
        match judged.into_iter().next().map(Judged::checked) {
            Some(Ok(checked)) => self.deliver(&checked),
            Some(Err(report)) => {
                refused(&report);
                Ok(exit(report.status()))
            }
            None => Ok(Exit::Unusable),
        }
    }

    fn deliver(&self, checked: &Checked) -> anyhow::Result<Exit> {
        let text = match self.format {
            Format::Github => return self.github(checked),
            Format::Dotenv => deliver::dotenv(checked),
            Format::Json => deliver::json(checked),
            Format::Shell => {
                let shell = match self.shell {
                    Shell::Sh => deliver::Shell::Posix,
                    Shell::Fish => deliver::Shell::Fish,
                    Shell::Powershell => deliver::Shell::PowerShell,
                };
                let (text, left) = deliver::shell(checked, shell);
                if !left.is_empty() {
                    eprintln!("error: no shell takes these names: {}", left.join(", "));
                    return Ok(Exit::Unusable);
                }
                text
            }
        };
        match &self.output {
            Some(path) => deliver::replace_file(path, &text)?,
            None => write_out(&text)?,
        }
        Ok(Exit::Clean)
    }

    /// The masks come before anything else, so that no later step can show what it is given.
    fn github(&self, checked: &Checked) -> anyhow::Result<Exit> {
        let variable = if self.outputs { "GITHUB_OUTPUT" } else { "GITHUB_ENV" };
        let path = match (&self.output, std::env::var_os(variable).filter(|path| !path.is_empty())) {
            (Some(path), _) => path.clone(),
            (None, Some(path)) => path.into(),
            (None, None) => {
                eprintln!(
                    "error: {variable} is not set: this runs in a step of GitHub Actions, or needs --output"
                );
                return Ok(Exit::Unusable);
            }
        };
        // Masks that nobody reads hide nothing: here a closed pipe is a failure.
        if let Err(error) = write_out(&deliver::github_masks(checked)) {
            eprintln!("error: {error}: nothing was exported, as nothing could be masked");
            return Ok(Exit::Unusable);
        }
        deliver::append_file(&path, &deliver::github_file(checked, self.outputs))?;
        Ok(Exit::Clean)
    }
}

fn write_out(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("standard output cannot be written")
}
