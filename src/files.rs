//! Where files that steer the program (configuration, ignore files, baselines) are read from: the disk, or
//! something that stands for it, such as the tree of a commit.

use std::io;
use std::path::Path;

/// Files by path.
pub trait Files {
    /// Whether there is a file, in whatever state.
    fn has(&self, path: &Path) -> bool;

    /// The file's content.
    ///
    /// # Errors
    /// Of kind [`io::ErrorKind::NotFound`] where there is none; else why it cannot be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// The disk.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Files for Disk {
    /// A link that leads nowhere, or a file behind a closed directory, is there: reading it says why not.
    fn has(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok_and(|data| !data.is_dir())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}
