//! Runs a command with its output passing through a mask: secret values come out as `***`, wherever
//! the pieces in which they arrive are cut.

use super::exit::Exit;
use super::run::not_started;
use cofferdam::vault::check::Checked;
use cofferdam::vault::deliver;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// Hides byte strings in a stream.
struct Masker {
    masks: Vec<Vec<u8>>,
    /// What may be the start of a mask, each byte with whether a whole mask already covers it.
    held: Vec<(u8, bool)>,
    /// Whether what was last given out was hidden.
    hiding: bool,
}

impl Masker {
    fn new(masks: Vec<Vec<u8>>) -> Self {
        Self { masks, held: Vec::new(), hiding: false }
    }

    /// What can be given out once `chunk` has come.
    fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.held.extend(chunk.iter().map(|&byte| (byte, false)));
        let bytes: Vec<u8> = self.held.iter().map(|&(byte, _)| byte).collect();
        let mut keep = bytes.len();
        for at in 0..bytes.len() {
            for mask in self.masks.iter().filter(|mask| mask[0] == bytes[at]) {
                if bytes[at..].starts_with(mask) {
                    self.held[at..at + mask.len()].iter_mut().for_each(|(_, hidden)| *hidden = true);
                } else if mask.starts_with(&bytes[at..]) {
                    keep = keep.min(at);
                }
            }
        }
        self.give(keep)
    }

    /// The rest, when nothing more will come.
    fn finish(&mut self) -> Vec<u8> {
        self.give(self.held.len())
    }

    fn give(&mut self, count: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(count);
        for (byte, hidden) in self.held.drain(..count) {
            if !hidden {
                out.push(byte);
            } else if !self.hiding {
                out.extend(b"***");
            }
            self.hiding = hidden;
        }
        out
    }
}

/// Runs `command` to its end.
pub(super) fn run(mut command: Command, checked: &Checked) -> anyhow::Result<Exit> {
    let masks = masks(checked);
    let program = command.get_program().to_owned();
    let mut child = match command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return Ok(not_started(&error, &program)),
    };
    forward_signals(child.id())?;
    let pipes = [
        child.stdout.take().map(|pipe| pump(pipe, std::io::stdout(), masks.clone())),
        child.stderr.take().map(|pipe| pump(pipe, std::io::stderr(), masks)),
    ];
    for pipe in pipes.into_iter().flatten() {
        drop(pipe.join());
    }
    Ok(code(child.wait()?))
}

fn masks(checked: &Checked) -> Vec<Vec<u8>> {
    let plain = deliver::masks(checked);
    let json = plain.iter().filter_map(|mask| {
        let text = serde_json::to_string(mask.as_str()).ok()?;
        Some(text.as_bytes()[1..text.len() - 1].to_vec())
    });
    let mut masks: Vec<_> = plain.iter().map(|mask| mask.as_bytes().to_vec()).chain(json).collect();
    masks.sort();
    masks.dedup();
    masks
}

fn pump(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    masks: Vec<Vec<u8>>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut masker = Masker::new(masks);
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let out = match from.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(count) => masker.push(&chunk[..count]),
            };
            // When nobody reads any more, the command must see its pipe closed.
            if to.write_all(&out).and_then(|()| to.flush()).is_err() {
                return;
            }
        }
        drop(to.write_all(&masker.finish()).and_then(|()| to.flush()));
    })
}

#[cfg(unix)]
fn code(status: std::process::ExitStatus) -> Exit {
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    let code = status.code().or_else(|| Some(128 + signal?));
    Exit::Code(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255))
}

#[cfg(not(unix))]
fn code(status: std::process::ExitStatus) -> Exit {
    Exit::Code(status.code().and_then(|code| u8::try_from(code & 0xff).ok()).unwrap_or(255))
}

/// Passes signals on to the command. Those that a terminal sends reach it by themselves, as it is
/// in the same group; here they must only not end us before it.
#[cfg(unix)]
fn forward_signals(child: u32) -> anyhow::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kinds = [
        (SignalKind::terminate(), Some(Signal::TERM)),
        (SignalKind::user_defined1(), Some(Signal::USR1)),
        (SignalKind::user_defined2(), Some(Signal::USR2)),
        (SignalKind::hangup(), Some(Signal::HUP)),
        (SignalKind::interrupt(), None),
        (SignalKind::quit(), None),
    ];
    let mut listeners = Vec::new();
    {
        let _inside = runtime.enter();
        for (kind, pass) in kinds {
            listeners.push((signal(kind)?, pass));
        }
    }
    let child = i32::try_from(child).ok().and_then(Pid::from_raw);
    std::thread::spawn(move || {
        runtime.block_on(futures::future::join_all(listeners.into_iter().map(
            |(mut listener, pass)| async move {
                while listener.recv().await.is_some() {
                    if let (Some(child), Some(pass)) = (child, pass) {
                        // It fails only where the command has just ended.
                        let _ = kill_process(child, pass);
                    }
                }
            },
        )));
    });
    Ok(())
}

#[cfg(not(unix))]
fn forward_signals(_: u32) -> anyhow::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(masks: &[&str], chunks: &[&str]) -> String {
        let mut masker = Masker::new(masks.iter().map(|mask| mask.as_bytes().to_vec()).collect());
        let mut out: Vec<u8> = chunks.iter().flat_map(|chunk| masker.push(chunk.as_bytes())).collect();
        out.extend(masker.finish());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hides_a_value_however_it_is_cut() {
        let text = "a secret, secret; secre";
        for cut in 0..text.len() {
            let (left, right) = text.split_at(cut);
            assert_eq!(masked(&["secret"], &[left, right]), "a ***, ***; secre");
        }
        let letters: Vec<_> = (0..text.len()).map(|at| &text[at..=at]).collect();
        assert_eq!(masked(&["secret"], &letters), "a ***, ***; secre");
    }

    #[test]
    fn values_that_overlap_leave_nothing() {
        assert_eq!(masked(&["abcd", "cdef"], &["xabc", "defx"]), "x***x");
        assert_eq!(masked(&["aaaa"], &["aa", "aaaaa", "b"]), "***b");
        assert_eq!(masked(&["ab", "abcd"], &["abc", "x"]), "***cx");
        assert_eq!(masked(&["one\ntwo", "one", "two"], &["one\n", "two one"]), "*** ***");
    }

    #[test]
    fn what_cannot_be_a_value_is_not_held_back() {
        let mut masker = Masker::new(vec![b"secret".to_vec()]);
        assert_eq!(masker.push(b"name: "), b"name: ");
        assert_eq!(masker.push(b"se"), b"");
        assert_eq!(masker.push(b"x"), b"sex");
    }
}
