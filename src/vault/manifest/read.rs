//! From TOML to a [`Manifest`]: every fault with its line and column, and never a value.

use super::{Declared, Environment, Manifest, Source, When};
use crate::vault::fault::{Fault, FaultKind, Faults, Place, nearest};
use crate::vault::reference::{VaultName, is_secret_name, is_version};
use crate::vault::settings::{NAMES, Settings, duration};
use crate::vault::shape::{KINDS, Kind};
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Top-level keys. Those behind the first two belong to the scan half (gitleaks' and ours).
pub(super) const TOP: &[&str] = &[
    "environments",
    "secrets",
    "title",
    "description",
    "minVersion",
    "betterleaksMinVersion",
    "extend",
    "rules",
    "allowlist",
    "allowlists",
    "scan",
    "baseline",
];
pub(super) const ENVIRONMENT: &[&str] = &["template", "sources"];
pub(super) const SOURCE: &[&str] = &["process", "dotenv", "expand", "keyring", "keyvault", "prefix"];
pub(super) const SECRET: &[&str] = &[
    "type",
    "min_length",
    "max_length",
    "starts_with",
    "ends_with",
    "matches",
    "schemes",
    "values",
    "min",
    "max",
    "optional",
    "environments",
    "name",
    "version",
    "field",
    "base64",
    "one_of",
    "unique",
    "max_age",
    "expires_within",
    "sensitive",
    "description",
];

type Value<'a> = Spanned<DeValue<'a>>;

struct Reader<'a> {
    text: &'a str,
    shown: &'a Path,
    faults: Vec<Fault>,
}

pub(super) fn manifest(text: &str, shown: &Path) -> Result<Manifest, Faults> {
    let mut reader = Reader { text, shown, faults: Vec::new() };
    let tree = DeTable::parse(text).map_err(|error| {
        let place = Place::offset(shown, text, error.span().map_or(0, |span| span.start));
        Faults::one(place, FaultKind::Toml(error.message().to_owned()))
    })?;
    let mut manifest = Manifest::default();
    for (key, value) in tree.get_ref() {
        match key.get_ref().as_ref() {
            "environments" => reader.each(key.get_ref(), value, |reader, name, place, table| {
                let environment = reader.environment(place, table);
                manifest.environments.insert(name.to_owned(), environment);
            }),
            "secrets" => reader.each(key.get_ref(), value, |reader, name, place, table| {
                let declared = reader.secret(name, place, table);
                manifest.secrets.insert(name.to_owned(), declared);
            }),
            name => reader.known(name, key.span().start, TOP),
        }
    }
    reader.names_of_environments(&manifest);
    if reader.faults.is_empty() { Ok(manifest) } else { Err(reader.faults.into()) }
}

impl Reader<'_> {
    fn fault(&mut self, offset: usize, kind: FaultKind) {
        self.faults.push(Fault { place: Place::offset(self.shown, self.text, offset), kind });
    }

    fn bad(&mut self, key: &str, value: &Value<'_>, expected: impl Into<String>) {
        self.fault(
            value.span().start,
            FaultKind::BadValue { key: key.to_owned(), expected: expected.into() },
        );
    }

    fn known(&mut self, name: &str, offset: usize, known: &[&str]) {
        if !known.contains(&name) {
            let suggestion = nearest(name, known.iter().copied());
            self.fault(offset, FaultKind::UnknownKey { key: name.to_owned(), suggestion });
        }
    }

    /// Calls `read` for each named table of the table `value`.
    fn each(
        &mut self,
        key: &str,
        value: &Value<'_>,
        mut read: impl FnMut(&mut Self, &str, Place, &DeTable<'_>),
    ) {
        let Some(table) = value.get_ref().as_table() else {
            return self.bad(key, value, format!("made of tables: [{key}.NAME]"));
        };
        for (name, value) in table {
            match value.get_ref().as_table() {
                Some(table) => {
                    let place = Place::offset(self.shown, self.text, name.span().start);
                    read(self, name.get_ref(), place, table);
                }
                None => self.bad(name.get_ref(), value, format!("a table: [{key}.NAME]")),
            }
        }
    }

    fn text(&mut self, key: &str, value: &Value<'_>) -> Option<String> {
        match value.get_ref().as_str() {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            _ => {
                self.bad(key, value, "a text in quotes");
                None
            }
        }
    }

    fn texts(&mut self, key: &str, value: &Value<'_>) -> Option<Vec<String>> {
        let texts = value.get_ref().as_array().and_then(|array| {
            array.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        if texts.is_none() {
            self.bad(key, value, "a list of texts: [\"…\", \"…\"]");
        }
        texts
    }

    fn flag(&mut self, key: &str, value: &Value<'_>) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.bad(key, value, "true or false");
        }
        flag
    }

    fn number<N: TryFrom<i64>>(&mut self, key: &str, value: &Value<'_>) -> Option<N> {
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
            .and_then(|number| N::try_from(number).ok());
        if number.is_none() {
            self.bad(key, value, "a whole number that fits");
        }
        number
    }

    fn duration(&mut self, key: &str, value: &Value<'_>) -> Option<std::time::Duration> {
        let text = self.text(key, value)?;
        duration(&text).map_err(|expected| self.bad(key, value, expected)).ok()
    }

    /// Reads a key of [`NAMES`]; false: it is none.
    fn setting(&mut self, settings: &mut Settings, key: &str, value: &Value<'_>) -> bool {
        if !NAMES.iter().any(|&(name, _)| name == key) {
            return false;
        }
        let text = match value.get_ref() {
            DeValue::Boolean(flag) => Some(flag.to_string()),
            _ => self.text(key, value),
        };
        if let Some(Err(expected)) = text.map(|text| settings.set(key, &text)) {
            self.bad(key, value, expected);
        }
        true
    }

    fn environment(&mut self, place: Place, table: &DeTable<'_>) -> Environment {
        let mut environment = Environment { place, ..Environment::default() };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "template" => environment.template = self.text("template", value).map(Into::into),
                "sources" => match value.get_ref().as_array() {
                    Some(sources) => {
                        let sources = sources.iter().filter_map(|source| self.source(source));
                        environment.sources = Some(sources.collect());
                    }
                    None => self.bad("sources", value, "a list of sources"),
                },
                name if self.setting(&mut environment.settings, name, value) => {}
                name => self.known(name, key.span().start, &with_settings(ENVIRONMENT)),
            }
        }
        environment
    }

    fn source(&mut self, value: &Value<'_>) -> Option<Source> {
        const EXPECTED: &str =
            "one of \"process\", \"dotenv:PATH\", \"keyring:SERVICE\", \"keyvault://VAULT\", or a table";
        if let Some(table) = value.get_ref().as_table() {
            return self.source_table(value, table);
        }
        let source = match value.get_ref().as_str().map(|text| (text, text.split_once(':'))) {
            Some(("process", _)) => Some(Source::Process),
            Some((_, Some(("dotenv", path)))) if !path.is_empty() => {
                Some(Source::Dotenv { path: path.into(), expand: false })
            }
            Some((_, Some(("keyring", service)))) if !service.is_empty() => {
                Some(Source::Keyring { service: service.to_owned() })
            }
            Some((_, Some(("keyvault", rest)))) => {
                let vault = self.vault(value, rest.strip_prefix("//").unwrap_or(rest))?;
                Some(Source::KeyVault { vault, prefix: String::new(), settings: Box::default() })
            }
            _ => None,
        };
        if source.is_none() {
            self.bad("sources", value, EXPECTED);
        }
        source
    }

    fn vault(&mut self, value: &Value<'_>, text: &str) -> Option<VaultName> {
        VaultName::parse(text.trim_end_matches('/'))
            .map_err(|expected| self.bad("keyvault", value, expected))
            .ok()
    }

    fn source_table(&mut self, value: &Value<'_>, table: &DeTable<'_>) -> Option<Source> {
        let (mut source, mut settings) = (None, Settings::default());
        let (mut prefix, mut expand) = (String::new(), false);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "process" => source = self.flag("process", value).map(|_| Source::Process),
                "dotenv" => {
                    let path = self.text("dotenv", value);
                    source = path.map(|path| Source::Dotenv { path: path.into(), expand: false });
                }
                "expand" => expand = self.flag("expand", value).unwrap_or_default(),
                "keyring" => {
                    source = self.text("keyring", value).map(|service| Source::Keyring { service });
                }
                "keyvault" => {
                    let vault = self.text("keyvault", value).and_then(|text| self.vault(value, &text));
                    source = vault.map(|vault| Source::KeyVault {
                        vault,
                        prefix: String::new(),
                        settings: Box::default(),
                    });
                }
                "prefix" => {
                    prefix = self.text("prefix", value).unwrap_or_default();
                    if !prefix.is_empty() && !is_secret_name(&prefix) {
                        self.bad("prefix", value, "made of letters, digits and dashes");
                    }
                }
                name if self.setting(&mut settings, name, value) => {}
                name => self.known(name, key.span().start, &with_settings(SOURCE)),
            }
        }
        match source {
            None => self.bad("sources", value, "a table with process, dotenv, keyring or keyvault"),
            Some(Source::KeyVault { vault, .. }) => {
                return Some(Source::KeyVault { vault, prefix, settings: Box::new(settings) });
            }
            Some(Source::Dotenv { path, .. }) => return Some(Source::Dotenv { path, expand }),
            Some(_) => {}
        }
        source
    }

    fn secret(&mut self, name: &str, place: Place, table: &DeTable<'_>) -> Declared {
        let mut declared = Declared { place, ..Declared::default() };
        for (key, value) in table {
            let known = self.shape_key(&mut declared, key.get_ref(), value)
                || self.place_key(&mut declared, key.get_ref(), value)
                || self.rule_key(&mut declared, key.get_ref(), value);
            if !known {
                self.known(key.get_ref(), key.span().start, SECRET);
            }
        }
        let spoilt = declared.shape.kind == Some(Kind::Enum) && declared.shape.values.is_empty();
        if spoilt && let Some((_, value)) = table.iter().find(|(key, _)| key.get_ref() == "type") {
            self.bad(name, value, "given `values` too, as its type is enum");
        }
        declared
    }

    /// The keys that say what its value must look like.
    fn shape_key(&mut self, declared: &mut Declared, key: &str, value: &Value<'_>) -> bool {
        let shape = &mut declared.shape;
        match key {
            "type" => {
                shape.kind = self.text(key, value).and_then(|name| {
                    let kind = Kind::named(&name);
                    if kind.is_none() {
                        let names: Vec<_> = KINDS.iter().map(|(_, names)| names[0]).collect();
                        self.bad(key, value, format!("one of {}", names.join(", ")));
                    }
                    kind
                });
            }
            "min_length" => shape.min_length = self.number(key, value),
            "max_length" => shape.max_length = self.number(key, value),
            "starts_with" => shape.starts_with = self.text(key, value),
            "ends_with" => shape.ends_with = self.text(key, value),
            "matches" => {
                let regex = self.text(key, value).map(|text| regex::Regex::new(&text));
                match regex.transpose() {
                    Ok(regex) => shape.matches = regex,
                    Err(_) => self.bad(key, value, "a regular expression"),
                }
            }
            "schemes" => shape.schemes = self.texts(key, value).unwrap_or_default(),
            "values" => shape.values = self.texts(key, value).unwrap_or_default(),
            "min" => shape.min = self.number(key, value),
            "max" => shape.max = self.number(key, value),
            _ => return false,
        }
        true
    }

    /// The keys that say where it is stored.
    fn place_key(&mut self, declared: &mut Declared, key: &str, value: &Value<'_>) -> bool {
        match key {
            "name" => {
                let Some(text) = self.text(key, value) else { return true };
                let (name, version) = match text.split_once('@') {
                    Some((name, version)) => (name, Some(version)),
                    None => (text.as_str(), None),
                };
                if !is_secret_name(name) || version.is_some_and(|version| !is_version(version)) {
                    self.bad(key, value, "a Key Vault name (letters, digits, dashes), or name@version");
                }
                declared.name = Some(name.to_owned());
                declared.version = version.map(str::to_owned).or(declared.version.take());
            }
            "version" => {
                declared.version = self.text(key, value);
                if declared.version.as_deref().is_some_and(|version| !is_version(version)) {
                    self.bad(key, value, "a Key Vault version (letters and digits)");
                }
            }
            "field" => declared.field = self.text(key, value),
            "base64" => declared.decode_base64 = self.flag(key, value).unwrap_or_default(),
            _ => return false,
        }
        true
    }

    /// The keys that say where it is needed and which rules it obeys.
    fn rule_key(&mut self, declared: &mut Declared, key: &str, value: &Value<'_>) -> bool {
        match key {
            "optional" => {
                declared.optional = match value.get_ref() {
                    DeValue::Array(_) => self.texts(key, value).map(When::In),
                    _ => self.flag(key, value).map(When::Always),
                };
            }
            "environments" => declared.environments = self.texts(key, value),
            "one_of" => declared.one_of = self.text(key, value),
            "unique" => declared.unique = self.flag(key, value).unwrap_or_default(),
            "max_age" => declared.max_age = self.duration(key, value),
            "expires_within" => declared.expires_within = self.duration(key, value),
            "sensitive" => declared.sensitive = self.flag(key, value),
            "description" => declared.description = self.text(key, value),
            _ => return false,
        }
        true
    }

    /// Secrets may only name environments that there are.
    fn names_of_environments(&mut self, manifest: &Manifest) {
        let known: Vec<_> = manifest.environments.keys().cloned().collect();
        if known.is_empty() {
            return;
        }
        for declared in manifest.secrets.values() {
            let optional = match &declared.optional {
                Some(When::In(names)) => names.as_slice(),
                _ => &[],
            };
            for name in declared.environments.iter().flatten().chain(optional) {
                if !known.contains(name) {
                    let kind = FaultKind::UnknownEnvironment { name: name.clone(), known: known.clone() };
                    self.faults.push(Fault { place: declared.place.clone(), kind });
                }
            }
        }
    }
}

fn with_settings(keys: &[&'static str]) -> Vec<&'static str> {
    keys.iter().copied().chain(NAMES.iter().map(|&(name, _)| name)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::SCHEMA;
    use super::*;
    use crate::vault::settings::{AUTHS, Auth, CLOUDS};
    use std::collections::BTreeSet;

    fn read(text: &str) -> Result<Manifest, Faults> {
        manifest(text, Path::new("cofferdam.toml"))
    }

    #[test]
    fn reads_environments_and_secrets() {
        let manifest = read(
            r#"
title = "rules of the scan half"
[environments.production]
timeout = "5s"
sources = ["process", "dotenv:.env.local", "keyring:app", "keyvault://ours",
    { keyvault = "https://localhost:8443", auth = "token", prefix = "app-", skip_challenge_check = true }]
[environments.development]
[secrets.DATABASE_URL]
type = "url"
schemes = ["postgres"]
optional = ["development"]
name = "db@0123"
[secrets.LEVEL]
type = "enum"
values = ["debug", "info"]
max_age = "90d"
"#,
        )
        .unwrap();
        let production = &manifest.environments["production"];
        let sources = production.sources.as_ref().unwrap();
        assert_eq!(sources.len(), 5);
        assert!(
            matches!(&sources[3], Source::KeyVault { vault: VaultName::Short(name), .. } if name == "ours")
        );
        assert!(matches!(&sources[4], Source::KeyVault { settings, prefix, .. }
            if settings.auth == Some(Auth::Token) && prefix == "app-"));
        let url = &manifest.secrets["DATABASE_URL"];
        assert_eq!((url.name.as_deref(), url.version.as_deref()), (Some("db"), Some("0123")));
        assert!(url.optional.as_ref().unwrap().holds("development"));
        assert!(!url.optional.as_ref().unwrap().holds("production"));
    }

    #[test]
    fn faults_come_all_at_once_with_their_places_and_without_values() {
        let faults = read(
            "[environment.x]\n[environments.production]\nsorces = [\"canary\"]\nsources = [\"canary\"]\n\
             [secrets.A]\ntype = \"canary\"\nmatches = \"(canary\"\nscheme = 1\nenvironments = [\"staging\"]\n",
        )
        .unwrap_err();
        let words = faults.to_string();
        for expected in [
            "cofferdam.toml:1:2: unknown key `environment`; did you mean `environments`?",
            "cofferdam.toml:3:1: unknown key `sorces`; did you mean `sources`?",
            "cofferdam.toml:4:12: `sources` must be one of \"process\"",
            "cofferdam.toml:6:8: `type` must be one of string, url",
            "cofferdam.toml:7:11: `matches` must be a regular expression",
            "cofferdam.toml:8:1: unknown key `scheme`; did you mean `schemes`?",
            "cofferdam.toml:5:10: no environment `staging`; there are: production",
        ] {
            assert!(words.contains(expected), "{expected} is not in\n{words}");
        }
        assert_eq!(faults.0.len(), 7, "{words}");
        assert!(!words.contains("canary"), "{words}");
    }

    #[test]
    fn a_prefix_is_the_beginning_of_a_name() {
        let text = "[environments.a]\nsources = [{ keyvault = \"ours\", prefix = \"canary/\" }]\n";
        let words = read(text).unwrap_err().to_string();
        assert_eq!(words, "cofferdam.toml:2:42: `prefix` must be made of letters, digits and dashes");
    }

    #[test]
    fn broken_toml_says_where_and_quotes_nothing() {
        for text in [
            "a = canary",
            "a = \"canary",
            "a = 'canary' canary",
            "a = 1canary",
            "[canary\n",
            "a = \"\\canary\"",
        ] {
            let words = read(text).unwrap_err().to_string();
            assert!(words.starts_with("cofferdam.toml:1:") && !words.contains("canary"), "{words}");
        }
    }

    #[test]
    fn the_schema_says_what_the_reader_reads() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let keys = |path: &str| -> BTreeSet<String> {
            schema.pointer(path).unwrap().as_object().unwrap().keys().cloned().collect()
        };
        let known = |names: Vec<&str>| -> BTreeSet<String> { names.into_iter().map(str::to_owned).collect() };
        assert_eq!(keys("/properties"), known(TOP.to_vec()));
        assert_eq!(keys("/$defs/environment/properties"), known(with_settings(ENVIRONMENT)));
        assert_eq!(keys("/$defs/source/properties"), known(with_settings(SOURCE)));
        assert_eq!(keys("/$defs/secret/properties"), known(SECRET.to_vec()));
        let values = |path: &str| -> BTreeSet<String> {
            let values = schema.pointer(path).unwrap().as_array().unwrap();
            values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
        };
        let kinds = KINDS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(values("/$defs/secret/properties/type/enum"), known(kinds));
        assert_eq!(values("/$defs/auth/enum"), known(AUTHS.iter().map(|&(_, name)| name).collect()));
        assert_eq!(values("/$defs/cloud/enum"), known(CLOUDS.iter().map(|&(_, name, _)| name).collect()));
    }
}
