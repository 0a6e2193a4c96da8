//! Remembers of what a question was answered with yes, for who asks for the same things again and again:
//! versions of a tree have mostly the same entries. Apart because it knows no trees. It remembers a number
//! of things that is set at its start, the last asked for (at most 2 MB), and never a no.

use super::super::keyed_hash::keyed_hash;
use polymur_hash::PolymurHash;
use std::sync::atomic::{AtomicU64, Ordering};

/// Things that are remembered at least, and at most.
const LEAST_SLOTS: usize = 1 << 10;
const MOST_SLOTS: usize = 1 << 18;
/// No hash. Not 0, so that the memory is written at once: what is read first is mapped twice.
const EMPTY: u64 = u64::MAX;

/// The things of which the answer was yes.
pub(super) struct Settled {
    /// A hash in each.
    slots: Vec<AtomicU64>,
    hasher: PolymurHash,
}

impl Settled {
    /// For about so many different things.
    pub(super) fn new(things: usize) -> Self {
        let slots = things.clamp(LEAST_SLOTS, MOST_SLOTS).next_power_of_two();
        let slots = (0..slots).map(|_| AtomicU64::new(EMPTY)).collect();
        Self { slots, hasher: keyed_hash() }
    }

    /// Whether the answer for a thing is yes; it must depend on the thing alone.
    pub(super) fn holds(&self, thing: &[u8], answer: impl FnOnce() -> bool) -> bool {
        let hash = self.hasher.hash(thing);
        let slot = &self.slots[hash as usize & (self.slots.len() - 1)];
        if hash != EMPTY && slot.load(Ordering::Relaxed) == hash {
            return true;
        }
        let is_so = answer();
        if is_so {
            slot.store(hash, Ordering::Relaxed);
        }
        is_so
    }
}
