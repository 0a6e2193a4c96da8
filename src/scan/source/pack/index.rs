//! Pack indexes (`.idx`), versions 1 and 2: from a name to an offset and back from a position to
//! both. Apart because it knows nothing of packs. Names are not hashed again; every table's size is
//! checked once, every offset when it is used.

use super::error::{Fault, PackError};
use super::id::{HashKind, Id};
use super::map::Map;
use std::cmp::Ordering;
use std::ops::Range;
use std::path::Path;

const FANOUT: usize = 256 * 4;

/// One index. Positions count objects in order of their names.
#[derive(Debug)]
pub(super) struct Index {
    map: Map,
    hash: HashKind,
    count: u32,
    fanout: usize,
    names: Table,
    offsets: Table,
    checksums: Option<Table>,
    large: Range<usize>,
}

/// A column of equal rows in the file.
#[derive(Clone, Copy, Debug)]
struct Table {
    start: usize,
    stride: usize,
}

impl Index {
    /// Opens an index of a repository with that hash.
    pub(super) fn open(path: &Path, hash: HashKind) -> Result<Self, PackError> {
        let map = Map::open(path).map_err(|cause| PackError::io(path, cause))?;
        Self::lay_out(map, hash).map_err(|fault| PackError::file(path, fault))
    }

    fn lay_out(map: Map, hash: HashKind) -> Result<Self, Fault> {
        let width = hash.length();
        let body = map.len().checked_sub(2 * width).ok_or(Fault::Truncated)?;
        let modern = map.starts_with(b"\xfftOc");
        if modern && big_endian(&map, 4) != Some(2) {
            return Err(Fault::Header);
        }
        let fanout = if modern { 8 } else { 0 };
        let start = fanout + FANOUT;
        if start > body {
            return Err(Fault::Truncated);
        }
        let fan = |byte: usize| big_endian(&map, fanout + 4 * byte).unwrap_or(u32::MAX);
        if (1..256).any(|byte| fan(byte - 1) > fan(byte)) {
            return Err(Fault::Index);
        }
        let (count, rows) = (fan(255), fan(255) as usize);
        let index = if modern {
            let checksums = start + rows * width;
            let offsets = checksums + rows * 4;
            Self {
                names: Table { start, stride: width },
                checksums: Some(Table { start: checksums, stride: 4 }),
                offsets: Table { start: offsets, stride: 4 },
                large: offsets + rows * 4..body,
                map,
                hash,
                count,
                fanout,
            }
        } else {
            let stride = 4 + width;
            Self {
                names: Table { start: start + 4, stride },
                checksums: None,
                offsets: Table { start, stride },
                large: start + rows * stride..body,
                map,
                hash,
                count,
                fanout,
            }
        };
        if index.large.start > body { Err(Fault::Truncated) } else { Ok(index) }
    }

    /// Objects in it.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The raw name at a position below [`Self::count`].
    pub(super) fn name(&self, position: u32) -> &[u8] {
        let start = self.names.start + position as usize * self.names.stride;
        &self.map[start..start + self.hash.length()]
    }

    /// The name at a position below [`Self::count`].
    pub(super) fn id(&self, position: u32) -> Id {
        Id::from_bytes(self.name(position)).expect("a name has its hash's length")
    }

    /// Where in the pack the object's entry starts; `None` where the index contradicts itself.
    pub(super) fn offset(&self, position: u32) -> Option<u64> {
        let small = big_endian(&self.map, self.offsets.start + position as usize * self.offsets.stride)?;
        if self.checksums.is_none() || small >> 31 == 0 {
            return Some(u64::from(small));
        }
        let start = self.large.start + (small & 0x7fff_ffff) as usize * 8;
        let large = self.map.get(start..start + 8).filter(|_| start + 8 <= self.large.end)?;
        large.try_into().ok().map(u64::from_be_bytes)
    }

    /// CRC-32 of the object's entry, where this version has it.
    pub(super) fn checksum(&self, position: u32) -> Option<u32> {
        let table = self.checksums?;
        big_endian(&self.map, table.start + position as usize * table.stride)
    }

    /// Positions of names that start with a byte.
    pub(super) fn bucket(&self, byte: u8) -> Range<u32> {
        let fan = |byte: usize| big_endian(&self.map, self.fanout + 4 * byte).unwrap_or(0);
        let start = if byte == 0 { 0 } else { fan(usize::from(byte) - 1) };
        start..fan(usize::from(byte))
    }

    /// The position of a name.
    pub(super) fn find(&self, id: &Id) -> Option<u32> {
        // Nearly all names differ in their first bytes.
        let first = |name: &[u8]| name.first_chunk().map(|eight| u64::from_be_bytes(*eight));
        let (name, first_eight) = (id.as_bytes(), first(id.as_bytes()));
        let order = |position| {
            let there = self.name(position);
            first(there).cmp(&first_eight).then_with(|| there.cmp(name))
        };
        search(self.bucket(name[0]), big_endian(name, 1)?, order)
    }

    /// The checksum by which the index names its pack.
    pub(super) fn pack_checksum(&self) -> &[u8] {
        &self.map[self.map.len() - 2 * self.hash.length()..][..self.hash.length()]
    }
}

/// Where in a range of positions one lies that is `Equal`. Names are hashes, so each lies near the place
/// that its `share` of all numbers says.
fn search(range: Range<u32>, share: u32, order: impl Fn(u32) -> Ordering) -> Option<u32> {
    let Range { mut start, mut end } = range;
    let mut middle = start + ((u64::from(end.saturating_sub(start)) * u64::from(share)) >> 32) as u32;
    let mut step = 8_u32;
    while start < end {
        let next = match order(middle) {
            Ordering::Less => {
                start = middle + 1;
                middle.saturating_add(step)
            }
            Ordering::Greater => {
                end = middle;
                middle.saturating_sub(step)
            }
            Ordering::Equal => return Some(middle),
        };
        middle = if (start..end).contains(&next) { next } else { start + end.saturating_sub(start) / 2 };
        step = step.saturating_mul(2);
    }
    None
}

pub(super) fn big_endian(bytes: &[u8], start: usize) -> Option<u32> {
    bytes.get(start..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there_wherever_it_lies() {
        for count in [0, 1, 2, 7, 100, 1000_u32] {
            // Crowded at one end: names that someone chose.
            let names: Vec<u32> = (0..count).map(|number| number * number + 10).collect();
            for share in [0, u32::MAX / 2, u32::MAX] {
                let find = |name: u32| {
                    search(3..3 + count, share, |position| names[position as usize - 3].cmp(&name))
                };
                for (position, name) in (3..).zip(&names) {
                    assert_eq!(find(*name), Some(position));
                    assert_eq!(find(*name + 1), names.contains(&(*name + 1)).then_some(position + 1));
                }
                assert_eq!(find(9), None);
            }
        }
        // A damaged index names no positions.
        assert_eq!(search(Range { start: 5, end: 2 }, 7, |_| unreachable!("it is empty")), None);
    }
}
