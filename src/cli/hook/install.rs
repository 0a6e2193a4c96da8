//! Installing hooks. A hook that is there is moved beside and never overwritten; what cannot be kept
//! whole is refused before anything is changed. Taking hooks away is `uninstall`'s.

use super::place::{self, Place, Repository};
use super::record::Record;
use super::script::{self, State};
use super::{Install, Kind, Run, global, say};
use crate::cli::exit::Exit;
use anyhow::{Context, bail};
use clap::Parser;
use cofferdam::terminal::escape;
use std::fs;
use std::path::{Path, PathBuf};

/// What a kept hook's name ends with.
const KEPT: &str = ".before-cofferdam";

/// Where the hook that was at `script`'s place before is kept.
pub(super) fn kept(script: &Path, kind: Kind) -> PathBuf {
    script.with_file_name(format!("{}{KEPT}", kind.name()))
}

/// The options of a hook, to check those that `install` passes on.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Options {
    #[command(flatten)]
    run: Run,
}

impl Install {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let place = if self.global {
            place::global()?
        } else {
            let repository = Repository::around(Path::new("."))?;
            repository.check_scope()?;
            repository.place()?
        };
        let program = std::env::current_exe().context("cannot tell where this program lies")?;
        let program = program.to_str().context("this program's path is not text: no hook can name it")?;
        let mut record = Record::load(&place.record)?;
        let mut options = self.options.clone();
        if self.global && (place.unset || record.set_hooks_path) {
            options.insert(0, "--own".to_owned());
        }
        check(&options)?;
        for kind in &self.hooks {
            refuse_managed(&place.hooks, *kind)?;
            plan(&place.hooks.join(kind.name()), *kind)?;
        }
        prepare(&place, &mut record)?;
        for kind in &self.hooks {
            let path = place.hooks.join(kind.name());
            record.add(*kind, &path);
            record.save(&place.record)?;
            let text = script::render(*kind, program, &options);
            say(&format!("{}: {}", kind.name(), put(&path, *kind, &text)?));
        }
        if self.global {
            global::set(&place, &mut record)?;
        }
        say("`cofferdam hook verify` proves that they refuse a secret");
        Ok(Exit::Clean)
    }
}

/// Refuses options that no run of a hook would understand.
fn check(options: &[String]) -> anyhow::Result<()> {
    if options.iter().any(|option| option.contains('\n')) {
        bail!("the hooks' options must not hold a line break");
    }
    let words = [Kind::PreReceive.name().to_owned()].into_iter().chain(options.iter().cloned());
    Options::try_parse_from(words).map(drop).map_err(|error| {
        let words = error.to_string();
        let first = words.lines().next().unwrap_or_default();
        anyhow::anyhow!("the hooks would not understand their options: {first}")
    })
}

/// Refuses folders and files that another tool writes anew, and would so switch the hook off unseen.
fn refuse_managed(hooks: &Path, kind: Kind) -> anyhow::Result<()> {
    let (name, line) = (kind.name(), format!("cofferdam hook run {} -- \"$@\"", kind.name()));
    if hooks.ends_with(".husky/_") {
        let own = hooks.with_file_name(name);
        bail!(
            "husky writes {} anew at every install: put the line `{line}` into {} instead; `cofferdam hook \
             verify {name}` proves that it works",
            hooks.display(),
            own.display()
        );
    }
    let there = fs::read(hooks.join(name)).unwrap_or_default();
    if String::from_utf8_lossy(&there).contains("call_lefthook") {
        bail!(
            "lefthook writes its hooks anew: put the command `{line}` under {name} into lefthook.yml instead; \
             `cofferdam hook verify {name}` proves that it works"
        );
    }
    Ok(())
}

/// Refuses where the hook could not be put without losing something.
fn plan(path: &Path, kind: Kind) -> anyhow::Result<()> {
    let kept = kept(path, kind);
    let is_kept = kept.symlink_metadata().is_ok();
    match look(path, Some(kind))? {
        State::Changed => bail!(
            "{}: this hook of cofferdam was changed by hand: move your lines elsewhere, or the file away",
            path.display()
        ),
        State::Foreign | State::Absent if is_kept => bail!(
            "{}: is still there from an earlier installation whose hook is gone; move it back to {} or away",
            kept.display(),
            path.display()
        ),
        _ => Ok(()),
    }
}

pub(super) fn look(path: &Path, kind: Option<Kind>) -> anyhow::Result<State> {
    script::state(path, kind).with_context(|| format!("cannot read {}", path.display()))
}

/// Makes the folder of the hooks.
fn prepare(place: &Place, record: &mut Record) -> anyhow::Result<()> {
    let missing: Vec<PathBuf> =
        place.hooks.ancestors().take_while(|path| !path.exists()).map(Path::to_owned).collect();
    fs::create_dir_all(&place.hooks)
        .with_context(|| format!("core.hooksPath: cannot make the folder {}", place.hooks.display()))?;
    if !missing.is_empty() {
        record.made_folders = missing;
    }
    Ok(())
}

/// Puts `text` at `path`; says what became of the hook that was there.
fn put(path: &Path, kind: Kind, text: &str) -> anyhow::Result<String> {
    let (shown, failed) =
        (escape(&path.to_string_lossy()).into_owned(), || format!("cannot write {}", path.display()));
    let state = look(path, Some(kind))?;
    if state == State::Ours
        && fs::read(path).is_ok_and(|there| there == text.as_bytes())
        && is_executable(path)
    {
        return Ok(format!("already installed ({shown})"));
    }
    // Written beside and moved, so that git never runs half a hook.
    let new = path.with_file_name(format!("{}.cofferdam-new", kind.name()));
    fs::write(&new, text).and_then(|()| make_executable(&new)).with_context(failed)?;
    if state == State::Foreign {
        fs::rename(path, kept(path, kind)).with_context(failed)?;
    }
    fs::rename(&new, path).with_context(failed)?;
    let kept = kept(path, kind);
    Ok(match kept.symlink_metadata() {
        Err(_) => format!("installed ({shown})"),
        Ok(_) if is_executable(&kept) => {
            format!("installed ({shown}); the hook that was there runs first, as {}", name_of(&kept))
        }
        Ok(_) => format!(
            "installed ({shown}); the hook that was there was not executable and still does not run, as {}",
            name_of(&kept)
        ),
    })
}

fn name_of(path: &Path) -> String {
    escape(&path.file_name().unwrap_or_default().to_string_lossy()).into_owned()
}

#[cfg(unix)]
pub(super) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// There git runs any hook that is a file.
#[cfg(not(unix))]
pub(super) fn is_executable(path: &Path) -> bool {
    path.is_file()
}

#[cfg(unix)]
pub(super) fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
pub(super) fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
