//! Values that have a shape of their own: versions, addresses, hashes of passwords, UUIDs, text that
//! counts up, text in base64.

use super::super::evidence::Doubt;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// Beginnings of hashes of passwords (crypt(3), Argon2, Django, Spring, LDAP).
const PASSWORD_HASHES: &[&str] = &[
    "$1$",
    "$2a$",
    "$2b$",
    "$2x$",
    "$2y$",
    "$5$",
    "$6$",
    "$7$",
    "$y$",
    "$gy$",
    "$argon2",
    "$scrypt$",
    "$pbkdf2",
    "$apr1$",
    "$P$",
    "$H$",
    "pbkdf2_sha",
    "pbkdf2:sha",
    "scrypt:",
    "bcrypt$",
    "bcrypt_sha256$",
    "argon2$",
    "sha1$",
    "sha256$",
    "{bcrypt}",
    "{pbkdf2}",
    "{scrypt}",
    "{argon2",
    "{SSHA",
    "{SHA",
    "{CRYPT}",
    "{noop}",
];

/// Beginnings of keys that are made to be public.
const PUBLIC: &[&str] = &["pk_", "pk.eyJ", "phc_", "sb_publishable_"];

/// Words that passwords in documentation are made of, as they look with digits for letters.
const WEAK: &[&str] = &["password", "passwort", "secret", "letmein", "welcome", "admin", "qwerty"];

/// Why a value that looks like a secret is probably none that works.
pub(super) fn doubt(value: &str) -> Option<Doubt> {
    if PASSWORD_HASHES.iter().any(|start| value.starts_with(start)) {
        return Some(Doubt::PasswordHash);
    }
    if PUBLIC.iter().any(|start| value.starts_with(start)) {
        return Some(Doubt::Public);
    }
    if is_uuid(value.as_bytes()) {
        return Some(Doubt::Uuid);
    }
    let plain = without_leet(value);
    WEAK.iter().any(|word| plain.contains(word) && plain.len() < word.len() + 8).then_some(Doubt::Weak)
}

/// `P@ssw0rd` is `password`.
fn without_leet(value: &str) -> String {
    let letter = |letter: char| match letter {
        '@' | '4' => 'a',
        '$' | '5' => 's',
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '7' => 't',
        _ => letter.to_ascii_lowercase(),
    };
    value.chars().map(letter).collect()
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A version (`1.0.8-debian-12`), a host (`db.eu.example.com`), or the address of a contract (0x and 40
/// hexadecimal digits).
pub(super) fn is_address_or_version(value: &str) -> bool {
    let contract = value
        .strip_prefix("0x")
        .is_some_and(|hex| hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    contract || is_version(value) || is_host(value)
}

fn is_version(value: &str) -> bool {
    let numbers = value.trim_start_matches('v').split(['.', '-', '+']).take(3).collect::<Vec<_>>();
    value.contains('.')
        && numbers.len() == 3
        && numbers[..2]
            .iter()
            .all(|part| !part.is_empty() && part.len() < 5 && part.bytes().all(|b| b.is_ascii_digit()))
        && numbers[2].starts_with(|first: char| first.is_ascii_digit())
        && numbers[2].len() < 10
}

fn is_host(value: &str) -> bool {
    const TOP: &[&str] =
        &["com", "net", "org", "io", "dev", "local", "internal", "cloud", "app", "de", "uk", "eu"];
    let host = value.split([':', '/']).next().unwrap_or(value);
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    labels.len() > 2 && labels.iter().all(is_label) && TOP.contains(&labels[labels.len() - 1])
}

/// Letters and digits that each count up: `abc123def456`, `A1B2C3D4`.
pub(super) fn counts_up(value: &[u8]) -> bool {
    let steps = |of: fn(&u8) -> bool| {
        let chosen: Vec<u8> =
            value.iter().copied().filter(of).map(|byte| byte.to_ascii_lowercase()).collect();
        let up = |pair: &[u8]| pair[1] == pair[0] + 1 || (pair[0], pair[1]) == (b'9', b'0');
        (chosen.windows(2).filter(|pair| up(pair)).count(), chosen.len().saturating_sub(1))
    };
    let (letters, digits) = (steps(u8::is_ascii_alphabetic), steps(u8::is_ascii_digit));
    let (up, pairs) = (letters.0 + digits.0, letters.1 + digits.1);
    pairs >= 4 && up * 10 >= pairs * 8
}

/// Whether a value is the base64 of text that `is_other` says is no secret.
pub(super) fn is_hidden_text(value: &str, is_other: fn(&str) -> bool) -> bool {
    let decoded = STANDARD.decode(value).or_else(|_| STANDARD_NO_PAD.decode(value)).unwrap_or_default();
    let text = std::str::from_utf8(&decoded).unwrap_or_default().trim();
    text.len() > 3 && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && is_other(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_apart() {
        for value in [
            "1.0.8-debian-12-r0",
            "v2.11.3",
            "db.eu-west-1.rds.amazonaws.com",
            "cache.internal.corp.net:6379",
        ] {
            assert!(is_address_or_version(value), "{value}");
        }
        assert!(!is_address_or_version("aGVs.bG8x.c2VjcmV0"));
        assert!(counts_up(b"abc123def456") && counts_up(b"A1B2C3D4E5F6G7H8I9J0"));
        assert!(!counts_up(b"ab12cx98dk33zm"));
        assert_eq!(doubt("P@ssw0rd!"), Some(Doubt::Weak));
        assert_eq!(doubt("$2b$10$abcdefghij"), Some(Doubt::PasswordHash));
        assert_eq!(doubt("kX9#mQ2vLpw"), None);
    }

    #[test]
    fn text_in_base64_is_judged_by_what_it_says() {
        let words = |text: &str| text == "alice:secret-passwd";
        assert!(is_hidden_text(&STANDARD.encode("alice:secret-passwd"), words));
        assert!(!is_hidden_text(&STANDARD.encode("kX9mQ2vLpwZ3"), words));
    }
}
