//! `hook`: the git hooks. Installing them and taking them away (`install`), proving that they refuse
//! (`verify`), and what they do when git runs them (`run`). The scripts themselves, in `hooks/` at the
//! package's root, only find the program.

mod canary;
mod chain;
mod framework;
mod git;
mod global;
mod install;
mod message;
mod place;
mod record;
mod run;
mod script;
mod uninstall;
mod updates;
mod verify;

use super::args::{ReportFlags, ScanFlags};
use super::exit::Exit;
use clap::{Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Install git hooks that refuse secrets, and prove that they do.
#[derive(Debug, Subcommand)]
pub(crate) enum Hook {
    /// Install hooks. A hook that is already there is kept, and runs first.
    Install(Install),
    /// Take installed hooks away and put back what was there before.
    Uninstall(Uninstall),
    /// Prove that git refuses a made-up secret, for each installed hook. Leaves nothing behind.
    Verify(Verify),
    /// What the installed hooks call.
    #[command(hide = true)]
    Run(Run),
    /// What `.pre-commit-hooks.yaml` calls.
    #[command(hide = true)]
    Framework(Framework),
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    /// Which hooks.
    #[arg(value_enum, value_name = "HOOK", default_values_t = [Kind::PreCommit, Kind::PrePush])]
    hooks: Vec<Kind>,
    /// For every repository of this user, by core.hooksPath.
    #[arg(long)]
    global: bool,
    /// Options that every run of the hooks gets: --accept-timeout, and those of `scan` such as
    /// --timeout 60 or --config FILE.
    #[arg(last = true, value_name = "OPTIONS")]
    options: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Uninstall {
    /// Which hooks; none: all that were installed.
    #[arg(value_enum, value_name = "HOOK")]
    hooks: Vec<Kind>,
    /// Those that were installed with --global.
    #[arg(long)]
    global: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Which hooks; none: all that were installed.
    #[arg(value_enum, value_name = "HOOK")]
    hooks: Vec<Kind>,
    /// Those that were installed with --global, in a scratch repository.
    #[arg(long)]
    global: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[arg(value_enum)]
    hook: Kind,
    /// The script that calls; the hook that was there before lies beside it.
    #[arg(long)]
    script: Option<PathBuf>,
    /// Run the repository's own hook, which core.hooksPath hides, first.
    #[arg(long)]
    own: bool,
    /// Accept what could not be scanned in time.
    #[arg(long)]
    accept_timeout: bool,
    #[command(flatten)]
    scan: ScanFlags,
    /// What git gives the hook.
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Framework {
    #[command(flatten)]
    scan: ScanFlags,
}

impl Hook {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Install(install) => install.run(),
            Self::Uninstall(uninstall) => uninstall.run(),
            Self::Verify(verify) => verify.run(),
            Self::Run(run) => run.run(),
            Self::Framework(framework) => framework.run(),
        }
    }
}

/// A hook that can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Kind {
    PreCommit,
    PrePush,
    CommitMsg,
    PreReceive,
}

impl Kind {
    const ALL: [Self; 4] = [Self::PreCommit, Self::PrePush, Self::CommitMsg, Self::PreReceive];

    /// git's name for it, which is its file's.
    fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PrePush => "pre-push",
            Self::CommitMsg => "commit-msg",
            Self::PreReceive => "pre-receive",
        }
    }
}

/// A line on standard error. Nobody may be reading: that is no fault.
fn say(line: &str) {
    super::output::note(&ReportFlags::default(), line);
}
