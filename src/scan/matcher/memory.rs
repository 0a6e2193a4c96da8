//! What rules found in windows that were searched before. The versions of a file repeat the same lines
//! over and over, so most windows of a history are no news. A window is known by a keyed hash of its
//! bytes and of what assertions may look at around it; the result is the same as searching it.

use super::Match;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::ops::Range;

/// Bytes around a window that an assertion may look at.
const CONTEXT: usize = 4;
/// Longer windows are not remembered: they seldom come again unchanged.
const LONGEST: usize = 2048;
/// So many windows are remembered by each thread (each takes some dozens of bytes).
const MOST: usize = 1 << 16;

/// Where one match ends, and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    pub(super) end: usize,
    pub(super) of: Option<Match>,
}

impl Remembered {
    fn moved(&self, by: impl Fn(usize) -> usize) -> Self {
        let range = |range: &Range<usize>| by(range.start)..by(range.end);
        Self {
            end: by(self.end),
            of: self.of.as_ref().map(|one| Match {
                rule: one.rule,
                range: range(&one.range),
                secret: range(&one.secret),
            }),
        }
    }
}

/// Results by window, each with places from the window's start.
#[derive(Debug, Default)]
pub(super) struct Memory {
    keyed: RandomState,
    windows: FxHashMap<(u64, u64), Box<[Remembered]>>,
}

impl Memory {
    /// What the rule finds in `window` of `text`: as remembered, else by `search`.
    pub(super) fn recall(
        &mut self,
        rule: usize,
        text: &[u8],
        window: Range<usize>,
        search: impl FnOnce(Range<usize>) -> Vec<Remembered>,
    ) -> Vec<Remembered> {
        if window.len() > LONGEST {
            return search(window);
        }
        let start = window.start;
        let key = self.key(rule, text, &window);
        if let Some(known) = self.windows.get(&key) {
            return known.iter().map(|one| one.moved(|place| place + start)).collect();
        }
        let found = search(window);
        if self.windows.len() == MOST {
            self.windows.clear();
        }
        self.windows.insert(key, found.iter().map(|one| one.moved(|place| place - start)).collect());
        found
    }

    fn key(&self, rule: usize, text: &[u8], window: &Range<usize>) -> (u64, u64) {
        let before = window.start.min(CONTEXT);
        let after = (text.len() - window.end).min(CONTEXT);
        let seen = &text[window.start - before..window.end + after];
        // How much context there is tells whether the text begins or ends there.
        let shape = rule << 8 | before << 4 | after;
        let (mut one, mut other) = (self.keyed.build_hasher(), FxHasher::default());
        one.write_usize(shape);
        one.write(seen);
        other.write_usize(shape);
        other.write(seen);
        (one.finish(), other.finish())
    }
}
