//! Counts, over all threads, the bytes of content that wait for deltas on them. It holds no content.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that wait, and how many may.
#[derive(Debug)]
pub(super) struct Budget {
    limit: u64,
    used: AtomicU64,
    most: AtomicU64,
}

impl Budget {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, used: AtomicU64::new(0), most: AtomicU64::new(0) }
    }

    pub(super) fn take(&self, bytes: u64) -> bool {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if used > self.limit {
            self.give_back(bytes);
            return false;
        }
        self.most.fetch_max(used, Ordering::Relaxed);
        true
    }

    /// The most that waited at one time.
    pub(super) fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}
