//! The git hooks, with real commits and pushes in scratch repositories.
#![cfg(unix)]

mod chain;
mod commit;
mod framework;
mod push;
mod verify;

use crate::harness::{BASE62, Cmd, Outcome, Repo, token};
use std::path::Path;

/// A line with a secret that is made up.
fn secret(seed: u64) -> String {
    format!("STRIPE_KEY = \"{}\"\n", value(seed))
}

fn value(seed: u64) -> String {
    format!("{}{}", concat!("sk_", "live_"), token(seed, BASE62, 24))
}

/// git, which may fail.
fn git(directory: &Path, arguments: &[&str]) -> Outcome {
    Cmd::of("git", directory).args(arguments).run()
}

/// A repository with a commit, and hooks.
fn hooked(hooks: &[&str]) -> Repo {
    let repo = Repo::new();
    repo.commit("first", "1\n", "first");
    install(&repo, hooks);
    repo
}

fn install(repo: &Repo, hooks: &[&str]) -> Outcome {
    repo.cofferdam().args(["hook", "install"]).args(hooks).run().expect_code(0)
}

/// Writes an executable script.
fn script(repo: &Repo, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = repo.write(name, text);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// It was refused, for the secret of `seed`, and nobody saw that.
#[track_caller]
fn expect_refusal(outcome: Outcome, seed: u64, place: &str) {
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    let all = format!("{}{}", outcome.stdout, outcome.stderr);
    for part in ["stripe-secret-key", place, "refused", "fix: ", "REDACTED"] {
        assert!(all.contains(part), "no {part:?} in {all}");
    }
    assert!(!all.contains(&value(seed)), "the secret is shown: {all}");
}
