//! `cofferdam env init`: a first `cofferdam.toml` from the templates that a repository has, and the
//! JSON Schema for editors. It writes keys and guesses about them, never a value.

use super::exit::Exit;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use cofferdam::vault::fault::Faults;
use cofferdam::vault::manifest::{FILE, Manifest, SCHEMA};
use cofferdam::vault::project::template_of;
use cofferdam::vault::reference::VaultName;
use cofferdam::vault::template::Template;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Set up the environments of this directory
#[derive(Args, Clone, Debug)]
pub(crate) struct Env {
    #[command(subcommand)]
    command: EnvCommand,
}

#[derive(Subcommand, Clone, Debug)]
enum EnvCommand {
    /// Write a first cofferdam.toml from the templates that are here
    Init(EnvInit),
    /// Write the JSON Schema of cofferdam.toml, for editors
    Schema,
}

#[derive(Args, Clone, Debug)]
struct EnvInit {
    /// The Key Vault of every environment but development and test; `{env}` stands for its name
    #[arg(long, value_name = "NAME|URL")]
    vault: Option<String>,
    /// Write it to standard output
    #[arg(long)]
    stdout: bool,
}

impl Env {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self.command {
            EnvCommand::Init(init) => init.run(),
            EnvCommand::Schema => {
                std::io::stdout().write_all(SCHEMA.as_bytes())?;
                Ok(Exit::Clean)
            }
        }
    }
}

impl EnvInit {
    fn run(self) -> anyhow::Result<Exit> {
        let said = |text: &str| {
            eprintln!("error: {text}");
            Ok(Exit::Unusable)
        };
        if let Some(Err(expected)) = self.vault.as_ref().map(|v| VaultName::parse(&v.replace("{env}", "env")))
        {
            return said(&format!("--vault must be {expected}"));
        }
        let here = Path::new(".");
        let old = match std::fs::read_to_string(here.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return said(&format!("{FILE} cannot be read: {}", error.kind())),
        };
        match Manifest::parse(&old, Path::new(FILE)) {
            Ok(manifest) if manifest.environments.is_empty() && manifest.secrets.is_empty() => {}
            Ok(_) => return said(&format!("{FILE} already declares environments or secrets")),
            Err(faults) => return Ok(super::vault_options::declared_wrong(&faults)),
        }
        let found = match templates(here) {
            Ok(found) => found,
            Err(faults) => return Ok(super::vault_options::declared_wrong(&faults)),
        };
        if found.is_empty() {
            return said(
                "there is no template: write .env.<environment> or .env.example with KEY= lines first",
            );
        }
        let text = self.text(&found);
        if self.stdout {
            std::io::stdout().write_all(text.as_bytes())?;
            return Ok(Exit::Clean);
        }
        let gap = if old.is_empty() || old.ends_with("\n\n") { "" } else { "\n" };
        std::fs::write(FILE, format!("{old}{gap}{text}"))
            .with_context(|| format!("{FILE} cannot be written"))?;
        let names: Vec<_> = found.iter().map(|(name, ..)| name.as_str()).collect();
        eprintln!("wrote {FILE} for {}; next: cofferdam env-check --all", names.join(", "));
        Ok(Exit::Clean)
    }

    fn text(&self, found: &[(String, String, Template)]) -> String {
        let mut out = String::new();
        for (name, file, _) in found {
            let local = matches!(name.as_str(), "development" | "dev" | "local" | "test");
            let _ = writeln!(out, "[environments.{name}]");
            if *file != format!(".env.{name}") {
                let _ = writeln!(out, "template = \"{file}\"");
            }
            let vault = self.vault.as_ref().map(|vault| vault.replace("{env}", name));
            let _ = match vault {
                _ if local => writeln!(out, "sources = [\"process\", \"dotenv:.env.local\"]\n"),
                Some(url) if url.contains("://") => {
                    writeln!(out, "sources = [\"process\", {{ keyvault = \"{url}\" }}]\n")
                }
                Some(vault) => writeln!(out, "sources = [\"process\", \"keyvault://{vault}\"]\n"),
                None => writeln!(
                    out,
                    "sources = [\"process\"] # then \"keyvault://NAME\" for an Azure Key Vault\n"
                ),
            };
        }
        let mut seen = BTreeSet::new();
        for entry in found.iter().flat_map(|(.., template)| &template.entries) {
            if entry.value.expose().is_empty()
                && entry.annotations.shape.kind.is_none()
                && seen.insert(entry.key.clone())
                && let Some(guess) = guess(&entry.key)
            {
                let key =
                    if entry.key.contains('.') { format!("\"{}\"", entry.key) } else { entry.key.clone() };
                let _ = writeln!(out, "[secrets.{key}]\n{guess}\n");
            }
        }
        format!("{}\n", out.trim_end())
    }
}

/// Environment, file and template of each.
fn templates(here: &Path) -> Result<Vec<(String, String, Template)>, Faults> {
    let names = std::fs::read_dir(here).into_iter().flatten();
    let mut files: Vec<_> = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    files.sort();
    let mut found = Vec::new();
    for file in &files {
        if let Some(name) = template_of(file) {
            found.push((name.to_owned(), file.clone(), Template::read(&here.join(file), file.as_ref())?));
        }
    }
    if found.is_empty() && files.iter().any(|file| file == ".env.example") {
        let template = Template::read(&here.join(".env.example"), ".env.example".as_ref())?;
        found.push(("development".to_owned(), ".env.example".to_owned(), template));
    }
    Ok(found)
}

/// What a key's name says about its value.
fn guess(key: &str) -> Option<&'static str> {
    Some(match key {
        "OPENAI_API_KEY" => "starts_with = \"sk-\"",
        "STRIPE_SECRET_KEY" => "starts_with = \"sk_\"",
        "STRIPE_WEBHOOK_SECRET" => "starts_with = \"whsec_\"",
        "DATABASE_URL" => {
            "type = \"url\"\nschemes = [\"postgres\", \"postgresql\", \"mysql\", \"sqlserver\"]"
        }
        "REDIS_URL" => "type = \"url\"\nschemes = [\"redis\", \"rediss\"]",
        _ if key.ends_with("_URL") || key.ends_with("_DSN") => "type = \"url\"",
        _ if key == "PORT" || key.ends_with("_PORT") => "type = \"port\"",
        _ if key.ends_with("_EMAIL") => "type = \"email\"",
        _ if key.ends_with("_CERT") || key.ends_with("_PEM") => "type = \"pem\"",
        _ => return None,
    })
}
