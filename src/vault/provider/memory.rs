//! Values that the program itself gives, for tests of applications and for sources of their own.

use super::{Asked, Outcome, Provider};
use crate::secret::Secret;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Values by the application's key.
#[derive(Clone, Debug)]
pub struct Memory {
    label: String,
    values: BTreeMap<String, Secret>,
}

impl Memory {
    /// A source that reports call `label`.
    pub fn new(label: impl Into<String>, values: impl IntoIterator<Item = (String, Secret)>) -> Self {
        Self { label: label.into(), values: values.into_iter().collect() }
    }
}

#[async_trait::async_trait]
impl Provider for Memory {
    fn label(&self) -> &str {
        &self.label
    }

    fn fix(&self, asked: &Asked) -> String {
        format!("give {} to {}", asked.key, self.label)
    }

    async fn look_up(&self, asked: &[Asked], _: Instant) -> Vec<Outcome> {
        asked.iter().map(|asked| Outcome::of(self.values.get(&asked.key).cloned())).collect()
    }
}
