//! Small numbers for things that are met again and again: equal things have one. Apart because nothing here
//! knows what is numbered. [`Numbers`] are one thread's, without gaps; [`Shared`] are many threads', in maps
//! that are locked one by one.

use crate::scan::lock::lock;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::Mutex;

/// Gives equal things one number, counted from 0.
pub(super) struct Numbers<T>(FxHashMap<T, u32>);

impl<T: Hash + Eq> Numbers<T> {
    pub(super) fn get<Q>(&mut self, thing: &Q) -> u32
    where
        Q: ?Sized + Hash + Eq + ToOwned<Owned: Into<T>>,
        T: Borrow<Q>,
    {
        if let Some(number) = self.0.get(thing) {
            return *number;
        }
        let next = self.0.len() as u32;
        self.0.insert(thing.to_owned().into(), next);
        next
    }
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

/// Numbers that many threads give; not all numbers are given.
pub(super) struct Shared<T>([Mutex<Numbers<T>>; SHARDS]);

/// Things with other hashes do not wait for each other.
const SHARDS: usize = 16;

impl<T: Hash + Eq> Shared<T> {
    pub(super) fn get<Q>(&self, thing: &Q) -> u32
    where
        Q: ?Sized + Hash + Eq + ToOwned<Owned: Into<T>>,
        T: Borrow<Q>,
    {
        let shard = Self::shard(thing);
        Self::number(lock(&self.0[shard]).get(thing), shard)
    }

    pub(super) fn find(&self, thing: &T) -> Option<u32> {
        let shard = Self::shard(thing);
        lock(&self.0[shard]).0.get(thing).map(|number| Self::number(*number, shard))
    }

    fn shard<Q: ?Sized + Hash>(thing: &Q) -> usize {
        // The maps take the lowest and the highest bits.
        (FxBuildHasher.hash_one(thing) >> 20) as usize % SHARDS
    }

    fn number(in_shard: u32, shard: usize) -> u32 {
        in_shard * SHARDS as u32 + shard as u32
    }

    /// All numbers are below.
    pub(super) fn bound(&self) -> usize {
        self.0.iter().map(|shard| lock(shard).0.len() * SHARDS).max().unwrap_or(0)
    }

    /// What `of` makes of each thing, by its number.
    pub(super) fn list<U: Clone>(&self, none: &U, of: impl Fn(&T) -> U) -> Vec<U> {
        let mut list = vec![none.clone(); self.bound()];
        for (numbers, shard) in self.0.iter().zip(0..) {
            for (thing, number) in &lock(numbers).0 {
                list[Self::number(*number, shard) as usize] = of(thing);
            }
        }
        list
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_give_one_number_to_equal_things() {
        let numbers: Shared<Box<[u8]>> = Shared::default();
        let names: Vec<Box<[u8]>> = (0..300).map(|name: u32| name.to_string().into_bytes().into()).collect();
        let number = || names.iter().map(|name| numbers.get(&**name)).collect::<Vec<_>>();
        let (one, other) = rayon::join(number, number);
        assert_eq!(one, other);
        let list = numbers.list(&Box::default(), Box::clone);
        assert_eq!(list.len(), numbers.bound());
        for (name, number) in names.iter().zip(one) {
            assert_eq!((&list[number as usize], numbers.find(name)), (name, Some(number)));
        }
        assert_eq!(numbers.find(&Box::default()), None);
    }
}
