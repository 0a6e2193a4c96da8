//! The text of the hook scripts, and whether a file is one of them. A script that somebody changed is
//! told from an untouched one by its fixed parts, so nothing needs to be remembered.

use super::Kind;
use std::io::ErrorKind;
use std::path::Path;

/// Where the program's path goes in.
const PROGRAM: &str = "@PROGRAM@";
/// Where the options go in, with the quotes around them and the space behind.
const OPTIONS: &str = "'@OPTIONS@' ";
/// What every one of them says.
const MARK: &str = "# Written by `cofferdam hook install";

/// Runs the repository's own hook where core.hooksPath would hide it.
pub(super) const FORWARD: &str = include_str!("../../../hooks/forward");

/// What lies at a hook's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    /// One of ours, as it was written.
    Ours,
    /// One of ours, changed by somebody since.
    Changed,
    /// Runs the repository's own hook, and nothing else.
    Forwarder,
    Foreign,
}

fn template(kind: Kind) -> &'static str {
    match kind {
        Kind::PreCommit => include_str!("../../../hooks/pre-commit"),
        Kind::PrePush => include_str!("../../../hooks/pre-push"),
        Kind::CommitMsg => include_str!("../../../hooks/commit-msg"),
        Kind::PreReceive => include_str!("../../../hooks/pre-receive"),
    }
}

/// The script that calls `program`.
pub(super) fn render(kind: Kind, program: &str, options: &[String]) -> String {
    let options: String = options.iter().map(|option| format!("'{}' ", quoted(option))).collect();
    template(kind).replace(PROGRAM, &quoted(program)).replace(OPTIONS, &options)
}

/// For between single quotes in sh.
fn quoted(text: &str) -> String {
    text.replace('\'', r"'\''")
}

/// What lies at `path`, where the hook `kind` has its place (none: another hook).
pub(super) fn state(path: &Path, kind: Option<Kind>) -> std::io::Result<State> {
    match path.symlink_metadata() {
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(State::Absent);
        }
        Err(cause) => return Err(cause),
        // Ours are files; a directory or a link is somebody's.
        Ok(metadata) if !metadata.is_file() => return Ok(State::Foreign),
        Ok(_) => {}
    }
    let bytes = std::fs::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(if text == FORWARD {
        State::Forwarder
    } else if kind.is_some_and(|kind| is_untouched(&text, kind)) {
        State::Ours
    } else if text.lines().nth(1).is_some_and(|line| line.starts_with(MARK)) {
        State::Changed
    } else {
        State::Foreign
    })
}

/// Whether `text` is the template with something in its two places.
fn is_untouched(text: &str, kind: Kind) -> bool {
    let Some((start, rest)) = template(kind).split_once(PROGRAM) else { return false };
    let Some((middle, end)) = rest.split_once(OPTIONS) else { return false };
    let filled = text.strip_prefix(start).and_then(|text| text.strip_suffix(end));
    filled
        .and_then(|filled| filled.split_once(middle))
        .is_some_and(|(program, options)| !program.contains('\n') && !options.contains('\n'))
}

/// The program that an untouched script calls first.
pub(super) fn program(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("program='"))?;
    Some(line.strip_suffix('\'')?.replace(r"'\''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_known_until_it_is_changed() {
        for kind in Kind::ALL {
            let text = render(kind, "/opt/it's here/cofferdam", &["--config".into(), "a b".into()]);
            assert!(is_untouched(&text, kind), "{text}");
            assert_eq!(program(&text).as_deref(), Some("/opt/it's here/cofferdam"));
            assert!(text.contains(" --script \"$0\" '--config' 'a b' -- \"$@\"\n"), "{text}");
            assert!(text.lines().nth(1).is_some_and(|line| line.starts_with(MARK)));
            for changed in [format!("{text}exit 0\n"), text.replace("exit 1", "exit 0")] {
                assert!(!is_untouched(&changed, kind), "{changed}");
            }
        }
    }
}
