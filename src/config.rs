//! Finds and reads the configuration: `cofferdam.toml` or gitleaks' `.gitleaks.toml`, in gitleaks'
//! schema. What comes out are rules and allowlists as data, every regular expression translated and
//! checked but none compiled. The tables of the vault half are known here, not read.

mod draft;
mod error;
mod merge;
mod tree;

pub use error::{ConfigError, Place, Warning};

use crate::files::Files;
use crate::scan::rule::Ruleset;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// So many files may extend each other in a row.
const DEEPEST: usize = 8;
/// The version of gitleaks whose configurations are understood in full.
const GITLEAKS: [u64; 3] = [8, 30, 1];

/// A configuration, ready for use.
#[derive(Clone, Debug)]
pub struct Config {
    /// The rules and allowlists in force, all of them.
    pub ruleset: Ruleset,
    /// The rules are the built-in ones as they stand (their compiled form may be used); the global
    /// allowlists may be more.
    pub builtin_rules: bool,
    /// What deserves a word to the user.
    pub warnings: Vec<Warning>,
    /// Where it comes from.
    pub source: ConfigSource,
    /// How strictly it was read.
    pub flavour: Flavour,
}

/// Where a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// There is none: the built-in rules.
    Builtin,
    /// A file.
    File(PathBuf),
    /// The content of `GITLEAKS_CONFIG_TOML`.
    Env,
}

impl ConfigSource {
    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            _ => None,
        }
    }
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Ours: an unknown key is an error; without rules and `extend` the built-in rules hold.
    Cofferdam,
    /// gitleaks': keys in any case, an unknown one is a warning.
    Gitleaks,
}

impl Flavour {
    fn of(path: &Path, otherwise: Self) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        match (name.contains("cofferdam"), name.contains("gitleaks")) {
            (true, _) => Self::Cofferdam,
            (_, true) => Self::Gitleaks,
            _ => otherwise,
        }
    }
}

impl Config {
    /// The configuration that holds for `target`: the `explicit` file, else the file that
    /// `COFFERDAM_CONFIG` or `GITLEAKS_CONFIG` names, else the content of `GITLEAKS_CONFIG_TOML`, else
    /// `cofferdam.toml` or `.gitleaks.toml` in `target` where that is a directory (the latter also where the
    /// former is about environments alone), else `builtin`.
    /// A file whose name says neither is read as gitleaks' unless `COFFERDAM_CONFIG` names it.
    /// All of them are read from `files`.
    pub fn find(
        explicit: Option<&Path>,
        target: &Path,
        files: &dyn Files,
        env: &dyn Fn(&str) -> Option<OsString>,
        builtin: &dyn Fn() -> Ruleset,
    ) -> Result<Self, ConfigError> {
        let variable = |name: &str| env(name).filter(|value| !value.is_empty());
        if let Some(path) = explicit {
            return Self::read(path, Flavour::of(path, Flavour::Gitleaks), files, builtin);
        }
        let variables = [("COFFERDAM_CONFIG", Flavour::Cofferdam), ("GITLEAKS_CONFIG", Flavour::Gitleaks)];
        for (name, flavour) in variables {
            if let Some(path) = variable(name).map(PathBuf::from) {
                return Self::read(&path, Flavour::of(&path, flavour), files, builtin);
            }
        }
        if let Some(text) = variable("GITLEAKS_CONFIG_TOML") {
            let path = PathBuf::from("GITLEAKS_CONFIG_TOML");
            let text = text.into_string().map_err(|_| ConfigError::NotText { path: path.clone() })?;
            let config = Self::parse(&text, &path, Flavour::Gitleaks, files, builtin)?;
            return Ok(Self { source: ConfigSource::Env, ..config });
        }
        Self::beside(target, files, builtin)
    }

    fn beside(target: &Path, files: &dyn Files, builtin: &dyn Fn() -> Ruleset) -> Result<Self, ConfigError> {
        let ours = target.join("cofferdam.toml");
        let theirs = target.join(".gitleaks.toml");
        match (files.has(&ours), files.has(&theirs)) {
            (true, both) => {
                let mut config = Self::read(&ours, Flavour::Cofferdam, files, builtin)?;
                if both && !speaks_of_rules(&read_text(files, &ours)?) {
                    return Self::read(&theirs, Flavour::Gitleaks, files, builtin);
                }
                if both {
                    let message = "is not read, because cofferdam.toml stands beside it; to keep its rules, \
                                   write `extend.path = \".gitleaks.toml\"` there";
                    let place = Place { path: theirs, line: 1, column: 1 };
                    config.warnings.push(Warning { place, message: message.to_owned() });
                }
                Ok(config)
            }
            (false, true) => Self::read(&theirs, Flavour::Gitleaks, files, builtin),
            (false, false) => Ok(Self {
                ruleset: builtin(),
                builtin_rules: true,
                warnings: Vec::new(),
                source: ConfigSource::Builtin,
                flavour: Flavour::Cofferdam,
            }),
        }
    }

    /// Reads the file at `path`.
    pub fn read(
        path: &Path,
        flavour: Flavour,
        files: &dyn Files,
        builtin: &dyn Fn() -> Ruleset,
    ) -> Result<Self, ConfigError> {
        Self::parse(&read_text(files, path)?, path, flavour, files, builtin)
    }

    /// Reads `text`; `path` is where it stands, for errors and for `extend.path`, read from `files`.
    pub fn parse(
        text: &str,
        path: &Path,
        flavour: Flavour,
        files: &dyn Files,
        builtin: &dyn Fn() -> Ruleset,
    ) -> Result<Self, ConfigError> {
        let mut warnings = Vec::new();
        let reading = Reading { files, builtin };
        let (ruleset, builtin_rules) = reading.resolve(text, path, flavour, &mut warnings, 0)?;
        if ruleset.rules.is_empty() {
            let place = Place { path: path.to_owned(), line: 1, column: 1 };
            let message = "holds no rule, so nothing can be found; add `[extend]` with `useDefault = true`";
            warnings.push(Warning { place, message: message.to_owned() });
        }
        Ok(Self { ruleset, builtin_rules, warnings, source: ConfigSource::File(path.to_owned()), flavour })
    }
}

/// What a configuration is made of.
struct Reading<'a> {
    files: &'a dyn Files,
    builtin: &'a dyn Fn() -> Ruleset,
}

impl Reading<'_> {
    /// The rules of one file with all that it extends, and whether they are the built-in ones unchanged.
    fn resolve(
        &self,
        text: &str,
        path: &Path,
        flavour: Flavour,
        warnings: &mut Vec<Warning>,
        depth: usize,
    ) -> Result<(Ruleset, bool), ConfigError> {
        let mut document = tree::Document::new(text, path, flavour);
        let draft = draft::read(&mut document)?;
        warnings.append(&mut document.warnings);
        if let Some(wanted) = &draft.min_version {
            warnings.extend(too_new(wanted, flavour));
        }
        let bare =
            flavour == Flavour::Cofferdam && draft.rules.is_empty() && draft.extend.use_default.is_none();
        let (base, mut unchanged) = if let Some(extended) = &draft.extend.path {
            if depth == DEEPEST {
                return Err(ConfigError::ExtendTooDeep { place: extended.place.clone() });
            }
            let found = self.extended_file(path, extended)?;
            let flavour = Flavour::of(&found, flavour);
            let text = read_text(self.files, &found)?;
            let (base, unchanged) = self.resolve(&text, &found, flavour, warnings, depth + 1)?;
            (Some(base), unchanged)
        } else if bare || draft.extend.use_default == Some(true) {
            (Some((self.builtin)()), true)
        } else {
            (None, false)
        };
        unchanged &= draft.rules.is_empty()
            && draft.extend.disabled.is_empty()
            && draft.allowlists.iter().all(|list| list.targets.is_empty());
        Ok((merge::merge(draft, base, warnings)?, unchanged))
    }

    /// `extend.path`: beside the file, else (gitleaks' way) in the working directory.
    fn extended_file(&self, path: &Path, extended: &tree::Placed<String>) -> Result<PathBuf, ConfigError> {
        let named = PathBuf::from(&extended.value);
        let mut looked_at = vec![path.parent().unwrap_or(Path::new("")).join(&named)];
        if looked_at[0] != named {
            looked_at.push(named);
        }
        match looked_at.iter().find(|path| self.files.has(path)) {
            Some(found) => Ok(found.clone()),
            None => Err(ConfigError::ExtendMissing { place: extended.place.clone(), looked_at }),
        }
    }
}

/// Whether a file says anything of rules: one that is about environments alone leaves them to others.
fn speaks_of_rules(text: &str) -> bool {
    let keys = ["extend", "rules", "allowlist", "allowlists"];
    text.parse::<toml::Table>().is_ok_and(|table| keys.iter().any(|key| table.contains_key(*key)))
}

fn read_text(files: &dyn Files, path: &Path) -> Result<String, ConfigError> {
    let bytes = files.read(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
    String::from_utf8(bytes).map_err(|_| ConfigError::NotText { path: path.to_owned() })
}

/// A word where the file asks for a newer program.
fn too_new(wanted: &tree::Placed<String>, flavour: Flavour) -> Option<Warning> {
    let numbers = |text: &str| -> Vec<u64> {
        text.trim_start_matches('v').split(['.', '-']).map_while(|part| part.parse().ok()).collect()
    };
    let (whose, have) = match flavour {
        Flavour::Gitleaks => ("gitleaks", GITLEAKS.to_vec()),
        Flavour::Cofferdam => ("cofferdam", numbers(env!("CARGO_PKG_VERSION"))),
    };
    (numbers(&wanted.value) > have).then(|| Warning {
        place: wanted.place.clone(),
        message: format!("asks for {whose} {}, which is newer: some of it may have no effect", wanted.value),
    })
}

/// The known name that `name` is most like, where it is like one.
fn suggest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    let lower = name.to_lowercase();
    known
        .map(|known| (distance(&lower, &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 5)
        .min()
        .map(|(_, known)| known.to_owned())
}

/// How many letters to add, drop or change (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, wanted) in other.iter().enumerate() {
            let change = diagonal + usize::from(letter != *wanted);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
