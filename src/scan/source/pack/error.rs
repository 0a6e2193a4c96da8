//! What can be wrong with an object database. Apart because all files here report through it. It
//! names files, offsets and objects, never content.

use super::id::Id;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why an object, or a whole file of objects, cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackError {
    /// The operating system refused.
    #[error("cannot read {path}: {cause}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A pack, an index or an alternates file that is not what it should be.
    #[error("{path}: {fault}; `git fsck` tells more", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: Fault,
    },
    /// One object in a pack.
    #[error("{path}: object {} at offset {offset}: {fault}", id.map_or("?".to_owned(), |id| id.to_string()), path = path.display())]
    Packed {
        /// The pack.
        path: PathBuf,
        /// Where its entry starts, in bytes; where a delta's base is at fault, the base's entry.
        offset: u64,
        /// The object that was asked for, where it is known.
        id: Option<Id>,
        /// What is wrong.
        fault: Fault,
    },
    /// One object in a file of its own.
    #[error("{path}: {fault}", path = path.display())]
    Loose {
        /// The file.
        path: PathBuf,
        /// The object.
        id: Id,
        /// What is wrong.
        fault: Fault,
    },
}

impl PackError {
    pub(super) fn io(path: &Path, cause: io::Error) -> Self {
        Self::Io { path: path.to_owned(), cause }
    }

    pub(super) fn file(path: &Path, fault: Fault) -> Self {
        Self::File { path: path.to_owned(), fault }
    }

    /// What is wrong, where it is not the operating system's refusal.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Io { .. } => None,
            Self::File { fault, .. } | Self::Packed { fault, .. } | Self::Loose { fault, .. } => Some(*fault),
        }
    }

    /// With the object's name, where it was not known below.
    pub(super) fn about(mut self, object: Id) -> Self {
        if let Self::Packed { id, .. } = &mut self {
            id.get_or_insert(object);
        }
        self
    }
}

/// What is wrong with an object or a file of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// It ends too early.
    #[error("it is cut short")]
    Truncated,
    /// A signature, version or number that git does not write.
    #[error("it has a header that is unknown or damaged")]
    Header,
    /// Compressed data that does not inflate to the stated size and checksum.
    #[error("its compressed data is damaged")]
    Deflate,
    /// The entry's bytes differ from the index's checksum of them.
    #[error("its checksum differs from the index")]
    Checksum,
    /// Delta instructions that reach outside the base or do not give the stated size.
    #[error("its delta does not fit its base")]
    Delta,
    /// The delta's base is nowhere (a thin pack, or a partial clone).
    #[error("the base of its delta is missing")]
    MissingBase,
    /// The delta's base is there and cannot be built.
    #[error("the base of its delta cannot be read")]
    DamagedBase,
    /// Deltas whose bases lead back to themselves.
    #[error("its chain of deltas is a circle")]
    Cycle,
    /// More deltas on each other than any git writes.
    #[error("its chain of deltas is too long")]
    TooDeep,
    /// More bytes than the caller allows.
    #[error("it has {size} bytes, which is over the limit")]
    TooLarge {
        /// Bytes, when inflated.
        size: u64,
    },
    /// Tables of an index that contradict each other or the file's size.
    #[error("its tables contradict each other")]
    Index,
    /// An index without its pack, or a pack without its index.
    #[error("its pack or index is missing")]
    Unpaired,
    /// Pack and index belong to different packs.
    #[error("pack and index do not belong together")]
    Mismatch,
    /// It was there a moment ago: git packed or pruned it meanwhile.
    #[error("it vanished while the repository was read; try again")]
    Vanished,
    /// Alternates nested deeper than git follows.
    #[error("alternates are nested too deep")]
    AlternatesDepth,
}
