//! Cofferdam finds leaked secrets and loads real ones.
//!
//! - [`scan`] (feature `scan`): sources give blobs, a prefilter finds literals, a matcher runs the
//!   rules around them, a filter judges each match, and what remains are findings for a report.
//! - [`vault`] (feature `vault`): resolves the secrets that an application needs, or says everything
//!   that keeps it from starting.
//!
//! The two halves never import each other; they meet in the command line. The library prints
//! nothing.

#[cfg(feature = "scan")]
pub mod config;
#[cfg(feature = "scan")]
pub mod files;
#[cfg(feature = "scan")]
pub mod scan;
pub mod secret;
pub mod terminal;
#[cfg(feature = "vault")]
pub mod vault;
