//! The files of one commit in place of those on the disk, for what must not be taken from a working tree
//! that somebody else may have changed. Paths outside the repository are still read from the disk.

use super::pack::Kind;
use super::repository::{Limits, Repository, RepositoryError, clean};
use super::tree::Trees;
use crate::files::{Disk, Files};
use git2::{ErrorClass, ErrorCode, ObjectType, Oid};
use rayon::prelude::*;
use std::io;
use std::path::{Component, Path, PathBuf};

/// So many symbolic links may lead to each other.
const LINKS: usize = 8;
const LINK: i32 = 0o120_000;

impl Repository {
    /// The full id of the commit that `name` names; none where it is not in this clone.
    pub fn commit(&self, name: &str) -> Option<String> {
        self.revision(name).ok().map(|id| id.to_string())
    }

    /// The ids of the parents that a commit names, whether they are in this clone or not; none where it
    /// is not there itself.
    pub fn parents(&self, name: &str) -> Vec<String> {
        let parents = |git: &git2::Repository| {
            let commit = git.revparse_single(name).and_then(|object| object.peel_to_commit());
            Ok(commit.map(|commit| commit.parent_ids().map(|id| clean(id).to_string()).collect()))
        };
        self.with(parents).ok().and_then(Result::ok).unwrap_or_default()
    }

    /// Whether the history of `new` holds `old`, both full ids.
    pub fn leads_to(&self, new: &str, old: &str) -> bool {
        let id = |text: &str| Oid::from_str_ext(text, self.format);
        let leads = |git: &git2::Repository| {
            Ok(new == old || id(new).and_then(|new| git.graph_descendant_of(new, id(old)?)).unwrap_or(false))
        };
        self.with(leads).unwrap_or(false)
    }

    /// Whether it is a shallow clone.
    pub fn is_shallow(&self) -> bool {
        !self.shallow().is_empty()
    }
}

/// One commit of a repository, as files.
pub struct Revision {
    repository: Repository,
    /// As the user named it.
    name: String,
    commit: Oid,
    /// Of the working tree, without links.
    root: PathBuf,
}

impl Revision {
    /// The commit that `name` names.
    ///
    /// # Errors
    /// When it is no commit of this repository.
    pub fn open(repository: Repository, name: &str) -> Result<Self, RepositoryError> {
        let commit = repository.revision(name)?;
        let root = repository.root();
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        Ok(Self { repository, name: name.to_owned(), commit, root })
    }

    /// Every content in it that `wanted` holds for. One that cannot be read is left out.
    pub fn contents(&self, wanted: &(dyn Fn(&[u8]) -> bool + Sync)) -> Vec<Vec<u8>> {
        let mut ids = Vec::new();
        let listed = self.repository.read(|reader| {
            let tree = self.repository.with(|git| Ok(git.find_commit(self.commit).map(|one| one.tree_id())));
            if let Ok(Ok(tree)) = tree {
                Trees::new(reader).list(clean(tree), &mut |_, leaf| ids.push(leaf.id));
            }
            Ok(())
        });
        if listed.is_err() {
            return Vec::new();
        }
        ids.sort();
        ids.dedup();
        let read = |ids: &[Oid]| {
            self.repository.read(|reader| {
                let contents = ids.iter().filter_map(|id| reader.blob(*id, &Limits::default()).ok());
                let blobs = contents.filter(|object| object.kind == Kind::Blob && wanted(&object.content));
                Ok(blobs.map(|object| object.content.to_vec()).collect::<Vec<_>>())
            })
        };
        ids.par_chunks(64).flat_map_iter(|ids| read(ids).unwrap_or_default()).collect()
    }

    /// Where the path lies in the repository; none: outside.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let path = lexical(&std::path::absolute(path).ok()?);
        // The shortest way in: links below it come from the working tree and do not count.
        let ancestors: Vec<&Path> = path.ancestors().collect();
        let root = ancestors
            .into_iter()
            .rev()
            .find(|part| part.canonicalize().is_ok_and(|part| part == self.root))?;
        path.strip_prefix(root).ok().map(Path::to_owned)
    }

    /// The blob at a path in the tree; links in the tree are followed as long as they stay in it.
    fn blob(&self, path: &Path, links: usize) -> io::Result<Vec<u8>> {
        let found = self.repository.with(|git| {
            let blob = || {
                let entry = git.find_commit(self.commit)?.tree()?.get_path(path)?;
                let object = entry.to_object(git)?.peel(ObjectType::Blob)?;
                let content = object.as_blob().map(|blob| blob.content().to_owned()).unwrap_or_default();
                Ok::<_, git2::Error>((entry.filemode(), content))
            };
            Ok(blob())
        });
        let (mode, content) = match found.map_err(io::Error::other)? {
            Ok(found) => found,
            Err(cause) => {
                // An object that a partial clone lacks is no missing file; a directory is none either.
                let absent = cause.code() == ErrorCode::NotFound && cause.class() == ErrorClass::Tree;
                let missing = absent || cause.code() == ErrorCode::InvalidSpec;
                let kind = if missing { io::ErrorKind::NotFound } else { io::ErrorKind::Other };
                return Err(io::Error::new(kind, format!("at {}: {}", self.name, cause.message())));
            }
        };
        if mode != LINK {
            return Ok(content);
        }
        let target = PathBuf::from(String::from_utf8_lossy(&content).into_owned());
        let target = path.parent().unwrap_or(Path::new("")).join(target);
        match inner(&target).filter(|_| links > 0) {
            Some(target) => self.blob(&target, links - 1),
            None => {
                Err(io::Error::other(format!("at {}: a link that leads out of the repository", self.name)))
            }
        }
    }
}

impl Files for Revision {
    fn has(&self, path: &Path) -> bool {
        match self.inside(path) {
            // What is there and cannot be read is no missing file: reading it says why.
            Some(path) => {
                !matches!(self.blob(&path, LINKS), Err(error) if error.kind() == io::ErrorKind::NotFound)
            }
            None => Disk.has(path),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.inside(path).map_or_else(|| Disk.read(path), |path| self.blob(&path, LINKS))
    }
}

/// Without `.` and `..`, by the names alone.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// A relative path that never leaves where it starts, without `.` and `..`.
fn inner(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => plain.pop().then_some(())?,
            Component::Normal(name) => plain.push(name),
            _ => return None,
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_in_the_tree_or_leads_nowhere() {
        assert_eq!(inner(Path::new("a/./b/../c")), Some(PathBuf::from("a/c")));
        assert_eq!(inner(Path::new("a/../../c")), None);
        assert_eq!(inner(Path::new("/etc/passwd")), None);
        assert_eq!(lexical(Path::new("/a/../../b/./c")), PathBuf::from("/b/c"));
    }
}
