//! Inflating zlib streams. Whole objects go through libdeflate, which is faster than zlib and its
//! rewrites because it needs the size beforehand, and git always states it; the first bytes of an
//! object, for its size alone, go through flate2, which can stop early.

use super::error::Fault;
use flate2::{Decompress, FlushDecompress};
use libdeflater::Decompressor;
use std::fmt;

/// Deflate cannot do better than 1032 to 1, so a larger claim is a lie (and not allocated).
const BEST_RATIO: usize = 1032;

/// One thread's decompressor.
pub(super) struct Inflater(Decompressor);

impl fmt::Debug for Inflater {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Inflater")
    }
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self(Decompressor::new())
    }

    /// Inflates the stream at the start of `input` into `out`, which it then fills exactly. What
    /// follows the stream is ignored.
    pub(super) fn inflate(&mut self, input: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        if size / BEST_RATIO > input.len() {
            return Err(Fault::Deflate);
        }
        // Old content is overwritten, so that only growth costs a fill.
        out.resize(size, 0);
        match self.0.zlib_decompress(input, out) {
            Ok(written) if written == size => Ok(()),
            _ => Err(Fault::Deflate),
        }
    }
}

/// The first bytes of the stream at the start of `input`: as many as fit, fewer where it ends.
pub(super) fn prefix<'out>(input: &[u8], out: &'out mut [u8]) -> Result<&'out [u8], Fault> {
    let mut stream = Decompress::new(true);
    // An error after the bytes that were asked for is not looked at.
    let outcome = stream.decompress(input, out, FlushDecompress::None);
    let written = stream.total_out() as usize;
    match outcome {
        Err(_) if written == 0 => Err(Fault::Deflate),
        _ => Ok(&out[..written]),
    }
}
