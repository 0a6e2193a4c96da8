//! Finds long runs of base64's characters, sixty-four bytes at a time and without a branch for
//! each: almost no text has one, and all text is looked at.

use std::ops::Range;

/// Fewest characters of a run.
pub(super) const LEAST: usize = 16;
/// Bytes looked at in one step.
const STEP: usize = 64;

/// The runs of [`LEAST`] or more characters of base64 (standard and URL-safe), in order. No run is
/// cut at its start: what stands before the text must not be such a character.
pub(super) struct Runs<'a> {
    text: &'a [u8],
    end: usize,
    /// A bit for each byte from `LEAST` before `base` up to `next`, set where it may be in a run.
    members: u128,
    base: usize,
    next: usize,
}

impl<'a> Runs<'a> {
    pub(super) fn new(text: &'a [u8], range: Range<usize>) -> Self {
        Self { text, end: range.end, members: 0, base: range.start, next: range.start }
    }

    /// The members among the next bytes; none at the end.
    fn step(&mut self) -> Option<u64> {
        let left = self.end - self.next;
        if left == 0 {
            return None;
        }
        let rest = &self.text[self.next..];
        let all = match rest.first_chunk::<STEP>() {
            Some(chunk) => members(chunk),
            None => {
                let mut chunk = [0; STEP];
                chunk[..rest.len()].copy_from_slice(rest);
                members(&chunk)
            }
        };
        self.base = self.next;
        self.next += left.min(STEP);
        Some(if left < STEP { all & !(u64::MAX << left) } else { all })
    }
}

impl Iterator for Runs<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let first = starts(self.members).trailing_zeros() as usize;
            if first < LEAST + STEP {
                let start = self.base + first - LEAST;
                let mut end = first + (self.members >> first).trailing_ones() as usize;
                // The last bit stands for the byte before `next`.
                while end == LEAST + STEP
                    && let Some(members) = self.step()
                {
                    end = LEAST + members.trailing_ones() as usize;
                    self.members = u128::from(members) << LEAST;
                }
                self.members &= u128::MAX << end;
                return Some(start..self.base + end - LEAST);
            }
            self.members = self.members >> STEP | u128::from(self.step()?) << LEAST;
        }
    }
}

/// The bits at which `LEAST` set bits begin.
fn starts(members: u128) -> u128 {
    const { assert!(LEAST == 16) };
    let two = members & members >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    eight & eight >> 8
}

/// Whether a byte is a character of base64, standard or URL-safe.
pub(super) const fn is_member(byte: u8) -> bool {
    // Without branches, so that the compiler does many at once. `/` stands before the digits.
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'/') < 11;
    letter | digit | (byte == b'+') | (byte == b'-') | (byte == b'_')
}

/// A bit for each byte that is a member, the first byte's lowest.
fn members(chunk: &[u8; STEP]) -> u64 {
    let flags = chunk.map(|byte| u8::from(is_member(byte)));
    let (eights, _) = flags.as_chunks::<8>();
    eights.iter().rev().fold(0, |bits, eight| {
        // Brings the lowest bits of eight bytes together.
        let byte = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits << 8 | byte
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_plain_search_finds() {
        let mut state = 1_u64;
        for round in 0..2000 {
            let text: Vec<u8> = (0..300)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let odd = b" ,.:@[\x80\xc1{`"[(state >> 33) as usize % 10];
                    let member = b"ABCxyzZ019+/-_a"[(state >> 40) as usize % 15];
                    if (state >> 50) % 60 < 1 + round % 5 { odd } else { member }
                })
                .collect();
            let mut plain = Vec::new();
            let mut at = 0;
            while at < text.len() {
                let length = text[at..].iter().take_while(|byte| is_member(**byte)).count();
                if length >= LEAST {
                    plain.push(at..at + length);
                }
                at += length + 1;
            }
            assert_eq!(Runs::new(&text, 0..text.len()).collect::<Vec<_>>(), plain);
            // What stands behind a range is not read.
            let cut = plain.get(round as usize % 7).map_or(100, |run| (run.start + 20).min(300));
            let before = plain.iter().filter(|run| run.start + LEAST <= cut);
            let before: Vec<_> = before.map(|run| run.start..run.end.min(cut)).collect();
            assert_eq!(Runs::new(&text, 0..cut).collect::<Vec<_>>(), before);
        }
        let members: Vec<u8> = (0..=255).filter(|byte| is_member(*byte)).collect();
        assert_eq!(members, b"+-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
    }
}
