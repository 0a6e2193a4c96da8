//! The pre-commit framework, itself: `pre-commit` on PATH, or the program that COFFERDAM_PRE_COMMIT names.
//! Where it is not installed these tests say so and end; with CI set they fail.

use super::{git, secret, value};
use crate::harness::{Cmd, Dir, Repo};
use std::path::{Path, PathBuf};

/// The framework, if it is there.
fn pre_commit() -> Option<PathBuf> {
    let named = std::env::var_os("COFFERDAM_PRE_COMMIT").map(PathBuf::from);
    let found = named.or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join("pre-commit")).find(|program| program.is_file())
    });
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "pre-commit is not on PATH");
        eprintln!("skipped: pre-commit is not on PATH");
    }
    found
}

/// A repository that uses the framework with the hook of our manifest, and a home for its cache.
struct Framework {
    program: PathBuf,
    repo: Repo,
    home: Dir,
}

impl Framework {
    fn new(stages: &[&str]) -> Option<Self> {
        let new = Self { program: pre_commit()?, repo: Repo::new(), home: Dir::new() };
        // What the manifest says of `cofferdam-system`, with the program under test.
        let manifest = std::fs::read_to_string(manifest()).unwrap();
        let (_, hook) = manifest.split_once("- id: cofferdam-system\n").unwrap();
        let program = env!("CARGO_BIN_EXE_cofferdam");
        let hook = hook
            .replace("entry: cofferdam hook framework", &format!("entry: \"'{program}' hook framework\""))
            .replace("\n  ", "\n        ");
        let config = format!("repos:\n  - repo: local\n    hooks:\n      - id: cofferdam\n      {hook}");
        new.repo.commit(".pre-commit-config.yaml", config, "framework");
        for stage in stages {
            new.run(&["install", "--hook-type", stage]).expect_code(0);
        }
        Some(new)
    }

    fn run(&self, arguments: &[&str]) -> crate::harness::Outcome {
        self.of(&self.program, arguments)
    }

    fn git(&self, arguments: &[&str]) -> crate::harness::Outcome {
        self.of(Path::new("git"), arguments)
    }

    fn of(&self, program: &Path, arguments: &[&str]) -> crate::harness::Outcome {
        let home = self.home.path();
        Cmd::of(program, self.repo.path())
            .args(arguments)
            .env("PRE_COMMIT_HOME", home)
            .env("HOME", home)
            .run()
    }

    #[track_caller]
    fn expect_refusal(&self, outcome: crate::harness::Outcome, seed: u64, place: &str) {
        assert_ne!(outcome.code, Some(0), "{outcome:?}");
        let all = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(all.contains("stripe-secret-key") && all.contains(place), "{all}");
        assert!(!all.contains(&value(seed)), "the secret is shown: {all}");
    }
}

fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml")
}

#[test]
fn the_manifest_is_valid() {
    let Some(program) = pre_commit() else { return };
    let home = Dir::new();
    let command = Cmd::of(program, home.path()).env("PRE_COMMIT_HOME", home.path()).env("HOME", home.path());
    command.args(["validate-manifest".into(), manifest()]).run().expect_code(0);
}

#[test]
fn a_commit_with_a_secret_is_refused_and_one_without_passes() {
    let Some(framework) = Framework::new(&["pre-commit"]) else { return };
    let repo = &framework.repo;
    repo.write("a b", secret(1));
    repo.git(["add", "a b"]);
    repo.write("a b", "clean on disk\n");
    framework.expect_refusal(framework.git(&["commit", "-qm", "staged"]), 1, "a b:1");
    repo.git(["add", "a b"]);
    repo.write("untracked", secret(2));
    framework.git(&["commit", "-qm", "clean"]).expect_code(0);
    repo.write("a b", secret(3));
    framework.expect_refusal(framework.git(&["commit", "-qam", "all"]), 3, "a b:1");
    assert_eq!(repo.git(["rev-list", "--count", "HEAD"]), "2");
}

#[test]
fn all_files_are_all_files() {
    let Some(framework) = Framework::new(&[]) else { return };
    let repo = &framework.repo;
    framework.run(&["run", "--all-files"]).expect_code(0);
    repo.commit("old", secret(4), "was committed long ago");
    framework.expect_refusal(framework.run(&["run", "--all-files"]), 4, "old:1");
    // Something staged does not make it look at that alone.
    repo.write("new", "clean\n");
    repo.git(["add", "new"]);
    framework.expect_refusal(framework.run(&["run", "--all-files"]), 4, "old:1");
    repo.git(["rm", "-q", "old"]);
    framework.run(&["run", "--all-files"]).expect_code(0);
    framework.expect_refusal(framework.run(&["run", "--from-ref", "HEAD~1", "--to-ref", "HEAD"]), 4, "old:1");
}

#[test]
fn a_push_of_a_new_history_is_refused_for_what_lies_in_it() {
    let Some(framework) = Framework::new(&["pre-push"]) else { return };
    let (repo, server) = (&framework.repo, Repo::init(&["--bare"]));
    repo.git(["remote", "add", "origin", server.path().to_str().unwrap()]);
    repo.commit("a", secret(5), "in");
    repo.commit("a", "clean\n", "and out");
    framework.expect_refusal(framework.git(&["push", "origin", "main"]), 5, "a:1");
    framework.git(&["push", "-q", "--no-verify", "origin", "main"]).expect_code(0);
    repo.commit("b", "clean\n", "clean");
    framework.git(&["push", "-q", "origin", "main"]).expect_code(0);
    repo.commit("c", secret(6), "again");
    framework.expect_refusal(framework.git(&["push", "origin", "main"]), 6, "c:1");
}

#[test]
fn it_stands_beside_our_own_hook() {
    let Some(framework) = Framework::new(&["pre-commit"]) else { return };
    let repo = &framework.repo;
    super::install(repo, &["pre-commit"]);
    let verified = repo.cofferdam().args(["hook", "verify"]).run();
    verified.expect_code(0);
    // Installed anew, the framework moves our hook aside and still runs it.
    framework.run(&["install"]).expect_code(0);
    repo.write("a", secret(7));
    repo.git(["add", "a"]);
    framework.expect_refusal(framework.git(&["commit", "-qm", "a"]), 7, "a:1");
    assert_eq!(git(repo.path(), &["rev-list", "--count", "HEAD"]).stdout, "1\n");
}
