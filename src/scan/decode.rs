//! Finds encoded text (percent and unicode escapes, hexadecimal, base64) and gives the text with
//! all of it decoded in place, with a map back to the original. One call is one pass; passes nest.
//!
//! It runs over every byte of every scan, so it looks for candidates with `memchr` and by leaps,
//! and gives a candidate up at its first byte that is no text. Decoding never makes text longer:
//! a pass costs at most one more copy of the text and three bytes of map for each of its bytes.

mod candidates;
mod runs;
mod tokens;

use super::pieces;
use super::quiet::Stretch;
use candidates::{Candidates, Found, token_around};
use std::fmt::Write as _;
use std::ops::Range;
pub use tokens::Tokens;

/// A set of encodings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encodings(u8);

impl Encodings {
    /// `%41`.
    pub const PERCENT: Self = Self(1);
    /// `\u0041` and `U+0041`.
    pub const UNICODE: Self = Self(2);
    /// 32 or more hexadecimal digits.
    pub const HEX: Self = Self(4);
    /// 16 or more characters of base64, standard or URL-safe.
    pub const BASE64: Self = Self(8);

    /// The encodings of both.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in this set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Their names, as in the tag `decoded:base64`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [(Self::PERCENT, "percent"), (Self::UNICODE, "unicode"), (Self::HEX, "hex"), (Self::BASE64, "base64")]
            .into_iter()
            .filter(move |(encoding, _)| self.contains(*encoding))
            .map(|(_, name)| name)
    }
}

/// Where a range of decoded text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// In the original text: whole encoded tokens, and what the range holds beside them.
    pub range: Range<usize>,
    /// What was decoded on the way; nothing where the range touches no decoded text.
    pub encodings: Encodings,
    /// How many times, at most.
    pub depth: u32,
}

impl Source {
    /// `decoded:hex`, `decoded:base64`, `decode-depth:2`.
    pub fn tags(&self) -> Vec<String> {
        let mut tags: Vec<String> = self.encodings.names().map(|name| format!("decoded:{name}")).collect();
        let mut depth = String::from("decode-depth:");
        write!(depth, "{}", self.depth).expect("writing to a string cannot fail");
        tags.push(depth);
        tags
    }
}

/// A part of the decoded text that differs from the original.
#[derive(Clone, Debug)]
struct Piece {
    /// Where it lies in the decoded text.
    decoded: Range<usize>,
    /// The encoded token in the original. Neighbours may come from the same token.
    original: Range<usize>,
    encodings: Encodings,
    depth: u8,
}

/// Text after one or more passes.
pub struct Decoded {
    text: Vec<u8>,
    /// What this pass decoded, in this text.
    fresh: Vec<Range<usize>>,
    /// All that differs from the original, in order, without overlaps.
    pieces: Vec<Piece>,
    /// How the last pass made this text of the one before.
    delta: Vec<pieces::Piece>,
}

/// A token that is new touches what is new in a window of so many bytes.
pub(crate) const TOKEN_WINDOW: usize = 3;

/// Decodes everything decodable in `text`, once; none where there is nothing.
pub fn decode(text: &[u8]) -> Option<Decoded> {
    let mut candidates = Candidates::default();
    candidates.search(text, 0..text.len());
    assemble(text, &[], candidates)
}

/// Whether a token decodes that touches the core of one of the `stretches`, which are in order; notes of
/// those before it that none does.
fn decodes_in(text: &[u8], stretches: &mut [Stretch]) -> bool {
    let mut candidates = Candidates::default();
    let mut done = 0;
    for stretch in stretches {
        if stretch.core.end < done {
            continue;
        }
        let tokens = token_around(text, &stretch.core, done);
        candidates.search(text, tokens.clone());
        if !candidates.is_empty() {
            return true;
        }
        stretch.set_no_token(&tokens, done, text.len());
        done = tokens.end;
    }
    false
}

impl Decoded {
    /// The text with every decodable token replaced.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The parts of [`Self::text`] that the last pass decoded, in order. A match that touches none
    /// of them was there before the pass.
    pub fn fresh(&self) -> &[Range<usize>] {
        &self.fresh
    }

    /// How the last pass made [`Self::text`] of the text before.
    pub fn delta(&self) -> &[pieces::Piece] {
        &self.delta
    }

    /// Whether `range` of the text overlaps or touches what the last pass decoded.
    pub fn touches(&self, range: &Range<usize>) -> bool {
        let first = self.fresh.partition_point(|fresh| fresh.end < range.start);
        self.fresh.get(first).is_some_and(|fresh| fresh.start <= range.end)
    }

    /// One more pass; none where nothing more can be decoded.
    pub fn again(&self) -> Option<Decoded> {
        // A token that touches nothing fresh had its verdict in an earlier pass.
        let mut candidates = Candidates::default();
        let mut done = 0;
        for fresh in &self.fresh {
            if fresh.end < done {
                continue;
            }
            let token = token_around(&self.text, fresh, done);
            done = token.end;
            candidates.search(&self.text, token);
        }
        assemble(&self.text, &self.pieces, candidates)
    }

    /// Where `range` of the text comes from.
    pub fn source(&self, range: &Range<usize>) -> Source {
        source(&self.pieces, range)
    }
}

fn source(pieces: &[Piece], range: &Range<usize>) -> Source {
    let first = pieces.partition_point(|piece| piece.decoded.end < range.start);
    let mut encodings = Encodings::default();
    let mut depth = 0;
    for piece in pieces[first..].iter().take_while(|piece| piece.decoded.start <= range.end) {
        encodings = encodings.union(piece.encodings);
        depth = depth.max(piece.depth);
    }
    let start = match pieces.partition_point(|piece| piece.decoded.end <= range.start) {
        next if pieces.get(next).is_some_and(|piece| piece.decoded.start <= range.start) => {
            pieces[next].original.start
        }
        next => outside(pieces, next, range.start),
    };
    let end = match pieces.partition_point(|piece| piece.decoded.end < range.end) {
        next if pieces.get(next).is_some_and(|piece| piece.decoded.start < range.end) => {
            pieces[next].original.end
        }
        next => outside(pieces, next, range.end),
    };
    Source { range: start..end.max(start), encodings, depth: depth.into() }
}

/// The original offset of one that lies in no piece, before `pieces[next]`.
fn outside(pieces: &[Piece], next: usize, offset: usize) -> usize {
    match next.checked_sub(1).map(|last| &pieces[last]) {
        Some(last) => last.original.end + (offset - last.decoded.end),
        None => offset,
    }
}

/// Puts what was found in place; `before` maps `text` to the original.
fn assemble(text: &[u8], before: &[Piece], candidates: Candidates) -> Option<Decoded> {
    let Candidates { mut found, values } = candidates;
    if found.is_empty() {
        return None;
    }
    found.sort_unstable_by_key(|found| found.range.start);
    let mut out = Assembly { text: Vec::with_capacity(text.len()), before, ..Assembly::default() };
    let mut fresh = Vec::with_capacity(found.len());
    let mut copied = 0;
    for Found { range, value, encodings } in found {
        out.keep(text, copied..range.start);
        copied = range.end;
        let from = source(before, &range);
        let start = out.text.len();
        out.text.extend_from_slice(&values[value]);
        let decoded = start..out.text.len();
        out.delta.push(pieces::Piece::Insert { offset: start, len: decoded.len() });
        out.pieces.push(Piece {
            decoded: decoded.clone(),
            original: from.range,
            encodings: encodings.union(from.encodings),
            depth: u8::try_from(from.depth + 1).unwrap_or(u8::MAX),
        });
        fresh.push(decoded);
    }
    out.keep(text, copied..text.len());
    Some(Decoded { text: out.text, fresh, pieces: out.pieces, delta: out.delta })
}

#[derive(Default)]
struct Assembly<'a> {
    text: Vec<u8>,
    pieces: Vec<Piece>,
    delta: Vec<pieces::Piece>,
    before: &'a [Piece],
    /// The first of `before` that may reach into what follows.
    next: usize,
}

impl Assembly<'_> {
    /// Copies `range` of the text before, with the pieces in it.
    fn keep(&mut self, text: &[u8], range: Range<usize>) {
        let start = self.text.len();
        if !range.is_empty() {
            let copy = pieces::Piece::Copy { base_offset: range.start, len: range.len(), offset: start };
            self.delta.push(copy);
        }
        while let Some(piece) = self.before.get(self.next) {
            let kept = piece.decoded.start.max(range.start)..piece.decoded.end.min(range.end);
            if kept.start < kept.end {
                let decoded = start + (kept.start - range.start)..start + (kept.end - range.start);
                self.pieces.push(Piece { decoded, ..piece.clone() });
            }
            if piece.decoded.end > range.end {
                break;
            }
            self.next += 1;
        }
        self.text.extend_from_slice(&text[range]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Base64 by the book, to test against.
    fn base64(bytes: &[u8]) -> String {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
                << (8 * (3 - chunk.len()));
            for place in 0..4 {
                let sextet = (bits >> (18 - 6 * place) & 63) as usize;
                out.push(if place <= chunk.len() { alphabet[sextet] as char } else { '=' });
            }
        }
        out
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn percent(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
    }

    fn unicode(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("\\u{byte:04x}")).collect()
    }

    fn text(decoded: &Decoded) -> &str {
        std::str::from_utf8(decoded.text()).unwrap()
    }

    /// Where `needle` of the decoded text comes from.
    #[track_caller]
    fn from<'t>(original: &'t str, decoded: &Decoded, needle: &str) -> (&'t str, Vec<String>) {
        let start = text(decoded).find(needle).unwrap();
        let source = decoded.source(&(start..start + needle.len()));
        (&original[source.range.clone()], source.tags())
    }

    #[test]
    fn a_match_inside_a_token_is_the_whole_token() {
        let token = base64(b"key = al-be-ce-de-ef-ge");
        let original = format!("x\n   {token} y");
        let decoded = decode(original.as_bytes()).unwrap();
        assert_eq!(text(&decoded), "x\n   key = al-be-ce-de-ef-ge y");
        let (found, tags) = from(&original, &decoded, "al-be");
        assert_eq!(found, token);
        assert_eq!(tags, ["decoded:base64", "decode-depth:1"]);
        assert_eq!(from(&original, &decoded, " y").0, " y");
        assert!(decoded.again().is_none());
    }

    #[test]
    fn a_match_across_a_token_is_extended_by_what_lies_beside_it() {
        let token = hex(b"one two three 4 five");
        let original = format!("say={token}; end");
        let decoded = decode(original.as_bytes()).unwrap();
        assert_eq!(from(&original, &decoded, "y=one").0, format!("y={token}"));
        assert_eq!(from(&original, &decoded, "five; e").0, format!("{token}; e"));
        assert_eq!(from(&original, &decoded, "end").0, "end");
        assert!(decoded.touches(&(0..4)) && !decoded.touches(&(0..3)));
    }

    #[test]
    fn passes_nest_and_climb_to_the_outer_token() {
        let inner = base64(b"secret = 0123456789");
        let outer = base64(format!("first {inner} last").as_bytes());
        let original = format!("<{outer}>");
        let once = decode(original.as_bytes()).unwrap();
        let twice = once.again().unwrap();
        assert_eq!(text(&twice), "<first secret = 0123456789 last>");
        assert_eq!(
            from(&original, &twice, "0123"),
            (outer.as_str(), vec!["decoded:base64".to_owned(), "decode-depth:2".to_owned()])
        );
        assert_eq!(from(&original, &twice, "last").0, outer);
        assert!(!twice.touches(&(0..3)));
        assert!(twice.again().is_none());
    }

    #[test]
    fn escapes_near_each_other_are_one_token_and_bad_ones_stay() {
        let original = "user%3Dal%20%C3%A9 but nothing else on this line %41\n%42";
        let decoded = decode(original.as_bytes()).unwrap();
        assert_eq!(text(&decoded), "user=al %C3%A9 but nothing else on this line A\nB");
        assert_eq!(from(original, &decoded, "al").0, "%3Dal%20");
        let escaped = r#"k\u0065y\\u003Du U+0041 U+0042 U+0043X \ud83d\ude00 \ud83d"#;
        let decoded = decode(escaped.as_bytes()).unwrap();
        assert_eq!(text(&decoded), "key=u AB U+0043X \u{1f600} \u{fffd}");
        assert!(decode(b"50% \\users +1 U+12 %zz %0").is_none());
        assert_eq!(text(&decode(b"%41 U+0042").unwrap()), "A B");
    }

    #[test]
    fn a_token_that_touches_an_escape_waits_for_the_next_pass() {
        let token = base64(b"secret = 0123456789");
        let original = format!("x%3D{token}");
        let once = decode(original.as_bytes()).unwrap();
        assert_eq!(text(&once), format!("x={token}"));
        let twice = once.again().unwrap();
        assert_eq!(text(&twice), "x=secret = 0123456789");
        assert_eq!(from(&original, &twice, "0123").0, token);
    }

    #[test]
    fn base64_is_text_or_utf_16_text() {
        let wide: Vec<u8> = "Write-Host secret".bytes().flat_map(|byte| [byte, 0]).collect();
        assert_eq!(text(&decode(base64(&wide).as_bytes()).unwrap()), "Write-Host secret");
        assert_eq!(text(&decode(b"SQBFAFgAIABhAGEAYQBhAGEA").unwrap()), "IEX aaaaa");
        let with_mark = [&[0xff, 0xfe], wide.as_slice()].concat();
        assert_eq!(text(&decode(base64(&with_mark).as_bytes()).unwrap()), "Write-Host secret");
        assert!(decode(base64(b"not \x01 text, is it?").as_bytes()).is_none());
        assert!(decode(base64(b"not a text, is it?\xff").as_bytes()).is_none());
        assert!(decode(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ_A_LONG_IDENTIFIER").is_none());
        assert!(decode(b"YWJjZGVmZ2hp").is_none());
        let unpadded = base64(b"some text??>>~");
        let unpadded = unpadded.trim_end_matches('=').replace('/', "_").replace('+', "-");
        assert_eq!(text(&decode(unpadded.as_bytes()).unwrap()), "some text??>>~");
        let line = format!("a\\n{}", base64(b"after a line end"));
        assert_eq!(text(&decode(line.as_bytes()).unwrap()), "a\\nafter a line end");
    }

    proptest! {
        #[test]
        fn embedded_tokens_come_back_with_their_ranges(
            values in proptest::collection::vec("[a-z]{3} [a-z0-9]{16,40} = [0-9]", 1..5),
            kinds in proptest::collection::vec(0..4_usize, 3),
            depth in 1..4_usize,
        ) {
            let encoders = [base64, hex, percent, unicode];
            let mut original = String::new();
            let mut plain = String::new();
            let mut tokens = Vec::new();
            for value in &values {
                let mut token = value.clone();
                for &kind in &kinds[..depth] {
                    token = encoders[kind](token.as_bytes());
                    // What has letters alone may be a name: it is no base64.
                    prop_assume!(kind > 0 || token.trim_end_matches('=').bytes().any(|byte| !byte.is_ascii_alphabetic()));
                }
                original.push_str("and then, a quiet line :\n");
                plain.push_str("and then, a quiet line :\n");
                tokens.push((original.len()..original.len() + token.len(), plain.len()..plain.len() + value.len()));
                original.push_str(&token);
                plain.push_str(value);
                original.push_str(" .\n");
                plain.push_str(" .\n");
            }
            let mut decoded = decode(original.as_bytes()).unwrap();
            for _ in 1..depth {
                decoded = decoded.again().unwrap();
            }
            prop_assert_eq!(text(&decoded), plain);
            for (from, to) in tokens {
                let source = decoded.source(&(to.start + 1..to.end - 1));
                // Padding is part of the token; all else is exact.
                prop_assert_eq!(&source.range, &from);
                prop_assert_eq!(source.depth as usize, depth);
                prop_assert!(decoded.touches(&to));
            }
        }

        /// Looking only around what is fresh finds what a search of everything finds, and nothing panics.
        #[test]
        fn the_next_pass_misses_nothing(
            parts in proptest::collection::vec(
                prop_oneof![
                    "[%\\\\uU+0-9A-Fa-f =\n]{0,12}", "[a-z /+=_-]{0,20}", Just("\\u0041".to_owned()), Just("%253".to_owned()),
                    Just("U+0041 ".to_owned()), "[a-z0-9 ]{16,30}".prop_map(|text| base64(text.as_bytes())),
                    "[a-z0-9 ]{16,30}".prop_map(|text| hex(base64(text.as_bytes()).as_bytes())),
                ],
                0..12,
            ),
        ) {
            let original = parts.concat();
            let mut last = decode(original.as_bytes());
            for _ in 0..6 {
                let Some(decoded) = last else { break };
                prop_assert!(decoded.text().len() <= original.len());
                let next = decoded.again();
                let whole = decode(decoded.text());
                prop_assert_eq!(next.as_ref().map(Decoded::text), whole.as_ref().map(Decoded::text));
                for start in 0..decoded.text().len() {
                    let source = decoded.source(&(start..decoded.text().len()));
                    prop_assert!(source.range.start <= source.range.end && source.range.end <= original.len());
                }
                last = next;
            }
        }
    }
}
