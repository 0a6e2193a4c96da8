//! How to reach Key Vault: settings that a flag, an environment variable or `cofferdam.toml` gives,
//! in this order. Apart from the provider, which only sees the outcome; nothing here does I/O but
//! reading the process environment.

use super::fault::{Fault, FaultKind, Faults, Place};
use super::reference::VaultName;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Environment variables as they were when the program started (or as a test sets them).
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, Secret>);

impl Variables {
    /// Those of this process that are UTF-8.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::from_iter(std::env::vars_os().filter_map(text))
    }

    /// The variable of that name, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name).filter(|value| !value.expose().is_empty())
    }

    /// The same as text. Not for secrets.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(Secret::expose)
    }

    /// Whether it is set, to nothing or to something.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
    }
}

/// How to log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Auth {
    /// By the evidence that the environment holds.
    #[default]
    Auto,
    /// An access token that is already there.
    Token,
    /// Kubernetes workload identity.
    Workload,
    /// GitHub Actions' OIDC.
    Github,
    /// An Azure Pipelines service connection.
    Pipelines,
    /// A client secret.
    Secret,
    /// A managed identity.
    ManagedIdentity,
    /// The Azure CLI's login.
    Cli,
    /// The Azure Developer CLI's login.
    Azd,
}

/// Every way to log in with its name.
pub const AUTHS: &[(Auth, &str)] = &[
    (Auth::Auto, "auto"),
    (Auth::Token, "token"),
    (Auth::Workload, "workload"),
    (Auth::Github, "github"),
    (Auth::Pipelines, "pipelines"),
    (Auth::Secret, "secret"),
    (Auth::ManagedIdentity, "managed-identity"),
    (Auth::Cli, "cli"),
    (Auth::Azd, "azd"),
];

/// Which Azure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cloud {
    /// The public one.
    #[default]
    Public,
    /// Azure Government (US).
    UsGovernment,
    /// Azure in China.
    China,
}

/// Every cloud with its name and its vaults' suffix.
pub const CLOUDS: &[(Cloud, &str, &str)] = &[
    (Cloud::Public, "public", "vault.azure.net"),
    (Cloud::UsGovernment, "usgov", "vault.usgovcloudapi.net"),
    (Cloud::China, "china", "vault.azure.cn"),
];

impl Cloud {
    /// What its vaults' hosts end with.
    pub fn vault_suffix(self) -> &'static str {
        CLOUDS.iter().find(|&&(cloud, ..)| cloud == self).map_or("vault.azure.net", |&(.., suffix)| suffix)
    }
}

/// How to reach Key Vault. What is `None` is left to the next one to say.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Ask this vault in place of every Key Vault that the declarations name.
    pub vault_url: Option<VaultName>,
    /// PEM file with certificate authorities to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How to log in.
    pub auth: Option<Auth>,
    /// The access token for [`Auth::Token`].
    pub access_token: Option<Secret>,
    /// A file that holds it.
    pub access_token_file: Option<PathBuf>,
    /// The version of the API to speak.
    pub api_version: Option<String>,
    /// The deadline for everything.
    pub timeout: Option<Duration>,
    /// Which Azure.
    pub cloud: Option<Cloud>,
    /// Tenant to log in to.
    pub tenant_id: Option<String>,
    /// Application, or user-assigned identity, to log in as.
    pub client_id: Option<String>,
    /// Send the token though the vault's challenge names another host. Hosts of this machine
    /// (`localhost`) need no such word.
    pub skip_challenge_check: Option<bool>,
}

/// The settings' names: the key in `cofferdam.toml`, the environment variable. The flag is the key
/// with dashes.
pub const NAMES: &[(&str, &str)] = &[
    ("vault_url", "COFFERDAM_VAULT_URL"),
    ("ca_file", "COFFERDAM_CA_FILE"),
    ("auth", "COFFERDAM_AUTH"),
    ("access_token_file", "COFFERDAM_ACCESS_TOKEN_FILE"),
    ("api_version", "COFFERDAM_API_VERSION"),
    ("timeout", "COFFERDAM_TIMEOUT"),
    ("cloud", "COFFERDAM_CLOUD"),
    ("tenant_id", "COFFERDAM_TENANT_ID"),
    ("client_id", "COFFERDAM_CLIENT_ID"),
    ("skip_challenge_check", "COFFERDAM_SKIP_CHALLENGE_CHECK"),
];

impl Settings {
    /// These settings, with what they leave open taken from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            vault_url: self.vault_url.or(other.vault_url),
            ca_file: self.ca_file.or(other.ca_file),
            auth: self.auth.or(other.auth),
            access_token: self.access_token.or(other.access_token),
            access_token_file: self.access_token_file.or(other.access_token_file),
            api_version: self.api_version.or(other.api_version),
            timeout: self.timeout.or(other.timeout),
            cloud: self.cloud.or(other.cloud),
            tenant_id: self.tenant_id.or(other.tenant_id),
            client_id: self.client_id.or(other.client_id),
            skip_challenge_check: self.skip_challenge_check.or(other.skip_challenge_check),
        }
    }

    /// What the environment variables say.
    ///
    /// # Errors
    /// Every variable that cannot be read.
    pub fn from_variables(variables: &Variables) -> Result<Self, Faults> {
        let mut settings = Self::default();
        let mut faults = Vec::new();
        for (key, variable) in NAMES {
            let Some(value) = variables.text(variable) else { continue };
            if let Err(expected) = settings.set(key, value) {
                let kind = FaultKind::BadValue { key: (*variable).to_owned(), expected };
                faults.push(Fault { place: Place::file("environment"), kind });
            }
        }
        settings.access_token = variables.get("COFFERDAM_ACCESS_TOKEN").cloned();
        let azure = |name| variables.text(name).map(str::to_owned);
        settings.tenant_id = settings.tenant_id.or_else(|| azure("AZURE_TENANT_ID"));
        settings.client_id = settings.client_id.or_else(|| azure("AZURE_CLIENT_ID"));
        if faults.is_empty() { Ok(settings) } else { Err(faults.into()) }
    }

    /// Sets one by its key.
    ///
    /// # Errors
    /// What the value must be, in words.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "vault_url" => self.vault_url = Some(VaultName::parse(value)?),
            "ca_file" => self.ca_file = Some(value.into()),
            "auth" => self.auth = Some(named(AUTHS.iter().copied(), value)?),
            "access_token_file" => self.access_token_file = Some(value.into()),
            "api_version" => self.api_version = Some(value.to_owned()),
            "timeout" => self.timeout = Some(duration(value)?),
            "cloud" => {
                self.cloud = Some(named(CLOUDS.iter().map(|&(cloud, name, _)| (cloud, name)), value)?);
            }
            "tenant_id" => self.tenant_id = Some(value.to_owned()),
            "client_id" => self.client_id = Some(value.to_owned()),
            "skip_challenge_check" => {
                self.skip_challenge_check =
                    Some(named([(true, "true"), (false, "false")].into_iter(), value)?);
            }
            _ => return Err("a setting".to_owned()),
        }
        Ok(())
    }
}

fn named<T: Copy>(names: impl Iterator<Item = (T, &'static str)> + Clone, value: &str) -> Result<T, String> {
    let found = names.clone().find(|&(_, name)| name == value).map(|(found, _)| found);
    found.ok_or_else(|| format!("one of {}", names.map(|(_, name)| name).collect::<Vec<_>>().join(", ")))
}

/// Reads `500ms`, `10s`, `5m`, `12h`, `30d`, `4w`.
///
/// # Errors
/// What it must be, in words.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "a duration such as 500ms, 10s, 5m, 12h, 30d".to_owned();
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
    let number: u64 = text[..end].parse().map_err(|_| expected())?;
    let milliseconds = match &text[end..] {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        _ => return Err(expected()),
    };
    // Ten years: more is a slip, and would overflow sums with the clock.
    number
        .checked_mul(milliseconds)
        .filter(|&total| total <= 3660 * 86_400_000)
        .map(Duration::from_millis)
        .ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("30d").unwrap(), Duration::from_secs(30 * 86_400));
        for text in ["", "10", "s", "-1s", "1y", "99999999999999999999s", "99999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_every_variable_and_names_each_that_is_wrong() {
        let text = |pairs: &[(&str, &str)]| {
            let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Settings::from_variables(&Variables::from_iter(owned))
        };
        let settings = text(&[
            ("COFFERDAM_VAULT_URL", "https://localhost:8443"),
            ("COFFERDAM_AUTH", "managed-identity"),
            ("COFFERDAM_TIMEOUT", "3s"),
            ("COFFERDAM_CLOUD", ""),
            ("AZURE_CLIENT_ID", "id"),
        ])
        .unwrap();
        assert_eq!(settings.auth, Some(Auth::ManagedIdentity));
        assert_eq!(settings.timeout, Some(Duration::from_secs(3)));
        assert_eq!((settings.cloud, settings.client_id.as_deref()), (None, Some("id")));
        let faults = text(&[("COFFERDAM_AUTH", "canary"), ("COFFERDAM_TIMEOUT", "canary")]).unwrap_err();
        assert_eq!(faults.0.len(), 2);
        assert!(faults.to_string().contains("environment: `COFFERDAM_AUTH` must be one of auto, token"));
        assert!(!faults.to_string().contains("canary"));
    }
}
