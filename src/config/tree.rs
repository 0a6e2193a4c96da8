//! TOML with places: typed access to a table whose errors name the line and column. It knows nothing
//! of rules.

use super::error::{ConfigError, Place, Warning};
use super::{Flavour, suggest};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A file's text and what its reading brought to light.
pub(super) struct Document<'t> {
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
    pub(super) path: PathBuf,
    pub(super) flavour: Flavour,
    pub(super) warnings: Vec<Warning>,
}

/// A value with where it stands.
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

impl<'t> Document<'t> {
    pub(super) fn new(text: &'t str, path: &Path, flavour: Flavour) -> Self {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let lines =
            std::iter::once(0).chain(text.match_indices('\n').map(|(newline, _)| newline + 1)).collect();
        Self { text, lines, path: path.to_owned(), flavour, warnings: Vec::new() }
    }

    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let line = self.lines.partition_point(|start| *start <= span.start);
        let before = self.text.get(self.lines[line - 1]..span.start).unwrap_or_default();
        Place { path: self.path.clone(), line, column: before.chars().count() + 1 }
    }

    pub(super) fn root(&self) -> Result<Table<'t>, ConfigError> {
        let root = DeTable::parse(self.text).map_err(|error| ConfigError::Syntax {
            place: self.place(error.span().unwrap_or_default()),
            what: error.message().to_owned(),
        })?;
        let span = root.span();
        Ok(Table { table: root.into_inner(), span })
    }

    pub(super) fn warn(&mut self, place: Place, message: String) {
        self.warnings.push(Warning { place, message });
    }
}

/// A table, emptied key by key as it is read.
pub(super) struct Table<'t> {
    table: DeTable<'t>,
    span: Range<usize>,
}

impl<'t> Table<'t> {
    pub(super) fn place(&self, document: &Document<'_>) -> Place {
        document.place(self.span.clone())
    }

    /// Takes `key` out. gitleaks does not heed the case of keys, so neither does its flavour here.
    fn take(&mut self, document: &Document<'_>, key: &str) -> Option<Spanned<DeValue<'t>>> {
        let name = self
            .table
            .keys()
            .find(|name| match document.flavour {
                Flavour::Cofferdam => name.get_ref() == key,
                Flavour::Gitleaks => name.get_ref().eq_ignore_ascii_case(key),
            })?
            .clone();
        self.table.remove(&name)
    }

    /// After all known keys are taken: what is left means nothing.
    pub(super) fn finish(self, document: &mut Document<'_>, known: &[&str]) -> Result<(), ConfigError> {
        for key in self.table.keys() {
            let place = document.place(key.span());
            let key = key.get_ref().to_string();
            let suggestion = suggest(&key, known.iter().copied());
            let error = ConfigError::UnknownKey { place: place.clone(), key: key.clone(), suggestion };
            match (document.flavour, error) {
                (Flavour::Cofferdam, error) => return Err(error),
                (_, ConfigError::UnknownKey { suggestion: Some(known), .. }) => {
                    document.warn(place, format!("unknown key `{key}` is ignored; did you mean `{known}`?"));
                }
                _ => document.warn(place, format!("unknown key `{key}` is ignored")),
            }
        }
        Ok(())
    }

    pub(super) fn ignore(&mut self, document: &Document<'_>, key: &str) {
        while self.take(document, key).is_some() {}
    }

    pub(super) fn string(
        &mut self,
        document: &Document<'_>,
        key: &str,
    ) -> Result<Option<Placed<String>>, ConfigError> {
        self.take(document, key).map(|value| string(document, key, value)).transpose()
    }

    /// A list of strings; gitleaks also takes one string with commas.
    pub(super) fn strings(
        &mut self,
        document: &Document<'_>,
        key: &str,
    ) -> Result<Option<Vec<Placed<String>>>, ConfigError> {
        let Some(value) = self.take(document, key) else { return Ok(None) };
        let place = document.place(value.span());
        match value.into_inner() {
            DeValue::Array(items) => {
                items.into_iter().map(|item| string(document, key, item)).collect::<Result<_, _>>().map(Some)
            }
            DeValue::String(text) if document.flavour == Flavour::Gitleaks => Ok(Some(
                text.split(',')
                    .filter(|part| !part.is_empty())
                    .map(|part| Placed { value: part.to_owned(), place: place.clone() })
                    .collect(),
            )),
            other => Err(wrong(place, key, &other, "a list of strings")),
        }
    }

    pub(super) fn boolean(
        &mut self,
        document: &Document<'_>,
        key: &str,
    ) -> Result<Option<bool>, ConfigError> {
        let Some(value) = self.take(document, key) else { return Ok(None) };
        let place = document.place(value.span());
        match value.into_inner() {
            DeValue::Boolean(value) => Ok(Some(value)),
            other => Err(wrong(place, key, &other, "true or false")),
        }
    }

    /// A whole number from 0.
    pub(super) fn count(
        &mut self,
        document: &Document<'_>,
        key: &str,
    ) -> Result<Option<Placed<usize>>, ConfigError> {
        let Some(value) = self.take(document, key) else { return Ok(None) };
        let place = document.place(value.span());
        let number = match value.get_ref() {
            DeValue::Integer(number) => usize::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        match number {
            Some(value) => Ok(Some(Placed { value, place })),
            None => Err(wrong(place, key, value.get_ref(), "a whole number from 0")),
        }
    }

    /// Any number from 0.
    pub(super) fn number(&mut self, document: &Document<'_>, key: &str) -> Result<Option<f64>, ConfigError> {
        let Some(value) = self.take(document, key) else { return Ok(None) };
        let place = document.place(value.span());
        let number: Option<f64> = match value.get_ref() {
            DeValue::Integer(number) => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if number.is_finite() && number >= 0.0 => Ok(Some(number)),
            _ => Err(wrong(place, key, value.get_ref(), "a number from 0")),
        }
    }

    pub(super) fn table(
        &mut self,
        document: &Document<'_>,
        key: &str,
    ) -> Result<Option<Table<'t>>, ConfigError> {
        self.take(document, key).map(|value| table(document, key, value)).transpose()
    }

    pub(super) fn tables(
        &mut self,
        document: &Document<'_>,
        key: &str,
    ) -> Result<Vec<Table<'t>>, ConfigError> {
        let Some(value) = self.take(document, key) else { return Ok(Vec::new()) };
        let place = document.place(value.span());
        match value.into_inner() {
            DeValue::Array(items) => items.into_iter().map(|item| table(document, key, item)).collect(),
            other => Err(wrong(place, key, &other, &format!("a list of tables (`[[{key}]]`)"))),
        }
    }
}

fn string(
    document: &Document<'_>,
    key: &str,
    value: Spanned<DeValue<'_>>,
) -> Result<Placed<String>, ConfigError> {
    let place = document.place(value.span());
    match value.into_inner() {
        DeValue::String(value) => Ok(Placed { value: value.into_owned(), place }),
        other => Err(wrong(place, key, &other, "a string")),
    }
}

fn table<'t>(
    document: &Document<'_>,
    key: &str,
    value: Spanned<DeValue<'t>>,
) -> Result<Table<'t>, ConfigError> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => Ok(Table { table, span }),
        other => Err(wrong(document.place(span), key, &other, "a table")),
    }
}

fn wrong(place: Place, key: &str, found: &DeValue<'_>, wanted: &str) -> ConfigError {
    let found = match found {
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        other => format!("of type {}", other.type_str()),
    };
    ConfigError::Value { place, key: key.to_owned(), found, wanted: wanted.to_owned() }
}
