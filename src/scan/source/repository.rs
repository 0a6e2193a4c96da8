//! A git repository, open for reading: where it lies, its index and configuration (through
//! libgit2), and its objects (through `pack`: one by one with a `Reader`, or all of them). It
//! writes nothing, runs nothing, and follows no configuration that could change what is found.

use super::super::coverage::{Ledger, SkipReason};
use super::super::stats::Stats;
use super::name::path_of;
use super::pack::{Cache, Fault, HashKind, Id, Kind, LARGEST_BASE, Object, ObjectStore, PackError};
use super::worktree;
use git2::{ErrorCode, ObjectFormat, Oid};
use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, OnceLock};
use std::time::Instant;

/// Why a repository cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// There is nothing at the path.
    #[error("{}: no such file or directory", path.display())]
    NoSuchPath {
        /// As it was given.
        path: PathBuf,
    },
    /// Neither the path nor a directory above it is a repository.
    #[error("{}: not a git repository, nor is any directory above it; to scan plain files use `dir`", path.display())]
    NotARepository {
        /// As it was given.
        path: PathBuf,
    },
    /// There is a repository, but of a kind or state that cannot be read.
    #[error("{}: cannot open the repository: {}{}", path.display(), cause.message(), advice(cause))]
    Open {
        /// As it was given.
        path: PathBuf,
        /// What libgit2 says.
        cause: git2::Error,
    },
    /// A part of the repository other than its objects cannot be read.
    #[error("{}: cannot read {what}: {}{}", path.display(), cause.message(), advice(cause))]
    Read {
        /// The repository.
        path: PathBuf,
        /// `references`, `the index`.
        what: &'static str,
        /// What libgit2 says.
        cause: git2::Error,
    },
    /// The directory of its objects cannot be read.
    #[error(transparent)]
    Objects(#[from] PackError),
    /// A name that should be a commit is none.
    #[error(
        "{name}: no such branch, tag or commit in this repository (a shallow or single-branch clone may lack it: `git fetch` it first)"
    )]
    NoSuchRevision {
        /// As it was given.
        name: String,
    },
}

/// What to do where libgit2 does not know a newer form of something.
fn advice(cause: &git2::Error) -> &'static str {
    let remedies = [
        ("'link'", "; it is split: `git update-index --no-split-index` makes it one"),
        ("'sdir'", "; it is sparse: `git sparse-checkout reapply --no-sparse-index` makes it whole"),
        (
            "refstorage",
            "; its references are no files: `git refs migrate --ref-format=files` makes them such",
        ),
    ];
    let remedy = remedies.iter().find(|(unknown, _)| cause.message().contains(unknown));
    remedy.map_or("", |(_, words)| words)
}

/// What may end a scan early, and what is too large for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits<'a> {
    /// Contents of more bytes are skipped.
    pub max_bytes: Option<u64>,
    /// Set by another thread to end the scan.
    pub interrupt: Option<&'a AtomicBool>,
    /// The scan ends here.
    pub deadline: Option<Instant>,
    /// Why it ended already, if `deadline` only bounds what is still to be done.
    pub ended: Option<SkipReason>,
    /// What the scan costs, for who wants to know.
    pub stats: Option<&'a Stats>,
}

impl Limits<'_> {
    /// Why the scan must end now, if it must.
    pub fn stop(&self) -> Option<SkipReason> {
        if self.interrupt.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Some(SkipReason::Interrupted);
        }
        self.deadline
            .filter(|deadline| Instant::now() >= *deadline)
            .map(|_| self.ended.unwrap_or(SkipReason::Timeout))
    }
}

/// A repository. Shared by the threads of a scan; each borrows a handle of libgit2 when it reads.
pub struct Repository {
    given: PathBuf,
    pub(super) git_dir: PathBuf,
    /// What all working trees share.
    pub(super) common_dir: PathBuf,
    worktree: Option<PathBuf>,
    pub(super) format: ObjectFormat,
    index_file: Option<PathBuf>,
    object_directories: Vec<PathBuf>,
    idle: Mutex<Vec<git2::Repository>>,
    store: OnceLock<ObjectStore>,
    caches: Mutex<Vec<Cache>>,
}

/// Bytes of objects that a thread keeps for the deltas on them.
const CACHE: usize = 16 << 20;

impl Repository {
    /// The repository at `path` or around it.
    ///
    /// # Errors
    /// When there is none, or libgit2 cannot read its kind.
    pub fn discover(path: &Path) -> Result<Self, RepositoryError> {
        Self::discover_with(path, |_| None)
    }

    /// As [`Self::discover`], with the variables that git sets for its hooks: `GIT_INDEX_FILE`
    /// (`git commit -a` has an index of its own), `GIT_OBJECT_DIRECTORY` and
    /// `GIT_ALTERNATE_OBJECT_DIRECTORIES` (a push in quarantine), and `GIT_DIR` where nothing is found.
    ///
    /// # Errors
    /// As [`Self::discover`].
    pub fn discover_with(
        path: &Path,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, RepositoryError> {
        configure_libgit2();
        if !path.exists() {
            return Err(RepositoryError::NoSuchPath { path: path.to_owned() });
        }
        let git = open_around(path)
            .or_else(|cause| match variable("GIT_DIR") {
                Some(directory) if cause.code() == ErrorCode::NotFound => git2::Repository::open(directory),
                _ => Err(cause),
            })
            .map_err(|cause| match cause.code() {
                ErrorCode::NotFound => RepositoryError::NotARepository { path: path.to_owned() },
                _ => RepositoryError::Open { path: path.to_owned(), cause },
            })?;
        let worktree = git.workdir().map(Path::to_owned);
        Self::new(path.to_owned(), git, worktree, variable)
    }

    /// The repository that git's hook environment names (`GIT_DIR`, `GIT_WORK_TREE`), else the one
    /// around the working directory; and the other variables as in [`Self::discover_with`].
    ///
    /// # Errors
    /// As [`Self::discover`].
    pub fn of_hook(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, RepositoryError> {
        let Some(directory) = variable("GIT_DIR").map(PathBuf::from) else {
            return Self::discover_with(Path::new("."), variable);
        };
        configure_libgit2();
        let git = git2::Repository::open(&directory)
            .map_err(|cause| RepositoryError::Open { path: directory.clone(), cause })?;
        let worktree = variable("GIT_WORK_TREE").map(PathBuf::from).or(git.workdir().map(Path::to_owned));
        Self::new(directory, git, worktree, variable)
    }

    fn new(
        given: PathBuf,
        git: git2::Repository,
        worktree: Option<PathBuf>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, RepositoryError> {
        let mut object_directories: Vec<PathBuf> =
            variable("GIT_OBJECT_DIRECTORY").map(PathBuf::from).into_iter().collect();
        if let Some(list) = variable("GIT_ALTERNATE_OBJECT_DIRECTORIES") {
            object_directories
                .extend(std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()));
        }
        let repository = Self {
            given,
            git_dir: git.path().to_owned(),
            common_dir: git.commondir().to_owned(),
            worktree,
            format: git.object_format(),
            index_file: variable("GIT_INDEX_FILE").map(PathBuf::from),
            object_directories,
            idle: Mutex::new(Vec::new()),
            store: OnceLock::new(),
            caches: Mutex::default(),
        };
        repository.equip(&git)?;
        repository.give_back(git);
        Ok(repository)
    }

    /// The working tree's root, or the repository's own directory when it is bare.
    pub fn root(&self) -> &Path {
        self.worktree.as_deref().unwrap_or(&self.git_dir)
    }

    /// The working tree's root; none when it is bare.
    pub fn worktree(&self) -> Option<&Path> {
        self.worktree.as_deref()
    }

    /// Runs `work` with this thread's own handle.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&git2::Repository) -> Result<T, RepositoryError>,
    ) -> Result<T, RepositoryError> {
        let idle = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        let git = match idle {
            Some(git) => git,
            None => {
                let git = git2::Repository::open(&self.git_dir).map_err(|cause| self.open_error(cause))?;
                self.equip(&git)?;
                git
            }
        };
        let result = work(&git);
        self.give_back(git);
        result
    }

    /// Runs `work` with a reader of objects for this thread.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Reader<'_>) -> Result<T, RepositoryError>,
    ) -> Result<T, RepositoryError> {
        let caches = || self.caches.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let cache = caches().pop().unwrap_or_else(|| Cache::new(CACHE));
        let reader = Reader { store: self.objects()?, cache: RefCell::new(cache) };
        let result = work(&reader);
        caches().push(reader.cache.into_inner());
        result
    }

    pub(super) fn objects(&self) -> Result<&ObjectStore, RepositoryError> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let hash = if self.format == ObjectFormat::Sha256 { HashKind::Sha256 } else { HashKind::Sha1 };
        let store = ObjectStore::open(&self.common_dir.join("objects"), hash, &self.object_directories)?;
        Ok(self.store.get_or_init(|| store))
    }

    /// All its objects. What could not be opened goes to the ledger.
    pub(super) fn store(&self, ledger: &Ledger) -> Result<&ObjectStore, RepositoryError> {
        let store = self.objects()?;
        for problem in store.problems() {
            let (reason, why) = match problem {
                PackError::Io { cause, .. } if cause.kind() != std::io::ErrorKind::NotFound => {
                    (SkipReason::Unreadable, "")
                }
                PackError::Io { .. } => (SkipReason::MissingObject, " (an alternate object directory?)"),
                _ => (SkipReason::DamagedObject, ""),
            };
            ledger.skip(reason, format!("{problem}{why}"));
        }
        Ok(store)
    }

    fn equip(&self, git: &git2::Repository) -> Result<(), RepositoryError> {
        let odb = git.odb().map_err(|cause| self.open_error(cause))?;
        for directory in self.object_directories.iter().filter_map(|directory| directory.to_str()) {
            odb.add_disk_alternate(directory).map_err(|cause| self.open_error(cause))?;
        }
        Ok(())
    }

    fn give_back(&self, git: git2::Repository) {
        self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(git);
    }

    fn open_error(&self, cause: git2::Error) -> RepositoryError {
        RepositoryError::Open { path: self.given.clone(), cause }
    }

    pub(super) fn read_error(&self, what: &'static str, cause: git2::Error) -> RepositoryError {
        RepositoryError::Read { path: self.given.clone(), what, cause }
    }

    /// What must be known to tell which files the repository could commit; none where it is bare.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn files(&self) -> Result<Option<worktree::Repository>, RepositoryError> {
        let Some(root) = self.worktree() else { return Ok(None) };
        let (mut tracked, mut submodules) = (Vec::new(), Vec::new());
        for entry in self.index()?.iter() {
            let submodule = entry.mode == u32::from(git2::FileMode::Commit);
            let list = if submodule { &mut submodules } else { &mut tracked };
            list.push(path_of(&entry.path));
        }
        let excludes_file =
            self.with(|git| Ok(git.config().and_then(|config| config.get_path("core.excludesFile")).ok()))?;
        Ok(Some(worktree::Repository { root: root.to_owned(), tracked, submodules, excludes_file }))
    }

    /// The index, or the one that git's hook environment names.
    pub(super) fn index(&self) -> Result<git2::Index, RepositoryError> {
        let open = |path: &Path| {
            let mut index = git2::Index::open_ext(path, self.format)?;
            index.read(true)?;
            Ok(index)
        };
        open(&self.index_path()).map_err(|cause| self.read_error("the index", cause))
    }

    pub(super) fn index_path(&self) -> PathBuf {
        self.index_file.clone().unwrap_or_else(|| self.git_dir.join("index"))
    }
}

/// Reads objects by name, for one thread.
pub(super) struct Reader<'a> {
    store: &'a ObjectStore,
    cache: RefCell<Cache>,
}

/// Why an object cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReadFailure {
    /// It, or what it is stored as a difference from, is not there.
    Missing,
    /// It has so many bytes, which are over the limit.
    TooLarge(u64),
    /// The operating system refused.
    Unreadable(String),
    /// It is there and cannot be decoded.
    Damaged(String),
}

impl ReadFailure {
    /// What is over no limit of the user's was promised, and is a gap.
    pub(super) fn within(self, limits: &Limits<'_>) -> Self {
        match self {
            Self::TooLarge(size) if limits.max_bytes.is_none_or(|limit| size <= limit) => {
                Self::Unreadable(format!("{size} bytes are too many to be read from a repository"))
            }
            other => other,
        }
    }

    /// Enters it into the ledger.
    pub(super) fn record(&self, ledger: &Ledger, place: &str) {
        match self {
            Self::Missing => ledger.skip(SkipReason::MissingObject, place),
            Self::TooLarge(_) => ledger.skip(SkipReason::TooLarge, place),
            Self::Unreadable(cause) => ledger.skip(SkipReason::Unreadable, format!("{place}: {cause}")),
            Self::Damaged(cause) => ledger.skip(SkipReason::DamagedObject, format!("{place}: {cause}")),
        }
    }
}

impl From<PackError> for ReadFailure {
    fn from(error: PackError) -> Self {
        match error.fault() {
            Some(Fault::MissingBase) => Self::Missing,
            Some(Fault::TooLarge { size }) => Self::TooLarge(size),
            Some(_) => Self::Damaged(error.to_string()),
            None => Self::Unreadable(error.to_string()),
        }
    }
}

impl Reader<'_> {
    /// Its kind, without its content.
    pub(super) fn kind(&self, id: Oid) -> Result<Kind, ReadFailure> {
        let header = Id::from_bytes(id.as_bytes()).map(|id| self.store.header(&id)).transpose()?;
        header.flatten().map(|(kind, _)| kind).ok_or(ReadFailure::Missing)
    }

    /// It with its content.
    pub(super) fn object(&self, id: Oid) -> Result<Object, ReadFailure> {
        self.read(id, LARGEST_BASE)
    }

    /// A blob, unless it is over the limit.
    pub(super) fn blob(&self, id: Oid, limits: &Limits<'_>) -> Result<Object, ReadFailure> {
        self.read(id, limits.max_bytes.unwrap_or(LARGEST_BASE)).map_err(|failure| failure.within(limits))
    }

    /// Whether it is there, in whatever state.
    pub(super) fn has(&self, id: Oid) -> bool {
        Id::from_bytes(id.as_bytes()).is_some_and(|id| self.store.contains(&id))
    }

    fn read(&self, id: Oid, limit: u64) -> Result<Object, ReadFailure> {
        let id = Id::from_bytes(id.as_bytes()).ok_or(ReadFailure::Missing)?;
        self.store.read(&id, limit, &mut self.cache.borrow_mut())?.ok_or(ReadFailure::Missing)
    }
}

/// The name as the rest of the scan knows it.
pub(super) fn oid(id: &Id) -> Oid {
    Oid::from_bytes(id.as_bytes()).unwrap_or(Oid::ZERO_SHA1)
}

/// libgit2 leaves the last bytes of a SHA-1 name unset, and git2 hashes them: every name that
/// comes from libgit2 passes here before it is a key.
pub(super) fn clean(id: Oid) -> Oid {
    Oid::from_bytes(id.as_bytes()).unwrap_or(id)
}

fn open_around(path: &Path) -> Result<git2::Repository, git2::Error> {
    git2::Repository::open_ext(path, git2::RepositoryOpenFlags::CROSS_FS, std::iter::empty::<&OsStr>())
}

/// libgit2 keeps these options for the whole process, so they are set once.
#[allow(unsafe_code)]
fn configure_libgit2() {
    static CONFIGURED: Once = Once::new();
    CONFIGURED.call_once(|| {
        // Objects carry checksums of their own (zlib, pack); naming each again would cost more
        // than scanning it.
        git2::opts::strict_hash_verification(false);
        // SAFETY: both only change settings inside libgit2, and `Once` keeps other threads of this
        // module from opening repositories meanwhile. The owner check guards against running what
        // a foreign repository configures; nothing here runs anything. A partial clone is safe to
        // read: what is not there is reported.
        let set = unsafe {
            git2::opts::set_verify_owner_validation(false)
                .and_then(|()| git2::opts::set_extensions(&["partialclone"]))
        };
        debug_assert!(set.is_ok(), "libgit2 refuses an option: {set:?}");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_user_limits_is_no_gap() {
        let failure = |max_bytes| ReadFailure::TooLarge(9).within(&Limits { max_bytes, ..Limits::default() });
        assert_eq!(failure(Some(8)), ReadFailure::TooLarge(9));
        for limit in [None, Some(9)] {
            assert!(matches!(failure(limit), ReadFailure::Unreadable(_)), "{limit:?}");
        }
    }

    #[test]
    fn the_time_to_tidy_up_keeps_the_reason_of_the_end() {
        let over = Limits { deadline: Some(Instant::now()), ..Limits::default() };
        assert_eq!(over.stop(), Some(SkipReason::Timeout));
        let ended = Some(SkipReason::Interrupted);
        assert_eq!(Limits { ended, ..over }.stop(), ended);
    }
}
