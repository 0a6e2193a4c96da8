//! The operating system's keyring as a source: one entry for each key under one service.

use super::{Asked, Failure, Outcome, Provider};
use crate::secret::Secret;
use crate::vault::problem::Cause;
use tokio::time::Instant;

/// A service in the operating system's keyring.
#[derive(Clone, Debug)]
pub struct Keyring {
    service: String,
    label: String,
}

impl Keyring {
    /// The entries of `service`.
    pub fn new(service: &str) -> Self {
        Self { service: service.to_owned(), label: format!("keyring:{service}") }
    }
}

#[async_trait::async_trait]
impl Provider for Keyring {
    fn label(&self) -> &str {
        &self.label
    }

    fn fix(&self, asked: &Asked) -> String {
        format!("add an entry {} under {} to the keyring", asked.key, self.service)
    }

    async fn look_up(&self, asked: &[Asked], deadline: Instant) -> Vec<Outcome> {
        let (service, owned) = (self.service.clone(), asked.to_vec());
        // The keyring may ask its user to unlock it: it must not hold the deadline.
        let (answer, answered) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            answer.send(owned.iter().map(|asked| read(&service, &asked.key)).collect())
        });
        match tokio::time::timeout_at(deadline, answered).await {
            Ok(Ok(outcomes)) => outcomes,
            _ => asked.iter().map(|_| Outcome::Failed(locked())).collect(),
        }
    }
}

fn locked() -> Failure {
    Failure {
        cause: Cause::TimedOut,
        what: "the keyring did not answer before the deadline".to_owned(),
        fix: "unlock the keyring and try again".to_owned(),
    }
}

/// The crate's errors can hold the value: none of their text is used.
fn read(service: &str, key: &str) -> Outcome {
    use keyring::v1::{Entry, Error};
    match Entry::new(service, key).and_then(|entry| entry.get_password()) {
        Ok(value) => Outcome::of(Some(Secret::new(value))),
        Err(Error::NoEntry) => Outcome::Absent { empty: false },
        Err(_) => Outcome::Failed(Failure {
            cause: Cause::Unreachable,
            what: "the operating system's keyring cannot be read".to_owned(),
            fix: "start and unlock the keyring, or take it out of this environment's sources".to_owned(),
        }),
    }
}
