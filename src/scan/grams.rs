//! How common three bytes (whatever their case) and two are in source text, as it was counted once. Apart
//! because the choice of a rule's literals and the search for them both ask, the first also while the
//! program is built.

use std::f32::consts::SQRT_2;

/// Bytes in a gram.
pub(crate) const GRAM: usize = 3;
const BITS: u32 = 15;
/// By a gram's hash: eight times the binary logarithm of how many there are; `tests/models/train_grams.py`
/// counts.
static COMMON: &[u8; 1 << BITS] = include_bytes!("grams.bin");
/// As [`COMMON`], by two bytes of seven bits.
static PAIRS: &[u8; 1 << 14] = include_bytes!("pairs.bin");
/// What all counts are together.
const TOTAL: f32 = 1e8;

/// A gram as a number, the same in both cases of a letter.
pub(crate) fn folded(gram: &[u8]) -> u32 {
    u32::from_le_bytes([gram[0], gram[1], gram[2], 0]) | 0x0020_2020
}

/// So many bits of a folded gram's hash.
#[inline]
pub(crate) fn hash(gram: u32, bits: u32) -> usize {
    (gram.wrapping_mul(0x9e37_79b1) >> (32 - bits)) as usize
}

/// How often a gram stands in [`TOTAL`] bytes of source text, about; at least once.
pub(crate) fn count(gram: &[u8]) -> f32 {
    exp2(COMMON[hash(folded(gram), BITS)])
}

/// How often two bytes, in their case, stand in [`TOTAL`] bytes of source text, about; at least once.
pub(crate) fn pair_count([first, second]: [u8; 2]) -> f32 {
    exp2(PAIRS[usize::from(first & 127) << 7 | usize::from(second & 127)])
}

/// Two to the power of so many eighths: all literals' grams are weighed whenever the program starts.
fn exp2(eighths: u8) -> f32 {
    const EIGHTHS: [f32; 8] =
        [1.0, 1.090_507_7, 1.189_207_1, 1.296_839_6, SQRT_2, 1.542_210_8, 1.681_792_9, 1.834_008_1];
    (1_u64 << (eighths / 8)) as f32 * EIGHTHS[usize::from(eighths % 8)]
}

/// Bits of information in seeing the rarest gram of a literal; none where it is too short for one.
pub(crate) fn rarity(literal: &[u8]) -> Option<f32> {
    literal.windows(GRAM).map(|gram| (TOTAL / count(gram)).log2()).max_by(f32::total_cmp)
}
