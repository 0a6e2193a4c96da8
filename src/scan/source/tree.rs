//! Tree objects as bytes, and what a tree changes against the trees of a commit's parents. Only
//! subtrees that differ from every parent's are read. It knows paths and ids, not contents.

use super::pack::Kind;
use super::repository::{ReadFailure, Reader};
use git2::Oid;
use rustc_hash::FxHashMap;
use std::cmp::Ordering;
use std::sync::Arc;

const TREE: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const GITLINK: u32 = 0o160_000;
/// Trees kept by one thread, in bytes.
const CACHE: usize = 32 << 20;
/// Deeper trees can only be an attack on the stack.
pub(super) const MAX_DEPTH: usize = 512;
/// A commit that changes more paths can only be a tree of copies of itself, which has no end.
pub(super) const MAX_CHANGES: usize = 20_000_000;

/// One entry of a tree, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) mode: u32,
    pub(super) name: &'a [u8],
    pub(super) id: &'a [u8],
    /// All its bytes.
    pub(super) raw: &'a [u8],
}

/// The entry that a tree, or the rest of one, begins with; none where it is malformed.
pub(super) fn first(bytes: &[u8], id_length: usize) -> Option<Entry<'_>> {
    let nul = memchr::memchr(0, bytes)?;
    let (mode, name) = head(&bytes[..nul])?;
    let raw = bytes.get(..nul + 1 + id_length)?;
    Some(Entry { mode, name, id: &raw[nul + 1..], raw })
}

/// Mode and name of an entry.
pub(super) fn head(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ').filter(|digits| *digits > 0)?;
    let digit = |byte: u8| (b'0'..=b'7').contains(&byte).then(|| u32::from(byte - b'0'));
    let mode =
        bytes[..space].iter().try_fold(0u32, |mode, byte| mode.checked_mul(8)?.checked_add(digit(*byte)?))?;
    Some((mode, &bytes[space + 1..]))
}

/// The entries of a tree, up to the first that is malformed.
fn entries(bytes: &[u8], id_length: usize) -> impl Iterator<Item = Entry<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let entry = first(rest, id_length)?;
        rest = &rest[entry.raw.len()..];
        Some(entry)
    })
}

impl Entry<'_> {
    pub(super) fn is_tree(&self) -> bool {
        is_tree(self.mode)
    }

    pub(super) fn order(&self, other: &Self) -> Ordering {
        order((self.name, self.is_tree()), (other.name, other.is_tree()))
    }

    pub(super) fn leaf(&self) -> Option<Leaf> {
        Some(Leaf { id: Oid::from_bytes(self.id).ok()?, mode: self.mode })
    }
}

/// Whether an entry of that mode is a directory.
pub(super) fn is_tree(mode: u32) -> bool {
    mode & 0o170_000 == TREE
}

/// git's order of names: a directory's counts as if it ended with a slash.
pub(super) fn order(one: (&[u8], bool), other: (&[u8], bool)) -> Ordering {
    let shared = one.0.len().min(other.0.len());
    let next = |(name, is_tree): (&[u8], bool)| name.get(shared).copied().or(is_tree.then_some(b'/'));
    one.0[..shared].cmp(&other.0[..shared]).then_with(|| next(one).cmp(&next(other)))
}

/// A file, link or submodule at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) id: Oid,
    pub(super) mode: u32,
}

impl Leaf {
    /// Whether it has content here: a submodule has none.
    pub(super) fn is_file(&self) -> bool {
        self.kind() != GITLINK
    }

    /// Whether it is neither a link nor a submodule.
    pub(super) fn is_regular(&self) -> bool {
        self.kind() == REGULAR
    }

    /// A file's mode without its permissions.
    pub(super) fn kind(&self) -> u32 {
        self.mode & 0o170_000
    }
}

/// A path at which a tree differs from every tree it is compared with.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) path: Vec<u8>,
    /// What stands there now; none: it went away.
    pub(super) new: Option<Leaf>,
    /// What stood there, for each parent.
    pub(super) old: Vec<Option<Leaf>>,
}

/// Reads trees for one thread and keeps those it read last.
pub(super) struct Trees<'a> {
    reader: &'a Reader<'a>,
    cache: FxHashMap<Oid, Arc<Vec<u8>>>,
    cached: usize,
    /// Paths that the present comparison may still give.
    budget: usize,
    /// Trees that cannot be read, with the path at which they were met.
    pub(super) failures: Vec<(Oid, Vec<u8>, ReadFailure)>,
}

impl<'a> Trees<'a> {
    pub(super) fn new(reader: &'a Reader<'a>) -> Self {
        Self { reader, cache: FxHashMap::default(), cached: 0, budget: 0, failures: Vec::new() }
    }

    fn read(&mut self, id: Oid, path: &[u8]) -> Arc<Vec<u8>> {
        if let Some(bytes) = self.cache.get(&id) {
            return Arc::clone(bytes);
        }
        let bytes: Arc<Vec<u8>> = match self.reader.object(id) {
            Ok(object) if object.kind == Kind::Tree => object.content,
            Ok(_) => {
                self.failures.push((id, path.to_owned(), ReadFailure::Damaged("not a tree".to_owned())));
                Arc::default()
            }
            Err(failure) => {
                self.failures.push((id, path.to_owned(), failure));
                Arc::default()
            }
        };
        if self.cached > CACHE {
            self.cache.clear();
            self.cached = 0;
        }
        self.cached += bytes.len() + 64;
        self.cache.insert(id, Arc::clone(&bytes));
        bytes
    }

    /// Calls `each` for every path at which `new` differs from all of `old`.
    pub(super) fn compare(&mut self, new: Option<Oid>, old: &[Option<Oid>], each: &mut dyn FnMut(Change)) {
        self.budget = MAX_CHANGES;
        self.level(new, old, &mut Vec::new(), 0, each);
        if let Some(id) = new.filter(|_| self.budget == 0) {
            let failure = ReadFailure::Damaged(format!("changes more than {MAX_CHANGES} paths"));
            self.failures.push((id, Vec::new(), failure));
        }
    }

    /// Calls `each` for every file, link and submodule of a tree.
    pub(super) fn list(&mut self, tree: Oid, each: &mut dyn FnMut(Vec<u8>, Leaf)) {
        self.compare(Some(tree), &[], &mut |change| {
            if let Some(leaf) = change.new {
                each(change.path, leaf);
            }
        });
    }

    /// As [`Self::list`], without the directories (`src/`) that are `known` to be the tree that they are;
    /// gives those.
    pub(super) fn list_unknown(
        &mut self,
        tree: Oid,
        known: &FxHashMap<Vec<u8>, Oid>,
        each: &mut dyn FnMut(Vec<u8>, Leaf),
    ) -> Vec<Vec<u8>> {
        let mut unchanged = Vec::new();
        let (mut open, mut budget) = (vec![(tree, Vec::new())], MAX_CHANGES);
        while let Some((id, path)) = open.pop() {
            if known.get(&path) == Some(&id) {
                unchanged.push(path);
                continue;
            }
            let bytes = self.read(id, &path);
            let mut length = 0;
            for entry in entries(&bytes, id.as_bytes().len()).take(budget) {
                (length, budget) = (length + entry.raw.len(), budget - 1);
                let mut below = [&path, entry.name].concat();
                let Some(leaf) = entry.leaf() else { continue };
                if entry.is_tree() {
                    below.push(b'/');
                    open.push((leaf.id, below));
                } else {
                    each(below, leaf);
                }
            }
            if length < bytes.len() {
                let what = if budget == 0 { "holds too many paths" } else { "malformed tree" };
                self.failures.push((id, path, ReadFailure::Damaged(what.to_owned())));
            }
        }
        unchanged
    }

    /// What stands at a path of a tree.
    pub(super) fn find(&mut self, tree: Oid, path: &[u8]) -> Option<Leaf> {
        let (mut tree, mut names) = (tree, path.split(|byte| *byte == b'/').peekable());
        while let Some(name) = names.next() {
            let bytes = self.read(tree, path);
            let is_last = names.peek().is_none();
            let mut entries = entries(&bytes, tree.as_bytes().len());
            let entry = entries.find(|entry| entry.name == name && entry.is_tree() != is_last)?;
            if is_last {
                return entry.leaf();
            }
            tree = Oid::from_bytes(entry.id).ok()?;
        }
        None
    }

    fn level(
        &mut self,
        new: Option<Oid>,
        old: &[Option<Oid>],
        path: &mut Vec<u8>,
        depth: usize,
        each: &mut dyn FnMut(Change),
    ) {
        let id_length = new.iter().chain(old.iter().flatten()).next().map_or(20, |id| id.as_bytes().len());
        if depth > MAX_DEPTH {
            let failure = ReadFailure::Damaged(format!("nested deeper than {MAX_DEPTH}"));
            self.failures.extend(new.map(|id| (id, path.clone(), failure)));
            return;
        }
        let mut read = |id: &Option<Oid>| id.map(|id| self.read(id, path)).unwrap_or_default();
        let sides: Vec<Arc<Vec<u8>>> = std::iter::once(&new).chain(old).map(&mut read).collect();
        let mut rest: Vec<&[u8]> = sides.iter().map(|side| &side[..]).collect();
        while self.budget > 0 {
            skip_shared(&mut rest, id_length);
            let entries: Vec<Option<Entry<'_>>> = rest.iter().map(|side| first(side, id_length)).collect();
            let Some(next) = entries.iter().flatten().min_by(|a, b| a.order(b)).copied() else { break };
            let same = |entry: &Entry<'_>| entry.name == next.name && entry.is_tree() == next.is_tree();
            let here: Vec<Option<Entry<'_>>> =
                entries.into_iter().map(|entry| entry.filter(|entry| same(entry))).collect();
            for (side, entry) in rest.iter_mut().zip(&here) {
                *side = &side[entry.map_or(0, |entry| entry.raw.len())..];
            }
            let unchanged = |old: &Option<Entry<'_>>| match (old, &here[0]) {
                (Some(old), Some(new)) => old.raw == new.raw,
                (None, None) => true,
                _ => false,
            };
            if here[1..].iter().any(unchanged) {
                continue;
            }
            let length = path.len();
            path.extend(next.name);
            if next.is_tree() {
                path.push(b'/');
                let ids: Vec<Option<Oid>> =
                    here.iter().map(|entry| entry.and_then(|entry| Oid::from_bytes(entry.id).ok())).collect();
                self.level(ids[0], &ids[1..], path, depth + 1, each);
            } else {
                self.budget -= 1;
                each(Change {
                    path: path.clone(),
                    new: here[0].and_then(|entry| entry.leaf()),
                    old: here[1..].iter().map(|entry| entry.and_then(|entry| entry.leaf())).collect(),
                });
            }
            path.truncate(length);
        }
        for (id, _) in std::iter::once(&new)
            .chain(old)
            .zip(&rest)
            .filter(|(_, rest)| self.budget > 0 && !rest.is_empty())
        {
            let failure = ReadFailure::Damaged("malformed tree".to_owned());
            self.failures.extend(id.map(|id| (id, path.clone(), failure)));
        }
    }
}

/// Most entries of a tree are its parents' too: passes over them quickly.
fn skip_shared(sides: &mut [&[u8]], id_length: usize) {
    let Some((new, others)) = sides.split_first_mut() else { return };
    let Some(shared) = others.iter().map(|old| shared_length(new, old)).min() else { return };
    let mut done = 0;
    while let Some(nul) = memchr::memchr(0, &new[done..shared])
        && done + nul + 1 + id_length <= shared
    {
        done += nul + 1 + id_length;
    }
    *new = &new[done..];
    others.iter_mut().for_each(|old| *old = &old[done..]);
}

/// How many bytes two texts begin with in common.
pub(super) fn shared_length(a: &[u8], b: &[u8]) -> usize {
    let (chunks, _) = a.as_chunks::<32>();
    let (others, _) = b.as_chunks::<32>();
    let whole = 32 * chunks.iter().zip(others).take_while(|(a, b)| a == b).count();
    whole + a[whole..].iter().zip(&b[whole..]).take_while(|(a, b)| a == b).count()
}
