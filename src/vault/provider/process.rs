//! The process environment as a source.

use super::{Asked, Outcome, Provider};
use crate::vault::settings::Variables;
use tokio::time::Instant;

/// The process environment.
#[derive(Clone, Debug)]
pub struct Process(pub Variables);

#[async_trait::async_trait]
impl Provider for Process {
    fn label(&self) -> &str {
        "process"
    }

    fn fix(&self, asked: &Asked) -> String {
        let key = &asked.key;
        match self.0.text("GITHUB_ACTIONS") {
            Some(_) => format!(
                "add {key} to the secrets of the job's GitHub environment and pass it on: env: {key}: ${{{{ secrets.{key} }}}}"
            ),
            None => format!("set {key} in the process environment"),
        }
    }

    async fn look_up(&self, asked: &[Asked], _: Instant) -> Vec<Outcome> {
        let look = |asked: &Asked| match self.0.get(&asked.key) {
            Some(value) => Outcome::of(Some(value.clone())),
            None => Outcome::Absent { empty: self.0.has(&asked.key) },
        };
        asked.iter().map(look).collect()
    }
}
