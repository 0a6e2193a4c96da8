//! Comments that allow what stands on their line: `gitleaks:allow`, `cofferdam:allow` for every
//! rule, and `cofferdam:allow rule-id` (several parted by commas) for these alone.

use memchr::memmem;

/// Whether such a comment stands anywhere in a text; most have none.
pub(crate) fn present(text: &[u8]) -> bool {
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
}
