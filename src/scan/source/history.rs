//! The whole history: every object of the database is scanned once (`contents`); then the commits
//! that were asked for say where each hit came in. What no commit holds is left out unless it was
//! asked for. Ranges of commits are `commits`'s.

use super::super::coverage::Ledger;
use super::super::finding::{Commit, Origin};
use super::super::stats::{Stage, Stats};
use super::attribution::{Attribution, Changed, Head, compare, contents as contents_of};
use super::contents::Contents;
use super::pack::Kind;
use super::repository::{Limits, Reader, Repository, RepositoryError};
use super::shape::Shapes;
use super::sighting::{ContentScanner, Known, Sighting, nameless, path_hits, shown, sort};
use super::skeleton::Skeletons;
use super::tree::{Change, Leaf, Trees};
use super::walk::{Ends, Walk};
use super::weblink::Site;
use git2::Oid;
use rustc_hash::FxHashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After an interruption, finding out where the hits came in may take so long.
const GRACE: Duration = Duration::from_secs(2);

/// What belongs to the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Also what reflogs alone still name.
    pub reflogs: bool,
    /// Also objects that nothing leads to.
    pub unreachable: bool,
    /// Scan every blob in full, also one that is stored as a difference from another, and compare the
    /// trees of all commits: slow, and the measure of what the fast way must find.
    pub every_blob: bool,
}

/// Scans the whole history: all references, HEAD of every working tree, stashes, notes, and the
/// messages of commits and tags.
///
/// # Errors
/// When the repository itself cannot be read; single objects that cannot be go to the ledger.
pub fn scan_history<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    options: HistoryOptions,
    limits: &Limits<'_>,
    ledger: &Ledger,
) -> Result<Vec<Sighting<S::Hit>>, RepositoryError> {
    let tips = repository.tips(options.reflogs, ledger)?;
    ledger.refs(tips.iter().filter(|tip| !tip.is_log()).count() as u64);
    let mut contents = Contents::read(repository, scanner, options.every_blob, limits, ledger)?;
    let ended = limits.stop();
    let grace = Limits { deadline: Some(Instant::now() + GRACE), ended, ..Limits::default() };
    let limits = if ended.is_some() { &grace } else { limits };
    if ended.is_some() {
        contents.read_commits(repository, &tips, limits)?;
    }
    let walk = || {
        repository.read(|reader| {
            let ends = Ends { shallow: &repository.shallow(), is_there: &|id| reader.has(id) };
            Ok(Walk::over(&contents.graph, tips, &ends, ledger))
        })
    };
    let shapes = || {
        let find = || shapes(repository, scanner, &contents, options, limits);
        Stats::time(limits.stats, Stage::Attribute, find)
    };
    // The walk is one thread's work.
    let (walk, shapes) = rayon::join(walk, shapes);
    let history = History { contents, walk: walk?, shapes: shapes? };
    ledger.commits(history.walk.steps.len() as u64);
    Stats::time(limits.stats, Stage::Attribute, || {
        attribute(repository, scanner, &history, options, limits, ledger)
    })
}

/// What is known of a history before its hits have places.
struct History<H> {
    contents: Contents<H>,
    walk: Walk,
    shapes: Option<Shapes>,
}

/// The shapes of all trees; none where the trees themselves are to be compared, or no time is left.
fn shapes<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    contents: &Contents<S::Hit>,
    options: HistoryOptions,
    limits: &Limits<'_>,
) -> Result<Option<Shapes>, RepositoryError> {
    let names = scanner.path_names();
    if options.every_blob || names.is_any() || limits.ended.is_some() {
        return Ok(None);
    }
    let skeletons = Skeletons::read(repository.objects()?, &names, &|id| contents.hits.has(id), limits);
    Ok(Some(Shapes::of(skeletons, &names)))
}

fn attribute<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    History { contents, walk, shapes }: &History<S::Hit>,
    options: HistoryOptions,
    limits: &Limits<'_>,
    ledger: &Ledger,
) -> Result<Vec<Sighting<S::Hit>>, RepositoryError> {
    let (hits, graph) = (&contents.hits, &contents.graph);
    let has_hits = |leaf: &Leaf| hits.has(leaf.id);
    let wanted = |change: &Change| {
        let added = change.new.is_some() && change.old.iter().all(Option::is_none);
        change.new.iter().chain(change.old.iter().flatten()).any(has_hits)
            || (added && !path_hits(scanner, &shown(&change.path)).is_empty())
    };
    let changed = compare(repository, &walk.steps, shapes.as_ref(), &wanted, true, limits, ledger)?;
    let head = repository.head()?.and_then(|id| graph.commits.get(&id)).map(|node| node.tree);
    let head = head.map(|tree| repository.read(|reader| Ok(Head::of(reader, tree, hits)))).transpose()?;
    let attribution =
        Attribution { repository, scanner, hits, head, site: Site::of(repository), limits, ledger };
    let mut sightings = attribution.sightings(&changed)?;
    let mut placed: FxHashSet<Oid> =
        changed.iter().flat_map(|changed| contents_of(&changed.changes).0).collect();
    repository.read(|reader| {
        sightings.extend(attribution.messages(reader, walk));
        sightings.extend(attribution.directly_named(reader, walk, &mut placed));
        Ok(())
    })?;
    if limits.stop().is_some() {
        // Not all commits were compared: better a hit without a place than none.
        sightings.extend(attribution.left_over(contents, walk, &placed, "unattributed-object"));
    } else if options.unreachable {
        let steps = walk.unreachable(graph);
        let wanted =
            |change: &Change| change.new.is_some_and(|leaf| hits.has(leaf.id) && !placed.contains(&leaf.id));
        let changed = compare(repository, &steps, None, &wanted, false, limits, ledger)?;
        sightings.extend(attribution.dangling(&changed)?);
        placed.extend(changed.iter().flat_map(|changed| contents_of(&changed.changes).0));
        sightings.extend(attribution.left_over(contents, walk, &placed, "unreachable-object"));
    }
    sort(&mut sightings);
    Ok(sightings)
}

impl<S: ContentScanner> Attribution<'_, S> {
    /// Hits in the messages of commits and tags.
    fn messages(&self, reader: &Reader<'_>, walk: &Walk) -> Vec<Sighting<S::Hit>> {
        let commits = walk.steps.iter().map(|step| (step.id, step.id, "commit-message"));
        let tags = walk.tags.iter().map(|(tag, target)| (*tag, *target, "tag-message"));
        let mut sightings = Vec::new();
        for (id, target, path) in commits.chain(tags).filter(|(id, ..)| self.hits.has(*id)) {
            // A tag is shown with its own author, and the commit that it names.
            let described = Commit { id: target.to_string(), ..(*self.describe(reader, id)).clone() };
            sightings.extend(self.at(id, path.to_owned(), &Origin::Commit(Arc::new(described))));
        }
        sightings
    }

    /// Hits in blobs and trees that a reference names without a commit.
    fn directly_named(
        &self,
        reader: &Reader<'_>,
        walk: &Walk,
        placed: &mut FxHashSet<Oid>,
    ) -> Vec<Sighting<S::Hit>> {
        let mut sightings = Vec::new();
        for direct in &walk.direct {
            let origin = match direct.named == direct.id {
                true => Origin::Commit(nameless(direct.id)),
                false => Origin::Commit(self.describe(reader, direct.named)),
            };
            let mut place = |id: Oid, path: String| {
                placed.insert(id);
                sightings.extend(self.at(id, path, &origin));
            };
            match reader.kind(direct.id) {
                Ok(Kind::Tree) => Trees::new(reader).list(direct.id, &mut |path, leaf| {
                    place(leaf.id, format!("{}/{}", direct.name, shown(&path)));
                }),
                _ => place(direct.id, direct.name.clone()),
            }
        }
        sightings
    }

    /// Hits that only dangling commits lead to, each once at each path.
    fn dangling(&self, changed: &[Changed<'_>]) -> Result<Vec<Sighting<S::Hit>>, RepositoryError> {
        let mut sightings = self.sightings(changed)?;
        let mut seen = FxHashSet::default();
        sightings.retain(|sighting| seen.insert((Arc::as_ptr(&sighting.hit), sighting.path.clone())));
        Ok(sightings)
    }

    /// Hits in objects that have no place, under the path `name`.
    fn left_over(
        &self,
        contents: &Contents<S::Hit>,
        walk: &Walk,
        placed: &FxHashSet<Oid>,
        name: &str,
    ) -> Vec<Sighting<S::Hit>> {
        let mut sightings = Vec::new();
        for id in contents.hits.ids().filter(|id| !placed.contains(id) && !walk.reaches(*id)) {
            let path = match id {
                id if contents.graph.commits.contains_key(&id) => "commit-message",
                id if contents.graph.tags.contains_key(&id) => "tag-message",
                _ => name,
            };
            let origin = Origin::Unreachable { object: id.to_string() };
            sightings.extend(self.at(id, path.to_owned(), &origin));
        }
        sightings
    }

    fn at(&self, id: Oid, path: String, origin: &Origin) -> Vec<Sighting<S::Hit>> {
        let sighting = |(_, hit): &Known<S::Hit>| Sighting {
            hit: Arc::clone(hit),
            path: path.clone(),
            origin: origin.clone(),
            at_head: None,
            link: None,
        };
        self.hits.of(id).iter().map(sighting).collect()
    }
}
