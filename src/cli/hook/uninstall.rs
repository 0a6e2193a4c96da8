//! Taking hooks away: what `install` wrote goes, and what was there before comes back as it was. What
//! somebody has changed since is left, and said.

use super::install::{kept, look};
use super::place::{self, Repository};
use super::record::Record;
use super::script::State;
use super::{Kind, Uninstall, global, say};
use crate::cli::exit::Exit;
use anyhow::Context;
use cofferdam::terminal::escape;
use std::fs;
use std::path::{Path, PathBuf};

impl Uninstall {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let place = match self.global {
            true => place::global()?,
            false => Repository::around(Path::new("."))?.place()?,
        };
        let mut record = Record::load(&place.record)?;
        let mut all: Vec<(Kind, PathBuf)> =
            record.hooks().map(|(kind, script)| (kind, script.clone())).collect();
        for kind in Kind::ALL {
            let path = place.hooks.join(kind.name());
            if all.iter().all(|(known, _)| *known != kind) && look(&path, Some(kind))? == State::Ours {
                all.push((kind, path));
            }
        }
        all.retain(|(kind, _)| self.hooks.is_empty() || self.hooks.contains(kind));
        if all.is_empty() {
            say("no hook of cofferdam is installed here");
        }
        let mut left = false;
        for (kind, path) in all {
            match take(&path, kind)? {
                Ok(words) => {
                    record.remove(kind);
                    say(&format!("{}: {words}", kind.name()));
                }
                Err(why) => {
                    left = true;
                    say(&format!("{}: left as it is: {why}", kind.name()));
                }
            }
        }
        let mut made = Vec::new();
        if record.is_without_hooks() {
            if self.global {
                global::clear(&place, &mut record)?;
            }
            made = std::mem::take(&mut record.made_folders);
        } else if record.set_hooks_path {
            global::forward(&place)?;
        }
        record.save(&place.record)?;
        for folder in made {
            // One that somebody else uses stays.
            let _ = fs::remove_dir(folder);
        }
        Ok(if left { Exit::Unusable } else { Exit::Clean })
    }
}

/// Takes one hook away and puts the one before back; or says why not.
fn take(path: &Path, kind: Kind) -> anyhow::Result<Result<String, String>> {
    let failed = || format!("cannot change {}", path.display());
    let shown = escape(&path.to_string_lossy()).into_owned();
    let kept = kept(path, kind);
    let is_kept = kept.symlink_metadata().is_ok();
    match look(path, Some(kind))? {
        State::Changed => return Ok(Err(format!("{shown} was changed by hand since"))),
        State::Foreign => return Ok(Err(format!("{shown} is no hook of cofferdam any more"))),
        State::Absent | State::Forwarder => {}
        State::Ours => fs::remove_file(path).with_context(failed)?,
    }
    if !is_kept {
        return Ok(Ok(format!("removed ({shown})")));
    }
    fs::rename(&kept, path).with_context(failed)?;
    Ok(Ok(format!("removed; the hook that was there before is back ({shown})")))
}
