//! What one thread keeps from one object to the next: those it has built lately, so that a delta on
//! one of them need not build it again, and its decompressor. Apart because the caller owns it.

use super::id::Kind;
use super::inflate::Inflater;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// Objects read lately, oldest dropped first. Holds at most the bytes it was made for.
#[derive(Debug)]
pub struct Cache {
    limit: usize,
    bytes: usize,
    found: FxHashMap<Place, (Kind, Arc<Vec<u8>>)>,
    order: VecDeque<Place>,
    pub(super) inflater: Inflater,
}

/// Number of a pack and offset in it.
pub(super) type Place = (u32, u64);

impl Cache {
    /// A cache of at most `limit` bytes of content; 0 keeps nothing.
    pub fn new(limit: usize) -> Self {
        let (found, order, inflater) = (FxHashMap::default(), VecDeque::new(), Inflater::new());
        Self { limit, bytes: 0, found, order, inflater }
    }

    /// For fallbacks, which are rare.
    pub(super) fn small() -> Self {
        Self::new(16 << 20)
    }

    pub(super) fn get(&self, place: Place) -> Option<(Kind, Arc<Vec<u8>>)> {
        self.found.get(&place).cloned()
    }

    pub(super) fn put(&mut self, place: Place, kind: Kind, content: &Arc<Vec<u8>>) {
        // One large object must not drive out all others.
        if content.len() > self.limit / 4 || self.found.contains_key(&place) {
            return;
        }
        self.bytes += content.len();
        self.found.insert(place, (kind, Arc::clone(content)));
        self.order.push_back(place);
        while self.bytes > self.limit {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some((_, dropped)) = self.found.remove(&oldest) {
                self.bytes -= dropped.len();
            }
        }
    }
}
