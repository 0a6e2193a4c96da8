//! The login: which one, by evidence and never by trying one after another, and one token for all
//! requests. A failed login is remembered in words that quote no answer.

use super::Failure;
use super::executor::GroupExecutor;
use super::login_failure::{GITHUB, connection, login_failure, refused};
use super::transport::{self, Break};
use crate::secret::Secret;
use crate::vault::settings::{Auth, Cloud, Settings, Variables};
use azure_core::cloud::CloudConfiguration;
use azure_core::credentials::{AccessToken, Secret as AzureSecret, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::{ClientMethodOptions, ClientOptions};
use azure_core::time::{Duration as Span, OffsetDateTime};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialOptions, AzurePipelinesCredential, AzurePipelinesCredentialOptions,
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use base64::Engine as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Environment variables that hold a credential of the login itself; `run` does not pass them on.
pub const CREDENTIAL_VARIABLES: &[&str] = &[
    "COFFERDAM_ACCESS_TOKEN",
    "COFFERDAM_ACCESS_TOKEN_FILE",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "SYSTEM_ACCESSTOKEN",
];

/// The way to log in that the environment gives evidence of, and that evidence.
pub(super) fn choose(settings: &Settings, variables: &Variables) -> (Auth, String) {
    let has = |name: &str| variables.get(name).is_some();
    match settings.auth.unwrap_or_default() {
        Auth::Auto => {}
        auth => return (auth, "as configured".to_owned()),
    }
    let evidence = [
        (Auth::Token, settings.access_token.is_some(), "COFFERDAM_ACCESS_TOKEN is set"),
        (Auth::Token, settings.access_token_file.is_some(), "an access token file is configured"),
        (Auth::Workload, has("AZURE_FEDERATED_TOKEN_FILE"), "AZURE_FEDERATED_TOKEN_FILE is set"),
        (
            Auth::Github,
            has("ACTIONS_ID_TOKEN_REQUEST_URL") && settings.client_id.is_some(),
            "ACTIONS_ID_TOKEN_REQUEST_URL and a client id are set",
        ),
        (
            Auth::Pipelines,
            has("SYSTEM_OIDCREQUESTURI") && has("SYSTEM_ACCESSTOKEN"),
            "SYSTEM_OIDCREQUESTURI and SYSTEM_ACCESSTOKEN are set",
        ),
        (Auth::Secret, has("AZURE_CLIENT_SECRET"), "AZURE_CLIENT_SECRET is set"),
        (
            Auth::ManagedIdentity,
            has("IDENTITY_ENDPOINT") && has("IDENTITY_HEADER"),
            "IDENTITY_ENDPOINT and IDENTITY_HEADER are set",
        ),
        (Auth::Cli, on_path(variables, "az"), "`az` is installed and nothing else is set"),
        (Auth::Azd, on_path(variables, "azd"), "`azd` is installed and nothing else is set"),
    ];
    let found = evidence.into_iter().find(|&(_, holds, _)| holds);
    found.map_or((Auth::Auto, String::new()), |(auth, _, why)| (auth, why.to_owned()))
}

fn on_path(variables: &Variables, program: &str) -> bool {
    let directories = variables.text("PATH").unwrap_or_default();
    std::env::split_paths(directories).any(|directory| directory.join(program).is_file())
}

/// A login that keeps its token and remembers how it failed.
pub(super) struct Login {
    credential: Result<Arc<dyn TokenCredential>, Failure>,
    pub(super) auth: Auth,
    pub(super) why: String,
    token: tokio::sync::Mutex<Option<AccessToken>>,
    failure: Mutex<Option<Failure>>,
    obtained: tokio::sync::Semaphore,
    caller: Mutex<Option<String>>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Login").field("auth", &self.auth).finish_non_exhaustive()
    }
}

impl Login {
    pub(super) fn new(settings: &Settings, variables: &Variables, client: &reqwest::Client) -> Self {
        let (auth, why) = choose(settings, variables);
        let credential = Credentials { settings, variables, client }.of(auth);
        Self {
            credential,
            auth,
            why,
            token: tokio::sync::Mutex::default(),
            failure: Mutex::default(),
            obtained: tokio::sync::Semaphore::new(0),
            caller: Mutex::default(),
        }
    }

    /// Why it cannot even be tried.
    pub(super) fn impossible(&self) -> Option<&Failure> {
        self.credential.as_ref().err()
    }

    /// How the last attempt failed.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// The caller's object id, where the token tells.
    pub(super) fn caller(&self) -> Option<String> {
        self.caller.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Waits until there is a token.
    pub(super) async fn obtained(&self) {
        drop(self.obtained.acquire().await);
    }

    /// Whether there is a token.
    pub(super) fn has_token(&self) -> bool {
        self.obtained.available_permits() > 0
    }

    fn remember(&self, failure: Failure) {
        *self.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(failure);
    }

    /// A managed identity's endpoint may refuse connections in a container's first seconds.
    async fn ask(&self, credential: &dyn TokenCredential, scopes: &[&str]) -> Result<AccessToken, Error> {
        let mut pause = Duration::from_millis(200);
        loop {
            let error = match credential.get_token(scopes, None).await {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            let broken = connection(&error);
            self.remember(login_failure(&error, self.auth));
            if self.auth != Auth::ManagedIdentity || broken != Some(Break::Refused) {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}

#[async_trait::async_trait]
impl TokenCredential for Login {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let mut held = self.token.lock().await;
        if let Some(token) = &*held {
            return Ok(token.clone());
        }
        let credential = match &self.credential {
            Ok(credential) => credential.as_ref(),
            Err(failure) => {
                self.remember(failure.clone());
                return Err(Error::with_message(ErrorKind::Credential, "no login"));
            }
        };
        let token = self.ask(credential, scopes).await.map_err(|_| {
            // The error's own text may quote an answer: the failure is already remembered.
            Error::with_message(ErrorKind::Credential, "login failed")
        })?;
        *self.caller.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) =
            object_id(token.token.secret());
        *held = Some(token.clone());
        self.obtained.add_permits(1);
        Ok(token)
    }
}

/// The `oid` of an access token's claims. Nothing else of it is looked at.
fn object_id(token: &str) -> Option<String> {
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let id = claims.get("oid")?.as_str()?;
    (id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')).then(|| id.to_owned())
}

struct Credentials<'a> {
    settings: &'a Settings,
    variables: &'a Variables,
    client: &'a reqwest::Client,
}

type Credential = Result<Arc<dyn TokenCredential>, Failure>;

impl Credentials<'_> {
    fn of(&self, auth: Auth) -> Credential {
        match auth {
            Auth::Auto => Err(refused(
                "there is nothing to log in with",
                "run `az login`, or set --auth and what it needs (COFFERDAM_ACCESS_TOKEN, a workload or managed \
                 identity, GitHub's `permissions: id-token: write` with AZURE_CLIENT_ID and AZURE_TENANT_ID)",
            )),
            Auth::Token => self.token(),
            Auth::Workload => self.workload(),
            Auth::Github => self.github(),
            Auth::Pipelines => self.pipelines(),
            Auth::Secret => self.secret(),
            Auth::ManagedIdentity => self.managed_identity(),
            Auth::Cli => built(AzureCliCredential::new(Some(AzureCliCredentialOptions {
                tenant_id: self.settings.tenant_id.clone(),
                executor: Some(Arc::new(GroupExecutor)),
                ..AzureCliCredentialOptions::default()
            }))),
            Auth::Azd => built(AzureDeveloperCliCredential::new(Some(AzureDeveloperCliCredentialOptions {
                tenant_id: self.settings.tenant_id.clone(),
                executor: Some(Arc::new(GroupExecutor)),
            }))),
        }
    }

    fn options(&self) -> ClientOptions {
        let cloud = match self.settings.cloud {
            // AZURE_AUTHORITY_HOST, if set, says it better.
            None => None,
            Some(_) if self.variables.get("AZURE_AUTHORITY_HOST").is_some() => None,
            Some(Cloud::Public) => Some(CloudConfiguration::AzurePublic),
            Some(Cloud::UsGovernment) => Some(CloudConfiguration::AzureGovernment),
            Some(Cloud::China) => Some(CloudConfiguration::AzureChina),
        };
        ClientOptions { cloud: cloud.map(Arc::new), ..transport::options(self.client) }
    }

    fn assertion_options(&self) -> ClientAssertionCredentialOptions {
        ClientAssertionCredentialOptions { client_options: self.options() }
    }

    fn tenant(&self) -> Result<String, Failure> {
        let tenant = self.settings.tenant_id.clone();
        tenant.ok_or_else(|| refused("no tenant id is set", "set AZURE_TENANT_ID or --tenant-id"))
    }

    fn client_id(&self) -> Result<String, Failure> {
        let client = self.settings.client_id.clone();
        client.ok_or_else(|| refused("no client id is set", "set AZURE_CLIENT_ID or --client-id"))
    }

    fn variable(&self, name: &str, fix: &str) -> Result<Secret, Failure> {
        self.variables.get(name).cloned().ok_or_else(|| refused(format!("{name} is not set"), fix))
    }

    fn token(&self) -> Credential {
        let text = match (&self.settings.access_token, &self.settings.access_token_file) {
            (Some(token), _) => token.expose().trim().to_owned(),
            (None, Some(path)) => std::fs::read_to_string(path)
                .map_err(|error| {
                    let what = format!("the token file {} cannot be read: {}", path.display(), error.kind());
                    refused(what, "check --access-token-file (COFFERDAM_ACCESS_TOKEN_FILE)")
                })?
                .trim()
                .to_owned(),
            (None, None) => return Err(refused("no access token is set", "set COFFERDAM_ACCESS_TOKEN")),
        };
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let fix =
                "az account get-access-token --resource https://vault.azure.net --query accessToken -o tsv";
            return Err(refused("the access token is empty or broken", fix));
        }
        Ok(Arc::new(Fixed(AzureSecret::from(text))))
    }

    fn workload(&self) -> Credential {
        let file = self
            .variable("AZURE_FEDERATED_TOKEN_FILE", "label the pod azure.workload.identity/use: \"true\"")?;
        let credential = WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
            credential_options: self.assertion_options(),
            client_id: Some(self.client_id()?),
            tenant_id: Some(self.tenant()?),
            token_file_path: Some(file.expose().into()),
        }));
        credential.map(|credential| credential as _).map_err(|_| {
            let fix = "check AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID and AZURE_CLIENT_ID";
            refused("the federated token file cannot be used", fix)
        })
    }

    fn github(&self) -> Credential {
        let fix = "give the job `permissions: id-token: write`";
        let url = self.variable("ACTIONS_ID_TOKEN_REQUEST_URL", fix)?;
        let token = self.variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN", fix)?;
        let assertion = GithubAssertion { url, token, client: self.client.clone() };
        let (tenant, client) = (self.tenant()?, self.client_id()?);
        built(ClientAssertionCredential::new(tenant, client, assertion, Some(self.assertion_options())))
    }

    fn pipelines(&self) -> Credential {
        let connection = self.variable(
            "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
            "run in an AzureCLI@2 task, or set it to the service connection's id",
        )?;
        let token =
            self.variable("SYSTEM_ACCESSTOKEN", "pass env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)")?;
        // An AzureCLI@2 task gives the connection's tenant and client under names of their own.
        let own = |name| self.variables.text(name).map(str::to_owned);
        let tenant = own("AZURESUBSCRIPTION_TENANT_ID").map_or_else(|| self.tenant(), Ok)?;
        let client = own("AZURESUBSCRIPTION_CLIENT_ID").map_or_else(|| self.client_id(), Ok)?;
        let options = AzurePipelinesCredentialOptions { credential_options: self.assertion_options() };
        built(AzurePipelinesCredential::new(
            tenant,
            client,
            connection.expose(),
            AzureSecret::from(token.expose().to_owned()),
            Some(options),
        ))
    }

    fn secret(&self) -> Credential {
        let secret = self.variable("AZURE_CLIENT_SECRET", "set AZURE_CLIENT_SECRET")?;
        built(ClientSecretCredential::new(
            &self.tenant()?,
            self.client_id()?,
            AzureSecret::from(secret.expose().to_owned()),
            Some(ClientSecretCredentialOptions { client_options: self.options() }),
        ))
    }

    fn managed_identity(&self) -> Credential {
        // Its endpoint is on this machine or link-local: never behind a proxy.
        let client = transport::client(self.settings, false)?;
        built(ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
            user_assigned_id: self.settings.client_id.clone().map(UserAssignedId::ClientId),
            client_options: transport::options(&client),
        })))
    }
}

fn built<T: TokenCredential + 'static>(credential: azure_core::Result<Arc<T>>) -> Credential {
    credential.map(|credential| credential as Arc<dyn TokenCredential>).map_err(|_| {
        let fix = "check AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_AUTHORITY_HOST and what the login needs";
        refused("the login is not configured as it must be", fix)
    })
}

/// A token that was given.
#[derive(Debug)]
struct Fixed(AzureSecret);

#[async_trait::async_trait]
impl TokenCredential for Fixed {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new(self.0.clone(), OffsetDateTime::now_utc() + Span::hours(1)))
    }
}

/// GitHub's word that this job is what it says.
#[derive(Debug)]
struct GithubAssertion {
    url: Secret,
    token: Secret,
    client: reqwest::Client,
}

#[async_trait::async_trait]
impl ClientAssertion for GithubAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let failed = |_| Error::with_message(ErrorKind::Credential, GITHUB);
        let mut url = url::Url::parse(self.url.expose())
            .map_err(|_| Error::with_message(ErrorKind::Credential, GITHUB))?;
        url.query_pairs_mut().append_pair("audience", "api://AzureADTokenExchange");
        let answer = self.client.get(url).bearer_auth(self.token.expose()).send().await.map_err(failed)?;
        let bytes = answer.error_for_status().map_err(failed)?.bytes().await.map_err(failed)?;
        let answer: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let value = answer.get("value").and_then(serde_json::Value::as_str);
        value.map(str::to_owned).ok_or_else(|| Error::with_message(ErrorKind::Credential, GITHUB))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(pairs: &[(&str, &str)]) -> Auth {
        let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables = Variables::from_iter(owned);
        choose(&Settings::from_variables(&variables).unwrap(), &variables).0
    }

    #[test]
    fn evidence_decides_in_a_fixed_order() {
        assert_eq!(chosen(&[]), Auth::Auto);
        assert_eq!(chosen(&[("IDENTITY_ENDPOINT", "x")]), Auth::Auto);
        let identity = [("IDENTITY_ENDPOINT", "x"), ("IDENTITY_HEADER", "x")];
        assert_eq!(chosen(&identity), Auth::ManagedIdentity);
        assert_eq!(chosen(&[identity[0], identity[1], ("AZURE_CLIENT_SECRET", "x")]), Auth::Secret);
        let github = [("ACTIONS_ID_TOKEN_REQUEST_URL", "x"), ("AZURE_CLIENT_SECRET", "x")];
        assert_eq!(chosen(&github), Auth::Secret);
        assert_eq!(chosen(&[github[0], github[1], ("AZURE_CLIENT_ID", "x")]), Auth::Github);
        assert_eq!(
            chosen(&[("COFFERDAM_ACCESS_TOKEN", "x"), ("AZURE_FEDERATED_TOKEN_FILE", "x")]),
            Auth::Token
        );
        assert_eq!(chosen(&[("COFFERDAM_AUTH", "azd"), ("COFFERDAM_ACCESS_TOKEN", "x")]), Auth::Azd);
    }
}
