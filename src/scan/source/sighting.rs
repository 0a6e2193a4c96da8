//! What a scan of a repository needs of the engine, and what it gives back: hits are found in
//! contents, and each becomes a sighting wherever it came in. It knows no rules.

use super::super::finding::{Commit, Origin};
use super::super::path_names::PathNames;
use super::super::pieces::Piece;
use git2::Oid;
use rustc_hash::{FxHashMap, FxHashSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The engine, as sources see it: it judges one content, independent of where it lies.
pub trait ContentScanner: Sync {
    /// One match in one content.
    type Hit: Send + Sync;
    /// What is learnt of a content for those that are made of it.
    type Learnt: Default + Send + Sync;

    /// Everything in `content`, the plain way, by which the others are measured. `object` names it for the
    /// ledger.
    fn scan(&self, object: &dyn Display, content: &[u8]) -> Vec<Self::Hit>;

    /// As [`Self::scan`], with what is of use for contents that are made of this one.
    fn scan_base(&self, object: &dyn Display, content: &[u8]) -> (Vec<Self::Hit>, Self::Learnt) {
        (self.scan(object, content), Self::Learnt::default())
    }

    /// As [`Self::scan_base`], for a content that is made of another one.
    fn scan_delta(
        &self,
        object: &dyn Display,
        content: &[u8],
        delta: &Delta<'_, Self::Learnt>,
    ) -> (Vec<Self::Hit>, Self::Learnt) {
        let _ = delta;
        self.scan_base(object, content)
    }

    /// What a path alone gives away.
    fn scan_path(&self, path: &str) -> Vec<Self::Hit> {
        let _ = path;
        Vec::new()
    }

    /// Which names stand in the paths that [`Self::scan_path`] finds something at.
    fn path_names(&self) -> PathNames {
        PathNames::any()
    }

    /// A hash that is equal for hits with the same rule, secret and line text, and for no others.
    fn identity(&self, hit: &Self::Hit) -> u128;

    /// The lines of the content that it lies in, from 1; none where it lies in an archive, say.
    fn lines(&self, hit: &Self::Hit) -> Option<RangeInclusive<usize>> {
        let _ = hit;
        None
    }
}

/// How a content is made of another one.
#[derive(Debug)]
pub struct Delta<'a, L> {
    /// Bytes of the other.
    pub base_len: usize,
    /// What was learnt of it.
    pub learnt: &'a L,
    /// The pieces of it, and what is new.
    pub pieces: &'a [Piece],
}

/// One hit at one place where it came in.
#[derive(Debug)]
pub struct Sighting<H> {
    /// What was found. Shared by all the places of one content.
    pub hit: Arc<H>,
    /// From the repository's root; `commit-message`, `tag-message`, `unreachable-object`, or, after
    /// an interruption, `unattributed-object` for what is no file. Bytes that are no UTF-8 are written `\377`, and then a backslash `\\`.
    pub path: String,
    /// The commit that brought it in, the index, a file of the tree, or an unreachable object.
    pub origin: Origin,
    /// Whether HEAD's tree still holds it, in any file; none where that has no meaning.
    pub at_head: Option<bool>,
    /// The file at that commit on the web.
    pub link: Option<String>,
}

/// A hit and its identity.
pub(super) type Known<H> = (u128, Arc<H>);

/// Hits by content.
#[derive(Debug)]
pub(super) struct Hits<H>(FxHashMap<Oid, Vec<Known<H>>>);

impl<H> Default for Hits<H> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

impl<H> Hits<H> {
    pub(super) fn insert(&mut self, id: Oid, hits: Vec<Known<H>>) {
        if !hits.is_empty() {
            self.0.insert(id, hits);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn of(&self, id: Oid) -> &[Known<H>] {
        self.0.get(&id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has(&self, id: Oid) -> bool {
        self.0.contains_key(&id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = Oid> {
        self.0.keys().copied()
    }

    /// The identities of all hits in `ids`.
    pub(super) fn identities(&self, ids: impl Iterator<Item = Oid>) -> FxHashSet<u128> {
        ids.flat_map(|id| self.of(id)).map(|(identity, _)| *identity).collect()
    }
}

/// Scans one content.
pub(super) fn hits<S: ContentScanner>(
    scanner: &S,
    object: &dyn Display,
    content: &[u8],
) -> Vec<Known<S::Hit>> {
    known(scanner, scanner.scan_base(object, content).0)
}

/// Hits with their identities.
pub(super) fn known<S: ContentScanner>(scanner: &S, hits: Vec<S::Hit>) -> Vec<Known<S::Hit>> {
    hits.into_iter().map(|hit| (scanner.identity(&hit), Arc::new(hit))).collect()
}

/// Scans one path.
pub(super) fn path_hits<S: ContentScanner>(scanner: &S, path: &str) -> Vec<Known<S::Hit>> {
    known(scanner, scanner.scan_path(path))
}

/// A path as reports show it. Reversible: one that is no UTF-8 has `\\` and `\377` in it.
pub(super) fn shown(path: &[u8]) -> String {
    if let Ok(path) = std::str::from_utf8(path) {
        return path.to_owned();
    }
    let mut text = String::with_capacity(path.len() + 16);
    for chunk in path.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\{byte:03o}"));
        }
    }
    text
}

/// Sighting order: path, then commit; stable, so that hits keep their order within a content.
pub(super) fn sort<H>(sightings: &mut [Sighting<H>]) {
    let commit = |sighting: &Sighting<H>| match &sighting.origin {
        Origin::Commit(commit) => commit.id.clone(),
        Origin::Unreachable { object } => object.clone(),
        _ => String::new(),
    };
    sightings.sort_by_cached_key(|sighting| (sighting.path.clone(), commit(sighting)));
}

/// A place that no commit is known of.
pub(super) fn nameless(id: Oid) -> Arc<Commit> {
    Arc::new(Commit { id: id.to_string(), ..Commit::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_without_utf8_are_escaped_reversibly() {
        assert_eq!(shown("a\\b\n\u{fc}".as_bytes()), "a\\b\n\u{fc}");
        assert_eq!(shown(b"a\\b\xff/\xc3\x28"), "a\\\\b\\377/\\303(");
    }
}
