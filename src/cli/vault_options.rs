//! What the vault half's commands have in common: which environment, how to reach its vaults, and
//! how a failure ends the program.

use super::exit::Exit;
use clap::Args;
use cofferdam::terminal::escape;
use cofferdam::vault::check::{Judged, Strictness};
use cofferdam::vault::fault::{FaultKind, Faults, Place};
use cofferdam::vault::loader::Loader;
use cofferdam::vault::project::Project;
use cofferdam::vault::report::{Report, Status, problems};
use cofferdam::vault::settings::{NAMES, Settings};
use std::ffi::OsString;
use std::path::Path;

/// How to reach Key Vault. Each is also an environment variable and a key of `cofferdam.toml`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Key Vault (flag, else variable, else cofferdam.toml)")]
pub(crate) struct VaultOptions {
    /// The file to read in place of cofferdam.toml
    #[arg(long, short, value_name = "FILE", env = "COFFERDAM_CONFIG")]
    config: Option<OsString>,
    /// Ask this vault in place of every Key Vault that is named [COFFERDAM_VAULT_URL]
    #[arg(long, value_name = "NAME|URL")]
    vault_url: Option<String>,
    /// PEM file of authorities to trust beside the system's [COFFERDAM_CA_FILE]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<String>,
    /// auto, token, workload, github, pipelines, secret, managed-identity, cli, azd [COFFERDAM_AUTH]
    #[arg(long, value_name = "HOW")]
    auth: Option<String>,
    /// File with an access token, for --auth token [COFFERDAM_ACCESS_TOKEN_FILE, or the token itself in
    /// COFFERDAM_ACCESS_TOKEN]
    #[arg(long, value_name = "FILE")]
    access_token_file: Option<String>,
    /// Version of Key Vault's API [COFFERDAM_API_VERSION]
    #[arg(long, value_name = "VERSION")]
    api_version: Option<String>,
    /// Deadline for everything, such as 10s [COFFERDAM_TIMEOUT]
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// public, usgov, china [COFFERDAM_CLOUD]
    #[arg(long, value_name = "CLOUD")]
    cloud: Option<String>,
    /// Tenant to log in to [COFFERDAM_TENANT_ID, AZURE_TENANT_ID]
    #[arg(long, value_name = "ID")]
    tenant_id: Option<String>,
    /// Application or user-assigned identity [COFFERDAM_CLIENT_ID, AZURE_CLIENT_ID]
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Send the token though the vault's challenge names another host [COFFERDAM_SKIP_CHALLENGE_CHECK]
    #[arg(long)]
    skip_challenge_check: bool,
}

impl VaultOptions {
    pub(crate) fn settings(&self) -> Result<Settings, Faults> {
        let mut settings = Settings::default();
        let mut faults = Vec::new();
        for &(key, _) in NAMES {
            let value = match key {
                "vault_url" => self.vault_url.as_deref(),
                "ca_file" => self.ca_file.as_deref(),
                "auth" => self.auth.as_deref(),
                "access_token_file" => self.access_token_file.as_deref(),
                "api_version" => self.api_version.as_deref(),
                "timeout" => self.timeout.as_deref(),
                "cloud" => self.cloud.as_deref(),
                "tenant_id" => self.tenant_id.as_deref(),
                "client_id" => self.client_id.as_deref(),
                _ => self.skip_challenge_check.then_some("true"),
            };
            if let Some(Err(expected)) = value.map(|value| settings.set(key, value)) {
                let flag = format!("--{}", key.replace('_', "-"));
                let kind = FaultKind::BadValue { key: flag, expected };
                faults.push(cofferdam::vault::fault::Fault { place: Place::file("command line"), kind });
            }
        }
        if faults.is_empty() { Ok(settings) } else { Err(faults.into()) }
    }

    pub(crate) fn project(&self) -> Result<Project, Faults> {
        match self.config.as_ref().filter(|file| !file.is_empty()) {
            Some(file) => Project::open(file.as_ref()),
            None => Project::find(Path::new(".")),
        }
    }
}

/// The one environment that a command is for.
#[derive(Args, Clone, Debug)]
pub(crate) struct OneEnvironment {
    /// The environment; none: the only one that there is
    #[arg(long, short, value_name = "ENV", env = "COFFERDAM_ENV")]
    environment: Option<String>,
}

impl OneEnvironment {
    pub(crate) fn name(&self, project: &Project) -> Result<String, Faults> {
        let named = self.environment.as_ref().filter(|name| !name.is_empty());
        match (named, project.environments().as_slice()) {
            (Some(name), _) => Ok(name.clone()),
            (None, [only]) => Ok(only.clone()),
            (None, known) => Err(which(known)),
        }
    }
}

/// The fault of having said no environment.
pub(crate) fn which(known: &[String]) -> Faults {
    let expected = match known {
        [] => "given: write a template `.env.<environment>` first, or run `cofferdam env init`".to_owned(),
        _ => format!("given: one of {}", known.join(", ")),
    };
    Faults::one(
        Place::file("command line"),
        FaultKind::BadValue { key: "--environment".to_owned(), expected },
    )
}

/// Resolves and judges environments at the same time.
pub(crate) fn judge(
    project: &Project,
    names: &[String],
    settings: &Settings,
    strictness: Strictness,
    offline: bool,
) -> anyhow::Result<Result<Vec<Judged>, Faults>> {
    let loads = names.iter().map(|name| {
        let loader = Loader::of_project(project.clone(), name).settings(settings.clone());
        loader.strictness(strictness).offline(offline).judge()
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let judged = runtime.block_on(futures::future::join_all(loads));
    // A name that does not resolve must not hold the deadline: its thread is left behind.
    runtime.shutdown_background();
    let mut faults = Vec::new();
    let mut good = Vec::new();
    for judged in judged {
        match judged {
            Ok(judged) => good.push(judged),
            Err(Faults(more)) => {
                faults.extend(more.into_iter().filter(|fault| !faults.contains(fault)).collect::<Vec<_>>())
            }
        }
    }
    Ok(if faults.is_empty() { Ok(good) } else { Err(faults.into()) })
}

/// Says what is wrong with the declarations: a usage error.
pub(crate) fn declared_wrong(faults: &Faults) -> Exit {
    for fault in &faults.0 {
        eprintln!("error: {}", escape(&fault.to_string()));
    }
    Exit::Unusable
}

/// Says what keeps an environment from being used.
pub(crate) fn refused(report: &Report) {
    eprint!("{}", problems(report));
    for note in &report.notes {
        eprintln!("note: {note}");
    }
    let errors = report.problems.len();
    let words = match report.status() {
        Status::Undecided => "could not be checked: trying again may help",
        _ => "cannot be used",
    };
    let plural = if errors == 1 { "problem" } else { "problems" };
    eprintln!("environment {} {words} ({errors} {plural})", report.environment);
}

/// The exit code of a status.
pub(crate) fn exit(status: Status) -> Exit {
    match status {
        Status::Ready => Exit::Clean,
        Status::Failed => Exit::Found(1),
        Status::Undecided => Exit::Incomplete,
    }
}
