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

/// How large the result of `delta` on a base of `base_len` bytes says it is. Whether it is, only
/// [`apply`] can tell: what is damaged may be too large, too.
pub(super) fn result_size(delta: &[u8], base_len: usize) -> Result<u64, Fault> {
    Ok(stated(delta, base_len)?.0)
}

/// The size of a delta's result, and its instructions, no byte of which makes more than one base.
fn stated(delta: &[u8], base_len: usize) -> Result<(u64, &[u8]), Fault> {
    let (base_size, result_size, rest) = sizes(delta)?;
    let most = (rest.len() as u64).saturating_mul(base_size.max(1));
    if base_size == base_len as u64 && result_size <= most {
        Ok((result_size, rest))
    } else {
        Err(Fault::Delta)
    }
}

/// Builds the result of `delta` into `out`, and its pieces into `pieces`; what was in them is dropped. A
/// size that is a lie allocates no more than twice what is built of it, or base and delta together.
pub(super) fn apply(
    delta: &[u8],
    base: &[u8],
    out: &mut Vec<u8>,
    pieces: &mut Vec<Piece>,
) -> Result<(), Fault> {
    let (size, mut rest) = stated(delta, base.len())?;
    let size = usize::try_from(size).map_err(|_| Fault::Delta)?;
    out.clear();
    out.reserve_exact(size.min(base.len() + delta.len()));
    pieces.clear();
    while !rest.is_empty() {
        let offset = out.len();
        let (bytes, piece) = match instruction(&mut rest)? {
            Instruction::Copy { offset: base_offset, len } => {
                let bytes = base.get(base_offset..).and_then(|rest| rest.get(..len)).ok_or(Fault::Delta)?;
                (bytes, Piece::Copy { base_offset, len, offset })
            }
            Instruction::Insert(bytes) => (bytes, Piece::Insert { offset, len: bytes.len() }),
        };
        let left = size - offset;
        if bytes.len() > left {
            return Err(Fault::Delta);
        }
        if bytes.len() > out.capacity() - offset {
            out.reserve_exact(left.min(offset.max(bytes.len())));
        }
        out.extend_from_slice(bytes);
        match (pieces.last_mut(), piece) {
            (
                Some(Piece::Copy { base_offset: before, len: run, .. }),
                Piece::Copy { base_offset, len, .. },
            ) if *before + *run == base_offset => {
                *run += len;
            }
            (Some(Piece::Insert { len: run, .. }), Piece::Insert { len, .. }) => *run += len,
            _ => pieces.push(piece),
        }
    }
    if out.len() == size { Ok(()) } else { Err(Fault::Delta) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &[u8] = b"0123456789";

    fn build(delta: &[u8]) -> Result<(Vec<u8>, Vec<Piece>), Fault> {
        let (mut out, mut pieces) = (vec![1, 2, 3], Vec::new());
        apply(delta, BASE, &mut out, &mut pieces)?;
        assert_eq!(out.len() as u64, result_size(delta, BASE.len())?);
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
    fn builds_no_more_than_is_stated() {
        // Twenty copies of the base, and a size of less.
        let lie = |size: u8| [&[10, size][..], &[0x90, 10].repeat(20)].concat();
        for size in [0, 1, 10, 25, 127] {
            let (mut out, mut pieces) = (Vec::new(), Vec::new());
            assert_eq!(apply(&lie(size), BASE, &mut out, &mut pieces), Err(Fault::Delta));
            assert!(out.capacity() <= usize::from(size), "{} for {size}", out.capacity());
        }
        let two_hundred = [&[10, 0xc8, 1][..], &[0x90, 10].repeat(20)].concat();
        let (mut out, mut pieces) = (Vec::new(), Vec::new());
        assert_eq!(apply(&two_hundred, BASE, &mut out, &mut pieces), Ok(()));
        assert_eq!((out.capacity(), &out), (200, &BASE.repeat(20)));
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
        assert_eq!(result_size(&[10, 21, 0x90, 10], 10), Err(Fault::Delta), "more than two bytes can make");
        assert_eq!(build(&[10, 3, 0x80]), Err(Fault::Delta), "65536 bytes");
    }
}
