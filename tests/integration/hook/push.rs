//! What a push brings: exactly the objects that are new to the other side, before they leave (pre-push)
//! and before they count (pre-receive, in quarantine).

use super::{expect_refusal, git, hooked, install, secret, value};
use crate::harness::{Outcome, Repo};

/// A repository with hooks, and the bare one that it pushes to as `origin`.
fn pair(hooks: &[&str]) -> (Repo, Repo) {
    let (repo, server) = (hooked(hooks), Repo::init(&["--bare"]));
    repo.git(["remote", "add", "origin", server.path().to_str().unwrap()]);
    git(repo.path(), &["push", "-q", "origin", "main"]).expect_code(0);
    (repo, server)
}

fn push(repo: &Repo, arguments: &[&str]) -> Outcome {
    git(repo.path(), &[&["push"], arguments].concat())
}

#[test]
fn a_push_is_refused_for_what_it_brings_and_nothing_else() {
    let (repo, _server) = pair(&["pre-push"]);
    repo.commit("a", secret(1), "brings it in");
    repo.commit("a", "clean\n", "takes it out again");
    let refused = push(&repo, &["origin", "main"]);
    assert!(refused.stderr.contains("refs/heads/main: refused, 1 secret"), "{refused:?}");
    expect_refusal(refused, 1, "a:1");
    expect_refusal(push(&repo, &["origin", "main:new branch".replace(' ', "-").as_str()]), 1, "a:1");
    push(&repo, &["-q", "--no-verify", "origin", "main"]).expect_code(0);
    repo.commit("b", "b\n", "the other side knows the secret already");
    push(&repo, &["-q", "origin", "main"]).expect_code(0);
    push(&repo, &["-q", "origin", "main:other"]).expect_code(0);
}

#[test]
fn a_forced_push_and_a_deletion() {
    let (repo, _server) = pair(&["pre-push"]);
    repo.commit("a", "a\n", "a");
    push(&repo, &["-q", "origin", "main", "main:old"]).expect_code(0);
    repo.git(["reset", "-q", "--hard", "HEAD~1"]);
    repo.commit("a", secret(2), "instead");
    expect_refusal(push(&repo, &["--force", "origin", "main"]), 2, "a:1");
    push(&repo, &["-q", "origin", ":old"]).expect_code(0);
    let mixed = push(&repo, &["--force", "origin", "main", "main~1:refs/heads/fine"]);
    assert!(mixed.stderr.contains("refs/heads/fine: clean"), "{mixed:?}");
    expect_refusal(mixed, 2, "a:1");
}

#[test]
fn tags_bring_messages_trees_and_blobs() {
    let (repo, _server) = pair(&["pre-push"]);
    repo.git(["tag", "-am", &value(3), "annotated"]);
    expect_refusal(push(&repo, &["origin", "annotated"]), 3, "tag-message:1");
    repo.git(["tag", "-am", "clean", "nested", "annotated"]);
    expect_refusal(push(&repo, &["origin", "nested"]), 3, "tag-message:1");
    repo.write("a", secret(4));
    let blob = repo.git(["hash-object", "-w", "a"]);
    repo.git(["tag", "blob", &blob]);
    expect_refusal(push(&repo, &["origin", "blob"]), 4, "refs/tags/blob:1");
    repo.git(["add", "a"]);
    let tree = repo.git(["write-tree"]);
    repo.git(["tag", "-am", "clean", "tree", &tree]);
    expect_refusal(push(&repo, &["origin", "tree"]), 4, "refs/tags/tree/a:1");
    repo.git(["tag", "-am", "clean", "fine"]);
    push(&repo, &["-q", "origin", "fine"]).expect_code(0);
}

#[test]
fn what_one_remote_has_another_may_lack() {
    let (repo, _server) = pair(&["pre-push"]);
    repo.commit("a", secret(5), "a");
    push(&repo, &["-q", "--no-verify", "origin", "main"]).expect_code(0);
    let other = Repo::init(&["--bare"]);
    let address = other.path().to_str().unwrap();
    expect_refusal(push(&repo, &[address, "main"]), 5, "a:1");
    // Its references lie below those of `origin`, and are not what `origin` has.
    repo.git(["config", "remote.origin/fork.url", address]);
    repo.git(["config", "remote.origin/fork.fetch", "+refs/heads/*:refs/remotes/origin/fork/*"]);
    repo.commit("b", secret(6), "b");
    push(&repo, &["-q", "--no-verify", "origin/fork", "main"]).expect_code(0);
    assert_eq!(repo.git(["rev-parse", "origin/fork/main"]), repo.git(["rev-parse", "main"]));
    expect_refusal(push(&repo, &["origin", "main"]), 6, "b:1");
}

#[test]
fn merges_are_looked_at_on_both_sides() {
    let (repo, _server) = pair(&["pre-push"]);
    repo.git(["checkout", "-qb", "side"]);
    repo.commit("side", secret(7), "side");
    repo.git(["checkout", "-q", "main"]);
    repo.commit("main", "main\n", "main");
    repo.git(["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    expect_refusal(push(&repo, &["origin", "main"]), 7, "side:1");
}

#[test]
fn a_bare_server_refuses_in_quarantine_with_a_verdict_for_each_reference() {
    let (repo, server) = pair(&[]);
    std::fs::remove_dir_all(repo.path().join(".git/hooks")).unwrap();
    install(&server, &["pre-receive"]);
    repo.commit("a", secret(8), "a");
    repo.git(["branch", "clean", "main~1"]);
    repo.git(["tag", "-am", &value(9), "tagged", "main~1"]);
    let outcome = push(&repo, &["origin", "main", "clean", "tagged"]);
    for part in [
        "refs/heads/main: refused, 1 secret",
        "refs/heads/clean: clean",
        "refs/tags/tagged: refused, 1 secret",
        "pre-receive hook declined",
    ] {
        assert!(outcome.stderr.contains(part), "no {part:?} in {outcome:?}");
    }
    expect_refusal(outcome, 8, "a:1");
    assert_eq!(server.git(["for-each-ref", "--format=%(refname)"]), "refs/heads/main");
    assert_eq!(server.git(["cat-file", "--batch-all-objects", "--batch-check"]).lines().count(), 3);
    push(&repo, &["-q", "origin", "clean"]).expect_code(0);
    push(&repo, &["-q", "origin", ":clean"]).expect_code(0);
    repo.git(["reset", "-q", "--hard", "main~1"]);
    repo.commit("b", "b\n", "b");
    let fine = push(&repo, &["origin", "main"]).expect_code(0);
    assert!(fine.stderr.contains("refs/heads/main: clean, 1 commit"), "{fine:?}");
}

#[test]
fn a_push_that_cannot_be_seen_is_refused() {
    let repo = hooked(&[]);
    let (zero, gone) = ("0".repeat(40), "1".repeat(40));
    let hook = |hook: &str, line: String| {
        repo.cofferdam().args(["hook", "run", hook, "--", "origin", "x"]).input(line).run()
    };
    let line = format!("{zero} {gone} refs/heads/a\n");
    hook("pre-receive", line.clone()).expect_code(3).expect_stderr("push refused: not everything");
    hook("pre-push", format!("refs/heads/a {gone} refs/heads/a {zero}\n")).expect_code(3);
    hook("pre-push", "what is this\n".to_owned()).expect_code(2).expect_stderr("not what git writes");
    hook("pre-push", format!("a 12 b {zero}\n")).expect_code(2).expect_stderr("not the name of an object");
    hook("pre-push", String::new()).expect_code(0);
}
