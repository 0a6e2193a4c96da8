//! Which objects are there, for who asks for the same ones again and again: versions of a tree name
//! mostly the same files. Apart because it knows no trees. It remembers a fixed number of objects, the
//! last asked for (1 MB), and never that one is missing.

use super::pack::{Id, ObjectStore};
use std::sync::atomic::{AtomicU64, Ordering};

/// Objects that are remembered.
const SLOTS: usize = 1 << 16;

/// A store and the objects that were last found in it.
pub(super) struct Present<'a> {
    store: &'a ObjectStore,
    /// The first sixteen bytes of a name each. Threads write without a lock: what two of them leave in
    /// one slot is at worst no object's name.
    slots: Vec<[AtomicU64; 2]>,
}

impl<'a> Present<'a> {
    pub(super) fn of(store: &'a ObjectStore) -> Self {
        Self { store, slots: (0..SLOTS).map(|_| Default::default()).collect() }
    }

    /// Whether the object is there, in whatever state.
    pub(super) fn has(&self, id: &Id) -> bool {
        let (halves, _) = id.as_bytes().as_chunks::<8>();
        let [first, second, ..] = *halves else { return false };
        let name = [u64::from_le_bytes(first), u64::from_le_bytes(second)];
        let slot = &self.slots[name[0] as usize % SLOTS];
        // An empty slot is no object.
        if name != [0; 2] && slot.iter().zip(name).all(|(half, name)| half.load(Ordering::Relaxed) == name) {
            return true;
        }
        let is_there = self.store.contains(id);
        if is_there {
            slot.iter().zip(name).for_each(|(half, name)| half.store(name, Ordering::Relaxed));
        }
        is_there
    }
}
