//! The pace of a vault's requests: one throttled answer makes all of them wait, each a little
//! differently, so that a fleet that starts together does not come back together.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Pace {
    until: Mutex<Option<Instant>>,
}

impl Pace {
    /// Nobody asks again for so long.
    pub(super) fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut held = self.until.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *held = Some(held.map_or(until, |before| before.max(until)));
    }

    /// Waits while there is a pause.
    pub(super) async fn wait(&self) {
        loop {
            let until = *self.until.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until + jitter(100)).await,
                _ => return,
            }
        }
    }
}

/// Up to so many milliseconds, by chance.
pub(super) fn jitter(most: u64) -> Duration {
    // Every `RandomState` has new keys: the standard library's only source of chance.
    let chance = std::collections::hash_map::RandomState::new().build_hasher().finish();
    Duration::from_millis(chance % most)
}
