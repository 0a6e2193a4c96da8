//! Hooks beside other hooks: kept, run first, put back as they were.

use super::{expect_refusal, git, hooked, install, script, secret};
use crate::harness::{Cmd, Dir, Repo};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Every file below `root`: its content (a link's target), mode and time of change.
fn files(root: &Path) -> BTreeMap<String, (Vec<u8>, u32, i64)> {
    let (mut all, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let data = path.symlink_metadata().unwrap();
            let name = path.display().to_string();
            if data.is_dir() {
                all.insert(name, (Vec::new(), data.mode(), 0));
                open.push(path);
            } else if data.is_symlink() {
                let target = std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes();
                all.insert(name, (target, data.mode(), 0));
            } else {
                all.insert(name, (std::fs::read(&path).unwrap(), data.mode(), data.mtime()));
            }
        }
    }
    all
}

#[test]
fn uninstalling_leaves_everything_as_it_was() {
    let repo = Repo::new();
    repo.commit("first", "1\n", "first");
    script(&repo, ".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n");
    repo.write(".git/hooks/pre-push", "not executable\n");
    script(&repo, "scripts/message", "#!/bin/sh\nexit 0\n");
    std::os::unix::fs::symlink("../../scripts/message", repo.path().join(".git/hooks/commit-msg")).unwrap();
    let before = files(repo.path());
    let hooks = ["pre-commit", "pre-push", "commit-msg", "pre-receive"];
    let first = install(&repo, &hooks);
    assert!(first.stderr.contains("runs first, as pre-commit.before-cofferdam"), "{first:?}");
    assert!(first.stderr.contains("was not executable and still does not run"), "{first:?}");
    let installed = files(repo.path());
    assert_ne!(before, installed);
    let again = install(&repo, &hooks);
    assert_eq!(again.stderr.matches("already installed").count(), 4, "{again:?}");
    assert_eq!(files(repo.path()).keys().collect::<Vec<_>>(), installed.keys().collect::<Vec<_>>());
    git(repo.path(), &["hook", "run", "pre-commit"]).expect_code(0);
    repo.cofferdam().args(["hook", "uninstall", "pre-push"]).run().expect_code(0);
    repo.cofferdam().args(["hook", "uninstall"]).run().expect_code(0);
    assert_eq!(files(repo.path()), before);
    repo.cofferdam().args(["hook", "uninstall"]).run().expect_code(0).expect_stderr("no hook of cofferdam");
}

#[test]
fn the_hook_that_was_there_runs_first_and_its_failure_counts() {
    let repo = Repo::new();
    repo.commit("first", "1\n", "first");
    // It changes the index, so the scan must come after it. Without `#!`, as git allows.
    script(&repo, ".git/hooks/pre-commit", "echo before >&2\ncp secret first\ngit add first\n");
    install(&repo, &["pre-commit"]);
    repo.write("secret", secret(1));
    let refused = git(repo.path(), &["commit", "-q", "--allow-empty", "-m", "x"]);
    assert!(refused.stderr.contains("before"), "{refused:?}");
    expect_refusal(refused, 1, "first:1");
    script(&repo, ".git/hooks/pre-commit.before-cofferdam", "#!/bin/sh\nexit 9\n");
    repo.git(["reset", "-q", "--hard"]);
    git(repo.path(), &["commit", "-q", "--allow-empty", "-m", "x"])
        .expect_stderr("exit status: 9")
        .expect_code(1);
}

#[test]
fn both_hooks_get_what_git_writes_and_names() {
    let (repo, server) = (Repo::new(), Repo::init(&["--bare"]));
    repo.commit("first", "1\n", "first");
    script(&repo, ".git/hooks/pre-push", "#!/bin/sh\necho \"$1\" > seen\ncat >> seen\n");
    script(&server, "hooks/pre-receive", "#!/bin/sh\ncat > seen\n");
    install(&repo, &["pre-push"]);
    install(&server, &["pre-receive"]);
    repo.git(["remote", "add", "origin", server.path().to_str().unwrap()]);
    git(repo.path(), &["push", "-q", "origin", "main"]).expect_code(0);
    let (head, zero) = (repo.git(["rev-parse", "HEAD"]), "0".repeat(40));
    assert_eq!(repo.read("seen"), format!("origin\nrefs/heads/main {head} refs/heads/main {zero}\n"));
    assert_eq!(server.read("seen"), format!("{zero} {head} refs/heads/main\n"));
    repo.commit("a", secret(2), "a");
    expect_refusal(git(repo.path(), &["push", "origin", "main"]), 2, "a:1");
}

#[test]
fn core_hooks_path_says_where_hooks_lie() {
    let repo = hooked(&["pre-push"]);
    script(&repo, "team hooks/pre-commit", "#!/bin/sh\necho team >&2\n");
    repo.git(["config", "core.hooksPath", "team hooks"]);
    let below = repo.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    Cmd::new(&below).args(["hook", "install", "pre-commit"]).run().expect_code(0);
    assert!(repo.path().join("team hooks/pre-commit.before-cofferdam").is_file());
    repo.write("a/b/c", secret(3));
    repo.git(["add", "a"]);
    let refused = git(&below, &["commit", "-qm", "c"]);
    assert!(refused.stderr.contains("team\n"), "{refused:?}");
    expect_refusal(refused, 3, "a/b/c:1");
    // The first installation is undone where it was made.
    Cmd::new(&below).args(["hook", "uninstall"]).run().expect_code(0);
    assert!(!repo.path().join(".git/hooks/pre-push").exists());
    assert_eq!(repo.read("team hooks/pre-commit"), "#!/bin/sh\necho team >&2\n");
}

#[test]
fn nothing_is_overwritten() {
    let repo = hooked(&["pre-commit"]);
    let path = repo.path().join(".git/hooks/pre-commit");
    let text = std::fs::read_to_string(&path).unwrap() + "make lint\n";
    std::fs::write(&path, &text).unwrap();
    let run = |arguments: &[&str]| repo.cofferdam().args(["hook"]).args(arguments).run();
    run(&["install", "pre-commit"]).expect_code(2).expect_stderr("was changed by hand");
    run(&["uninstall"]).expect_code(2).expect_stderr("left as it is");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    std::fs::remove_file(&path).unwrap();
    repo.write(".git/hooks/pre-commit.before-cofferdam", "kept\n");
    run(&["install", "pre-commit"]).expect_code(2).expect_stderr("from an earlier installation");
    repo.git(["config", "core.hooksPath", "/dev/null"]);
    run(&["install", "commit-msg"]).expect_code(2).expect_stderr("core.hooksPath");
    repo.git(["config", "core.hooksPath", ".husky/_"]);
    run(&["install", "commit-msg"]).expect_code(2).expect_stderr(".husky/commit-msg");
    run(&["install", "--", "--no-such-option"]).expect_code(2).expect_stderr("--no-such-option");
    Dir::new()
        .cofferdam()
        .args(["hook", "install"])
        .run()
        .expect_code(2)
        .expect_stderr("not a git repository");
}

#[test]
fn options_go_to_every_run() {
    let repo = Repo::new();
    let config = repo.write("my rules.toml", "[[rules]]\nid = \"mine\"\nregex = '''mine-[0-9]{8}'''\n");
    let options = ["hook", "install", "pre-commit", "--", "--config", config.to_str().unwrap()];
    repo.cofferdam().args(options).run().expect_code(0);
    repo.write("a", secret(4));
    repo.git(["add", "a"]);
    git(repo.path(), &["commit", "-qm", "not mine"]).expect_code(0);
    repo.write("a", "mine-12345678\n");
    git(repo.path(), &["commit", "-qam", "mine"]).expect_code(1).expect_stderr("mine");
}

#[test]
fn two_hooks_that_lead_to_each_other_end() {
    let repo = hooked(&["pre-commit"]);
    // As the pre-commit framework does it: ours moved aside, theirs in its place, and then ours again.
    let hooks = repo.path().join(".git/hooks");
    std::fs::rename(hooks.join("pre-commit"), hooks.join("pre-commit.legacy")).unwrap();
    script(&repo, ".git/hooks/pre-commit", "#!/bin/sh\nexec \"${0%/*}/pre-commit.legacy\"\n");
    install(&repo, &["pre-commit"]);
    repo.write("a", "clean\n");
    repo.git(["add", "a"]);
    git(repo.path(), &["commit", "-qm", "a"]).expect_code(0);
}

#[test]
fn global_hooks_hold_everywhere_and_hide_no_hook() {
    let home = Dir::new();
    let config = home.write("gitconfig", "[user]\n\tname = A\n");
    let repo = Repo::new();
    repo.write("a", "a\n");
    repo.git(["add", "a"]);
    script(&repo, ".git/hooks/post-commit", "#!/bin/sh\necho own > post\n");
    script(&repo, ".git/hooks/pre-commit", "#!/bin/sh\necho own > pre\n");
    let of = |program: &str, arguments: &[&str]| {
        let command = Cmd::of(program, repo.path()).args(arguments);
        command
            .env("GIT_CONFIG_GLOBAL", &config)
            .env("XDG_CONFIG_HOME", home.path())
            .env("HOME", home.path())
            .run()
    };
    let cofferdam = env!("CARGO_BIN_EXE_cofferdam");
    let before = files(home.path());
    of(cofferdam, &["hook", "install", "--global"]).expect_code(0);
    of(cofferdam, &["hook", "install", "--global", "commit-msg"]).expect_code(0);
    for options in [&["hook", "verify"][..], &["hook", "verify", "--global"]] {
        let verified = of(cofferdam, options).expect_code(0);
        assert_eq!(verified.stdout.matches(": refused the canary").count(), 3, "{verified:?}");
    }
    of("git", &["commit", "-qm", "a"]).expect_code(0);
    assert_eq!((repo.read("pre"), repo.read("post")), ("own\n".to_owned(), "own\n".to_owned()));
    repo.write("a", secret(5));
    expect_refusal(of("git", &["commit", "-qam", "a"]), 5, "a:1");
    of(cofferdam, &["hook", "install"]).expect_code(2).expect_stderr("--global");
    of("git", &["config", "core.hooksPath", "elsewhere"]).expect_code(0);
    of(cofferdam, &["hook", "verify"]).expect_code(1).expect_stdout("(core.hooksPath)");
    of(cofferdam, &["hook", "uninstall", "--global"]).expect_code(0);
    let strip = |files: BTreeMap<String, (Vec<u8>, u32, i64)>| {
        files
            .into_iter()
            .map(|(name, (content, mode, _))| (name, (content, mode)))
            .collect::<BTreeMap<_, _>>()
    };
    // git itself rewrites its configuration: its time of change is new, its bytes are not.
    assert_eq!(strip(files(home.path())), strip(before));
}
