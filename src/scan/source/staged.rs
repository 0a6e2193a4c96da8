//! What a commit would hold: the index against HEAD, content from the index and never from the
//! disk, conflict stages too. And what it would not hold yet: tracked files on disk against the
//! index. A hit is new when the version before, or a file that went away, does not have it.

use super::super::coverage::{Ledger, SkipReason};
use super::super::finding::Origin;
use super::attribution::{contents, new_hits};
use super::commit;
use super::commits::scan_blobs;
use super::index::{Entry, Index};
use super::moves::moves_of;
use super::name::path_of;
use super::repository::{Limits, Reader, Repository, RepositoryError};
use super::sighting::{ContentScanner, Hits, Sighting, hits, shown, sort};
use super::tree::{Change, Leaf, Trees};
use git2::{ObjectType, Oid};
use rustc_hash::{FxHashMap, FxHashSet};
use std::path::Path;

/// Scans what is staged. A file that is only meant to be added (`git add -N`) has no content yet.
///
/// # Errors
/// When the index or HEAD cannot be read.
pub fn scan_staged<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    limits: &Limits<'_>,
    ledger: &Ledger,
) -> Result<Vec<Sighting<S::Hit>>, RepositoryError> {
    let index = Index::read(repository)?;
    let changes = staged_changes(repository, index, ledger)?;
    let blobs = changes.iter().filter_map(|change| {
        let new = change.new.filter(|new| !change.old.iter().flatten().any(|old| old.id == new.id))?;
        Some((new.id, format!("{} (index)", shown(&change.path))))
    });
    let blobs: Vec<(Oid, String)> = blobs.collect();
    let found = scan_blobs(repository, scanner, &blobs, limits, ledger, Ledger::file)?;
    new_in(repository, scanner, changes, found, limits, &Origin::Index)
}

/// Scans tracked files on disk that differ from the index (gitleaks' `--pre-commit` alone).
///
/// # Errors
/// When the index cannot be read. A bare repository has no such files.
pub fn scan_unstaged<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    limits: &Limits<'_>,
    ledger: &Ledger,
) -> Result<Vec<Sighting<S::Hit>>, RepositoryError> {
    let Some(root) = repository.worktree() else { return Ok(Vec::new()) };
    let (mut changes, mut found) = (Vec::new(), Hits::default());
    for entry in Index::read(repository)?.entries.into_iter().filter(|entry| !entry.is_conflicted) {
        if let Some(reason) = limits.stop() {
            ledger.skip(reason, "working tree: not all files were read");
            break;
        }
        let old = entry.leaf;
        if !old.is_file() {
            continue;
        }
        let place = shown(&entry.path);
        let content = match on_disk(&root.join(path_of(&entry.path)), limits) {
            Ok(content) => content,
            Err(Skip::Gone) => {
                changes.push(Change { path: entry.path, new: None, old: vec![Some(old)] });
                continue;
            }
            Err(Skip::Because(reason, cause)) => {
                ledger.skip(reason, format!("{place}{cause}"));
                continue;
            }
        };
        let id = Oid::hash_object_ext(ObjectType::Blob, &content, repository.format)
            .map_err(|cause| repository.read_error("the index", cause))?;
        if id != old.id {
            ledger.file(content.len() as u64);
            found.insert(id, hits(scanner, &place, &content));
            let new = Some(Leaf { id, mode: old.mode });
            let old = (!entry.is_intended).then_some(old);
            changes.push(Change { path: entry.path, new, old: vec![old] });
        }
    }
    new_in(repository, scanner, changes, found, limits, &Origin::Tree)
}

/// What the index has and HEAD has not, nor (in a merge) another parent of the commit to come; and what
/// it no longer has.
fn staged_changes(
    repository: &Repository,
    index: Index,
    ledger: &Ledger,
) -> Result<Vec<Change>, RepositoryError> {
    repository.read(|reader| {
        let mut trees = Trees::new(reader);
        let parents = parent_trees(repository, reader, ledger)?;
        let mut before: FxHashMap<Vec<u8>, Leaf> = FxHashMap::default();
        let mut unchanged = match parents.first() {
            Some(head) => trees.list_unknown(*head, &index.trees, &mut |path, leaf| {
                before.insert(path, leaf);
            }),
            None => Vec::new(),
        };
        unchanged.sort_unstable();
        let mut unchanged = unchanged.into_iter().peekable();
        let (mut changes, mut paths) = (Vec::new(), FxHashSet::default());
        for Entry { path, leaf, is_conflicted, .. } in
            index.entries.into_iter().filter(|entry| !entry.is_intended)
        {
            // Both are in the order of their bytes.
            while unchanged.next_if(|directory| *directory < path && !path.starts_with(directory)).is_some() {
            }
            if unchanged.peek().is_some_and(|directory| path.starts_with(directory)) {
                continue;
            }
            let old = before.get(&path).copied();
            paths.insert(path.clone());
            let mut known: Vec<Option<Leaf>> = vec![old];
            if old != Some(leaf) && !is_conflicted {
                known.extend(parents.iter().skip(1).map(|tree| trees.find(*tree, &path)));
            }
            if known.contains(&Some(leaf)) {
                continue;
            }
            if leaf.is_file() {
                changes.push(Change { path, new: Some(leaf), old: known });
            } else {
                ledger.skip(SkipReason::Submodule, shown(&path));
            }
        }
        let gone = before.into_iter().filter(|(path, _)| !paths.contains(path));
        changes.extend(gone.map(|(path, leaf)| Change { path, new: None, old: vec![Some(leaf)] }));
        for (id, path, failure) in trees.failures {
            failure.record(ledger, &format!("tree {id} {} (HEAD)", shown(&path)));
        }
        Ok(changes)
    })
}

/// The trees of HEAD and, in a merge, of the commits that are merged into it; none when HEAD is unborn.
fn parent_trees(
    repository: &Repository,
    reader: &Reader<'_>,
    ledger: &Ledger,
) -> Result<Vec<Oid>, RepositoryError> {
    let Some(head) = repository.head()? else { return Ok(Vec::new()) };
    let mut trees = Vec::new();
    for (id, name) in
        [(head, "HEAD")].into_iter().chain(repository.merged().into_iter().map(|id| (id, "MERGE_HEAD")))
    {
        match reader.object(id) {
            Ok(object) => {
                trees.extend(commit::node(&object.content, repository.format).map(|node| node.tree))
            }
            Err(failure) => failure.record(ledger, &format!("commit {id} ({name})")),
        }
    }
    Ok(trees)
}

/// What `changes` bring in, given what is in the new contents.
fn new_in<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    changes: Vec<Change>,
    mut found: Hits<S::Hit>,
    limits: &Limits<'_>,
    origin: &Origin,
) -> Result<Vec<Sighting<S::Hit>>, RepositoryError> {
    if contents(&changes).0.any(|id| found.has(id)) {
        let needed = |change: &&Change| change.new.is_none_or(|new| found.has(new.id));
        let needed: Vec<Change> = changes.iter().filter(needed).cloned().collect();
        let old: FxHashSet<Oid> = contents(&needed).1.filter(|id| !found.has(*id)).collect();
        let old: Vec<(Oid, String)> = old.into_iter().map(|id| (id, String::new())).collect();
        let unheard = Ledger::default();
        found.merge(scan_blobs(repository, scanner, &old, limits, &unheard, Ledger::object)?);
    }
    let sighting = |new: super::attribution::NewHit<S::Hit>| Sighting {
        hit: new.hit,
        path: new.path,
        origin: origin.clone(),
        at_head: None,
        link: None,
    };
    let new = repository.read(|reader| {
        let read = |id| reader.object(id).ok().map(|object| object.content.to_vec());
        Ok(new_hits(scanner, &found, &changes, &read, &|| moves_of(&found, &changes, &read)))
    })?;
    let mut sightings: Vec<Sighting<S::Hit>> = new.into_iter().map(sighting).collect();
    sort(&mut sightings);
    Ok(sightings)
}

/// Why a file on disk has no content to scan.
enum Skip {
    Gone,
    Because(SkipReason, String),
}

/// A file's content, or a link's target.
fn on_disk(path: &Path, limits: &Limits<'_>) -> Result<Vec<u8>, Skip> {
    let failed = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Skip::Gone,
        _ => Skip::Because(SkipReason::Unreadable, format!(": {cause}")),
    };
    let metadata = std::fs::symlink_metadata(path).map_err(failed)?;
    if metadata.is_symlink() {
        let target = std::fs::read_link(path).map_err(failed)?;
        return Ok(target.into_os_string().into_encoded_bytes());
    }
    if metadata.is_dir() {
        return Err(Skip::Gone);
    }
    if !metadata.is_file() {
        return Err(Skip::Because(SkipReason::SpecialFile, String::new()));
    }
    if limits.max_bytes.is_some_and(|limit| metadata.len() > limit) {
        return Err(Skip::Because(SkipReason::TooLarge, String::new()));
    }
    std::fs::read(path).map_err(failed)
}
