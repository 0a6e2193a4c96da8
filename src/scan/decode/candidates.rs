//! Finds the tokens of a text that decode to text, with their values: escapes first, then
//! hexadecimal, then base64. A token that touches one found before it is left for the next pass.
//!
//! What counts is gitleaks' notion, widened where it loses text for no reason: one bad escape does
//! not spoil its line, URL-safe base64 may be padded, and base64 may hold UTF-16 (PowerShell).

use super::Encodings;
use super::runs::{self, Runs};
use std::ops::Range;

/// Fewest digits of hexadecimal.
const HEX_LEAST: usize = 32;
/// Escapes on one line no further apart than this are one token.
const ESCAPE_GAP: usize = 16;

/// One token that decodes.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) range: Range<usize>,
    /// Its value, in [`Candidates::values`].
    pub(super) value: Range<usize>,
    pub(super) encodings: Encodings,
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Candidates {
    /// Never overlapping; in order within each encoding only.
    pub(super) found: Vec<Found>,
    pub(super) values: Vec<u8>,
}

impl Candidates {
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Searches a region that no earlier search touched.
    pub(super) fn search(&mut self, text: &[u8], region: Range<usize>) {
        // Most of what is new in a version is a few bytes: nothing is set up for those.
        let may_escape = |byte: &u8| matches!(byte, b'%' | b'\\' | b'+');
        if region.len() < runs::LEAST && !text[region.clone()].iter().any(may_escape) {
            return;
        }
        let first = self.found.len();
        self.escapes(text, region.clone());
        let escapes = first..self.found.len();
        self.runs(text, region, escapes);
    }

    fn escapes(&mut self, text: &[u8], region: Range<usize>) {
        let mut done = region.start;
        let first = self.found.len();
        for hit in memchr::memchr3_iter(b'%', b'\\', b'+', &text[region.clone()]) {
            let hit = region.start + hit;
            if hit < done {
                continue;
            }
            if let Some(escape) = Escape::at(&text[..region.end], hit, done) {
                done = escape.range.end;
                self.escape(text, first, escape);
            }
        }
    }

    fn escape(&mut self, text: &[u8], first: usize, escape: Escape) {
        let Escape { range, value, encoding } = escape;
        let mut bytes = [0; 4];
        let bytes = value.encode_utf8(&mut bytes).as_bytes();
        let last = if self.found.len() > first { self.found.last_mut() } else { None };
        if let Some(last) = last {
            let gap = &text[last.range.end..range.start];
            let parted = gap.len() == 1
                && gap[0].is_ascii_whitespace()
                && encoding == Encodings::UNICODE
                && text[range.start] == b'U'
                && text.get(last.range.end.wrapping_sub(5)) == Some(&b'+');
            if parted || (gap.len() <= ESCAPE_GAP && !gap.contains(&b'\n')) {
                if !parted {
                    self.values.extend_from_slice(gap);
                }
                self.values.extend_from_slice(bytes);
                last.range.end = range.end;
                last.value.end = self.values.len();
                last.encodings = last.encodings.union(encoding);
                return;
            }
        }
        let start = self.values.len();
        self.values.extend_from_slice(bytes);
        self.found.push(Found { range, value: start..self.values.len(), encodings: encoding });
    }

    /// Hexadecimal and base64, both in runs of base64's alphabet.
    fn runs(&mut self, text: &[u8], region: Range<usize>, escapes: Range<usize>) {
        let mut escape = escapes.start;
        for mut run in Runs::new(text, region) {
            while escape < escapes.end && self.found[escape].range.end < run.start {
                escape += 1;
            }
            if escape < escapes.end && self.found[escape].range.start <= run.end {
                continue;
            }
            if run.len() >= HEX_LEAST && self.hex(text, &run) {
                continue;
            }
            // The `n` of a `\n` is not the token's.
            if run.start > 0 && text[run.start - 1] == b'\\' && matches!(text[run.start], b'n' | b'r' | b't')
            {
                run.start += 1;
            }
            if run.len() >= runs::LEAST {
                self.base64(text, run);
            }
        }
    }

    fn hex(&mut self, text: &[u8], run: &Range<usize>) -> bool {
        let before = self.found.len();
        let is_digit = |byte: &&u8| byte.is_ascii_hexdigit();
        let mut next = run.start;
        // Not each byte is looked at: the last that the next digits must have tells most of base64 from them.
        while next + HEX_LEAST <= run.end {
            let least = next + HEX_LEAST;
            let digits = text[next..least].iter().rev().take_while(is_digit).count();
            if digits < HEX_LEAST {
                next = least - digits;
                continue;
            }
            let end = least + text[least..run.end].iter().take_while(is_digit).count();
            self.hex_digits(text, next..end);
            next = end;
        }
        self.found.len() > before
    }

    fn hex_digits(&mut self, text: &[u8], range: Range<usize>) {
        let digits = &text[range.clone()];
        if !digits.len().is_multiple_of(2) || !digits.iter().any(u8::is_ascii_digit) {
            return;
        }
        let start = self.values.len();
        if decode_hex(digits, &mut self.values) {
            let value = start..self.values.len();
            self.found.push(Found { range, value, encodings: Encodings::HEX });
        } else {
            self.values.truncate(start);
        }
    }

    fn base64(&mut self, text: &[u8], run: Range<usize>) {
        let token = &text[run.clone()];
        // The first three bytes tell most words from base64.
        if !plausible(token) {
            return;
        }
        let start = self.values.len();
        // A token of letters only is most likely a word; but UTF-16 often has no other character.
        let word = !is_wide(token) && token.iter().all(u8::is_ascii_alphabetic);
        if word || !decode_base64(token, &mut self.values) {
            self.values.truncate(start);
            return;
        }
        let end = run.end + padding(&text[run.end..], token.len());
        let value = start..self.values.len();
        self.found.push(Found { range: run.start..end, value, encodings: Encodings::BASE64 });
    }
}

/// The token of any encoding that `fresh` is part of, from `floor` at the earliest.
pub(super) fn token_around(text: &[u8], fresh: &Range<usize>, floor: usize) -> Range<usize> {
    let part = |byte: &u8| runs::is_member(*byte) || matches!(byte, b'%' | b'\\' | b'=');
    let before = text[floor..fresh.start.max(floor)].iter().rev().take_while(|byte| part(byte)).count();
    let after = text[fresh.end..].iter().take_while(|byte| part(byte)).count();
    fresh.start.max(floor) - before..fresh.end + after
}

/// One escaped character.
struct Escape {
    range: Range<usize>,
    value: char,
    encoding: Encodings,
}

impl Escape {
    /// The escape whose `%`, `\` or `+` stands at `hit`, if there is one that starts at `floor` or later.
    fn at(text: &[u8], hit: usize, floor: usize) -> Option<Self> {
        match text[hit] {
            b'%' => {
                let value = hex_number(text.get(hit + 1..hit + 3)?)?;
                let value = u8::try_from(value).ok().filter(|byte| printable(*byte))?;
                Some(Self { range: hit..hit + 3, value: value.into(), encoding: Encodings::PERCENT })
            }
            b'+' => {
                let start = hit.checked_sub(1).filter(|start| *start >= floor && text[*start] == b'U')?;
                let value = hex_number(text.get(hit + 1..hit + 5)?)?;
                if text.get(hit + 5).is_some_and(|next| next.is_ascii_alphanumeric() || *next == b'_') {
                    return None;
                }
                let value = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
                Some(Self { range: start..hit + 5, value, encoding: Encodings::UNICODE })
            }
            _ => {
                let (mut end, unit) = unicode_unit(text, hit)?;
                let mut value = char::from_u32(unit);
                if (0xd800..0xdc00).contains(&unit)
                    && let Some((low_end, low @ 0xdc00..0xe000)) = unicode_unit(text, end)
                {
                    value = char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
                    end = low_end;
                }
                let value = value.unwrap_or(char::REPLACEMENT_CHARACTER);
                Some(Self { range: hit..end, value, encoding: Encodings::UNICODE })
            }
        }
    }
}

/// `\u0041` with one or two backslashes at `start`: its end and its number.
fn unicode_unit(text: &[u8], start: usize) -> Option<(usize, u32)> {
    if text.get(start) != Some(&b'\\') {
        return None;
    }
    let letter = if text.get(start + 1) == Some(&b'\\') { start + 2 } else { start + 1 };
    if !matches!(text.get(letter), Some(b'u' | b'U')) {
        return None;
    }
    Some((letter + 5, hex_number(text.get(letter + 1..letter + 5)?)?))
}

fn hex_number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
}

/// Whether a byte is text, as gitleaks sees it.
fn printable(byte: u8) -> bool {
    (0x09..0x7f).contains(&byte)
}

fn decode_hex(digits: &[u8], out: &mut Vec<u8>) -> bool {
    for pair in digits.chunks_exact(2) {
        match hex_number(pair) {
            Some(byte @ 0x09..0x7f) => out.push(byte as u8),
            _ => return false,
        }
    }
    true
}

/// Whether the first four characters can be text, or text in UTF-16.
fn plausible(token: &[u8]) -> bool {
    let [first, second, third] = quad(token);
    (printable(first) && printable(third) && (printable(second) || second == 0))
        || [first, second] == [0xff, 0xfe]
}

/// Whether a plausible token can only be UTF-16.
fn is_wide(token: &[u8]) -> bool {
    let [first, second, _] = quad(token);
    second == 0 || first == 0xff
}

fn quad(characters: &[u8]) -> [u8; 3] {
    let bits = characters[..4]
        .iter()
        .fold(0_u32, |bits, character| bits << 6 | u32::from(SEXTET[usize::from(*character)]));
    [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]
}

/// Decodes a token without its padding; what was written is to be dropped when it fails.
fn decode_base64(token: &[u8], out: &mut Vec<u8>) -> bool {
    let (whole, rest) = token.split_at(token.len() - token.len() % 4);
    if rest.len() == 1 {
        return false;
    }
    let start = out.len();
    let wide = is_wide(token);
    for characters in whole.chunks_exact(4) {
        let bytes = quad(characters);
        if !wide && !bytes.iter().all(|byte| printable(*byte)) {
            return false;
        }
        out.extend_from_slice(&bytes);
    }
    if !rest.is_empty() {
        let mut last = [b'A'; 4];
        last[..rest.len()].copy_from_slice(rest);
        out.extend_from_slice(&quad(&last)[..rest.len() - 1]);
    }
    if mixed(token) {
        return false;
    }
    if wide { narrow(out, start) } else { out[start..].iter().rev().take(3).all(|byte| printable(*byte)) }
}

/// Whether a token has characters of both alphabets.
fn mixed(token: &[u8]) -> bool {
    let standard = memchr::memchr2(b'+', b'/', token).is_some();
    standard && memchr::memchr2(b'-', b'_', token).is_some()
}

/// Turns UTF-16LE of ASCII at the end of `out` into ASCII.
fn narrow(out: &mut Vec<u8>, start: usize) -> bool {
    let from = if out[start..].starts_with(&[0xff, 0xfe]) { start + 2 } else { start };
    if !out[from..].chunks(2).all(|unit| matches!(unit, [byte, 0] if printable(*byte))) {
        return false;
    }
    let units = (out.len() - from) / 2;
    for unit in 0..units {
        out[start + unit] = out[from + 2 * unit];
    }
    out.truncate(start + units);
    units > 0
}

/// How many `=` complete a token of this length; none where they do not fit.
fn padding(after: &[u8], length: usize) -> usize {
    let wanted = (4 - length % 4) % 4;
    if after.get(..wanted).is_some_and(|signs| signs.iter().all(|sign| *sign == b'=')) { wanted } else { 0 }
}

const SEXTET: [u8; 256] = sextets();

const fn sextets() -> [u8; 256] {
    let mut values = [0; 256];
    let mut letter = 0;
    while letter < 26 {
        values[(b'A' + letter) as usize] = letter;
        values[(b'a' + letter) as usize] = 26 + letter;
        letter += 1;
    }
    let mut digit = 0;
    while digit < 10 {
        values[(b'0' + digit) as usize] = 52 + digit;
        digit += 1;
    }
    values[b'+' as usize] = 62;
    values[b'-' as usize] = 62;
    values[b'/' as usize] = 63;
    values[b'_' as usize] = 63;
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Digits of text, so that every token that is long enough and even decodes.
        #[test]
        fn tokens_are_all_runs_of_digits_that_are_long_enough(
            text in "(([2-7][0-9a-e]){13,17}[2-7]?|[z/]|[2-7a-f]{0,3}){0,8}",
        ) {
            let mut candidates = Candidates::default();
            candidates.hex(text.as_bytes(), &(0..text.len()));
            let mut plain = Vec::new();
            let mut next = 0;
            for digits in text.split(|character: char| !character.is_ascii_hexdigit()) {
                let range = next..next + digits.len();
                next = range.end + 1;
                let mut value = Vec::new();
                let decodes = digits.len().is_multiple_of(2) && decode_hex(digits.as_bytes(), &mut value);
                if digits.len() >= HEX_LEAST && decodes && digits.bytes().any(|byte| byte.is_ascii_digit()) {
                    plain.push((range, value));
                }
            }
            let Candidates { found, values } = candidates;
            let found = found.into_iter().map(|one| (one.range, values[one.value].to_vec()));
            prop_assert_eq!(found.collect::<Vec<_>>(), plain);
        }
    }
}
