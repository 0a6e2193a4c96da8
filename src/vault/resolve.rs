//! Asks the sources of a plan in their order, the first hit winning; what no source has may have
//! its public value from the template. It judges nothing: that is [`super::check`]'s.

use super::fault::Faults;
use super::manifest::Source;
use super::plan::Plan;
use super::project::Project;
use super::provider::dotenv::Dotenv;
use super::provider::keyvault::{KeyVault, Shared};
use super::provider::process::Process;
use super::provider::{Asked, Failure, Found, Outcome, Provider};
use super::reference::VaultName;
use super::settings::{Settings, Variables};
use futures::future;
use std::collections::BTreeMap;
use tokio::time::Instant;
use url::Url;

/// What became of one requirement.
#[derive(Clone, Debug)]
pub enum State {
    /// A source gave it.
    Found {
        /// The value and what is known of it.
        found: Found,
        /// Which source.
        source: String,
        /// Whether that source is a vault.
        remote: bool,
    },
    /// The template gives it.
    Literal,
    /// No source has it.
    Absent {
        /// The sources that were asked.
        asked: Vec<String>,
        /// Those that have it with nothing in it.
        empty: Vec<String>,
        /// What to do, by the last source.
        fix: String,
    },
    /// A source could not give it.
    Failed {
        /// Which source.
        source: String,
        /// Why.
        failure: Failure,
    },
    /// Only a vault could have it, and vaults were not to be asked.
    NotAsked,
}

/// The sources of a plan, ready to be asked.
pub struct Sources {
    ordered: Vec<Box<dyn Provider>>,
    /// The vaults that references name.
    referenced: BTreeMap<VaultName, KeyVault>,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.ordered.iter().map(|source| source.label())).finish()
    }
}

impl Sources {
    /// Opens the sources of `plan`. `settings` are those that come before the file's. `added` are
    /// the caller's own, and come first.
    ///
    /// # Errors
    /// Everything that is wrong with a local source.
    pub fn open(
        project: &Project,
        plan: &Plan,
        settings: &Settings,
        variables: &Variables,
        added: Vec<Box<dyn Provider>>,
    ) -> Result<Self, Faults> {
        let mut opener = Opener { plan, settings, variables, shared: Shared::default() };
        let mut ordered = added;
        let mut faults = Vec::new();
        for source in &plan.sources {
            match source {
                Source::Process => ordered.push(Box::new(Process(variables.clone()))),
                Source::Dotenv { path, expand } => {
                    let expand = expand.then_some(variables);
                    match Dotenv::open(&project.root.join(path), &project.shown(path), expand) {
                        Ok(source) => ordered.push(Box::new(source)),
                        Err(Faults(more)) => faults.extend(more),
                    }
                }
                #[cfg(feature = "keyring")]
                Source::Keyring { service } => {
                    ordered.push(Box::new(super::provider::keyring::Keyring::new(service)));
                }
                #[cfg(not(feature = "keyring"))]
                Source::Keyring { service } => {
                    ordered.push(Box::new(NoKeyring(format!("keyring:{service}"))))
                }
                Source::KeyVault { vault, prefix, settings } => {
                    ordered.push(Box::new(Prefixed {
                        vault: opener.vault(vault, settings),
                        prefix: prefix.clone(),
                    }));
                }
            }
        }
        // A vault URL serves an environment whose sources name no vault, too.
        if let Some(vault) = settings.vault_url.as_ref().or(plan.settings.vault_url.as_ref())
            && !plan.sources.iter().any(|source| matches!(source, Source::KeyVault { .. }))
        {
            ordered.push(Box::new(opener.vault(vault, &Settings::default())));
        }
        let vaults = plan.requirements.iter().filter_map(|requirement| requirement.reference.as_ref());
        let mut referenced = BTreeMap::new();
        for reference in vaults {
            referenced
                .entry(reference.vault.clone())
                .or_insert_with_key(|vault| opener.vault(vault, &Settings::default()));
        }
        if faults.is_empty() { Ok(Self { ordered, referenced }) } else { Err(faults.into()) }
    }

    /// What they did that is worth knowing.
    pub fn notes(&self) -> Vec<String> {
        let ordered = self.ordered.iter().flat_map(|source| source.notes());
        let mut notes: Vec<_> = ordered.chain(self.referenced.values().flat_map(Provider::notes)).collect();
        notes.dedup();
        notes
    }

    /// Asks them for everything that `plan` requires, before `deadline`; vaults only unless
    /// `offline`. One state for each requirement, in their order.
    pub async fn resolve(&self, plan: &Plan, offline: bool, deadline: Instant) -> Vec<State> {
        let count = plan.requirements.len();
        let mut round = Round { plan, states: vec![None; count], tried: vec![Tried::default(); count] };
        for source in self.ordered.iter().filter(|source| !offline || !source.is_remote()) {
            // A vault is not asked for what the template gives, or says where to find.
            let open = round.open(|at| {
                let requirement = &plan.requirements[at];
                !source.is_remote() || (requirement.literal.is_none() && requirement.reference.is_none())
            });
            round.ask(source.as_ref(), &open, deadline).await;
        }
        if !offline {
            self.references(&mut round, deadline).await;
        }
        let remote = self.ordered.iter().any(|source| source.is_remote());
        round.finish(offline, remote)
    }

    /// All vaults that references name, at the same time.
    async fn references(&self, round: &mut Round<'_>, deadline: Instant) {
        let plan = round.plan;
        let asked = self.referenced.iter().map(|(name, vault)| {
            let open =
                round.open(|at| plan.requirements[at].reference.as_ref().is_some_and(|r| r.vault == *name));
            let asked: Vec<_> = open.iter().map(|&at| plan.requirements[at].asked.clone()).collect();
            async move { (vault, open, vault.look_up(&asked, deadline).await) }
        });
        for (vault, open, outcomes) in future::join_all(asked.collect::<Vec<_>>()).await {
            round.take(vault, &open, outcomes);
        }
    }
}

struct Opener<'a> {
    plan: &'a Plan,
    settings: &'a Settings,
    variables: &'a Variables,
    shared: Shared,
}

impl Opener<'_> {
    /// Flag and variable come first, then the source's own settings, then its environment's.
    fn vault(&mut self, name: &VaultName, own: &Settings) -> KeyVault {
        let settings = self.settings.clone().or(own.clone()).or(self.plan.settings.clone());
        let name = settings.vault_url.as_ref().unwrap_or(name);
        let url = name.url(settings.cloud.unwrap_or_default().vault_suffix());
        let url = url.unwrap_or_else(|| Url::parse("https://invalid.invalid/").expect("a constant URL"));
        KeyVault::new(&url, &settings, self.variables, &mut self.shared)
    }
}

/// A vault whose names all begin with something.
struct Prefixed {
    vault: KeyVault,
    prefix: String,
}

impl Prefixed {
    fn name(&self, asked: &Asked) -> Asked {
        Asked { name: format!("{}{}", self.prefix, asked.name), ..asked.clone() }
    }
}

#[async_trait::async_trait]
impl Provider for Prefixed {
    fn label(&self) -> &str {
        self.vault.label()
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn fix(&self, asked: &Asked) -> String {
        self.vault.fix(&self.name(asked))
    }

    fn notes(&self) -> Vec<String> {
        self.vault.notes()
    }

    async fn look_up(&self, asked: &[Asked], deadline: Instant) -> Vec<Outcome> {
        let asked: Vec<_> = asked.iter().map(|asked| self.name(asked)).collect();
        self.vault.look_up(&asked, deadline).await
    }
}

/// Says that this build has no keyring.
#[cfg(not(feature = "keyring"))]
struct NoKeyring(String);

#[cfg(not(feature = "keyring"))]
#[async_trait::async_trait]
impl Provider for NoKeyring {
    fn label(&self) -> &str {
        &self.0
    }

    fn fix(&self, _: &Asked) -> String {
        "build with the feature `keyring`, or take the keyring out of this environment's sources".to_owned()
    }

    async fn look_up(&self, asked: &[Asked], _: Instant) -> Vec<Outcome> {
        let failure = |asked: &Asked| {
            Outcome::Failed(Failure {
                cause: super::problem::Cause::Unreachable,
                what: "this build of cofferdam cannot read the keyring".to_owned(),
                fix: self.fix(asked),
            })
        };
        asked.iter().map(failure).collect()
    }
}

#[derive(Clone, Default)]
struct Tried {
    asked: Vec<String>,
    empty: Vec<String>,
    fix: Option<String>,
}

struct Round<'a> {
    plan: &'a Plan,
    states: Vec<Option<State>>,
    tried: Vec<Tried>,
}

impl Round<'_> {
    /// The requirements without a state for which `also` holds.
    fn open(&self, also: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..self.states.len()).filter(|&at| self.states[at].is_none() && also(at)).collect()
    }

    async fn ask(&mut self, source: &dyn Provider, open: &[usize], deadline: Instant) {
        if open.is_empty() {
            return;
        }
        let asked: Vec<_> = open.iter().map(|&at| self.plan.requirements[at].asked.clone()).collect();
        let outcomes = source.look_up(&asked, deadline).await;
        self.take(source, open, outcomes);
    }

    fn take(&mut self, source: &dyn Provider, open: &[usize], outcomes: Vec<Outcome>) {
        let label = || source.label().to_owned();
        for (&at, outcome) in open.iter().zip(outcomes) {
            let tried = &mut self.tried[at];
            match outcome {
                Outcome::Found(found) => {
                    let remote = source.is_remote();
                    self.states[at] = Some(State::Found { found, source: label(), remote });
                }
                Outcome::Failed(failure) => {
                    self.states[at] = Some(State::Failed { source: label(), failure })
                }
                Outcome::Absent { empty } => {
                    tried.asked.push(label());
                    if empty {
                        tried.empty.push(label());
                    }
                    tried.fix = Some(source.fix(&self.plan.requirements[at].asked));
                }
            }
        }
    }

    fn finish(self, offline: bool, remote: bool) -> Vec<State> {
        let rest = self.states.into_iter().zip(self.tried).zip(&self.plan.requirements);
        rest.map(|((state, tried), requirement)| match state {
            Some(state) => state,
            None if requirement.literal.is_some() => State::Literal,
            None if offline && (remote || requirement.reference.is_some()) => State::NotAsked,
            None => State::Absent {
                asked: tried.asked,
                empty: tried.empty,
                fix: tried
                    .fix
                    .unwrap_or_else(|| "give this environment sources in cofferdam.toml".to_owned()),
            },
        })
        .collect()
    }
}
