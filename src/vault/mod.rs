//! Loading the secrets that an application needs: from Azure Key Vault or the local sources of a
//! developer's machine, for one environment, all of them or none.
//!
//! The environment's template (`.env.production`, tracked) says what is needed: a key with an empty
//! value must come from a source, a literal is a public setting, a comment may carry a type or
//! `optional`. `cofferdam.toml` adds sources and checks. An application starts with
//!
//! ```no_run
//! use cofferdam::vault::{LoadError, Loader};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), LoadError> {
//! let secrets = Loader::from_environment("production")?.deadline(Duration::from_secs(10)).load_blocking()?;
//! # Ok(())
//! # }
//! ```
//!
//! or [`Loader::load`] inside a tokio runtime. The error lists every problem at once: what is wrong,
//! where it was declared, how to mend it. It holds no value, and neither does a [`Report`].
//!
//! Data flows one way: [`project`] finds the declarations ([`manifest`], [`template`]), [`plan`]
//! joins them, [`resolve`] asks each [`provider`] in order, [`check`] judges what came, [`deliver`]
//! writes what passed.
//!
//! # What wiping does not reach
//!
//! A [`crate::secret::Secret`] is wiped when dropped. Copies that others made before are not: those
//! of the TLS and HTTP buffers, of JSON parsers, of the process environment, of the environment of a
//! command that was started, and what the system swapped out or dumped.

pub mod check;
pub mod deliver;
pub mod fault;
pub mod loader;
pub mod manifest;
pub mod plan;
pub mod problem;
pub mod project;
pub mod provider;
pub mod reference;
pub mod report;
pub mod resolve;
pub mod settings;
pub mod shape;
pub mod template;
#[cfg(feature = "test-vault")]
pub mod test_vault;
mod typed;

pub use loader::{LoadError, Loader, NotLoaded, Secrets};
pub use report::Report;
/// What secrets are given as, so that an application needs no dependency of its own for it.
pub use secrecy::{ExposeSecret, SecretString};
pub use typed::{Mismatch, TypedError};
