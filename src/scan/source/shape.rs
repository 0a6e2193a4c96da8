//! Which commits a history has to look at. Trees with the same entries that matter, all the way down,
//! have one shape; so most commits leave the shape as it was, and nothing of them is read. Apart from
//! `skeleton`, which reads; here only numbers are compared. Where numbers cannot tell what comparing
//! the trees themselves would, it says so: in a merge that brings something of its own, and where a
//! tree is missing, damaged or too large. Memory: sixteen bytes for each tree and a map of their names.

use super::super::path_names::PathNames;
use super::numbers::{Numbers, Shared};
use super::pack::Id;
use super::skeleton::{Label, Skeletons};
use super::tree::{Change, Leaf, MAX_CHANGES, MAX_DEPTH, is_tree, order};
use git2::Oid;
use std::cmp::Ordering;

/// A shape: the index of its entries.
type Shape = u32;

/// An entry of a shape.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Entry {
    label: u32,
    object: Object,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Object {
    File(u32),
    Directory(Shape),
    /// A tree of which everything counts, or nothing is known: it has no shape.
    Tree(u32),
}

/// What is known of a tree.
#[derive(Clone, Copy)]
struct Known {
    shape: Option<Shape>,
    /// It, or a tree below it, cannot be known.
    is_dark: bool,
    height: u16,
    /// Paths below it, at most.
    paths: u32,
}

const UNKNOWN: Known = Known { shape: None, is_dark: true, height: 0, paths: 0 };

/// The shapes of all trees.
pub(super) struct Shapes {
    numbers: Shared<Id>,
    trees: Vec<Known>,
    shapes: Vec<Box<[Entry]>>,
    labels: Vec<Label>,
    files: Vec<Oid>,
}

impl Shapes {
    /// The shapes of trees. Below a directory that `names` asks for, everything counts.
    pub(super) fn of(skeletons: Skeletons, names: &PathNames) -> Self {
        let what = |label: &Label| match is_tree(label.mode) {
            false => What::File,
            true if names.may_have(&label.name) => What::Whole,
            true => What::Directory,
        };
        let what = skeletons.labels.iter().map(what).collect();
        let trees = vec![None; skeletons.count() as usize];
        let mut closing = Closing { skeletons, what, trees, numbers: Numbers::default(), shapes: Vec::new() };
        (0..closing.skeletons.count()).for_each(|tree| closing.close(tree));
        let Closing { skeletons, trees, shapes, .. } = closing;
        let Skeletons { numbers, files, labels, .. } = skeletons;
        let trees = trees.into_iter().map(|known| known.unwrap_or(UNKNOWN)).collect();
        Self { numbers, trees, shapes, labels, files }
    }

    /// What a commit's tree changes against its parents', as far as it matters: a side of a change that
    /// is none may be a file that does not matter. None: only the trees themselves tell.
    pub(super) fn changes(&self, new: Oid, parents: &[Oid]) -> Option<Vec<Change>> {
        let known = |tree: &Oid| {
            let number = Id::from_bytes(tree.as_bytes()).and_then(|tree| self.numbers.find(&tree));
            number.map_or(UNKNOWN, |number| self.trees[number as usize])
        };
        let (new, old): (Known, Vec<Known>) = (known(&new), parents.iter().map(known).collect());
        let sides = || old.iter().chain([&new]);
        let is_merge = old.len() > 1;
        let paths: u64 = sides().map(|side| u64::from(side.paths)).sum();
        if paths >= MAX_CHANGES as u64 || is_merge && sides().any(|side| side.is_dark) {
            return None;
        }
        let shape = Some(new.shape?);
        let old = old.iter().map(|side| side.shape.map(Some)).collect::<Option<Vec<_>>>()?;
        let mut changes = Vec::new();
        if !old.contains(&shape) {
            self.level(shape, &old, &mut Vec::new(), &mut changes)?;
        }
        if is_merge {
            // What went away matters only beside what came.
            return changes.iter().all(|change| change.new.is_none()).then(Vec::new);
        }
        Some(changes)
    }

    fn level(
        &self,
        new: Option<Shape>,
        old: &[Option<Shape>],
        path: &mut Vec<u8>,
        changes: &mut Vec<Change>,
    ) -> Option<()> {
        let entries = |shape: &Option<Shape>| shape.map_or(&[][..], |shape| &self.shapes[shape as usize]);
        let mut rest: Vec<&[Entry]> = std::iter::once(&new).chain(old).map(entries).collect();
        while let Some(next) =
            rest.iter().filter_map(|side| side.first()).min_by(|a, b| self.order(a, b)).copied()
        {
            let take = |side: &mut &[Entry]| {
                let entry =
                    side.first().copied().filter(|entry| self.order(entry, &next) == Ordering::Equal)?;
                *side = &side[1..];
                Some(entry)
            };
            let here: Vec<Option<Entry>> = rest.iter_mut().map(take).collect();
            if here[1..].contains(&here[0]) {
                continue;
            }
            let (label, length) = (&self.labels[next.label as usize], path.len());
            path.extend(&label.name);
            if is_tree(label.mode) {
                path.push(b'/');
                let shape = |entry: &Option<Entry>| match entry.map(|entry| entry.object) {
                    Some(Object::Directory(shape)) => Some(Some(shape)),
                    Some(_) => None,
                    None => Some(None),
                };
                let below = here.iter().map(shape).collect::<Option<Vec<_>>>()?;
                self.level(below[0], &below[1..], path, changes)?;
            } else {
                let leaf = |entry: &Option<Entry>| entry.and_then(|entry| self.leaf(&entry));
                let old = here[1..].iter().map(leaf).collect();
                changes.push(Change { path: path.clone(), new: leaf(&here[0]), old });
            }
            path.truncate(length);
        }
        Some(())
    }

    fn order(&self, one: &Entry, other: &Entry) -> Ordering {
        let name = |entry: &Entry| {
            let label = &self.labels[entry.label as usize];
            (&label.name[..], is_tree(label.mode))
        };
        if one.label == other.label { Ordering::Equal } else { order(name(one), name(other)) }
    }

    fn leaf(&self, entry: &Entry) -> Option<Leaf> {
        let Object::File(file) = entry.object else { return None };
        Some(Leaf { id: self.files[file as usize], mode: self.labels[entry.label as usize].mode })
    }
}

/// What a label is on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    File,
    Directory,
    /// A directory below which everything counts.
    Whole,
}

/// Shapes while they are found, from the leaves up.
struct Closing {
    skeletons: Skeletons,
    /// By label.
    what: Vec<What>,
    trees: Vec<Option<Known>>,
    numbers: Numbers<Box<[Entry]>>,
    shapes: Vec<Box<[Entry]>>,
}

impl Closing {
    /// Finds the shape of a tree, after those of the trees below it.
    fn close(&mut self, root: u32) {
        let mut open = vec![(root, false)];
        while let Some((tree, is_ready)) = open.pop() {
            if is_ready {
                let known = self.known(tree);
                self.trees[tree as usize] = Some(known.unwrap_or(UNKNOWN));
            } else if self.trees[tree as usize].is_none() {
                // What a tree in a circle meets at its end.
                self.trees[tree as usize] = Some(UNKNOWN);
                open.push((tree, true));
                open.extend(
                    self.below(tree)
                        .filter(|below| self.trees[*below as usize].is_none())
                        .map(|below| (below, false)),
                );
            }
        }
    }

    fn below(&self, tree: u32) -> impl Iterator<Item = u32> + '_ {
        let entries =
            self.skeletons.get(tree).into_iter().flat_map(|skeleton| self.skeletons.entries(skeleton));
        entries.filter(|(label, _)| self.what[*label as usize] != What::File).map(|(_, tree)| tree)
    }

    fn known(&mut self, tree: u32) -> Option<Known> {
        let skeleton = self.skeletons.get(tree)?;
        let mut known = Known { shape: None, is_dark: false, height: 0, paths: skeleton.entries };
        let mut entries = Vec::new();
        for (label, target) in self.skeletons.entries(skeleton) {
            let what = self.what[label as usize];
            if what == What::File {
                entries.push(Entry { label, object: Object::File(target) });
                continue;
            }
            let below = self.trees[target as usize]?;
            known.is_dark |= below.is_dark;
            known.height = known.height.max(below.height + 1);
            known.paths = known.paths.saturating_add(below.paths);
            let object = match below.shape.filter(|_| what == What::Directory) {
                Some(shape) if self.shapes[shape as usize].is_empty() => continue,
                Some(shape) => Object::Directory(shape),
                None => Object::Tree(target),
            };
            entries.push(Entry { label, object });
        }
        let shape = self.numbers.get(&entries[..]);
        if shape as usize == self.shapes.len() {
            self.shapes.push(entries.into());
        }
        known.shape = Some(shape);
        (usize::from(known.height) <= MAX_DEPTH).then_some(known)
    }
}
