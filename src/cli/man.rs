//! `cofferdam man`: the manual, written from the arguments' own words. For packagers, so it is hidden.

use super::exit::Exit;
use anyhow::Context as _;
use clap::{Args, Command};
use std::path::PathBuf;

/// Write the manual page of `cofferdam`, or with --dir that of each command too
#[derive(Args, Clone, Debug)]
pub(crate) struct Manual {
    /// Write `cofferdam.1`, `cofferdam-scan.1` and so on into this directory, which is made
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Manual {
    pub(crate) fn run(self, command: Command) -> anyhow::Result<Exit> {
        match self.dir {
            Some(dir) => std::fs::create_dir_all(&dir)
                .and_then(|()| clap_mangen::generate_to(command, &dir))
                .with_context(|| format!("the manual cannot be written to {}", dir.display()))?,
            None => clap_mangen::Man::new(command).render(&mut std::io::stdout())?,
        }
        Ok(Exit::Clean)
    }
}
