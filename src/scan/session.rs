//! One scan from its sources to its findings: hands content to the scanner, keeps the ledger, drops
//! what ignore files name, and sorts. What a baseline knows is taken away after it. It decides neither what to scan nor how to
//! show it.

use super::allowlist::AllowlistError;
use super::coverage::{Coverage, Ledger, SkipReason};
use super::file_kind::is_fixture;
use super::finding::{Finding, Origin};
use super::ignore_file::IgnoreFile;
use super::lock::lock;
use super::path_names::PathNames;
use super::rule::Confidence;
use super::scanner::{Hit, Learnt, Place, Scanner};
use super::source::archive;
use super::source::commits::scan_range;
use super::source::history::{HistoryOptions, scan_history};
use super::source::name::path_text;
use super::source::push::{Known, PushError, scan_push};
use super::source::range::Selection;
use super::source::repository::{Repository, RepositoryError};
use super::source::sighting::{ContentScanner, Delta, Sighting};
use super::source::staged::{scan_staged, scan_unstaged};
use super::source::stdin;
use super::source::stop::Stop;
use super::source::worktree::{self, Extent, Worktree};
use rustc_hash::{FxHashMap, FxHashSet};
use std::fmt::Display;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Why a scan could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// An allowlist cannot be used.
    #[error(transparent)]
    Allowlist(#[from] AllowlistError),
    /// A path cannot be walked.
    #[error(transparent)]
    Walk(#[from] worktree::Error),
    /// The repository cannot be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The ends of a push cannot be understood.
    #[error(transparent)]
    Push(#[from] PushError),
    /// The stream cannot be read.
    #[error("cannot read standard input: {0}")]
    Stream(#[from] io::Error),
}

/// What bounds a scan.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Content of more bytes is left out.
    pub max_bytes: Option<u64>,
    /// How many archives may lie in each other; 0: none is opened.
    pub archive_depth: u32,
    /// The scan ends here, incomplete.
    pub deadline: Option<Instant>,
    /// Threads; 0: as many as there are processors.
    pub threads: usize,
}

/// A scan under way. Several sources may be scanned in one session.
pub struct Session<'s> {
    scanner: &'s Scanner,
    bounds: Bounds,
    interrupted: &'s AtomicBool,
    /// Paths that are never scanned: the configuration, the baseline.
    own_files: Vec<PathBuf>,
    ledger: Ledger,
    findings: Mutex<Vec<Finding>>,
    /// Files of trees outside repositories, and how many of them are of tests and the like.
    files: [AtomicU64; 2],
    failure: Mutex<Option<AllowlistError>>,
    failed: AtomicBool,
}

impl<'s> Session<'s> {
    /// A session without findings. It ends early when `interrupted` is set.
    pub fn new(
        scanner: &'s Scanner,
        bounds: Bounds,
        interrupted: &'s AtomicBool,
        own_files: Vec<PathBuf>,
    ) -> Self {
        let own_files = own_files.into_iter().map(|path| path.canonicalize().unwrap_or(path)).collect();
        Self {
            scanner,
            bounds,
            interrupted,
            own_files,
            ledger: Ledger::default(),
            findings: Mutex::default(),
            files: Default::default(),
            failure: Mutex::default(),
            failed: AtomicBool::new(false),
        }
    }

    /// The ledger so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Scans files below `paths`.
    ///
    /// # Errors
    /// When a path is not there, or an allowlist cannot be used.
    pub fn tree(&self, paths: &[PathBuf], extent: Extent, follow_symlinks: bool) -> Result<(), ScanError> {
        let foreign = !matches!(extent, Extent::Committable(_));
        let walk = Worktree {
            extent,
            follow_symlinks,
            max_bytes: self.bounds.max_bytes,
            threads: self.bounds.threads,
            skip_path: &|path| self.skips(&[path]),
            stop: self.stop(),
        };
        walk.walk(paths, &self.ledger, || {
            |file: worktree::File<'_>| {
                if foreign {
                    self.files[usize::from(is_fixture(file.relative))].fetch_add(1, Ordering::Relaxed);
                }
                self.file(file);
            }
        })?;
        self.outcome()
    }

    fn file(&self, file: worktree::File<'_>) {
        if self.is_own(file.path) {
            return;
        }
        self.each_content(file.path, file.bytes, &mut |path, bytes| {
            let relative = if path == file.path { file.relative } else { path };
            let place = Place {
                path,
                spellings: &[path, relative],
                symlink: file.symlink,
                link: None,
                origin: &Origin::Tree,
                at_head: None,
            };
            self.content(bytes, &place);
        });
    }

    fn is_own(&self, path: &str) -> bool {
        let name = |path: &std::path::Path| path.file_name().map(std::ffi::OsStr::to_owned);
        let path = std::path::Path::new(path);
        self.own_files
            .iter()
            .any(|own| name(own) == name(path) && path.canonicalize().is_ok_and(|path| path == *own))
    }

    /// Scans a stream; `path` names it in reports and may be empty.
    ///
    /// # Errors
    /// The stream's own; or an allowlist cannot be used.
    pub fn stream(&self, stream: impl Read + Send + 'static, path: &str) -> Result<(), ScanError> {
        let Some(bytes) = stdin::read(stream, self.bounds.max_bytes, &self.stop(), &self.ledger)? else {
            return Ok(());
        };
        self.each_content(path, &bytes, &mut |path, bytes| {
            let place = Place {
                path,
                spellings: &[path],
                symlink: None,
                link: None,
                origin: &Origin::Stdin,
                at_head: None,
            };
            self.content(bytes, &place);
        });
        self.outcome()
    }

    /// Scans the whole history.
    ///
    /// # Errors
    /// When the repository cannot be read, or an allowlist cannot be used.
    pub fn history(&self, repository: &Repository, options: HistoryOptions) -> Result<(), ScanError> {
        let limits = self.limits();
        let sightings = scan_history(repository, self, options, &limits, &self.ledger)?;
        self.sightings(repository, sightings)
    }

    /// Scans what the selected commits bring in.
    ///
    /// # Errors
    /// As [`Self::history`]; or a name in the selection is no commit.
    pub fn range(&self, repository: &Repository, selection: &Selection) -> Result<(), ScanError> {
        self.sightings(repository, scan_range(repository, self, selection, &self.limits(), &self.ledger)?)
    }

    /// Scans what a push that sets a reference to an object (both by their full names) brings to who has `known`.
    ///
    /// # Errors
    /// As [`Self::history`]; or the object's name is none.
    pub fn push(
        &self,
        repository: &Repository,
        update: (&str, &str),
        known: &Known,
    ) -> Result<(), ScanError> {
        self.sightings(repository, scan_push(repository, self, update, known, &self.limits(), &self.ledger)?)
    }

    /// Scans what is staged and not at HEAD.
    ///
    /// # Errors
    /// As [`Self::history`].
    pub fn staged(&self, repository: &Repository) -> Result<(), ScanError> {
        self.sightings(repository, scan_staged(repository, self, &self.limits(), &self.ledger)?)
    }

    /// Scans what could be committed: the working tree, and what is staged. Where the index cannot be
    /// read, the ledger says so, and the working tree is scanned without it.
    ///
    /// # Errors
    /// As [`Self::history`].
    pub fn committable(&self, repository: &Repository) -> Result<(), ScanError> {
        let Some(root) = repository.worktree() else { return Ok(()) };
        let (files, index) = match repository.files() {
            Ok(files) => (files, true),
            Err(error @ RepositoryError::Read { .. }) => {
                self.ledger.skip(SkipReason::Unreadable, error.to_string());
                (None, false)
            }
            Err(error) => return Err(error.into()),
        };
        let files =
            files.unwrap_or_else(|| worktree::Repository { root: root.to_owned(), ..Default::default() });
        self.tree(&[root.to_owned()], Extent::Committable(files), false)?;
        if index { self.staged(repository) } else { Ok(()) }
    }

    /// Scans what changed in tracked files and is not staged.
    ///
    /// # Errors
    /// As [`Self::history`].
    pub fn unstaged(&self, repository: &Repository) -> Result<(), ScanError> {
        self.sightings(repository, scan_unstaged(repository, self, &self.limits(), &self.ledger)?)
    }

    fn limits(&self) -> super::source::repository::Limits<'_> {
        super::source::repository::Limits {
            stats: self.scanner.stats(),
            max_bytes: self.bounds.max_bytes,
            interrupt: Some(self.interrupted),
            deadline: self.bounds.deadline,
            ended: None,
        }
    }

    fn stop(&self) -> Stop<'_> {
        Stop { interrupted: self.interrupted, deadline: self.bounds.deadline }
    }

    /// Content itself, or what is in it if it is an archive.
    fn each_content(&self, path: &str, bytes: &[u8], visit: &mut dyn FnMut(&str, &[u8])) {
        let limits = archive::Limits {
            depth: self.bounds.archive_depth,
            max_bytes: self.bounds.max_bytes,
            stop: self.stop(),
        };
        archive::open(path, bytes, &limits, &self.ledger, visit);
    }

    fn content(&self, bytes: &[u8], place: &Place<'_>) {
        // As what others are made of: what decodes is then searched alone.
        let findings = self.scanner.scan_base(bytes).and_then(|(hits, _)| {
            let mut findings = self.scanner.judge(&hits, place)?;
            findings.extend(self.scanner.judge_path(place)?);
            Ok(findings)
        });
        if let Some(findings) = self.noted(findings)
            && !findings.is_empty()
        {
            lock(&self.findings).extend(findings);
        }
    }

    /// Judges hits place by place: rules that see the same secret there are one finding.
    fn sightings(
        &self,
        repository: &Repository,
        sightings: Vec<Sighting<ContentHit>>,
    ) -> Result<(), ScanError> {
        let root = repository.worktree().and_then(|root| root.canonicalize().ok());
        let below_root = |own: &PathBuf| Some(path_text(own.strip_prefix(root.as_ref()?).ok()?).into_owned());
        let own: Vec<String> = self.own_files.iter().filter_map(below_root).collect();
        let mut places: FxHashMap<(String, String), Vec<Sighting<ContentHit>>> = FxHashMap::default();
        for sighting in sightings.into_iter().filter(|sighting| !own.contains(&sighting.path)) {
            let commit = match &sighting.origin {
                Origin::Commit(commit) => commit.id.clone(),
                Origin::Unreachable { object } => object.clone(),
                _ => String::new(),
            };
            let path = match &sighting.hit.inner {
                Some(inner) => format!("{}{inner}", sighting.path),
                None => sighting.path.clone(),
            };
            places.entry((commit, path)).or_default().push(sighting);
        }
        for ((_, path), sightings) in places {
            // Judged together; each stands at HEAD or not by itself.
            let Some(first) = sightings.first() else { continue };
            let place = Place {
                path: &path,
                spellings: &[&path],
                symlink: None,
                link: first.link.as_deref(),
                origin: &first.origin,
                at_head: None,
            };
            let hits = || sightings.iter().filter_map(|one| Some((one.hit.hit.as_ref()?, one.at_head)));
            let at_head: FxHashMap<u128, Option<bool>> =
                hits().map(|(hit, at_head)| (hit.identity(), at_head)).collect();
            let mut findings = Vec::new();
            for hit in self.scanner.keep(hits().map(|(hit, _)| hit), &place)? {
                let at_head = at_head.get(&hit.identity()).copied().flatten();
                findings.push(self.scanner.finding(hit, &Place { at_head, ..place.clone() }));
            }
            if let Some(path_only) = sightings.iter().find(|one| one.hit.hit.is_none()) {
                findings.extend(self.scanner.judge_path(&Place { at_head: path_only.at_head, ..place })?);
            }
            lock(&self.findings).extend(findings);
        }
        self.outcome()
    }

    /// Whether content is looked at as an archive.
    fn opens(&self, content: &[u8]) -> bool {
        self.bounds.archive_depth > 0 && archive::is_archive(content)
    }

    /// Scans a content of the history; nothing is learnt of an archive.
    fn version(
        &self,
        object: &dyn Display,
        content: &[u8],
        scan: impl FnOnce() -> Result<(Vec<Hit>, Learnt), AllowlistError>,
    ) -> (Vec<ContentHit>, Learnt) {
        if self.opens(content) {
            return (self.scan(object, content), Learnt::default());
        }
        let (hits, learnt) = self.noted(scan()).unwrap_or_default();
        (hits.into_iter().map(|hit| ContentHit { hit: Some(hit), inner: None }).collect(), learnt)
    }

    fn skips(&self, spellings: &[&str]) -> bool {
        self.noted(self.scanner.allows_place(spellings, "")).unwrap_or(false)
    }

    fn noted<T>(&self, result: Result<T, AllowlistError>) -> Option<T> {
        result
            .map_err(|error| {
                self.failed.store(true, Ordering::Relaxed);
                lock(&self.failure).get_or_insert(error);
            })
            .ok()
    }

    fn outcome(&self) -> Result<(), ScanError> {
        match lock(&self.failure).take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// The findings, sorted, without what is ignored; and what was looked at.
    pub fn finish(self, ignored: &IgnoreFile) -> (Vec<Finding>, Coverage) {
        for broken in self.scanner.broken() {
            self.ledger.skip(SkipReason::Rule, broken.to_string());
        }
        let mut findings = self.findings.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        let [others, fixtures] = self.files.map(AtomicU64::into_inner);
        // Where nearly every file is of a test, that says nothing about one of them.
        let tells = fixtures <= 19 * others;
        let min = self.scanner.min_confidence();
        findings.retain_mut(|finding| {
            if !tells && finding.origin == Origin::Tree {
                finding.confidence = finding.confidence.max(Confidence::Medium);
            }
            finding.confidence >= min
        });
        drop_repeated(&mut findings);
        findings.retain(|finding| !ignored.suppresses(finding));
        findings.sort_by(|a, b| order(a).cmp(&order(b)));
        findings.dedup_by(|a, b| order(a) == order(b) && a.secret == b.secret && a.origin == b.origin);
        (findings, self.ledger.coverage())
    }
}

/// A secret of the working tree that already stands at HEAD was reported where it came in; one of the
/// index that the working tree still has was reported there.
fn drop_repeated(findings: &mut Vec<Finding>) {
    let key = |finding: &Finding| {
        (finding.path.clone(), finding.rule.id.clone(), finding.secret.expose().to_owned())
    };
    let of = |wanted: &dyn Fn(&Finding) -> bool| {
        findings.iter().filter(|finding| wanted(finding)).map(key).collect::<FxHashSet<_>>()
    };
    let at_head = of(&|finding| matches!(finding.origin, Origin::Commit(_)) && finding.at_head == Some(true));
    let in_tree = of(&|finding| finding.origin == Origin::Tree);
    findings.retain(|finding| match finding.origin {
        Origin::Tree => !at_head.contains(&key(finding)),
        Origin::Index => !in_tree.contains(&key(finding)),
        _ => true,
    });
}

/// By path, line, column, rule, commit.
fn order(finding: &Finding) -> (&str, super::location::Location, &str, &str, &str) {
    let secret = finding.secret.expose();
    (&finding.path, finding.location, &finding.rule.id, finding.commit_id(), secret)
}

/// A hit in one object, or in an archive in it.
#[derive(Debug)]
pub struct ContentHit {
    /// None: what a rule about paths alone finds.
    hit: Option<Hit>,
    /// `!` and the path inside the object, if it is an archive.
    inner: Option<Arc<str>>,
}

impl ContentScanner for Session<'_> {
    type Hit = ContentHit;
    type Learnt = Learnt;

    fn scan_base(&self, object: &dyn Display, content: &[u8]) -> (Vec<ContentHit>, Learnt) {
        self.version(object, content, || self.scanner.scan_base(content))
    }

    fn scan_delta(
        &self,
        object: &dyn Display,
        content: &[u8],
        delta: &Delta<'_, Learnt>,
    ) -> (Vec<ContentHit>, Learnt) {
        let Delta { base_len, learnt, pieces } = *delta;
        self.version(object, content, || self.scanner.scan_delta(content, base_len, learnt, pieces))
    }

    fn scan(&self, object: &dyn Display, content: &[u8]) -> Vec<ContentHit> {
        let mut all = Vec::new();
        let mut one = |inner: Option<Arc<str>>, bytes: &[u8]| {
            let hits = self.noted(self.scanner.scan(bytes)).unwrap_or_default();
            all.extend(hits.into_iter().map(|hit| ContentHit { hit: Some(hit), inner: inner.clone() }));
        };
        if !self.opens(content) {
            one(None, content);
        } else {
            let name = object.to_string();
            self.each_content(&name, content, &mut |path, bytes| {
                one(path.strip_prefix(&name).filter(|inner| !inner.is_empty()).map(Arc::from), bytes);
            });
        }
        all
    }

    fn scan_path(&self, path: &str) -> Vec<ContentHit> {
        let applies = self.scanner.wants_paths() && self.scanner.names_a_secret(path);
        applies.then_some(ContentHit { hit: None, inner: None }).into_iter().collect()
    }

    fn path_names(&self) -> PathNames {
        PathNames::of(self.scanner.path_expressions())
    }

    fn identity(&self, hit: &ContentHit) -> u128 {
        hit.hit.as_ref().map_or(1, Hit::identity)
    }

    fn lines(&self, hit: &ContentHit) -> Option<RangeInclusive<usize>> {
        hit.hit.as_ref().filter(|_| hit.inner.is_none()).map(Hit::lines)
    }
}
