//! Takes a lock, also one that another thread held when it panicked: that thread's work is lost and told of
//! elsewhere, and what is behind these locks is whole after every single change. Apart because many ask.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
