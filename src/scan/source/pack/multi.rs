//! The multi-pack-index: one table that tells which of many packs holds an object. Apart because it
//! is only a hint: what it names is looked up in that pack's own index, and what it does not name is
//! searched in all of them. So one that is stale, damaged or of a newer version costs time, nothing
//! else, and is not reported.

use super::id::{HashKind, Id};
use super::index::big_endian;
use super::map::Map;
use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

/// The index over the packs of one directory.
#[derive(Debug)]
pub(super) struct MultiIndex {
    map: Map,
    hash: HashKind,
    fanout: usize,
    names: usize,
    rows: usize,
    /// Stems of the packs that it numbers.
    pub(super) packs: Vec<OsString>,
    /// The store's number for each of them, where it has the pack.
    pub(super) numbers: Vec<Option<u32>>,
}

impl MultiIndex {
    /// Opens the index of a `pack` directory, if there is one that can be used.
    pub(super) fn open(directory: &Path, hash: HashKind) -> Option<Self> {
        let map = Map::open(&directory.join("multi-pack-index")).ok()?;
        let code = match hash {
            HashKind::Sha1 => 1,
            HashKind::Sha256 => 2,
        };
        if !map.starts_with(b"MIDX") || map.get(4..6) != Some(&[1, code]) {
            return None;
        }
        let chunks = usize::from(*map.get(6)?);
        let chunk = |name: &[u8; 4]| -> Option<Range<usize>> {
            let row = |number: usize| map.get(12 + 12 * number..24 + 12 * number);
            let place = |number| Some(u64::from_be_bytes(row(number)?[4..].try_into().ok()?) as usize);
            let number = (0..chunks).find(|&number| row(number).is_some_and(|row| row.starts_with(name)))?;
            let range = place(number)?..place(number + 1)?;
            map.get(range.clone()).map(|_| range)
        };
        let (fanout, names, rows) = (chunk(b"OIDF")?, chunk(b"OIDL")?, chunk(b"OOFF")?);
        let packs: Vec<OsString> = map[chunk(b"PNAM")?]
            .split(|&byte| byte == 0)
            .filter_map(|name| std::str::from_utf8(name).ok()?.strip_suffix(".idx"))
            .map(OsString::from)
            .collect();
        let count = big_endian(&map, fanout.start + 4 * 255)? as usize;
        let fits = fanout.len() >= 4 * 256
            && count.checked_mul(hash.length()).is_some_and(|bytes| bytes <= names.len())
            && count.checked_mul(8).is_some_and(|bytes| bytes <= rows.len());
        let (fanout, names, rows) = (fanout.start, names.start, rows.start);
        let numbers = vec![None; packs.len()];
        fits.then_some(Self { map, hash, fanout, names, rows, packs, numbers })
    }

    /// The store's number of the pack that should hold an object.
    pub(super) fn pack_of(&self, id: &Id) -> Option<u32> {
        let (name, width) = (id.as_bytes(), self.hash.length());
        let fan = |byte: usize| big_endian(&self.map, self.fanout + 4 * byte).map(|count| count as usize);
        let first = usize::from(name[0]);
        let mut start = if first == 0 { 0 } else { fan(first - 1)? };
        let mut end = fan(first)?;
        while start < end {
            let middle = start + (end - start) / 2;
            let at = self.names + middle * width;
            match self.map.get(at..at + width)?.cmp(name) {
                std::cmp::Ordering::Less => start = middle + 1,
                std::cmp::Ordering::Greater => end = middle,
                std::cmp::Ordering::Equal => {
                    let pack = big_endian(&self.map, self.rows + 8 * middle)?;
                    return *self.numbers.get(pack as usize)?;
                }
            }
        }
        None
    }
}
