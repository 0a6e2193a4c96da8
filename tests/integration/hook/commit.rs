//! What a commit would hold: the index that git commits, whatever lies on disk, and the message.

use super::{expect_refusal, git, hooked, install, secret, value};
use crate::harness::{Dir, Repo};
use std::process::Command;

#[test]
fn what_is_staged_counts_and_not_what_lies_on_disk() {
    let repo = hooked(&["pre-commit"]);
    let odd = "dir with space/new\nline \"é\"";
    repo.write(odd, secret(1));
    repo.git(["add", "."]);
    repo.write(odd, "clean\n");
    expect_refusal(git(repo.path(), &["commit", "-qm", "staged"]), 1, "dir with space/new");
    assert_eq!(repo.git(["rev-list", "--count", "HEAD"]), "1");
    repo.git(["add", "."]);
    repo.write(odd, secret(1));
    git(repo.path(), &["commit", "-qm", "on disk alone"]).expect_code(0);
}

#[test]
fn commit_a_and_commit_path_have_an_index_of_their_own() {
    let repo = hooked(&["pre-commit"]);
    repo.commit("a", "a\n", "a");
    repo.commit("b", "b\n", "b");
    repo.write("a", secret(2));
    expect_refusal(git(repo.path(), &["commit", "-qam", "all"]), 2, "a:1");
    expect_refusal(git(repo.path(), &["commit", "-qm", "one", "a"]), 2, "a:1");
    repo.write("b", "more\n");
    git(repo.path(), &["commit", "-qm", "the other", "b"]).expect_code(0);
    repo.git(["add", "a"]);
    repo.write("b", "still more\n");
    git(repo.path(), &["commit", "-qm", "what is staged beside does not count", "b"]).expect_code(0);
    std::fs::create_dir(repo.path().join("below")).unwrap();
    expect_refusal(git(&repo.path().join("below"), &["commit", "-qam", "from below"]), 2, "a:1");
}

#[test]
fn amended_commits_are_looked_at_and_can_take_a_secret_out() {
    let repo = hooked(&["pre-commit"]);
    repo.write("first", secret(3));
    expect_refusal(git(repo.path(), &["commit", "-qa", "--amend", "--no-edit"]), 3, "first:1");
    git(repo.path(), &["commit", "-qa", "--amend", "--no-edit", "--no-verify"]).expect_code(0);
    repo.write("first", "clean\n");
    git(repo.path(), &["commit", "-qa", "--amend", "--no-edit"]).expect_code(0);
}

#[test]
fn a_merge_brings_only_what_neither_side_has() {
    let repo = hooked(&["pre-commit"]);
    repo.git(["checkout", "-qb", "side"]);
    repo.write("first", "side\n");
    repo.write("known", secret(4));
    repo.git(["add", "."]);
    repo.git(["commit", "-qnm", "side"]);
    repo.git(["checkout", "-q", "main"]);
    repo.commit("first", "main\n", "main");
    assert_ne!(git(repo.path(), &["merge", "-q", "side"]).code, Some(0));
    repo.write("first", format!("both\n{}", secret(5)));
    repo.git(["add", "first"]);
    expect_refusal(git(repo.path(), &["commit", "-qm", "merge"]), 5, "first:2");
    repo.write("first", "both\n");
    repo.git(["add", "first"]);
    git(repo.path(), &["commit", "-qm", "merge"]).expect_code(0);
}

#[test]
fn linked_working_trees_and_submodules_have_hooks() {
    let repo = hooked(&["pre-commit"]);
    let beside = Dir::new();
    let tree = beside.path().join("a tree");
    repo.git(["worktree", "add", "-q", "-b", "linked", tree.to_str().unwrap()]);
    std::fs::write(tree.join("x"), secret(6)).unwrap();
    git(&tree, &["add", "x"]).expect_code(0);
    expect_refusal(git(&tree, &["commit", "-qm", "x"]), 6, "x:1");

    let outer = Repo::new();
    let source = repo.path().to_str().unwrap();
    outer.git(["-c", "protocol.file.allow=always", "submodule", "add", "-q", source, "sub module"]);
    let inner = outer.path().join("sub module");
    git(&inner, &["commit", "-q", "--allow-empty", "-m", "without a hook"]).expect_code(0);
    crate::harness::Cmd::new(&inner).args(["hook", "install"]).run().expect_code(0);
    assert!(outer.path().join(".git/modules/sub module/hooks/pre-commit").is_file());
    std::fs::write(inner.join("y"), secret(7)).unwrap();
    git(&inner, &["add", "y"]).expect_code(0);
    expect_refusal(git(&inner, &["commit", "-qm", "y"]), 7, "y:1");
}

#[test]
fn a_git_directory_that_is_named_is_the_one_that_is_scanned() {
    let home = Dir::new();
    let bare = Repo::init(&["--bare"]);
    let git_dir = format!("--git-dir={}", bare.path().display());
    let run =
        |arguments: &[&str]| git(home.path(), &[&[git_dir.as_str(), "--work-tree=."], arguments].concat());
    bare.cofferdam().args(["hook", "install", "pre-commit"]).run().expect_code(0);
    home.write("dot file", secret(8));
    run(&["add", "dot file"]).expect_code(0);
    expect_refusal(run(&["commit", "-qm", "x"]), 8, "dot file:1");
}

#[test]
fn a_message_is_judged_as_git_keeps_it() {
    let repo = hooked(&["commit-msg"]);
    let with = |text: &str| git(repo.path(), &["commit", "-q", "--allow-empty", "-m", text]);
    with("clean").expect_code(0);
    expect_refusal(with(&format!("key\n\n{}", secret(9))), 9, "commit-message:3");
    // Without an editor git keeps lines that look like comments.
    expect_refusal(with(&format!("key\n\n# {}", secret(9))), 9, "commit-message:3");
    let editor = format!("printf '# {}' >>", value(9));
    let edited = |editor: &str| {
        let command = crate::harness::Cmd::of("git", repo.path());
        command
            .env("GIT_EDITOR", editor)
            .args(["commit", "-q", "--allow-empty", "-v", "-e", "-m", "key"])
            .run()
    };
    edited(&editor).expect_code(0);
    expect_refusal(edited(&format!("printf '{}' >", value(9))), 9, "commit-message:1");
}

#[test]
fn without_its_program_a_hook_refuses() {
    let repo = hooked(&["pre-commit", "pre-push", "commit-msg", "pre-receive"]);
    for hook in ["pre-commit", "pre-push", "commit-msg", "pre-receive"] {
        let path = repo.path().join(".git/hooks").join(hook);
        let text = std::fs::read_to_string(&path).unwrap();
        let program = env!("CARGO_BIN_EXE_cofferdam");
        assert!(text.contains(program));
        std::fs::write(&path, text.replace(program, "/nowhere/cofferdam")).unwrap();
        let output =
            crate::harness::isolated(Command::new(&path)).env("PATH", "/usr/bin:/bin").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(words.contains("needs cofferdam, which is no longer there"), "{words}");
    }
    install(&repo, &["pre-commit", "commit-msg"]);
    git(repo.path(), &["commit", "-q", "--allow-empty", "-m", "back"]).expect_code(0);
}

#[test]
fn only_what_differs_from_head_is_new_whatever_the_index_is_like() {
    for setting in ["index.version=2", "index.version=4", "core.splitIndex=true", "index.skipHash=true"] {
        let repo = hooked(&["pre-commit"]);
        repo.git(["config", setting.split_once('=').unwrap().0, setting.split_once('=').unwrap().1]);
        for name in ["a.b", "a/deep/er/x", "a/y", "b/z"] {
            repo.write(name, secret(10));
        }
        repo.git(["add", "."]);
        repo.git(["commit", "-qnm", "known"]);
        repo.write("a/deep/er/new", "clean\n");
        repo.git(["add", "."]);
        repo.git(["mv", "b", "c"]);
        let outcome = git(repo.path(), &["commit", "-qm", "clean"]);
        if setting.starts_with("core.split") {
            outcome.expect_code(1).expect_stderr("the index");
            continue;
        }
        outcome.expect_code(0);
        repo.write("a/deep/er/new", secret(11));
        repo.git(["add", "."]);
        expect_refusal(git(repo.path(), &["commit", "-qm", "new"]), 11, "a/deep/er/new:1");
        repo.git(["rm", "-q", "--cached", "a/deep/er/new"]);
        repo.git(["add", "--intent-to-add", "a/deep/er/new"]);
        repo.git(["rm", "-q", "a/y"]);
        git(repo.path(), &["commit", "-qm", "intended alone"]).expect_code(0);
    }
}
