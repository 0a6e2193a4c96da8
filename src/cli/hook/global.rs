//! What a global core.hooksPath needs beside the hooks: it hides every hook that a repository has of its
//! own, so a forwarder stands for each of those. And its undoing.

use super::install::{look, make_executable};
use super::place::Place;
use super::record::Record;
use super::script::{FORWARD, State};
use super::{git, say};
use anyhow::Context;
use cofferdam::terminal::escape;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The other hooks that would be hidden by a global core.hooksPath. Left out are those whose mere
/// presence changes what git does (push-to-checkout, proc-receive) or that run many times in every
/// command (reference-transaction, post-index-change).
const FORWARDED: [&str; 19] = [
    "applypatch-msg",
    "pre-applypatch",
    "post-applypatch",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-rebase",
    "post-checkout",
    "post-merge",
    "pre-push",
    "pre-receive",
    "update",
    "post-receive",
    "post-update",
    "post-rewrite",
    "pre-auto-gc",
    "sendemail-validate",
];

/// Forwarders for the other hooks, and core.hooksPath where nobody set it.
pub(super) fn set(place: &Place, record: &mut Record) -> anyhow::Result<()> {
    if !place.unset && !record.set_hooks_path {
        return Ok(());
    }
    forward(place)?;
    if place.unset {
        let configuration = configuration().filter(|path| !path.exists());
        let set = [
            OsString::from("config"),
            "--global".into(),
            "core.hooksPath".into(),
            place.hooks.clone().into(),
        ];
        git::ask(Path::new("."), set)?;
        record.made_configuration = configuration.filter(|path| path.exists());
        record.set_hooks_path = true;
        record.save(&place.record)?;
    }
    say(&format!(
        "core.hooksPath names {} for every repository of this user; a repository's own hooks still run, but for \
         push-to-checkout, proc-receive, post-index-change and reference-transaction",
        escape(&place.hooks.to_string_lossy())
    ));
    Ok(())
}

/// Puts a forwarder wherever there is no hook.
pub(super) fn forward(place: &Place) -> anyhow::Result<()> {
    for name in FORWARDED {
        let path = place.hooks.join(name);
        if look(&path, None)? == State::Absent {
            fs::write(&path, FORWARD)
                .and_then(|()| make_executable(&path))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}

/// The user's configuration of git.
fn configuration() -> Option<PathBuf> {
    std::env::var_os("GIT_CONFIG_GLOBAL")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".gitconfig")))
}

/// Takes the forwarders away, and core.hooksPath where we set it.
pub(super) fn clear(place: &Place, record: &mut Record) -> anyhow::Result<()> {
    for name in FORWARDED {
        let path = place.hooks.join(name);
        if look(&path, None)? == State::Forwarder {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    if std::mem::take(&mut record.set_hooks_path) && !place.unset {
        git::ask(Path::new("."), ["config", "--global", "--unset", "core.hooksPath"])?;
    }
    if let Some(made) = record.made_configuration.take()
        && made.metadata().is_ok_and(|data| data.len() == 0)
    {
        fs::remove_file(&made).with_context(|| format!("cannot remove {}", made.display()))?;
    }
    Ok(())
}
