//! Finding leaked secrets.
//!
//! Data flows one way: a [`source`] gives blobs; the prefilter and the matcher find what the
//! rules describe; the filter judges it; what remains are [`finding`]s, and everything that could
//! not be looked at is in the [`coverage`] ledger.

pub mod allowlist;
pub(crate) mod analysis;
pub mod baseline;
pub mod builtin;
pub mod check;
pub mod checksum;
pub mod coverage;
pub mod decode;
pub mod encoding;
pub mod entropy;
pub mod evidence;
pub mod example;
pub(crate) mod file_kind;
pub mod finding;
pub mod go_regex;
pub(crate) mod grams;
pub mod ignore_file;
pub mod inline_allow;
pub(crate) mod keyed_hash;
pub mod location;
pub(crate) mod lock;
pub mod matcher;
pub mod path_names;
pub mod pieces;
pub(crate) mod plausible;
pub(crate) mod prefilter;
pub(crate) mod quiet;
pub mod report;
pub mod rule;
pub mod scanner;
pub mod session;
pub mod source;
pub mod stats;
pub mod synonym;
pub(crate) mod words;
