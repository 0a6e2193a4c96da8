//! Opening an object database: its directory, its alternates, and every pack in them. Apart because
//! it reads no object. What cannot be opened is a problem in a list and keeps nothing else back.

use super::error::{Fault, PackError};
use super::headers::Headers;
use super::id::{HashKind, Id, Kind};
use super::index::{Index, big_endian};
use super::loose;
use super::map::Map;
use super::multi::MultiIndex;
use crate::scan::lock::lock;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock};

/// How deep git follows alternates of alternates.
const ALTERNATES_DEPTH: usize = 5;

/// A repository's objects: packed and loose, its own and those of its alternates.
#[derive(Debug)]
pub struct ObjectStore {
    pub(super) hash: HashKind,
    pub(super) directories: Vec<PathBuf>,
    pub(super) packs: Vec<Pack>,
    pub(super) multi: Vec<MultiIndex>,
    /// What is known of loose objects: one walk after the other asks, and each is a file.
    loose_kinds: Mutex<FxHashMap<Id, Kind>>,
    problems: Vec<PackError>,
}

/// A pack and its index.
#[derive(Debug)]
pub(super) struct Pack {
    pub(super) path: PathBuf,
    pub(super) index: Index,
    map: Map,
    end: usize,
    headers: OnceLock<Headers>,
}

impl Pack {
    /// Its entries, without the trailer.
    pub(super) fn entries(&self) -> &[u8] {
        &self.map[..self.end]
    }

    /// What the headers of its entries say. Read by all threads of the pool: first asked for where no other
    /// of them asks.
    pub(super) fn headers(&self, hash: HashKind) -> &Headers {
        self.headers.get_or_init(|| Headers::read(&self.index, self.entries(), hash))
    }

    pub(super) fn error(&self, offset: u64, fault: Fault) -> PackError {
        PackError::Packed { path: self.path.clone(), offset, id: None, fault }
    }
}

impl ObjectStore {
    /// Opens the objects directory of a repository (`objects` in its common directory) and all its
    /// alternates. `more` are further objects directories, as `GIT_ALTERNATE_OBJECT_DIRECTORIES`
    /// names them.
    ///
    /// # Errors
    ///
    /// [`PackError::Io`] where `objects` itself is not a directory that can be read. Everything else
    /// is in [`Self::problems`].
    pub fn open(objects: &Path, hash: HashKind, more: &[PathBuf]) -> Result<Self, PackError> {
        let store = Self::look(objects, hash, more)?;
        // Git may have replaced packs meanwhile; then the second look finds the new ones.
        if store.problems.is_empty() { Ok(store) } else { Self::look(objects, hash, more) }
    }

    fn look(objects: &Path, hash: HashKind, more: &[PathBuf]) -> Result<Self, PackError> {
        fs::read_dir(objects).map_err(|cause| PackError::io(objects, cause))?;
        let (directories, packs, multi, problems) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut store = Self { hash, directories, packs, multi, loose_kinds: Mutex::default(), problems };
        store.follow(objects, more);
        for directory in store.directories.clone() {
            store.open_packs(&directory.join("pack"));
        }
        // The largest pack is the likeliest to hold what is looked for.
        store.packs.sort_by_key(|pack| (std::cmp::Reverse(pack.index.count()), pack.path.clone()));
        store.open_multi();
        Ok(store)
    }

    /// What could not be opened: damaged packs and indexes, alternates that are not there. An
    /// object may be missing because of them.
    pub fn problems(&self) -> &[PackError] {
        &self.problems
    }

    /// The hash that names its objects.
    pub fn hash_kind(&self) -> HashKind {
        self.hash
    }

    /// Bytes in all packs.
    pub fn packed_bytes(&self) -> u64 {
        self.packs.iter().map(|pack| pack.map.len() as u64).sum()
    }

    /// How many objects its packs hold, those that several hold counted as often.
    pub fn packed_objects(&self) -> usize {
        self.packs.iter().map(|pack| pack.index.count() as usize).sum()
    }

    /// The names of all objects. One that is stored twice comes twice.
    pub fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        let packed = |pack: &'_ Pack| 0..pack.index.count();
        let packed =
            self.packs.iter().flat_map(move |pack| packed(pack).map(move |position| pack.index.id(position)));
        packed.chain(self.loose_ids(|_| {}))
    }

    /// Loose objects of all directories, each once, in order of their names.
    pub(super) fn loose_ids(&self, mut problem: impl FnMut(PackError)) -> Vec<Id> {
        let mut ids = Vec::new();
        for directory in &self.directories {
            ids.append(&mut loose::list(directory, self.hash, &mut problem));
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// What is known of loose objects so far.
    pub(super) fn loose_kinds(&self) -> MutexGuard<'_, FxHashMap<Id, Kind>> {
        lock(&self.loose_kinds)
    }

    /// Collects the objects directories: the repository's own, then alternates breadth first, each
    /// once however it is named.
    fn follow(&mut self, objects: &Path, more: &[PathBuf]) {
        let mut seen = BTreeSet::new();
        let mut layer = vec![objects.to_owned()];
        layer.extend_from_slice(more);
        for depth in 0.. {
            let mut below = Vec::new();
            for directory in layer {
                match fs::canonicalize(&directory) {
                    Err(cause) => self.problems.push(PackError::io(&directory, cause)),
                    Ok(real) if !seen.insert(real.clone()) => {}
                    Ok(_) if depth > ALTERNATES_DEPTH => {
                        self.problems.push(PackError::file(&directory, Fault::AlternatesDepth));
                    }
                    Ok(real) => {
                        below.extend(self.alternates(&real));
                        self.directories.push(real);
                    }
                }
            }
            if below.is_empty() {
                return;
            }
            layer = below;
        }
    }

    fn alternates(&mut self, objects: &Path) -> Vec<PathBuf> {
        let path = objects.join("info").join("alternates");
        match fs::read(&path) {
            Ok(text) => text
                .split(|&byte| byte == b'\n')
                .filter(|line| !line.is_empty() && line[0] != b'#')
                .map(|line| objects.join(as_path(&unquote(line))))
                .collect(),
            Err(cause) if loose::is_absent(&cause) => Vec::new(),
            Err(cause) => {
                self.problems.push(PackError::io(&path, cause));
                Vec::new()
            }
        }
    }

    fn open_packs(&mut self, directory: &Path) {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(cause) if loose::is_absent(&cause) => return,
            Err(cause) => return self.problems.push(PackError::io(directory, cause)),
        };
        let mut stems = BTreeSet::new();
        for entry in entries {
            match entry {
                Err(cause) => self.problems.push(PackError::io(directory, cause)),
                Ok(entry) => {
                    let path = entry.path();
                    let is_pack = entry.file_name().to_string_lossy().starts_with("pack-");
                    let end = path.extension().and_then(OsStr::to_str);
                    if is_pack && matches!(end, Some("pack" | "idx")) {
                        stems.insert(path.with_extension(""));
                    }
                }
            }
        }
        for stem in stems {
            match self.open_pack(&stem.with_extension("pack"), &stem.with_extension("idx")) {
                Ok(pack) => self.packs.push(pack),
                Err(problem) => self.problems.push(problem),
            }
        }
    }

    fn open_multi(&mut self) {
        for objects in &self.directories {
            let directory = objects.join("pack");
            let Some(mut multi) = MultiIndex::open(&directory, self.hash) else { continue };
            let number = |stem| {
                let path = directory.join(stem).with_extension("pack");
                self.packs.iter().position(|pack| pack.path == path).map(|number| number as u32)
            };
            multi.numbers = multi.packs.iter().map(number).collect();
            self.multi.push(multi);
        }
    }

    /// Opens a pair. A pack that contradicts its index is still used: each object shows whether it
    /// is there.
    fn open_pack(&mut self, path: &Path, index: &Path) -> Result<Pack, PackError> {
        for (there, wanted) in [(path, index), (index, path)] {
            if !wanted.exists() {
                return Err(PackError::file(there, Fault::Unpaired));
            }
        }
        let index = Index::open(index, self.hash)?;
        let map = Map::open(path).map_err(|cause| PackError::io(path, cause))?;
        let width = self.hash.length();
        let end = map.len().checked_sub(width).ok_or_else(|| PackError::file(path, Fault::Truncated))?;
        let version = big_endian(&map, 4);
        if !map.starts_with(b"PACK") || !matches!(version, Some(2 | 3)) {
            self.problems.push(PackError::file(path, Fault::Header));
        } else if big_endian(&map, 8) != Some(index.count()) || &map[end..] != index.pack_checksum() {
            self.problems.push(PackError::file(path, Fault::Mismatch));
        }
        Ok(Pack { path: path.to_owned(), index, map, end, headers: OnceLock::new() })
    }
}

/// A line of an alternates file: as it is, or quoted as in C.
fn unquote(line: &[u8]) -> Vec<u8> {
    let Some(quoted) = line.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return line.to_owned();
    };
    let mut path = Vec::new();
    let mut rest = quoted.iter().copied();
    while let Some(byte) = rest.next() {
        let escaped = if byte == b'\\' { rest.next() } else { None };
        path.push(match escaped {
            None => byte,
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'a') => 7,
            Some(b'b') => 8,
            Some(b'v') => 11,
            Some(b'f') => 12,
            Some(first @ b'0'..=b'3') => {
                let mut octal = || rest.next().map_or(0, |digit| digit.wrapping_sub(b'0') & 7);
                let (second, third) = (octal(), octal());
                (first - b'0') << 6 | second << 3 | third
            }
            Some(other) => other,
        });
    }
    path
}

#[cfg(unix)]
fn as_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn as_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_quoted_alternates() {
        assert_eq!(unquote(b"../a b"), b"../a b");
        assert_eq!(unquote(br#""a\tb\"\\\303\251""#), "a\tb\"\\\u{e9}".as_bytes());
    }
}
