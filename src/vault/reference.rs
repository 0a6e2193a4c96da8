//! References to Key Vault secrets as templates write them: App Service's
//! `@Microsoft.KeyVault(…)`, `ref+azurekeyvault://…`, and `keyvault://vault/name[/version]`.
//! It reads them; whether they resolve is the provider's.

use url::Url;

/// One secret of one vault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The vault.
    pub vault: VaultName,
    /// Name of the secret there.
    pub name: String,
    /// Its version; none: the newest.
    pub version: Option<String>,
    /// A field of the JSON object that it holds.
    pub field: Option<String>,
}

/// How a vault is named.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VaultName {
    /// By its short name: the cloud gives the rest.
    Short(String),
    /// By its URL, with its port if it has one, without a path.
    Url(Url),
}

impl VaultName {
    /// A short name, a host, or an https URL.
    ///
    /// # Errors
    /// What it must be, in words.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "a vault's name (3 to 24 letters, digits and dashes) or its https URL";
        if text.contains("://") || text.contains(['.', ':']) {
            let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
            let mut url = Url::parse(&text).map_err(|_| EXPECTED)?;
            if url.scheme() != "https" {
                return Err("an https URL (Key Vault sends no token over http)");
            }
            if url.host_str().is_none_or(str::is_empty) || !matches!(url.path(), "" | "/") {
                return Err(EXPECTED);
            }
            if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
                return Err(EXPECTED);
            }
            url.set_fragment(None);
            return Ok(Self::Url(url));
        }
        let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match letters && (3..=24).contains(&text.len()) {
            true => Ok(Self::Short(text.to_ascii_lowercase())),
            false => Err(EXPECTED),
        }
    }

    /// Its URL in a cloud whose vaults have this suffix (`vault.azure.net`).
    pub fn url(&self, suffix: &str) -> Option<Url> {
        match self {
            Self::Url(url) => Some(url.clone()),
            Self::Short(name) => Url::parse(&format!("https://{name}.{suffix}/")).ok(),
        }
    }
}

/// Whether Key Vault takes this as a secret's name.
pub fn is_secret_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether Key Vault could have such a version.
pub fn is_version(version: &str) -> bool {
    !version.is_empty() && version.len() <= 64 && version.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl Reference {
    /// Reads `text` if it is written as a reference; none: it is an ordinary value.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Option<Result<Self, &'static str>> {
        let text = text.trim();
        let starts = |prefix: &str| {
            let start = text.get(..prefix.len())?;
            start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
        };
        if let Some(inner) = starts("@Microsoft.KeyVault(") {
            return Some(Self::app_service(inner));
        }
        let path = starts("ref+azurekeyvault://").or_else(|| starts("keyvault://"))?;
        Some(Self::path(path))
    }

    fn app_service(inner: &str) -> Result<Self, &'static str> {
        let inner = inner.strip_suffix(')').ok_or("a reference whose parenthesis closes at its end")?;
        let mut fields = std::collections::BTreeMap::new();
        for part in inner.split(';').filter(|part| !part.trim().is_empty()) {
            let (key, value) = part.split_once('=').ok_or("a reference made of Name=value")?;
            fields.insert(key.trim().to_ascii_lowercase(), value.trim());
        }
        if let Some(uri) = fields.remove("secreturi") {
            let url = Url::parse(uri).map_err(|_| "a reference whose SecretUri is a URL")?;
            let mut parts = url.path().trim_matches('/').split('/');
            if parts.next() != Some("secrets") {
                return Err("a reference whose SecretUri is https://…/secrets/name[/version]");
            }
            let path: Vec<_> = parts.collect();
            let vault = VaultName::parse(&url[..url::Position::BeforePath])?;
            return Self::of(vault, &path, None);
        }
        match (fields.get("vaultname"), fields.get("secretname")) {
            (Some(vault), Some(name)) => {
                let path = [Some(name), fields.get("secretversion")].into_iter().flatten().copied();
                Self::of(VaultName::parse(vault)?, &path.collect::<Vec<_>>(), None)
            }
            _ => Err("a reference with SecretUri, or with VaultName and SecretName"),
        }
    }

    /// `vault/name[/version][#/field]`
    fn path(path: &str) -> Result<Self, &'static str> {
        let (path, field) = match path.split_once('#') {
            Some((path, field)) => (path, Some(field.trim_start_matches('/').to_owned())),
            None => (path, None),
        };
        let (vault, path) = path.split_once('/').ok_or("a reference as vault/name")?;
        let path: Vec<_> =
            path.split('?').next().unwrap_or_default().trim_end_matches('/').split('/').collect();
        Self::of(VaultName::parse(vault)?, &path, field)
    }

    fn of(vault: VaultName, path: &[&str], field: Option<String>) -> Result<Self, &'static str> {
        let path: Vec<_> = path.iter().filter(|part| !part.is_empty()).collect();
        let (name, version) = match path.as_slice() {
            [name] => (name, None),
            [name, version] if is_version(version) => (name, Some((**version).to_owned())),
            _ => return Err("a reference as vault/name or vault/name/version"),
        };
        match is_secret_name(name) {
            true => Ok(Self { vault, name: (**name).to_owned(), version, field }),
            false => Err("a reference whose name has only letters, digits and dashes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String, Option<String>, Option<String>) {
        let reference = Reference::parse(text).unwrap().unwrap();
        let vault = reference.vault.url("vault.azure.net").unwrap().to_string();
        (vault, reference.name, reference.version, reference.field)
    }

    #[test]
    fn reads_every_form() {
        let expected = ("https://ours.vault.azure.net/".to_owned(), "DB-URL".to_owned());
        for text in [
            "@Microsoft.KeyVault(SecretUri=https://ours.vault.azure.net/secrets/DB-URL/)",
            "@Microsoft.KeyVault(VaultName=ours;SecretName=DB-URL)",
            "@microsoft.keyvault(secretname=DB-URL; vaultname=Ours;)",
            "ref+azurekeyvault://ours/DB-URL",
            "keyvault://ours/DB-URL",
        ] {
            assert_eq!(read(text), (expected.0.clone(), expected.1.clone(), None, None), "{text}");
        }
        let (_, _, version, field) = read("keyvault://ours/DB-URL/0123abcd#/a/b");
        assert_eq!((version.as_deref(), field.as_deref()), (Some("0123abcd"), Some("a/b")));
        assert_eq!(read("keyvault://localhost:8443/x").0, "https://localhost:8443/");
    }

    #[test]
    fn tells_values_from_broken_references() {
        assert!(Reference::parse("postgres://a/b").is_none());
        assert!(Reference::parse("").is_none());
        for text in [
            "@Microsoft.KeyVault(SecretUri=https://ours.vault.azure.net/keys/a)",
            "@Microsoft.KeyVault(VaultName=ours)",
            "@Microsoft.KeyVault(SecretUri=http://ours.vault.azure.net/secrets/a)",
            "@Microsoft.KeyVault(SecretUri=https://ours.vault.azure.net/secrets/a",
            "keyvault://ours",
            "keyvault://ours/A_B",
            "keyvault://o/a",
        ] {
            assert!(Reference::parse(text).unwrap().is_err(), "{text}");
        }
    }
}
