//! Packs that no git makes: circles, endless chains, lies about sizes, missing bases.

use super::damage::damage;
use super::made::Made;
use super::{ALL, LIMIT, objects_of, open, packs, walk};
use crate::harness::Repo;
use cofferdam::scan::source::pack::{Cache, Fault, Id, Kind, Walk};
use std::collections::BTreeMap;

fn write(made: &Made, repo: &Repo) {
    made.write(&objects_of(repo.path()).join("pack"));
}

/// What a walk sees and what fails, by number.
fn walked(made: &Made, count: u32) -> (BTreeMap<u32, Vec<u8>>, BTreeMap<u32, Fault>) {
    let repo = Repo::new();
    write(made, &repo);
    let store = open(repo.path());
    assert!(store.problems().is_empty(), "{:?}", store.problems());
    let collect = walk(&store, &Walk::DEFAULT);
    let number = |id: Id| (0..count).find(|&number| Made::id(number) == id).unwrap();
    let seen = collect.seen.into_inner().unwrap();
    let failed = collect.failed.into_inner().unwrap();
    for (id, error) in &failed {
        let read = store.read(&id.unwrap(), LIMIT, &mut Cache::new(1 << 20));
        assert!(read.is_err(), "the walk says {error}");
    }
    (
        seen.into_iter().map(|(id, (_, content))| (number(id), content)).collect(),
        failed.into_iter().map(|(id, error)| (number(id.unwrap()), error.fault().unwrap())).collect(),
    )
}
#[test]
fn circles_of_deltas_end() {
    let mut made = Made::new();
    let same = [3, 3, 0x90, 3];
    made.blob(0, b"abc");
    made.named(1, 2, &same);
    made.named(2, 3, &same);
    made.named(3, 1, &same);
    made.named(4, 3, &same);
    made.named(5, 5, &same);
    made.named(6, 0, &same);
    let (seen, failed) = walked(&made, 7);
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), [0, 6]);
    assert_eq!(failed, (1..6).map(|number| (number, Fault::Cycle)).collect());
}

#[test]
fn objects_may_not_share_an_entry() {
    let mut made = Made::new();
    let count = 20_000;
    for number in 0..count {
        made.blob(number, b"abc");
    }
    let repo = Repo::new();
    write(&made, &repo);
    let index = &packs(repo.path(), "idx")[0];
    damage(index, |bytes| {
        let (start, rows) = (bytes.len() - 40, 4 * count as usize);
        let first = bytes[start - rows..][..4].to_vec();
        bytes[start - rows..start].copy_from_slice(&first.repeat(count as usize));
    });
    let collect = walk(&open(repo.path()), &Walk::DEFAULT);
    assert_eq!(collect.failed.into_inner().unwrap().len(), count as usize);
}

#[test]
fn a_long_chain_needs_no_stack() {
    let mut made = Made::new();
    made.blob(0, b"abc");
    let count = 70_000;
    for number in 1..count {
        made.named(number, number - 1, &[3, 3, 0x90, 3]);
    }
    let repo = Repo::new();
    write(&made, &repo);
    let store = open(repo.path());
    let collect = walk(&store, &Walk::DEFAULT);
    assert_eq!(collect.seen.into_inner().unwrap().len(), count as usize);
    let read = |number| store.read(&Made::id(number), LIMIT, &mut Cache::new(0));
    assert_eq!(read(count - 1).unwrap_err().fault(), Some(Fault::TooDeep));
    assert_eq!(*read(4096).unwrap().unwrap().content, b"abc");
}

#[test]
fn a_header_that_changed_differs_from_its_checksum() {
    let repo = Repo::new();
    let mut made = Made::new();
    made.blob(0, b"abc");
    write(&made, &repo);
    // From a blob into a tree: nothing but the checksum tells.
    damage(&packs(repo.path(), "pack")[0], |bytes| bytes[12] ^= 0x10);
    let collect = walk(&open(repo.path()), &Walk { kinds: ALL, ..Walk::DEFAULT });
    let failed = collect.failed.into_inner().unwrap();
    assert_eq!(failed[0].1.fault(), Some(Fault::Checksum));
    assert!(collect.seen.into_inner().unwrap().is_empty());
}

#[test]
fn lies_about_sizes_are_not_allocated_for() {
    let mut made = Made::new();
    made.add(0, 3, 1 << 62, &[], b"abc");
    made.add(1, 3, 500 << 20, &[], b"abc");
    made.add(2, 3, 2, &[], b"abc");
    made.add(3, 3, 4, &[], b"abc");
    made.blob(4, b"abc");
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    made.named(5, 4, &[&[3][..], &huge, &[0x90, 3]].concat());
    made.add(6, 7, 1 << 40, Made::id(4).as_bytes(), &[3, 3, 0x90, 3]);
    made.named(7, 4, &[4, 3, 0x90, 3]);
    made.named(8, 4, &[3, 3, 0x90, 4]);
    made.named(9, 4, &[3, 3, 0x9f, 0xff, 0xff, 0xff, 0xff, 3]);
    let (seen, failed) = walked(&made, 10);
    assert_eq!(seen, BTreeMap::from([(4, b"abc".to_vec())]));
    let expected = [
        (0, Fault::TooLarge { size: 1 << 62 }),
        (1, Fault::Deflate),
        (2, Fault::Deflate),
        (3, Fault::Deflate),
        (5, Fault::Delta),
        (6, Fault::TooLarge { size: 1 << 40 }),
        (7, Fault::Delta),
        (8, Fault::Delta),
        (9, Fault::Delta),
    ];
    assert_eq!(failed, BTreeMap::from(expected));
}

#[test]
fn a_small_pack_may_not_unfold_without_bound() {
    let mut made = Made::new();
    made.blob(0, &vec![b'x'; 0xff_ffff]);
    let length = |value: u64| {
        let mut bytes: Vec<u8> = (0..6).map(|group| (value >> (7 * group)) as u8 | 0x80).collect();
        bytes[5] &= 0x7f;
        bytes
    };
    let copy = [0xf0, 0xff, 0xff, 0xff].repeat(65);
    made.named(1, 0, &[length(0xff_ffff), length(65 * 0xff_ffff), copy].concat());
    made.named(2, 1, &[3, 3, 0x90, 3]);
    let (seen, failed) = walked(&made, 3);
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), [0]);
    assert_eq!(failed[&1], Fault::TooLarge { size: 65 * 0xff_ffff });
    assert_eq!(failed[&2], Fault::DamagedBase);
}

#[test]
fn a_thin_pack_finds_its_bases_elsewhere_or_says_so() {
    let repo = Repo::new();
    repo.write("base", "a base that is loose");
    let base = Id::from_hex(&repo.git(["hash-object", "-w", "base"])).unwrap();
    let mut made = Made::new();
    made.add(0, 7, 4, base.as_bytes(), &[20, 6, 0x90, 6]);
    made.named(1, 0, &[6, 3, 0x90, 3]);
    made.named(2, 9, &[6, 3, 0x90, 3]);
    made.named(3, 2, &[3, 3, 0x90, 3]);
    write(&made, &repo);
    let store = open(repo.path());
    let collect = walk(&store, &Walk::DEFAULT);
    let seen = collect.seen.into_inner().unwrap();
    let of = |number| &seen[&Made::id(number)].1;
    assert_eq!((seen.len(), &**of(0), &**of(1)), (3, &b"a base"[..], &b"a b"[..]));
    let faults = |number| {
        let failed = collect.failed.lock().unwrap();
        failed.iter().find(|(id, _)| *id == Some(Made::id(number))).unwrap().1.fault().unwrap()
    };
    assert_eq!((faults(2), faults(3)), (Fault::MissingBase, Fault::DamagedBase));
    assert_eq!(store.header(&Made::id(1)).unwrap(), Some((Kind::Blob, 3)));
}
