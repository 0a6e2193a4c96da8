//! Packs made by hand, for what git does not make. Apart because the fuzz target makes them too.

use cofferdam::scan::source::pack::Id;
use std::io::Write as _;
use std::path::Path;

/// A pack whose objects have numbers; nothing in it has to be true.
pub(crate) struct Made {
    entries: Vec<(Id, Vec<u8>)>,
}

impl Made {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new() }
    }

    pub(crate) fn id(number: u32) -> Id {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
        Id::from_bytes(&bytes).unwrap()
    }

    /// An entry of a type, a size (not checked against the data), what comes before the data, and it.
    pub(crate) fn add(&mut self, number: u32, form: u8, size: u64, middle: &[u8], data: &[u8]) {
        let mut entry = vec![form << 4 | (size & 15) as u8];
        let mut rest = size >> 4;
        while rest > 0 {
            *entry.last_mut().unwrap() |= 0x80;
            entry.push((rest & 0x7f) as u8);
            rest >>= 7;
        }
        entry.extend(middle);
        let mut packed = flate2::write::ZlibEncoder::new(&mut entry, flate2::Compression::fast());
        packed.write_all(data).unwrap();
        packed.finish().unwrap();
        self.entries.push((Self::id(number), entry));
    }

    pub(crate) fn blob(&mut self, number: u32, data: &[u8]) {
        self.add(number, 3, data.len() as u64, &[], data);
    }

    /// A delta on the object of that number.
    pub(crate) fn named(&mut self, number: u32, base: u32, delta: &[u8]) {
        self.add(number, 7, delta.len() as u64, Self::id(base).as_bytes(), delta);
    }

    /// Writes it, with an index, into a repository's `objects/pack`.
    pub(crate) fn write(&self, directory: &Path) {
        let mut pack = b"PACK\0\0\0\x02".to_vec();
        pack.extend((self.entries.len() as u32).to_be_bytes());
        let mut rows = Vec::new();
        for (id, entry) in &self.entries {
            let mut checksum = flate2::Crc::new();
            checksum.update(entry);
            rows.push((*id, checksum.sum(), pack.len() as u32));
            pack.extend(entry);
        }
        pack.extend([7; 20]);
        rows.sort();
        let mut index = b"\xfftOc\0\0\0\x02".to_vec();
        for byte in 0..=255 {
            let before = rows.partition_point(|row| row.0.as_bytes()[0] <= byte);
            index.extend((before as u32).to_be_bytes());
        }
        rows.iter().for_each(|row| index.extend(row.0.as_bytes()));
        rows.iter().for_each(|row| index.extend(row.1.to_be_bytes()));
        rows.iter().for_each(|row| index.extend(row.2.to_be_bytes()));
        index.extend([7; 40]);
        std::fs::write(directory.join("pack-made.pack"), pack).unwrap();
        std::fs::write(directory.join("pack-made.idx"), index).unwrap();
    }
}
