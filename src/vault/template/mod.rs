//! Templates: `.env.<environment>` files, tracked, whose keys are what an application needs. The
//! same reader serves private dotenv files, so every value is a [`Secret`] whoever reads it.
//!
//! The dialect is where the common ones agree; where they do not, it is one of them or an error:
//!
//! - `KEY=value`, `export KEY=value`, `KEY: value`; spaces around the sign; `KEY` alone is empty.
//!   A key is a letter or `_`, then letters, digits, `_`, `-` and `.`.
//! - Unquoted: to the end of the line or to a `#` after a space; surrounding spaces are dropped;
//!   nothing is an escape.
//! - `'single'` and `` `back` `` quotes: literal, over several lines if need be.
//! - `"double"` quotes: over several lines; `\n \r \t \" \\ \$` are escapes, any other backslash
//!   stands for itself.
//! - After a closing quote only a comment may follow.
//! - `$NAME` and `${NAME}` stay as they are unless expansion is asked for
//!   ([`Template::expanded`]): then in unquoted and double-quoted values only.
//! - A byte order mark is read over; `\r\n` and `\r` end lines as `\n` does. The same key twice is an error.
//!
//! Comments above a key (without a blank line between) and after its value describe it:
//! `# optional`, `# url`, `# optional, int: how many workers`, or the decorators of @env-spec
//! (`@optional @required @sensitive @type=url(schemes=postgres|postgresql) @example=…`). In the
//! header, `@defaultRequired`, `@defaultSensitive` (`true`, `false`, `inferFromPrefix(PUBLIC_)`) hold
//! for every key that does not say otherwise. `# ---` ends the header, and any comment's reach.

mod comment;
mod parse;
mod write;

pub use comment::Annotations;
pub use write::quote;

use super::fault::{self, Faults};
use crate::secret::Secret;
use std::path::Path;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// Without quotes.
    None,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `` `…` ``
    Back,
}

/// One `KEY=value`.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value, unescaped and not expanded. Empty: it must come from a source.
    pub value: Secret,
    /// How it is written.
    pub quote: Quote,
    /// Line of the key, from 1.
    pub line: usize,
    /// What its comments say.
    pub annotations: Annotations,
    /// The value before unescaping: what expansion works on.
    raw: Secret,
}

/// A file of entries, in its order.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// Its entries.
    pub entries: Vec<Entry>,
    source: Option<Secret>,
}

impl Template {
    /// Reads `text`; `shown` is the file's name in faults.
    ///
    /// # Errors
    /// Every line that cannot be read.
    pub fn parse(text: &str, shown: &Path) -> Result<Self, Faults> {
        parse::template(text, shown)
    }

    /// Reads the file `path`; `shown` is its name in faults.
    ///
    /// # Errors
    /// When it cannot be read, or every line of it that cannot.
    pub fn read(path: &Path, shown: &Path) -> Result<Self, Faults> {
        Self::parse(&fault::read(path, shown)?, shown)
    }

    /// The entry of that key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The text it was read from, byte for byte.
    pub fn text(&self) -> &str {
        self.source.as_ref().map_or("", Secret::expose)
    }

    /// The same with `$NAME`, `${NAME}` and `${NAME:-default}` replaced in unquoted and
    /// double-quoted values: by earlier entries, else by `outside`, else by the default or nothing.
    #[must_use]
    pub fn expanded(mut self, outside: impl Fn(&str) -> Option<Secret>) -> Self {
        for at in 0..self.entries.len() {
            let (before, rest) = self.entries.split_at_mut(at);
            let entry = &mut rest[0];
            let lookup = |name: &str| {
                let earlier = before.iter().rev().find(|entry| entry.key == name);
                earlier.map(|entry| entry.value.clone()).or_else(|| outside(name))
            };
            if matches!(entry.quote, Quote::None | Quote::Double) {
                let escapes = entry.quote == Quote::Double;
                entry.value = Secret::new(parse::expand(entry.raw.expose(), escapes, &lookup));
            }
        }
        self
    }
}
