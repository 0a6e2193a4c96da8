//! Whether the value of a secret-named key looks like a secret at all, or like what stands there in
//! ordinary code: a word, an identifier, a path, a placeholder, an expression. It judges the value,
//! what surrounds it and the name on the left; it knows no service.

mod name;
mod value;

use super::entropy::shannon;
use super::evidence::Doubt;
use super::words;
use std::ops::Range;

/// What the value of a secret-named key looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// A secret.
    Secret,
    /// A secret at first sight.
    Doubtful(Doubt),
    /// Something else.
    Other,
}

/// Parts of words that stand for "put your own here", or that name a test's value.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "changeme",
    "change-me",
    "change_me",
    "change-it",
    "changeit",
    "placeholder",
    "your",
    "xxxx",
    "dummy",
    "sample",
    "insert",
    "replace",
    "redacted",
    "removed",
    "fixme",
    "todo",
    "fake",
    "notreal",
    "not-a-real",
    "testtest",
    "foobar",
    "lorem",
    "undefined",
    "localhost",
    "process.env",
    "environ",
    "getenv",
    "secrets.",
    "vars.",
    "env.",
    "config.",
    "settings.",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "********",
    "......",
    "----",
    "____",
    "abcdef",
    "123456",
    "qwerty",
    "asdf",
    "deadbeef",
    "base64",
    "keyvault",
    "mytoken",
];

/// What `secret` (a range of `text`, in the match that begins at `start`) looks like.
pub(crate) fn judge(text: &[u8], start: usize, secret: Range<usize>) -> Likeness {
    let Ok(value) = std::str::from_utf8(&text[secret.clone()]) else { return Likeness::Other };
    let marked = secret.start > 0 && matches!(text[secret.start - 1], b'"' | b'\'' | b'`' | b'>');
    // In the files that environments are written in, a value needs no quotes.
    let quoted = marked || is_environment_value(text, start, secret.clone(), value);
    let near = start.saturating_sub(40);
    let name = &text[line_start(&text[near..start]) + near..secret.start];
    let called = !marked && text.get(secret.end) == Some(&b'(');
    if called
        || is_placeholder(value)
        || name::is_of_something_else(name)
        || is_expression(value, quoted)
        || is_path_or_address(value)
        || value::is_hidden_text(value, is_other_text)
        || is_words(value)
        || !is_dense(value, quoted)
    {
        return Likeness::Other;
    }
    value::doubt(value).map_or(Likeness::Secret, Likeness::Doubtful)
}

/// Whether the line of a value is `NAME=value`, to its very end. Lines can be megabytes long, with many
/// values: only where the value may end the line, its start is looked for.
fn is_environment_value(text: &[u8], start: usize, secret: Range<usize>, value: &str) -> bool {
    let rest = &text[secret.end..];
    let blank = rest.iter().take_while(|byte| **byte != b'\n' && byte.is_ascii_whitespace()).count();
    rest.get(blank).is_none_or(|byte| *byte == b'\n')
        && name::is_environment_line(&text[line_start(&text[..start])..secret.end], value)
}

/// Where the last line of a text begins.
fn line_start(text: &[u8]) -> usize {
    memchr::memrchr(b'\n', text).map_or(0, |newline| newline + 1)
}

/// Text that would be no secret if it stood there itself.
fn is_other_text(value: &str) -> bool {
    is_placeholder(value) || is_path_or_address(value) || is_words(value)
}

fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let bytes = value.as_bytes();
    if value.ends_with("...") || value.ends_with('…') || value::counts_up(bytes) {
        return true;
    }
    let enclosed = matches!(
        (bytes.first(), bytes.last()),
        (Some(b'<'), Some(b'>'))
            | (Some(b'['), Some(b']'))
            | (Some(b'{'), Some(b'}'))
            | (Some(b'%'), Some(b'%'))
    );
    enclosed || PLACEHOLDERS.iter().any(|word| lower.contains(word)) || distinct(bytes) < 5
}

/// A variable, a call, an interpolation, a dotted or scoped name.
fn is_expression(value: &str, quoted: bool) -> bool {
    let bytes = value.as_bytes();
    if ["${", "{{", "$(", "#{", "%{", "<%", "%(", "@(", "${{", "=>", "->", "::", "()", "&&", "||"]
        .iter()
        .any(|mark| value.contains(mark))
    {
        return true;
    }
    if !quoted {
        let starts = matches!(
            bytes[0],
            b'$' | b'@' | b'%' | b'&' | b'*' | b'{' | b'[' | b'(' | b'!' | b'/' | b'|' | b'-' | b':'
        );
        let operators =
            bytes.iter().any(|byte| matches!(byte, b'(' | b')' | b'{' | b'}' | b'[' | b']' | b'|'));
        return starts || operators || is_dotted_name(value) || is_identifier(value);
    }
    matches!(bytes[0], b'$' | b'%' | b'{') && value[1..].bytes().all(is_word) || is_dotted_name(value)
}

/// A name of code that stands without quotes: words with any digits, or joined by underscores.
fn is_identifier(value: &str) -> bool {
    let first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let letters: Vec<u8> = value.bytes().filter(|byte| !byte.is_ascii_digit()).collect();
    value.as_bytes().first().is_some_and(first)
        && value.bytes().all(is_word)
        && (words::reads(&letters) || value.bytes().filter(|byte| *byte == b'_').count() > 1)
}

fn is_dotted_name(value: &str) -> bool {
    let mut parts = value.split('.').peekable();
    let dotted = value.contains('.');
    dotted && parts.all(|part| !part.is_empty() && part.len() <= 40 && is_words(part))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_path_or_address(value: &str) -> bool {
    let bytes = value.as_bytes();
    let rooted = matches!(bytes, [b'/' | b'.' | b'~', ..]) || matches!(bytes, [_, b':', b'\\' | b'/', ..]);
    let segments = || value.split(['/', '\\']).filter(|part| !part.is_empty());
    let wordy = || {
        let parts: Vec<&str> = segments().collect();
        parts.len() > 1 && parts.iter().filter(|part| is_words(part)).count() * 2 > parts.len()
    };
    value.contains("://")
        || value::is_address_or_version(value)
        || (rooted && value.contains('/'))
        || wordy()
        || has_file_extension(value)
}

fn has_file_extension(value: &str) -> bool {
    const EXTENSIONS: &[&str] = &[
        "json", "yaml", "yml", "toml", "txt", "pem", "crt", "key", "cert", "html", "js", "ts", "py", "rb",
        "go", "java", "xml", "md", "png", "svg", "css", "php", "sh", "conf", "cfg", "ini", "env", "com",
        "org", "net", "io",
    ];
    value.rsplit_once('.').is_some_and(|(stem, extension)| {
        EXTENSIONS.contains(&extension) && is_words(stem.rsplit('/').next().unwrap_or(stem))
    })
}

/// Words joined by what joins words in names and paths, with what may end a sentence. Letters beyond
/// ASCII stand in words of people.
fn is_words(value: &str) -> bool {
    let value = value.trim_end_matches(['(', ')', ',', ';']);
    let foreign = value.chars().filter(|letter| !letter.is_ascii() && letter.is_alphabetic()).count();
    foreign > 0
        && value.chars().filter(|letter| letter.is_alphabetic()).count() * 4 > value.chars().count() * 3
        || value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./ :\\@+=?&#".contains(&byte))
            && words::reads(value.as_bytes())
}

/// Enough different characters for its length and alphabet.
fn is_dense(value: &str, quoted: bool) -> bool {
    let bytes = value.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    if digits + letters < bytes.len() / 2
        || digits == bytes.len()
        || (letters > 0 && digits == 0 && letters == bytes.len() && bytes.len() < 16)
    {
        return false;
    }
    let hex = bytes.iter().all(u8::is_ascii_hexdigit);
    let upper = bytes.iter().any(u8::is_ascii_uppercase);
    let lower = bytes.iter().any(u8::is_ascii_lowercase);
    let special = digits + letters < bytes.len();
    let classes = usize::from(upper) + usize::from(lower) + usize::from(digits > 0) + usize::from(special);
    let least = match bytes.len() {
        0..=11 => 2.8,
        12..=19 => 3.0,
        _ if hex => 3.0,
        _ => 3.5,
    };
    let short = bytes.len() < 16;
    shannon(bytes) >= least
        && (digits > 0 || !short && upper && lower)
        && (!short || classes >= if quoted { 2 } else { 3 })
}

fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().filter(|&&byte| !std::mem::replace(&mut seen[byte as usize], true)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::example::expand;

    fn looks(line: &str) -> Likeness {
        let value = line.rfind('«').unwrap() + '«'.len_utf8()..line.rfind('»').unwrap();
        let text = format!("{}{}", &line[..value.start - '«'.len_utf8()], &line[value.clone()]);
        let start = value.start - '«'.len_utf8();
        judge(text.as_bytes(), 0, start..start + value.len())
    }

    #[test]
    fn a_value_without_quotes_ends_its_line() {
        let is_one = |text: &str| {
            let (start, at) = (text.find("DB_").unwrap(), text.find("v4l").unwrap());
            is_environment_value(text.as_bytes(), start, at..at + 3, "v4l")
        };
        for text in ["DB_PASS=v4l", "a: b\n export DB_PASS=v4l \r\nc", "x\nDB_PASS=v4l\n\nv4l w"] {
            assert!(is_one(text), "{text:?}");
        }
        for text in ["DB_PASS=v4l # x", "x DB_PASS=v4l\n", "x\ny=DB_PASS=v4l", "DB_PASS=v4l;\n"] {
            assert!(!is_one(text), "{text:?}");
        }
    }

    #[test]
    fn the_line_before_does_not_name_a_value() {
        let judged = |before: &str| {
            let text = expand(&format!("{before}token = \"<base62:32>"), 1);
            judge(text.as_bytes(), before.len(), before.len() + 9..text.len())
        };
        assert_eq!(judged("sha256: x\n"), Likeness::Secret);
        assert_eq!(judged("sha256: "), Likeness::Other);
        // Farther away than names are long.
        let far = "#".repeat(30);
        assert_eq!(judged(&format!("sha256: {far}{far} ")), Likeness::Secret);
    }

    #[test]
    fn tells_secrets_from_what_stands_in_code() {
        for line in [
            "password = \"«<base62:20>»\"", // cofferdam:allow generic-secret
            "token: «<base62:32>»",
            "secret='«<hex:40>»'",
            "DB_PASSWORD=«<base62:8>#<base62:8>!»",
            "passwd = \"«Kx9#<base62:5>1!»\"", // cofferdam:allow generic-secret
        ] {
            for seed in 0..20 {
                let line = expand(line, seed);
                assert_eq!(looks(&line), Likeness::Secret, "{line}");
            }
        }
        for line in [
            "password = \"«changeme123»\"",
            "token = «request.headers.authorization»",
            "token = «getToken1()»",
            "secret = \"«my-app-database-secret-2»\"",
            "key_file = \"«/etc/ssl/private/server.key»\"",
            "password = «$DB_PASSWORD_1»",
            "token_url = \"«https://login.example.net/oauth2/v2»\"",
            "sha256 token: «<hex:64>»",
            "password: \"«aaaaaaaa11111»\"",
            "tokenizer = \"«BertWordPieceTokenizer2»\"", // cofferdam:allow generic-secret
            "private_key: «Curve25519SeedBin»",          // cofferdam:allow generic-secret
            "HostKeyType:«:Ecdsa256»",                   // cofferdam:allow generic-secret
        ] {
            let line = expand(line, 3);
            assert_eq!(looks(&line), Likeness::Other, "{line}");
        }
    }
}
