//! Packs of arbitrary entries: the walk and random access must come back, agree where both read an
//! object, and name each object that they do not read.
#![no_main]

use arbitrary::Arbitrary;
use cofferdam::scan::source::pack::{
    Cache, HashKind, Id, Kind, ObjectStore, PackError, Piece, Visit, Visitor, Walk, fresh_ranges,
};
use libfuzzer_sys::fuzz_target;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

#[path = "../../integration/pack/made.rs"]
mod made;
use made::Made;

/// The largest object that is looked at, in bytes: fuzzing wants speed.
const LARGEST: u64 = 1 << 20;
const ALL: &[Kind] = &[Kind::Blob, Kind::Commit, Kind::Tag, Kind::Tree];

#[derive(Arbitrary, Debug)]
struct Input {
    entries: Vec<Entry>,
    damage: Option<(u16, u8)>,
}

#[derive(Arbitrary, Debug)]
enum Entry {
    Whole { form: u8, data: Vec<u8> },
    Delta { base: u8, data: Vec<u8> },
    Lie { form: u8, size: u64, middle: Vec<u8>, data: Vec<u8> },
}

#[derive(Default)]
struct Seen {
    objects: Mutex<BTreeMap<Id, Vec<u8>>>,
    failed: Mutex<BTreeSet<Id>>,
}

impl Visitor for Seen {
    type State = ();

    fn whole(&self, object: &Visit<'_>) {
        self.objects.lock().unwrap().insert(object.id, object.content.to_vec());
    }

    fn delta(&self, object: &Visit<'_>, base: &[u8], (): &(), pieces: &[Piece]) {
        fresh_ranges(pieces, base.len(), 8).for_each(|range| assert!(range.end <= object.content.len()));
        self.whole(object);
    }

    fn failed(&self, id: Option<Id>, _: PackError) {
        self.failed.lock().unwrap().extend(id);
    }
}

fuzz_target!(|input: Input| {
    let mut made = Made::new();
    for (entry, number) in input.entries.iter().take(64).zip(0..) {
        match entry {
            Entry::Whole { form, data } => made.add(number, form & 7, data.len() as u64, &[], data),
            Entry::Delta { base, data } => made.named(number, u32::from(*base), data),
            Entry::Lie { form, size, middle, data } => made.add(number, form & 7, *size, middle, data),
        }
    }
    let objects = tempfile::tempdir().unwrap();
    let directory = objects.path().join("pack");
    std::fs::create_dir(&directory).unwrap();
    made.write(&directory);
    if let Some((place, mask)) = input.damage {
        let path = directory.join(if mask & 1 == 0 { "pack-made.pack" } else { "pack-made.idx" });
        let mut bytes = std::fs::read(&path).unwrap();
        let place = usize::from(place) % bytes.len();
        bytes[place] ^= mask;
        std::fs::write(&path, bytes).unwrap();
    }
    let Ok(store) = ObjectStore::open(objects.path(), HashKind::Sha1, &[]) else { return };
    let seen = Seen::default();
    store.walk(&Walk { kinds: ALL, largest: LARGEST, memory: 1 << 16, ..Walk::DEFAULT }, &seen);
    let (seen, failed) = (seen.objects.into_inner().unwrap(), seen.failed.into_inner().unwrap());
    let mut cache = Cache::new(1 << 16);
    for id in store.ids() {
        assert!(seen.contains_key(&id) || failed.contains(&id), "{id} is lost");
        if let (Ok(Some(object)), Some(found)) = (store.read(&id, LARGEST, &mut cache), seen.get(&id)) {
            assert!(input.damage.is_some() || *object.content == *found);
        }
        drop(store.header(&id));
    }
});
