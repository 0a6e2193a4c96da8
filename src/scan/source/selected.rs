//! The commits that a selection names: its names resolved, and a walk back from them in the order
//! of dates that stops as soon as nothing that is left can matter. Scanning them is `commits`'.

use super::super::coverage::{Ledger, SkipReason};
use super::attribution::Step;
use super::commit::{self, CommitNode};
use super::range::{Revision, Selection};
use super::repository::{Limits, ReadFailure, Reader, Repository, RepositoryError};
use git2::Oid;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BinaryHeap;

/// Clocks are wrong: so many commits that seem too old are still looked behind.
const SLACK: u32 = 64;

/// The commits at which a selection starts and ends.
#[derive(Default)]
pub(super) struct Ends {
    pub(super) include: Vec<Oid>,
    exclude: Vec<Oid>,
}

impl Ends {
    pub(super) fn new(include: Vec<Oid>, exclude: Vec<Oid>) -> Self {
        Self { include, exclude }
    }

    pub(super) fn resolve(
        repository: &Repository,
        selection: &Selection,
        ledger: &Ledger,
    ) -> Result<Self, RepositoryError> {
        let mut ends = Self::default();
        for revision in &selection.revisions {
            match revision {
                Revision::From(name) => ends.include.push(repository.revision(name)?),
                Revision::Not(name) => ends.exclude.push(repository.revision(name)?),
                Revision::Only(name) => {
                    let id = repository.revision(name)?;
                    ends.include.push(id);
                    ends.exclude.extend(parents(repository, id)?);
                }
                Revision::Branch(name) => ends.include.push(repository.branch(name)?),
                Revision::References(prefix) => ends.include.extend(commits(repository, prefix, ledger)?),
                Revision::NotReferences(prefix) => ends.exclude.extend(commits(repository, prefix, ledger)?),
                Revision::Symmetric(left, right) => {
                    let (left, right) = (repository.revision(left)?, repository.revision(right)?);
                    ends.include.extend([left, right]);
                    ends.exclude.extend(repository.merge_bases(left, right)?);
                }
            }
        }
        if ends.include.is_empty() {
            ends.include.extend(commits(repository, "", ledger)?);
        }
        Ok(ends)
    }
}

/// None where the commit cannot be read: the walk says so.
fn parents(repository: &Repository, id: Oid) -> Result<Vec<Oid>, RepositoryError> {
    repository.read(|reader| {
        let node = reader.object(id).ok().and_then(|object| commit::node(&object.content, repository.format));
        Ok(node.map(|node| node.parents).unwrap_or_default())
    })
}

/// The commits that references starting with `prefix` name. One that names what is not there goes
/// to the ledger.
fn commits(repository: &Repository, prefix: &str, ledger: &Ledger) -> Result<Vec<Oid>, RepositoryError> {
    let mut found = Vec::new();
    for tip in repository.tips(false, ledger)?.into_iter().filter(|tip| tip.name.starts_with(prefix)) {
        match repository.commit_of(tip.id) {
            Some(commit) => found.push(commit),
            None if tip.is_log() => {}
            None => repository.read(|reader| {
                if let Err(failure) = reader.kind(tip.id) {
                    failure.record(ledger, &format!("{} ({})", tip.id, tip.name));
                }
                Ok(())
            })?,
        }
    }
    Ok(found)
}

/// What is known of a commit during the walk.
struct Known {
    node: CommitNode,
    hidden: bool,
    /// Commits since one that is new enough.
    slack: u32,
    by_author: bool,
}

/// The walk's surroundings.
pub(super) struct Selected<'a> {
    pub(super) repository: &'a Repository,
    pub(super) reader: &'a Reader<'a>,
    pub(super) selection: &'a Selection,
    pub(super) limits: &'a Limits<'a>,
    pub(super) ledger: &'a Ledger,
}

impl Selected<'_> {
    fn read(&self, id: Oid) -> Result<(CommitNode, bool), ReadFailure> {
        let object = self.reader.object(id)?;
        let malformed = || ReadFailure::Damaged("malformed".to_owned());
        let node = commit::node(&object.content, self.repository.format).ok_or_else(malformed)?;
        let by_author = self.selection.authors.is_empty() || {
            let commit = commit::described(id, &object.content);
            let author = format!("{} <{}>", commit.author, commit.email);
            self.selection.authors.iter().any(|pattern| pattern.is_match(&author))
        };
        Ok((node, by_author))
    }

    fn is_asked_for(&self, known: &Known) -> bool {
        let selection = self.selection;
        known.by_author
            && selection.since.is_none_or(|since| known.node.time >= since)
            && selection.until.is_none_or(|until| known.node.time <= until)
            && selection.merges.is_none_or(|merges| merges == (known.node.parents.len() > 1))
    }

    /// The selected commits, newest first: walks back from all ends in the order of dates until
    /// nothing that is left can matter.
    fn commits(&self, ends: &Ends) -> Vec<(Oid, CommitNode)> {
        let mut frontier = Frontier::new(self);
        ends.exclude.iter().for_each(|id| frontier.meet(*id, true, 0, None));
        ends.include.iter().for_each(|id| frontier.meet(*id, false, 0, None));
        let enough = self.selection.max_count.map(|count| count.saturating_add(self.selection.skip));
        let enough = enough.filter(|_| ends.exclude.is_empty()).unwrap_or(usize::MAX);
        let mut found: Vec<Oid> = Vec::new();
        let (mut behind, mut oldest) = (0, i64::MAX);
        while let Some((time, id)) = frontier.queue.pop().filter(|_| found.len() < enough) {
            if let Some(reason) = self.limits.stop() {
                self.ledger.skip(reason, "git history: not all commits were read");
                break;
            }
            // Everything left is hidden, and older than what was found: it hides nothing more.
            behind = if frontier.open.is_empty() && time < oldest { behind + 1 } else { 0 };
            if behind > SLACK {
                break;
            }
            if frontier.pass(id) {
                found.push(id);
                oldest = oldest.min(time);
            }
        }
        let Frontier { mut known, shallow, .. } = frontier;
        found.retain(|id| known.get(id).is_some_and(|known| !known.hidden));
        let count = self.selection.max_count.unwrap_or(usize::MAX);
        let found = found.into_iter().skip(self.selection.skip).take(count);
        let shorn = |(id, mut node): (Oid, CommitNode)| {
            if shallow.contains(&id) {
                node.parents.clear();
            }
            (id, node)
        };
        found.filter_map(|id| Some((id, known.remove(&id)?.node))).map(shorn).collect()
    }

    /// Each selected commit, with the trees of its parents.
    pub(super) fn steps(&self, ends: &Ends) -> Vec<Step> {
        let commits = self.commits(ends);
        let mut trees: FxHashMap<Oid, Oid> = commits.iter().map(|(id, node)| (*id, node.tree)).collect();
        let mut steps = Vec::with_capacity(commits.len());
        for (id, node) in commits {
            let limit = if self.selection.first_parent { 1 } else { usize::MAX };
            let mut parents = Vec::new();
            for parent in node.parents.into_iter().take(limit) {
                match trees
                    .get(&parent)
                    .copied()
                    .map_or_else(|| self.read(parent).map(|(node, _)| node.tree), Ok)
                {
                    Ok(tree) => {
                        trees.insert(parent, tree);
                        parents.push(tree);
                    }
                    Err(failure) => failure.record(self.ledger, &format!("commit {parent} (parent of {id})")),
                }
            }
            steps.push(Step { id, tree: node.tree, parents, prefix: None, reachable: true });
        }
        steps
    }
}

/// What the walk has met and not yet passed.
struct Frontier<'a> {
    selected: &'a Selected<'a>,
    shallow: FxHashSet<Oid>,
    known: FxHashMap<Oid, Known>,
    queue: BinaryHeap<(i64, Oid)>,
    /// In the queue and not hidden.
    open: FxHashSet<Oid>,
}

impl<'a> Frontier<'a> {
    fn new(selected: &'a Selected<'a>) -> Self {
        Self {
            selected,
            shallow: selected.repository.shallow(),
            known: FxHashMap::default(),
            queue: BinaryHeap::new(),
            open: FxHashSet::default(),
        }
    }

    /// A commit comes into sight, from `child`. One that turns out hidden hides its parents anew.
    fn meet(&mut self, id: Oid, hidden: bool, slack: u32, child: Option<Oid>) {
        if let Some(known) = self.known.get_mut(&id) {
            if hidden && !known.hidden {
                known.hidden = true;
                self.open.remove(&id);
                self.queue.push((known.node.time, id));
            }
            return;
        }
        match self.selected.read(id) {
            Ok((node, by_author)) => {
                self.queue.push((node.time, id));
                self.known.insert(id, Known { node, hidden, slack, by_author });
                if !hidden {
                    self.open.insert(id);
                }
            }
            // What is to be left out need not be there.
            Err(failure) if !hidden => {
                let child = child.map_or(String::new(), |child| format!(" (parent of {child})"));
                failure.record(self.selected.ledger, &format!("commit {id}{child}"));
            }
            Err(_) => {}
        }
    }

    /// Goes on to its parents. Whether it is asked for, as far as is known.
    fn pass(&mut self, id: Oid) -> bool {
        self.open.remove(&id);
        let Some(commit) = self.known.get(&id) else { return false };
        let selection = self.selected.selection;
        let hidden = commit.hidden;
        let is_asked_for = !hidden && self.selected.is_asked_for(commit);
        let is_old = selection.since.is_some_and(|since| commit.node.time < since);
        let slack = if is_old { commit.slack + 1 } else { 0 };
        if self.shallow.contains(&id) {
            if !hidden && !commit.node.parents.is_empty() && !is_old {
                self.selected.ledger.skip(SkipReason::ShallowBoundary, format!("commit {id}"));
            }
        } else if slack <= SLACK {
            let limit = if selection.first_parent && !hidden { 1 } else { usize::MAX };
            let parents: Vec<Oid> = commit.node.parents.iter().take(limit).copied().collect();
            parents.into_iter().for_each(|parent| self.meet(parent, hidden, slack, Some(id)));
        }
        is_asked_for
    }
}
