//! Reads files one after the other into one buffer. Large files are read one at a time over all
//! threads, so that memory is bounded by the largest file and [`LARGE`] for each thread.

use super::binary;
use crate::scan::coverage::SkipReason;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Mutex;

/// Files above so many bytes are read one at a time.
const LARGE: u64 = 16 << 20;
/// Files above so many bytes are not read: one could take all memory.
const MOST: u64 = 4 << 30;
/// A file may have so many more bytes than it says (it grows, or is one of the kernel's); then it is
/// taken for endless.
const GROWTH: usize = 16 << 20;
/// A buffer above so many bytes is given back after its file.
const KEPT: usize = 1 << 20;

/// Why a file was not read, with the operating system's word if it had one.
pub(super) type Refusal = (SkipReason, Option<io::Error>);

/// One thread's reader.
pub(super) struct Reader<'a> {
    buffer: Vec<u8>,
    /// Held while a large file is in memory.
    large: &'a Mutex<()>,
    /// Bytes above which a file is too large.
    limit: Option<u64>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(large: &'a Mutex<()>, limit: Option<u64>) -> Self {
        Self { buffer: Vec::new(), large, limit }
    }

    /// Reads a file and hands its content on.
    pub(super) fn read(&mut self, path: &Path, then: impl FnOnce(&[u8])) -> Result<(), Refusal> {
        let refused = |error: io::Error| (SkipReason::Unreadable, Some(error));
        let file = File::open(path).map_err(refused)?;
        let metadata = file.metadata().map_err(refused)?;
        if !metadata.is_file() {
            return Err((SkipReason::SpecialFile, None));
        }
        let length = metadata.len();
        if self.limit.is_some_and(|limit| length > limit) {
            return Err((SkipReason::TooLarge, None));
        }
        if length > MOST {
            return Err(too_large());
        }
        let _alone =
            (length > LARGE).then(|| self.large.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        let outcome = self.fill(&file, length).map(|filled| then(&self.buffer[..filled]));
        if self.buffer.len() > KEPT {
            self.buffer = Vec::new();
        }
        outcome
    }

    /// Gives how much of the buffer is the file's.
    fn fill(&mut self, mut file: &File, length: u64) -> Result<usize, Refusal> {
        let refused = |error: io::Error| (SkipReason::Unreadable, Some(error));
        let mut filled = 0;
        let binary =
            |buffer: &[u8]| if binary::is_binary(buffer) { Err((SkipReason::Binary, None)) } else { Ok(()) };
        if length > KEPT as u64 {
            // Most of a film need not be read to know it.
            self.grow(binary::HEAD)?;
            filled = file.read(&mut self.buffer[..binary::HEAD]).map_err(refused)?;
            binary(&self.buffer[..filled])?;
        }
        // Room for one byte more than there is: a read that leaves it empty has seen the end.
        self.grow(usize::try_from(length).unwrap_or(usize::MAX).saturating_add(1))?;
        loop {
            match file.read(&mut self.buffer[filled..]) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(refused(error)),
            }
            if filled as u64 == length {
                break;
            }
            if filled == self.buffer.len() {
                if filled as u64 - length > GROWTH as u64 {
                    return Err(too_large());
                }
                self.grow(filled.saturating_mul(2))?;
            }
        }
        binary(&self.buffer[..filled]).map(|()| filled)
    }

    fn grow(&mut self, length: usize) -> Result<(), Refusal> {
        if let Some(more) = length.checked_sub(self.buffer.len()) {
            let refused = |_| (SkipReason::Unreadable, Some(io::ErrorKind::OutOfMemory.into()));
            self.buffer.try_reserve_exact(more).map_err(refused)?;
            self.buffer.resize(length, 0);
        }
        Ok(())
    }
}

fn too_large() -> Refusal {
    (SkipReason::Unreadable, Some(io::ErrorKind::FileTooLarge.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_buffer_serves_files_of_all_sizes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let large = Mutex::default();
        let mut reader = Reader::new(&large, None);
        for length in [3, 0, 70_000, 1, KEPT + 1, LARGE as usize + 1, 5] {
            let content = vec![b'a' + (length % 7) as u8; length];
            std::fs::write(&path, &content).unwrap();
            let mut seen = None;
            reader.read(&path, |bytes| seen = Some(bytes == content)).unwrap();
            assert_eq!(seen, Some(true), "{length}");
        }
        assert!(reader.buffer.len() <= KEPT);
        std::fs::write(&path, [b"\x7fELF", vec![0; KEPT].as_slice()].concat()).unwrap();
        assert!(matches!(reader.read(&path, |_| ()), Err((SkipReason::Binary, None))));
    }

    /// Files of the kernel say that they are empty, and some have no end.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_without_end_is_given_up() {
        let large = Mutex::default();
        let mut reader = Reader::new(&large, None);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("seven");
        std::fs::write(&path, "7 bytes").unwrap();
        reader.read(&path, |_| ()).unwrap();
        // It is read in steps of eight bytes only, which the buffer now has.
        let refusal = reader.read(Path::new("/proc/self/pagemap"), |_| ()).unwrap_err();
        assert_eq!(refusal.1.unwrap().kind(), io::ErrorKind::FileTooLarge);
        let path = directory.path().join("sparse");
        File::create(&path).and_then(|file| file.set_len(MOST + 1)).unwrap();
        let refusal = reader.read(&path, |_| ()).unwrap_err();
        assert_eq!(refusal.1.unwrap().kind(), io::ErrorKind::FileTooLarge);
        let mut seen = 0;
        reader.read(Path::new("/proc/self/status"), |bytes| seen = bytes.len()).unwrap();
        assert!(seen > 100);
    }
}
