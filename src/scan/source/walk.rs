//! From references to commits: which commits, tags and other objects the asked history consists
//! of, and what it lacks. It works on commits already read, so that it costs no reading.

use super::super::coverage::{Ledger, SkipReason};
use super::attribution::Step;
use super::commit::{self, CommitNode};
use super::pack::Kind;
use super::references::Tip;
use git2::{ObjectFormat, Oid};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Tags of tags are followed this far.
const TAG_DEPTH: usize = 64;

/// The commits and tags of an object database.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) commits: FxHashMap<Oid, CommitNode>,
    /// What each annotated tag points at.
    pub(super) tags: FxHashMap<Oid, Oid>,
}

/// What is known of a commit or tag.
pub(super) enum Node {
    Commit(CommitNode),
    /// What it points at.
    Tag(Oid),
}

impl Node {
    /// None where it is malformed.
    pub(super) fn read(bytes: &[u8], kind: Kind, format: ObjectFormat) -> Option<Self> {
        match kind {
            Kind::Tag => commit::tag_target(bytes, format).map(Self::Tag),
            _ => commit::node(bytes, format).map(Self::Commit),
        }
    }
}

impl Graph {
    pub(super) fn insert(&mut self, id: Oid, node: Node) {
        match node {
            Node::Commit(node) => drop(self.commits.insert(id, node)),
            Node::Tag(target) => drop(self.tags.insert(id, target)),
        }
    }

    /// A step that compares `id` with those of `parents` that are there.
    fn step(&self, id: Oid, node: &CommitNode, parents: &[Oid], prefix: Option<Arc<str>>) -> Step {
        let trees = parents.iter().filter_map(|parent| self.commits.get(parent)).map(|parent| parent.tree);
        Step { id, tree: node.tree, parents: trees.collect(), prefix, reachable: true }
    }
}

/// A reference to what is no commit.
pub(super) struct Direct {
    pub(super) name: String,
    /// The tag that names it, or itself.
    pub(super) named: Oid,
    pub(super) id: Oid,
}

/// Where history ends.
pub(super) struct Ends<'a> {
    /// Commits without parents here.
    pub(super) shallow: &'a FxHashSet<Oid>,
    /// Whether the database has an object.
    pub(super) is_there: &'a dyn Fn(Oid) -> bool,
}

/// What the references lead to.
#[derive(Default)]
pub(super) struct Walk {
    /// Newest first.
    pub(super) steps: Vec<Step>,
    /// Annotated tags with the object each finally points at.
    pub(super) tags: Vec<(Oid, Oid)>,
    pub(super) direct: Vec<Direct>,
    seen: FxHashSet<Oid>,
}

impl Walk {
    /// Follows `tips` to the `ends`.
    pub(super) fn over(graph: &Graph, mut tips: Vec<Tip>, ends: &Ends<'_>, ledger: &Ledger) -> Self {
        let mut walk = Self::default();
        // What only notes lead to is shown under their name, so they come last.
        tips.sort_by_key(|tip| tip.name.starts_with("refs/notes/"));
        for tip in tips {
            let id = walk.peel(graph, tip.id);
            if graph.commits.contains_key(&id) {
                let notes = tip.name.strip_prefix("refs/").filter(|name| name.starts_with("notes/"));
                let prefix = notes.map(|name| Arc::from(format!("{name}/").as_str()));
                walk.descend(graph, id, prefix.as_ref(), ends, ledger);
            } else if walk.seen.insert(id) {
                if (ends.is_there)(id) {
                    walk.direct.push(Direct { name: tip.name, named: tip.id, id });
                } else if !tip.is_log() {
                    ledger.skip(SkipReason::MissingObject, format!("{id} ({})", tip.name));
                }
            }
        }
        let time = |step: &Step| graph.commits.get(&step.id).map_or(0, |node| node.time);
        walk.steps.sort_by_cached_key(|step| std::cmp::Reverse((time(step), step.id)));
        walk
    }

    /// Follows tags to what they finally point at.
    fn peel(&mut self, graph: &Graph, tip: Oid) -> Oid {
        let (mut id, mut chain) = (tip, Vec::new());
        while let Some(target) = graph.tags.get(&id).filter(|_| chain.len() < TAG_DEPTH) {
            chain.push(id);
            id = *target;
        }
        self.tags.extend(chain.into_iter().filter(|tag| self.seen.insert(*tag)).map(|tag| (tag, id)));
        id
    }

    fn descend(
        &mut self,
        graph: &Graph,
        tip: Oid,
        prefix: Option<&Arc<str>>,
        ends: &Ends<'_>,
        ledger: &Ledger,
    ) {
        let mut open = vec![tip];
        while let Some(id) = open.pop() {
            let Some(node) = graph.commits.get(&id) else { continue };
            if !self.seen.insert(id) {
                continue;
            }
            let is_end = ends.shallow.contains(&id) && !node.parents.is_empty();
            if is_end {
                ledger.skip(SkipReason::ShallowBoundary, format!("commit {id}"));
            }
            let parents = if is_end { &[][..] } else { &node.parents[..] };
            for parent in parents.iter().filter(|parent| !graph.commits.contains_key(*parent)) {
                if !(ends.is_there)(*parent) && self.seen.insert(*parent) {
                    ledger.skip(SkipReason::MissingObject, format!("commit {parent} (parent of {id})"));
                }
            }
            open.extend(parents);
            self.steps.push(graph.step(id, node, parents, prefix.cloned()));
        }
    }

    /// Commits that nothing leads to.
    pub(super) fn unreachable(&self, graph: &Graph) -> Vec<Step> {
        let rest = graph.commits.iter().filter(|(id, _)| !self.seen.contains(*id));
        let step = |(id, node): (&Oid, &CommitNode)| Step {
            reachable: false,
            ..graph.step(*id, node, &node.parents, None)
        };
        let mut steps: Vec<Step> = rest.map(step).collect();
        steps.sort_by_key(|step| step.id);
        steps
    }

    /// Whether a reference leads to this commit or tag.
    pub(super) fn reaches(&self, id: Oid) -> bool {
        self.seen.contains(&id)
    }
}
