//! All integration tests, one binary. What they share is in `harness`.
#![allow(clippy::unwrap_used, clippy::print_stderr, unreachable_pub)]

mod baseline;
mod ci;
mod clean;
mod cli;
mod config;
mod deltas;
mod environment;
mod files;
mod git;
mod harness;
mod history;
mod hook;
mod layers;
mod pack;
mod pipeline;
mod readme;
mod report;
mod vault;
mod vault_canary;
mod vault_run;
mod vault_server;
mod vectors;
