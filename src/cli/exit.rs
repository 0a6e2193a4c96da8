//! Exit codes, the same for every command.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Complete and clean.
    Clean,
    /// Something certain was found; the code is 1 unless the user chose another.
    Found(u8),
    /// Usage, configuration or input that cannot be used.
    Unusable,
    /// Nothing certain, but something could not be looked at.
    Incomplete,
    /// The code of a command that was run, or why it was not (as env(1) has it).
    Code(u8),
}

impl Exit {
    /// A command was not started, as env(1) says it.
    pub(crate) const NOT_STARTED: Self = Self::Code(125);
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Found(code) => code,
            Exit::Unusable => 2,
            Exit::Incomplete => 3,
            Exit::Code(code) => code,
        })
    }
}
