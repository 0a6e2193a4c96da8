//! What a commit would hold: the index against HEAD, content from the index and never from the
//! disk, conflict stages too. And what it would not hold yet: tracked files on disk against the
//! index. A hit is new when the version before, or a file that went away, does not have it.

use super::super::coverage::{Ledger, SkipReason};
use super::super::finding::Origin;
use super::attribution::{contents, new_hits};
use super::commit;
use super::commits::scan_blobs;
use super::name::path_of;
use super::repository::{Limits, Repository, RepositoryError, clean};
use super::sighting::{ContentScanner, Hits, Sighting, hits, shown, sort};
use super::tree::{Change, Leaf, Trees};
use git2::{IndexEntry, IndexEntryExtendedFlag, ObjectType, Oid};
use rustc_hash::{FxHashMap, FxHashSet};
use std::path::Path;

/// Bits of an index entry's flags that hold the stage of a conflict.
const STAGE: u16 = 0x3000;

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
    let before = head_files(repository, ledger)?;
    let mut changes = Vec::new();
    let mut paths = FxHashSet::default();
    for entry in repository.index()?.iter().filter(|entry| !is_intended(entry)) {
        let old = before.get(&entry.path).copied();
        let new = Leaf { id: clean(entry.id), mode: entry.mode };
        paths.insert(entry.path.clone());
        if old.is_some_and(|old| old == new) {
            continue;
        }
        if new.is_file() {
            changes.push(Change { path: entry.path, new: Some(new), old: vec![old] });
        } else {
            ledger.skip(SkipReason::Submodule, shown(&entry.path));
        }
    }
    let gone = before.into_iter().filter(|(path, _)| !paths.contains(path));
    changes.extend(gone.map(|(path, leaf)| Change { path, new: None, old: vec![Some(leaf)] }));
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
    for entry in repository.index()?.iter().filter(|entry| entry.flags & STAGE == 0) {
        if let Some(reason) = limits.stop() {
            ledger.skip(reason, "working tree: not all files were read");
            break;
        }
        let old = Leaf { id: clean(entry.id), mode: entry.mode };
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
            let new = Some(Leaf { id, mode: entry.mode });
            let old = (!is_intended(&entry)).then_some(old);
            changes.push(Change { path: entry.path, new, old: vec![old] });
        }
    }
    new_in(repository, scanner, changes, found, limits, &Origin::Tree)
}

fn is_intended(entry: &IndexEntry) -> bool {
    entry.flags_extended & IndexEntryExtendedFlag::INTENT_TO_ADD.bits() != 0
}

/// All files of HEAD; none when it is unborn.
fn head_files(repository: &Repository, ledger: &Ledger) -> Result<FxHashMap<Vec<u8>, Leaf>, RepositoryError> {
    let mut files = FxHashMap::default();
    let Some(head) = repository.head()? else { return Ok(files) };
    repository.read(|reader| {
        let node = match reader.object(head) {
            Ok(object) => commit::node(&object.content, repository.format),
            Err(failure) => {
                failure.record(ledger, &format!("commit {head} (HEAD)"));
                None
            }
        };
        if let Some(node) = node {
            let mut trees = Trees::new(reader);
            trees.list(node.tree, &mut |path, leaf| {
                files.insert(path, leaf);
            });
            for (id, path, failure) in trees.failures {
                failure.record(ledger, &format!("tree {id} {} (HEAD)", shown(&path)));
            }
        }
        Ok(files)
    })
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
        Ok(new_hits(scanner, &found, &changes, &read))
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
