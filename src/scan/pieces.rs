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

/// A run of the base that a result copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where it lies in the base.
    pub base: Range<usize>,
    /// Where it lies in the result.
    offset: usize,
    /// It begins both, or ends both: what stands beyond is the same there.
    begins: bool,
    ends: bool,
}

impl Run {
    /// Where a place of the base in this run lies in the result.
    pub fn here(&self, there: usize) -> usize {
        there - self.base.start + self.offset
    }

    /// Whether a range of the base, with so many bytes before and after it, is the same in the result.
    pub fn has(&self, there: &Range<usize>, before: usize, after: usize) -> bool {
        (self.begins || there.start >= self.base.start.saturating_add(before))
            && (self.ends || there.end.saturating_add(after) <= self.base.end)
    }
}

/// The runs that the result copies, in its order.
pub fn runs(pieces: &[Piece], base_len: usize) -> impl Iterator<Item = Run> + '_ {
    let end = pieces.last().map_or(0, |piece| piece.range().end);
    pieces.iter().filter_map(move |piece| match *piece {
        Piece::Copy { base_offset, len, offset } => Some(Run {
            base: base_offset..base_offset + len,
            offset,
            begins: base_offset == 0 && offset == 0,
            ends: base_offset + len == base_len && offset + len == end,
        }),
        Piece::Insert { .. } => None,
    })
}

/// The first of things in order that is not `before` a place, most likely not far from the one numbered
/// `near`: a result mostly copies runs in the order of its base.
#[inline]
pub fn seek<T>(things: &[T], near: usize, before: impl Fn(&T) -> bool) -> usize {
    let is_there = things.get(near).is_none_or(|one| !before(one));
    let is_past = near > 0 && things.get(near - 1).is_some_and(|one| !before(one));
    if is_there && !is_past { near } else { seek_from(things, near, is_past, before) }
}

#[inline(never)]
fn seek_from<T>(things: &[T], near: usize, is_past: bool, before: impl Fn(&T) -> bool) -> usize {
    if is_past {
        return things[..near].partition_point(before);
    }
    let (mut from, mut step) = (near, 4);
    while things.get(from + step).is_some_and(&before) {
        (from, step) = (from + step, step * 2);
    }
    let to = things.len().min(from + step);
    from + things[from..to].partition_point(before)
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

    /// Where ranges of the base stand whole in the result.
    fn carried(pieces: &[Piece], found: &[Range<usize>]) -> Vec<Range<usize>> {
        let whole =
            |run: &Run, range: &Range<usize>| run.base.start <= range.start && range.end <= run.base.end;
        let here = |run: Run| {
            let found = found.iter().filter(|range| whole(&run, range));
            found.map(|range| run.here(range.start)..run.here(range.end)).collect::<Vec<_>>()
        };
        runs(pieces, BASE).flat_map(here).collect()
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
        assert_eq!(carried(&pieces, &[2..4, 5..8, 9..11]), [1..4, 9..11, 12..15]);
    }

    #[test]
    fn what_stands_beyond_an_edge_that_is_the_bases_is_the_same() {
        let has = |parts: &[(bool, usize, usize)], there| {
            runs(&pieces(parts), BASE).map(|run| run.has(&there, 3, 3)).collect::<Vec<_>>()
        };
        assert_eq!(has(&[(true, 0, BASE)], 0..BASE), [true]);
        assert_eq!(has(&[(true, 0, 20), (false, 0, 1)], 0..17), [true]);
        assert_eq!(has(&[(true, 0, 20), (false, 0, 1)], 0..18), [false]);
        assert_eq!(has(&[(false, 0, 1), (true, 0, BASE)], 2..BASE), [false]);
        assert_eq!(has(&[(false, 0, 1), (true, 0, BASE)], 3..BASE), [true]);
        assert_eq!(has(&[(true, 20, 20), (true, 0, 20)], 23..BASE), [false, false]);
    }

    #[test]
    fn seeks_from_anywhere() {
        let things: Vec<usize> = (0..40).map(|number| number * 2).collect();
        for (near, place) in (0..=things.len()).flat_map(|near| (0..90).map(move |place| (near, place))) {
            let found = seek(&things, near, |one| *one < place);
            assert_eq!(found, place.div_ceil(2).min(things.len()), "{near} {place}");
        }
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
            let carried = carried(&pieces, &found);
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
