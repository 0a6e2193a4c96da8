//! Remembers of what a question was answered with yes, for who asks for the same things again and again:
//! versions of a tree have mostly the same entries. Apart because it knows no trees. It remembers a fixed
//! number of things, the last asked for (2 MB), and never a no.

use super::super::keyed_hash::keyed_hash;
use polymur_hash::PolymurHash;
use std::sync::atomic::{AtomicU64, Ordering};

/// Things that are remembered.
const SLOTS: usize = 1 << 18;

/// The things of which the answer was yes.
pub(super) struct Settled {
    /// A hash in each.
    slots: Vec<AtomicU64>,
    hasher: PolymurHash,
}

impl Default for Settled {
    fn default() -> Self {
        let slots = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { slots, hasher: keyed_hash() }
    }
}

impl Settled {
    /// Whether the answer for a thing is yes; it must depend on the thing alone.
    pub(super) fn holds(&self, thing: &[u8], answer: impl FnOnce() -> bool) -> bool {
        let hash = self.hasher.hash(thing);
        let slot = &self.slots[hash as usize % SLOTS];
        // An empty slot holds 0.
        if hash != 0 && slot.load(Ordering::Relaxed) == hash {
            return true;
        }
        let is_so = answer();
        if is_so {
            slot.store(hash, Ordering::Relaxed);
        }
        is_so
    }
}
