//! The call that an application makes at its start: everything it needs, or every reason why not.

use super::check::{Judged, Strictness, check};
use super::fault::Faults;
use super::plan::Plan;
use super::project::Project;
use super::provider::Provider;
use super::report::{Report, problems};
use super::resolve::Sources;
use super::settings::{Settings, Variables};
use super::typed::{self, TypedError};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// The deadline where nothing says another.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Loads the secrets of one environment.
///
/// ```no_run
/// use cofferdam::vault::{Loader, SecretString};
///
/// #[derive(serde::Deserialize)]
/// struct AppSecrets {
///     database_url: SecretString,
///     openai_api_key: SecretString,
///     port: u16,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let secrets = Loader::from_environment("production")?.load_blocking()?;
/// let secrets: AppSecrets = secrets.into_typed()?;
/// # Ok(())
/// # }
/// ```
pub struct Loader {
    project: Project,
    environment: String,
    settings: Settings,
    variables: Variables,
    added: Vec<Box<dyn Provider>>,
    strictness: Strictness,
    offline: bool,
}

impl fmt::Debug for Loader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Loader").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// Why an application may not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The declarations are wrong.
    #[error("{0}")]
    Declaration(#[from] Faults),
    /// Something required is missing or unusable, or could not be asked for.
    #[error("environment {}:\n{}", .0.environment, problems(.0))]
    Refused(Box<Report>),
    /// No thread or runtime could be started.
    #[error("no thread could be started: {0}")]
    Runtime(std::io::ErrorKind),
}

impl Loader {
    /// For an environment of the project that the working directory is in.
    ///
    /// # Errors
    /// Everything that is wrong with `cofferdam.toml`.
    pub fn from_environment(environment: &str) -> Result<Self, LoadError> {
        Self::in_directory(Path::new("."), environment)
    }

    /// For an environment of the project that `directory` is in.
    ///
    /// # Errors
    /// Everything that is wrong with `cofferdam.toml`.
    pub fn in_directory(directory: &Path, environment: &str) -> Result<Self, LoadError> {
        Ok(Self::of_project(Project::find(directory)?, environment))
    }

    /// For an environment of `project`.
    pub fn of_project(project: Project, environment: &str) -> Self {
        Self {
            project,
            environment: environment.to_owned(),
            settings: Settings::default(),
            variables: Variables::of_process(),
            added: Vec::new(),
            strictness: Strictness::now(),
            offline: false,
        }
    }

    /// Ends within this time, whatever happens. It comes before `COFFERDAM_TIMEOUT` and the file.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.timeout = Some(deadline);
        self
    }

    /// Settings that come before those of environment variables and the file.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings.or(self.settings);
        self
    }

    /// Asks this source before all others.
    #[must_use]
    pub fn source(mut self, source: impl Provider + 'static) -> Self {
        self.added.push(Box::new(source));
        self
    }

    /// Takes these variables in place of the process environment's.
    #[must_use]
    pub fn variables(mut self, variables: Variables) -> Self {
        self.variables = variables;
        self
    }

    /// What to refuse beside what cannot be used today.
    #[must_use]
    pub fn strictness(mut self, strictness: Strictness) -> Self {
        self.strictness = strictness;
        self
    }

    /// Asks no vault: [`Loader::judge`] then leaves open what only a vault could have.
    #[must_use]
    pub fn offline(mut self, offline: bool) -> Self {
        self.offline = offline;
        self
    }

    /// Loads the secrets. Needs a tokio runtime with time and I/O.
    ///
    /// # Errors
    /// Everything that is wrong, with no value in it.
    pub async fn load(mut self) -> Result<Secrets, LoadError> {
        self.offline = false;
        let checked = self.judge().await?.checked().map_err(LoadError::Refused)?;
        let values = checked.values.into_iter();
        let values = values.map(|value| (value.key, SecretString::from(value.secret.expose().to_owned())));
        Ok(Secrets { values: values.collect(), report: checked.report })
    }

    /// Loads the secrets on a thread of its own, so it may be called from anywhere.
    ///
    /// # Errors
    /// Everything that is wrong, with no value in it.
    pub fn load_blocking(self) -> Result<Secrets, LoadError> {
        let thread = std::thread::Builder::new().name("cofferdam".to_owned());
        let thread = thread.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| LoadError::Runtime(error.kind()))?;
            let loaded = runtime.block_on(self.load());
            // A name that does not resolve must not hold the deadline: its thread is left behind.
            runtime.shutdown_background();
            loaded
        });
        let thread = thread.map_err(|error| LoadError::Runtime(error.kind()))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Resolves and judges everything, whether or not something is wrong.
    ///
    /// # Errors
    /// Everything that is wrong with the declarations.
    pub async fn judge(self) -> Result<Judged, Faults> {
        let start = Instant::now();
        let plan = Plan::new(&self.project, &self.environment)?;
        let settings = self.settings.or(Settings::from_variables(&self.variables)?);
        let timeout =
            settings.timeout.or(plan.settings.timeout).or(plan.source_timeout()).unwrap_or(DEADLINE);
        let sources = Sources::open(&self.project, &plan, &settings, &self.variables, self.added)?;
        let states = sources.resolve(&plan, self.offline, start + timeout).await;
        let notes = if self.offline { Vec::new() } else { sources.notes() };
        Ok(check(&plan, states, notes, self.strictness))
    }
}

/// The secrets of an environment in which nothing required is missing.
#[derive(Debug)]
pub struct Secrets {
    values: BTreeMap<String, SecretString>,
    report: Report,
}

/// A key that was not loaded: it is optional and absent, or the template does not have it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not among the secrets that were loaded: is it in the template, and not optional?")]
pub struct NotLoaded(pub String);

impl Secrets {
    /// The secret of that key.
    ///
    /// # Errors
    /// When it was not loaded.
    pub fn get(&self, key: &str) -> Result<&SecretString, NotLoaded> {
        self.values.get(key).ok_or_else(|| NotLoaded(key.to_owned()))
    }

    /// The secret of that key, if it was loaded.
    pub fn find(&self, key: &str) -> Option<&SecretString> {
        self.values.get(key)
    }

    /// The keys that were loaded, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// What is known of them; it holds no value.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The secrets as a struct of the application's: its fields are the keys in lower case (or as
    /// they are), of type `SecretString`, text, number, `bool`, enum, or an `Option` of these.
    ///
    /// # Errors
    /// Every field that does not fit, with no value in it.
    pub fn into_typed<T: DeserializeOwned>(self) -> Result<T, TypedError> {
        typed::read(&self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::vault::provider::memory::Memory;

    #[test]
    fn loads_from_a_source_of_the_callers_and_can_be_spawned() {
        fn spawned<T: Send + 'static>(_: &T) {}
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(".env.test"), "A=\nB=2\n# optional\nC=\n").unwrap();
        let loader = || {
            let values = [("A".to_owned(), Secret::new("one".to_owned()))];
            let loader = Loader::in_directory(directory.path(), "test").unwrap();
            loader.variables(Variables::default()).source(Memory::new("ours", values))
        };
        spawned(&loader().load());
        let secrets = loader().load_blocking().unwrap();
        assert_eq!(secrets.keys().collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(secrets.get("C").unwrap_err(), NotLoaded("C".to_owned()));
        assert_eq!(secrets.report().secrets[0].source.as_deref(), Some("ours"));
        let error = Loader::in_directory(directory.path(), "test").unwrap().variables(Variables::default());
        let words = error.load_blocking().unwrap_err().to_string();
        assert!(words.starts_with("environment test:\nerror: A (test): missing:"), "{words}");
    }
}
