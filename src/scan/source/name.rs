//! File names as text. Reports, rules and ignore files speak of paths as text, and a name may be
//! any bytes: what is no UTF-8 becomes `\xNN`, reversibly. Control characters stay: what may reach
//! a terminal is for those who print.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A name as text: UTF-8 as it is, any other byte as `\xNN`, and so a `\` before `xNN`.
pub fn text(name: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(name) {
        Ok(name) if !name.contains("\\x") => Cow::Borrowed(name),
        _ => {
            let mut out = String::with_capacity(name.len() + 8);
            for chunk in name.utf8_chunks() {
                for (part, rest) in parts(chunk.valid()) {
                    out.push_str(part);
                    if !rest.is_empty() {
                        escape(&mut out, b'\\');
                    }
                }
                chunk.invalid().iter().for_each(|byte| escape(&mut out, *byte));
            }
            Cow::Owned(out)
        }
    }
}

/// A path as text, parted by `/`.
pub fn path_text(path: &Path) -> Cow<'_, str> {
    let name = text(path.as_os_str().as_encoded_bytes());
    if std::path::MAIN_SEPARATOR == '/' {
        name
    } else {
        Cow::Owned(name.replace(std::path::MAIN_SEPARATOR, "/"))
    }
}

/// The path that a name in a repository stands for.
#[cfg(unix)]
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

/// The path that a name in a repository stands for.
#[cfg(not(unix))]
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

fn escape(out: &mut String, byte: u8) {
    write!(out, "\\x{byte:02X}").expect("writing to a string cannot fail");
}

/// Cuts text at each backslash that would read as an escape: what stands before it, and a non-empty
/// rest where one follows.
fn parts(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let reads_as_escape = |at: usize| {
        let after = &text.as_bytes()[at + 1..];
        after.len() >= 3 && after[0] == b'x' && after[1..3].iter().all(u8::is_ascii_hexdigit)
    };
    let mut cuts: Vec<usize> =
        text.match_indices('\\').map(|(at, _)| at).filter(|at| reads_as_escape(*at)).collect();
    cuts.push(text.len());
    let mut start = 0;
    cuts.into_iter().map(move |cut| {
        let part = &text[start..cut];
        start = cut + 1;
        (part, &text[cut..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_reversible() {
        assert_eq!(text("naïve\nname".as_bytes()), "naïve\nname");
        assert_eq!(text(b"a\xff\xfe.txt"), "a\\xFF\\xFE.txt");
        assert_eq!(text(b"a\\xFF.txt"), "a\\x5CxFF.txt");
        assert_eq!(text(b"a\\xyz\\b"), "a\\xyz\\b");
        assert_ne!(text(b"\\xFF\xff"), text(b"\xff\\xFF"));
    }
}
