//! Loose objects: one file each, `xx/` and the rest of the name below an objects directory. Apart
//! because they share nothing with packs but the compression.

use super::error::{Fault, PackError};
use super::id::{HashKind, Id, Kind};
use super::inflate::{self, Inflater};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// `blob 18446744073709551615` and its NUL fit well.
const LONGEST_HEADER: usize = 64;
/// So much of a file is read at first; most are not longer.
const START: usize = 4096;

/// Where `id` would be.
pub(super) fn path(objects: &Path, id: &Id) -> PathBuf {
    let hex = id.to_string();
    objects.join(&hex[..2]).join(&hex[2..])
}

/// A loose object's file, of which the start was read.
#[derive(Debug)]
pub(super) struct Loose {
    pub(super) kind: Kind,
    /// Bytes of its content, as it says.
    size: u64,
    id: Id,
    path: PathBuf,
    file: fs::File,
    /// What was read of it, and how long the header is when inflated.
    start: Vec<u8>,
    header: usize,
}

impl Loose {
    /// Opens a loose object; `None` if it is not there.
    pub(super) fn open(objects: &Path, id: &Id) -> Result<Option<Self>, PackError> {
        let path = path(objects, id);
        // With room to spare, so that the end is seen without growing.
        let mut start = Vec::with_capacity(2 * START);
        let file = match fs::File::open(&path) {
            Err(cause) if is_absent(&cause) => return Ok(None),
            file => file.and_then(|file| (&file).take(START as u64).read_to_end(&mut start).map(|_| file)),
        };
        let file = file.map_err(|cause| PackError::io(&path, cause))?;
        match parse(&start) {
            Ok((kind, size, header)) => Ok(Some(Self { kind, size, id: *id, path, file, start, header })),
            Err(fault) => Err(PackError::Loose { path, id: *id, fault }),
        }
    }

    /// Its content of at most `limit` bytes.
    pub(super) fn content(self, limit: u64, inflater: &mut Inflater) -> Result<Vec<u8>, PackError> {
        let Self { size, id, path, file, start: mut packed, header, .. } = self;
        let damaged = |fault| PackError::Loose { path: path.clone(), id, fault };
        if size > limit {
            return Err(damaged(Fault::TooLarge { size }));
        }
        if packed.len() == START {
            // Incompressible data grows by less than a thousandth.
            let most = size.saturating_add(size / 512);
            let length = file.metadata().map_or(0, |metadata| metadata.len()).min(most);
            packed.reserve(length as usize);
            let read = file.take(most).read_to_end(&mut packed);
            read.map_err(|cause| PackError::io(&path, cause))?;
        }
        let mut content = Vec::new();
        inflater.inflate(&packed, header + size as usize, &mut content).map_err(damaged)?;
        content.drain(..header);
        Ok(content)
    }
}

/// Kind and content, of at most `limit` bytes, of a loose object; `None` if it is not there.
pub(super) fn read(
    objects: &Path,
    id: &Id,
    limit: u64,
    inflater: &mut Inflater,
) -> Result<Option<(Kind, Vec<u8>)>, PackError> {
    let Some(found) = Loose::open(objects, id)? else { return Ok(None) };
    let kind = found.kind;
    Ok(Some((kind, found.content(limit, inflater)?)))
}

/// Kind and size of a loose object; `None` if it is not there.
pub(super) fn header(objects: &Path, id: &Id) -> Result<Option<(Kind, u64)>, PackError> {
    Ok(Loose::open(objects, id)?.map(|found| (found.kind, found.size)))
}

/// Kind, size of the content, and length of the header before it.
fn parse(packed: &[u8]) -> Result<(Kind, u64, usize), Fault> {
    let mut buffer = [0; LONGEST_HEADER];
    let start = inflate::prefix(packed, &mut buffer)?;
    let end = start.iter().position(|&byte| byte == 0).ok_or(Fault::Header)?;
    let space = start[..end].iter().position(|&byte| byte == b' ').ok_or(Fault::Header)?;
    let kind = Kind::from_name(&start[..space]).ok_or(Fault::Header)?;
    let digits = std::str::from_utf8(&start[space + 1..end]).map_err(|_| Fault::Header)?;
    let size = digits.parse::<u64>().map_err(|_| Fault::Header)?;
    Ok((kind, size, end + 1))
}

/// All loose objects of a directory, by what their files are called; directories that cannot be
/// read go to `problem`.
pub(super) fn list(objects: &Path, hash: HashKind, mut problem: impl FnMut(PackError)) -> Vec<Id> {
    let mut ids = Vec::new();
    for byte in 0..=255u8 {
        let start = format!("{byte:02x}");
        let directory = objects.join(&start);
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(cause) if is_absent(&cause) => continue,
            Err(cause) => {
                problem(PackError::io(&directory, cause));
                continue;
            }
        };
        for entry in entries {
            match entry {
                Ok(entry) => {
                    let name = entry.file_name();
                    let id = name.to_str().and_then(|rest| Id::from_hex(&format!("{start}{rest}")));
                    ids.extend(id.filter(|id| id.hash_kind() == hash));
                }
                Err(cause) => problem(PackError::io(&directory, cause)),
            }
        }
    }
    ids
}

pub(super) fn is_absent(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
