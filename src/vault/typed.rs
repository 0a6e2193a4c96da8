//! Secrets as a struct of the application's. serde stops at the first thing that does not fit; this
//! notes it, puts a stand-in in its place and goes on, so that all of them are told at once. No
//! message of serde's is passed on, as they quote values.

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Every field that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct TypedError(pub Vec<Mismatch>);

/// One field that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {what}")]
pub struct Mismatch {
    /// The field of the struct.
    pub field: String,
    /// What is wrong with it.
    pub what: String,
}

pub(super) fn read<T: DeserializeOwned>(values: &BTreeMap<String, SecretString>) -> Result<T, TypedError> {
    let mut missing = BTreeSet::new();
    loop {
        let state = State { values, missing: &missing, found: RefCell::default(), at: RefCell::default() };
        let read = T::deserialize(Struct(&state));
        let mut found = state.found.into_inner();
        let before = missing.len();
        match read {
            Ok(typed) if found.is_empty() && missing.is_empty() => return Ok(typed),
            Ok(_) => {}
            Err(Stop::Missing(field)) => {
                missing.insert(field);
            }
            Err(Stop::Other(what)) => {
                let field = state.at.into_inner();
                if !missing.contains(&field) {
                    found.push(Mismatch { field, what: what.to_owned() });
                }
            }
        }
        // Each field that is missing is found by an attempt of its own.
        if missing.len() == before {
            let what = "is required, and no such secret was loaded".to_owned();
            found.extend(missing.into_iter().map(|field| Mismatch { field, what: what.clone() }));
            found.dedup();
            return Err(TypedError(found));
        }
    }
}

/// Why serde stopped, without what it says.
#[derive(Debug)]
enum Stop {
    Missing(String),
    Other(&'static str),
}

impl fmt::Display for Stop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("does not fit")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other("its value is not what its type takes")
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field.to_owned())
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::Other("its value is none of its type's variants")
    }
}

struct State<'a> {
    values: &'a BTreeMap<String, SecretString>,
    missing: &'a BTreeSet<String>,
    found: RefCell<Vec<Mismatch>>,
    at: RefCell<String>,
}

impl State<'_> {
    fn value(&self, field: &str) -> Option<&str> {
        let upper = field.to_uppercase();
        let value = self.values.get(field).or_else(|| self.values.get(&upper));
        value.or_else(|| self.values.get(&upper.replace('_', "-"))).map(|value| value.expose_secret())
    }

    fn mismatch(&self, field: &str, expected: &str) {
        if !self.missing.contains(field) {
            let what = format!("its value is not {expected}");
            self.found.borrow_mut().push(Mismatch { field: field.to_owned(), what });
        }
    }
}

/// The outermost: a struct, or a map of everything.
struct Struct<'a>(&'a State<'a>);

impl<'de> de::Deserializer<'de> for Struct<'_> {
    type Error = Stop;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let there = |field: &&&str| self.0.value(field).is_some() || self.0.missing.contains(**field);
        let fields = fields.iter().filter(there).map(|field| (*field).to_owned()).collect::<Vec<_>>();
        visitor.visit_map(Fields { state: self.0, fields: fields.into_iter(), at: String::new() })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let fields = self.0.values.keys().cloned().collect::<Vec<_>>();
        visitor.visit_map(Fields { state: self.0, fields: fields.into_iter(), at: String::new() })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Fields<'a> {
    state: &'a State<'a>,
    fields: std::vec::IntoIter<String>,
    at: String,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        let Some(field) = self.fields.next() else { return Ok(None) };
        self.at.clone_from(&field);
        seed.deserialize(field.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        self.state.at.borrow_mut().clone_from(&self.at);
        let text = self.state.value(&self.at);
        seed.deserialize(Field { state: self.state, field: &self.at, text })
    }
}

struct Field<'a> {
    state: &'a State<'a>,
    field: &'a str,
    text: Option<&'a str>,
}

macro_rules! parsed {
    ($($method:ident $visit:ident $kind:ty, $words:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            match self.text.unwrap_or_default().trim().parse::<$kind>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => {
                    self.state.mismatch(self.field, $words);
                    visitor.$visit(Default::default())
                }
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Field<'_> {
    type Error = Stop;

    parsed! {
        deserialize_i8 visit_i8 i8, "a whole number of 8 bits";
        deserialize_i16 visit_i16 i16, "a whole number of 16 bits";
        deserialize_i32 visit_i32 i32, "a whole number of 32 bits";
        deserialize_i64 visit_i64 i64, "a whole number of 64 bits";
        deserialize_i128 visit_i128 i128, "a whole number of 128 bits";
        deserialize_u8 visit_u8 u8, "a whole number from 0 to 255";
        deserialize_u16 visit_u16 u16, "a whole number from 0 to 65535";
        deserialize_u32 visit_u32 u32, "a whole number of 32 bits without a sign";
        deserialize_u64 visit_u64 u64, "a whole number of 64 bits without a sign";
        deserialize_u128 visit_u128 u128, "a whole number of 128 bits without a sign";
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
        deserialize_char visit_char char, "one character";
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.text.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => visitor.visit_bool(true),
            "false" | "0" | "no" | "off" => visitor.visit_bool(false),
            _ => {
                self.state.mismatch(self.field, "true or false");
                visitor.visit_bool(false)
            }
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_str(self.text.unwrap_or_default())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.text {
            Some(_) => visitor.visit_some(self),
            None => visitor.visit_none(),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let text = self.text.unwrap_or_default();
        let fits = variants.iter().find(|variant| **variant == text);
        if fits.is_none() {
            self.state.mismatch(self.field, &format!("one of {}", variants.join(", ")));
        }
        let variant = fits.or(variants.first()).copied().unwrap_or_default();
        visitor.visit_enum(variant.into_deserializer())
    }

    /// A list: its parts are split at commas.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let parts = self.text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty());
        let parts = parts.map(|text| Field { state: self.state, field: self.field, text: Some(text) });
        visitor.visit_seq(de::value::SeqDeserializer::new(parts))
    }

    serde::forward_to_deserialize_any! {
        str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Stop> for Field<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, SecretString> {
        pairs.iter().map(|(key, text)| ((*key).to_owned(), SecretString::from((*text).to_owned()))).collect()
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        Debug,
        Info,
    }

    #[derive(Debug, Deserialize)]
    struct App {
        database_url: SecretString,
        port: u16,
        verbose: bool,
        level: Level,
        hosts: Vec<String>,
        sentry: Option<SecretString>,
        #[serde(default)]
        workers: usize,
    }

    #[test]
    fn reads_every_field() {
        let app: App = read(&values(&[
            ("DATABASE_URL", "postgres://a"),
            ("PORT", "80"),
            ("VERBOSE", "yes"),
            ("LEVEL", "info"),
            ("HOSTS", "a, b"),
            ("OTHER", "x"),
        ]))
        .unwrap();
        assert_eq!(app.database_url.expose_secret(), "postgres://a");
        assert_eq!((app.port, app.verbose, app.level, app.workers), (80, true, Level::Info, 0));
        assert_eq!(app.hosts, ["a", "b"]);
        assert!(app.sentry.is_none());
    }

    #[test]
    fn tells_every_mismatch_at_once_and_no_value() {
        let pairs = [("PORT", "canary"), ("VERBOSE", "canary"), ("LEVEL", "canary"), ("WORKERS", "-1")];
        let error = read::<App>(&values(&pairs)).unwrap_err();
        let words = error.to_string();
        for expected in [
            "field `port`: its value is not a whole number from 0 to 65535",
            "field `verbose`: its value is not true or false",
            "field `level`: its value is not one of debug, info",
            "field `workers`: its value is not a whole number",
            "field `database_url`: is required",
            "field `hosts`: is required",
        ] {
            assert!(words.contains(expected), "{expected} is not in\n{words}");
        }
        assert_eq!(error.0.len(), 6, "{words}");
        assert!(!format!("{words}{error:?}").contains("canary"));
    }
}
