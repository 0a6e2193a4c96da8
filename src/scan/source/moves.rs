//! Which new file of a commit is one that went away, under a new name. Apart from `attribution`, which says
//! what that means for hits, and from `lines`, which compares the two. Much as git does it, but it knows
//! files with hits alone, and does not prefer, as git does, a base name that no other file has.

use super::super::keyed_hash::keyed_hash;
use super::sighting::Hits;
use super::tree::{Change, Leaf};
use git2::Oid;
use polymur_hash::PolymurHash;
use rustc_hash::{FxHashMap, FxHashSet};

/// git, too, compares no more files that went away with others that came.
const MOST_PAIRS: usize = 1000 * 1000;

/// A file: the number of its change, and its content.
type File = (usize, Oid);

/// Files that a commit moved: by the number of the change that brings one, what it was before. A file moves
/// to one place: that where it changed least, if half of it is still there.
pub(super) fn moves_of<H>(
    hits: &Hits<H>,
    changes: &[Change],
    read: &dyn Fn(Oid) -> Option<Vec<u8>>,
) -> FxHashMap<usize, Oid> {
    let file = |leaf: &Option<Leaf>| leaf.filter(|leaf| leaf.is_file() && hits.has(leaf.id));
    let (mut gone, mut new): (Vec<File>, Vec<File>) = (Vec::new(), Vec::new());
    for (number, change) in changes.iter().enumerate() {
        match (change.new, &change.old[..]) {
            (None, [old]) => gone.extend(file(old).map(|leaf| (number, leaf.id))),
            (Some(_), [None]) => new.extend(file(&change.new).map(|leaf| (number, leaf.id))),
            _ => {}
        }
    }
    let mut moves = FxHashMap::default();
    let mut taken = FxHashSet::default();
    // Most move as they are.
    let mut same: FxHashMap<Oid, Vec<usize>> = FxHashMap::default();
    gone.iter().for_each(|&(number, id)| same.entry(id).or_default().push(number));
    new.retain(|&(number, id)| {
        let Some(before) = same.get_mut(&id).and_then(Vec::pop) else { return true };
        taken.insert(before);
        moves.insert(number, id);
        false
    });
    gone.retain(|(number, _)| !taken.contains(number));
    let name = |number: usize| changes[number].path.rsplit(|byte| *byte == b'/').next();
    let mut pairs = alike(&gone, &new, read);
    pairs.sort_by(|one, other| {
        let keeps_name = |(_, from, to): &(f64, File, File)| name(from.0) == name(to.0);
        let by_name = || keeps_name(other).cmp(&keeps_name(one));
        other.0.total_cmp(&one.0).then_with(by_name).then((one.2, one.1).cmp(&(other.2, other.1)))
    });
    for (_, from, to) in pairs {
        if !moves.contains_key(&to.0) && taken.insert(from.0) {
            moves.insert(to.0, from.1);
        }
    }
    moves
}

/// Pairs of files that have a half in common, with how much it is.
fn alike(gone: &[File], new: &[File], read: &dyn Fn(Oid) -> Option<Vec<u8>>) -> Vec<(f64, File, File)> {
    let mut pairs = Vec::new();
    if gone.is_empty() || new.is_empty() || gone.len().saturating_mul(new.len()) > MOST_PAIRS {
        return pairs;
    }
    let hasher = keyed_hash();
    let profile = |file: &File| Some((*file, Profile::of(&read(file.1)?, &hasher)));
    // The fewer are kept, so a thousand at most; each of the others is read once, too.
    let is_gone_less = gone.len() <= new.len();
    let (less, more) = if is_gone_less { (gone, new) } else { (new, gone) };
    let less: Vec<(File, Profile)> = less.iter().filter_map(profile).collect();
    for (one, its) in more.iter().filter_map(profile) {
        for (other, others) in &less {
            let similarity = its.similarity(others);
            let (from, to) = if is_gone_less { (*other, one) } else { (one, *other) };
            if similarity >= 0.5 {
                pairs.push((similarity, from, to));
            }
        }
    }
    pairs
}

/// What lines a content has.
struct Profile {
    /// Of the content, in bytes.
    length: usize,
    /// Hashes of its lines, in order, each with the bytes of all lines like it.
    lines: Vec<(u64, usize)>,
}

impl Profile {
    fn of(content: &[u8], hasher: &PolymurHash) -> Self {
        let lines = content.split_inclusive(|byte| *byte == b'\n');
        let mut lines: Vec<(u64, usize)> = lines.map(|line| (hasher.hash(line), line.len())).collect();
        lines.sort_unstable();
        lines.dedup_by(|next, line| {
            let is_same = next.0 == line.0;
            line.1 += if is_same { next.1 } else { 0 };
            is_same
        });
        Self { length: content.len(), lines }
    }

    /// The share of the larger content that both have, in whole lines; 0 where it cannot be a half.
    fn similarity(&self, other: &Self) -> f64 {
        let (less, more) = (self.length.min(other.length), self.length.max(other.length));
        if less < more / 2 {
            return 0.0;
        }
        let mut others = other.lines.iter().peekable();
        let mut shared = 0;
        for (line, bytes) in &self.lines {
            while others.next_if(|(other, _)| other < line).is_some() {}
            shared += others.next_if(|(other, _)| other == line).map_or(0, |(_, others)| *bytes.min(others));
        }
        shared as f64 / more.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_file_makes_it_a_renamed_one() {
        let hasher = keyed_hash();
        let similarity =
            |old: &[u8], new: &[u8]| Profile::of(old, &hasher).similarity(&Profile::of(new, &hasher));
        assert!(similarity(b"a\nb\nc\n", b"a\nb\nx\n") > 0.5);
        assert!(similarity(b"a\nb\nc\n", b"a\ny\nx\n") < 0.5);
        assert_eq!(similarity(b"a\na\na\nb\n", b"b\na\na\nc\n"), 0.75, "each line as often as both have it");
        assert_eq!(similarity(b"a\nb", b"b\na\n"), 0.5, "a line without an end is another");
        assert_eq!(similarity(b"a\n", b"a\na\na\na\na\n"), 0.0, "too little of it to be a half");
    }
}
