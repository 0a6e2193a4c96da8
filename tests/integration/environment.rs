//! Repositories and surroundings in which tools that parse `git log -p` find nothing and say nothing:
//! each is found through the program, or ends with a code and words that say why.

use crate::harness::{Dir, Repo, git};
use serde_json::Value;

const SEC: &str = "[[rules]]\nid = 'sec'\nregex = '''sec=(\\w+)'''\n";

/// A repository; the configuration is beside what is committed.
fn repo() -> Repo {
    let repo = Repo::new();
    repo.write(".gitleaks.toml", SEC);
    repo
}

/// The secrets that a run finds; it must end complete.
#[track_caller]
fn found(dir: &Dir, arguments: &[&str]) -> Vec<String> {
    let run = dir.cofferdam().args(arguments).args(["-f", "json", "--show-secrets"]).run();
    assert!(matches!(run.code, Some(0 | 1)) && !run.stderr.contains("INCOMPLETE"), "{run:?}");
    let findings: Vec<Value> = serde_json::from_str(&run.stdout).unwrap();
    assert!(findings.iter().all(|one| arguments.contains(&"--staged") || one["Commit"] != ""), "{run:?}");
    findings.iter().map(|one| one["Secret"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn no_repository_and_bad_log_opts() {
    let dir = Dir::new();
    for arguments in [&["git"][..], &["git", "--staged"], &["git", "absent"]] {
        dir.cofferdam().args(arguments).run().expect_code(2).expect_stderr("cofferdam: ");
    }
    let repo = repo();
    repo.commit("a.txt", "sec=one\n", "one");
    for options in ["--no-such-option", "no-such-branch", "a..b..c"] {
        let run = repo.cofferdam().args(["git", "--log-opts", options]).run();
        assert!(run.code == Some(2) && !run.stderr.is_empty(), "{options} {run:?}");
    }
}

#[cfg(unix)]
#[test]
fn another_owner() {
    let repo = repo();
    repo.commit("a.txt", "sec=one\n", "one");
    if std::os::unix::fs::chown(repo.path(), Some(4321), None).is_err() {
        eprintln!("skipped: this user may give nothing away");
        return;
    }
    assert_eq!(found(&repo, &["git"]), ["one"]);
}

#[test]
fn a_partial_clone_out_of_reach() {
    let repo = repo();
    repo.commit("a.txt", "sec=one\n", "one");
    repo.commit("a.txt", "nothing\n", "two");
    repo.git(["config", "uploadpack.allowFilter", "true"]);
    let clone = Dir::new();
    clone.write(".gitleaks.toml", SEC);
    let url = format!("file://{}", repo.path().display());
    git(clone.path(), ["clone", "-q", "--filter=blob:none", &url, "part"]);
    git(&clone.path().join("part"), ["remote", "set-url", "origin", "file:///absent"]);
    let run = clone.cofferdam().args(["git", "part", "-c", ".gitleaks.toml"]).run().expect_code(3);
    run.expect_stderr("missing object: 1").expect_stderr("INCOMPLETE");
}

#[test]
fn a_shallow_clone() {
    let repo = repo();
    repo.commit("a.txt", "sec=one\n", "one");
    repo.commit("b.txt", "sec=two\n", "two");
    let clone = Dir::new();
    clone.write(".gitleaks.toml", SEC);
    let url = format!("file://{}", repo.path().display());
    git(clone.path(), ["clone", "-q", "--depth", "1", &url, "part"]);
    let run = clone.cofferdam().args(["git", "part", "-c", ".gitleaks.toml"]).run().expect_code(1);
    run.expect_stderr("shallow boundary").expect_stderr("INCOMPLETE");
}

#[test]
fn configuration_of_git() {
    for (key, value) in [
        ("color.ui", "always"),
        ("log.showRoot", "false"),
        ("format.pretty", "oneline"),
        ("log.date", "relative"),
        ("diff.noprefix", "true"),
        ("diff.external", "false"),
        ("core.quotePath", "true"),
    ] {
        let repo = repo();
        repo.git(["config", key, value]);
        repo.commit("a.txt", "sec=root\n", "one");
        repo.write("\u{fc} b.txt", "sec=staged\n");
        repo.git(["add", "."]);
        assert_eq!(found(&repo, &["git"]), ["root"], "{key}");
        assert_eq!(found(&repo, &["git", "--staged"]), ["staged"], "{key}");
    }
}

#[test]
fn attributes_and_text_conversion() {
    let repo = repo();
    let attributes = repo.write(".git/everywhere", "* -diff\n");
    repo.git(["config", "core.attributesFile", attributes.to_str().unwrap()]);
    repo.git(["config", "diff.run.textconv", "touch converted; cat"]);
    repo.commit(".gitattributes", "*.env -diff\n*.txt diff=run\n*.bin binary\n", "attributes");
    for name in ["a.env", "b.txt", "c.bin"] {
        repo.commit(name, format!("sec={}\n", &name[..1]), name);
        repo.write(name, format!("sec={}\nsec=staged_{}\n", &name[..1], &name[..1]));
    }
    repo.git(["add", "a.env", "b.txt", "c.bin"]);
    assert_eq!(found(&repo, &["git"]), ["a", "b", "c"]);
    assert_eq!(found(&repo, &["git", "--staged"]), ["staged_a", "staged_b", "staged_c"]);
    assert!(!repo.path().join("converted").exists());
}

#[test]
fn a_secret_of_a_merge_alone() {
    let repo = repo();
    repo.commit("a.txt", "one\n", "one");
    repo.git(["switch", "-q", "-c", "side"]);
    repo.commit("b.txt", "sec=side\n", "side");
    repo.git(["switch", "-q", "main"]);
    repo.commit("c.txt", "three\n", "three");
    repo.git(["merge", "-q", "--no-ff", "--no-commit", "side"]);
    repo.write("c.txt", "three\nsec=merge\n");
    repo.git(["commit", "-q", "-a", "-m", "merge"]);
    assert_eq!(found(&repo, &["git"]), ["side", "merge"]);
}

#[test]
fn a_merge_that_carries_a_file_into_a_moved_directory_brings_nothing_in() {
    let repo = repo();
    repo.commit("old/a.txt", "one\n", "one");
    repo.git(["switch", "-q", "-c", "side"]);
    repo.commit("old/b.txt", "sec=side\n", "side");
    repo.git(["switch", "-q", "main"]);
    repo.git(["mv", "old", "new"]);
    repo.git(["commit", "-q", "-m", "moved"]);
    repo.git(["-c", "merge.directoryRenames=true", "merge", "-q", "-m", "merge", "side"]);
    assert!(repo.read("new/b.txt").contains("side"));
    assert_eq!(found(&repo, &["git"]), ["side"]);
}

#[cfg(unix)]
#[test]
fn a_link_that_becomes_a_file() {
    let repo = repo();
    std::os::unix::fs::symlink("nowhere", repo.path().join("a.txt")).unwrap();
    repo.git(["add", "a.txt"]);
    repo.git(["commit", "-q", "-m", "link"]);
    std::fs::remove_file(repo.path().join("a.txt")).unwrap();
    repo.write("a.txt", "sec=file\n");
    repo.git(["add", "a.txt"]);
    assert_eq!(found(&repo, &["git", "--staged"]), ["file"]);
    repo.git(["commit", "-q", "-m", "file"]);
    assert_eq!(found(&repo, &["git"]), ["file"]);
}

#[test]
fn wide_characters_and_nul() {
    let repo = repo();
    let wide: Vec<u8> = "\u{feff}x\nsec=wide\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    repo.write("a.txt", &wide);
    repo.write("b.txt", b"\0\0\nsec=nul\n");
    repo.git(["add", "a.txt", "b.txt"]);
    assert_eq!(found(&repo, &["git", "--staged"]), ["wide", "nul"]);
    repo.git(["commit", "-q", "-m", "one"]);
    assert_eq!(found(&repo, &["git"]), ["wide", "nul"]);
}

#[test]
fn what_was_stashed() {
    let repo = repo();
    repo.commit("a.txt", "one\n", "one");
    repo.write("a.txt", "one\nsec=stashed\n");
    repo.git(["stash", "push", "-q", "--", "a.txt"]);
    let mut all = found(&repo, &["git"]);
    all.dedup();
    assert_eq!(all, ["stashed"]);
}

#[test]
fn what_was_reset() {
    let repo = repo();
    repo.commit("a.txt", "one\n", "one");
    repo.commit("a.txt", "sec=reset\n", "two");
    repo.git(["reset", "-q", "--hard", "HEAD~1"]);
    assert_eq!(found(&repo, &["git"]), Vec::<String>::new());
    assert_eq!(found(&repo, &["git", "--reflogs"]), ["reset"]);
    repo.git(["reflog", "expire", "--expire=all", "--all"]);
    let run = repo.cofferdam().args(["git", "--unreachable"]).run();
    run.expect_code(1).expect_stdout("unreachable");
}

#[test]
fn bare_repositories_worktrees_subdirectories_and_unborn_branches() {
    let repo = repo();
    repo.write("new.txt", "sec=staged\n");
    repo.git(["add", "new.txt"]);
    assert_eq!(found(&repo, &["git", "--staged"]), ["staged"]);
    repo.git(["commit", "-q", "-m", "one"]);
    let other = Dir::new();
    other.write(".gitleaks.toml", SEC);
    repo.git(["worktree", "add", "-q", other.path().join("tree").to_str().unwrap()]);
    git(other.path(), ["clone", "-q", "--bare", repo.path().to_str().unwrap(), "bare.git"]);
    other.write("tree/sub/x.txt", "");
    for place in ["tree", "bare.git", "tree/sub"] {
        assert_eq!(found(&other, &["git", place, "-c", ".gitleaks.toml"]), ["staged"], "{place}");
    }
}
