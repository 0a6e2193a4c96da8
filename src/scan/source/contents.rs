//! Everything that the object database holds, scanned: each object once, in the order of the packs'
//! delta trees, over all threads. Apart from `history`, which says where each hit came in.

use super::super::coverage::{Ledger, SkipReason};
use super::super::lock::lock;
use super::super::pieces::Piece;
use super::super::stats::Count;
use super::commit;
use super::pack::{Id, Kind, LARGEST_BASE, PackError, Visit, Visitor, Walk};
use super::references::Tip;
use super::repository::{Limits, ReadFailure, Repository, RepositoryError, oid};
use super::sighting::{ContentScanner, Delta, Hits, known};
use super::walk::{Graph, Node};
use git2::{ObjectFormat, Oid};
use rustc_hash::FxHashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Commits and tags are read up to this size in bytes, whatever limit there is for contents.
const LARGEST_MESSAGE: u64 = 64 << 20;

/// Everything that the object database holds, scanned.
pub(super) struct Contents<H> {
    /// By blob, commit or tag (the latter two: their messages).
    pub(super) hits: Hits<H>,
    pub(super) graph: Graph,
}

impl<H> Default for Contents<H> {
    fn default() -> Self {
        Self { hits: Hits::default(), graph: Graph::default() }
    }
}

impl<H: Send + Sync> Contents<H> {
    /// Scans every object once, and with `every_blob` without the help of deltas. What cannot be
    /// read goes to the ledger.
    pub(super) fn read<S: ContentScanner<Hit = H>>(
        repository: &Repository,
        scanner: &S,
        every_blob: bool,
        limits: &Limits<'_>,
        ledger: &Ledger,
    ) -> Result<Self, RepositoryError> {
        let store = repository.store(ledger)?;
        let largest = limits.max_bytes.map_or(LARGEST_BASE, |limit| limit.max(LARGEST_MESSAGE));
        let (format, ended, contents) = (repository.format, AtomicBool::new(false), Mutex::default());
        let scan = Scan { scanner, every_blob, limits, ledger, format, ended, contents };
        let walked = store.walk(&Walk { largest, stats: limits.stats, ..Walk::DEFAULT }, &scan);
        if let Some(stats) = limits.stats {
            stats.add(Count::Inflated, walked.inflated);
            stats.add(Count::Built, walked.bytes);
        }
        if scan.ended.into_inner() {
            let reason = limits.stop().unwrap_or(SkipReason::Interrupted);
            ledger.skip(reason, "git history: not all objects were read");
        }
        Ok(scan.contents.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the commits that the tips lead to and that an interrupted reading did not come to.
    pub(super) fn read_commits(
        &mut self,
        repository: &Repository,
        tips: &[Tip],
        limits: &Limits<'_>,
    ) -> Result<(), RepositoryError> {
        repository.read(|reader| {
            let (mut open, mut seen) =
                (tips.iter().map(|tip| tip.id).collect::<Vec<_>>(), FxHashSet::default());
            while let Some(id) = open.pop().filter(|_| limits.stop().is_none()) {
                if !seen.insert(id) {
                    continue;
                }
                if !self.graph.commits.contains_key(&id)
                    && !self.graph.tags.contains_key(&id)
                    && let Ok(object) = reader.object(id)
                    && matches!(object.kind, Kind::Commit | Kind::Tag)
                {
                    // What fails here belongs to a scan that is incomplete anyway.
                    let node = Node::read(&object.content, object.kind, repository.format);
                    node.into_iter().for_each(|node| self.graph.insert(id, node));
                }
                open.extend(self.graph.tags.get(&id));
                open.extend(self.graph.commits.get(&id).into_iter().flat_map(|node| &node.parents));
            }
            Ok(())
        })
    }
}

/// Scans what the walk shows.
struct Scan<'a, S: ContentScanner> {
    scanner: &'a S,
    every_blob: bool,
    limits: &'a Limits<'a>,
    ledger: &'a Ledger,
    format: ObjectFormat,
    /// The walk ended early.
    ended: AtomicBool,
    contents: Mutex<Contents<S::Hit>>,
}

impl<S: ContentScanner> Scan<'_, S> {
    fn with<T>(&self, change: impl FnOnce(&mut Contents<S::Hit>) -> T) -> T {
        change(&mut lock(&self.contents))
    }

    /// Scans a blob with `scan` and gives what was learnt; a blob that is visited again only for
    /// what is learnt of it.
    fn blob(&self, object: &Visit<'_>, scan: impl FnOnce(&Oid) -> (Vec<S::Hit>, S::Learnt)) -> S::Learnt {
        let id = oid(&object.id);
        let size = object.content.len() as u64;
        if self.limits.max_bytes.is_some_and(|limit| size > limit) {
            if !object.is_repeat {
                self.ledger.skip(SkipReason::TooLarge, format!("blob {id}"));
            }
            return S::Learnt::default();
        }
        let (hits, learnt) = scan(&id);
        if !object.is_repeat {
            self.ledger.object(size);
            if !hits.is_empty() {
                let hits = known(self.scanner, hits);
                self.with(|contents| contents.hits.insert(id, hits));
            }
        }
        learnt
    }

    /// Scans a content by itself.
    fn base(&self, id: &Oid, content: &[u8]) -> (Vec<S::Hit>, S::Learnt) {
        match self.every_blob {
            true => (self.scanner.scan(id, content), S::Learnt::default()),
            false => self.scanner.scan_base(id, content),
        }
    }

    fn message(&self, object: &Visit<'_>) {
        let id = oid(&object.id);
        let message = commit::message(object.content);
        self.ledger.object(message.len() as u64);
        let hits = known(self.scanner, self.base(&id, message.as_bytes()).0);
        let node = Node::read(object.content, object.kind, self.format);
        let is_known = node.is_some();
        self.with(|contents| {
            contents.hits.insert(id, hits);
            node.into_iter().for_each(|node| contents.graph.insert(id, node));
        });
        if !is_known {
            ReadFailure::Damaged("malformed".to_owned()).record(self.ledger, &id.to_string());
        }
    }
}

impl<S: ContentScanner> Visitor for Scan<'_, S> {
    type State = S::Learnt;

    fn whole(&self, object: &Visit<'_>) -> S::Learnt {
        match object.kind {
            Kind::Blob if !object.is_repeat || object.is_base && !self.every_blob => {
                return self.blob(object, |id| self.base(id, object.content));
            }
            Kind::Commit | Kind::Tag if !object.is_repeat => self.message(object),
            _ => {}
        }
        S::Learnt::default()
    }

    fn delta(&self, object: &Visit<'_>, base: &[u8], learnt: &S::Learnt, pieces: &[Piece]) -> S::Learnt {
        if object.kind != Kind::Blob || self.every_blob {
            return self.whole(object);
        }
        if object.is_repeat && !object.is_base {
            return S::Learnt::default();
        }
        let delta = Delta { base_len: base.len(), learnt, pieces };
        self.blob(object, |id| self.scanner.scan_delta(id, object.content, &delta))
    }

    fn failed(&self, id: Option<Id>, error: PackError) {
        let place = id.map_or_else(|| "object database".to_owned(), |id| id.to_string());
        ReadFailure::from(error).within(self.limits).record(self.ledger, &place);
    }

    fn is_stopped(&self) -> bool {
        let stops = self.limits.stop().is_some();
        if stops {
            self.ended.store(true, Ordering::Relaxed);
        }
        stops
    }
}
