//! Files of a directory tree, read by several threads. Either everything below some paths, or what
//! a repository could commit. What is not handed on is in the ledger, except `.git` directories.
//!
//! It neither opens archives nor decodes text.

mod root;

use super::name::path_text;
use super::reader::{Reader, Refusal};
use super::stop::Stop;
use crate::scan::coverage::{Ledger, SkipReason};
use ignore::{DirEntry, WalkBuilder, WalkState};
use root::{Root, Roots};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// One file's content.
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// As reports show it: as the root was typed, then the path below it, parted by `/`. In
    /// [`Extent::Committable`]: relative to the repository's root.
    pub path: &'a str,
    /// Relative to the root under which it was found; the whole `path` where the root is the file.
    pub relative: &'a str,
    /// Everything in it.
    pub bytes: &'a [u8],
    /// The link that led to it.
    pub symlink: Option<&'a str>,
}

/// Which files below the paths count.
#[derive(Debug)]
pub enum Extent {
    /// All.
    Everything,
    /// All but those that `.gitignore` and its kin name, whether there is a repository or not.
    Unignored,
    /// What the repository could commit: tracked, or not ignored. Nested repositories and
    /// submodules are not entered. A path that is asked for by name counts even where it is ignored.
    Committable(Repository),
}

/// What must be known of a repository to tell what it could commit.
#[derive(Debug, Default)]
pub struct Repository {
    /// Its working tree.
    pub root: PathBuf,
    /// Paths in the index, relative to the root.
    pub tracked: Vec<PathBuf>,
    /// Paths of submodules, relative to the root.
    pub submodules: Vec<PathBuf>,
    /// `core.excludesFile`, or git's default for it.
    pub excludes_file: Option<PathBuf>,
}

/// Why there is nothing to walk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path that was asked for is not there or cannot be reached.
    #[error("cannot scan {path}: {cause}")]
    Path {
        /// As typed.
        path: String,
        /// What the operating system said.
        #[source]
        cause: io::Error,
    },
    /// A path that was asked for is not in the repository.
    #[error("{path} is outside the repository at {root}: scan it as a directory instead")]
    Outside {
        /// As typed.
        path: String,
        /// The repository's root.
        root: String,
    },
}

/// A walk over trees of files.
pub struct Worktree<'a> {
    /// Which files count.
    pub extent: Extent,
    /// Reads files through links, each file once. Links to directories are never followed.
    pub follow_symlinks: bool,
    /// Files with more bytes are left out.
    pub max_bytes: Option<u64>,
    /// Threads; 0: as many as there are processors.
    pub threads: usize,
    /// Paths that are not to be read at all.
    pub skip_path: &'a (dyn Fn(&str) -> bool + Sync),
    /// When to end early.
    pub stop: Stop<'a>,
}

impl Worktree<'_> {
    /// Hands every file below `paths` on, each once, in no order. `visitor` is called once for each
    /// thread, and what it gives sees that thread's files.
    pub fn walk<V>(
        &self,
        paths: &[PathBuf],
        ledger: &Ledger,
        mut visitor: impl FnMut() -> V,
    ) -> Result<(), Error>
    where
        V: FnMut(File<'_>) + Send,
    {
        let repository = match &self.extent {
            Extent::Committable(repository) => Some(repository),
            _ => None,
        };
        let roots = Roots::new(paths, repository.map(|repository| repository.root.as_path()))?;
        let walk = Walk::new(self, &roots, ledger);
        for batch in roots.batches() {
            walk.run(&mut visitor, batch);
        }
        walk.finish(visitor());
        Ok(())
    }
}

/// What the threads of one walk share.
struct Walk<'a> {
    tree: &'a Worktree<'a>,
    roots: &'a Roots,
    ledger: &'a Ledger,
    large: Mutex<()>,
    stopped: AtomicBool,
    /// Files that were handed on, where a second way may lead to one.
    seen: Option<Mutex<HashSet<PathBuf>>>,
    /// Links to look at when all else is seen.
    links: Mutex<Vec<PathBuf>>,
    /// Paths in the index (relative to the repository's root), and whether the walk came by.
    tracked: HashMap<&'a Path, AtomicBool>,
    submodules: HashSet<&'a Path>,
}

impl<'a> Walk<'a> {
    fn new(tree: &'a Worktree<'a>, roots: &'a Roots, ledger: &'a Ledger) -> Self {
        let (mut tracked, mut submodules) = (HashMap::new(), HashSet::new());
        if let Extent::Committable(repository) = &tree.extent {
            tracked =
                repository.tracked.iter().map(|path| (path.as_path(), AtomicBool::new(false))).collect();
            submodules = repository.submodules.iter().map(PathBuf::as_path).collect();
        }
        let twice = tree.follow_symlinks || roots.overlap();
        Self {
            tree,
            roots,
            ledger,
            large: Mutex::default(),
            stopped: AtomicBool::new(false),
            seen: twice.then(Mutex::default),
            links: Mutex::default(),
            tracked,
            submodules,
        }
    }

    fn run<V: FnMut(File<'_>) + Send>(&self, visitor: &mut impl FnMut() -> V, batch: &[Root]) {
        let Some((first, others)) = batch.split_first() else { return };
        let mut builder = WalkBuilder::new(&first.walked);
        for root in others {
            builder.add(&root.walked);
        }
        let ignores = !matches!(self.tree.extent, Extent::Everything);
        builder
            .standard_filters(false)
            .git_ignore(ignores)
            .git_exclude(ignores)
            .git_global(matches!(self.tree.extent, Extent::Unignored))
            .parents(ignores)
            .require_git(false)
            .threads(self.tree.threads);
        if let Extent::Committable(Repository { excludes_file: Some(file), .. }) = &self.tree.extent {
            // A broken line in it excludes less: no reason to stop.
            let _ = builder.add_ignore(file);
        }
        builder.build_parallel().run(|| {
            let mut thread =
                Thread { walk: self, visitor: visitor(), reader: self.reader(), path: String::new() };
            Box::new(move |entry| thread.entry(entry))
        });
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(&self.large, self.tree.max_bytes)
    }

    /// What the walk did not come by: tracked files that are ignored, and links.
    fn finish<V: FnMut(File<'_>)>(&self, visitor: V) {
        let mut thread = Thread { walk: self, visitor, reader: self.reader(), path: String::new() };
        let mut ignored: Vec<&Path> = self
            .tracked
            .iter()
            .filter(|(path, met)| !met.load(Ordering::Relaxed) && !self.submodules.contains(*path))
            .map(|(path, _)| *path)
            .collect();
        ignored.sort_unstable();
        for path in ignored {
            if self.stop() {
                return;
            }
            thread.tracked(path);
        }
        let mut links =
            std::mem::take(&mut *self.links.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        links.sort_unstable();
        for link in links {
            if self.stop() {
                return;
            }
            thread.link(&link);
        }
    }

    /// Whether to end now; tells the ledger once.
    fn stop(&self) -> bool {
        if self.stopped.load(Ordering::Relaxed) {
            return true;
        }
        let Some(reason) = self.tree.stop.reason() else { return false };
        if !self.stopped.swap(true, Ordering::Relaxed) {
            self.ledger.skip(reason, "working tree: the files that were left");
        }
        true
    }

    /// Whether this is the first way to a file.
    fn is_new(&self, path: &Path) -> bool {
        self.seen.as_ref().is_none_or(|seen| {
            seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(path.to_path_buf())
        })
    }

    /// The path relative to the repository's root, where there is a repository.
    fn in_repository<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        path.strip_prefix(self.roots.repository.as_deref()?).ok()
    }
}

/// One thread of a walk.
struct Thread<'a, V> {
    walk: &'a Walk<'a>,
    visitor: V,
    reader: Reader<'a>,
    /// The shown path of the file at hand.
    path: String,
}

impl<V: FnMut(File<'_>)> Thread<'_, V> {
    fn entry(&mut self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        if self.walk.stop() {
            return WalkState::Quit;
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                self.error(&error);
                return WalkState::Continue;
            }
        };
        let Some(kind) = entry.file_type() else { return WalkState::Continue };
        if kind.is_dir() {
            return self.directory(&entry);
        }
        if let Some(relative) = self.walk.in_repository(entry.path()) {
            if entry.file_name() == ".git" {
                return WalkState::Continue;
            }
            if let Some(met) = self.walk.tracked.get(relative) {
                met.store(true, Ordering::Relaxed);
            }
        }
        if kind.is_file() {
            if self.walk.is_new(entry.path()) {
                self.file(entry.path(), None);
            }
        } else if kind.is_symlink() && self.walk.tree.follow_symlinks {
            self.walk.links.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(entry.into_path());
        } else {
            let shown = self.walk.roots.shown(entry.path());
            let (reason, place) = match kind.is_symlink() {
                true => (SkipReason::Symlink, shown),
                // Somebody asked for just this one.
                false if entry.depth() == 0 => (
                    SkipReason::Unreadable,
                    format!("{shown}: neither a file nor a directory; `stdin` reads streams"),
                ),
                false => (SkipReason::SpecialFile, shown),
            };
            self.walk.ledger.skip(reason, place);
        }
        WalkState::Continue
    }

    fn directory(&mut self, entry: &DirEntry) -> WalkState {
        if entry.depth() == 0 {
            return WalkState::Continue;
        }
        if entry.file_name() == ".git" {
            return WalkState::Skip;
        }
        let Some(relative) = self.walk.in_repository(entry.path()) else { return WalkState::Continue };
        let reason = if self.walk.submodules.contains(relative) {
            SkipReason::Submodule
        } else if entry.path().join(".git").symlink_metadata().is_ok() {
            SkipReason::NestedRepository
        } else {
            return WalkState::Continue;
        };
        self.walk.ledger.skip(reason, path_text(relative));
        WalkState::Skip
    }

    fn file(&mut self, path: &Path, symlink: Option<&str>) {
        let Self { walk, visitor, reader, path: shown } = self;
        let below = walk.roots.show(path, shown);
        if (walk.tree.skip_path)(shown) {
            walk.ledger.skip(SkipReason::AllowlistedPath, shown.as_str());
            return;
        }
        let outcome = reader.read(path, |bytes| {
            walk.ledger.file(bytes.len() as u64);
            visitor(File { path: shown, relative: &shown[below..], bytes, symlink });
        });
        if let Err(refusal) = outcome {
            walk.ledger.skip(refusal.0, place(shown, refusal));
        }
    }

    /// A file of the index that no walk came by: it is ignored, or gone, or below a link.
    fn tracked(&mut self, relative: &Path) {
        let Some(repository) = &self.walk.roots.repository else { return };
        let path = repository.join(relative);
        if !self.walk.roots.hold(&path) {
            return;
        }
        match path.symlink_metadata() {
            // Below a directory that became a link there is no file of the repository.
            Ok(metadata) if metadata.is_file() && path.canonicalize().is_ok_and(|real| real == path) => {
                self.file(&path, None);
            }
            Ok(metadata) if metadata.is_symlink() => {
                self.walk.ledger.skip(SkipReason::Symlink, path_text(relative));
            }
            _ => {}
        }
    }

    fn link(&mut self, link: &Path) {
        let shown = self.walk.roots.shown(link);
        if (self.walk.tree.skip_path)(&shown) {
            self.walk.ledger.skip(SkipReason::AllowlistedPath, shown);
            return;
        }
        match link.canonicalize() {
            Ok(target) if target.is_file() => {
                if self.walk.is_new(&target) {
                    self.file(&target, Some(&shown));
                }
            }
            Ok(_) => self.walk.ledger.skip(SkipReason::Symlink, format!("{shown}: not a link to a file")),
            Err(cause) => self.walk.ledger.skip(SkipReason::Symlink, format!("{shown}: {cause}")),
        }
    }

    /// An error of the walk itself. A broken line of a `.gitignore` is none: it ignores less.
    fn error(&self, error: &ignore::Error) {
        let Some(cause) = error.io_error() else { return };
        let place = match path_of(error) {
            Some(path) => format!("{}: {cause}", self.walk.roots.shown(path)),
            None => cause.to_string(),
        };
        self.walk.ledger.skip(SkipReason::Unreadable, place);
    }
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        _ => None,
    }
}

fn place(shown: &str, (_, cause): Refusal) -> String {
    match cause {
        Some(cause) => format!("{shown}: {cause}"),
        None => shown.to_owned(),
    }
}
