//! The delta trees of one pack, as far as objects of some kinds need them. Apart from `headers`, which
//! say what is built on what, and from the walk, which builds. Flat arrays by entry, no maps: 13 bytes an
//! object, 21 while it is made.

use super::error::{Fault, PackError};
use super::headers::{Headers, Link, Node};
use super::id::{Id, Kind};
use super::store::{ObjectStore, Pack};
use rayon::prelude::*;
use std::ops::Range;

const NO_BASE: Node = Node::MAX;

/// The entries of a pack, and the trees that their deltas make.
pub(super) struct Graph<'store> {
    pub(super) pack: &'store Pack,
    /// The pack's number in its store.
    pub(super) number: u32,
    headers: &'store Headers,
    first: Vec<u32>,
    children: Vec<Node>,
    repeated: Vec<bool>,
    /// Entries that start a tree, by offset: whole objects of the wanted kinds, and those whose base
    /// is not in the pack or whose header is damaged.
    pub(super) roots: Vec<Node>,
    /// Entries in circles of deltas, or built on them.
    pub(super) circles: Vec<Node>,
}

impl<'store> Graph<'store> {
    /// The trees of a pack. `repeats` are positions of objects that the walk meets elsewhere; they are in
    /// a tree only where something is built on them.
    pub(super) fn new(
        store: &'store ObjectStore,
        number: u32,
        repeats: &[u32],
        wanted: impl Fn(Kind) -> bool + Sync,
    ) -> Self {
        let pack = &store.packs[number as usize];
        let headers = pack.headers(store.hash);
        let mut is_repeat = vec![false; pack.index.count() as usize];
        repeats.iter().for_each(|&position| is_repeat[position as usize] = true);
        let repeated = headers.positions.iter().map(|&position| is_repeat[position as usize]).collect();
        drop(is_repeat);
        let (first, children, roots, circles) = Default::default();
        let mut graph = Self { pack, number, headers, first, children, repeated, roots, circles };
        graph.gather(&headers.links);
        graph.prune(&headers.links, wanted);
        graph
    }

    /// What is wrong with the pack as a whole.
    pub(super) fn problem(&self) -> Option<PackError> {
        (!self.headers.is_in_order).then(|| PackError::file(&self.pack.path, Fault::Index))
    }

    /// Where a node's entry lies in the pack. Only a damaged index gives two objects one offset; then
    /// all but one are empty, which is damage and costs nothing.
    pub(super) fn extent(&self, node: Node) -> Range<u64> {
        let end = self.headers.offsets[node as usize + 1];
        self.offset(node)..end.min(self.pack.entries().len() as u64)
    }

    pub(super) fn offset(&self, node: Node) -> u64 {
        self.headers.offsets[node as usize]
    }

    pub(super) fn id(&self, node: Node) -> Id {
        self.pack.index.id(self.headers.positions[node as usize])
    }

    /// CRC-32 of the node's entry, where the index has it.
    pub(super) fn checksum(&self, node: Node) -> Option<u32> {
        self.pack.index.checksum(self.headers.positions[node as usize])
    }

    /// Whether the walk meets the same object elsewhere.
    pub(super) fn is_repeated(&self, node: Node) -> bool {
        self.repeated[node as usize]
    }

    /// Indexes for [`Self::child`]: what is built on a node, smallest tree first.
    pub(super) fn children(&self, node: Node) -> Range<u32> {
        self.first[node as usize]..self.first[node as usize + 1]
    }

    pub(super) fn child(&self, index: u32) -> Node {
        self.children[index as usize]
    }

    /// All nodes of the trees.
    pub(super) fn nodes(&self) -> impl ParallelIterator<Item = Node> + '_ {
        self.roots.par_iter().chain(&self.children).copied()
    }

    /// Lists the children of each node.
    fn gather(&mut self, links: &[Link]) {
        self.first = vec![0; links.len() + 1];
        for link in links {
            if let Link::On(base) = link {
                self.first[*base as usize + 1] += 1;
            }
        }
        for node in 0..links.len() {
            self.first[node + 1] += self.first[node];
        }
        self.children = vec![NO_BASE; self.first[links.len()] as usize];
        let mut free = self.first.clone();
        for (link, node) in links.iter().zip(0..) {
            if let Link::On(base) = link {
                let slot = &mut free[*base as usize];
                self.children[*slot as usize] = node;
                *slot += 1;
            }
        }
    }

    /// Finds the roots and circles; drops children that nobody needs and sorts the others by the
    /// number of needed nodes in their trees.
    fn prune(&mut self, links: &[Link], wanted: impl Fn(Kind) -> bool) {
        let mut order: Vec<Node> = Vec::with_capacity(links.len());
        let mut unwanted = 0;
        for pass in [false, true] {
            for (link, node) in links.iter().zip(0..) {
                if let Link::Root(kind) = link
                    && kind.is_none_or(&wanted) == pass
                {
                    order.push(node);
                }
            }
            if !pass {
                self.descend(&mut order, 0);
                unwanted = order.len();
            }
        }
        let roots = unwanted..order.len();
        self.descend(&mut order, unwanted);
        let mut weights = vec![0u32; links.len()];
        for &node in order[unwanted..].iter().rev() {
            let weight = &mut weights[node as usize];
            *weight += u32::from(!self.repeated[node as usize]);
            let weight = *weight;
            if let Link::On(base) = links[node as usize] {
                weights[base as usize] += weight;
            }
        }
        self.roots = order[roots].iter().copied().filter(|&node| weights[node as usize] > 0).collect();
        if order.len() < links.len() {
            let mut reached = vec![false; links.len()];
            order.iter().for_each(|&node| reached[node as usize] = true);
            self.circles = (0..links.len() as Node).filter(|&node| !reached[node as usize]).collect();
        }
        self.compact(&weights);
    }

    /// Appends all that is built on `order[from..]`.
    fn descend(&self, order: &mut Vec<Node>, from: usize) {
        let mut next = from;
        while let Some(&node) = order.get(next) {
            next += 1;
            let Range { start, end } = self.children(node);
            order.extend_from_slice(&self.children[start as usize..end as usize]);
        }
    }

    fn compact(&mut self, weights: &[u32]) {
        let mut kept = 0;
        for node in 0..weights.len() {
            let old = self.first[node] as usize..self.first[node + 1] as usize;
            self.first[node] = kept as u32;
            let start = kept;
            for slot in old {
                let child = self.children[slot];
                if weights[child as usize] > 0 {
                    self.children[kept] = child;
                    kept += 1;
                }
            }
            self.children[start..kept].sort_unstable_by_key(|&child| (weights[child as usize], child));
        }
        self.first[weights.len()] = kept as u32;
        self.children.truncate(kept);
    }
}

/// Positions, for each pack, of objects that an earlier pack also has.
pub(super) fn repeats(store: &ObjectStore) -> Vec<Vec<u32>> {
    let mut repeats = vec![Vec::new(); store.packs.len()];
    if store.packs.len() < 2 {
        return repeats;
    }
    let found: Vec<Vec<(u32, u32)>> =
        (0..=255u8).into_par_iter().map(|byte| repeats_in(store, byte)).collect();
    for (number, position) in found.into_iter().flatten() {
        repeats[number as usize].push(position);
    }
    repeats
}

/// The same, for names that start with a byte: (pack, position).
fn repeats_in(store: &ObjectStore, byte: u8) -> Vec<(u32, u32)> {
    let name = |&(number, position): &(u32, u32)| store.packs[number as usize].index.name(position);
    let mut all: Vec<(u32, u32)> = Vec::new();
    for (pack, number) in store.packs.iter().zip(0..) {
        all.extend(pack.index.bucket(byte).map(|position| (number, position)));
    }
    all.sort_unstable_by(|one, other| name(one).cmp(name(other)).then(one.cmp(other)));
    all.windows(2).filter(|pair| name(&pair[0]) == name(&pair[1])).map(|pair| pair[1]).collect()
}
