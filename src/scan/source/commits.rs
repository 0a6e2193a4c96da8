//! Part of the history: the commits that a selection names, and only what is new in them is read.
//! So a few commits of a large repository take milliseconds; for most of a history, reading every
//! object in the order of the packs (`history`) is faster.

use super::super::coverage::{Ledger, SkipReason};
use super::super::finding::Origin;
use super::attribution::{Attribution, Changed, Head, Step, compare, contents};
use super::commit;
use super::pack::Kind;
use super::range::Selection;
use super::repository::{Limits, Repository, RepositoryError};
use super::selected::{Ends, Selected};
use super::sighting::{ContentScanner, Hits, Sighting, hits, shown, sort};
use super::tree::{Change, Leaf, Trees};
use super::weblink::Site;
use git2::Oid;
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// Scans what is new in the commits of `selection`.
///
/// # Errors
/// When a name in it is no commit, or the repository cannot be read.
pub fn scan_range<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    selection: &Selection,
    limits: &Limits<'_>,
    ledger: &Ledger,
) -> Result<Vec<Sighting<S::Hit>>, RepositoryError> {
    let ends = Ends::resolve(repository, selection, ledger)?;
    scan_ends(repository, scanner, &ends, selection, limits, ledger)
}

/// Scans what is new in the commits between `ends` that `selection` asks for.
pub(super) fn scan_ends<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    ends: &Ends,
    selection: &Selection,
    limits: &Limits<'_>,
    ledger: &Ledger,
) -> Result<Vec<Sighting<S::Hit>>, RepositoryError> {
    ledger.refs(ends.include.len() as u64);
    let steps = repository.read(|reader| {
        let selected = Selected { repository, reader, selection, limits, ledger };
        Ok(selected.steps(ends))
    })?;
    ledger.commits(steps.len() as u64);
    let wanted = |change: &Change| change.new.is_none() || selection.has_path(&change.path);
    let changed = compare(repository, &steps, None, &wanted, false, limits, ledger)?;
    let mut hits = scan_new(repository, scanner, &changed, limits, ledger)?;
    let messages = scan_messages(repository, scanner, &steps, limits, ledger)?;
    let head = scan_context(repository, scanner, &changed, &mut hits, limits)?;
    let (hits, site) = (&hits, Site::of(repository));
    let attribution = Attribution { repository, scanner, hits, head, site, limits, ledger };
    let mut sightings = attribution.sightings(&changed)?;
    repository.read(|reader| {
        for step in steps.iter().filter(|step| messages.has(step.id)) {
            let origin = Origin::Commit(attribution.describe(reader, step.id));
            sightings.extend(messages.of(step.id).iter().map(|(_, hit)| Sighting {
                hit: Arc::clone(hit),
                path: "commit-message".to_owned(),
                origin: origin.clone(),
                at_head: None,
                link: None,
            }));
        }
        Ok(())
    })?;
    sort(&mut sightings);
    Ok(sightings)
}

/// Scans every content that the commits bring in, once.
fn scan_new<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    changed: &[Changed<'_>],
    limits: &Limits<'_>,
    ledger: &Ledger,
) -> Result<Hits<S::Hit>, RepositoryError> {
    let mut new: Vec<(Oid, String)> = Vec::new();
    let mut seen = FxHashSet::default();
    for changed in changed {
        for change in &changed.changes {
            let Some(leaf) = change.new.filter(Leaf::is_file) else { continue };
            if !change.old.iter().flatten().any(|old| old.id == leaf.id) && seen.insert(leaf.id) {
                let place = format!("{} {} (commit {})", leaf.id, shown(&change.path), changed.step.id);
                new.push((leaf.id, place));
            }
        }
    }
    scan_blobs(repository, scanner, &new, limits, ledger, Ledger::object)
}

/// Scans blobs in parallel; each has a place for the ledger, and is counted by `count`.
pub(super) fn scan_blobs<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    blobs: &[(Oid, String)],
    limits: &Limits<'_>,
    ledger: &Ledger,
    count: fn(&Ledger, u64),
) -> Result<Hits<S::Hit>, RepositoryError> {
    let all = blobs
        .par_chunks(16)
        .map(|blobs| {
            repository.read(|reader| {
                let mut found = Hits::default();
                for (id, place) in blobs {
                    if limits.stop().is_some() {
                        return Ok((found, false));
                    }
                    match reader.blob(*id, limits) {
                        Ok(object) => {
                            count(ledger, object.content.len() as u64);
                            found.insert(*id, hits(scanner, id, &object.content));
                        }
                        Err(failure) => failure.record(ledger, place),
                    }
                }
                Ok((found, true))
            })
        })
        .collect::<Result<Vec<_>, RepositoryError>>()?;
    if all.iter().any(|(_, complete)| !complete) {
        let reason = limits.stop().unwrap_or(SkipReason::Interrupted);
        ledger.skip(reason, "git history: not all objects were read");
    }
    Ok(all.into_iter().fold(Hits::default(), |mut hits, (more, _)| {
        hits.merge(more);
        hits
    }))
}

fn scan_messages<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    steps: &[Step],
    limits: &Limits<'_>,
    ledger: &Ledger,
) -> Result<Hits<S::Hit>, RepositoryError> {
    repository.read(|reader| {
        let mut found = Hits::default();
        for step in steps {
            if let Some(reason) = limits.stop() {
                ledger.skip(reason, "git history: not all commit messages were read");
                break;
            }
            if let Ok(object) = reader.object(step.id) {
                let message = commit::message(&object.content);
                ledger.object(message.len() as u64);
                found.insert(step.id, hits(scanner, &step.id, message.as_bytes()));
            }
        }
        Ok(found)
    })
}

/// Scans what the hits are to be compared with: the versions before, what went away, and HEAD's
/// version of the same files. These were not asked for, so the ledger does not count them.
fn scan_context<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    changed: &[Changed<'_>],
    known: &mut Hits<S::Hit>,
    limits: &Limits<'_>,
) -> Result<Option<Head>, RepositoryError> {
    let (mut ids, mut paths) = (FxHashSet::default(), FxHashSet::default());
    for changed in changed {
        if !contents(&changed.changes).0.any(|id| known.has(id)) {
            continue;
        }
        for change in &changed.changes {
            let has_hits = change.new.is_some_and(|leaf| known.has(leaf.id));
            if has_hits || change.new.is_none() {
                ids.extend(change.old.iter().flatten().filter(|leaf| leaf.is_file()).map(|leaf| leaf.id));
            }
            if has_hits {
                paths.insert(change.path.as_slice());
            }
        }
    }
    let head = match repository.head()?.filter(|_| known.ids().next().is_some()) {
        Some(id) => repository.read(|reader| {
            let object = reader.object(id).ok().filter(|object| object.kind == Kind::Commit);
            Ok(object
                .and_then(|object| commit::node(&object.content, repository.format))
                .map(|node| node.tree))
        })?,
        None => None,
    };
    repository.read(|reader| {
        if let Some(tree) = head.filter(|_| !paths.is_empty()) {
            Trees::new(reader).list(tree, &mut |path, leaf| {
                if leaf.is_file() && paths.contains(path.as_slice()) {
                    ids.insert(leaf.id);
                }
            });
        }
        Ok(())
    })?;
    let blobs: Vec<(Oid, String)> =
        ids.into_iter().filter(|id| !known.has(*id)).map(|id| (id, String::new())).collect();
    let unheard = Ledger::default();
    known.merge(scan_blobs(repository, scanner, &blobs, limits, &unheard, Ledger::object)?);
    head.map(|tree| repository.read(|reader| Ok(Head::of(reader, tree, known)))).transpose()
}
