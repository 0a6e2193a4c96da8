//! What `install` did, kept in a file, so that `verify` knows a hook that is gone and `uninstall` undoes
//! all of it, even when core.hooksPath was changed since.

use super::Kind;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The script of each installed hook.
    hooks: BTreeMap<String, PathBuf>,
    /// Folders that were made for the hooks, the innermost first.
    #[serde(default)]
    pub(super) made_folders: Vec<PathBuf>,
    /// core.hooksPath was set by us.
    #[serde(default)]
    pub(super) set_hooks_path: bool,
    /// The user's configuration of git was made by us.
    #[serde(default)]
    pub(super) made_configuration: Option<PathBuf>,
}

impl Record {
    /// The record at `path`; an empty one where there is none.
    pub(super) fn load(path: &Path) -> anyhow::Result<Self> {
        match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{}: not a record of installed hooks", path.display())),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(cause) => Err(cause).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Writes it; an empty one is no file.
    pub(super) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let written = if *self == Self::default() {
            std::fs::remove_file(path).or_else(|cause| match cause.kind() {
                ErrorKind::NotFound => Ok(()),
                _ => Err(cause),
            })
        } else {
            let text = serde_json::to_string_pretty(self)
                .with_context(|| format!("cannot remember the hooks in {}", path.display()))?;
            std::fs::write(path, text + "\n")
        };
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    /// The hooks in it, with their scripts.
    pub(super) fn hooks(&self) -> impl Iterator<Item = (Kind, &PathBuf)> {
        Kind::ALL.into_iter().filter_map(|kind| Some((kind, self.hooks.get(kind.name())?)))
    }

    pub(super) fn add(&mut self, kind: Kind, script: &Path) {
        self.hooks.insert(kind.name().to_owned(), script.to_owned());
    }

    pub(super) fn remove(&mut self, kind: Kind) {
        self.hooks.remove(kind.name());
    }

    pub(super) fn is_without_hooks(&self) -> bool {
        self.hooks.is_empty()
    }
}
