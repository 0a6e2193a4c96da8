//! Where a repository's hooks lie: core.hooksPath or the repository's own folder, as git itself sees it
//! from here (linked working trees, submodules and bare repositories included); and for --global, the
//! user's folder. It changes nothing.

use super::git;
use anyhow::{Context, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A folder of hooks and what belongs to it.
pub(super) struct Place {
    /// The hooks.
    pub(super) hooks: PathBuf,
    /// What `install` remembers.
    pub(super) record: PathBuf,
    /// core.hooksPath does not say so yet.
    pub(super) unset: bool,
}

/// A repository, as git sees it from a directory.
pub(super) struct Repository {
    /// The root of its working tree; of a bare one, its directory.
    pub(super) top: PathBuf,
    /// What all working trees share.
    pub(super) common: PathBuf,
}

impl Repository {
    pub(super) fn around(directory: &Path) -> anyhow::Result<Self> {
        let inside = git::ask(directory, ["rev-parse", "--is-inside-work-tree"])?;
        let root = if inside == "true" { "--show-toplevel" } else { "--absolute-git-dir" };
        let top = PathBuf::from(git::ask(directory, ["rev-parse", root])?);
        let common = top.join(git::ask(&top, ["rev-parse", "--git-common-dir"])?);
        let common = common.canonicalize().with_context(|| common.display().to_string())?;
        Ok(Self { top, common })
    }

    /// The folder that git takes hooks from.
    pub(super) fn hooks(&self) -> anyhow::Result<PathBuf> {
        // From the root, because a relative core.hooksPath counts from there.
        Ok(self.top.join(git::ask(&self.top, ["rev-parse", "--git-path", "hooks"])?))
    }

    /// Where a hook for this repository alone goes.
    pub(super) fn place(&self) -> anyhow::Result<Place> {
        Ok(Place { hooks: self.hooks()?, record: self.record(), unset: false })
    }

    pub(super) fn record(&self) -> PathBuf {
        self.common.join("cofferdam-hooks.json")
    }

    /// Refuses where a hook for this repository would be one for others too.
    pub(super) fn check_scope(&self) -> anyhow::Result<()> {
        let scope = git::find(&self.top, ["config", "--show-scope", "--get", "core.hooksPath"])?;
        let Some(scope) = scope.map(|scope| scope.to_string_lossy().into_owned()) else { return Ok(()) };
        if let Some((scope @ ("global" | "system"), path)) = scope.split_once('\t') {
            bail!(
                "core.hooksPath is set for more than this repository ({scope}: {path}): install there with \
                 `cofferdam hook install --global`, or give this repository its own with `git config \
                 core.hooksPath '{}'`",
                self.common.join("hooks").display()
            );
        }
        Ok(())
    }
}

/// Where a hook for all repositories of this user goes.
pub(super) fn global() -> anyhow::Result<Place> {
    let outside = std::env::temp_dir();
    let set = match global_path("--global")? {
        Some(path) => Some(path),
        None => global_path("--system")?,
    };
    let hooks = match &set {
        Some(path) if path.is_relative() => bail!(
            "the global core.hooksPath is relative ({}): it names another folder in every repository; \
             install in each, without --global",
            path.display()
        ),
        Some(path) => path.clone(),
        None => {
            config_directory().context("cannot tell the user's configuration directory: HOME is not set")?
        }
    };
    let hooks = outside.join(hooks);
    Ok(Place { record: hooks.join("cofferdam-hooks.json"), hooks, unset: set.is_none() })
}

/// core.hooksPath in one of git's files, `~` expanded.
fn global_path(file: &str) -> anyhow::Result<Option<PathBuf>> {
    let outside = std::env::temp_dir();
    let found = git::find(&outside, ["config", file, "--includes", "--type=path", "--get", "core.hooksPath"]);
    Ok(found?.map(PathBuf::from))
}

fn config_directory() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    let base = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = base.or_else(|| {
        variable(if cfg!(windows) { "APPDATA" } else { "HOME" })
            .map(PathBuf::from)
            .map(|home| if cfg!(windows) { home } else { home.join(".config") })
    });
    Some(base?.join("cofferdam").join("hooks"))
}

/// The repository's own hooks, whatever core.hooksPath says.
pub(super) fn own_hooks() -> anyhow::Result<PathBuf> {
    let common = git::ask(Path::new("."), ["rev-parse", "--git-common-dir"])?;
    Ok(PathBuf::from(common).join("hooks"))
}
