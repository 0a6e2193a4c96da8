//! The object store and its walk against what git says of the same repositories: whole, repacked at
//! several depths, spread over alternates, and damaged.

mod damage;
mod hostile;
mod made;

use super::harness::{Repo, git};
use cofferdam::scan::source::pack::{
    Cache, Fault, HashKind, Id, Kind, ObjectStore, PackError, Piece, Visit, Visitor, Walk,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

const ALL: &[Kind] = &[Kind::Blob, Kind::Commit, Kind::Tag, Kind::Tree];
const LIMIT: u64 = 1 << 30;

type Objects = BTreeMap<Id, (Kind, Vec<u8>)>;

/// Every object of a repository, as git gives it.
fn by_git(repo: &Path) -> Objects {
    let arguments = ["cat-file", "--batch-all-objects", "--batch", "--unordered"];
    let output = Command::new("git").current_dir(repo).args(arguments).stdin(Stdio::null()).output().unwrap();
    let mut rest = output.stdout.as_slice();
    let mut objects = Objects::new();
    while !rest.is_empty() {
        let line_end = rest.iter().position(|&byte| byte == b'\n').unwrap();
        let line = std::str::from_utf8(&rest[..line_end]).unwrap();
        rest = &rest[line_end + 1..];
        let fields: Vec<&str> = line.split(' ').collect();
        let [id, kind, size] = fields[..] else { continue };
        let Ok(size) = size.parse::<usize>() else { continue };
        let kind = match kind {
            "blob" => Kind::Blob,
            "commit" => Kind::Commit,
            "tag" => Kind::Tag,
            _ => Kind::Tree,
        };
        objects.insert(Id::from_hex(id).unwrap(), (kind, rest[..size].to_vec()));
        rest = &rest[size + 1..];
    }
    objects
}

fn objects_of(repo: &Path) -> PathBuf {
    repo.join(git(repo, ["rev-parse", "--git-path", "objects"]))
}

fn open(repo: &Path) -> ObjectStore {
    let hash = match git(repo, ["rev-parse", "--show-object-format"]).as_str() {
        "sha256" => HashKind::Sha256,
        _ => HashKind::Sha1,
    };
    ObjectStore::open(&objects_of(repo), hash, &[]).unwrap()
}

/// Collects what it is shown, and checks that pieces give the content.
#[derive(Default)]
struct Collect {
    seen: Mutex<Objects>,
    twice: Mutex<Vec<Id>>,
    deltas: Mutex<usize>,
    repeats: Mutex<usize>,
    failed: Mutex<Vec<(Option<Id>, PackError)>>,
}

impl Collect {
    fn see(&self, object: &Visit<'_>) -> Vec<u8> {
        *self.repeats.lock().unwrap() += usize::from(object.is_repeat);
        let content = (object.kind, object.content.to_vec());
        if !object.is_repeat && self.seen.lock().unwrap().insert(object.id, content).is_some() {
            self.twice.lock().unwrap().push(object.id);
        }
        object.content.to_vec()
    }
}

impl Visitor for Collect {
    type State = Vec<u8>;

    fn whole(&self, object: &Visit<'_>) -> Vec<u8> {
        self.see(object)
    }

    fn delta(&self, object: &Visit<'_>, base: &[u8], learnt: &Vec<u8>, pieces: &[Piece]) -> Vec<u8> {
        *self.deltas.lock().unwrap() += 1;
        assert_eq!(base, learnt);
        let mut end = 0;
        for piece in pieces {
            let (offset, len) = match *piece {
                Piece::Copy { base_offset, len, offset } => {
                    assert_eq!(object.content[offset..offset + len], base[base_offset..base_offset + len]);
                    (offset, len)
                }
                Piece::Insert { offset, len } => (offset, len),
            };
            assert_eq!(offset, end);
            end += len;
        }
        assert_eq!(end, object.content.len());
        self.see(object)
    }

    fn failed(&self, id: Option<Id>, error: PackError) {
        self.failed.lock().unwrap().push((id, error));
    }
}

fn walk(store: &ObjectStore, walk: &Walk<'_>) -> Collect {
    let collect = Collect::default();
    store.walk(walk, &collect);
    collect
}

/// Store and walk agree with git on everything.
#[track_caller]
fn assert_agrees(repo: &Path) -> Collect {
    let (store, expected) = (open(repo), by_git(repo));
    assert!(store.problems().is_empty(), "{:?}", store.problems());
    let mut cache = Cache::new(1 << 20);
    for (id, (kind, content)) in &expected {
        let object = store.read(id, LIMIT, &mut cache).unwrap().unwrap();
        assert_eq!((object.kind, &*object.content), (*kind, content));
        assert_eq!(store.header(id).unwrap(), Some((*kind, content.len() as u64)));
    }
    assert_eq!(store.ids().collect::<std::collections::BTreeSet<_>>(), expected.keys().copied().collect());
    let collect = walk(&store, &Walk { kinds: ALL, ..Walk::DEFAULT });
    assert!(collect.failed.lock().unwrap().is_empty());
    assert!(collect.twice.lock().unwrap().is_empty());
    assert!(*collect.seen.lock().unwrap() == expected);
    collect
}

/// A history of small edits to a few files, one of them moved about in.
fn grow(repo: &Repo, seed: u64, commits: u64) {
    for number in 0..commits {
        let file = (seed + number) % 3;
        let mut lines: Vec<String> =
            (0..120).map(|line| format!("file {file} line {line} {}", seed.wrapping_mul(line + 7))).collect();
        for edit in 0..number {
            let place = (edit * 37 + seed) as usize % lines.len();
            lines[place] = format!("edit {edit} of {number}");
            lines.rotate_left((edit % 5) as usize);
        }
        repo.commit(&format!("f{file}"), lines.join("\n"), &format!("commit {number}"));
    }
    repo.git(["tag", "-a", "-m", "a tag", &format!("v{seed}")]);
}

fn repack(repo: &Repo, depth: u32, window: u32) {
    repo.git(["repack", "-qadf", &format!("--depth={depth}"), &format!("--window={window}")]);
}

#[test]
fn agrees_with_git_loose_and_packed() {
    let repo = Repo::new();
    grow(&repo, 1, 12);
    assert_agrees(repo.path());
    for (depth, window) in [(0, 0), (1, 10), (50, 10), (4000, 200)] {
        repack(&repo, depth, window);
        let collect = assert_agrees(repo.path());
        assert_eq!(*collect.deltas.lock().unwrap() > 0, depth > 0);
    }
}

#[test]
fn agrees_with_git_on_sha256() {
    let repo = Repo::init(&["--object-format=sha256"]);
    grow(&repo, 2, 8);
    assert_agrees(repo.path());
    repack(&repo, 50, 10);
    assert_agrees(repo.path());
}

#[test]
fn agrees_with_git_on_other_formats() {
    let repo = Repo::new();
    grow(&repo, 3, 8);
    repo.git(["-c", "pack.indexVersion=1", "repack", "-qadf"]);
    assert_agrees(repo.path());
    repo.git(["-c", "repack.useDeltaBaseOffset=false", "repack", "-qadf"]);
    assert_agrees(repo.path());
    let pack = packs(repo.path(), "pack").remove(0);
    // Offsets above 16 go to the table of large ones.
    git(repo.path(), ["index-pack", "--index-version=2,16", pack.to_str().unwrap()]);
    assert_agrees(repo.path());
}

#[test]
fn visits_an_object_once_however_often_it_is_stored() {
    let repo = Repo::new();
    grow(&repo, 4, 6);
    repo.git(["repack", "-qf"]);
    grow(&repo, 5, 9);
    // Everything again in a second pack, and some of it loose.
    repo.git(["repack", "-qaf", "--keep-pack=none"]);
    grow(&repo, 6, 3);
    assert!(packs(repo.path(), "pack").len() >= 2);
    assert_agrees(repo.path());
}

#[test]
fn uses_a_multi_pack_index_without_trusting_it() {
    let repo = Repo::new();
    for seed in 20..24 {
        grow(&repo, seed, 3);
        repo.git(["repack", "-qd"]);
    }
    repo.git(["multi-pack-index", "write"]);
    assert_agrees(repo.path());
    let expected = by_git(repo.path());
    let index = objects_of(repo.path()).join("pack/multi-pack-index");
    let length = std::fs::read(&index).unwrap().len();
    for place in (0..length).step_by(97) {
        damage::damage(&index, |bytes| bytes[place] ^= 0x55);
        let store = open(repo.path());
        assert!(expected.keys().all(|id| store.contains(id)));
        damage::damage(&index, |bytes| bytes[place] ^= 0x55);
    }
}

#[test]
fn a_base_that_is_stored_twice_is_a_repeat() {
    let repo = Repo::new();
    let long: String = (0..300).map(|line| format!("line {line}\n")).collect();
    repo.commit("a", &long, "one");
    repo.commit("b", "x".repeat(5000), "two");
    repo.git(["repack", "-qad"]);
    repo.commit("a", &long[..2000], "three");
    // A second, smaller pack: the old version, and the new one as a delta on it.
    let list = format!("{}\n", repo.git(["rev-parse", "HEAD~2:a", "HEAD:a"]));
    let list = repo.write("list", list);
    let stem = objects_of(repo.path()).join("pack/pack");
    let input = std::fs::File::open(list).unwrap();
    let status = Command::new("git")
        .current_dir(repo.path())
        .args(["pack-objects", "-q"])
        .arg(stem)
        .stdin(input)
        .status();
    assert!(status.unwrap().success());
    repo.git(["prune-packed"]);
    let collect = assert_agrees(repo.path());
    assert_eq!(*collect.deltas.lock().unwrap(), 1);
    assert_eq!(*collect.repeats.lock().unwrap(), 1);
}

#[test]
fn follows_alternates_and_their_circles() {
    let (one, two) = (Repo::new(), Repo::new());
    grow(&one, 7, 4);
    grow(&two, 8, 4);
    repack(&two, 50, 10);
    let link =
        |from: &Repo, to: &Path| from.write(".git/objects/info/alternates", format!("{}\n", to.display()));
    link(&one, &objects_of(two.path()));
    assert_agrees(one.path());
    link(&two, &objects_of(one.path()));
    let store = open(one.path());
    assert!(store.problems().is_empty());
    assert_eq!(
        walk(&store, &Walk { kinds: ALL, ..Walk::DEFAULT }).seen.into_inner().unwrap(),
        by_git(one.path())
    );
    std::fs::remove_file(one.path().join(".git/objects/info/alternates")).unwrap();
    let objects = objects_of(one.path());
    let store = ObjectStore::open(&objects, HashKind::Sha1, &[objects_of(two.path())]).unwrap();
    assert!(by_git(two.path()).keys().all(|id| store.contains(id)));
    link(&one, &objects_of(two.path()));
    link(&two, Path::new("/nowhere/objects"));
    assert_eq!(open(one.path()).problems().len(), 1);
}

#[test]
fn keeps_within_its_memory() {
    let repo = Repo::new();
    grow(&repo, 9, 40);
    repack(&repo, 50, 50);
    let (store, expected) = (open(repo.path()), by_git(repo.path()));
    for memory in [0, 5_000, 100_000] {
        let collect = Collect::default();
        let walked = store.walk(&Walk { kinds: ALL, memory, ..Walk::DEFAULT }, &collect);
        assert!(walked.waiting <= memory);
        assert!(collect.failed.into_inner().unwrap().is_empty());
        assert!(collect.twice.into_inner().unwrap().is_empty());
        assert!(collect.seen.into_inner().unwrap() == expected);
    }
}

#[test]
fn agrees_with_git_at_any_number_of_threads() {
    let repo = Repo::new();
    grow(&repo, 12, 60);
    repack(&repo, 50, 50);
    let (store, expected) = (open(repo.path()), by_git(repo.path()));
    for threads in [1, 2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for memory in [20_000, 256 << 20] {
            let collect = pool.install(|| walk(&store, &Walk { kinds: ALL, memory, ..Walk::DEFAULT }));
            assert!(collect.failed.into_inner().unwrap().is_empty());
            assert!(collect.twice.into_inner().unwrap().is_empty());
            assert!(collect.seen.into_inner().unwrap() == expected);
        }
    }
}

#[test]
fn reports_what_is_over_the_limit() {
    let repo = Repo::new();
    let long: String = (0..500).map(|line| format!("line {line}\n")).collect();
    repo.commit("a", &long, "long");
    repo.commit("a", &long[..1000], "short");
    for is_packed in [false, true] {
        if is_packed {
            repack(&repo, 50, 10);
        }
        let store = open(repo.path());
        let largest = 2000;
        let collect = walk(&store, &Walk { kinds: &[Kind::Blob], largest, ..Walk::DEFAULT });
        let failed = collect.failed.into_inner().unwrap();
        assert_eq!(failed.len(), 1);
        let large = Fault::TooLarge { size: long.len() as u64 };
        assert_eq!(failed[0].1.fault(), Some(large));
        assert_eq!(collect.seen.into_inner().unwrap().len(), 1);
        let error = store.read(&failed[0].0.unwrap(), largest, &mut Cache::new(0)).unwrap_err();
        assert_eq!(error.fault(), Some(large));
    }
}

#[test]
fn loose_objects_of_all_sizes_agree_walk_after_walk() {
    let repo = Repo::new();
    let mut state = 1_u64;
    let mut noise = |length: usize| -> String {
        let next = |state: &mut u64| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b' ' + (*state >> 40) as u8 % 95)
        };
        (0..length).map(|_| next(&mut state)).collect()
    };
    // Some of these files are as long as what is read of one at first, some a byte longer.
    for length in (4900..5000).step_by(4).chain([0, 20_000, 300_000]) {
        repo.write(format!("f{length}"), noise(length));
    }
    repo.git(["add", "."]);
    repo.commit("a", "a", "one");
    assert_agrees(repo.path());
    let store = open(repo.path());
    let kinds = |kinds| walk(&store, &Walk { kinds, ..Walk::DEFAULT }).seen.into_inner().unwrap();
    let (trees, all) = (kinds(&[Kind::Tree]), kinds(ALL));
    assert!(trees.values().all(|(kind, _)| *kind == Kind::Tree) && !trees.is_empty());
    assert!(all == by_git(repo.path()));
    assert!(kinds(&[Kind::Tree]) == trees);
}

#[test]
fn a_missing_object_is_none() {
    let repo = Repo::new();
    grow(&repo, 10, 2);
    let absent = Id::from_bytes(&[7; 20]).unwrap();
    let store = open(repo.path());
    assert_eq!(store.read(&absent, LIMIT, &mut Cache::new(0)).unwrap(), None);
    assert_eq!(store.header(&absent).unwrap(), None);
    assert!(!store.contains(&absent));
}

#[test]
fn what_vanishes_during_a_walk_is_told() {
    /// Removes all loose objects when it is shown the first one.
    struct Remove<'p>(&'p Path, Collect);

    impl Visitor for Remove<'_> {
        type State = Vec<u8>;

        fn whole(&self, object: &Visit<'_>) -> Vec<u8> {
            for entry in std::fs::read_dir(self.0).unwrap().flatten() {
                if entry.file_name().len() == 2 {
                    std::fs::remove_dir_all(entry.path()).unwrap();
                }
            }
            self.1.whole(object)
        }

        fn delta(&self, object: &Visit<'_>, base: &[u8], learnt: &Vec<u8>, pieces: &[Piece]) -> Vec<u8> {
            self.1.delta(object, base, learnt, pieces)
        }

        fn failed(&self, id: Option<Id>, error: PackError) {
            self.1.failed(id, error);
        }
    }

    let repo = Repo::new();
    repo.commit("packed", "packed", "one");
    repo.git(["repack", "-qad"]);
    repo.commit("loose", "loose", "two");
    let (store, objects) = (open(repo.path()), objects_of(repo.path()));
    let remove = Remove(&objects, Collect::default());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| store.walk(&Walk { kinds: ALL, ..Walk::DEFAULT }, &remove));
    let failed = remove.1.failed.into_inner().unwrap();
    assert_eq!(failed.len(), 3, "a blob, a tree and a commit: {failed:?}");
    assert!(failed.iter().all(|(_, error)| error.fault() == Some(Fault::Vanished)));
}

fn packs(repo: &Path, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(objects_of(repo).join("pack")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|found| found == end)).collect()
}
