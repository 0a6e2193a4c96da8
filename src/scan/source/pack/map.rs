//! Read-only maps of pack and index files. Apart because it holds the crate's only `unsafe` block.
//! It interprets nothing.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

/// A file's bytes, mapped read-only.
#[derive(Debug)]
pub(super) struct Map(memmap2::Mmap);

impl Map {
    /// Maps the whole of `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the bytes must not change while they are mapped. Git writes a pack and its indexes
        // under a temporary name, renames them into place and never changes them after; a removed
        // file's map stays valid. Git itself maps the same files under the same assumption.
        unsafe { memmap2::Mmap::map(&file) }.map(Self)
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
