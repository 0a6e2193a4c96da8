//! Which tokens of a text decode, and on which bytes it depends that nothing is found in what they
//! decode to. Where those bytes stand again in a text that is made of this one, it need not be decoded.
//! Apart because it decodes nothing itself.

use super::{Decoded, decodes_in};
use crate::scan::pieces::{Piece, runs, seek};
use crate::scan::quiet::Stretch;
use std::ops::Range;

/// So far around a token, and around what it depends on, bytes count: escapes this near are one token.
const MARGIN: usize = 32;

/// The tokens of a text, in order.
#[derive(Debug, Default)]
pub struct Tokens(Vec<Token>);

#[derive(Debug)]
struct Token {
    range: Range<usize>,
    /// On so many bytes before and after it depends that nothing is found with it.
    before: usize,
    after: usize,
    /// Something may be found with it.
    live: bool,
}

impl Tokens {
    /// What the first pass decoded in a text. Nothing is live yet.
    pub fn of(decoded: &Decoded) -> Self {
        let token = |piece: &super::Piece| Token {
            range: piece.original.clone(),
            before: MARGIN,
            after: MARGIN,
            live: false,
        };
        Self(decoded.pieces.iter().map(token).collect())
    }

    /// Whether something is found with the tokens in or next to `range` of the text depends on all of it.
    pub fn depend_on(&mut self, range: &Range<usize>) {
        let first = self.0.partition_point(|token| token.range.end < range.start);
        for token in self.0[first..].iter_mut().take_while(|token| token.range.start <= range.end) {
            token.before = token.before.max(token.range.start.saturating_sub(range.start) + MARGIN);
            token.after = token.after.max(range.end.saturating_sub(token.range.end) + MARGIN);
        }
    }

    /// Whether one of them lies in or next to a range of the text.
    fn touches(&self, range: &Range<usize>) -> bool {
        let first = self.0.partition_point(|token| token.range.end + MARGIN < range.start);
        self.0.get(first).is_some_and(|token| token.range.start <= range.end + MARGIN)
    }

    /// Something may be found with any of them.
    pub fn revive(&mut self) {
        self.0.iter_mut().for_each(|token| token.live = true);
    }

    /// The tokens of `text`, which is made of `pieces` of this one, of `base_len` bytes. None where
    /// decoding it may give something: with a token that is new, whose surroundings are, or that lies in
    /// or next to one of the `judged` ranges, where something else is new. Of the `stretches` that may
    /// have new tokens it notes those that have none.
    pub(crate) fn inherited(
        &self,
        text: &[u8],
        base_len: usize,
        pieces: &[Piece],
        judged: &[Range<usize>],
        stretches: &mut [Stretch],
    ) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut first = 0;
        for run in runs(pieces, base_len).take_while(|_| !self.0.is_empty()) {
            first = seek(&self.0, first, |token| token.range.end <= run.base.start);
            for token in self.0[first..].iter().take_while(|token| token.range.start < run.base.end) {
                if token.live || !run.has(&token.range, token.before, token.after) {
                    return None;
                }
                let range = run.here(token.range.start)..run.here(token.range.end);
                tokens.push(Token { range, ..*token });
            }
        }
        let tokens = Self(tokens);
        if judged.iter().any(|range| tokens.touches(range)) {
            return None;
        }
        (!decodes_in(text, stretches)).then_some(tokens)
    }
}
