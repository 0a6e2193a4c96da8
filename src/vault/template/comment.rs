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
                true => annotations.decorators(comment),
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
        if !description.is_empty() && description.contains(char::is_alphanumeric) {
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

    fn decorators(&mut self, comment: &str) -> Result<(), FaultKind> {
        let mut rest = comment;
        while let Some(after) = rest.trim_start().strip_prefix('@') {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            let (value, after) = match after.strip_prefix('=') {
                Some(after) => after.split_at(value_end(after)),
                None => ("", &after[if after.starts_with('(') { value_end(after) } else { 0 }..]),
            };
            self.decorator(name, value)?;
            rest = after;
        }
        Ok(())
    }

    fn decorator(&mut self, name: &str, value: &str) -> Result<(), FaultKind> {
        match name {
            "type" => {
                self.shape = shape(value)?.or(std::mem::take(&mut self.shape));
            }
            "example" => self.example = Some(unquoted(value).to_owned()),
            "required" | "optional" | "sensitive" | "public" => match value {
                "" | "true" => self.switch(name, true),
                "false" => self.switch(name, false),
                _ => return Err(bad(format!("@{name}"), "true or false (only static values are read)")),
            },
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

/// Length of a decorator's value: to the next space outside quotes and parentheses.
fn value_end(text: &str) -> usize {
    let (mut depth, mut quote) = (0_usize, None);
    text.char_indices()
        .find(|&(_, c)| {
            match (quote, c) {
                (Some(open), _) if open == c => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '(') => depth += 1,
                (None, ')') => depth = depth.saturating_sub(1),
                (None, c) => return c.is_whitespace() && depth == 0,
            }
            false
        })
        .map_or(text.len(), |(at, _)| at)
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    ['"', '\''].iter().find_map(|&q| text.strip_prefix(q)?.strip_suffix(q)).unwrap_or(text)
}

fn bad(key: String, expected: impl Into<String>) -> FaultKind {
    FaultKind::BadValue { key, expected: expected.into() }
}

/// `kind` or `kind(argument, name=value, …)`.
fn shape(text: &str) -> Result<Shape, FaultKind> {
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')').unwrap_or(rest)),
        None => (text, ""),
    };
    let kinds = || KINDS.iter().map(|(_, names)| names[0]).collect::<Vec<_>>().join(", ");
    let kind = Kind::named(name).ok_or_else(|| bad("@type".into(), format!("one of {}", kinds())))?;
    let mut shape = Shape { kind: Some(kind), ..Shape::default() };
    for argument in arguments.split(',').map(str::trim).filter(|argument| !argument.is_empty()) {
        let (key, value) = match argument.split_once('=') {
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
        "length" => (shape.min_length, shape.max_length) = (Some(length()?), Some(length()?)),
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
        assert_eq!(super::tests::read(&["-----"]).unwrap().description, "");
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
        let read = super::tests::read(&["@type=enum(debug, \"info\")"]).unwrap();
        assert_eq!(read.shape.values, ["debug", "info"]);
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
