//! Comments that allow what stands on their line: `gitleaks:allow`, `cofferdam:allow` for every
//! rule, and `cofferdam:allow rule-id` (several parted by commas) for these alone.

use memchr::memmem;
use std::fmt;
use std::sync::OnceLock;

/// The lines that were allowed at another time: those of contents with such comments. A comment holds
/// only where its line, or all of the lines that a match touches, stands there word for word: so one that
/// was added since allows nothing. In which file does not matter, since the secret is the same.
pub struct AllowedLines {
    contents: OnceLock<Vec<Vec<u8>>>,
    read: Box<dyn Fn() -> Vec<Vec<u8>> + Send + Sync>,
}

impl AllowedLines {
    /// `read` gives the contents in which such comments are [`present`]; it is called when first needed.
    pub fn new(read: impl Fn() -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self { contents: OnceLock::new(), read: Box::new(read) }
    }

    pub(crate) fn hold(&self, lines: &[u8]) -> bool {
        let is_end = |byte: Option<&u8>| byte.is_none_or(|&byte| byte == b'\n');
        self.contents.get_or_init(&self.read).iter().any(|content| {
            memmem::find_iter(content, lines).any(|at| {
                is_end(at.checked_sub(1).and_then(|before| content.get(before)))
                    && is_end(content.get(at + lines.len()))
            })
        })
    }
}

impl fmt::Debug for AllowedLines {
    /// Without the contents, which hold secrets.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AllowedLines").finish_non_exhaustive()
    }
}

/// Whether such a comment stands anywhere in a text; most have none.
pub fn present(text: &[u8]) -> bool {
    memmem::find(text, b"gitleaks:allow").is_some() || memmem::find(text, b"cofferdam:allow").is_some()
}

/// Whether a comment in these lines allows what the rule finds there.
pub(crate) fn allows(lines: &[u8], rule: &str) -> bool {
    if memmem::find(lines, b"gitleaks:allow").is_some() {
        return true;
    }
    memmem::find_iter(lines, b"cofferdam:allow").any(|at| {
        let rest = &lines[at + b"cofferdam:allow".len()..];
        let rest = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b',');
        let named = rest.strip_prefix(b" ").unwrap_or_default();
        let end = named.iter().position(|byte| !is_name(byte)).unwrap_or(named.len());
        let names = &named[..end];
        !names.first().is_some_and(u8::is_ascii_alphanumeric)
            || names.split(|&byte| byte == b',').any(|name| name == rule.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_allows_all_rules_or_those_it_names() {
        assert!(allows(b"x = 1 # gitleaks:allowed", "a"));
        assert!(allows(b"x = 1 # cofferdam:allow", "a"));
        assert!(allows(b"x = 1 <!-- cofferdam:allow -->", "a") && allows(b"/* cofferdam:allow */", "a"));
        assert!(allows(b"x = 1 # cofferdam:allow b,a because", "a"));
        assert!(!allows(b"x = 1 # cofferdam:allow b", "a"));
        assert!(!allows(b"x = 1", "a"));
        assert!(present(b"  cofferdam:allow") && !present(b"allow"));
    }

    #[test]
    fn a_comment_that_was_added_since_allows_nothing() {
        let before = || vec![b"a = 1 # cofferdam:allow\nb = 2\nc = 3".to_vec()];
        let allowed = AllowedLines::new(before);
        assert!(allowed.hold(b"a = 1 # cofferdam:allow") && allowed.hold(b"b = 2\nc = 3"));
        assert!(!allowed.hold(b"b = 2 # cofferdam:allow") && !allowed.hold(b" = 1 # cofferdam:allow"));
        assert!(!allowed.hold(b"a = 1 # cofferdam:allow\nb = 3") && !allowed.hold(b"b ="));
    }
}
