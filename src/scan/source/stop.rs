//! When a scan must end early. Every source asks it between two pieces of content.

use crate::scan::coverage::SkipReason;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What may end a scan before it is done.
#[derive(Clone, Copy, Debug)]
pub struct Stop<'a> {
    /// Set when the user interrupts.
    pub interrupted: &'a AtomicBool,
    /// The time limit.
    pub deadline: Option<Instant>,
}

impl Stop<'_> {
    /// Why to end now, if so.
    pub fn reason(&self) -> Option<SkipReason> {
        if self.interrupted.load(Ordering::Relaxed) {
            Some(SkipReason::Interrupted)
        } else if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Some(SkipReason::Timeout)
        } else {
            None
        }
    }
}
