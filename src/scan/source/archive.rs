//! Opens archives and compressed files, told by their content, and hands on what is in them:
//! zip and its kin (jar, docx), tar, gzip, bzip2, xz, zstd, each in each. Bounded against bombs:
//! what goes over a bound is handed on up to the bound, and is in the ledger with what is damaged
//! or encrypted.

use super::binary::is_binary;
use super::name;
use super::stop::Stop;
use crate::scan::coverage::{Ledger, SkipReason};
use std::io::{Cursor, Read};
use std::ops::ControlFlow;

/// Most bytes that one entry may expand to.
pub const MAX_ENTRY: u64 = 256 << 20;
/// Most bytes that one outermost archive may expand to, nested ones and all.
pub const MAX_TOTAL: u64 = 2 << 30;
/// Most bytes for each byte of the outermost archive ...
pub const MAX_RATIO: u64 = 200;
/// ... from this many bytes on.
pub const RATIO_FROM: u64 = 64 << 20;
/// Most entries of one outermost archive, nested ones and all.
pub const MAX_ENTRIES: u64 = 100_000;
/// Most memory for a decoder's dictionary.
const MAX_DICTIONARY: u64 = 128 << 20;

/// What kind of archive content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Zip,
    Tar,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    /// One that cannot be opened here.
    Other(&'static str),
}

impl Kind {
    fn of(bytes: &[u8]) -> Option<Self> {
        const STARTS: &[(&[u8], Kind)] = &[
            (b"PK\x03\x04", Kind::Zip),
            (b"PK\x05\x06", Kind::Zip),
            (b"\x1f\x8b\x08", Kind::Gzip),
            (b"\xfd7zXZ\0", Kind::Xz),
            (b"\x28\xb5\x2f\xfd", Kind::Zstd),
            (b"7z\xbc\xaf\x27\x1c", Kind::Other("7z")),
            (b"Rar!\x1a\x07", Kind::Other("rar")),
            (b"\x04\x22\x4d\x18", Kind::Other("lz4")),
        ];
        let start = STARTS.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, kind)| *kind);
        start.or_else(|| match bytes {
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Some(Self::Bzip2),
            _ => is_tar(bytes).then_some(Self::Tar),
        })
    }
}

/// A tar header's checksum is right.
fn is_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..512) else { return false };
    let digits = header[148..156].trim_ascii_start();
    let digits = &digits[..digits.iter().take_while(|byte| (b'0'..=b'7').contains(*byte)).count()];
    let sum = digits.iter().fold(0_u64, |sum, digit| sum * 8 + u64::from(digit - b'0'));
    if sum == 0 {
        return false;
    }
    let outside = header[..148].iter().chain(&header[156..]).map(|byte| u64::from(*byte)).sum::<u64>();
    outside + 8 * u64::from(b' ') == sum
}

/// Whether content is an archive or compressed.
pub fn is_archive(bytes: &[u8]) -> bool {
    Kind::of(bytes).is_some()
}

/// How far to go into archives.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// How many archives may lie in each other; 0: none is opened.
    pub depth: u32,
    /// Entries with more bytes are left out.
    pub max_bytes: Option<u64>,
    /// When to end early.
    pub stop: Stop<'a>,
}

/// Hands content on: itself, or what is in it if it is an archive. An entry's path is
/// `outer!inner`; what is only compressed keeps its path. Entries of binary formats are left out.
pub fn open(
    path: &str,
    bytes: &[u8],
    limits: &Limits<'_>,
    ledger: &Ledger,
    visit: &mut dyn FnMut(&str, &[u8]),
) {
    match Kind::of(bytes) {
        None => visit(path, bytes),
        // Its contents are there to be seen.
        Some(Kind::Tar) if limits.depth == 0 => visit(path, bytes),
        Some(_) if limits.depth == 0 => ledger.skip(SkipReason::ArchiveDepth, path),
        Some(kind) => {
            let ratio = (bytes.len() as u64).saturating_mul(MAX_RATIO).max(RATIO_FROM);
            let left = ratio.min(MAX_TOTAL);
            let mut opener = Opener { limits, ledger, visit, left, entries: MAX_ENTRIES };
            // Where it broke off is in the ledger.
            let _ = opener.archive(path, bytes, kind, limits.depth);
        }
    }
}

/// The state of one outermost archive. A break means that a bound for all of it is reached.
struct Opener<'a> {
    limits: &'a Limits<'a>,
    ledger: &'a Ledger,
    visit: &'a mut dyn FnMut(&str, &[u8]),
    /// Bytes and entries that may still come.
    left: u64,
    entries: u64,
}

impl Opener<'_> {
    /// Content that came out of an archive.
    fn content(&mut self, path: &str, bytes: &[u8], depth: u32) -> ControlFlow<()> {
        match Kind::of(bytes) {
            Some(Kind::Tar) if depth == 0 => {}
            Some(_) if depth == 0 => {
                self.ledger.skip(SkipReason::ArchiveDepth, path);
                return ControlFlow::Continue(());
            }
            Some(kind) => return self.archive(path, bytes, kind, depth),
            None if is_binary(bytes) => {
                self.ledger.skip(SkipReason::Binary, path);
                return ControlFlow::Continue(());
            }
            None => {}
        }
        self.ledger.file(bytes.len() as u64);
        (self.visit)(path, bytes);
        ControlFlow::Continue(())
    }

    /// An archive, with `depth` levels to go, itself among them.
    fn archive(&mut self, path: &str, bytes: &[u8], kind: Kind, depth: u32) -> ControlFlow<()> {
        match kind {
            Kind::Zip => self.zip(path, bytes, depth - 1),
            Kind::Tar => self.tar(path, bytes, depth - 1),
            Kind::Gzip => self.compressed(path, flate2::read::MultiGzDecoder::new(bytes), depth - 1),
            Kind::Bzip2 => self.compressed(path, bzip2::read::MultiBzDecoder::new(bytes), depth - 1),
            Kind::Xz => {
                let flags = liblzma::stream::CONCATENATED;
                match liblzma::stream::Stream::new_stream_decoder(MAX_DICTIONARY, flags) {
                    Ok(stream) => {
                        let decoder = liblzma::read::XzDecoder::new_stream(bytes, stream);
                        self.compressed(path, decoder, depth - 1)
                    }
                    Err(cause) => self.unreadable(path, &cause.to_string()),
                }
            }
            Kind::Zstd => match zstd::stream::read::Decoder::with_buffer(bytes) {
                Ok(decoder) => self.compressed(path, decoder, depth - 1),
                Err(cause) => self.unreadable(path, &cause.to_string()),
            },
            Kind::Other(name) => self.unreadable(path, &format!("{name} archives cannot be opened")),
        }
    }

    fn compressed(&mut self, path: &str, decoder: impl Read, depth: u32) -> ControlFlow<()> {
        let Some(content) = self.expand(path, decoder)? else { return ControlFlow::Continue(()) };
        match Kind::of(&content) {
            // A compressed tar is one archive, not two.
            Some(Kind::Tar) => self.tar(path, &content, depth),
            _ => self.content(path, &content, depth),
        }
    }

    fn zip(&mut self, path: &str, bytes: &[u8], depth: u32) -> ControlFlow<()> {
        let mut archive = match zip::ZipArchive::new(Cursor::new(bytes)) {
            Ok(archive) => archive,
            Err(cause) => return self.unreadable(path, &cause.to_string()),
        };
        for index in 0..archive.len() {
            let inner = match archive.name_for_index(index) {
                Some(Ok(inner)) => format!("{path}!{inner}"),
                _ => format!("{path}!entry {index}"),
            };
            let content = match archive.by_index(index) {
                Ok(entry) if entry.is_dir() => continue,
                Ok(entry) => self.expand(&inner, entry)?,
                Err(cause) => {
                    self.unreadable(&inner, &cause.to_string())?;
                    continue;
                }
            };
            if let Some(content) = content {
                self.content(&inner, &content, depth)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn tar(&mut self, path: &str, bytes: &[u8], depth: u32) -> ControlFlow<()> {
        let mut archive = tar::Archive::new(bytes);
        let entries = match archive.entries() {
            Ok(entries) => entries,
            Err(cause) => return self.unreadable(path, &cause.to_string()),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(cause) => return self.unreadable(path, &cause.to_string()),
            };
            let kind = entry.header().entry_type();
            if !(kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse()) {
                continue;
            }
            let inner = format!("{path}!{}", name::text(&entry.path_bytes()));
            if let Some(content) = self.expand(&inner, entry)? {
                self.content(&inner, &content, depth)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Reads one entry within the bounds; what came before an error or a bound counts.
    fn expand(&mut self, path: &str, entry: impl Read) -> ControlFlow<(), Option<Vec<u8>>> {
        if let Some(reason) = self.limits.stop.reason() {
            self.ledger.skip(reason, path);
            return ControlFlow::Break(());
        }
        if self.entries == 0 || self.left == 0 {
            let bound = if self.entries == 0 { "entries" } else { "bytes" };
            self.unreadable(
                path,
                &format!("its archive has too many {bound}: this and the rest are left out"),
            )?;
            return ControlFlow::Break(());
        }
        self.entries -= 1;
        let most = MAX_ENTRY.min(self.left);
        let wanted = self.limits.max_bytes.unwrap_or(u64::MAX);
        let mut content = Vec::new();
        let outcome = entry.take(most.min(wanted) + 1).read_to_end(&mut content);
        let length = content.len() as u64;
        self.left = self.left.saturating_sub(length);
        if let Err(cause) = outcome {
            self.unreadable(path, &cause.to_string())?;
        } else if length > most {
            self.unreadable(path, &format!("expands too far: what comes after {most} bytes is left out"))?;
        } else if length > wanted {
            self.ledger.skip(SkipReason::TooLarge, path);
            return ControlFlow::Continue(None);
        }
        ControlFlow::Continue(Some(content))
    }

    fn unreadable(&self, path: &str, cause: &str) -> ControlFlow<()> {
        self.ledger.skip(SkipReason::ArchiveUnreadable, format!("{path}: {cause}"));
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::coverage::Coverage;
    use std::collections::BTreeMap;
    use std::io::Write;
    use std::sync::atomic::AtomicBool;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn opened(bytes: &[u8], depth: u32, max_bytes: Option<u64>) -> (BTreeMap<String, Vec<u8>>, Coverage) {
        let interrupted = AtomicBool::new(false);
        let limits = Limits { depth, max_bytes, stop: Stop { interrupted: &interrupted, deadline: None } };
        let ledger = Ledger::default();
        let mut seen = BTreeMap::new();
        open("out", bytes, &limits, &ledger, &mut |path, bytes| {
            seen.insert(path.to_owned(), bytes.to_vec());
        });
        (seen, ledger.coverage())
    }

    #[track_caller]
    fn expect(bytes: &[u8], depth: u32, entries: &[(&str, &str)]) -> Coverage {
        let (seen, coverage) = opened(bytes, depth, None);
        let seen: Vec<_> = seen
            .iter()
            .map(|(path, content)| (path.as_str(), std::str::from_utf8(content).unwrap()))
            .collect();
        assert_eq!(seen, entries);
        coverage
    }

    #[test]
    fn opens_each_kind() {
        let xz = {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(b"content").unwrap();
            encoder.finish().unwrap()
        };
        let bzip2 = {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(b"content").unwrap();
            encoder.finish().unwrap()
        };
        let zstd = zstd::stream::encode_all(&b"content"[..], 1).unwrap();
        let twice = [gzip(b"con"), gzip(b"tent")].concat();
        for compressed in [xz, bzip2, zstd, twice] {
            assert!(is_archive(&compressed));
            assert!(expect(&compressed, 1, &[("out", "content")]).is_complete());
        }
        let entries: &[(&str, &[u8])] = &[("a.txt", b"1"), ("d/b.txt", b"2")];
        for archive in [zip(entries), tar(entries), gzip(&tar(entries))] {
            expect(&archive, 1, &[("out!a.txt", "1"), ("out!d/b.txt", "2")]);
        }
        expect(b"no archive", 0, &[("out", "no archive")]);
    }

    #[test]
    fn goes_as_deep_as_it_may() {
        let inner = zip(&[("in.txt", b"deep"), ("i.png", b"\x89PNG\r\n\x1a\n")]);
        let outer = gzip(&tar(&[("in.zip", &inner), ("x.txt", b"flat")]));
        let coverage = expect(&outer, 2, &[("out!in.zip!in.txt", "deep"), ("out!x.txt", "flat")]);
        assert_eq!(coverage.skipped.keys().copied().collect::<Vec<_>>(), [SkipReason::Binary]);
        let coverage = expect(&outer, 1, &[("out!x.txt", "flat")]);
        assert!(coverage.skipped[&SkipReason::ArchiveDepth].places.contains("out!in.zip"));
        let coverage = expect(&outer, 0, &[]);
        assert!(coverage.skipped[&SkipReason::ArchiveDepth].places.contains("out"));
        assert!(coverage.is_complete());
        let plain = tar(&[("x.txt", b"flat")]);
        assert_eq!(opened(&plain, 0, None).0["out"], plain);
    }

    #[test]
    fn what_is_damaged_is_named_and_the_rest_is_seen() {
        let mut encrypted = zip(&[("a.txt", b"1"), ("b.txt", b"2")]);
        let central = encrypted.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        encrypted[central + 8] |= 1;
        let coverage = expect(&encrypted, 1, &[("out!b.txt", "2")]);
        assert!(!coverage.is_complete());
        assert!(
            coverage.skipped[&SkipReason::ArchiveUnreadable]
                .places
                .first()
                .unwrap()
                .starts_with("out!a.txt: ")
        );
        let whole = gzip(&b"some words and ".repeat(9999));
        let (seen, coverage) = opened(&whole[..whole.len() / 2], 1, None);
        assert!(seen["out"].starts_with(b"some words"));
        assert!(!coverage.is_complete());
        assert!(!expect(b"PK\x03\x04 no zip at all", 1, &[]).is_complete());
        assert!(!expect(b"7z\xbc\xaf\x27\x1c", 1, &[]).is_complete());
        let (seen, coverage) = opened(&zip(&[("a", b"123"), ("b", b"1")]), 1, Some(2));
        assert_eq!(seen.len(), 1);
        assert_eq!(coverage.skipped[&SkipReason::TooLarge].count, 1);
    }

    #[test]
    fn a_bomb_ends_at_the_bound() {
        let part = vec![0; RATIO_FROM as usize / 2];
        let bomb = zip(&[("a", &part), ("b", &part[1..]), ("c", &part), ("d", &part)]);
        let (seen, coverage) = opened(&bomb, 1, None);
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["out!a", "out!b", "out!c"]);
        assert!(seen.values().map(Vec::len).sum::<usize>() <= RATIO_FROM as usize + 1);
        assert_eq!(coverage.skipped[&SkipReason::ArchiveUnreadable].count, 2);
    }
}
