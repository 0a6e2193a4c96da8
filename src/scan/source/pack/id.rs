//! Names and kinds of git objects. Apart because every other file here uses them; nothing is read.

use std::fmt;

/// The hash function by which a repository names its objects (`extensions.objectFormat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashKind {
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
}

impl HashKind {
    /// Bytes in an id.
    pub fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// An object's name. Displayed in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    bytes: [u8; 32],
    hash: HashKind,
}

impl Id {
    /// From 20 or 32 raw bytes; `None` for any other number of them.
    pub fn from_bytes(raw: &[u8]) -> Option<Self> {
        let hash = match raw.len() {
            20 => HashKind::Sha1,
            32 => HashKind::Sha256,
            _ => return None,
        };
        let mut bytes = [0; 32];
        bytes[..raw.len()].copy_from_slice(raw);
        Some(Self { bytes, hash })
    }

    /// From 40 or 64 hexadecimal digits, of either case.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let digits = hex.as_bytes();
        let mut raw = [0; 32];
        if digits.len() != 40 && digits.len() != 64 {
            return None;
        }
        for (byte, pair) in raw.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (hex_value(pair[0])? << 4) | hex_value(pair[1])?;
        }
        Self::from_bytes(&raw[..digits.len() / 2])
    }

    /// The raw bytes: 20 or 32 of them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.hash.length()]
    }

    /// The hash function that made it.
    pub fn hash_kind(&self) -> HashKind {
        self.hash
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A commit.
    Commit,
    /// A directory.
    Tree,
    /// A file's content.
    Blob,
    /// An annotated tag.
    Tag,
}

impl Kind {
    /// As git names it in a loose object.
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"commit" => Self::Commit,
            b"tree" => Self::Tree,
            b"blob" => Self::Blob,
            b"tag" => Self::Tag,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips() {
        for length in [40, 64] {
            let hex: String = "0123456789abcdef".chars().cycle().take(length).collect();
            let id = Id::from_hex(&hex).unwrap();
            assert_eq!(id.to_string(), hex);
            assert_eq!(Id::from_bytes(id.as_bytes()), Some(id));
            assert_eq!(id.hash_kind().length() * 2, length);
        }
        assert_eq!(Id::from_hex(&"g".repeat(40)), None);
        assert_eq!(Id::from_hex("12"), None);
    }
}
