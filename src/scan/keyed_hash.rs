//! Hashes that stand for texts: two different ones of n bytes have the same with a chance below n in 2⁶⁰,
//! whoever chose them, for the key is drawn anew each time; with two tweaks a text never has the same. Apart
//! because several remember texts so. For what is kept or shown there are cryptographic hashes.

use polymur_hash::PolymurHash;
use std::hash::{BuildHasher as _, RandomState};

/// A hash with a key of its own.
pub(crate) fn keyed_hash() -> PolymurHash {
    // Every `RandomState` has new keys: the standard library's only source of chance.
    let half = || RandomState::new().hash_one(0_u8);
    PolymurHash::from_u64x2_seed(half(), half())
}
