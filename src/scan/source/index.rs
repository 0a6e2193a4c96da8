//! The index as bytes: its entries, and which directories of it are known to be which tree. Apart from
//! libgit2, which does not give the latter, and without which every commit would cost reading all of
//! HEAD's trees. It knows versions 2 to 4 as git's `index-format` describes them; what else there may be
//! (a split or sparse index) is libgit2's to read or refuse.

use super::repository::{Repository, RepositoryError, clean};
use super::tree::Leaf;
use git2::{IndexEntryExtendedFlag, ObjectFormat, Oid};
use rustc_hash::FxHashMap;

/// Bit of an entry's flags: there are more flags.
const EXTENDED: u16 = 0x4000;
/// Bits of an entry's flags that hold the stage of a conflict.
const STAGE: u16 = 0x3000;
/// Bits of an entry's flags that hold the length of its path; all set: it is longer.
const PATH_LENGTH: u16 = 0x0fff;
/// Bytes of an entry before the object's name: times, device, inode, mode, owner, size.
const STAT: usize = 40;
const MODE: usize = 24;

/// One entry: a file at one stage.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) leaf: Leaf,
    /// One side of a conflict.
    pub(super) is_conflicted: bool,
    /// Meant to be added (`git add -N`): it has no content yet.
    pub(super) is_intended: bool,
}

/// What is staged.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// By path.
    pub(super) entries: Vec<Entry>,
    /// Directories (`src/`; the root is empty) whose entries make up exactly this tree.
    pub(super) trees: FxHashMap<Vec<u8>, Oid>,
}

impl Index {
    /// The index, or the one that git's hook environment names; none there is an empty one.
    pub(super) fn read(repository: &Repository) -> Result<Self, RepositoryError> {
        let bytes = std::fs::read(repository.index_path()).unwrap_or_default();
        if let Some(index) = Self::parse(&bytes, repository.format) {
            return Ok(index);
        }
        let entry = |entry: git2::IndexEntry| Entry {
            leaf: Leaf { id: clean(entry.id), mode: entry.mode },
            is_conflicted: entry.flags & STAGE != 0,
            is_intended: is_intended(entry.flags_extended),
            path: entry.path,
        };
        let entries = repository.index()?.iter().map(entry).collect();
        Ok(Self { entries, trees: FxHashMap::default() })
    }

    /// None: it is damaged, or of a kind that is not known here.
    fn parse(bytes: &[u8], format: ObjectFormat) -> Option<Self> {
        let width = if format == ObjectFormat::Sha256 { 32 } else { 20 };
        let mut rest = Bytes(bytes.get(..bytes.len().checked_sub(width)?)?);
        if rest.take(4)? != b"DIRC" {
            return None;
        }
        let (version, count) = (rest.number()?, rest.number()?);
        if !(2..=4).contains(&version) {
            return None;
        }
        let mut index = Self::default();
        let mut path = Vec::new();
        for _ in 0..count {
            let entry = entry(&mut rest, version, width, &mut path)?;
            index.entries.push(entry);
        }
        while !rest.0.is_empty() {
            let (name, length) = (rest.take(4)?, rest.number()?);
            let content = rest.take(length as usize)?;
            match name {
                b"TREE" => directories(&mut Bytes(content), width, &mut Vec::new(), &mut index.trees, 0)?,
                // An extension that may be left out begins with a capital.
                _ if name[0].is_ascii_uppercase() => {}
                _ => return None,
            }
        }
        Some(index)
    }
}

fn is_intended(flags: u16) -> bool {
    flags & IndexEntryExtendedFlag::INTENT_TO_ADD.bits() != 0
}

fn entry(rest: &mut Bytes<'_>, version: u32, width: usize, path: &mut Vec<u8>) -> Option<Entry> {
    let start = rest.0.len();
    let stat = rest.take(STAT)?;
    let mode = u32::from_be_bytes(stat[MODE..MODE + 4].try_into().ok()?);
    let id = Oid::from_bytes(rest.take(width)?).ok()?;
    let flags = rest.short()?;
    let more = if flags & EXTENDED != 0 { rest.short()? } else { 0 };
    if version == 4 {
        let kept = path.len().checked_sub(rest.offset()?)?;
        path.truncate(kept);
        path.extend(rest.until(0)?);
    } else {
        let known = usize::from(flags & PATH_LENGTH);
        path.clear();
        match known == usize::from(PATH_LENGTH) {
            true => path.extend_from_slice(&rest.0[..memchr::memchr(0, rest.0)?]),
            false => path.extend_from_slice(rest.0.get(..known)?),
        }
        rest.take(path.len())?;
        // One to eight zeros, up to a multiple of eight.
        rest.take(8 - (start - rest.0.len()) % 8)?;
    }
    // A directory as one entry: a sparse index.
    (mode & 0o170_000 != 0o040_000).then(|| Entry {
        path: path.clone(),
        leaf: Leaf { id, mode },
        is_conflicted: flags & STAGE != 0,
        is_intended: is_intended(more),
    })
}

/// A directory and those in it: `name NUL entries SP directories LF`, and the tree unless there are -1
/// entries, which says that nobody knows it.
fn directories(
    rest: &mut Bytes<'_>,
    width: usize,
    path: &mut Vec<u8>,
    trees: &mut FxHashMap<Vec<u8>, Oid>,
    depth: usize,
) -> Option<()> {
    let length = path.len();
    path.extend(rest.until(0)?);
    if path.len() > length {
        path.push(b'/');
    }
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
    let (entries, below) = (number(rest.until(b' ')?)?, number(rest.until(b'\n')?)?);
    if entries >= 0 {
        trees.insert(path.clone(), Oid::from_bytes(rest.take(width)?).ok()?);
    }
    for _ in 0..below {
        (depth < 512).then(|| directories(rest, width, path, trees, depth + 1))??;
    }
    path.truncate(length);
    Some(())
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Up to `end`, which is passed over.
    fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let taken = self.take(memchr::memchr(end, self.0)?)?;
        self.take(1)?;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// A number as packs write offsets: seven bits a byte, each further one adding one.
    fn offset(&mut self) -> Option<usize> {
        let mut byte = self.take(1)?[0];
        let mut value = usize::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            byte = self.take(1)?[0];
            value = value.checked_add(1)?.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file `a` and a file `d/b`, which is meant to be added, and the tree of `d`.
    fn index(version: u32) -> Vec<u8> {
        let mut bytes = [&b"DIRC"[..], &version.to_be_bytes(), &2u32.to_be_bytes()].concat();
        for (path, flags) in [(&b"a"[..], 1u16), (b"d/b", 3 | if version > 2 { EXTENDED } else { 0 })] {
            let start = bytes.len();
            bytes.extend([0; MODE]);
            bytes.extend(0o100_644u32.to_be_bytes());
            bytes.extend([0; STAT - MODE - 4]);
            bytes.extend([7; 20]);
            bytes.extend(flags.to_be_bytes());
            if flags & EXTENDED != 0 {
                bytes.extend(IndexEntryExtendedFlag::INTENT_TO_ADD.bits().to_be_bytes());
            }
            if version == 4 {
                bytes.push(u8::from(path != b"a"));
            }
            bytes.extend(path);
            let padding = if version == 4 { 1 } else { 8 - (bytes.len() - start) % 8 };
            bytes.extend(vec![0; padding]);
        }
        let tree = [&b"\0-1 1\nd\x001 0\n"[..], &[9; 20]].concat();
        bytes.extend([&b"TREE"[..], &(tree.len() as u32).to_be_bytes(), &tree].concat());
        bytes.extend([0; 20]);
        bytes
    }

    #[test]
    fn reads_each_version() {
        for version in 2..=4 {
            let index = Index::parse(&index(version), ObjectFormat::Sha1).unwrap();
            let paths: Vec<&[u8]> = index.entries.iter().map(|entry| entry.path.as_slice()).collect();
            assert_eq!(paths, [&b"a"[..], b"d/b"], "version {version}");
            assert_eq!(index.entries[1].is_intended, version > 2);
            assert_eq!(index.entries[0].leaf.mode, 0o100_644);
            assert_eq!(
                index.trees.into_iter().collect::<Vec<_>>(),
                [(b"d/".to_vec(), Oid::from_bytes(&[9; 20]).unwrap())]
            );
        }
    }

    #[test]
    fn what_is_cut_or_unknown_is_not_read() {
        let whole = index(4);
        for length in 0..whole.len() - 20 {
            let cut = [&whole[..length], &[0; 20]].concat();
            let parsed = Index::parse(&cut, ObjectFormat::Sha1);
            assert!(parsed.is_none_or(|index| index.trees.is_empty()), "{length}");
        }
        assert!(Index::parse(&index(5), ObjectFormat::Sha1).is_none());
        let mut split = whole[..whole.len() - 20].to_vec();
        split.extend([&b"link"[..], &[0; 4], &[0; 20]].concat());
        assert!(Index::parse(&split, ObjectFormat::Sha1).is_none());
    }
}
