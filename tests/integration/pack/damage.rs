//! Packs and indexes with flipped bits and cut short.

use super::{ALL, Objects, by_git, grow, objects_of, open, packs, repack, walk};
use crate::harness::Repo;
use cofferdam::scan::source::pack::{Cache, Walk};
use proptest::prelude::*;
use std::path::Path;

/// What damage may not do: panic, give other bytes than git wrote, or lose an object without a word.
#[track_caller]
fn assert_honest(repo: &Path, expected: &Objects) {
    let store = open(repo);
    let mut cache = Cache::new(1 << 20);
    for id in expected.keys() {
        // Random access trusts the index, as git does; it must only come back.
        drop(store.read(id, 1 << 24, &mut cache));
        drop(store.header(id));
    }
    for memory in [0, 256 << 20] {
        let collect = walk(&store, &Walk { kinds: ALL, memory, largest: 1 << 24, ..Walk::DEFAULT });
        let failed = collect.failed.into_inner().unwrap();
        let seen = collect.seen.into_inner().unwrap();
        let told = !failed.is_empty() || !store.problems().is_empty();
        for (id, object) in expected {
            match seen.get(id) {
                Some(found) => assert!(found == object, "other content for {id}"),
                None => assert!(told, "{id} lost without a word"),
            }
        }
        if store.problems().is_empty() && failed.iter().all(|(id, _)| id.is_some()) {
            for id in expected.keys().filter(|id| !seen.contains_key(id)) {
                assert!(failed.iter().any(|(failed, _)| failed.as_ref() == Some(id)), "{id} is not named");
            }
        }
    }
}

pub(super) fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    // Packs are read-only; a new file takes the name.
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn small_packed(seed: u64, names: bool) -> (Repo, Objects) {
    let repo = Repo::new();
    grow(&repo, seed, 9);
    let offsets = if names { "repack.useDeltaBaseOffset=false" } else { "repack.useDeltaBaseOffset=true" };
    repo.git(["-c", offsets, "repack", "-qadf", "--depth=10", "--window=20"]);
    let objects = by_git(repo.path());
    (repo, objects)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_to_a_pack_is_told(
        seed in 11u64..1000,
        names: bool,
        places in prop::collection::vec((0.0f64..1.0, 0u8..8), 12),
        cut in 0.0f64..1.0,
    ) {
        let (repo, expected) = small_packed(seed, names);
        let pack = packs(repo.path(), "pack").remove(0);
        let whole = std::fs::read(&pack).unwrap();
        let at = |place: f64| (place * whole.len() as f64) as usize;
        for (place, bit) in places {
            damage(&pack, |bytes| bytes[at(place)] ^= 1 << bit);
            assert_honest(repo.path(), &expected);
            damage(&pack, |bytes| *bytes = whole.clone());
        }
        damage(&pack, |bytes| bytes.truncate(at(cut)));
        assert_honest(repo.path(), &expected);
    }

    #[test]
    fn damage_to_an_index_is_survived(
        seed in 11u64..1000,
        places in prop::collection::vec((0.0f64..1.0, 0u8..8), 12),
        cut in 0.0f64..1.0,
    ) {
        let (repo, expected) = small_packed(seed, true);
        let index = packs(repo.path(), "idx").remove(0);
        let whole = std::fs::read(&index).unwrap();
        let at = |place: f64| (place * whole.len() as f64) as usize;
        let visit = || {
            let store = open(repo.path());
            let collect = walk(&store, &Walk { kinds: ALL, ..Walk::DEFAULT });
            for id in expected.keys() {
                drop(store.read(id, 1 << 24, &mut Cache::new(1 << 20)));
            }
            drop(collect);
        };
        for (place, bit) in places {
            damage(&index, |bytes| bytes[at(place)] ^= 1 << bit);
            visit();
            damage(&index, |bytes| *bytes = whole.clone());
        }
        damage(&index, |bytes| bytes.truncate(at(cut)));
        visit();
    }
}

#[test]
fn a_good_copy_stands_in_for_a_damaged_one() {
    let repo = Repo::new();
    grow(&repo, 30, 12);
    repack(&repo, 50, 10);
    let expected = by_git(repo.path());
    let pack = packs(repo.path(), "pack").remove(0);
    let other = Repo::new();
    let add = |to: &Repo| {
        let objects = objects_of(to.path()).join("pack");
        for end in ["pack", "idx"] {
            std::fs::copy(
                pack.with_extension(end),
                objects.join(pack.with_extension(end).file_name().unwrap()),
            )
            .unwrap();
        }
    };
    add(&other);
    repo.write(".git/objects/info/alternates", format!("{}\n", objects_of(other.path()).display()));
    let length = std::fs::metadata(&pack).unwrap().len() as usize;
    damage(&pack, |bytes| (12..length - 20).step_by(40).for_each(|place| bytes[place] ^= 0x10));
    let store = open(repo.path());
    let collect = walk(&store, &Walk { kinds: ALL, ..Walk::DEFAULT });
    assert!(collect.failed.into_inner().unwrap().is_empty());
    assert!(collect.seen.into_inner().unwrap() == expected);
}
