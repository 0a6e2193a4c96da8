//! The command line: arguments, one file for each command, exit codes.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod baseline;
mod ci;
#[cfg(feature = "vault")]
mod env_check;
#[cfg(feature = "vault")]
mod env_diff;
#[cfg(feature = "vault")]
mod env_init;
mod exit;
#[cfg(feature = "vault")]
mod export;
mod hook;
mod known;
mod man;
mod output;
mod policy;
mod progress;
#[cfg(feature = "vault")]
mod redact;
mod rules;
#[cfg(feature = "vault")]
mod run;
mod scan;
#[cfg(feature = "vault")]
mod vault_options;

use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use exit::Exit;
use std::process::ExitCode;

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a closed pipe is none either.
            let _ = error.print();
            let runs = std::env::args_os().nth(1).is_some_and(|command| command == "run");
            return match error.use_stderr() {
                true if runs => Exit::NOT_STARTED.into(),
                true => Exit::Unusable.into(),
                false => Exit::Clean.into(),
            };
        }
    };
    match run(cli.command) {
        Ok(exit) => exit.into(),
        Err(error) if is_closed_pipe(&error) => Exit::Clean.into(),
        Err(error) => {
            eprintln!("cofferdam: {}", cofferdam::terminal::escape(&words(&error)));
            Exit::Unusable.into()
        }
    }
}

fn run(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Scan(args) => scan::scan(args),
        Command::Git(args) => scan::git(args),
        Command::Dir(args) => scan::dir(args),
        Command::Stdin(args) => scan::stdin(args),
        Command::Detect(args) => scan::detect(args),
        Command::Protect(args) => scan::protect(args),
        Command::Rules(command) => rules::run(command),
        Command::Baseline(command) => command.run(),
        Command::Hook(command) => command.run(),
        #[cfg(feature = "vault")]
        Command::EnvCheck(command) => command.run(),
        #[cfg(feature = "vault")]
        Command::Run(command) => command.run(),
        #[cfg(feature = "vault")]
        Command::Export(command) => command.run(),
        #[cfg(feature = "vault")]
        Command::EnvDiff(command) => command.run(),
        #[cfg(feature = "vault")]
        Command::Env(command) => command.run(),
        Command::Man(command) => command.run(Cli::command()),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "cofferdam", &mut std::io::stdout());
            Ok(Exit::Clean)
        }
    }
}

/// An error with its causes, where its own words do not hold them.
fn words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

/// Whether the reader of the output went away, which is no fault.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
