//! Which new file of a commit is one that went away, under a new name: what git's own search for renames
//! says with its defaults (`diffcore-rename.c`), for gitleaks reads diffs that it has been through. First
//! what is the same, then what alone has a base name, then what is most alike; not by git's own hash of
//! parts, which takes some of a hundred thousand different lines for others. Apart from `attribution`,
//! which says what that means for hits, and from `lines`, which compares the two.

use super::super::keyed_hash::keyed_hash;
use super::sighting::Hits;
use super::tree::{Change, Leaf};
use git2::Oid;
use polymur_hash::PolymurHash;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::VecDeque;

/// No more files that went away are compared with others that came.
const MOST_PAIRS: usize = 1000 * 1000;
/// Of the files with one content, so many are asked for their name.
const MOST_NAMES: usize = 100;
/// What is most like a new file: of so many one may become it.
const CANDIDATES: usize = 4;
/// The similarity of what is the same.
const SAME: usize = 60_000;
/// From here on a file is another one renamed.
const ALIKE: usize = SAME / 2;
/// The same, where no other two have that base name.
const ALIKE_BY_NAME: usize = SAME / 4 * 3;
/// Contents are compared by lines, and those by parts of so many bytes.
const PART: usize = 64;
/// Where a zero byte says that a content is no text.
const TELLING: usize = 8000;

type Read<'a> = &'a dyn Fn(Oid) -> Option<Vec<u8>>;

/// By the path of a new file what it was before, as far as files with hits need it. `changes` are all that
/// the commit has, for other files may be more alike.
pub(super) fn moves_of<H>(hits: &Hits<H>, changes: &[Change], read: Read<'_>) -> FxHashMap<Vec<u8>, Oid> {
    let file = |change, leaf: &Leaf| File::new(change, *leaf, hits.has(leaf.id));
    let mut search = Search::default();
    for change in changes {
        match (change.new, &change.old[..]) {
            (None, [Some(old)]) => search.gone.push(file(change, old)),
            (Some(new), [None]) => search.new.push(file(change, &new)),
            _ => {}
        }
    }
    search.gone.sort_unstable_by_key(|file| file.path);
    search.new.sort_unstable_by_key(|file| file.path);
    let steps: [&dyn Fn(&mut Search<'_>); 3] =
        [&|search| search.by_id(), &|search| search.by_name(read), &|search| search.by_content(read)];
    for step in steps {
        if search.new.iter().any(|file| file.has_hits) {
            step(&mut search);
        }
        search.gone.retain(|file| !file.is_paired);
        search.new.retain(|file| !file.is_paired);
    }
    search.moves
}

struct File<'a> {
    path: &'a [u8],
    /// The last part of its path.
    name: &'a [u8],
    leaf: Leaf,
    has_hits: bool,
    is_paired: bool,
}

impl<'a> File<'a> {
    fn new(change: &'a Change, leaf: Leaf, has_hits: bool) -> Self {
        let start = memchr::memrchr(b'/', &change.path).map_or(0, |slash| slash + 1);
        Self { path: &change.path, name: &change.path[start..], leaf, has_hits, is_paired: false }
    }

    /// What files with the same content have in common, too.
    fn same(&self) -> (Oid, u32) {
        (self.leaf.id, if self.leaf.is_regular() { 0 } else { self.leaf.mode })
    }
}

/// Two files that are alike, by their indices.
struct Pair {
    similarity: usize,
    keeps_name: bool,
    gone: usize,
    new: usize,
}

impl Pair {
    /// Sorts the better ones first.
    fn rank(&self) -> Reverse<(usize, bool)> {
        Reverse((self.similarity, self.keeps_name))
    }
}

/// The files that have no partner yet, in the order of their paths.
#[derive(Default)]
struct Search<'a> {
    gone: Vec<File<'a>>,
    new: Vec<File<'a>>,
    moves: FxHashMap<Vec<u8>, Oid>,
}

impl Search<'_> {
    fn pair(&mut self, gone: usize, new: usize) {
        let (gone, new) = (&mut self.gone[gone], &mut self.new[new]);
        if !gone.is_paired && !new.is_paired {
            (gone.is_paired, new.is_paired) = (true, true);
            self.moves.insert(new.path.to_vec(), gone.leaf.id);
        }
    }

    /// Pairs files with the same content, best one that keeps its name.
    fn by_id(&mut self) {
        let mut same: FxHashMap<(Oid, u32), VecDeque<usize>> = FxHashMap::default();
        for (index, file) in self.gone.iter().enumerate() {
            same.entry(file.same()).or_default().push_back(index);
        }
        for new in 0..self.new.len() {
            let file = &self.new[new];
            let Some(before) = same.get_mut(&file.same()) else { continue };
            let keeps_name = |gone: &usize| self.gone[*gone].name == file.name;
            let best = before.iter().take(MOST_NAMES).position(keeps_name).unwrap_or(0);
            before.remove(best).into_iter().for_each(|gone| self.pair(gone, new));
        }
    }

    /// Pairs files whose name one that went away and one that came have, and no others.
    fn by_name(&mut self, read: Read<'_>) {
        let hasher = keyed_hash();
        let new = sole_names(&self.new);
        for (name, gone) in sole_names(&self.gone) {
            let Some(new) = new.get(name).copied() else { continue };
            let profile = |file: &File<'_>| Profile::of_file(file, read, &hasher);
            let profiles = profile(&self.gone[gone]).zip(profile(&self.new[new]));
            if profiles.is_some_and(|(old, new)| old.similarity(&new) >= ALIKE_BY_NAME) {
                self.pair(gone, new);
            }
        }
    }

    /// Pairs what is most alike.
    fn by_content(&mut self, read: Read<'_>) {
        if self.gone.len().saturating_mul(self.new.len()) <= MOST_PAIRS {
            let mut pairs = self.alike(read);
            pairs.sort_by_key(Pair::rank);
            pairs.into_iter().for_each(|pair| self.pair(pair.gone, pair.new));
        }
    }

    /// What each new file may have been.
    fn alike(&self, read: Read<'_>) -> Vec<Pair> {
        let hasher = keyed_hash();
        let profile = |(index, file)| Some((index, Profile::of_file(file, read, &hasher)?));
        // Of the fewer files, a thousand at most, all profiles are kept.
        let is_gone_less = self.gone.len() <= self.new.len();
        let (less, more) = if is_gone_less { (&self.gone, &self.new) } else { (&self.new, &self.gone) };
        let less: Vec<(usize, Profile)> = less.iter().enumerate().filter_map(profile).collect();
        let mut best: Vec<Vec<Pair>> = (0..self.new.len()).map(|_| Vec::new()).collect();
        for (one, its) in more.iter().enumerate().take_while(|_| !less.is_empty()).filter_map(profile) {
            for (other, others) in &less {
                let (gone, new) = if is_gone_less { (*other, one) } else { (one, *other) };
                let keeps_name = self.gone[gone].name == self.new[new].name;
                offer(&mut best[new], Pair { similarity: its.similarity(others), keeps_name, gone, new });
            }
            if is_gone_less {
                best[one].retain(|pair| pair.similarity >= ALIKE);
                best[one].shrink_to_fit();
            }
        }
        best.into_iter().flatten().filter(|pair| pair.similarity >= ALIKE).collect()
    }
}

/// Puts a pair among the best of a new file: in the place of the worst. Where others are as good, these
/// places decide, as in git.
fn offer(best: &mut Vec<Pair>, pair: Pair) {
    if best.len() < CANDIDATES {
        best.push(pair);
        return;
    }
    // Of the worst, the first: what ranks last is greatest.
    let worst = best.iter_mut().rev().max_by_key(|pair| pair.rank()).expect("there are some");
    if pair.rank() < worst.rank() {
        *worst = pair;
    }
}

/// Base names that one of the files has, with its index.
fn sole_names<'a>(files: &[File<'a>]) -> FxHashMap<&'a [u8], usize> {
    let mut names: FxHashMap<&[u8], Option<usize>> = FxHashMap::default();
    for (index, file) in files.iter().enumerate() {
        names.entry(file.name).and_modify(|sole| *sole = None).or_insert(Some(index));
    }
    names.into_iter().filter_map(|(name, sole)| Some((name, sole?))).collect()
}

/// What parts a content has.
struct Profile {
    /// Of the content, in bytes.
    length: usize,
    /// Hashes of its parts, in order, each with the bytes of all parts like it.
    parts: Vec<(u64, usize)>,
}

impl Profile {
    /// None where it is a link or a submodule or cannot be read.
    fn of_file(file: &File<'_>, read: Read<'_>, hasher: &PolymurHash) -> Option<Self> {
        if file.leaf.is_regular() { Some(Self::of(&read(file.leaf.id)?, hasher)) } else { None }
    }

    /// How a text's lines end makes no difference.
    fn of(content: &[u8], hasher: &PolymurHash) -> Self {
        let is_text = memchr::memchr(0, &content[..content.len().min(TELLING)]).is_none();
        let mut parts = Vec::with_capacity(content.len() / PART);
        let mut unix = Vec::new();
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            let line = match line.strip_suffix(b"\r\n").filter(|_| is_text) {
                Some(line) => {
                    unix.clear();
                    unix.extend(line);
                    unix.push(b'\n');
                    &unix
                }
                None => line,
            };
            parts.extend(line.chunks(PART).map(|part| (hasher.hash(part), part.len())));
        }
        parts.sort_unstable();
        parts.dedup_by(|next, part| {
            let is_same = next.0 == part.0;
            part.1 += if is_same { next.1 } else { 0 };
            is_same
        });
        parts.shrink_to_fit();
        Self { length: content.len(), parts }
    }

    /// The share of the larger content that both have, of [`SAME`]; 0 where it cannot be a half.
    fn similarity(&self, other: &Self) -> usize {
        let (less, more) = (self.length.min(other.length), self.length.max(other.length));
        if less < more / 2 {
            return 0;
        }
        let mut others = other.parts.iter().peekable();
        let mut shared = 0;
        for (part, bytes) in &self.parts {
            while others.next_if(|(other, _)| other < part).is_some() {}
            shared += others.next_if(|(other, _)| other == part).map_or(0, |(_, others)| *bytes.min(others));
        }
        shared * SAME / more.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_later_takes_the_place_of_the_first_that_is_worst() {
        let mut best = Vec::new();
        for (similarity, gone) in [60, 93, 50, 50, 93, 50, 55].into_iter().zip(0..) {
            offer(&mut best, Pair { similarity, keeps_name: false, gone, new: 0 });
        }
        let gone: Vec<usize> = best.iter().map(|pair| pair.gone).collect();
        assert_eq!(gone, [0, 1, 4, 6]);
    }

    #[test]
    fn half_of_a_file_makes_it_a_renamed_one() {
        let hasher = keyed_hash();
        let similarity =
            |old: &[u8], new: &[u8]| Profile::of(old, &hasher).similarity(&Profile::of(new, &hasher));
        assert!(similarity(b"a\nb\nc\n", b"a\nb\nx\n") > ALIKE);
        assert!(similarity(b"a\nb\nc\n", b"a\ny\nx\n") < ALIKE);
        let each = "each line as often as both have it";
        assert_eq!(similarity(b"a\na\na\nb\n", b"b\na\na\nc\n"), ALIKE_BY_NAME, "{each}");
        assert_eq!(similarity(b"a\nb", b"b\na\n"), ALIKE, "a line without an end is another");
        assert_eq!(similarity(b"a\n", b"a\na\na\na\na\n"), 0, "too little of it to be a half");
        assert_eq!(similarity(b"abc\r\nd\r\n", b"abc\nd\n"), SAME * 6 / 8, "ends that differ");
        assert_eq!(similarity(b"\0\r\n", b"\0\n"), 0, "no text");
        let long = [b'x'; 3 * PART];
        assert_eq!(similarity(&long, &long[PART..]), SAME * 2 / 3, "parts of a long line");
    }
}
