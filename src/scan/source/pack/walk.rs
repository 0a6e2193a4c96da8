//! The walk: every object of the wanted kinds once, each delta tree once and base first, over all
//! threads of the current rayon pool. Apart from random access, which goes the other way, from a
//! name to its bases.
//!
//! Memory: a content lives until the last delta on it is built. The smallest tree on it is visited
//! first, so that a thread seldom holds more than a few; those that wait are counted, and beyond
//! [`Walk::memory`] they are dropped and built again. To that each thread adds the base, result and
//! delta in hand, each at most a sixteenth of it: larger objects wait until the threads are done and
//! are then built alone, up to [`LARGEST_BASE`] each.

use super::budget::Budget;
use super::entry::Entry;
use super::error::{Fault, PackError};
use super::graph::{self, Graph};
use super::id::{Id, Kind};
use super::inflate::Inflater;
use super::loose::{self, Loose};
use super::queue::Queue;
use super::read::{LARGEST_BASE, first_good};
use super::store::ObjectStore;
use super::tour::{Tour, Worker};
use super::visit::{Visit, Visitor, Walk, Walked};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

impl ObjectStore {
    /// Visits every object of the wanted kinds once, packed or loose, reachable or not.
    pub fn walk<V: Visitor>(&self, walk: &Walk<'_>, visitor: &V) -> Walked {
        let mut walked = Walked::default();
        // Listed first, so that what a concurrent `git gc` moves into a pack is missed aloud.
        let loose = self.loose_ids(|problem| visitor.failed(None, problem));
        for (repeats, number) in graph::repeats(self).iter().zip(0..) {
            let wanted = |kind| walk.kinds.contains(&kind);
            let graph = Graph::new(self, number, repeats, wanted);
            graph.problem().into_iter().for_each(|problem| visitor.failed(None, problem));
            walked += self.walk_pack(walk, visitor, &graph);
        }
        walked += self.walk_loose(walk, visitor, loose);
        walked
    }

    fn walk_pack<V: Visitor>(&self, walk: &Walk<'_>, visitor: &V, graph: &Graph<'_>) -> Walked {
        let budget = Budget::new(walk.memory);
        let tour = Tour {
            store: self,
            walk,
            visitor,
            graph,
            budget: &budget,
            queue: Queue::new(graph.roots.len()),
            deferred: Some(Mutex::default()),
        };
        let mut walked = Walked::default();
        for part in rayon::broadcast(|_| tour.work()) {
            walked += part;
        }
        let due = tour.deferred.map(Mutex::into_inner).map(|due| due.unwrap_or_else(PoisonError::into_inner));
        let queue = Queue::new(0);
        let alone = Tour { store: self, walk, visitor, graph, budget: &budget, queue, deferred: None };
        let mut worker = Worker::new(&alone);
        due.into_iter().flatten().for_each(|task| worker.run(task));
        graph.circles.iter().for_each(|&node| worker.circle(node));
        walked += worker.walked;
        walked.waiting = budget.most();
        walked
    }

    fn walk_loose<V: Visitor>(&self, walk: &Walk<'_>, visitor: &V, mut ids: Vec<Id>) -> Walked {
        ids.retain(|id| !self.packs.iter().any(|pack| pack.index.find(id).is_some()));
        let known = self.loose_kinds();
        ids.retain(|id| known.get(id).is_none_or(|kind| walk.kinds.contains(kind)));
        drop(known);
        let visit = |inflater: &mut Inflater, id: &Id| {
            if visitor.is_stopped() {
                return Walked::default();
            }
            let (kind, content) = match self.loose(walk, id, inflater) {
                Ok(found) => found,
                Err(error) => {
                    visitor.failed(Some(*id), error);
                    return Walked::default();
                }
            };
            self.loose_kinds().insert(*id, kind);
            let Some(content) = content else { return Walked::default() };
            let bytes = content.len() as u64;
            visitor.whole(&Visit { id: *id, kind, content: &content, is_repeat: false, is_base: false });
            Walked { objects: 1, bytes, inflated: bytes, waiting: 0 }
        };
        let add = |mut one: Walked, other| {
            one += other;
            one
        };
        ids.par_iter().map_init(Inflater::new, visit).reduce(Walked::default, add)
    }

    /// A loose object's kind, and its content if that is wanted.
    fn loose(
        &self,
        walk: &Walk<'_>,
        id: &Id,
        inflater: &mut Inflater,
    ) -> Result<(Kind, Option<Vec<u8>>), PackError> {
        let copies = self.directories.iter().map(|on| {
            let Some(found) = Loose::open(on, id)? else { return Ok(None) };
            let kind = found.kind;
            let content = || found.content(walk.largest.min(LARGEST_BASE), inflater);
            let content = if walk.kinds.contains(&kind) { Some(content()?) } else { None };
            Ok(Some((kind, content)))
        });
        let vanished = || PackError::Loose {
            path: loose::path(&self.directories[0], id),
            id: *id,
            fault: Fault::Vanished,
        };
        first_good(copies)?.ok_or_else(vanished)
    }

    /// Inflates every packed entry of the wanted kinds once and builds nothing; gives the inflated
    /// bytes. The least that any walk must do, for a bench to compare with.
    pub fn inflate_entries(&self, kinds: &[Kind]) -> u64 {
        let inflate = |(inflater, out): &mut (Inflater, Vec<u8>), graph: &Graph<'_>, node| {
            let entry = Entry::parse(graph.pack.entries(), graph.offset(node), self.hash).ok()?;
            let data = &graph.pack.entries()[entry.data..];
            inflater.inflate(data, usize::try_from(entry.size).ok()?, out).ok()?;
            Some(entry.size)
        };
        let count = |number| {
            let graph = Graph::new(self, number, &[], |kind| kinds.contains(&kind));
            let thread = || (Inflater::new(), Vec::new());
            let sizes = graph.nodes().map_init(thread, |thread, node| inflate(thread, &graph, node));
            sizes.flatten().sum::<u64>()
        };
        (0..self.packs.len() as u32).map(count).sum()
    }
}
