//! Azure Key Vault as a source: one request first, which settles the login, then at most eight at a
//! time, each with its own outcome before the one deadline.

use super::credential::Login;
use super::denial::{self, About, Refusal};
use super::pace::{Pace, jitter};
use super::{Asked, Failure, Found, Outcome, Provider, transport};
use crate::secret::Secret;
use crate::vault::problem::Cause;
use crate::vault::reference::is_secret_name;
use crate::vault::settings::{AUTHS, Settings, Variables};
use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::models::SecretClientGetSecretOptions;
use azure_security_keyvault_secrets::{ResourceExt as _, SecretClient, SecretClientOptions};
use futures::future::{self, Either};
use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

pub use super::credential::CREDENTIAL_VARIABLES;

/// Requests at the same time, with the first.
const AT_ONCE: usize = 8;
/// How often a request is tried at most.
const TRIES: u32 = 4;
/// How long the first request may keep the others waiting where the login is settled already.
const GRACE: Duration = Duration::from_millis(250);

/// One vault.
pub struct KeyVault {
    label: String,
    host: String,
    session: Result<Session, Failure>,
}

struct Session {
    client: SecretClient,
    login: Arc<Login>,
    pace: Pace,
}

impl std::fmt::Debug for KeyVault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("KeyVault").field("label", &self.label).finish_non_exhaustive()
    }
}

/// What several vaults of one load share: the HTTP client and the logins.
#[derive(Default)]
pub struct Shared(Vec<(Key, Arc<Login>, reqwest::Client)>);

/// What makes two vaults need different logins or clients.
type Key = (Option<std::path::PathBuf>, String);

impl Shared {
    fn of(
        &mut self,
        settings: &Settings,
        variables: &Variables,
    ) -> Result<(Arc<Login>, reqwest::Client), Failure> {
        let who = (settings.auth, settings.cloud, &settings.tenant_id, &settings.client_id);
        let key = (settings.ca_file.clone(), format!("{who:?} {:?}", settings.access_token_file));
        if let Some((_, login, client)) = self.0.iter().find(|(other, ..)| *other == key) {
            return Ok((Arc::clone(login), client.clone()));
        }
        let client = transport::client(settings, true)?;
        let login = Arc::new(Login::new(settings, variables, &client));
        self.0.push((key, Arc::clone(&login), client.clone()));
        Ok((login, client))
    }
}

impl KeyVault {
    /// The vault at `url`. Nothing is sent yet.
    pub fn new(url: &Url, settings: &Settings, variables: &Variables, shared: &mut Shared) -> Self {
        let host = match (url.host_str().unwrap_or_default(), url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        Self {
            label: format!("keyvault://{host}"),
            session: Session::new(url, settings, variables, shared),
            host,
        }
    }

    async fn all(&self, session: &Session, asked: &[Asked], deadline: Instant) -> Vec<Outcome> {
        let Some((head, tail)) = asked.split_first() else {
            return Vec::new();
        };
        let first = pin!(self.one(session, head, deadline));
        let settled = pin!(async {
            if session.login.has_token() {
                // Another vault's requests settled it; this one's connection is still to be made.
                tokio::time::sleep(GRACE).await;
            }
            session.login.obtained().await;
        });
        let first = match future::select(first, settled).await {
            Either::Right(((), first)) => Either::Right(first),
            // No login, or no way to the vault: the others would only wait for the same.
            Either::Left((Outcome::Failed(failure), _))
                if !session.login.has_token() || failure.cause == Cause::Unreachable =>
            {
                return asked.iter().map(|_| Outcome::Failed(failure.clone())).collect();
            }
            Either::Left((outcome, _)) => Either::Left(future::ready(outcome)),
        };
        let calls = tail.iter().enumerate().map(|(at, asked)| {
            let call = self.one(session, asked, deadline);
            async move { (at, call.await) }
        });
        let rest = stream::iter(calls.collect::<Vec<_>>()).buffer_unordered(AT_ONCE - 1).collect::<Vec<_>>();
        let (first, mut rest) = future::join(first, rest).await;
        rest.sort_by_key(|&(at, _)| at);
        std::iter::once(first).chain(rest.into_iter().map(|(_, outcome)| outcome)).collect()
    }

    /// One outcome before the deadline.
    async fn one(&self, session: &Session, asked: &Asked, deadline: Instant) -> Outcome {
        if !is_secret_name(&asked.name) {
            return Outcome::Failed(Failure {
                cause: Cause::Missing,
                what: format!("no vault can hold the name `{}` (letters, digits and dashes)", asked.name),
                fix: format!("give it a `name` in [secrets.\"{}\"], or a value in another source", asked.key),
            });
        }
        let last = Mutex::new(None);
        let outcome = tokio::time::timeout_at(deadline, self.tries(session, asked, deadline, &last)).await;
        outcome.unwrap_or_else(|_| {
            let last = last.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
            Outcome::Failed(last.unwrap_or_else(|| self.timed_out(session)))
        })
    }

    fn timed_out(&self, session: &Session) -> Failure {
        if session.login.has_token() {
            return Failure {
                cause: Cause::TimedOut,
                what: format!("{} did not answer before the deadline", self.host),
                fix: "try again, with a longer --timeout (COFFERDAM_TIMEOUT) if it is slow".to_owned(),
            };
        }
        session.login.failure().unwrap_or_else(|| Failure {
            cause: Cause::TimedOut,
            what: format!(
                "neither {} nor its login ({}) answered before the deadline",
                self.host,
                session.auth()
            ),
            fix: "check the network to both, or set --auth (COFFERDAM_AUTH) to another login".to_owned(),
        })
    }

    async fn tries(
        &self,
        session: &Session,
        asked: &Asked,
        deadline: Instant,
        last: &Mutex<Option<Failure>>,
    ) -> Outcome {
        for tried in 1.. {
            session.pace.wait().await;
            let (failure, after) = match self.once(session, asked).await {
                Ok(outcome) => return outcome,
                Err(again) => again,
            };
            let throttled = failure.cause == Cause::Throttled;
            let pause = after.unwrap_or_else(|| Duration::from_millis(100 << tried)) + jitter(100);
            if tried == TRIES || Instant::now() + pause >= deadline {
                return Outcome::Failed(failure);
            }
            *last.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(failure);
            if throttled {
                session.pace.pause(pause);
            } else {
                tokio::time::sleep(pause).await;
            }
        }
        unreachable!("the last try returns")
    }

    async fn once(&self, session: &Session, asked: &Asked) -> Result<Outcome, (Failure, Option<Duration>)> {
        let options =
            SecretClientGetSecretOptions { secret_version: asked.version.clone(), ..Default::default() };
        let answer = match session.client.get_secret(&asked.name, Some(options)).await {
            Ok(answer) => answer.into_model(),
            Err(error) => Err(error),
        };
        let error = match answer {
            Ok(model) => return Ok(outcome(model)),
            Err(error) => error,
        };
        let caller = session.login.caller();
        let about = About { host: &self.host, name: &asked.name, caller: caller.as_deref() };
        match denial::read(&error, about) {
            Refusal::NotThere => Ok(self.deleted(session, about).await),
            Refusal::Failed(failure) => Ok(Outcome::Failed(failure)),
            Refusal::Again(failure, after) => Err((failure, after)),
            Refusal::Login => {
                Ok(Outcome::Failed(session.login.failure().unwrap_or_else(|| self.timed_out(session))))
            }
        }
    }

    /// A name that is not there may be one that was deleted. Who may not see deleted secrets is
    /// told that it is absent.
    async fn deleted(&self, session: &Session, about: About<'_>) -> Outcome {
        let absent = Outcome::Absent { empty: false };
        let Ok(answer) = session.client.get_deleted_secret(about.name, None).await else {
            return absent;
        };
        let Ok(mut model) = answer.into_model() else {
            return absent;
        };
        model.value = None;
        let day = |time: Option<OffsetDateTime>| {
            timestamp(time).map_or("an unknown day".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
        };
        Outcome::Failed(Failure {
            cause: Cause::SoftDeleted,
            what: format!(
                "`{}` in {} was deleted on {} and can be recovered until {}",
                about.name,
                about.host,
                day(model.deleted_date),
                day(model.scheduled_purge_date)
            ),
            fix: format!("az keyvault secret recover --vault-name {} --name {}", about.vault(), about.name),
        })
    }
}

impl Session {
    fn new(
        url: &Url,
        settings: &Settings,
        variables: &Variables,
        shared: &mut Shared,
    ) -> Result<Self, Failure> {
        let (login, client) = shared.of(settings, variables)?;
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let skip = settings.skip_challenge_check.unwrap_or(local);
        let defaults = SecretClientOptions::default();
        let options = SecretClientOptions {
            api_version: settings.api_version.clone().unwrap_or(defaults.api_version),
            client_options: transport::options(&client),
            verify_challenge_resource: Some(!skip),
        };
        let client = SecretClient::new(url.as_str(), Arc::clone(&login) as _, Some(options));
        let client = client.map_err(|_| Failure {
            cause: Cause::Unreachable,
            what: format!("{url} cannot be the URL of a vault"),
            fix: "check --vault-url (COFFERDAM_VAULT_URL)".to_owned(),
        })?;
        Ok(Self { client, login, pace: Pace::default() })
    }

    fn auth(&self) -> &'static str {
        AUTHS.iter().find(|&&(auth, _)| auth == self.login.auth).map_or("none", |&(_, name)| name)
    }
}

fn timestamp(time: Option<OffsetDateTime>) -> Option<Timestamp> {
    Timestamp::from_second(time?.unix_timestamp()).ok()
}

fn outcome(mut model: azure_security_keyvault_secrets::models::Secret) -> Outcome {
    let value = model.value.take().map(Secret::new);
    let version = model.resource_id().ok().and_then(|id| id.version);
    let attributes = model.attributes.unwrap_or_default();
    match value {
        Some(value) if !value.expose().trim().is_empty() => Outcome::Found(Found {
            value,
            version,
            updated: timestamp(attributes.updated.or(attributes.created)),
            not_before: timestamp(attributes.not_before),
            expires: timestamp(attributes.expires),
        }),
        _ => Outcome::Absent { empty: true },
    }
}

#[async_trait::async_trait]
impl Provider for KeyVault {
    fn label(&self) -> &str {
        &self.label
    }

    fn is_remote(&self) -> bool {
        true
    }

    async fn look_up(&self, asked: &[Asked], deadline: Instant) -> Vec<Outcome> {
        match self.session.as_ref().map(|session| (session, session.login.impossible())) {
            Ok((session, None)) => self.all(session, asked, deadline).await,
            Ok((_, Some(failure))) | Err(failure) => {
                asked.iter().map(|_| Outcome::Failed(failure.clone())).collect()
            }
        }
    }

    fn fix(&self, asked: &Asked) -> String {
        let vault = About { host: &self.host, name: &asked.name, caller: None };
        match &asked.version {
            Some(version) => format!("check that `{}` has a version {version} in {}", asked.name, self.host),
            None => format!(
                "az keyvault secret set --vault-name {} --name {} --file FILE",
                vault.vault(),
                asked.name
            ),
        }
    }

    fn notes(&self) -> Vec<String> {
        let Ok(session) = &self.session else {
            return Vec::new();
        };
        vec![format!("{}: login by {}: {}", self.label, session.auth(), session.login.why)]
    }
}
