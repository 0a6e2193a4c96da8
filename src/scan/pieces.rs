//! How one text is made of another (a git delta, decoding), and what that means for a search: where
//! in the result something new can stand, and where that which was found in the base stands now.
//! Apart because it knows neither packs nor rules.
//!
//! Together the two are complete: a range of the result that is not longer than the window lies
//! whole inside a fresh range or whole inside one copied run. It can lie in both: then what the
//! search finds counts, for a copied run that begins or ends elsewhere than before has other
//! neighbours (or a text's edge).

use std::ops::Range;

/// A part of a delta's result. A result's pieces cover it in order and without gaps; a copy that
/// only continues the copy before it is merged into that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the base.
    Copy {
        /// Where they lie in the base.
        base_offset: usize,
        /// How many.
        len: usize,
        /// Where they lie in the result.
        offset: usize,
    },
    /// Bytes that the delta brings.
    Insert {
        /// Where they lie in the result.
        offset: usize,
        /// How many.
        len: usize,
    },
}

impl Piece {
    /// Where it lies in the result.
    pub fn range(&self) -> std::ops::Range<usize> {
        let (Self::Copy { offset, len, .. } | Self::Insert { offset, len }) = *self;
        offset..offset + len
    }
}

/// The parts of the result that must be searched for things of at most `window` bytes (a context of
/// theirs included): inserted bytes, joins, and edges of the text that were not the base's edges,
/// each with `window - 1` bytes about them. In order, merged, none empty.
pub fn fresh_ranges(
    pieces: &[Piece],
    base_len: usize,
    window: usize,
) -> impl Iterator<Item = Range<usize>> + '_ {
    let spread = window.saturating_sub(1);
    let end = pieces.last().map_or(0, |piece| piece.range().end);
    let mut next = 0;
    let mut open: Option<Range<usize>> = None;
    std::iter::from_fn(move || {
        while next <= pieces.len() {
            let (before, after) =
                (next.checked_sub(1).map(|before| pieces[before]), pieces.get(next).copied());
            next += 1;
            let span = match (before, after) {
                (_, Some(Piece::Insert { offset, len })) => offset..offset + len,
                // What was inserted has been seen to, with its neighbours.
                (Some(Piece::Insert { .. }), _) | (None, None) => continue,
                (Some(Piece::Copy { .. }), Some(Piece::Copy { offset, .. })) => offset..offset,
                (None, Some(Piece::Copy { base_offset: 0, .. })) => continue,
                (None, Some(Piece::Copy { .. })) => 0..0,
                (Some(Piece::Copy { base_offset, len, .. }), None) if base_offset + len == base_len => {
                    continue;
                }
                (Some(Piece::Copy { .. }), None) => end..end,
            };
            let span = span.start.saturating_sub(spread)..(span.end + spread).min(end);
            match &mut open {
                _ if span.is_empty() => {}
                Some(range) if span.start <= range.end => range.end = span.end,
                _ => {
                    if let Some(done) = open.replace(span) {
                        return Some(done);
                    }
                }
            }
        }
        open.take()
    })
}

/// Where things found in the base stand in the result, if they lie whole inside one copied run: as
/// often as it was copied, in the result's order. `found` is sorted by where its ranges in the base
/// start.
pub fn carried<'a, T>(
    pieces: &'a [Piece],
    found: &'a [T],
    range: impl Fn(&T) -> Range<usize> + 'a,
) -> impl Iterator<Item = (&'a T, Range<usize>)> + 'a {
    let runs = pieces.iter().filter_map(|piece| match *piece {
        Piece::Copy { base_offset, len, offset } => Some((base_offset..base_offset + len, offset)),
        Piece::Insert { .. } => None,
    });
    let mut runs = runs.map(|(run, offset)| (run, offset, None)).peekable();
    std::iter::from_fn(move || {
        while let Some((run, offset, next)) = runs.peek_mut() {
            let place = next.get_or_insert_with(|| found.partition_point(|one| range(one).start < run.start));
            while let Some(one) = found.get(*place) {
                let Range { start, end } = range(one);
                if start >= run.end {
                    break;
                }
                *place += 1;
                if end <= run.end {
                    return Some((one, start - run.start + *offset..end - run.start + *offset));
                }
            }
            runs.next();
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: usize = 40;

    /// Pieces from (copy?, base offset, length), merged as deltas are.
    fn pieces(parts: &[(bool, usize, usize)]) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut offset = 0;
        for &(is_copy, base_offset, wished) in parts {
            let len = if is_copy { wished.min(BASE - base_offset) } else { wished };
            match pieces.last_mut() {
                Some(Piece::Copy { base_offset: before, len: run, .. })
                    if is_copy && *before + *run == base_offset =>
                {
                    *run += len;
                }
                Some(Piece::Insert { len: run, .. }) if !is_copy => *run += len,
                _ if is_copy => pieces.push(Piece::Copy { base_offset, len, offset }),
                _ => pieces.push(Piece::Insert { offset, len }),
            }
            offset += len;
        }
        pieces
    }

    fn fresh(parts: &[(bool, usize, usize)], window: usize) -> Vec<(usize, usize)> {
        fresh_ranges(&pieces(parts), BASE, window).map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn an_edit_is_fresh_with_what_is_about_it() {
        assert_eq!(fresh(&[(true, 0, 10), (false, 0, 2), (true, 10, 30)], 4), [(7, 15)]);
        assert_eq!(fresh(&[(true, 0, 10), (true, 20, 20)], 4), [(7, 13)]);
        assert_eq!(fresh(&[(true, 0, 40)], 4), []);
        assert_eq!(fresh(&[(true, 5, 20)], 4), [(0, 3), (17, 20)]);
        assert_eq!(fresh(&[(true, 0, 10), (true, 20, 20)], 1), []);
        assert_eq!(fresh(&[(false, 0, 5)], 4), [(0, 5)]);
        assert_eq!(fresh(&[], 4), []);
    }

    #[test]
    fn a_run_copied_twice_carries_twice() {
        let pieces = pieces(&[(true, 4, 6), (false, 0, 1), (true, 0, 10)]);
        let found = [2..4, 5..8, 9..11];
        let carried: Vec<_> = carried(&pieces, &found, Range::clone).collect();
        assert_eq!(carried, [(&found[1], 1..4), (&found[0], 9..11), (&found[1], 12..15)]);
    }

    proptest! {
        #[test]
        fn a_window_is_fresh_or_carried(
            parts in prop::collection::vec((any::<bool>(), 0..BASE, 1usize..12), 0..8),
            window in 1usize..9,
        ) {
            let pieces = pieces(&parts);
            let end = pieces.last().map_or(0, |piece| piece.range().end);
            let fresh: Vec<_> = fresh_ranges(&pieces, BASE, window).collect();
            prop_assert!(fresh.windows(2).all(|pair| pair[0].end < pair[1].start));
            let mut found: Vec<Range<usize>> = Vec::new();
            for start in 0..BASE {
                found.extend((1..=window).map(|len| start..start + len).filter(|range| range.end <= BASE));
            }
            let carried: Vec<_> = carried(&pieces, &found, Range::clone).map(|(_, range)| range).collect();
            for start in 0..end {
                for range in (1..=window).map(|len| start..start + len).filter(|range| range.end <= end) {
                    let is_fresh = fresh.iter().any(|fresh| fresh.start <= range.start && range.end <= fresh.end);
                    let is_copied = pieces.iter().any(|piece| {
                        let run = piece.range();
                        matches!(piece, Piece::Copy { .. }) && run.start <= range.start && range.end <= run.end
                    });
                    prop_assert_eq!(carried.contains(&range), is_copied);
                    prop_assert!(is_fresh || is_copied, "{range:?} is lost");
                }
            }
        }
    }
}
