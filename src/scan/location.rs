//! From byte offsets to lines and columns. Lines and columns count from 1; columns are bytes, and
//! the end column is the last byte of the match (gitleaks' convention, without its fault of being
//! one too large on every line but the first).

use serde::Serialize;
use std::ops::Range;

/// Where a match lies in its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// First line, from 1; 0 where a finding is about a path only.
    pub start_line: usize,
    /// Column of the first byte, from 1.
    pub start_column: usize,
    /// Last line.
    pub end_line: usize,
    /// Column of the last byte, from 1.
    pub end_column: usize,
}

/// Where the lines of a text begin.
#[derive(Debug)]
pub struct Lines(Vec<usize>);

impl Lines {
    /// Looks through the text once.
    pub fn of(text: &[u8]) -> Self {
        Self(std::iter::once(0).chain(memchr::memchr_iter(b'\n', text).map(|newline| newline + 1)).collect())
    }

    /// Where `range` lies.
    pub fn locate(&self, range: &Range<usize>) -> Location {
        let (start_line, start_column) = self.position(range.start);
        let (end_line, end_column) = self.position(range.end.max(range.start + 1) - 1);
        Location { start_line, start_column, end_line, end_column }
    }

    fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.0.partition_point(|&start| start <= offset);
        (line, offset - self.0[line - 1] + 1)
    }
}

/// The whole lines of `text` that `range` touches, without the last line's end.
pub fn lines(text: &[u8], range: Range<usize>) -> Range<usize> {
    let start = memchr::memrchr(b'\n', &text[..range.start]).map_or(0, |newline| newline + 1);
    let from = range.end.max(range.start + 1).min(text.len());
    let last = if from > 0 && from > range.start && text[from - 1] == b'\n' { from - 1 } else { from };
    let end = memchr::memchr(b'\n', &text[last..]).map_or(text.len(), |newline| last + newline);
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_columns_from_one() {
        let text = b"al=1\nbe=22\n  x\ny";
        let at = |range| {
            let at = Lines::of(text).locate(&range);
            (at.start_line, at.start_column, at.end_line, at.end_column)
        };
        assert_eq!(at(0..4), (1, 1, 1, 4));
        assert_eq!(at(8..10), (2, 4, 2, 5));
        assert_eq!(at(8..14), (2, 4, 3, 3));
        assert_eq!(at(15..16), (4, 1, 4, 1));
        assert_eq!(&text[lines(text, 8..10)], b"be=22");
        assert_eq!(&text[lines(text, 8..12)], b"be=22\n  x");
    }
}
