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
/// Stands for the hash of what is known.
const KNOWN: u64 = EMPTY;

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

    /// The hash of all that an answer depends on: 63 bits, so neither of those.
    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        self.hasher.hash(bytes) >> 1
    }

    /// Keeps the things, each with its hash, for which the answer is not yes.
    pub(super) fn retain_others<T>(&self, things: &mut Vec<(u64, T)>, answer: impl Fn(&T) -> bool) {
        let slot = |hash: u64| &self.slots[hash as usize & (self.slots.len() - 1)];
        // In a loop of its own, so that memory is waited for once and not for each.
        for (hash, _) in &mut *things {
            let is_known = slot(*hash).load(Ordering::Relaxed) == *hash;
            *hash = if is_known { KNOWN } else { *hash };
        }
        things.retain(|(hash, thing)| {
            let is_so = *hash == KNOWN || answer(thing);
            if is_so && *hash != KNOWN {
                slot(*hash).store(*hash, Ordering::Relaxed);
            }
            !is_so
        });
    }
}
