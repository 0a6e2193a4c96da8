//! What a key's comments say about it: our plain words, and the static decorators of @env-spec.
//! Decorators that serve other programs are read over; one that is nearly ours is an error.

use crate::vault::fault::{FaultKind, nearest};
use crate::vault::shape::{KINDS, Kind, Shape};
use regex::Regex;

/// What comments say of a key. What is `None` they leave open.
#[derive(Clone, Debug, Default)]
pub struct Annotations {
    /// Whether it may be missing.
    pub optional: Option<bool>,
    /// Whether its value is secret.
    pub sensitive: Option<bool>,
    /// What its value must look like.
    pub shape: Shape,
    /// The rest, in words.
    pub description: String,
    /// An example value.
    pub example: Option<String>,
}

const OURS: &[&str] = &["required", "optional", "sensitive", "public", "type", "example"];

impl Annotations {
    /// Reads comments, each with its line.
    ///
    /// # Errors
    /// The first decorator that cannot be read, with its line.
    pub(super) fn read(comments: &[(usize, String)]) -> Result<Self, (usize, FaultKind)> {
        let mut annotations = Self::default();
        for (line, comment) in comments {
            let read = match comment.starts_with('@') {
                true => decorators(comment).try_for_each(|(name, value)| annotations.decorator(name, value)),
                false => {
                    annotations.words(comment);
                    Ok(())
                }
            };
            read.map_err(|kind| (*line, kind))?;
        }
        Ok(annotations)
    }

    /// `optional, url: the main database`: leading words that we know, then the description. Where
    /// no colon ends the words, the whole comment must be such words.
    fn words(&mut self, comment: &str) {
        let (head, tail) = comment.split_once(':').unwrap_or((comment, ""));
        let known = |word: &str| OURS[..4].contains(&word) || Kind::named(word).is_some();
        let words: Vec<_> = head.split([',', ' ']).filter(|word| !word.is_empty()).collect();
        let description = if words.is_empty() || !words.iter().all(|word| known(word)) {
            comment
        } else {
            for word in words {
                match Kind::named(word) {
                    Some(kind) => self.shape.kind = Some(kind),
                    None => self.switch(word, true),
                }
            }
            tail.trim()
        };
        if !is_assignment(comment) && description.contains(char::is_alphanumeric) {
            if !self.description.is_empty() {
                self.description.push(' ');
            }
            self.description.push_str(description);
        }
    }

    fn switch(&mut self, word: &str, on: bool) {
        match word {
            "optional" => self.optional = Some(on),
            "required" => self.optional = Some(!on),
            "sensitive" => self.sensitive = Some(on),
            _ => self.sensitive = Some(!on),
        }
    }

    fn decorator(&mut self, name: &str, value: &str) -> Result<(), FaultKind> {
        match name {
            "type" => {
                self.shape = shape(value)?.or(std::mem::take(&mut self.shape));
            }
            "example" => self.example = Some(unquoted(value).to_owned()),
            "required" | "optional" | "sensitive" | "public" => self.switch(name, truth(name, value)?),
            _ => {
                let suggestion = nearest(name, OURS.iter().copied());
                if let Some(near) = suggestion.filter(|near| near.len().abs_diff(name.len()) <= 1) {
                    let suggestion = Some(format!("@{near}"));
                    return Err(FaultKind::UnknownKey { key: format!("@{name}"), suggestion });
                }
            }
        }
        Ok(())
    }
}

/// What a template's header says of all its keys.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    optional: Option<bool>,
    sensitive: Option<bool>,
    /// Keys that begin so are public, all others sensitive.
    public_prefix: Option<String>,
}

impl Defaults {
    /// Reads a comment of the header.
    ///
    /// # Errors
    /// A default that is not static.
    pub(super) fn read(&mut self, comment: &str) -> Result<(), FaultKind> {
        for (name, value) in decorators(comment) {
            match (name, value.strip_prefix("inferFromPrefix(")) {
                ("defaultRequired", _) => self.optional = Some(!truth(name, value)?),
                ("defaultSensitive", Some(prefix)) => {
                    self.public_prefix = Some(unquoted(prefix.trim_end_matches(')')).to_owned());
                }
                ("defaultSensitive", None) => self.sensitive = Some(truth(name, value)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// Fills in what the entries' own comments leave open.
    pub(super) fn apply(&self, entries: &mut [super::Entry]) {
        for entry in entries {
            let public = self.public_prefix.as_ref().map(|prefix| entry.key.starts_with(prefix.as_str()));
            let said = &mut entry.annotations;
            said.optional = said.optional.or(self.optional);
            said.sensitive = said.sensitive.or(self.sensitive).or(public.map(|public| !public));
        }
    }
}

/// The decorators of a comment, each with its value.
fn decorators(comment: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = comment;
    std::iter::from_fn(move || {
        let after = rest.trim_start().strip_prefix('@')?;
        let end = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let (value, after) = match after.strip_prefix('=') {
            Some(after) => after.split_at(piece(after, char::is_whitespace)),
            None if after.starts_with('(') => ("", &after[piece(after, char::is_whitespace)..]),
            None => ("", after),
        };
        rest = after;
        Some((name, value))
    })
}

/// Length of what stands before the next character outside quotes and parentheses that `ends` it.
fn piece(text: &str, ends: impl Fn(char) -> bool) -> usize {
    let (mut depth, mut quote) = (0_usize, None);
    text.char_indices()
        .find(|&(_, c)| {
            match (quote, c) {
                (Some(open), _) if open == c => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '(') => depth += 1,
                (None, ')') => depth = depth.saturating_sub(1),
                (None, c) => return depth == 0 && ends(c),
            }
            false
        })
        .map_or(text.len(), |(at, _)| at)
}

fn truth(name: &str, value: &str) -> Result<bool, FaultKind> {
    match value {
        "" | "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(bad(format!("@{name}"), "true or false (only static values are read)")),
    }
}

/// Whether a comment is a line that was taken out: its value is nobody's description.
fn is_assignment(comment: &str) -> bool {
    let comment = comment.strip_prefix("export ").unwrap_or(comment);
    comment.split_once('=').is_some_and(|(key, _)| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    })
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    ['"', '\''].iter().find_map(|&q| text.strip_prefix(q)?.strip_suffix(q)).unwrap_or(text)
}

fn bad(key: String, expected: impl Into<String>) -> FaultKind {
    FaultKind::BadValue { key, expected: expected.into() }
}

/// Types of @env-spec that are texts here: what they say beyond that is not checked.
const UNCHECKED: &[&str] = &["ip", "isoDate", "md5", "semver", "simple-object"];

/// `kind` or `kind(argument, name=value, …)`.
fn shape(text: &str) -> Result<Shape, FaultKind> {
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')').unwrap_or(rest)),
        None => (text, ""),
    };
    let kinds = || KINDS.iter().map(|(_, names)| names[0]).collect::<Vec<_>>().join(", ");
    let kind = Kind::named(name).or_else(|| UNCHECKED.contains(&name).then_some(Kind::String));
    let kind = kind.ok_or_else(|| bad("@type".into(), format!("one of {}", kinds())))?;
    let mut shape = Shape { kind: Some(kind), ..Shape::default() };
    let mut rest = arguments;
    while !rest.is_empty() {
        let (argument, after) = rest.split_at(piece(rest, |c| c == ','));
        rest = after.get(1..).unwrap_or_default();
        let argument = argument.trim();
        if argument.is_empty() {
            continue;
        }
        let named = argument.split_once('=').filter(|(key, _)| !key.starts_with(['"', '\'']));
        let (key, value) = match named {
            Some((key, value)) => (key.trim(), unquoted(value)),
            None => ("", unquoted(argument)),
        };
        limit(&mut shape, key, value)?;
    }
    Ok(shape)
}

fn limit(shape: &mut Shape, key: &str, value: &str) -> Result<(), FaultKind> {
    let number = || value.parse::<i64>().map_err(|_| bad(format!("@type {key}"), "a whole number"));
    let length = || usize::try_from(number()?).map_err(|_| bad(format!("@type {key}"), "a length"));
    match key {
        "" => match shape.kind {
            Some(Kind::Enum) => shape.values.push(value.to_owned()),
            Some(Kind::Url) => shape.schemes.push(value.to_owned()),
            _ => return Err(bad("@type".into(), "given without values here: write name=value")),
        },
        "schemes" | "scheme" => shape.schemes.extend(value.split('|').map(str::to_owned)),
        "startsWith" => shape.starts_with = Some(value.to_owned()),
        "endsWith" => shape.ends_with = Some(value.to_owned()),
        "minLength" => shape.min_length = Some(length()?),
        "maxLength" => shape.max_length = Some(length()?),
        "length" | "isLength" => (shape.min_length, shape.max_length) = (Some(length()?), Some(length()?)),
        "min" => shape.min = Some(number()?),
        "max" => shape.max = Some(number()?),
        "matches" => {
            let regex = Regex::new(value).map_err(|_| bad("@type matches".into(), "a regular expression"))?;
            shape.matches = Some(regex);
        }
        // Arguments that only serve the other program (such as `prependHttps`).
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(comments: &[&str]) -> Result<Annotations, (usize, FaultKind)> {
        let numbered = comments.iter().enumerate().map(|(n, text)| (n + 1, (*text).to_owned()));
        Annotations::read(&numbered.collect::<Vec<_>>())
    }

    #[test]
    fn plain_words_and_description() {
        let read = read(&["The main database", "optional, url: of the reader"]).unwrap();
        assert_eq!((read.optional, read.shape.kind), (Some(true), Some(Kind::Url)));
        assert_eq!(read.description, "The main database of the reader");
        // A sentence that begins with such a word is a sentence.
        let read = super::tests::read(&["optional features of the mailer"]).unwrap();
        assert_eq!((read.optional, read.description.as_str()), (None, "optional features of the mailer"));
        // What was commented out may be anybody's value.
        for text in ["OLD_KEY=canary", "export OLD=canary", "optional_key=canary"] {
            assert_eq!(super::tests::read(&[text]).unwrap().description, "");
        }
        assert_eq!(super::tests::read(&["a = b"]).unwrap().description, "a = b");
    }

    #[test]
    fn decorators() {
        let read = read(&[
            "@required @sensitive=false @docs(https://example.com/a b)",
            "@type=url(schemes=postgres|postgresql, minLength=12) @example=\"postgres://a b\" ",
        ])
        .unwrap();
        assert_eq!((read.optional, read.sensitive), (Some(false), Some(false)));
        assert_eq!(read.shape.schemes, ["postgres", "postgresql"]);
        assert_eq!(read.shape.min_length, Some(12));
        assert_eq!(read.example.as_deref(), Some("postgres://a b"));
        let read = super::tests::read(&["@type=enum(debug, \"a, b=c\")"]).unwrap();
        assert_eq!(read.shape.values, ["debug", "a, b=c"]);
        let read = super::tests::read(&["@type=string(matches=\"^a{1,3}$\", isLength=3)"]).unwrap();
        assert_eq!(read.shape.matches.unwrap().as_str(), "^a{1,3}$");
        assert_eq!((read.shape.min_length, read.shape.max_length), (Some(3), Some(3)));
        assert_eq!(super::tests::read(&["@type=semver"]).unwrap().shape.kind, Some(Kind::String));
    }

    #[test]
    fn near_misses_are_errors_and_strangers_are_not() {
        let (line, fault) = read(&["words", "@optinal"]).unwrap_err();
        assert_eq!(line, 2);
        assert_eq!(fault.to_string(), "unknown key `@optinal`; did you mean `@optional`?");
        assert!(read(&["@type=uri"]).is_err());
        assert!(read(&["@type=string(minLength=x)"]).is_err());
        assert!(read(&["@generateTypes(lang=ts) @import"]).is_ok());
    }
}
