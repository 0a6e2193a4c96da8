//! A line on the terminal for work that takes longer than a second.

use cofferdam::scan::coverage::Ledger;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Shows how far `work` is, if it takes long and somebody may be looking.
pub(crate) fn during<T>(ledger: &Ledger, quiet: bool, work: impl FnOnce() -> T) -> T {
    if quiet || !std::io::stderr().is_terminal() {
        return work();
    }
    let (done, waiting) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || show(ledger, &waiting));
        let result = work();
        drop(done);
        result
    })
}

fn show(ledger: &Ledger, done: &Receiver<()>) {
    let start = Instant::now();
    if done.recv_timeout(Duration::from_secs(1)) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}").expect("the template is valid"));
    while done.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
        let seconds = start.elapsed().as_secs();
        bar.set_message(format!("scanned {} in {seconds} s", HumanBytes(ledger.bytes_so_far())));
        bar.tick();
    }
    bar.finish_and_clear();
}
