//! The name on the left of a value: whether it is of a secret at all. `token_url` and
//! `password_length` hold words that secrets go by, and no secret.

/// Names whose values are digests or addresses of content.
const DIGESTS: &[&str] = &[
    "sha1",
    "sha256",
    "sha384",
    "sha512",
    "checksum",
    "digest",
    "integrity",
    "fingerprint",
    "thumbprint",
    "commit",
];

/// Last words of names that say something about a secret: where it is, how long, of which kind, whose.
const ABOUT: &[&str] = &[
    "address",
    "addr",
    "algorithm",
    "arn",
    "attribute",
    "class",
    "column",
    "count",
    "dir",
    "directory",
    "endpoint",
    "expiration",
    "expires",
    "expiry",
    "field",
    "file",
    "filename",
    "format",
    "header",
    "host",
    "hostname",
    "image",
    "issuer",
    "kind",
    "label",
    "length",
    "level",
    "location",
    "method",
    "mode",
    "name",
    "names",
    "namespace",
    "param",
    "parameter",
    "path",
    "pattern",
    "policy",
    "port",
    "prefix",
    "provider",
    "regex",
    "region",
    "size",
    "source",
    "status",
    "suffix",
    "text",
    "title",
    "ttl",
    "type",
    "uri",
    "url",
    "user",
    "username",
    "version",
];

/// Whether the name (and what stands between it and the value) is of something else than a secret.
pub(super) fn is_of_something_else(before: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(before).to_ascii_lowercase();
    if DIGESTS.iter().any(|word| lower.contains(word)) {
        return true;
    }
    last_word(before).is_some_and(|word| ABOUT.contains(&word.as_str()))
}

/// The last word of the name that ends `before`, in lower case: `Url` of `tokenUrl = "`.
fn last_word(before: &[u8]) -> Option<String> {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric();
    let end = before.iter().rposition(is_of_name)? + 1;
    let start = before[..end].iter().rposition(|byte| !is_of_name(byte)).map_or(0, |at| at + 1);
    let part = &before[start..end];
    // A capital after a small letter begins a word.
    let camel =
        part.windows(2).rposition(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    let word = &part[camel.map_or(0, |at| at + 1)..];
    Some(String::from_utf8_lossy(word).to_ascii_lowercase())
}

/// Whether a line is `NAME=value` as in an environment file or after `export`, to its very end.
pub(super) fn is_environment_line(line: &[u8], value: &str) -> bool {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"export ").unwrap_or(line);
    let Some(name) = line.strip_suffix(value.as_bytes()).and_then(|line| line.strip_suffix(b"=")) else {
        return false;
    };
    !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_about_secrets_are_of_something_else() {
        for name in [
            "tokenUrl = \"",
            "password_length: ",
            "credentials.username: ",
            "\"secretName\": \"",
            "sha256 token: ",
        ] {
            assert!(is_of_something_else(name.as_bytes()), "{name}");
        }
        for name in
            ["token = \"", "DB_PASSWORD=", "\"clientSecret\": \"", "apiKey1: '", "secret_id = ", "curl"]
        {
            assert!(!is_of_something_else(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn environment_lines_end_with_the_value() {
        assert!(is_environment_line(b"export DB_PASSWORD=abc\r", "abc"));
        assert!(!is_environment_line(b"password=abc", "abc"));
        assert!(!is_environment_line(b"A=abc d", "abc"));
    }
}
