//! One thread's way through the delta trees of a pack. Apart from `walk`, which says what is
//! promised; here is how: depth first with a list of frames, smallest tree first.

use super::budget::Budget;
use super::cache::Cache;
use super::delta;
use super::entry::{Entry, Form};
use super::error::Fault;
use super::graph::Graph;
use super::headers::Node;
use super::id::Kind;
use super::inflate::Inflater;
use super::queue::{Queue, Task};
use super::read::LARGEST_BASE;
use super::store::ObjectStore;
use super::visit::{Visit, Visitor, Walk, Walked};
use crate::scan::lock::lock;
use crate::scan::pieces::Piece;
use crate::scan::stats::{Stage, Stats};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// Buffers that a thread keeps for its next contents: how many, and of how many bytes at most.
const SPARE: usize = 4;
const LARGEST_SPARE: usize = 4 << 20;

/// A walk through one pack, as all its threads see it.
pub(super) struct Tour<'w, V: Visitor> {
    pub(super) store: &'w ObjectStore,
    pub(super) walk: &'w Walk<'w>,
    pub(super) visitor: &'w V,
    pub(super) graph: &'w Graph<'w>,
    pub(super) budget: &'w Budget,
    pub(super) queue: Queue<Part<'w, V::State>>,
    /// What many threads at once must not build; `None` when one thread is left.
    pub(super) deferred: Option<Deferred<'w, V::State>>,
}

/// Work for when the threads are done.
pub(super) type Deferred<'w, S> = Mutex<Vec<Task<Part<'w, S>>>>;

/// A node and what is still to be built on it.
pub(super) struct Part<'w, S> {
    node: Node,
    content: Content<'w>,
    /// What was learnt of the content; `None` if it was not visited.
    state: Option<Arc<S>>,
    /// Indexes of the graph's children.
    children: Range<u32>,
}

/// A content that others are built on.
enum Content<'w> {
    Held(Arc<Held<'w>>),
    /// Not here for want of memory: build it again.
    Dropped,
    /// It cannot be built.
    Lost,
}

struct Held<'w> {
    kind: Kind,
    bytes: Vec<u8>,
    /// Where it counts. What does not count must not wait.
    budget: Option<&'w Budget>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(budget) = self.budget {
            budget.give_back(self.bytes.len() as u64);
        }
    }
}

impl<'w, V: Visitor> Tour<'w, V> {
    /// One thread's share.
    pub(super) fn work(&self) -> Walked {
        let mut worker = Worker::new(self);
        self.queue.work(|task| worker.run(task));
        worker.walked
    }

    /// Whether an object of so many bytes may be built now.
    fn is_due(&self, size: u64) -> bool {
        self.deferred.is_none() || size <= self.walk.memory / 16
    }

    fn defer(&self, task: Task<Part<'w, V::State>>) {
        if let Some(deferred) = &self.deferred {
            lock(deferred).push(task);
        }
    }

    /// `bytes`, counted if they are to wait and may.
    fn hold(&self, kind: Kind, bytes: Vec<u8>, waits: bool) -> Arc<Held<'w>> {
        let counts = waits && self.budget.take(bytes.len() as u64);
        Arc::new(Held { kind, bytes, budget: counts.then_some(self.budget) })
    }
}

/// One thread.
pub(super) struct Worker<'t, 'w, V: Visitor> {
    tour: &'t Tour<'w, V>,
    inflater: Inflater,
    cache: Cache,
    delta: Vec<u8>,
    pieces: Vec<Piece>,
    spare: Vec<Vec<u8>>,
    pub(super) walked: Walked,
}

impl<'t, 'w, V: Visitor> Worker<'t, 'w, V> {
    pub(super) fn new(tour: &'t Tour<'w, V>) -> Self {
        Self {
            tour,
            inflater: Inflater::new(),
            cache: Cache::small(),
            delta: Vec::new(),
            pieces: Vec::new(),
            spare: Vec::new(),
            walked: Walked::default(),
        }
    }

    /// Visits a tree or a part of one.
    pub(super) fn run(&mut self, task: Task<Part<'w, V::State>>) {
        let mut frames = Vec::new();
        match task {
            Task::Part(part) => frames.push(part),
            Task::Root(_) if self.tour.visitor.is_stopped() => {}
            Task::Root(number) => frames.extend(self.root(number)),
        }
        while let Some(frame) = frames.last_mut() {
            if self.tour.visitor.is_stopped() {
                return;
            }
            let Some(index) = frame.children.next() else {
                frames.pop();
                continue;
            };
            let is_last = frame.children.is_empty();
            let base = self.base(frame, is_last);
            let (parent, state) = (frame.node, frame.state.clone());
            if is_last {
                frames.pop();
            }
            frames.extend(self.child(index, parent, &base, state));
            self.recycle(base);
            if self.tour.queue.is_hungry() {
                self.share(&mut frames);
            }
        }
    }

    /// Gives the largest tree that waits nearest the root to an idle thread, if something is left.
    fn share(&self, frames: &mut [Part<'w, V::State>]) {
        let Some(place) = frames.iter().position(|frame| !frame.children.is_empty()) else { return };
        let is_topmost = place + 1 == frames.len();
        let frame = &mut frames[place];
        if frame.children.len() > usize::from(is_topmost) {
            frame.children.end -= 1;
            let content = match &frame.content {
                Content::Held(held) if held.budget.is_some() => Content::Held(Arc::clone(held)),
                Content::Held(_) | Content::Dropped => Content::Dropped,
                Content::Lost => Content::Lost,
            };
            let children = frame.children.end..frame.children.end + 1;
            self.tour.queue.give(Part { node: frame.node, content, state: frame.state.clone(), children });
        }
    }

    /// The content of a frame, for the next of its children.
    fn base(&mut self, frame: &mut Part<'w, V::State>, is_last: bool) -> Content<'w> {
        match &frame.content {
            Content::Lost => Content::Lost,
            Content::Held(held) if !is_last && held.budget.is_some() => Content::Held(Arc::clone(held)),
            Content::Held(_) => std::mem::replace(&mut frame.content, Content::Dropped),
            Content::Dropped => match self.build_again(frame.node) {
                None => Content::Lost,
                Some((kind, bytes)) => {
                    let held = self.tour.hold(kind, bytes, !is_last);
                    if held.budget.is_some() {
                        frame.content = Content::Held(Arc::clone(&held));
                    }
                    Content::Held(held)
                }
            },
        }
    }

    fn build_again(&mut self, node: Node) -> Option<(Kind, Vec<u8>)> {
        let graph = self.tour.graph;
        let place = (graph.number, graph.offset(node));
        let built = self.tour.store.build(place, LARGEST_BASE, &mut Cache::new(0)).ok()?;
        Some((built.kind, Arc::unwrap_or_clone(built.content)))
    }

    /// Visits the root of this number; gives it with its children, if it has any.
    fn root(&mut self, number: usize) -> Option<Part<'w, V::State>> {
        let graph = self.tour.graph;
        let node = graph.roots[number];
        let entry = match self.entry(node) {
            Ok(entry) => entry,
            Err(fault) => return self.otherwise(node, fault),
        };
        let is_whole = matches!(entry.form, Form::Whole(_));
        if self.tour.deferred.is_some() && !is_whole || !self.tour.is_due(entry.size) {
            self.tour.defer(Task::Root(number));
            return None;
        }
        match entry.form {
            Form::Whole(_) if entry.size > LARGEST_BASE => {
                self.otherwise(node, Fault::TooLarge { size: entry.size })
            }
            Form::Whole(kind) => {
                let mut content = self.spare.pop().unwrap_or_default();
                match self.inflate(node, &entry, &mut content) {
                    Ok(()) => self.visit(node, kind, content, None),
                    Err(fault) => self.otherwise(node, fault),
                }
            }
            // Its base is not in this pack.
            Form::OffsetDelta(_) | Form::NamedDelta(_) => {
                let place = (graph.number, graph.offset(node));
                match self.tour.store.build(place, LARGEST_BASE, &mut self.cache) {
                    Ok(object) => self.visit(node, object.kind, Arc::unwrap_or_clone(object.content), None),
                    Err(error) => self.otherwise(node, error.fault().unwrap_or(Fault::MissingBase)),
                }
            }
        }
    }

    /// Visits a child; gives it with its own children, if it has any.
    fn child(
        &mut self,
        index: u32,
        parent: Node,
        base: &Content<'w>,
        state: Option<Arc<V::State>>,
    ) -> Option<Part<'w, V::State>> {
        let node = self.tour.graph.child(index);
        let Content::Held(held) = base else { return self.otherwise(node, Fault::DamagedBase) };
        match self.build_on(node, &held.bytes) {
            Ok(Some(content)) => {
                let base = state.as_deref().map(|state| (held.bytes.as_slice(), state));
                self.visit(node, held.kind, content, base)
            }
            Ok(None) => {
                let children = index..index + 1;
                self.tour.defer(Task::Part(Part {
                    node: parent,
                    content: Content::Dropped,
                    state,
                    children,
                }));
                None
            }
            Err(fault) => self.otherwise(node, fault),
        }
    }

    /// Builds a delta on its base; `None` if that is not due yet. Its pieces are in `self.pieces`.
    fn build_on(&mut self, node: Node, base: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let entry = self.entry(node)?;
        if entry.size > LARGEST_BASE {
            return Err(Fault::TooLarge { size: entry.size });
        }
        if !self.tour.is_due(entry.size) {
            return Ok(None);
        }
        let mut delta = std::mem::take(&mut self.delta);
        let mut build = || {
            self.inflate(node, &entry, &mut delta)?;
            let size = delta::result_size(&delta, base.len())?;
            if size > LARGEST_BASE {
                return Err(Fault::TooLarge { size });
            }
            if !self.tour.is_due(size) {
                return Ok(None);
            }
            let mut content = self.spare.pop().unwrap_or_default();
            Stats::time(self.tour.walk.stats, Stage::Build, || {
                delta::apply(&delta, base, &mut content, &mut self.pieces)
            })?;
            Ok(Some(content))
        };
        let built = build();
        if delta.capacity() <= LARGEST_SPARE {
            self.delta = delta;
        }
        built
    }

    fn entry(&self, node: Node) -> Result<Entry, Fault> {
        let graph = self.tour.graph;
        Entry::parse(graph.pack.entries(), graph.offset(node), self.tour.store.hash_kind())
    }

    /// The data of a node's entry, whose bytes must be what the index says.
    fn inflate(&mut self, node: Node, entry: &Entry, out: &mut Vec<u8>) -> Result<(), Fault> {
        let graph = self.tour.graph;
        let Range { start, end } = graph.extent(node);
        let bytes = graph.pack.entries().get(start as usize..end as usize).ok_or(Fault::Truncated)?;
        if graph.checksum(node).is_some_and(|stated| stated != libdeflater::crc32(bytes)) {
            return Err(Fault::Checksum);
        }
        let data = bytes.get(entry.data - start as usize..).ok_or(Fault::Truncated)?;
        self.walked.inflated += entry.size;
        Stats::time(self.tour.walk.stats, Stage::Inflate, || {
            self.inflater.inflate(data, entry.size as usize, out)
        })
    }

    /// Shows an object to the visitor; gives it with its children, if it has any.
    fn visit(
        &mut self,
        node: Node,
        kind: Kind,
        content: Vec<u8>,
        base: Option<(&[u8], &V::State)>,
    ) -> Option<Part<'w, V::State>> {
        let (tour, graph) = (self.tour, self.tour.graph);
        let (children, size) = (graph.children(node), content.len() as u64);
        let (id, is_repeat) = (graph.id(node), graph.is_repeated(node));
        let mut state = None;
        if size > tour.walk.largest {
            self.fail(node, Fault::TooLarge { size });
        } else if tour.walk.kinds.contains(&kind) {
            let object = Visit { id, kind, content: &content, is_repeat, is_base: !children.is_empty() };
            state = Some(match base {
                None => tour.visitor.whole(&object),
                Some((base, learnt)) => tour.visitor.delta(&object, base, learnt, &self.pieces),
            });
            self.walked += Walked { objects: 1, bytes: size, ..Walked::default() };
        }
        if children.is_empty() {
            self.keep(content);
            return None;
        }
        let content = Content::Held(tour.hold(kind, content, children.len() > 1));
        Some(Part { node, content, state: state.map(Arc::new), children })
    }

    /// Visits a node that cannot be built here, if there is another copy of it; reports it if not.
    fn otherwise(&mut self, node: Node, fault: Fault) -> Option<Part<'w, V::State>> {
        let (tour, graph) = (self.tour, self.tour.graph);
        let here = (graph.number, graph.offset(node));
        let limit = tour.walk.largest.min(LARGEST_BASE);
        if let Ok(Some(object)) = tour.store.read_except(&graph.id(node), limit, &mut self.cache, Some(here))
        {
            return self.visit(node, object.kind, Arc::unwrap_or_clone(object.content), None);
        }
        self.fail(node, fault);
        let children = graph.children(node);
        let lost = Part { node, content: Content::Lost, state: None, children };
        (!lost.children.is_empty()).then_some(lost)
    }

    /// Visits or reports a node whose bases lead back to it.
    pub(super) fn circle(&mut self, node: Node) {
        if !self.tour.graph.is_repeated(node) {
            self.otherwise(node, Fault::Cycle);
        }
    }

    fn fail(&self, node: Node, fault: Fault) {
        let graph = self.tour.graph;
        if !graph.is_repeated(node) {
            let id = graph.id(node);
            self.tour.visitor.failed(Some(id), graph.pack.error(graph.offset(node), fault).about(id));
        }
    }

    fn recycle(&mut self, content: Content<'w>) {
        if let Content::Held(held) = content
            && let Some(mut held) = Arc::into_inner(held)
        {
            if let Some(budget) = held.budget.take() {
                budget.give_back(held.bytes.len() as u64);
            }
            self.keep(std::mem::take(&mut held.bytes));
        }
    }

    fn keep(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < SPARE && buffer.capacity() <= LARGEST_SPARE {
            self.spare.push(buffer);
        }
    }
}
