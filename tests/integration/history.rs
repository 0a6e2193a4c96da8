//! Attribution by shapes against comparing all trees: the same sightings and the same ledger, on made-up
//! histories of everything that trees can do: merges, moves, files that become directories, submodules,
//! objects that are missing, and trees that git would not write. Loose, and packed as deltas.

use super::harness::{Repo, git};
use cofferdam::scan::coverage::{Ledger, SkipReason};
use cofferdam::scan::path_names::PathNames;
use cofferdam::scan::source::history::{HistoryOptions, scan_history};
use cofferdam::scan::source::repository::{Limits, Repository};
use cofferdam::scan::source::sighting::ContentScanner;
use git2::{ObjectType, Oid};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::process::{Command, Stdio};

/// Finds lines with `LEAK` in them, and paths that an expression asks for.
struct Marker(regex::Regex);

impl ContentScanner for Marker {
    /// The line and its number.
    type Hit = (usize, String);
    type Learnt = ();

    fn scan(&self, _: &dyn Display, content: &[u8]) -> Vec<Self::Hit> {
        let text = String::from_utf8_lossy(content);
        let lines = (1..).zip(text.lines()).filter(|(_, line)| line.contains("LEAK"));
        lines.map(|(number, line)| (number, line.to_owned())).collect()
    }

    fn scan_path(&self, path: &str) -> Vec<Self::Hit> {
        self.0.is_match(path).then(|| (0, format!("path {path}"))).into_iter().collect()
    }

    fn path_names(&self) -> PathNames {
        PathNames::of([self.0.as_str()].into_iter())
    }

    fn identity(&self, hit: &Self::Hit) -> u128 {
        hit.1.bytes().fold(7, |hash: u128, byte| hash.wrapping_mul(257).wrapping_add(byte.into()))
    }

    fn lines(&self, hit: &Self::Hit) -> Option<RangeInclusive<usize>> {
        Some(hit.0..=hit.0)
    }
}

/// A source of choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

#[derive(Clone)]
enum Item {
    Leaf(&'static str, Oid),
    Directory(Directory),
    /// A tree of which only the name is known.
    Tree(Oid),
}

/// By name, and with a slash behind it where it is a directory: so they are in git's order.
type Directory = BTreeMap<Vec<u8>, Item>;

const NAMES: [&[u8]; 12] = [
    b"a",
    b"a-b",
    b"a.txt",
    b"b",
    b"deep",
    b"lib",
    b"notes.md",
    b"x.p12",
    b"vault",
    b"z",
    b"caf\xff",
    b"back\\slash",
];

/// Makes a history with trees of every kind.
struct Maker {
    dice: Dice,
    repository: git2::Repository,
    /// Also what git would not write.
    is_wild: bool,
}

impl Maker {
    fn write(&self, kind: ObjectType, bytes: &[u8]) -> Oid {
        self.repository.odb().unwrap().write(kind, bytes).unwrap()
    }

    /// A name for an object that is not there.
    fn nothing(&mut self) -> Oid {
        let bytes = format!("nothing {}", self.dice.roll(3));
        git2::Oid::hash_object_ext(ObjectType::Blob, bytes.as_bytes(), self.repository.object_format())
            .unwrap()
    }

    fn blob(&mut self) -> Oid {
        let mut text = String::new();
        for line in 0..self.dice.roll(5) {
            match self.dice.roll(3) {
                0 => text += &format!("LEAK {}\n", self.dice.roll(4)),
                _ => text += &format!("dull {line} {}\n", self.dice.roll(3)),
            }
        }
        self.write(ObjectType::Blob, text.as_bytes())
    }

    fn item(&mut self) -> Item {
        match self.dice.roll(24) {
            0 => Item::Leaf("160000", self.nothing()),
            1 if self.is_wild => Item::Leaf("100644", self.nothing()),
            2 if self.is_wild => Item::Tree(self.nothing()),
            3 if self.is_wild => Item::Tree(self.strange()),
            4 => Item::Leaf("100755", self.blob()),
            5 if self.is_wild => Item::Leaf("0100644", self.blob()),
            6..10 => {
                let mut directory = Directory::new();
                (0..self.dice.roll(4)).for_each(|_| self.put(&mut directory));
                Item::Directory(directory)
            }
            _ => Item::Leaf("100644", self.blob()),
        }
    }

    fn put(&mut self, directory: &mut Directory) {
        let (mut name, item) = (self.dice.pick(&NAMES).to_vec(), self.item());
        if !matches!(item, Item::Leaf(..)) {
            name.push(b'/');
        }
        directory.insert(name, item);
    }

    /// A tree that is not as git writes them, or none at all.
    fn strange(&mut self) -> Oid {
        let entry = |name: &str, id: Oid| [format!("100644 {name}\0").as_bytes(), id.as_bytes()].concat();
        let (one, other) = (entry("b", self.blob()), entry("a", self.blob()));
        let bytes = match self.dice.roll(5) {
            0 => [one, other].concat(),
            1 => [other.clone(), other, one].concat(),
            2 => [other, one[..12].to_vec()].concat(),
            3 => entry("a/b", self.blob()),
            _ => return self.blob(),
        };
        self.write(ObjectType::Tree, &bytes)
    }

    fn edit(&mut self, directory: &mut Directory) {
        let names: Vec<Vec<u8>> = directory.keys().cloned().collect();
        if !names.is_empty() && self.dice.roll(3) > 0 {
            let name = self.dice.pick(&names);
            if let Some(Item::Directory(below)) = directory.get_mut(name) {
                return self.edit(below);
            }
        }
        match self.dice.roll(4) {
            0 if !names.is_empty() => drop(directory.remove(self.dice.pick(&names))),
            1 if !names.is_empty() => {
                let from = self.dice.pick(&names);
                let item = directory[from].clone();
                if self.dice.roll(3) > 0 {
                    directory.remove(from);
                }
                let mut to = self.dice.pick(&NAMES).to_vec();
                to.extend(from.strip_suffix(b"/").map(|_| b'/'));
                directory.insert(to, item);
            }
            _ => self.put(directory),
        }
    }

    fn tree(&self, directory: &Directory) -> Oid {
        let mut bytes = Vec::new();
        for (name, item) in directory {
            let (mode, id) = match item {
                Item::Leaf(mode, id) => (*mode, *id),
                Item::Directory(below) => ("40000", self.tree(below)),
                Item::Tree(id) => ("40000", *id),
            };
            let name = name.strip_suffix(b"/").unwrap_or(name);
            bytes.extend([mode.as_bytes(), b" ", name, b"\0", id.as_bytes()].concat());
        }
        self.write(ObjectType::Tree, &bytes)
    }

    /// Commits, each on one or some of those before it, and references to some.
    fn history(&mut self, commits: usize) {
        let mut all: Vec<(Oid, Directory)> = Vec::new();
        // Many directories, so that trees are worth a delta.
        let mut first: Directory = (0..30)
            .map(|number| (format!("file{number}").into_bytes(), Item::Leaf("100644", self.blob())))
            .collect();
        (0..8).for_each(|_| self.put(&mut first));
        for number in 0..commits {
            let count = if self.dice.roll(3) == 0 { 2 + self.dice.roll(2) } else { 1 };
            let parents: Vec<usize> = match all.len() {
                0 => Vec::new(),
                len => (0..count).map(|_| len - 1 - self.dice.roll(len.min(4))).collect(),
            };
            let mut tree = first.clone();
            if let Some(parent) = parents.first() {
                tree.clone_from(&all[*parent].1);
                for other in &parents[1..] {
                    let taken = all[*other].1.iter().filter(|_| self.dice.roll(2) == 0);
                    tree.extend(taken.map(|(name, item)| (name.clone(), item.clone())));
                }
            }
            if parents.len() < 2 || self.dice.roll(2) == 0 {
                (0..1 + self.dice.roll(3)).for_each(|_| self.edit(&mut tree));
            }
            let mut text = format!("tree {}\n", self.tree(&tree));
            parents.iter().for_each(|parent| text += &format!("parent {}\n", all[*parent].0));
            let person = format!("C <c@example.com> {} +0000", 1_700_000_000 + number / 2);
            text += &format!("author {person}\ncommitter {person}\n\nm {number}\n");
            all.push((self.write(ObjectType::Commit, text.as_bytes()), tree));
        }
        for (back, name) in [(1, "heads/main"), (2, "heads/other"), (4, "notes/commits"), (6, "tags/old")] {
            let id = all[commits - back].0;
            self.repository.reference(&format!("refs/{name}"), id, true, "").unwrap();
        }
    }
}

/// Packs everything, reachable or not, whole or not.
fn pack(repo: &Repo) {
    let ids = repo.git(["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
    let mut git_pack = Command::new("git")
        .current_dir(repo.path())
        .args(["pack-objects", "-q", "--window=20", "--depth=30", ".git/objects/pack/pack"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    git_pack.stdin.take().unwrap().write_all(ids.as_bytes()).unwrap();
    assert!(git_pack.wait().unwrap().success());
    git(repo.path(), ["prune-packed", "-q"]);
}

/// Sightings and ledger, as text.
fn scan(repo: &Repo, scanner: &Marker, options: HistoryOptions) -> (Vec<String>, String) {
    let ledger = Ledger::default();
    let repository = Repository::discover(repo.path()).unwrap();
    let sightings = scan_history(&repository, scanner, options, &Limits::default(), &ledger).unwrap();
    (sightings.iter().map(|one| format!("{one:?}")).collect(), format!("{:#?}", ledger.coverage()))
}

/// Both ways agree on a made-up history; gives how much they found, and the ledger.
fn agree(seed: u64, format: &str) -> (usize, String) {
    let repo = Repo::init(&["--object-format", format]);
    let repository = git2::Repository::open(repo.path()).unwrap();
    let mut maker = Maker { dice: Dice(seed), repository, is_wild: seed.is_multiple_of(2) };
    maker.history(24);
    let (mut found, mut ledgers) = (0, String::new());
    for is_packed in [false, true] {
        if is_packed {
            pack(&repo);
        }
        for expression in [r"\.p12$", r"^(?:.*/)?vault/[a-z./]+$", r"[ab]$"] {
            let scanner = Marker(regex::Regex::new(expression).unwrap());
            for unreachable in [false, true] {
                let options = HistoryOptions { unreachable, ..HistoryOptions::default() };
                let real = scan(&repo, &scanner, HistoryOptions { every_blob: true, ..options });
                let fast = scan(&repo, &scanner, options);
                assert_eq!(fast, real, "seed {seed}, packed {is_packed}, {expression}");
                found += fast.0.len();
                ledgers += &fast.1;
            }
        }
    }
    (found, ledgers)
}

#[test]
fn shapes_tell_what_trees_tell() {
    let (mut found, mut ledgers) = (0, String::new());
    for seed in 0..16 {
        let (sightings, ledger) = agree(seed, if seed % 5 == 4 { "sha256" } else { "sha1" });
        found += sightings;
        ledgers += &ledger;
    }
    assert!(found > 2_000, "{found} sightings prove little");
    for reason in [SkipReason::Submodule, SkipReason::MissingObject, SkipReason::DamagedObject] {
        assert!(ledgers.contains(&format!("{reason:?}")), "no {reason:?} was met");
    }
    for met in ["malformed tree", "not a tree"] {
        assert!(ledgers.contains(met), "no {met} was met");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn shapes_tell_what_trees_tell_of_any_history(seed in any::<u64>()) {
        agree(seed, "sha1");
    }
}
