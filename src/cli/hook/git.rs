//! Questions to the git program: where hooks lie is for git to say, with all the places that its
//! configuration comes from. No scan comes here.

use anyhow::{Context, bail};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Output};

/// git, to be run in `directory`.
pub(super) fn command(directory: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(directory).env("LC_ALL", "C");
    command
}

/// Runs it and gives what it printed, however it ended.
pub(super) fn output(command: &mut Command) -> anyhow::Result<Output> {
    command.output().context("cannot run git (is it installed, and on PATH?)")
}

/// What git prints, without the last line break. An error when git fails.
pub(super) fn ask<S: AsRef<OsStr>>(
    directory: &Path,
    arguments: impl IntoIterator<Item = S>,
) -> anyhow::Result<OsString> {
    let mut command = command(directory);
    command.args(arguments);
    answer(command)
}

/// As [`ask`], of a command.
pub(super) fn answer(mut command: Command) -> anyhow::Result<OsString> {
    let asked = words(&command);
    let output = output(&mut command)?;
    if !output.status.success() {
        bail!("{asked}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(text(output.stdout))
}

/// As [`ask`]; none when git says that there is no such thing (it ends with 1).
pub(super) fn find<S: AsRef<OsStr>>(
    directory: &Path,
    arguments: impl IntoIterator<Item = S>,
) -> anyhow::Result<Option<OsString>> {
    let mut command = command(directory);
    command.args(arguments);
    let asked = words(&command);
    let output = output(&mut command)?;
    match output.status.code() {
        Some(0) => Ok(Some(text(output.stdout))),
        Some(1) => Ok(None),
        _ => bail!("{asked}: {}", String::from_utf8_lossy(&output.stderr).trim()),
    }
}

fn words(command: &Command) -> String {
    let arguments = command.get_args().map(OsStr::to_string_lossy);
    format!("git {}", arguments.collect::<Vec<_>>().join(" "))
}

fn text(mut bytes: Vec<u8>) -> OsString {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    os_string(bytes)
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}
