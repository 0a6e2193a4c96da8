//! The plan of an environment: what it needs and where that comes from, made of its template and
//! `cofferdam.toml` before anything is asked.

use super::fault::{Fault, FaultKind, Faults, Place};
use super::manifest::{Declared, Source};
use super::project::Project;
use super::provider::Asked;
use super::reference::{Reference, is_secret_name};
use super::settings::Settings;
use super::shape::{Kind, Shape, Unusable, unusable};
use super::template::Entry;
use crate::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// What an environment needs and where that comes from.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The environment's name.
    pub environment: String,
    /// Its template as shown.
    pub template: Option<PathBuf>,
    /// What it needs, in the template's order.
    pub requirements: Vec<Requirement>,
    /// Where it comes from, first hit wins.
    pub sources: Vec<Source>,
    /// How to reach its vaults, by the file.
    pub settings: Settings,
}

/// One thing that an environment needs.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// How sources are asked for it.
    pub asked: Asked,
    /// Where it is declared.
    pub place: Place,
    /// What it must look like.
    pub shape: Shape,
    /// Whether it may be missing.
    pub optional: bool,
    /// Whether its value is hidden.
    pub sensitive: bool,
    /// The public value that the template gives.
    pub literal: Option<Secret>,
    /// Whether the template holds something to be filled in.
    pub placeholder: bool,
    /// The one secret that it stands for.
    pub reference: Option<Reference>,
    /// The field of the JSON object that a vault holds.
    pub field: Option<String>,
    /// Whether a vault holds it in base64.
    pub decode_base64: bool,
    /// The group of which one must be there.
    pub one_of: Option<String>,
    /// Whether no two environments may have the same value.
    pub unique: bool,
    /// How old its version may be.
    pub max_age: Option<Duration>,
    /// How long before its expiry it becomes a problem.
    pub expires_within: Option<Duration>,
    /// What it is for.
    pub description: String,
}

impl Plan {
    /// The plan of `environment`.
    ///
    /// # Errors
    /// Everything that is wrong with the declarations.
    pub fn new(project: &Project, environment: &str) -> Result<Self, Faults> {
        let template = project.template(environment)?;
        let declared = project.manifest.environments.get(environment).cloned().unwrap_or_default();
        let sources = declared.sources.unwrap_or_else(|| {
            vec![Source::Process, Source::Dotenv { path: ".env.local".into(), expand: false }]
        });
        let mut faults = Vec::new();
        let mut requirements = Vec::new();
        for entry in template.iter().flat_map(|(template, _)| &template.entries) {
            let file = template.as_ref().map(|(_, path)| path.as_path()).unwrap_or("".as_ref());
            let declared = project.manifest.secrets.get(&entry.key);
            let place = Place::line(file, entry.line);
            match Requirement::new(entry, declared, place, environment) {
                Ok(requirement) => requirements.push(requirement),
                Err(fault) => faults.push(fault),
            }
        }
        for (key, declared) in &project.manifest.secrets {
            let here = match &declared.environments {
                Some(names) => names.iter().any(|name| name == environment),
                None => template.is_none(),
            };
            if here && !requirements.iter().any(|requirement| requirement.asked.key == *key) {
                requirements.push(Requirement::declared(key, declared, declared.place.clone(), environment));
            }
        }
        let asks_vault = sources.iter().any(|source| matches!(source, Source::KeyVault { .. }));
        for requirement in requirements.iter().filter(|_| asks_vault) {
            let from_vault = requirement.literal.is_none() && requirement.reference.is_none();
            if from_vault && !is_secret_name(&requirement.asked.name) {
                let expected = format!(
                    "given in [secrets.{}]: Key Vault names have only letters, digits and dashes",
                    requirement.asked.key
                );
                let kind = FaultKind::BadValue { key: "name".to_owned(), expected };
                faults.push(Fault { place: requirement.place.clone(), kind });
            }
        }
        if !faults.is_empty() {
            return Err(faults.into());
        }
        Ok(Self {
            environment: environment.to_owned(),
            template: template.map(|(_, path)| path),
            requirements,
            sources,
            settings: declared.settings,
        })
    }
}

impl Plan {
    /// The longest deadline that a vault's own settings give.
    pub(super) fn source_timeout(&self) -> Option<Duration> {
        let timeout = |source: &Source| match source {
            Source::KeyVault { settings, .. } => settings.timeout,
            _ => None,
        };
        self.sources.iter().filter_map(timeout).max()
    }
}

impl Requirement {
    fn new(
        entry: &Entry,
        declared: Option<&Declared>,
        place: Place,
        environment: &str,
    ) -> Result<Self, Fault> {
        let text = entry.value.expose();
        let mut requirement =
            Self::declared(&entry.key, declared.unwrap_or(&Declared::default()), place, environment);
        let said = &entry.annotations;
        let limited = declared.is_some_and(|declared| declared.optional.is_some());
        requirement.optional |= said.optional == Some(true) && !limited;
        requirement.shape = requirement.shape.or(said.shape.clone());
        if requirement.description.is_empty() {
            requirement.description.clone_from(&said.description);
        }
        match Reference::parse(text) {
            Some(Ok(reference)) => {
                requirement.asked.name.clone_from(&reference.name);
                requirement.asked.version = reference.version.clone().or(requirement.asked.version);
                requirement.field = reference.field.clone().or(requirement.field);
                requirement.reference = Some(reference);
            }
            Some(Err(expected)) => {
                let kind = FaultKind::BadValue { key: entry.key.clone(), expected: expected.to_owned() };
                return Err(Fault { place: requirement.place, kind });
            }
            None => match unusable(text) {
                Some(Unusable::Empty) => {}
                Some(_) if requirement.shape.kind != Some(Kind::Enum) => requirement.placeholder = true,
                _ => requirement.literal = Some(entry.value.clone()),
            },
        }
        let declared = declared.and_then(|declared| declared.sensitive);
        requirement.sensitive = declared.or(said.sensitive).unwrap_or(requirement.literal.is_none());
        Ok(requirement)
    }

    fn declared(key: &str, declared: &Declared, place: Place, environment: &str) -> Self {
        let elsewhere =
            declared.environments.as_ref().is_some_and(|names| !names.iter().any(|n| n == environment));
        Self {
            asked: Asked {
                key: key.to_owned(),
                name: declared.name.clone().unwrap_or_else(|| key.replace('_', "-")),
                version: declared.version.clone(),
            },
            place,
            shape: declared.shape.clone(),
            optional: elsewhere || declared.optional.as_ref().is_some_and(|when| when.holds(environment)),
            sensitive: declared.sensitive.unwrap_or(true),
            literal: None,
            placeholder: false,
            reference: None,
            field: declared.field.clone(),
            decode_base64: declared.decode_base64,
            one_of: declared.one_of.clone(),
            unique: declared.unique,
            max_age: declared.max_age,
            expires_within: declared.expires_within,
            description: declared.description.clone().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(toml: &str, template: &str, environment: &str) -> Result<Plan, Faults> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("cofferdam.toml"), toml).unwrap();
        std::fs::write(directory.path().join(".env.production"), template).unwrap();
        Plan::new(&Project::find(directory.path())?, environment)
    }

    #[test]
    fn template_and_manifest_make_a_plan() {
        let plan = plan(
            "[environments.production]\nsources = [\"process\"]\n[environments.development]\n\
             [secrets.DATABASE_URL]\ntype = \"url\"\n[secrets.ONLY_HERE]\nenvironments = [\"production\"]\n\
             [secrets.ELSEWHERE]\nenvironments = [\"development\"]\n",
            "# optional\nSENTRY_DSN=\nDATABASE_URL=\nPORT=3000\nKEY=changeme\nELSEWHERE=\n\
             REF=keyvault://ours/name/0123#/a\n",
            "production",
        )
        .unwrap();
        let find = |key: &str| plan.requirements.iter().find(|r| r.asked.key == key).unwrap();
        assert_eq!(plan.requirements.len(), 7);
        assert!(find("SENTRY_DSN").optional && find("ELSEWHERE").optional && !find("ONLY_HERE").optional);
        assert_eq!(find("DATABASE_URL").asked.name, "DATABASE-URL");
        assert_eq!(find("DATABASE_URL").shape.kind, Some(Kind::Url));
        assert!(find("PORT").literal.is_some() && !find("PORT").sensitive);
        assert!(find("KEY").placeholder && find("KEY").sensitive);
        assert_eq!((find("REF").asked.name.as_str(), find("REF").field.as_deref()), ("name", Some("a")));
    }

    #[test]
    fn a_key_that_no_vault_can_hold_is_a_fault() {
        let toml = "[environments.production]\nsources = [\"keyvault://ours\"]\n";
        let words = plan(toml, "A.B=\nC.D=public\n", "production").unwrap_err().to_string();
        assert!(words.contains(".env.production:1: `name` must be given in [secrets.A.B]"), "{words}");
        assert!(!words.contains("C.D"), "{words}");
    }

    #[test]
    fn a_broken_reference_is_a_fault_that_does_not_quote_it() {
        let toml = "[environments.production]\n";
        let words = plan(toml, "A=keyvault://canary\n", "production").unwrap_err().to_string();
        assert!(words.contains(":1: `A` must be a reference as vault/name"), "{words}");
        assert!(!words.contains("canary"), "{words}");
    }
}
