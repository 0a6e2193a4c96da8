//! A stream, read to its end: standard input. Its path is empty unless the user gives one, and it
//! is the caller's to say.

use super::stop::Stop;
use crate::scan::coverage::{Ledger, SkipReason};
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How much is read at once.
const STEP: usize = 1 << 16;
/// So much of a stream is scanned at most: it may have no end, and is kept whole.
const MOST: usize = 4 << 30;
/// How often a stream that gives nothing is left for a look at the clock.
const PATIENCE: Duration = Duration::from_millis(50);
/// Its place in the ledger.
const PLACE: &str = "standard input";

/// Everything in the stream; what came so far where the scan must end early or 4 GiB are reached; none
/// where it has more than `max_bytes`. The ledger has the rest.
///
/// # Errors
/// The stream's own.
pub fn read(
    stream: impl Read + Send + 'static,
    max_bytes: Option<u64>,
    stop: &Stop<'_>,
    ledger: &Ledger,
) -> io::Result<Option<Vec<u8>>> {
    read_most(stream, max_bytes, MOST, stop, ledger)
}

fn read_most(
    stream: impl Read + Send + 'static,
    max_bytes: Option<u64>,
    most: usize,
    stop: &Stop<'_>,
    ledger: &Ledger,
) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    let pieces = pieces(stream);
    loop {
        match pieces.recv_timeout(PATIENCE) {
            Ok(piece) => content.extend_from_slice(&piece?),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if max_bytes.is_some_and(|limit| content.len() as u64 > limit) {
            ledger.skip(SkipReason::TooLarge, PLACE);
            return Ok(None);
        }
        let is_full = (content.len() >= most).then_some(SkipReason::Unreadable);
        if let Some(reason) = stop.reason().or(is_full) {
            ledger.skip(reason, format!("{PLACE}: what comes after {} bytes", content.len()));
            break;
        }
    }
    ledger.file(content.len() as u64);
    Ok(Some(content))
}

/// Reads on a thread of its own: nothing else can end a read of a stream that gives nothing.
fn pieces(mut stream: impl Read + Send + 'static) -> Receiver<io::Result<Vec<u8>>> {
    let (send, receive) = sync_channel(4);
    std::thread::spawn(move || {
        let mut buffer = vec![0; STEP];
        loop {
            let piece = match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => Ok(buffer[..length].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            if send.send(piece).is_err() {
                break;
            }
        }
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn reads_all_or_says_what_it_did_not() {
        let interrupted = AtomicBool::new(false);
        let stop = Stop { interrupted: &interrupted, deadline: None };
        let content = vec![b'x'; STEP * 2 + 1];
        let ledger = Ledger::default();
        assert_eq!(
            read(Cursor::new(content.clone()), None, &stop, &ledger).unwrap().as_ref(),
            Some(&content)
        );
        assert_eq!(
            read(Cursor::new(content.clone()), Some(content.len() as u64 - 1), &stop, &ledger).unwrap(),
            None
        );
        let endless = read_most(io::repeat(b'x'), None, STEP * 3, &stop, &Ledger::default());
        assert_eq!(endless.unwrap().unwrap().len(), STEP * 3);
        interrupted.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(read(Cursor::new(content.clone()), None, &stop, &ledger).unwrap().unwrap().len(), STEP);
        let skipped = ledger.coverage().skipped;
        assert_eq!(
            skipped.keys().copied().collect::<Vec<_>>(),
            [SkipReason::TooLarge, SkipReason::Interrupted]
        );
    }
}
