//! Names for commits: references, HEAD of every working tree, reflogs, and revision expressions.
//! Reflogs and the heads of other working trees are read as the files they are, which libgit2 does
//! not offer.

use super::super::coverage::{Ledger, SkipReason};
use super::repository::{Repository, RepositoryError, clean};
use git2::{ErrorCode, ObjectType, Oid};
use rustc_hash::FxHashSet;
use std::path::{Path, PathBuf};

/// A name from which history is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    /// `refs/heads/main`, `HEAD`, `refs/stash@{1}`.
    pub(super) name: String,
    /// What it points at: a commit or, rarely, any other object.
    pub(super) id: Oid,
}

impl Tip {
    /// Only a reflog names it: what it names may be long gone.
    pub(super) fn is_log(&self) -> bool {
        self.name.starts_with("reflog ")
    }
}

impl Repository {
    /// All references, HEAD of every working tree, older stashes and, on request, all reflogs.
    pub(super) fn tips(&self, reflogs: bool, ledger: &Ledger) -> Result<Vec<Tip>, RepositoryError> {
        let mut tips = self.with(|git| {
            let references = git.references().map_err(|cause| self.read_error("references", cause))?;
            let mut tips = Vec::new();
            for reference in references {
                match reference {
                    Ok(reference) => tips.extend(reference.target().map(|id| Tip {
                        name: String::from_utf8_lossy(reference.name_bytes()).into_owned(),
                        id: clean(id),
                    })),
                    Err(cause) => {
                        ledger.skip(SkipReason::Unreadable, format!("a reference: {}", cause.message()));
                        break;
                    }
                }
            }
            Ok(tips)
        })?;
        tips.extend(self.heads()?);
        let logs = if reflogs { self.reflog_files() } else { vec![self.common_dir.join("logs/refs/stash")] };
        for log in logs {
            tips.extend(self.reflog(&log));
        }
        Ok(tips)
    }

    /// Tells the references that follow the remote `name`, and it alone: below a remote `a` there may
    /// lie those of a remote `a/b`.
    pub(super) fn followers(&self, name: &str) -> Result<impl Fn(&str) -> bool + use<>, RepositoryError> {
        self.with(|git| {
            let (mut own, mut others) = (Vec::new(), Vec::new());
            let remotes = git.remotes().map_err(|cause| self.read_error("the remotes", cause))?;
            for other in remotes.iter().flatten().flatten() {
                let Ok(remote) = git.find_remote(other) else { continue };
                let into = if other == name { &mut own } else { &mut others };
                let fetched = remote.refspecs().filter(|spec| spec.direction() == git2::Direction::Fetch);
                into.extend(fetched.filter_map(|spec| Some(spec.dst().ok()?.to_owned())));
            }
            Ok(move |reference: &str| {
                let best =
                    |specs: &[String]| specs.iter().filter_map(|spec| destination(spec, reference)).max();
                best(&own) > best(&others)
            })
        })
    }

    /// HEAD here, in the main working tree and in every other one; an unborn one has none.
    fn heads(&self) -> Result<Vec<Tip>, RepositoryError> {
        let mut directories = vec![self.common_dir.clone()];
        directories.extend(subdirectories(&self.common_dir.join("worktrees")));
        self.with(|git| {
            let mut tips: Vec<Tip> = Vec::new();
            for directory in directories {
                let Ok(text) = std::fs::read_to_string(directory.join("HEAD")) else { continue };
                let id = match text.trim().strip_prefix("ref:") {
                    Some(name) => git.refname_to_id(name.trim()).ok().map(clean),
                    None => Oid::from_str_ext(text.trim(), self.format).ok(),
                };
                if let Some(id) = id {
                    tips.push(Tip { name: "HEAD".to_owned(), id });
                }
            }
            Ok(tips)
        })
    }

    /// The commit that HEAD of this working tree names; none when it is unborn.
    pub(super) fn head(&self) -> Result<Option<Oid>, RepositoryError> {
        self.with(|git| match git.refname_to_id("HEAD") {
            Ok(id) => Ok(Some(clean(id))),
            Err(cause) if matches!(cause.code(), ErrorCode::NotFound | ErrorCode::UnbornBranch) => Ok(None),
            Err(cause) => Err(self.read_error("HEAD", cause)),
        })
    }

    /// The commits that an unfinished merge brings into this working tree.
    pub(super) fn merged(&self) -> Vec<Oid> {
        self.ids_in(&self.git_dir.join("MERGE_HEAD"))
    }

    /// The commits at which a shallow clone ends.
    pub(super) fn shallow(&self) -> FxHashSet<Oid> {
        self.ids_in(&self.common_dir.join("shallow"))
    }

    /// One name of an object a line; nothing where there is no such file.
    fn ids_in<T: FromIterator<Oid>>(&self, file: &Path) -> T {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().filter_map(|line| Oid::from_str_ext(line.trim(), self.format).ok()).collect()
    }

    fn reflog_files(&self) -> Vec<PathBuf> {
        let mut open = vec![self.git_dir.join("logs"), self.common_dir.join("logs")];
        open.extend(subdirectories(&self.common_dir.join("worktrees")).map(|path| path.join("logs")));
        let mut files = Vec::new();
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => open.push(entry.path()),
                    _ => files.push(entry.path()),
                }
            }
        }
        files.sort();
        files.dedup();
        files
    }

    fn reflog(&self, file: &Path) -> Vec<Tip> {
        let text = std::fs::read(file).unwrap_or_default();
        let ids =
            text.split(|byte| *byte == b'\n').flat_map(|line| line.splitn(3, |byte| *byte == b' ').take(2));
        ids.filter_map(|hex| Oid::from_str_ext(std::str::from_utf8(hex).ok()?, self.format).ok())
            .filter(|id| !id.is_zero())
            .map(|id| Tip { name: format!("reflog {}", file.display()), id })
            .collect()
    }

    /// The commit that a revision expression names.
    pub(super) fn revision(&self, name: &str) -> Result<Oid, RepositoryError> {
        let missing = || RepositoryError::NoSuchRevision { name: name.to_owned() };
        self.with(|git| {
            let object = git.revparse_single(name).map_err(|_| missing())?;
            object.peel(ObjectType::Commit).map(|commit| clean(commit.id())).map_err(|_| missing())
        })
    }

    /// The tip of a branch, here or of a remote.
    pub(super) fn branch(&self, name: &str) -> Result<Oid, RepositoryError> {
        let places = ["refs/heads/", "refs/remotes/", "refs/remotes/origin/", ""].iter();
        let found = places.map(|place| format!("{place}{name}")).find_map(|full| {
            self.with(|git| {
                Ok(full.starts_with("refs/").then(|| git.refname_to_id(&full).ok().map(clean)).flatten())
            })
            .ok()?
        });
        found.ok_or_else(|| RepositoryError::NoSuchRevision { name: name.to_owned() })
    }

    /// The commit that an object is or, being a tag, names.
    pub(super) fn commit_of(&self, id: Oid) -> Option<Oid> {
        let peel = |git: &git2::Repository| {
            let object = git.find_object(id, None).and_then(|object| object.peel(ObjectType::Commit));
            Ok(object.ok().map(|commit| clean(commit.id())))
        };
        self.with(peel).ok().flatten()
    }

    /// The best common ancestors of two commits.
    pub(super) fn merge_bases(&self, left: Oid, right: Oid) -> Result<Vec<Oid>, RepositoryError> {
        self.with(|git| match git.merge_bases(left, right) {
            Ok(bases) => Ok(bases.iter().copied().map(clean).collect()),
            Err(cause) if cause.code() == ErrorCode::NotFound => Ok(Vec::new()),
            Err(cause) => Err(self.read_error("the common ancestors", cause)),
        })
    }
}

/// How much of a refspec's destination (`refs/remotes/origin/*`) the reference has literally; none: it is
/// none of its.
fn destination(spec: &str, reference: &str) -> Option<usize> {
    match spec.split_once('*') {
        None => (spec == reference).then_some(spec.len()),
        Some((before, after)) => {
            let matches = reference.strip_prefix(before).is_some_and(|rest| rest.ends_with(after));
            matches.then_some(before.len() + after.len())
        }
    }
}

fn subdirectories(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir())
}
