//! The vault half of `cofferdam.toml`: which environments there are, where their secrets come from
//! and what each must look like. The scan half's keys of the same file are read over.

mod read;

use super::fault::{self, Faults};
use super::reference::VaultName;
use super::settings::Settings;
use super::shape::Shape;
use crate::vault::fault::Place;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The JSON Schema of `cofferdam.toml`, for editors.
pub const SCHEMA: &str = include_str!("schema.json");

/// The file's name.
pub const FILE: &str = "cofferdam.toml";

/// What a `cofferdam.toml` says about environments and secrets.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// In the order of their names.
    pub environments: BTreeMap<String, Environment>,
    /// By the key that the application reads.
    pub secrets: BTreeMap<String, Declared>,
}

/// One environment.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Where it is declared.
    pub place: Place,
    /// Its template; none: `.env.<name>`, else `.env.example`.
    pub template: Option<PathBuf>,
    /// Where its secrets come from, first hit wins; none: the process environment and `.env.local`.
    pub sources: Option<Vec<Source>>,
    /// How to reach the vaults of this environment.
    pub settings: Settings,
}

/// A place where secrets come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The process environment.
    Process,
    /// A dotenv file, relative to `cofferdam.toml`. It may be absent.
    Dotenv {
        /// Its path.
        path: PathBuf,
        /// Whether `$NAME` in it is replaced.
        expand: bool,
    },
    /// The operating system's keyring.
    Keyring {
        /// The service under which its entries stand.
        service: String,
    },
    /// An Azure Key Vault.
    KeyVault {
        /// Which.
        vault: VaultName,
        /// What every name in it begins with.
        prefix: String,
        /// How to reach it.
        settings: Box<Settings>,
    },
}

/// In which environments something holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// In all or in none.
    Always(bool),
    /// In these.
    In(Vec<String>),
}

impl When {
    /// Whether it holds in `environment`.
    pub fn holds(&self, environment: &str) -> bool {
        match self {
            Self::Always(always) => *always,
            Self::In(names) => names.iter().any(|name| name == environment),
        }
    }
}

/// What is declared about one secret. What is `None` is left to the template.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Where.
    pub place: Place,
    /// What its value must look like.
    pub shape: Shape,
    /// Where it may be missing.
    pub optional: Option<When>,
    /// The only environments that need it; none: those whose template has it.
    pub environments: Option<Vec<String>>,
    /// Its name in Key Vault; none: its key with `-` for `_`.
    pub name: Option<String>,
    /// Its version in Key Vault; none: the newest.
    pub version: Option<String>,
    /// The field of the JSON object that it holds (`a/b` for nested ones).
    pub field: Option<String>,
    /// Whether the stored text is the value in base64.
    pub decode_base64: bool,
    /// The group of which one must be there.
    pub one_of: Option<String>,
    /// Whether no two environments may have the same value.
    pub unique: bool,
    /// How old its version may be.
    pub max_age: Option<Duration>,
    /// How long before its expiry it becomes a problem for `env-check`.
    pub expires_within: Option<Duration>,
    /// Whether its value is hidden in logs and reports.
    pub sensitive: Option<bool>,
    /// What it is for.
    pub description: Option<String>,
}

impl Manifest {
    /// Reads `text`; `shown` is the file's name in faults.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, shown: &Path) -> Result<Self, Faults> {
        read::manifest(text, shown)
    }

    /// Reads the file `path`; `shown` is its name in faults.
    ///
    /// # Errors
    /// When it cannot be read, or everything that is wrong with it.
    pub fn read(path: &Path, shown: &Path) -> Result<Self, Faults> {
        Self::parse(&fault::read(path, shown)?, shown)
    }
}
