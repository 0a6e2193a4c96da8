//! Git's delta instructions: how a result is made of runs of a base and of inserted bytes. Apart
//! because it is pure: no files, no packs. What the pieces mean for a search is in `pieces`.

use super::error::Fault;
use crate::scan::pieces::Piece;

/// Sizes of base and result that `delta` states at its start, and its instructions.
pub(super) fn sizes(mut delta: &[u8]) -> Result<(u64, u64, &[u8]), Fault> {
    let base = size(&mut delta)?;
    let result = size(&mut delta)?;
    Ok((base, result, delta))
}

fn size(rest: &mut &[u8]) -> Result<u64, Fault> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or(Fault::Truncated)?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Fault::Header)
}

enum Instruction<'delta> {
    Copy { offset: usize, len: usize },
    Insert(&'delta [u8]),
}

/// The next instruction, taken from the front of `rest`, which is not empty.
#[inline]
fn instruction<'delta>(rest: &mut &'delta [u8]) -> Result<Instruction<'delta>, Fault> {
    let (&code, mut after) = rest.split_first().ok_or(Fault::Truncated)?;
    let found = if code & 0x80 != 0 {
        let mut field = |bits: std::ops::Range<u32>| {
            let mut value = 0;
            for (place, bit) in bits.enumerate() {
                if code >> bit & 1 != 0 {
                    let (&byte, rest) = after.split_first().ok_or(Fault::Truncated)?;
                    after = rest;
                    value |= usize::from(byte) << (8 * place);
                }
            }
            Ok(value)
        };
        let offset = field(0..4)?;
        let len = match field(4..7)? {
            0 => 0x1_0000,
            len => len,
        };
        Instruction::Copy { offset, len }
    } else if code != 0 {
        let (bytes, rest) = after.split_at_checked(usize::from(code)).ok_or(Fault::Truncated)?;
        after = rest;
        Instruction::Insert(bytes)
    } else {
        return Err(Fault::Delta);
    };
    *rest = after;
    Ok(found)
}

/// Checks `delta` against a base of `base_len` bytes; gives the result's size. Only what passes here
/// is allocated for.
pub(super) fn check(delta: &[u8], base_len: usize) -> Result<u64, Fault> {
    let (base_size, result_size, mut rest) = sizes(delta)?;
    let mut built = 0;
    while !rest.is_empty() {
        built += match instruction(&mut rest)? {
            Instruction::Copy { offset, len } if offset <= base_len && len <= base_len - offset => len as u64,
            Instruction::Copy { .. } => return Err(Fault::Delta),
            Instruction::Insert(bytes) => bytes.len() as u64,
        };
    }
    if base_size == base_len as u64 && built == result_size { Ok(result_size) } else { Err(Fault::Delta) }
}

/// Builds the result of `delta`, which passed [`check`], into `out`, and its pieces into `pieces`;
/// what was in them is dropped.
pub(super) fn apply(
    delta: &[u8],
    base: &[u8],
    out: &mut Vec<u8>,
    pieces: &mut Vec<Piece>,
) -> Result<(), Fault> {
    let (_, result_size, mut rest) = sizes(delta)?;
    out.clear();
    out.reserve_exact(usize::try_from(result_size).map_err(|_| Fault::Delta)?);
    pieces.clear();
    while !rest.is_empty() {
        let offset = out.len();
        match instruction(&mut rest)? {
            Instruction::Copy { offset: base_offset, len } => {
                out.extend_from_slice(base.get(base_offset..base_offset + len).ok_or(Fault::Delta)?);
                match pieces.last_mut() {
                    Some(Piece::Copy { base_offset: before, len: run, .. })
                        if *before + *run == base_offset =>
                    {
                        *run += len;
                    }
                    _ => pieces.push(Piece::Copy { base_offset, len, offset }),
                }
            }
            Instruction::Insert(bytes) => {
                out.extend_from_slice(bytes);
                match pieces.last_mut() {
                    Some(Piece::Insert { len, .. }) => *len += bytes.len(),
                    _ => pieces.push(Piece::Insert { offset, len: bytes.len() }),
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &[u8] = b"0123456789";

    fn build(delta: &[u8]) -> Result<(Vec<u8>, Vec<Piece>), Fault> {
        let (mut out, mut pieces) = (vec![1, 2, 3], Vec::new());
        let size = check(delta, BASE.len())?;
        apply(delta, BASE, &mut out, &mut pieces)?;
        assert_eq!(out.len() as u64, size);
        Ok((out, pieces))
    }

    #[test]
    fn copies_and_inserts() {
        let delta = [10, 11, 0x91, 2, 3, 2, b'a', b'b', 1, b'c', 0x90, 2, 0x91, 2, 3];
        let (out, pieces) = build(&delta).unwrap();
        assert_eq!(out, b"234abc01234");
        let expected = [
            Piece::Copy { base_offset: 2, len: 3, offset: 0 },
            Piece::Insert { offset: 3, len: 3 },
            Piece::Copy { base_offset: 0, len: 5, offset: 6 },
        ];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert_eq!(build(&[10, 3, 0x91, 8, 3]), Err(Fault::Delta), "outside the base");
        assert_eq!(build(&[10, 4, 0x91, 2, 3]), Err(Fault::Delta), "result size");
        assert_eq!(build(&[9, 3, 0x91, 2, 3]), Err(Fault::Delta), "base size");
        assert_eq!(build(&[10, 1, 0]), Err(Fault::Delta), "reserved instruction");
        assert_eq!(build(&[10, 3, 0x91, 8]), Err(Fault::Truncated));
        assert_eq!(build(&[10, 3, 5, 1]), Err(Fault::Truncated));
        assert_eq!(build(&[0xff; 12]), Err(Fault::Header));
        assert_eq!(build(&[10]), Err(Fault::Truncated));
        assert_eq!(build(&[10, 3, 0x80]), Err(Fault::Delta), "65536 bytes");
    }
}
