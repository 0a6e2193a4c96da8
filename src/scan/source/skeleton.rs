//! Of every tree of the database the entries that matter to a history: directories, submodules, and
//! files with hits, without content, or with a name that a path expression asks for. Of a delta only what
//! is not copied from its base is parsed. Apart from `shape`, which then asks whether anything that
//! matters lies below a directory. Memory: about 150 bytes for each tree, whatever its size, for it shares
//! entries with its base; eight for each entry of a tree that shares none.

use super::super::lock::lock;
use super::super::path_names::PathNames;
use super::super::pieces::{Piece, seek};
use super::numbers::Shared;
use super::pack::{Id, Kind, LARGEST_BASE, ObjectStore, PackError, Visit, Visitor, Walk};
use super::repository::{Limits, oid};
use super::settled::Settled;
use super::tree::{Entry, first, head};
use git2::Oid;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// What an entry is but for its object.
#[derive(Clone, Default)]
pub(super) struct Label {
    pub(super) mode: u32,
    pub(super) name: Box<[u8]>,
}

/// What is known of a tree.
#[derive(Clone, Copy)]
pub(super) struct Skeleton {
    /// Where its runs start and how many they are.
    first_run: u32,
    runs: u32,
    /// Its entries, those that do not matter included.
    pub(super) entries: u32,
}

/// The trees of a database, by number.
pub(super) struct Skeletons {
    /// Numbers of trees, also of those that are only named.
    pub(super) numbers: Shared<Id>,
    /// Names of files by number.
    pub(super) files: Vec<Oid>,
    pub(super) labels: Vec<Label>,
    lists: Lists,
}

/// What trees are made of.
#[derive(Default)]
struct Lists {
    /// None: the tree was not read, or is not as git writes trees.
    trees: Vec<Option<Skeleton>>,
    /// Label and object (tree or file) of entries that matter.
    entries: Vec<(u32, u32)>,
    /// Parts of `entries` that trees are made of.
    runs: Vec<Range<u32>>,
}

impl Skeletons {
    /// Walks over all trees. `has_hits` tells which files have any.
    pub(super) fn read(
        store: &ObjectStore,
        names: &PathNames,
        has_hits: &(dyn Fn(Oid) -> bool + Sync),
        limits: &Limits<'_>,
    ) -> Self {
        let reading = Reading {
            store,
            known_plain: Settled::new(store.packed_objects()),
            names,
            has_hits,
            limits,
            trees: Shared::default(),
            files: Shared::default(),
            labels: Shared::default(),
            lists: Mutex::default(),
        };
        store.walk(&Walk { kinds: &[Kind::Tree], largest: LARGEST_BASE, ..Walk::DEFAULT }, &reading);
        let Reading { trees: numbers, files, labels, lists, .. } = reading;
        let mut lists = lists.into_inner().unwrap_or_else(PoisonError::into_inner);
        lists.trees.resize(numbers.bound(), None);
        let label = |raw: &[u8]| head(raw).map(|(mode, name)| Label { mode, name: name.into() });
        Self {
            numbers,
            files: files.list(&Oid::ZERO_SHA1, oid),
            labels: labels.list(&Label::default(), |raw| label(raw).unwrap_or_default()),
            lists,
        }
    }

    pub(super) fn count(&self) -> u32 {
        self.lists.trees.len() as u32
    }

    pub(super) fn get(&self, tree: u32) -> Option<Skeleton> {
        self.lists.trees[tree as usize]
    }

    /// The entries of a tree that matter, in its order: the number of the label, and that of the tree
    /// or file.
    pub(super) fn entries(&self, skeleton: Skeleton) -> impl Iterator<Item = (u32, u32)> + '_ {
        let Lists { runs, entries, .. } = &self.lists;
        let runs = &runs[skeleton.first_run as usize..][..skeleton.runs as usize];
        runs.iter().flat_map(|run| &entries[run.start as usize..run.end as usize]).copied()
    }
}

impl Lists {
    /// Adds an entry that matters; gives its place in `entries`.
    fn add(&mut self, entry: (u32, u32)) -> u32 {
        self.entries.push(entry);
        self.entries.len() as u32 - 1
    }

    fn insert(&mut self, number: u32, entries: u32, read: &mut Read) {
        let number = number as usize;
        if self.trees.len() <= number {
            self.trees.resize(number + 1, None);
        }
        if read.runs().count() > 2 + read.kept.len() / 4 {
            // Too much in pieces: a copy of it is smaller, and so is what is made of it.
            for kept in &mut read.kept {
                kept.place = self.add(self.entries[kept.place as usize]);
            }
        }
        let first_run = self.runs.len() as u32;
        self.runs.extend(read.runs());
        let runs = self.runs.len() as u32 - first_run;
        self.trees[number] = Some(Skeleton { first_run, runs, entries });
    }
}

/// An entry that matters.
#[derive(Clone, Copy)]
struct Kept {
    /// Which entry of its tree.
    index: u32,
    /// Where it is among the entries of all trees.
    place: u32,
}

/// A tree while deltas on it may follow: four bytes for each entry, and eight for each that matters.
struct Read {
    /// Where its entries start, and where the last ends.
    bounds: Vec<u32>,
    kept: Vec<Kept>,
}

impl Read {
    /// The places of what is kept.
    fn runs(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        let runs = self.kept.chunk_by(|one, next| one.place + 1 == next.place);
        runs.map(|run| run[0].place..run[0].place + run.len() as u32)
    }

    /// The entries that lie whole in a range, if one starts where the range does; most likely not far from
    /// the one numbered `near`.
    fn entries_in(&self, range: &Range<usize>, near: usize) -> Option<Range<usize>> {
        let start = seek(&self.bounds, near, |bound| (*bound as usize) < range.start);
        self.bounds.get(start).filter(|bound| **bound as usize == range.start)?;
        let end = seek(&self.bounds, start, |bound| *bound as usize <= range.end) - 1;
        (start < end).then_some(start..end)
    }
}

/// A tree that is being read.
struct Parse<'a> {
    content: &'a [u8],
    id_length: usize,
    /// How far it was read, and how many entries that were.
    at: usize,
    count: u32,
    last: Option<Entry<'a>>,
    read: Read,
    /// Whether bounds are needed.
    is_base: bool,
    /// What is not carried, each with a hash and its index.
    fresh: Vec<(u64, (u32, Entry<'a>))>,
}

impl<'a> Parse<'a> {
    fn new(object: &Visit<'a>, base: Option<&Read>) -> Self {
        let (content, id_length) = (object.content, object.id.as_bytes().len());
        let is_base = object.is_base;
        let likely = base.map_or(0, |base| base.bounds.len() + 8).min(content.len() / id_length + 1);
        let mut bounds = Vec::with_capacity(if is_base { likely } else { 0 });
        bounds.extend(is_base.then_some(0));
        let read = Read { bounds, kept: Vec::new() };
        Self { content, id_length, at: 0, count: 0, last: None, read, is_base, fresh: Vec::new() }
    }

    /// The next entry; none where git would write another.
    fn peek(&self) -> Option<Entry<'a>> {
        let entry = first(&self.content[self.at..], self.id_length)?;
        let in_order = self.last.is_none_or(|last| last.order(&entry) == Ordering::Less);
        (in_order && !entry.name.is_empty() && memchr::memchr(b'/', entry.name).is_none()).then_some(entry)
    }

    fn parse(&mut self, hash: impl FnOnce(&[u8]) -> u64) -> Option<()> {
        let entry = self.peek()?;
        self.fresh.push((hash(entry.raw), (self.count, entry)));
        (self.at, self.count) = (self.at + entry.raw.len(), self.count + 1);
        self.read.bounds.extend(self.is_base.then_some(self.at as u32));
        self.last = Some(entry);
        Some(())
    }

    /// Takes entries that were copied whole from a base, of which they are known.
    fn carry(&mut self, base: &Read, entries: Range<usize>) -> Option<()> {
        self.peek()?;
        let Read { bounds, kept } = &mut self.read;
        let (index, at) = (self.count, self.at as u32);
        let (from, copied) = (base.bounds[entries.start], &base.bounds[entries.start + 1..=entries.end]);
        if self.is_base {
            bounds.extend(copied.iter().map(|bound| bound - from + at));
        }
        let before = |end: usize| base.kept.partition_point(|kept| (kept.index as usize) < end);
        let carried = &base.kept[before(entries.start)..before(entries.end)];
        kept.extend(
            carried.iter().map(|kept| Kept { index: kept.index - entries.start as u32 + index, ..*kept }),
        );
        let end = |entry: usize| (base.bounds[entry] - from + at) as usize;
        self.last = first(&self.content[end(entries.end - 1)..], self.id_length);
        (self.at, self.count) = (end(entries.end), index + entries.len() as u32);
        Some(())
    }
}

/// Takes what matters of what the walk shows.
struct Reading<'a> {
    store: &'a ObjectStore,
    /// Entries that do not matter.
    known_plain: Settled,
    names: &'a PathNames,
    has_hits: &'a (dyn Fn(Oid) -> bool + Sync),
    limits: &'a Limits<'a>,
    trees: Shared<Id>,
    files: Shared<Id>,
    /// Modes and names.
    labels: Shared<Box<[u8]>>,
    lists: Mutex<Lists>,
}

impl Reading<'_> {
    /// Whether an entry does not matter.
    fn is_plain(&self, entry: &Entry<'_>) -> bool {
        !entry.is_tree()
            && !self.names.may_have(entry.name)
            && entry.leaf().is_some_and(|leaf| leaf.is_file() && !(self.has_hits)(leaf.id))
            && Id::from_bytes(entry.id).is_some_and(|id| self.store.contains(&id))
    }

    /// Reads a tree, from its base where it is made of one; none where it is not as git writes them,
    /// so that what is known of trees does not hold for it.
    fn tree(&self, object: &Visit<'_>, base: Option<(&Read, &[Piece])>) -> Option<Read> {
        u32::try_from(object.content.len()).ok()?;
        let (base, pieces) = base.unzip();
        let mut parse = Parse::new(object, base);
        let mut near = 0;
        let mut pieces = pieces.into_iter().flatten().peekable();
        while parse.at < parse.content.len() {
            let at = parse.at;
            while pieces.next_if(|piece| piece.range().end <= at).is_some() {}
            let copied = pieces.peek().and_then(|piece| match *piece {
                Piece::Copy { base_offset, len, offset } => {
                    Some(base_offset + at - offset..base_offset + len)
                }
                Piece::Insert { .. } => None,
            });
            let carried = base.zip(copied).and_then(|(base, run)| Some((base, base.entries_in(&run, near)?)));
            match carried {
                Some((base, entries)) => {
                    near = entries.end;
                    parse.carry(base, entries)?;
                }
                None => parse.parse(|entry| self.known_plain.hash(entry))?,
            }
        }
        let Parse { mut read, count, mut fresh, .. } = parse;
        self.known_plain.retain_others(&mut fresh, |(_, entry)| self.is_plain(entry));
        let numbered = |(_, (index, entry)): (u64, (u32, Entry<'_>))| Some((index, self.numbers(&entry)?));
        let fresh = fresh.into_iter().map(numbered).collect::<Option<Vec<_>>>()?;
        let number = (!object.is_repeat).then(|| self.trees.get(&object.id));
        let mut lists = lock(&self.lists);
        read.kept.extend(fresh.into_iter().map(|(index, entry)| Kept { index, place: lists.add(entry) }));
        read.kept.sort_by_key(|kept| kept.index);
        number.into_iter().for_each(|number| lists.insert(number, count, &mut read));
        Some(read)
    }

    /// The numbers of an entry's label and object.
    fn numbers(&self, entry: &Entry<'_>) -> Option<(u32, u32)> {
        let objects = if entry.is_tree() { &self.trees } else { &self.files };
        let label = self.labels.get(&entry.raw[..entry.raw.len() - entry.id.len() - 1]);
        Some((label, objects.get(&Id::from_bytes(entry.id)?)))
    }
}

impl Visitor for Reading<'_> {
    type State = Option<Read>;

    fn whole(&self, object: &Visit<'_>) -> Option<Read> {
        self.tree(object, None)
    }

    fn delta(&self, object: &Visit<'_>, _: &[u8], base: &Option<Read>, pieces: &[Piece]) -> Option<Read> {
        self.tree(object, base.as_ref().map(|base| (base, pieces)))
    }

    /// The history meets it and reports it.
    fn failed(&self, _: Option<Id>, _: PackError) {}

    fn is_stopped(&self) -> bool {
        self.limits.stop().is_some()
    }
}
