//! `cofferdam run`: the check, then the command in this process's place, so that signals, exit code,
//! terminal and process id are the command's own. `redact` is the exception: there it stays between.

use super::exit::Exit;
use super::vault_options::{OneEnvironment, VaultOptions, declared_wrong, judge, refused};
use clap::Args;
use cofferdam::vault::check::{Checked, Strictness};
use cofferdam::vault::deliver;
use cofferdam::vault::provider::keyvault::CREDENTIAL_VARIABLES;
use std::ffi::OsString;
use std::process::Command;

/// Start a command with the secrets in its environment, or not at all
///
/// Exit codes: the command's own (128 and the signal's number if one ended it); 125 if it was not started
/// because secrets or declarations are wrong, 126 if it cannot be run, 127 if it is not found.
#[derive(Args, Clone, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    environment: OneEnvironment,
    /// Stay in between, and hide secret values in the command's output
    #[arg(long)]
    redact: bool,
    /// Pass this variable on though it is a credential of the login (again for more)
    #[arg(long, value_name = "NAME")]
    keep: Vec<String>,
    #[command(flatten)]
    vault: VaultOptions,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Its other failures, as in env(1).
const NOT_RUNNABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

impl Run {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let prepared = self.vault.settings().and_then(|settings| {
            let project = self.vault.project()?;
            Ok((self.environment.name(&project)?, settings, project))
        });
        let (name, settings, project) = match prepared {
            Ok(prepared) => prepared,
            Err(faults) => {
                declared_wrong(&faults);
                return Ok(Exit::NOT_STARTED);
            }
        };
        let judged = match judge(&project, &[name], &settings, Strictness::now(), false) {
            Ok(Ok(judged)) => judged.into_iter().next(),
            Ok(Err(faults)) => {
                declared_wrong(&faults);
                return Ok(Exit::NOT_STARTED);
            }
            Err(error) => {
                eprintln!("error: {error}");
                return Ok(Exit::NOT_STARTED);
            }
        };
        let checked = match judged.map(cofferdam::vault::check::Judged::checked) {
            Some(Ok(checked)) => checked,
            Some(Err(report)) => {
                refused(&report);
                return Ok(Exit::NOT_STARTED);
            }
            None => return Ok(Exit::NOT_STARTED),
        };
        if let Err(error) = deliver::fits_environment(&checked) {
            eprintln!("error: {error}");
            return Ok(Exit::NOT_STARTED);
        }
        let command = self.command(&checked);
        if !self.redact {
            return Ok(replace(command, &self.command[0]));
        }
        super::redact::run(command, &checked).or_else(|error| {
            eprintln!("error: {error}");
            Ok(Exit::NOT_STARTED)
        })
    }

    fn command(&self, checked: &Checked) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        for name in CREDENTIAL_VARIABLES.iter().filter(|name| !self.keep.iter().any(|keep| keep == *name)) {
            command.env_remove(name);
        }
        for value in &checked.values {
            command.env(&value.key, value.secret.expose());
        }
        command
    }
}

#[cfg(unix)]
fn replace(mut command: Command, program: &OsString) -> Exit {
    let error = std::os::unix::process::CommandExt::exec(&mut command);
    not_started(&error, program)
}

#[cfg(not(unix))]
fn replace(mut command: Command, program: &OsString) -> Exit {
    match command.status() {
        // Windows knows codes beyond a byte; the low byte is what can be passed on.
        Ok(status) => {
            let code = status.code().and_then(|code| u8::try_from(code & 0xff).ok());
            code.map_or(Exit::NOT_STARTED, Exit::Code)
        }
        Err(error) => not_started(&error, program),
    }
}

/// Says why the command was not started.
pub(super) fn not_started(error: &std::io::Error, program: &OsString) -> Exit {
    let kind = error.kind();
    eprintln!("error: {} cannot be run: {kind}", program.to_string_lossy());
    Exit::Code(if kind == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE })
}
