//! The hooks that ours stands in front of: the one that was there before, and with a global
//! core.hooksPath the repository's own. They run first, because they may change what is scanned; each
//! gets what git gave us, and its failure is ours.

use super::install::{is_executable, kept};
use super::{Run, place, say};
use crate::cli::exit::Exit;
use anyhow::Context;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Set by `hook verify`: it asks about our hook alone, and the others may have effects.
pub(super) const VERIFYING: &str = "COFFERDAM_HOOK_VERIFY";
/// The hooks that run already: one that leads back to ours must not run for ever.
const RUNNING: &str = "COFFERDAM_HOOK_RUNNING";

/// Runs them; gives the first failure. `input` is what git wrote to standard input, where it did.
pub(super) fn run(hook: &Run, input: Option<&[u8]>) -> anyhow::Result<Option<Exit>> {
    if std::env::var_os(VERIFYING).is_some() {
        return Ok(None);
    }
    let script = hook.script.iter().map(|script| (script, kept(script, hook.hook)));
    let mut before: Vec<PathBuf> =
        script.filter(|(script, kept)| !is_in_front(script, kept, hook)).map(|(_, kept)| kept).collect();
    if hook.own {
        before.push(place::own_hooks()?.join(hook.hook.name()));
    }
    for path in before.into_iter().filter(|path| is_executable(path)) {
        let real = path.canonicalize().with_context(|| path.display().to_string())?;
        let running = std::env::var_os(RUNNING).unwrap_or_default();
        let mut all: Vec<PathBuf> = std::env::split_paths(&running).collect();
        if all.contains(&real) {
            continue;
        }
        all.push(real);
        // By the path that git would use: a hook may look beside itself.
        let mut command = Command::new(&path);
        if let Ok(all) = std::env::join_paths(all) {
            command.env(RUNNING, all);
        }
        let status = status(command, hook, &path, input)
            .with_context(|| format!("cannot run the hook that was there before, {}", path.display()))?;
        if !status.success() {
            say(&format!("{}: {status}", path.display()));
            return Ok(Some(Exit::Code(code(status))));
        }
    }
    Ok(None)
}

/// Whether the kept hook has been put back in front of ours, which it calls by another name (the
/// pre-commit framework, installed anew, does so): then it runs already.
fn is_in_front(script: &Path, kept: &Path, hook: &Run) -> bool {
    let front = script.with_file_name(hook.hook.name());
    front != script
        && std::fs::read(front).is_ok_and(|front| std::fs::read(kept).is_ok_and(|kept| kept == front))
}

fn status(
    mut command: Command,
    hook: &Run,
    path: &Path,
    input: Option<&[u8]>,
) -> std::io::Result<ExitStatus> {
    let prepare = |command: &mut Command| {
        command.args(&hook.arguments);
        if input.is_some() {
            command.stdin(Stdio::piped());
        }
    };
    prepare(&mut command);
    let child = command.spawn().or_else(|cause| match cause.kind() {
        // A script without `#!`: git has the shell run it.
        _ if cfg!(windows) || cause.raw_os_error() == Some(8) => {
            let mut shell = Command::new("sh");
            shell.arg(path).envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            prepare(&mut shell);
            shell.spawn()
        }
        _ => Err(cause),
    })?;
    feed(child, input)
}

fn feed(mut child: Child, input: Option<&[u8]>) -> std::io::Result<ExitStatus> {
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // One that does not read all of it is no fault.
        let _ = stdin.write_all(input);
    }
    child.wait()
}

fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
