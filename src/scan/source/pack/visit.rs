//! What a walk is asked for, what it shows of each object, and what it says at its end: the words that
//! the walk, its threads and the caller share. Nothing is read here.

use super::error::PackError;
use super::id::{Id, Kind};
use super::read::LARGEST_BASE;
use crate::scan::pieces::Piece;
use crate::scan::stats::Stats;
use std::ops::AddAssign;

/// What to visit, and within which bounds.
#[derive(Clone, Copy, Debug)]
pub struct Walk<'k> {
    /// Kinds of objects.
    pub kinds: &'k [Kind],
    /// Larger objects are not visited: the visitor is told, and deltas on them are visited whole.
    pub largest: u64,
    /// Bytes of content that may wait for deltas on them, over all threads.
    pub memory: u64,
    /// What it costs, for who wants to know.
    pub stats: Option<&'k Stats>,
}

impl Walk<'_> {
    /// Blobs, commits and tags of any size that can be built; 256 MiB wait at most.
    pub const DEFAULT: Self = Self {
        kinds: &[Kind::Blob, Kind::Commit, Kind::Tag],
        largest: LARGEST_BASE,
        memory: 256 << 20,
        stats: None,
    };
}

/// An object that is visited.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// Its name.
    pub id: Id,
    /// What it is.
    pub kind: Kind,
    /// Its bytes.
    pub content: &'a [u8],
    /// Whether it is visited elsewhere too, and here only because a delta is built on this copy:
    /// count and report nothing.
    pub is_repeat: bool,
    /// Whether a delta on it follows; otherwise nothing asks for its state.
    pub is_base: bool,
}

/// What is done with each object. Called from many threads at once.
pub trait Visitor: Sync {
    /// What is learnt of an object and of use for the deltas on it.
    type State: Send + Sync;

    /// An object that is stored whole, or whose base was not visited.
    fn whole(&self, object: &Visit<'_>) -> Self::State;

    /// An object that is made of `pieces` of `base` and of new bytes.
    fn delta(&self, object: &Visit<'_>, base: &[u8], learnt: &Self::State, pieces: &[Piece]) -> Self::State;

    /// An object that could not be visited (too large, damaged, its base missing), or, without an
    /// id, a file of objects with which something is wrong.
    fn failed(&self, id: Option<Id>, error: PackError);

    /// Whether to end the walk early.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// What a walk did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Objects visited, repeats among them.
    pub objects: u64,
    /// Bytes of their content.
    pub bytes: u64,
    /// Bytes that were inflated for it.
    pub inflated: u64,
    /// The most bytes of content that waited for deltas at one time.
    pub waiting: u64,
}

impl AddAssign for Walked {
    fn add_assign(&mut self, other: Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
        self.inflated += other.inflated;
        self.waiting = self.waiting.max(other.waiting);
    }
}
