//! What a value must look like: its type and its limits. Apart from [`super::check`], which judges
//! a whole environment: this judges one value and never says anything about its content.

mod pem;

use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use regex::Regex;
use serde::Serialize;

/// The type of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// Any text.
    #[default]
    String,
    /// An absolute URL with a host or a path; `schemes` limits it.
    Url,
    /// A whole number (64 bits, signed).
    Int,
    /// A decimal number.
    Number,
    /// 1 to 65535.
    Port,
    /// `true`, `false`, `1`, `0`, `yes`, `no`, `on`, `off`, in any case.
    Bool,
    /// One of `values`.
    Enum,
    /// `name@host`.
    Email,
    /// 8-4-4-4-12 hexadecimal digits.
    Uuid,
    /// Base64, standard or URL-safe, padded or not.
    Base64,
    /// An even number of hexadecimal digits.
    Hex,
    /// PEM blocks; a certificate's expiry is checked.
    Pem,
    /// A JSON text.
    Json,
    /// A signed JSON Web Token; its `exp` is checked.
    Jwt,
}

/// Every kind with the names that declare it; the first is the one we write.
pub const KINDS: &[(Kind, &[&str])] = &[
    (Kind::String, &["string"]),
    (Kind::Url, &["url"]),
    (Kind::Int, &["int", "integer"]),
    (Kind::Number, &["number"]),
    (Kind::Port, &["port"]),
    (Kind::Bool, &["bool", "boolean"]),
    (Kind::Enum, &["enum"]),
    (Kind::Email, &["email"]),
    (Kind::Uuid, &["uuid"]),
    (Kind::Base64, &["base64"]),
    (Kind::Hex, &["hex"]),
    (Kind::Pem, &["pem"]),
    (Kind::Json, &["json"]),
    (Kind::Jwt, &["jwt"]),
];

impl Kind {
    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|(_, names)| names.contains(&name)).map(|&(kind, _)| kind)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|&&(kind, _)| kind == self).map_or("string", |(_, names)| names[0])
    }
}

/// A type with its limits. What is `None` or empty limits nothing.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// The type; none: any text.
    pub kind: Option<Kind>,
    /// Fewest characters.
    pub min_length: Option<usize>,
    /// Most characters.
    pub max_length: Option<usize>,
    /// How it must begin.
    pub starts_with: Option<String>,
    /// How it must end.
    pub ends_with: Option<String>,
    /// What must be found in it.
    pub matches: Option<Regex>,
    /// For URLs: the allowed schemes.
    pub schemes: Vec<String>,
    /// For enums: the allowed values.
    pub values: Vec<String>,
    /// Least number.
    pub min: Option<i64>,
    /// Greatest number.
    pub max: Option<i64>,
}

/// What a value of the right shape says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// When it stops being valid (the first certificate to expire, a token's `exp`).
    pub expires: Option<Timestamp>,
}

impl Shape {
    /// This shape, with what it leaves open taken from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            kind: self.kind.or(other.kind),
            min_length: self.min_length.or(other.min_length),
            max_length: self.max_length.or(other.max_length),
            starts_with: self.starts_with.or(other.starts_with),
            ends_with: self.ends_with.or(other.ends_with),
            matches: self.matches.or(other.matches),
            schemes: if self.schemes.is_empty() { other.schemes } else { self.schemes },
            values: if self.values.is_empty() { other.values } else { self.values },
            min: self.min.or(other.min),
            max: self.max.or(other.max),
        }
    }

    /// Whether `value` has this shape.
    ///
    /// # Errors
    /// Everything that it is not, in words that follow "its value"; none says what it is.
    pub fn check(&self, value: &Secret) -> Result<Content, Vec<String>> {
        let text = value.expose();
        let mut wrong = self.limits(text);
        let content = match self.content(text) {
            Ok(content) => content,
            Err(words) => {
                wrong.insert(0, words);
                Content::default()
            }
        };
        if wrong.is_empty() { Ok(content) } else { Err(wrong) }
    }

    fn limits(&self, text: &str) -> Vec<String> {
        let length = text.chars().count();
        let mut wrong = Vec::new();
        let mut need = |holds: bool, words: String| {
            if !holds {
                wrong.push(words);
            }
        };
        if let Some(least) = self.min_length {
            need(length >= least, format!("is shorter than {least} characters"));
        }
        if let Some(most) = self.max_length {
            need(length <= most, format!("is longer than {most} characters"));
        }
        if let Some(prefix) = &self.starts_with {
            need(text.starts_with(prefix), format!("does not start with `{prefix}`"));
        }
        if let Some(suffix) = &self.ends_with {
            need(text.ends_with(suffix), format!("does not end with `{suffix}`"));
        }
        if let Some(regex) = &self.matches {
            need(regex.is_match(text), format!("does not match `{regex}`"));
        }
        wrong
    }

    fn content(&self, text: &str) -> Result<Content, String> {
        let holds = match self.kind.unwrap_or_default() {
            Kind::String => true,
            Kind::Url => return self.url(text),
            Kind::Int => return self.number(text.parse().ok(), "whole number"),
            Kind::Port => matches!(text.parse::<u16>(), Ok(port) if port > 0),
            Kind::Number => return self.decimal(text),
            Kind::Bool => ["true", "false", "1", "0", "yes", "no", "on", "off"]
                .contains(&text.to_ascii_lowercase().as_str()),
            Kind::Enum if self.values.iter().any(|value| value == text) => true,
            Kind::Enum => return Err(format!("is none of {}", self.values.join(", "))),
            Kind::Email => is_email(text),
            Kind::Uuid => is_uuid(text),
            Kind::Base64 => decode_base64(text).is_some(),
            Kind::Hex => {
                text.len().is_multiple_of(2)
                    && !text.is_empty()
                    && text.bytes().all(|b| b.is_ascii_hexdigit())
            }
            Kind::Pem => return pem::check(text),
            Kind::Json => serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
            Kind::Jwt => return jwt(text),
        };
        let name = self.kind.unwrap_or_default().name();
        if holds { Ok(Content::default()) } else { Err(format!("is not of type {name}")) }
    }

    fn url(&self, text: &str) -> Result<Content, String> {
        let url = match url::Url::parse(text) {
            Ok(url) if !text.contains(char::is_whitespace) => url,
            _ => return Err("is not a URL (percent-encode special characters in its password)".to_owned()),
        };
        if !self.schemes.is_empty() && !self.schemes.iter().any(|scheme| scheme == url.scheme()) {
            return Err(format!("is a URL whose scheme is none of {}", self.schemes.join(", ")));
        }
        if url.host_str().is_none_or(str::is_empty) && !matches!(url.path(), p if p.len() > 1) {
            return Err("is a URL without a host".to_owned());
        }
        Ok(Content::default())
    }

    fn decimal(&self, text: &str) -> Result<Content, String> {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        #[expect(clippy::cast_possible_truncation, reason = "only compared with whole limits")]
        self.number(number.map(|number| number as i64), "number")
    }

    fn number(&self, number: Option<i64>, words: &str) -> Result<Content, String> {
        let Some(number) = number else {
            return Err(format!("is not a {words}"));
        };
        match (self.min, self.max) {
            (Some(min), _) if number < min => Err(format!("is below {min}")),
            (_, Some(max)) if number > max => Err(format!("is above {max}")),
            _ => Ok(Content::default()),
        }
    }
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else {
        return false;
    };
    let clean =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    clean(name) && clean(host) && !host.contains('@') && !host.starts_with('.') && !host.ends_with('.')
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The bytes of a base64 text in any of its common alphabets.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_ascii_whitespace().collect();
    if text.is_empty() {
        return None;
    }
    [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD].iter().find_map(|e| e.decode(&text).ok())
}

fn jwt(text: &str) -> Result<Content, String> {
    let parts: Vec<_> = text.split('.').collect();
    let json = |part: &str| -> Option<serde_json::Map<String, serde_json::Value>> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    match parts.as_slice() {
        [header, claims, signature]
            if json(header).is_some_and(|header| header.contains_key("alg"))
                && URL_SAFE_NO_PAD.decode(signature).is_ok() =>
        {
            let claims = json(claims).ok_or("is not a JWT: its claims are not JSON")?;
            let expires = claims.get("exp").and_then(serde_json::Value::as_i64);
            Ok(Content { expires: expires.and_then(|seconds| Timestamp::from_second(seconds).ok()) })
        }
        _ => Err("is not a JWT".to_owned()),
    }
}

/// Why a text cannot be a value at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Nothing, or only whitespace.
    Empty,
    /// Something to be filled in.
    Placeholder,
    /// What a program wrote that had no value (`null`, `undefined`).
    Nothing,
    /// A reference that somebody should have resolved; its scheme.
    Unresolved(&'static str),
}

/// Why `text` cannot be a value, whatever its type.
pub fn unusable(text: &str) -> Option<Unusable> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Some(Unusable::Empty);
    }
    if let Some(scheme) = unresolved(trimmed) {
        return Some(Unusable::Unresolved(scheme));
    }
    let lower = trimmed.to_lowercase();
    match lower.as_str() {
        "null" | "undefined" | "[object object]" | "nan" => Some(Unusable::Nothing),
        _ if is_placeholder(&lower) => Some(Unusable::Placeholder),
        _ => None,
    }
}

fn unresolved(text: &str) -> Option<&'static str> {
    const SCHEMES: &[&str] = &[
        "@Microsoft.KeyVault(",
        "op://",
        "bw://",
        "ref+",
        "${{",
        "keyvault://",
        "akv://",
        "gcpsm://",
        "awssm://",
        "secretref:",
        "vault:secret/",
    ];
    SCHEMES
        .iter()
        .copied()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

fn is_placeholder(lower: &str) -> bool {
    const WORDS: &[&str] = &[
        "changeme",
        "change-me",
        "change_me",
        "change me",
        "changethis",
        "change-this",
        "replaceme",
        "replace-me",
        "replace_me",
        "placeholder",
        "todo",
        "fixme",
        "tbd",
        "fill-me-in",
        "fillmein",
        "...",
        "secret-goes-here",
    ];
    const STARTS: &[&str] = &["your-", "your_", "insert-your", "insert_your", "replace-with", "replace_with"];
    let bracketed = |open: char, close: char| {
        lower.len() < 80
            && lower.starts_with(open)
            && lower.ends_with(close)
            && lower.matches(open).count() == 1
            && !lower.contains(['\n', '"'])
    };
    WORDS.contains(&lower)
        || STARTS.iter().any(|start| lower.starts_with(start))
        || bracketed('<', '>')
        || (lower.len() >= 3 && lower.bytes().all(|byte| byte == b'x'))
        || (lower.len() >= 3 && lower.bytes().all(|byte| byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(kind: Kind, text: &str) -> bool {
        Shape { kind: Some(kind), ..Shape::default() }.check(&Secret::new(text.to_owned())).is_ok()
    }

    #[test]
    fn judges_each_kind() {
        let good = [
            (Kind::Url, "postgres://u:p%40@db.example:5432/app"),
            (Kind::Int, "-12"),
            (Kind::Number, "0.5"),
            (Kind::Port, "8080"),
            (Kind::Bool, "True"),
            (Kind::Email, "ops@example.com"),
            (Kind::Uuid, "0b2f6c1e-8a53-4d0e-9b1d-1f2e3d4c5b6a"),
            (Kind::Base64, "aGVsbG8"),
            (Kind::Hex, "00ff"),
            (Kind::Json, "{\"a\": [1]}"),
            (Kind::String, "anything"),
        ];
        let bad = [
            (Kind::Url, "db.example/app"),
            (Kind::Url, "postgres://"),
            (Kind::Int, "12.5"),
            (Kind::Number, "inf"),
            (Kind::Port, "0"),
            (Kind::Port, "65536"),
            (Kind::Bool, "maybe"),
            (Kind::Email, "ops@"),
            (Kind::Uuid, "0b2f6c1e8a534d0e9b1d1f2e3d4c5b6a"),
            (Kind::Base64, "a$b"),
            (Kind::Hex, "0f0"),
            (Kind::Json, "{a}"),
            (Kind::Jwt, "a.b.c"),
            (Kind::Pem, "no pem"),
        ];
        for (kind, text) in good {
            assert!(is(kind, text), "{kind:?} refuses {text}");
        }
        for (kind, text) in bad {
            assert!(!is(kind, text), "{kind:?} takes {text}");
        }
    }

    #[test]
    fn says_all_that_is_wrong_and_nothing_of_the_value() {
        let shape = Shape {
            kind: Some(Kind::Url),
            min_length: Some(40),
            schemes: vec!["https".into()],
            ..Shape::default()
        };
        let wrong = shape.check(&Secret::new("ftp://canary.example".into())).unwrap_err();
        assert_eq!(wrong, ["is a URL whose scheme is none of https", "is shorter than 40 characters"]);
    }

    #[test]
    fn reads_when_a_token_expires() {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token =
            format!("{}.{}.{}", part("{\"alg\":\"HS256\"}"), part("{\"exp\":1700000000}"), part("sig"));
        let content = Shape { kind: Some(Kind::Jwt), ..Shape::default() }.check(&Secret::new(token)).unwrap();
        assert_eq!(content.expires, Timestamp::from_second(1_700_000_000).ok());
    }

    #[test]
    fn knows_what_is_no_value() {
        assert_eq!(unusable(" \n"), Some(Unusable::Empty));
        for text in ["changeme", "<your key>", "your-api-key", "XXXX", "TODO"] {
            assert_eq!(unusable(text), Some(Unusable::Placeholder), "{text}");
        }
        assert_eq!(unusable("undefined"), Some(Unusable::Nothing));
        for text in ["@Microsoft.KeyVault(SecretUri=x)", "op://a/b", "${{ secrets.A }}"] {
            assert!(matches!(unusable(text), Some(Unusable::Unresolved(_))), "{text}");
        }
        for text in ["hunter2", "<a><b/></a>", "todo-app", "yourself", "x"] {
            assert_eq!(unusable(text), None, "{text}");
        }
    }
}
