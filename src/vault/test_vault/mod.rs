//! A Key Vault for tests: HTTPS with a certificate authority of its own, the protocol's 401
//! challenge, versions, attributes, paging and soft delete, and every fault that a test can ask for. Beside it
//! speak the services that a login needs: Entra's token endpoint, GitHub's OIDC endpoint, a managed
//! identity endpoint. Not for production: it keeps values in plain memory.
//!
//! ```no_run
//! use cofferdam::vault::loader::Loader;
//! use cofferdam::vault::test_vault::TestVault;
//!
//! let vault = TestVault::start().unwrap();
//! vault.set("DATABASE-URL", "postgres://localhost/app");
//! let secrets = Loader::from_environment("test").unwrap().settings(vault.settings()).load_blocking();
//! ```

mod answer;
mod server;

use super::reference::VaultName;
use super::settings::{Auth, Settings};
use crate::secret::Secret;
use server::Server;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What goes wrong when a secret is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// 403: no role.
    ForbiddenByRbac,
    /// 403: no access policy.
    AccessDenied,
    /// 403: the firewall.
    ForbiddenByFirewall,
    /// 403: private link only.
    ForbiddenByConnection,
    /// 401 whatever the token.
    Unauthorized,
    /// 429, so often (then it answers), with `Retry-After` in seconds if given.
    Throttled(u32, Option<u64>),
    /// 500, so often (then it answers).
    ServerError(u32),
    /// No answer.
    Hang,
    /// An answer that ends in the middle of the value.
    CutOff,
    /// An answer whose fields have the wrong types.
    Garbled,
    /// A proxy's page, with this status, that shows the token it was sent.
    ProxyHtml(u16),
}

#[derive(Clone, Debug, Default)]
struct Version {
    id: String,
    value: String,
    enabled: bool,
    not_before: Option<i64>,
    expires: Option<i64>,
    updated: i64,
}

#[derive(Clone, Debug, Default)]
struct Stored {
    versions: Vec<Version>,
    deleted: bool,
    fault: Option<Fault>,
}

#[derive(Debug, Default)]
struct State {
    secrets: BTreeMap<String, Stored>,
    latency: Duration,
    token: String,
    challenge: Option<String>,
    login_fault: Option<u32>,
    requests: Vec<String>,
    tokens: u32,
    connections: u32,
}

/// A running test vault. It ends when dropped.
#[derive(Debug)]
pub struct TestVault {
    state: Arc<Mutex<State>>,
    server: Server,
    directory: PathBuf,
}

impl TestVault {
    /// Starts one on a free port of this machine.
    ///
    /// # Errors
    /// When no port, thread, certificate or temporary file can be had.
    pub fn start() -> io::Result<Self> {
        Self::start_for(&["localhost"])
    }

    /// Starts one whose certificate is for these hosts only.
    ///
    /// # Errors
    /// When no port, thread, certificate or temporary file can be had.
    pub fn start_for(hosts: &[&str]) -> io::Result<Self> {
        let chance = || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
        let directory = std::env::temp_dir().join(format!("cofferdam-vault-{:016x}", chance()));
        let token = format!("test-token-{:016x}{:016x}", chance(), chance());
        let state = Arc::new(Mutex::new(State { token, ..State::default() }));
        std::fs::create_dir_all(&directory)?;
        let server = Server::start(Arc::clone(&state), hosts, &directory.join("ca.pem"))?;
        Ok(Self { state, server, directory })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.server.port)
    }

    /// PEM file of the authority that signed its certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// The access token that it takes.
    pub fn token(&self) -> String {
        self.state().token.clone()
    }

    /// What a [`super::loader::Loader`] needs to use it.
    pub fn settings(&self) -> Settings {
        Settings {
            vault_url: VaultName::parse(&self.url()).ok(),
            ca_file: Some(self.ca_file()),
            auth: Some(Auth::Token),
            access_token: Some(Secret::new(self.token())),
            ..Settings::default()
        }
    }

    /// The same as environment variables.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("COFFERDAM_VAULT_URL", self.url()),
            ("COFFERDAM_CA_FILE", self.ca_file().display().to_string()),
            ("COFFERDAM_ACCESS_TOKEN", self.token()),
        ]
    }

    /// The variables of a login at its own Entra, identity and GitHub endpoints.
    pub fn login_variables(&self, auth: Auth) -> Vec<(&'static str, String)> {
        let at = |path: &str| format!("{}{path}", self.url());
        let mut variables = vec![
            ("COFFERDAM_VAULT_URL", self.url()),
            ("COFFERDAM_CA_FILE", self.ca_file().display().to_string()),
            ("AZURE_AUTHORITY_HOST", self.url()),
            ("AZURE_TENANT_ID", "00000000-0000-0000-0000-000000000001".to_owned()),
            ("AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000002".to_owned()),
        ];
        match auth {
            Auth::Secret => variables.push(("AZURE_CLIENT_SECRET", self.token())),
            Auth::Github => variables.extend([
                ("ACTIONS_ID_TOKEN_REQUEST_URL", at("/github/oidc?api-version=2")),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", self.token()),
            ]),
            Auth::ManagedIdentity => variables
                .extend([("IDENTITY_ENDPOINT", at("/identity/token")), ("IDENTITY_HEADER", self.token())]),
            Auth::Workload => {
                let file = self.directory.join("federated");
                drop(std::fs::write(&file, self.token()));
                variables.push(("AZURE_FEDERATED_TOKEN_FILE", file.display().to_string()));
            }
            _ => variables.push(("COFFERDAM_ACCESS_TOKEN", self.token())),
        }
        variables
    }

    /// Stores a new version and gives its id.
    pub fn set(&self, name: &str, value: &str) -> String {
        let mut state = self.state();
        state.secrets.entry(name.to_ascii_lowercase()).or_default().add(value)
    }

    fn newest(&self, name: &str, change: impl FnOnce(&mut Version)) {
        let mut state = self.state();
        let stored = state.secrets.entry(name.to_ascii_lowercase()).or_default();
        if stored.versions.is_empty() {
            stored.versions.push(Version { id: format!("{:032x}", 1), enabled: true, ..Version::default() });
        }
        if let Some(version) = stored.versions.last_mut() {
            change(version);
        }
    }

    /// Disables the newest version.
    pub fn disable(&self, name: &str) {
        self.newest(name, |version| version.enabled = false);
    }

    /// Sets when the newest version's validity begins and ends (seconds of the Unix clock).
    pub fn validity(&self, name: &str, not_before: Option<i64>, expires: Option<i64>) {
        self.newest(name, |version| (version.not_before, version.expires) = (not_before, expires));
    }

    /// Sets when the newest version was last changed (seconds of the Unix clock).
    pub fn updated(&self, name: &str, updated: i64) {
        self.newest(name, |version| version.updated = updated);
    }

    /// Deletes a secret, recoverably.
    pub fn delete(&self, name: &str) {
        self.newest(name, |_| ());
        if let Some(stored) = self.state().secrets.get_mut(&name.to_ascii_lowercase()) {
            stored.deleted = true;
        }
    }

    /// Makes every request for this secret go wrong; none: right again.
    pub fn fault(&self, name: &str, fault: impl Into<Option<Fault>>) {
        self.state().secrets.entry(name.to_ascii_lowercase()).or_default().fault = fault.into();
    }

    /// Makes every login fail with this `AADSTS` code; none: right again.
    pub fn login_fault(&self, code: impl Into<Option<u32>>) {
        self.state().login_fault = code.into();
    }

    /// Names this resource in its challenge, as a false vault would.
    pub fn challenge(&self, resource: &str) {
        self.state().challenge = Some(resource.to_owned());
    }

    /// Waits so long before each answer.
    pub fn latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    /// Method and path of each request to the vault so far.
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    /// How many tokens its login endpoints have given.
    pub fn tokens_given(&self) -> u32 {
        self.state().tokens
    }

    /// How many connections it has taken.
    pub fn connections(&self) -> u32 {
        self.state().connections
    }

    /// The directory of its files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for TestVault {
    fn drop(&mut self) {
        self.server.stop();
        drop(std::fs::remove_dir_all(&self.directory));
    }
}
