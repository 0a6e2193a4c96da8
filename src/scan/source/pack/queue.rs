//! Work for the threads of a walk: roots in order, then parts of trees that busy threads give to
//! idle ones. Apart because it knows nothing of objects. A plain parallel iterator would leave all
//! threads but one idle when one delta tree holds most of a pack.

use crate::scan::lock::lock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What is left to do. `T` is a part of a tree.
pub(super) struct Queue<T> {
    roots: usize,
    next_root: AtomicUsize,
    shared: Mutex<Shared<T>>,
    wake: Condvar,
    /// Threads that wait and have not been given anything yet.
    idle: AtomicUsize,
    /// A thread panicked.
    ended: AtomicBool,
}

struct Shared<T> {
    parts: Vec<T>,
    working: usize,
}

/// Something to do.
pub(super) enum Task<T> {
    /// The root of this number.
    Root(usize),
    /// A part of a tree.
    Part(T),
}

impl<T> Queue<T> {
    /// A queue of so many roots.
    pub(super) fn new(roots: usize) -> Self {
        Self {
            roots,
            next_root: AtomicUsize::new(0),
            shared: Mutex::new(Shared { parts: Vec::new(), working: 0 }),
            wake: Condvar::new(),
            idle: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        }
    }

    /// Does everything, together with the other threads that call this; returns when all is done.
    pub(super) fn work(&self, mut run: impl FnMut(Task<T>)) {
        let shift = Shift::start(self);
        while let Some(task) = shift.next() {
            run(task);
        }
    }

    /// Whether a thread waits for a part.
    pub(super) fn is_hungry(&self) -> bool {
        self.idle.load(Ordering::Relaxed) > 0
    }

    /// Gives a part to a waiting thread.
    pub(super) fn give(&self, part: T) {
        let mut shared = self.lock();
        shared.parts.push(part);
        let idle = self.idle.load(Ordering::Relaxed);
        self.idle.store(idle.saturating_sub(1), Ordering::Relaxed);
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Shared<T>> {
        lock(&self.shared)
    }
}

/// A thread's time as a worker: while one lasts, others wait for the parts it may give.
struct Shift<'q, T>(&'q Queue<T>);

impl<'q, T> Shift<'q, T> {
    fn start(queue: &'q Queue<T>) -> Self {
        queue.lock().working += 1;
        Self(queue)
    }

    fn next(&self) -> Option<Task<T>> {
        let queue = self.0;
        // The first look keeps the counter from running over when many threads come late.
        let ended = queue.ended.load(Ordering::Relaxed);
        if !ended && queue.next_root.load(Ordering::Relaxed) < queue.roots {
            let root = queue.next_root.fetch_add(1, Ordering::Relaxed);
            if root < queue.roots {
                return Some(Task::Root(root));
            }
        }
        let mut shared = queue.lock();
        shared.working -= 1;
        let mut counted = false;
        loop {
            if let Some(part) = shared.parts.pop() {
                shared.working += 1;
                return Some(Task::Part(part));
            }
            if shared.working == 0 || queue.ended.load(Ordering::Relaxed) {
                // For the end of the shift, which takes it back.
                shared.working += 1;
                return None;
            }
            if !counted {
                queue.idle.fetch_add(1, Ordering::Relaxed);
                counted = true;
            }
            shared = queue.wake.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Drop for Shift<'_, T> {
    fn drop(&mut self) {
        let mut shared = self.0.lock();
        shared.working -= 1;
        if std::thread::panicking() {
            self.0.ended.store(true, Ordering::Relaxed);
        }
        self.0.wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn a_panic_ends_all_threads() {
        let queue = Queue::<()>::new(1);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| queue.work(|_| panic!("on purpose")));
                }
            });
        }));
        assert!(outcome.is_err());
    }

    /// Each part of `n` is halved while somebody waits; all leaves must be done once.
    #[test]
    fn shares_parts_and_ends() {
        for threads in [1, 2, 8] {
            let queue = Queue::new(3);
            let done = AtomicU64::new(0);
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        queue.work(|task| {
                            let mut left = match task {
                                Task::Root(root) => 10_000 * (root as u64 + 1),
                                Task::Part(left) => left,
                            };
                            while left > 0 {
                                if left > 1 && queue.is_hungry() {
                                    queue.give(left / 2);
                                    left -= left / 2;
                                }
                                left -= 1;
                                done.fetch_add(1, Ordering::Relaxed);
                            }
                        });
                    });
                }
            });
            assert_eq!(done.into_inner(), 60_000, "{threads} threads");
        }
    }
}
