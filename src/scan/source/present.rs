//! Which objects are there, for who asks for the same ones again and again: versions of a tree name
//! mostly the same files. Apart because it knows no trees. It remembers a fixed number of objects, the
//! last asked for (5 MB), and never that one is missing.

use super::pack::{Id, ObjectStore};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Parts with a lock each, and objects that each remembers.
const SHARDS: usize = 64;
const SLOTS: usize = 2048;

/// A store and the objects that were last found in it.
pub(super) struct Present<'a> {
    store: &'a ObjectStore,
    shards: Vec<Mutex<Vec<Option<Id>>>>,
}

impl<'a> Present<'a> {
    pub(super) fn of(store: &'a ObjectStore) -> Self {
        Self { store, shards: (0..SHARDS).map(|_| Mutex::new(vec![None; SLOTS])).collect() }
    }

    /// Whether the object is there, in whatever state.
    pub(super) fn has(&self, id: &Id) -> bool {
        let [first, second, third, ..] = *id.as_bytes() else { return false };
        let shard = &self.shards[usize::from(first) % SHARDS];
        let slot = usize::from(u16::from_be_bytes([second, third])) % SLOTS;
        if lock(shard)[slot] == Some(*id) {
            return true;
        }
        let is_there = self.store.contains(id);
        if is_there {
            lock(shard)[slot] = Some(*id);
        }
        is_there
    }
}

fn lock(shard: &Mutex<Vec<Option<Id>>>) -> MutexGuard<'_, Vec<Option<Id>>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
