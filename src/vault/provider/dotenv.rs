//! A private dotenv file as a source. It may be absent; one that cannot be read is a fault of the
//! declaration, found before anything is asked.

use super::{Asked, Outcome, Provider};
use crate::vault::fault::Faults;
use crate::vault::settings::Variables;
use crate::vault::template::Template;
use std::path::Path;
use tokio::time::Instant;

/// A dotenv file that was read.
#[derive(Clone, Debug)]
pub struct Dotenv {
    label: String,
    shown: String,
    file: Template,
}

impl Dotenv {
    /// Reads the file at `path`, which reports call `shown`. With `expand`, `$NAME` in it is
    /// replaced by its own earlier entries, else by `variables`.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn open(path: &Path, shown: &Path, expand: Option<&Variables>) -> Result<Self, Faults> {
        let there = path.try_exists().unwrap_or(true);
        let file = if there { Template::read(path, shown)? } else { Template::default() };
        let file = match expand {
            Some(variables) => file.expanded(|name| variables.get(name).cloned()),
            None => file,
        };
        let absent = if there { "" } else { " (absent)" };
        let shown = shown.display().to_string();
        Ok(Self { label: format!("dotenv:{shown}{absent}"), shown, file })
    }
}

#[async_trait::async_trait]
impl Provider for Dotenv {
    fn label(&self) -> &str {
        &self.label
    }

    fn fix(&self, asked: &Asked) -> String {
        format!("add {}=… to {}", asked.key, self.shown)
    }

    async fn look_up(&self, asked: &[Asked], _: Instant) -> Vec<Outcome> {
        let look = |asked: &Asked| Outcome::of(self.file.get(&asked.key).map(|entry| entry.value.clone()));
        asked.iter().map(look).collect()
    }
}
