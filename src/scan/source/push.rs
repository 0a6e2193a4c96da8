//! What a push brings to a repository: the objects that the pushed names lead to and that the other
//! side is not known to have. Apart from `commits`, which scans commits once they are known: here
//! git's own lines say where the push starts, and tags and single blobs come along. It neither
//! reads those lines nor decides about the push.

use super::super::coverage::Ledger;
use super::super::finding::Origin;
use super::commit;
use super::commits::{scan_blobs, scan_ends};
use super::pack::Kind;
use super::range::Selection;
use super::repository::{Limits, ReadFailure, Reader, Repository, RepositoryError};
use super::selected::Ends;
use super::sighting::{ContentScanner, Hits, Sighting, hits, nameless, shown, sort};
use super::tree::Trees;
use git2::{ObjectFormat, Oid};
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// Deeper chains of tags that name tags can only be an attack.
const TAGS: usize = 64;

/// Why the ends of a push cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// A word that should be an object's name is none.
    #[error("{text}: not the name of an object ({digits} hexadecimal digits are expected)")]
    BadName {
        /// As it was given.
        text: String,
        /// How many digits this repository's names have.
        digits: usize,
    },
    /// The repository cannot be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// What the other side of a push is known to have: all that these names lead to.
#[derive(Clone, Debug, Default)]
pub struct Known {
    ids: Vec<Oid>,
}

impl Known {
    /// What the references here lead to: in quarantine, all that was there before the push.
    ///
    /// # Errors
    /// When the references cannot be read.
    pub fn references(repository: &Repository) -> Result<Self, RepositoryError> {
        let tips = repository.tips(false, &Ledger::default())?;
        Ok(Self {
            ids: tips.into_iter().filter(|tip| tip.name.starts_with("refs/")).map(|tip| tip.id).collect(),
        })
    }

    /// What the references that follow the remote `name` lead to; nothing where there is no such
    /// remote (a push to an address).
    ///
    /// # Errors
    /// When the references cannot be read.
    pub fn of_remote(repository: &Repository, name: &str) -> Result<Self, RepositoryError> {
        let follows = repository.followers(name)?;
        let tips = repository.tips(false, &Ledger::default())?;
        Ok(Self { ids: tips.into_iter().filter(|tip| follows(&tip.name)).map(|tip| tip.id).collect() })
    }

    /// And what this object leads to, if it is here; a name of zeros stands for none.
    ///
    /// # Errors
    /// When it is no name.
    pub fn and(&mut self, repository: &Repository, name: &str) -> Result<(), PushError> {
        self.ids.extend(object_name(repository, name)?);
        Ok(())
    }

    /// The commits that it names. One that is not here hides nothing.
    fn commits(&self, repository: &Repository) -> Result<Vec<Oid>, RepositoryError> {
        let unheard = Ledger::default();
        repository.read(|reader| {
            let ends = self.ids.iter().map(|id| Chain::follow(repository, reader, *id, &unheard).end);
            Ok(ends.flatten().filter(|(_, kind)| *kind == Kind::Commit).map(|(id, _)| id).collect())
        })
    }
}

/// The object that `text` names; none: zeros, which stand for none.
fn object_name(repository: &Repository, text: &str) -> Result<Option<Oid>, PushError> {
    let digits = if repository.format == ObjectFormat::Sha256 { 64 } else { 40 };
    let bad = || PushError::BadName { text: text.to_owned(), digits };
    let id = (text.len() == digits).then(|| Oid::from_str_ext(text, repository.format).ok()).flatten();
    Ok(Some(id.ok_or_else(bad)?).filter(|id| !id.is_zero()))
}

/// The chain from a pushed name to what it names in the end.
#[derive(Default)]
struct Chain {
    tags: Vec<Oid>,
    end: Option<(Oid, Kind)>,
}

impl Chain {
    /// Follows `id`. What is not there goes to the ledger.
    fn follow(repository: &Repository, reader: &Reader<'_>, id: Oid, ledger: &Ledger) -> Self {
        let (mut chain, mut next) = (Self::default(), id);
        while chain.tags.len() < TAGS {
            match reader.kind(next) {
                Ok(Kind::Tag) => {}
                Ok(kind) => {
                    chain.end = Some((next, kind));
                    return chain;
                }
                Err(failure) => {
                    failure.record(ledger, &next.to_string());
                    return chain;
                }
            }
            chain.tags.push(next);
            let tag = reader.object(next).ok();
            let Some(target) = tag.and_then(|tag| commit::tag_target(&tag.content, repository.format)) else {
                break;
            };
            next = target;
        }
        ReadFailure::Damaged("malformed tag".to_owned()).record(ledger, &id.to_string());
        chain
    }
}

/// Scans what `name` (the new value of the reference `reference`) leads to and `known` does not.
///
/// # Errors
/// When `name` is no object's name, or the repository cannot be read. An object that is not there
/// goes to the ledger.
pub fn scan_push<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    (reference, name): (&str, &str),
    known: &Known,
    limits: &Limits<'_>,
    ledger: &Ledger,
) -> Result<Vec<Sighting<S::Hit>>, PushError> {
    let Some(id) = object_name(repository, name)? else { return Ok(Vec::new()) };
    if known.ids.contains(&id) {
        return Ok(Vec::new());
    }
    // Opened first, so that what cannot be opened is in the ledger.
    repository.store(ledger)?;
    let chain = repository.read(|reader| Ok(Chain::follow(repository, reader, id, ledger)))?;
    let mut sightings = match chain.end {
        Some((id, Kind::Commit)) => {
            let ends = Ends::new(vec![id], known.commits(repository)?);
            scan_ends(repository, scanner, &ends, &Selection::default(), limits, ledger)?
        }
        Some((id, kind)) => scan_single(repository, scanner, reference, (id, kind), limits, ledger)?,
        None => Vec::new(),
    };
    let old: FxHashSet<Oid> = known.ids.iter().copied().collect();
    repository.read(|reader| {
        for tag in chain.tags.into_iter().filter(|tag| !old.contains(tag)) {
            sightings.extend(tag_message(reader, scanner, tag, ledger));
        }
        Ok(())
    })?;
    sort(&mut sightings);
    Ok(sightings)
}

fn tag_message<S: ContentScanner>(
    reader: &Reader<'_>,
    scanner: &S,
    tag: Oid,
    ledger: &Ledger,
) -> Vec<Sighting<S::Hit>> {
    let Ok(object) = reader.object(tag) else { return Vec::new() };
    let message = commit::message(&object.content);
    ledger.object(message.len() as u64);
    let origin = Origin::Commit(Arc::new(commit::described(tag, &object.content)));
    let sighting = |(_, hit)| sighting(hit, "tag-message".to_owned(), &origin);
    hits(scanner, &tag, message.as_bytes()).into_iter().map(sighting).collect()
}

/// A blob or tree that a reference names without a commit.
fn scan_single<S: ContentScanner>(
    repository: &Repository,
    scanner: &S,
    reference: &str,
    (id, kind): (Oid, Kind),
    limits: &Limits<'_>,
    ledger: &Ledger,
) -> Result<Vec<Sighting<S::Hit>>, RepositoryError> {
    let mut files: Vec<(Oid, String)> = Vec::new();
    if kind == Kind::Blob {
        files.push((id, reference.to_owned()));
    } else {
        repository.read(|reader| {
            let mut trees = Trees::new(reader);
            trees.list(id, &mut |path, leaf| {
                if leaf.is_file() {
                    files.push((leaf.id, format!("{reference}/{}", shown(&path))));
                }
            });
            for (id, path, failure) in trees.failures {
                failure.record(ledger, &format!("tree {id} {}", shown(&path)));
            }
            Ok(())
        })?;
    }
    let found: Hits<S::Hit> = scan_blobs(repository, scanner, &files, limits, ledger, Ledger::object)?;
    let origin = Origin::Commit(nameless(id));
    let of = |(id, path): &(Oid, String)| {
        let origin = origin.clone();
        let path = path.clone();
        found.of(*id).iter().map(move |(_, hit)| sighting(Arc::clone(hit), path.clone(), &origin))
    };
    Ok(files.iter().flat_map(of).collect())
}

fn sighting<H>(hit: Arc<H>, path: String, origin: &Origin) -> Sighting<H> {
    Sighting { hit, path, origin: origin.clone(), at_head: None, link: None }
}
