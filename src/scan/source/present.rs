//! Which objects are there, for who asks for the same ones again and again: versions of a tree name
//! mostly the same files. Apart because it knows no trees. It remembers a fixed number of objects, the
//! last asked for (512 kB), and never that one is missing.

use super::pack::{Id, ObjectStore};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Objects that are remembered.
const SLOTS: usize = 1 << 16;

/// A store and the objects that were last found in it.
pub(super) struct Present<'a> {
    store: &'a ObjectStore,
    /// A hash of a name in each; keyed, so that no tree can name an object that passes for another.
    slots: Vec<AtomicU64>,
    keyed: RandomState,
}

impl<'a> Present<'a> {
    pub(super) fn of(store: &'a ObjectStore) -> Self {
        let slots = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { store, slots, keyed: RandomState::new() }
    }

    /// Whether the object is there, in whatever state.
    pub(super) fn has(&self, id: &Id) -> bool {
        // Never that of an empty slot.
        let hash = self.keyed.hash_one(id.as_bytes()) | 1;
        let slot = &self.slots[(hash >> 1) as usize % SLOTS];
        if slot.load(Ordering::Relaxed) == hash {
            return true;
        }
        let is_there = self.store.contains(id);
        if is_there {
            slot.store(hash, Ordering::Relaxed);
        }
        is_there
    }
}
