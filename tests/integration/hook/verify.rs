//! `hook verify` succeeds only where git refuses, leaves nothing behind, and says what is broken.

use super::{hooked, script};
use crate::harness::{Outcome, Repo};
use std::path::PathBuf;

const HOOKS: [&str; 4] = ["pre-commit", "pre-push", "commit-msg", "pre-receive"];

fn verify(repo: &Repo) -> Outcome {
    repo.cofferdam().args(["hook", "verify"]).run()
}

/// All hooks installed, and the path of one.
fn with(hook: &str) -> (Repo, PathBuf) {
    let repo = hooked(&HOOKS);
    let path = repo.path().join(".git/hooks").join(hook);
    (repo, path)
}

/// Exactly `hook` is broken, and the answer says why.
#[track_caller]
fn expect_broken(outcome: Outcome, hook: &str, why: &str) {
    let outcome = outcome.expect_code(1).expect_stdout(&format!("{hook}: DID NOT REFUSE the canary: "));
    assert_eq!(outcome.stdout.matches(": refused the canary").count(), 3, "{outcome:?}");
    let line = outcome.stdout.lines().find(|line| line.contains("DID NOT")).unwrap();
    assert!(line.contains(why), "no {why:?} in {line}");
}

#[test]
fn working_hooks_refuse_and_nothing_is_left_behind() {
    let repo = hooked(&HOOKS);
    repo.write("staged", "staged\n");
    repo.git(["add", "staged"]);
    repo.write("untracked", "untracked\n");
    let state = || {
        let index = std::fs::read(repo.path().join(".git/index")).unwrap();
        let objects = repo.git(["count-objects", "-v"]);
        (repo.git(["status", "--porcelain"]), repo.git(["for-each-ref"]), objects, index)
    };
    let before = state();
    let outcome = verify(&repo).expect_code(0);
    for hook in HOOKS {
        assert!(outcome.stdout.contains(&format!("{hook}: refused the canary (")), "{outcome:?}");
    }
    assert_eq!(state(), before);
}

#[test]
fn it_works_in_an_empty_repository_a_linked_tree_and_a_bare_one() {
    let empty = Repo::new();
    super::install(&empty, &HOOKS);
    verify(&empty).expect_code(0);
    let bare = Repo::init(&["--bare", "--object-format=sha256"]);
    super::install(&bare, &["pre-receive"]);
    verify(&bare).expect_code(0).expect_stdout("pre-receive: refused the canary");
    let repo = hooked(&["pre-commit"]);
    repo.git(["worktree", "add", "-q", "-b", "linked", "linked tree"]);
    let linked = repo.path().join("linked tree");
    crate::harness::Cmd::new(&linked).args(["hook", "verify"]).run().expect_code(0);
}

#[test]
fn a_hook_that_is_not_executable() {
    use std::os::unix::fs::PermissionsExt as _;
    for hook in HOOKS {
        let (repo, path) = with(hook);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
        expect_broken(verify(&repo), hook, "is not executable, so git ignores it");
    }
}

#[test]
fn a_hook_that_is_gone_or_replaced_or_changed() {
    for hook in HOOKS {
        let (repo, path) = with(hook);
        std::fs::remove_file(&path).unwrap();
        expect_broken(verify(&repo), hook, "there is no ");
        script(&repo, &format!(".git/hooks/{hook}"), "#!/bin/sh\nexit 0\n");
        expect_broken(verify(&repo), hook, "is no hook of cofferdam");
        // It stops git, but for every commit alike, and finds nothing.
        script(&repo, &format!(".git/hooks/{hook}"), "#!/bin/sh\nexit 1\n");
        expect_broken(verify(&repo), hook, "is no hook of cofferdam");
    }
    let (repo, path) = with("pre-commit");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("exec ", "") + "exit 0\n").unwrap();
    expect_broken(verify(&repo), "pre-commit", "was changed by hand");
}

#[test]
fn a_program_that_is_gone_or_another() {
    for hook in HOOKS {
        let (repo, path) = with(hook);
        let text = std::fs::read_to_string(&path).unwrap();
        let program = env!("CARGO_BIN_EXE_cofferdam");
        std::fs::write(&path, text.replace(program, "/nowhere/cofferdam")).unwrap();
        let without = repo.cofferdam().env("PATH", "/usr/bin:/bin").args(["hook", "verify"]).run();
        expect_broken(without, hook, "its program /nowhere/cofferdam is not there, nor on PATH");
        std::fs::write(&path, text.replace(program, "/bin/true")).unwrap();
        expect_broken(verify(&repo), hook, "git went on");
        std::fs::write(&path, text.replace(program, "/bin/false")).unwrap();
        expect_broken(verify(&repo), hook, "git ");
    }
}

#[test]
fn hooks_that_git_takes_from_elsewhere() {
    let repo = hooked(&HOOKS);
    repo.git(["config", "core.hooksPath", "/dev/null"]);
    let outcome = verify(&repo).expect_code(1);
    assert_eq!(
        outcome.stdout.matches("DID NOT REFUSE the canary: git takes hooks from ").count(),
        4,
        "{outcome:?}"
    );
}

#[test]
fn rules_that_find_nothing_prove_nothing() {
    let repo = hooked(&["pre-commit"]);
    repo.write("cofferdam.toml", "[[rules]]\nid = \"mine\"\nregex = '''mine-[0-9]{8}'''\n");
    verify(&repo).expect_code(2).expect_stderr("nothing can be proved");
    let rule = "[[rules]]\nid = \"mine\"\nregex = '''mine-[0-9]{8}'''\nexamples = [\"mine-<digits:8>\"]\n";
    repo.write("cofferdam.toml", rule);
    verify(&repo).expect_code(0);
    repo.write("cofferdam.toml", format!("{rule}[[allowlists]]\npaths = ['''.*''']\n"));
    verify(&repo).expect_code(2);
}

#[test]
fn no_hooks_are_no_success() {
    verify(&Repo::new()).expect_code(1).expect_stderr("cofferdam hook install");
    let one = Repo::new().cofferdam().args(["hook", "verify", "pre-push"]).run().expect_code(1);
    one.expect_stdout("pre-push: DID NOT REFUSE");
}

#[test]
fn a_line_in_another_tools_hook_is_proved_too() {
    let repo = Repo::new();
    let program = env!("CARGO_BIN_EXE_cofferdam");
    script(
        &repo,
        ".git/hooks/pre-commit",
        &format!("#!/bin/sh\n'{program}' hook run pre-commit -- \"$@\"\n"),
    );
    let run = repo.cofferdam().args(["hook", "verify", "pre-commit"]).run();
    run.expect_code(0).expect_stdout("pre-commit: refused the canary");
}
