//! The header of a pack entry: what it is, how large, where its base and its data lie. Apart
//! because walk, random access and sizes all start here. It inflates nothing.

use super::error::Fault;
use super::id::{HashKind, Id, Kind};

/// What an entry's data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The object itself.
    Whole(Kind),
    /// A delta; its base is the entry at this offset, before it in the same pack.
    OffsetDelta(u64),
    /// A delta; its base has this name.
    NamedDelta(Id),
}

/// A pack entry without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) form: Form,
    /// Inflated size of the data in bytes: of the object, or of the delta.
    pub(super) size: u64,
    /// Where the zlib stream starts in the pack.
    pub(super) data: usize,
}

impl Entry {
    /// The entry at `offset` of `pack` (without its trailer).
    pub(super) fn parse(pack: &[u8], offset: u64, hash: HashKind) -> Result<Self, Fault> {
        let start = usize::try_from(offset).map_err(|_| Fault::Truncated)?;
        let mut rest = pack.get(start..).ok_or(Fault::Truncated)?;
        let first = next(&mut rest)?;
        let mut size = u64::from(first & 0x0f);
        let (mut byte, mut shift) = (first, 4);
        while byte & 0x80 != 0 {
            byte = next(&mut rest)?;
            let bits = u64::from(byte & 0x7f);
            if shift >= 64 || bits << shift >> shift != bits {
                return Err(Fault::Header);
            }
            size |= bits << shift;
            shift += 7;
        }
        let form = match first >> 4 & 7 {
            1 => Form::Whole(Kind::Commit),
            2 => Form::Whole(Kind::Tree),
            3 => Form::Whole(Kind::Blob),
            4 => Form::Whole(Kind::Tag),
            6 => {
                let back = distance(&mut rest)?;
                match offset.checked_sub(back) {
                    Some(base) if back > 0 => Form::OffsetDelta(base),
                    _ => return Err(Fault::Header),
                }
            }
            7 => {
                let (name, after) = rest.split_at_checked(hash.length()).ok_or(Fault::Truncated)?;
                rest = after;
                Form::NamedDelta(Id::from_bytes(name).ok_or(Fault::Header)?)
            }
            _ => return Err(Fault::Header),
        };
        Ok(Self { form, size, data: pack.len() - rest.len() })
    }
}

fn next(rest: &mut &[u8]) -> Result<u8, Fault> {
    let (&byte, after) = rest.split_first().ok_or(Fault::Truncated)?;
    *rest = after;
    Ok(byte)
}

/// How far before a delta its base lies: big-endian groups of 7 bits, each but the last one larger.
fn distance(rest: &mut &[u8]) -> Result<u64, Fault> {
    let mut byte = next(rest)?;
    let mut value = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = next(rest)?;
        if value >= 1 << 56 {
            return Err(Fault::Header);
        }
        value = ((value + 1) << 7) | u64::from(byte & 0x7f);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_and_distances() {
        let parse = |pack: &[u8], offset| Entry::parse(pack, offset, HashKind::Sha1);
        let blob = parse(&[0xb5, 0x01, 9], 0).unwrap();
        assert_eq!(blob, Entry { form: Form::Whole(Kind::Blob), size: 21, data: 2 });
        let mut pack = vec![0; 300];
        pack.extend([0x62, 0x80, 0x00]);
        assert_eq!(parse(&pack, 300).unwrap().form, Form::OffsetDelta(300 - 128));
    }

    #[test]
    fn refuses_what_git_does_not_write() {
        let parse = |pack: &[u8], offset| Entry::parse(pack, offset, HashKind::Sha1);
        assert_eq!(parse(&[0xb5], 0), Err(Fault::Truncated));
        assert_eq!(parse(&[0x35], 7), Err(Fault::Truncated));
        assert_eq!(parse(&[0x55, 0], 0), Err(Fault::Header));
        assert_eq!(parse(&[0x62, 0x00], 0), Err(Fault::Header));
        assert_eq!(parse(&[0x62, 0x01], 0), Err(Fault::Header));
        assert_eq!(parse(&[0x72, 1, 2, 3], 0), Err(Fault::Truncated));
        assert_eq!(parse(&[0xff; 40], 0), Err(Fault::Header));
    }
}
