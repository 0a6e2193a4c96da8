//! Where each hit came in. One pass over the commits that were asked for compares each tree with
//! its parents' and asks what is new: a hit that the commit's version of a file has and that no
//! parent's version of it has, nor a file that went away in the same commit; or else one in a line
//! that a diff calls added. It reads trees, and contents only for such a diff.

use super::super::coverage::{Ledger, SkipReason};
use super::super::finding::{Commit, Origin};
use super::commit;
use super::lines::Added;
use super::moves::moves_of;
use super::repository::{Limits, Reader, Repository, RepositoryError};
use super::shape::Shapes;
use super::sighting::{ContentScanner, Hits, Sighting, path_hits, shown};
use super::tree::{Change, Leaf, Trees};
use super::weblink::Site;
use git2::Oid;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Commits compared by one thread at a time, so that neighbours share trees.
const BATCH: usize = 128;
/// Commits that one thread reads contents of at a time.
const FEW: usize = 16;

/// A commit to attribute to.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) id: Oid,
    pub(super) tree: Oid,
    /// The trees to compare with; a parent that is not there is left out.
    pub(super) parents: Vec<Oid>,
    /// `notes/commits/` for a commit of notes.
    pub(super) prefix: Option<Arc<str>>,
    /// Some reference leads to it.
    pub(super) reachable: bool,
}

impl Step {
    /// Calls `each` for all that it changes against its parents.
    fn compare(&self, trees: &mut Trees<'_>, each: &mut dyn FnMut(Change)) {
        let parents: Vec<Option<Oid>> = self.parents.iter().copied().map(Some).collect();
        trees.compare(Some(self.tree), &parents, each);
    }
}

/// What one commit changed, as far as it matters.
pub(super) struct Changed<'s> {
    pub(super) step: &'s Step,
    pub(super) changes: Vec<Change>,
}

/// What the comparison met beside changes.
#[derive(Default)]
struct Met {
    submodules: BTreeSet<String>,
    missing: BTreeMap<Oid, String>,
    unread: BTreeMap<Oid, (String, super::repository::ReadFailure)>,
}

/// Compares every step with its parents and gives what `wanted` keeps. With
/// `named`, a file whose content is not there goes to the ledger. `shapes` spare reading trees.
pub(super) fn compare<'s>(
    repository: &Repository,
    steps: &'s [Step],
    shapes: Option<&Shapes>,
    wanted: &(dyn Fn(&Change) -> bool + Sync),
    named: bool,
    limits: &Limits<'_>,
    ledger: &Ledger,
) -> Result<Vec<Changed<'s>>, RepositoryError> {
    let batches: Vec<(Vec<Changed<'s>>, Met, bool)> = steps
        .par_chunks(BATCH)
        .map(|steps| {
            repository.read(|reader| {
                let missing: &dyn Fn(Oid) -> bool = &|id| named && !reader.has(id);
                let (mut trees, mut met, mut all) = (Trees::new(reader), Met::default(), Vec::new());
                for step in steps {
                    if limits.stop().is_some() {
                        return Ok((all, met, false));
                    }
                    let changes = step_changes(&mut trees, step, shapes, wanted, missing, &mut met);
                    if !changes.is_empty() {
                        all.push(Changed { step, changes });
                    }
                }
                Ok((all, met, true))
            })
        })
        .collect::<Result<_, _>>()?;
    let (mut all, mut total, mut complete) = (Vec::new(), Met::default(), true);
    for (changed, met, whole) in batches {
        all.extend(changed);
        total.submodules.extend(met.submodules);
        total.missing.extend(met.missing);
        total.unread.extend(met.unread);
        complete &= whole;
    }
    total.record(ledger);
    if !complete {
        let reason = limits.stop().unwrap_or(SkipReason::Interrupted);
        ledger.skip(reason, "git history: not all commits were compared");
    }
    Ok(all)
}

impl Met {
    fn record(self, ledger: &Ledger) {
        self.submodules.into_iter().for_each(|path| ledger.skip(SkipReason::Submodule, path));
        self.missing.into_values().for_each(|place| ledger.skip(SkipReason::MissingObject, place));
        self.unread.into_values().for_each(|(place, failure)| failure.record(ledger, &place));
    }
}

fn step_changes(
    trees: &mut Trees<'_>,
    step: &Step,
    shapes: Option<&Shapes>,
    wanted: &(dyn Fn(&Change) -> bool + Sync),
    missing: &dyn Fn(Oid) -> bool,
    met: &mut Met,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut each = |change: Change| {
        match change.new {
            Some(leaf) if !leaf.is_file() => {
                met.submodules.insert(shown(&change.path));
                return;
            }
            Some(leaf) if step.reachable && missing(leaf.id) => {
                let place = || format!("{} {} (commit {})", leaf.id, shown(&change.path), step.id);
                met.missing.entry(leaf.id).or_insert_with(place);
            }
            _ => {}
        }
        if wanted(&change) {
            changes.push(change);
        }
    };
    if let Some(known) = shapes.and_then(|shapes| shapes.changes(step.tree, &step.parents)) {
        known.into_iter().for_each(&mut each);
        changes.iter_mut().for_each(|change| complete(trees, step, change));
    } else {
        step.compare(trees, &mut each);
    }
    for (id, path, failure) in trees.failures.drain(..).filter(|_| step.reachable) {
        let place = format!("tree {id} {} (commit {})", shown(&path), step.id);
        met.unread.entry(id).or_insert((place, failure));
    }
    changes
}

/// Shapes leave out what has no hits: where they have nothing, looks what stands there.
fn complete(trees: &mut Trees<'_>, step: &Step, change: &mut Change) {
    let sides = std::iter::once((&mut change.new, step.tree))
        .chain(change.old.iter_mut().zip(step.parents.iter().copied()));
    for (leaf, tree) in sides.filter(|(leaf, _)| leaf.is_none()) {
        *leaf = trees.find(tree, &change.path);
    }
}

/// The contents that `changes` bring in, and those they replace or remove.
pub(super) fn contents(changes: &[Change]) -> (impl Iterator<Item = Oid>, impl Iterator<Item = Oid>) {
    let file = |leaf: Leaf| leaf.is_file().then_some(leaf.id);
    let new = changes.iter().filter_map(|change| change.new).filter_map(file);
    let old = changes.iter().flat_map(|change| change.old.iter().flatten().copied()).filter_map(file);
    (new, old)
}

/// What one commit brought in: each hit with the path at which it is new. `read` gives a content, `moves`
/// what [`moves_of`] says.
pub(super) fn new_hits<S: ContentScanner>(
    scanner: &S,
    hits: &Hits<S::Hit>,
    changes: &[Change],
    read: &dyn Fn(Oid) -> Option<Vec<u8>>,
    moves: &dyn Fn() -> FxHashMap<Vec<u8>, Oid>,
) -> Vec<NewHit<S::Hit>> {
    let removed = changes.iter().filter(|change| change.new.is_none());
    let gone = hits.identities(removed.flat_map(|change| change.old.iter().flatten()).map(|leaf| leaf.id));
    let moved = OnceCell::new();
    let mut found = Vec::new();
    for change in changes {
        let Some(new) = change.new.filter(Leaf::is_file) else { continue };
        let before = hits.identities(change.old.iter().flatten().map(|leaf| leaf.id));
        let path = shown(&change.path);
        if change.old.iter().all(Option::is_none) {
            let by_path = path_hits(scanner, &path).into_iter();
            found.extend(by_path.map(|(identity, hit)| NewHit {
                path: path.clone(),
                content: None,
                identity,
                hit,
            }));
        }
        let mut added = None;
        for (identity, hit) in hits.of(new.id) {
            let known = before.contains(identity) || gone.contains(identity);
            if known {
                let added = added.get_or_insert_with(|| {
                    let before = match change.old[..] {
                        // What was a link before is another file to git.
                        [Some(old)] => (old.kind() == new.kind()).then_some(old.id),
                        [None] => moved.get_or_init(moves).get(&change.path).copied(),
                        // In merges it cannot be told.
                        _ => return None,
                    };
                    // Nor where the content cannot be read, as of a file that is on disk alone.
                    match before {
                        Some(before) if before == new.id => None,
                        Some(before) => Added::between(read(before)?, read(new.id)?),
                        None => read(new.id).map(|_| Added::All),
                    }
                });
                let lines = scanner.lines(hit);
                let covers = |added: &Added| lines.is_some_and(|lines| added.covers(&lines));
                if !added.as_ref().is_some_and(covers) {
                    continue;
                }
            }
            let hit = Arc::clone(hit);
            found.push(NewHit { path: path.clone(), content: Some(new.id), identity: *identity, hit });
        }
    }
    found
}

/// Every content of these trees: where one side of a merge moved a directory, what the other side
/// wrote there comes along, and is not new.
fn held(reader: &Reader<'_>, trees: &[Oid]) -> FxHashSet<Oid> {
    let mut held = FxHashSet::default();
    for tree in trees {
        Trees::new(reader).list(*tree, &mut |_, leaf| {
            held.insert(leaf.id);
        });
    }
    held
}

/// A hit that is new at a path.
pub(super) struct NewHit<H> {
    pub(super) path: String,
    /// The content that has it; none: the path alone.
    pub(super) content: Option<Oid>,
    pub(super) identity: u128,
    pub(super) hit: Arc<H>,
}

/// What HEAD's tree holds.
pub(super) struct Head {
    identities: FxHashSet<u128>,
    paths: FxHashSet<String>,
}

impl Head {
    /// HEAD's tree against the hits that are known; `None` when HEAD is unborn or cannot be read.
    pub(super) fn of<H>(reader: &Reader<'_>, tree: Oid, hits: &Hits<H>) -> Self {
        let (mut ids, mut paths) = (Vec::new(), FxHashSet::default());
        Trees::new(reader).list(tree, &mut |path, leaf| {
            ids.push(leaf.id);
            paths.insert(shown(&path));
        });
        Self { identities: hits.identities(ids.into_iter()), paths }
    }

    fn holds<H>(&self, new: &NewHit<H>) -> bool {
        match new.content {
            Some(_) => self.identities.contains(&new.identity),
            None => self.paths.contains(&new.path),
        }
    }
}

/// Everything that turns what is new in a commit into sightings.
pub(super) struct Attribution<'a, S: ContentScanner> {
    pub(super) repository: &'a Repository,
    pub(super) scanner: &'a S,
    pub(super) hits: &'a Hits<S::Hit>,
    pub(super) head: Option<Head>,
    pub(super) site: Option<Site>,
    pub(super) limits: &'a Limits<'a>,
    pub(super) ledger: &'a Ledger,
}

impl<S: ContentScanner> Attribution<'_, S> {
    /// One sighting for each hit and each commit and path at which it is new.
    pub(super) fn sightings(&self, all: &[Changed<'_>]) -> Result<Vec<Sighting<S::Hit>>, RepositoryError> {
        let of_some = |some: &[Changed<'_>]| {
            self.repository.read(|reader| Ok(some.iter().flat_map(|one| self.of_one(reader, one)).collect()))
        };
        let all: Vec<Vec<_>> = all.par_chunks(FEW).map(of_some).collect::<Result<_, _>>()?;
        if let Some(reason) = self.limits.stop() {
            self.ledger.skip(reason, "git history: not all renames were looked for");
        }
        Ok(all.into_iter().flatten().collect())
    }

    fn of_one(&self, reader: &Reader<'_>, changed: &Changed<'_>) -> Vec<Sighting<S::Hit>> {
        let read = |id| reader.object(id).ok().map(|object| object.content.to_vec());
        let moves = || {
            let mut all = Vec::new();
            changed.step.compare(&mut Trees::new(reader), &mut |change| all.push(change));
            let read_in_time = |id| if self.limits.stop().is_some() { None } else { read(id) };
            moves_of(self.hits, &all, &read_in_time)
        };
        let mut new = new_hits(self.scanner, self.hits, &changed.changes, &read, &moves);
        if changed.step.parents.len() > 1 && !new.is_empty() {
            let held = held(reader, &changed.step.parents);
            new.retain(|new| new.content.is_none_or(|content| !held.contains(&content)));
        }
        if new.is_empty() {
            return Vec::new();
        }
        let commit = self.describe(reader, changed.step.id);
        new.into_iter().map(|new| self.sighting(changed.step, &commit, new)).collect()
    }

    /// A commit or tag as findings show it.
    pub(super) fn describe(&self, reader: &Reader<'_>, id: Oid) -> Arc<Commit> {
        match reader.object(id) {
            Ok(object) => Arc::new(commit::described(id, &object.content)),
            Err(_) => super::sighting::nameless(id),
        }
    }

    fn sighting(&self, step: &Step, commit: &Arc<Commit>, new: NewHit<S::Hit>) -> Sighting<S::Hit> {
        let at_head = self.head.as_ref().map(|head| head.holds(&new));
        let (path, link) = match &step.prefix {
            Some(prefix) => (format!("{prefix}{}", new.path), None),
            None => (new.path.clone(), self.site.as_ref().map(|site| site.file(&commit.id, &new.path))),
        };
        let origin = match new.content {
            Some(object) if !step.reachable => Origin::Unreachable { object: object.to_string() },
            _ => Origin::Commit(Arc::clone(commit)),
        };
        let link = link.filter(|_| step.reachable);
        Sighting { hit: new.hit, path, origin, at_head, link }
    }
}
