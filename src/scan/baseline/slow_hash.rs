//! The hash by which a baseline knows a secret: argon2id with the file's own salt, so that a guess at
//! a weak secret costs memory and time, and nothing that was computed for another file helps.
//!
//! It slows guessing down; it does not make a password that stands in a list of passwords safe.

use super::BaselineError;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ops::RangeInclusive;

/// Filled once, some 5 ms for each secret: a scan that meets 300 of them stays near a second.
const MEMORY_KIB: u32 = 8 * 1024;
const PASSES: u32 = 1;

/// What a header may ask for: less is guessed too cheaply, more stops a scan.
const MEMORY_ALLOWED: RangeInclusive<u32> = 8 * 1024..=256 * 1024;
const PASSES_ALLOWED: RangeInclusive<u32> = 1..=16;
const SALT_ALLOWED: RangeInclusive<usize> = 16..=64;

/// A secret's hash.
pub(super) type Hash = [u8; 16];

/// The hash with its cost and salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SlowHash {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) salt: Vec<u8>,
}

impl SlowHash {
    /// With a new salt.
    pub(super) fn new() -> Result<Self, BaselineError> {
        let mut salt = vec![0; 16];
        getrandom::fill(&mut salt).map_err(BaselineError::Random)?;
        Ok(Self { memory_kib: MEMORY_KIB, passes: PASSES, salt })
    }

    /// The key whose value is outside its range, and the range.
    pub(super) fn fault(&self) -> Option<(&'static str, String)> {
        let range = |low: &dyn std::fmt::Display, high: &dyn std::fmt::Display| format!("{low} to {high}");
        if !MEMORY_ALLOWED.contains(&self.memory_kib) {
            return Some(("memory_kib", range(MEMORY_ALLOWED.start(), MEMORY_ALLOWED.end())));
        }
        if !PASSES_ALLOWED.contains(&self.passes) {
            return Some(("passes", range(PASSES_ALLOWED.start(), PASSES_ALLOWED.end())));
        }
        let bytes = format!("{} bytes in hexadecimal", range(SALT_ALLOWED.start(), SALT_ALLOWED.end()));
        (!SALT_ALLOWED.contains(&self.salt.len())).then_some(("salt", bytes))
    }

    /// The hashes of all `secrets`, each computed once, on all cores.
    pub(super) fn of<'s>(
        &self,
        secrets: impl Iterator<Item = &'s str>,
    ) -> Result<FxHashMap<&'s str, Hash>, BaselineError> {
        let memory = || BaselineError::Memory { kibibytes: self.memory_kib };
        let secrets: Vec<&str> = secrets.collect::<FxHashSet<_>>().into_iter().collect();
        let params = Params::new(self.memory_kib, self.passes, 1, Some(size_of::<Hash>()))
            .expect("a header outside the ranges is refused");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = |blocks: &mut Vec<Block>, secret| {
            let mut hash = Hash::default();
            argon2
                .hash_password_into_with_memory(str::as_bytes(secret), &self.salt, &mut hash, blocks)
                .map_err(|_| memory())?;
            Ok((secret, hash))
        };
        let blocks = || vec![Block::default(); argon2.params().block_count()];
        secrets.into_par_iter().map_init(blocks, hash).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_secret_has_one_hash_in_a_file_and_another_in_another() {
        let one = SlowHash::new().unwrap();
        let hashes = one.of(["a", "b", "a"].into_iter()).unwrap();
        assert_eq!(hashes.len(), 2);
        assert_ne!(hashes["a"], hashes["b"]);
        assert_eq!(one.of(["a"].into_iter()).unwrap()["a"], hashes["a"]);
        assert_ne!(SlowHash::new().unwrap().of(["a"].into_iter()).unwrap()["a"], hashes["a"]);
    }

    #[test]
    fn a_cost_outside_its_range_is_a_fault() {
        let good = SlowHash::new().unwrap();
        assert_eq!(good.fault(), None);
        let fault = |change: fn(&mut SlowHash)| {
            let mut bad = good.clone();
            change(&mut bad);
            bad.fault().map(|(key, _)| key)
        };
        assert_eq!(fault(|hash| hash.memory_kib = 8), Some("memory_kib"));
        assert_eq!(fault(|hash| hash.memory_kib = u32::MAX), Some("memory_kib"));
        assert_eq!(fault(|hash| hash.passes = 0), Some("passes"));
        assert_eq!(fault(|hash| hash.salt.truncate(4)), Some("salt"));
    }
}
