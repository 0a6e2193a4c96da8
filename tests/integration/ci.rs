//! `scan --ci` and the action, with recorded events of every kind on scratch clones: real merges, forks,
//! forced pushes, shallow clones, and pull requests that try to switch their own check off.
#![cfg(unix)]

use crate::harness::{BASE62, Cmd, Dir, Outcome, Repo, git, token};
use std::path::{Path, PathBuf};

/// A line with a secret; each seed gives another one.
fn secret(seed: u64) -> String {
    format!("STRIPE_KEY = \"sk_live_{}\"\n", token(seed, BASE62, 24))
}

/// What a service hosts: a `main` with an old secret, which no pull request is to blame for, and a `topic`
/// with a change that is removed again.
struct Forge {
    origin: Repo,
    base: String,
    head: String,
    /// The trial merge of `topic` into `main`, which has gone on.
    merge: String,
}

impl Forge {
    fn new() -> Self {
        Self::with(|origin| {
            origin.commit("pay.py", secret(2), "Pay");
            origin.commit("pay.py", "import os\n", "Do not");
        })
    }

    /// With commits of its own on `topic`.
    fn with(change: impl FnOnce(&Repo)) -> Self {
        let origin = Repo::new();
        origin.commit("old.py", secret(1), "Old");
        origin.git(["checkout", "-qb", "topic"]);
        change(&origin);
        let head = origin.git(["rev-parse", "HEAD"]);
        origin.git(["checkout", "-q", "main"]);
        let base = origin.commit("other.txt", "other\n", "Go on");
        origin.git(["checkout", "-q", "--detach"]);
        origin.git(["merge", "-q", "--no-ff", "-m", "Merge topic into main", "topic"]);
        let merge = origin.git(["rev-parse", "HEAD"]);
        origin.git(["update-ref", "refs/pull/7/merge", &merge]);
        origin.git(["checkout", "-q", "main"]);
        Self { origin, base, head, merge }
    }

    /// A clone as services make it, with `commit` checked out.
    fn clone(&self, commit: &str, fetch: &[&str]) -> Dir {
        let dir = Dir::new();
        git(dir.path(), ["init", "-q", "."]);
        let url = format!("file://{}", self.origin.path().display());
        git(dir.path(), ["remote", "add", "origin", &url]);
        let heads = ["fetch", "-q", "origin"].iter().chain(fetch).copied();
        git(dir.path(), heads);
        git(dir.path(), ["checkout", "-q", "--detach", commit]);
        dir
    }

    /// As `actions/checkout` does with `fetch-depth: 0`.
    fn full(&self, commit: &str) -> Dir {
        self.clone(
            commit,
            &["+refs/heads/*:refs/remotes/origin/*", "+refs/pull/*:refs/remotes/pull/*", "--tags"],
        )
    }

    /// As `actions/checkout` does for a pull request, with so many commits.
    fn shallow(&self, depth: &str) -> Dir {
        let depth = format!("--depth={depth}");
        self.clone(&self.merge, &["+refs/pull/7/merge:refs/remotes/pull/7/merge", &depth])
    }

    /// The recorded event with this forge's commits.
    fn event(&self, name: &str) -> String {
        self.event_of(name, &self.base, &self.head)
    }

    fn event_of(&self, name: &str, base: &str, head: &str) -> String {
        let path = format!("{}/tests/data/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        text.replace("BASE_SHA", base).replace("HEAD_SHA", head)
    }
}

/// `scan --ci` in a job of GitHub Actions. Its report for machines goes to `report.json`.
fn github(clone: &Dir, event: &str, payload: &str, sha: &str) -> Cmd {
    let files = clone.path().join(".git");
    std::fs::write(files.join("event.json"), payload).unwrap();
    let base = if event.starts_with("pull_request") { "main" } else { "" };
    clone
        .cofferdam()
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_EVENT_NAME", event)
        .env("GITHUB_EVENT_PATH", files.join("event.json"))
        .env("GITHUB_SHA", sha)
        .env("GITHUB_BASE_REF", base)
        .env("GITHUB_STEP_SUMMARY", files.join("summary.md"))
        .env("GITHUB_OUTPUT", files.join("output"))
        .args(["scan", "--ci"])
}

/// The files in which something was found.
fn found(outcome: &Outcome) -> Vec<&str> {
    let lines = outcome.stdout.lines().filter(|line| line.starts_with("::error file="));
    lines.map(|line| line["::error file=".len()..].split(',').next().unwrap()).collect()
}

#[test]
fn a_pull_request_is_what_it_brings_in_and_no_more() {
    let forge = Forge::new();
    let clone = forge.full(&forge.merge);
    let outcome = github(&clone, "pull_request", &forge.event("pull_request"), &forge.merge).run();
    let outcome = outcome.expect_code(1).expect_stderr("pull_request: scanning what leads to ");
    assert_eq!(found(&outcome), ["pay.py"], "the old secret of main is none of its business");
    assert!(!outcome.stdout.contains(&token(2, BASE62, 24)), "redacted");
    let summary = clone.read(".git/summary.md");
    assert!(
        summary.contains("### Cofferdam: 1 leak found") && summary.contains("| `pay.py:1` |"),
        "{summary}"
    );
    assert_eq!(clone.read(".git/output"), "findings=1\n");
}

#[test]
fn a_pull_request_from_a_fork_that_merged_main_is_not_blamed_for_main() {
    let forge = Forge::with(|origin| {
        origin.git(["checkout", "-q", "main"]);
        origin.commit("later.py", secret(3), "Somebody else's");
        origin.git(["checkout", "-q", "topic"]);
        origin.commit("ok.py", "ok\n", "Ok");
        origin.git(["merge", "-q", "--no-ff", "-m", "Merge main", "main"]);
    });
    // The event's base is where the pull request began; the trial merge knows better.
    let started = forge.origin.git(["rev-list", "--max-parents=0", "main"]);
    let clone = forge.full(&forge.merge);
    let payload = forge.event_of("pull_request", &started, &forge.head);
    github(&clone, "pull_request", &payload, &forge.merge).run().expect_code(0);
}

#[test]
fn a_secret_in_a_message_of_a_pull_request_is_found() {
    let message = format!("Use {}", secret(5));
    let forge = Forge::with(|origin| {
        origin.commit("a.txt", "a\n", &message);
    });
    let clone = forge.full(&forge.merge);
    let outcome = github(&clone, "pull_request", &forge.event("pull_request"), &forge.merge).run();
    assert_eq!(found(&outcome.expect_code(1)), ["commit-message"]);
}

#[test]
fn pull_request_target_and_merge_groups_have_their_own_heads() {
    let forge = Forge::new();
    let clone = forge.full(&forge.base);
    let payload = forge.event("pull_request_target");
    let outcome = github(&clone, "pull_request_target", &payload, &forge.base).run().expect_code(1);
    assert_eq!(found(&outcome), ["pay.py"]);
    let only_base = forge.clone(&forge.base, &["+refs/heads/main:refs/remotes/origin/main"]);
    github(&only_base, "pull_request_target", &payload, &forge.base)
        .run()
        .expect_code(2)
        .expect_stderr("of the pull request is not in this clone; check it out, or give actions/checkout");
    let queued = forge.event_of("merge_group", &forge.base, &forge.merge);
    let outcome = github(&clone, "merge_group", &queued, &forge.merge).run().expect_code(1);
    assert_eq!(found(&outcome), ["pay.py"]);
}

#[test]
fn pushes_are_what_is_new() {
    let forge = Forge::new();
    let clone = forge.full(&forge.head);
    let found_by = |event: &str, payload: String, sha: &str| {
        let outcome = github(&clone, event, &payload, sha).run();
        let found = found(&outcome).into_iter().map(str::to_owned).collect::<Vec<_>>();
        (outcome.code.unwrap(), found)
    };
    let nothing = (0, Vec::new());
    let pay = (1, vec!["pay.py".to_owned()]);
    let parent = forge.origin.git(["rev-parse", "topic^"]);
    let last = forge.event_of("push", &parent, &forge.head);
    assert_eq!(found_by("push", last, &forge.head), nothing, "the last commit alone");
    let start = forge.origin.git(["rev-parse", "topic~2"]);
    let both = forge.event_of("push", &start, &forge.head);
    assert_eq!(found_by("push", both, &forge.head), pay);
    let first = forge.event("push_first");
    assert_eq!(found_by("push", first, &forge.head), pay, "main has the old one");
    let called = forge.event_of("workflow_call", &start, &forge.base);
    assert_eq!(found_by("push", called, &forge.base), nothing, "a called workflow sees its caller's event");
    let deleted = github(&clone, "push", &forge.event("push_deleted"), &forge.base).run().expect_code(0);
    deleted.expect_stderr("nothing: what was pushed is a deletion");
}

#[test]
fn a_first_push_of_two_branches_hides_nothing() {
    let forge = Forge::new();
    forge.origin.git(["branch", "twin", "topic"]);
    let clone = forge.full(&forge.head);
    let outcome = github(&clone, "push", &forge.event("push_first"), &forge.head).run().expect_code(1);
    assert_eq!(found(&outcome), ["pay.py"]);
}

#[test]
fn a_forced_push_is_what_is_new_whether_the_old_commits_are_there_or_not() {
    let forge = Forge::new();
    forge.origin.git(["checkout", "-q", "topic"]);
    let before = forge.origin.git(["rev-parse", "HEAD"]);
    forge.origin.git(["reset", "-q", "--hard", "main"]);
    let after = forge.origin.commit("new.py", secret(4), "Rebased");
    let payload = forge.event_of("push_forced", &before, &after);
    let clone = forge.full(&after);
    let outcome = github(&clone, "push", &payload, &after).run().expect_code(1);
    assert_eq!(found(&outcome), ["new.py"], "before is there, through the pull request");
    let without = forge.clone(&after, &["+refs/heads/*:refs/remotes/origin/*"]);
    let outcome = github(&without, "push", &payload, &after).run().expect_code(1);
    assert_eq!(found(&outcome), ["new.py"], "before is gone");
}

#[test]
fn a_tag_is_what_leads_to_it_and_not_to_main() {
    let forge = Forge::new();
    forge.origin.git(["tag", "-am", "First", "v1", "topic"]);
    let tag = forge.origin.git(["rev-parse", "v1"]);
    assert_ne!(tag, forge.head);
    let clone = forge.full(&forge.head);
    let payload = forge.event_of("push_tag", &forge.base, &tag);
    let outcome = github(&clone, "push", &payload, &forge.head).run().expect_code(1);
    assert_eq!(found(&outcome), ["pay.py"]);
}

#[test]
fn what_names_no_range_is_the_whole_history() {
    let forge = Forge::new();
    let clone = forge.full(&forge.base);
    for event in ["schedule", "workflow_dispatch"] {
        let outcome = github(&clone, event, &forge.event(event), &forge.base).run();
        let outcome = outcome.expect_code(1).expect_stderr("the whole history");
        assert_eq!(found(&outcome), ["old.py", "pay.py"], "{event}");
    }
}

#[test]
fn a_shallow_clone_is_said_and_never_clean() {
    let forge = Forge::with(|origin| {
        origin.commit("a.txt", "a\n", "A");
        origin.commit("b.txt", "b\n", "B");
    });
    forge.origin.git(["checkout", "-q", "main"]);
    for depth in ["1", "2"] {
        let clone = forge.shallow(depth);
        let outcome = github(&clone, "pull_request", &forge.event("pull_request"), &forge.merge).run();
        let words = "the clone lacks a part of the history: give actions/checkout `fetch-depth: 0`";
        let outcome = outcome.expect_stderr("shallow boundary").expect_stderr(words);
        // What is cut off cannot be told from what is new.
        assert_eq!((outcome.code, found(&outcome)), (Some(1), vec!["old.py"]), "depth {depth}");
    }
    let one = forge.shallow("1");
    github(&one, "pull_request", &forge.event("pull_request"), &forge.merge)
        .run()
        .expect_stderr("(base of the pull request, and with it the policy: the built-in rules hold alone)");
    let clean = Repo::new();
    clean.commit("a.txt", "a\n", "A");
    let head = clean.commit("b.txt", "b\n", "B");
    let forge = Forge { base: head.clone(), merge: head.clone(), head: head.clone(), origin: clean };
    let clone = forge.clone(&head, &["+refs/heads/main:refs/remotes/origin/main", "--depth=1"]);
    github(&clone, "schedule", &forge.event("schedule"), &head).run().expect_code(3);
    let first = forge.origin.git(["rev-parse", "HEAD^"]);
    let payload = forge.event_of("push", &first, &head);
    github(&clone, "push", &payload, &head)
        .run()
        .expect_code(3)
        .expect_stderr("(what was there before the push)");
    let two = forge.clone(&head, &["+refs/heads/main:refs/remotes/origin/main", "--depth=2"]);
    github(&two, "push", &payload, &head).run().expect_code(0);
}

#[test]
fn what_cannot_be_told_is_refused() {
    let forge = Forge::new();
    let clone = forge.full(&forge.merge);
    clone.cofferdam().args(["scan", "--ci"]).run().expect_code(2).expect_stderr("no job of GitHub Actions");
    github(&clone, "pull_request", &forge.event("pull_request"), &forge.merge)
        .env("TF_BUILD", "True")
        .run()
        .expect_code(2)
        .expect_stderr("GITHUB_ACTIONS and TF_BUILD are set");
    github(&clone, "pull_request", &forge.event("schedule"), &forge.merge)
        .run()
        .expect_code(2)
        .expect_stderr("the event has no `pull_request.base.ref`");
    github(&clone, "push", &forge.event("push"), &forge.merge)
        .run()
        .expect_code(2)
        .expect_stderr("but the event says that");
    github(&clone, "push", &forge.event("push"), &forge.head)
        .env("GITHUB_EVENT_PATH", "no.json")
        .run()
        .expect_code(2)
        .expect_stderr("cannot read the event at no.json");
    let lost = "0123456789".repeat(4);
    github(&clone, "push", &forge.event_of("push", &forge.base, &lost), &lost)
        .run()
        .expect_code(2)
        .expect_stderr("that was pushed is not in this clone");
}

#[test]
fn the_other_services_find_the_same_range() {
    let forge = Forge::new();
    let clone = forge.full(&forge.merge);
    let scan = |variables: &[(&str, &str)]| {
        let command =
            variables.iter().fold(clone.cofferdam(), |command, (name, value)| command.env(name, value));
        command.args(["scan", "--ci", "-r", ".git/report.json"]).run()
    };
    let files = || {
        let report: serde_json::Value = serde_json::from_str(&clone.read(".git/report.json")).unwrap();
        let entries = report.as_array().unwrap().iter();
        entries.map(|entry| entry["File"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let fork_point = git(clone.path(), ["merge-base", &forge.base, &forge.head]);
    scan(&[
        ("GITLAB_CI", "true"),
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ("CI_COMMIT_SHA", &forge.head),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &fork_point),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
    ])
    .expect_code(1)
    .expect_stdout("pay.py:1:15")
    .expect_stderr(&format!("with the policy of {}", &forge.base[..10]));
    assert_eq!(files(), ["pay.py"]);
    let azure = [
        ("TF_BUILD", "True"),
        ("BUILD_REASON", "PullRequest"),
        ("BUILD_SOURCEVERSION", &forge.merge),
        ("SYSTEM_PULLREQUEST_SOURCECOMMITID", &forge.head),
        ("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main"),
    ];
    scan(&azure)
        .expect_code(1)
        .expect_stdout("##vso[task.logissue type=error;sourcepath=pay.py;linenumber=1;columnnumber=15;code=stripe-secret-key;]");
    assert_eq!(files(), ["pay.py"]);
    scan(&[("TF_BUILD", "True"), ("BUILD_REASON", "IndividualCI")]).expect_code(1);
    assert_eq!(files(), ["old.py", "pay.py"]);
    scan(&[
        ("BITBUCKET_BUILD_NUMBER", "1"),
        ("BITBUCKET_PR_ID", "7"),
        ("BITBUCKET_COMMIT", &forge.head),
        ("BITBUCKET_PR_DESTINATION_COMMIT", &forge.base[..12]),
        ("BITBUCKET_PR_DESTINATION_BRANCH", "main"),
    ])
    .expect_code(1);
    assert_eq!(files(), ["pay.py"]);
}

#[test]
fn gitlab_gets_its_report_at_the_time_of_its_job() {
    let forge = Forge::new();
    let clone = forge.full(&forge.head);
    let report = || {
        clone
            .cofferdam()
            .env("GITLAB_CI", "true")
            .env("CI_PIPELINE_SOURCE", "push")
            .env("CI_COMMIT_SHA", &forge.head)
            .env("CI_COMMIT_BEFORE_SHA", "0".repeat(40))
            .env("CI_COMMIT_BRANCH", "topic")
            .env("CI_DEFAULT_BRANCH", "main")
            .env("CI_JOB_STARTED_AT", "2024-03-04T05:06:07Z")
            .args(["scan", "--ci", "-r", "gl-secret-detection-report.json"])
            .run()
            .expect_code(1);
        clone.read("gl-secret-detection-report.json")
    };
    let text = report();
    assert_eq!(text, report(), "the same job gives the same bytes");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["scan"]["start_time"], "2024-03-04T05:06:07");
    assert_eq!(document["vulnerabilities"].as_array().unwrap().len(), 1);
    let location = &document["vulnerabilities"][0]["location"];
    assert_eq!(location["file"], "pay.py");
    assert_eq!(location["commit"]["sha"], forge.origin.git(["rev-parse", "topic^"]));
}

/// A pull request whose secret is to be found whatever else it changes.
fn cannot_hide(change: impl FnOnce(&Repo), line: &str) {
    let forge = Forge::with(|origin| {
        origin.commit("pay.py", line, "Pay");
        change(origin);
    });
    let clone = forge.full(&forge.merge);
    let payload = forge.event("pull_request");
    let outcome = github(&clone, "pull_request", &payload, &forge.merge).run().expect_code(1);
    assert_eq!(found(&outcome), ["pay.py"]);
    // The change does hide it where its own policy counts, or this test shows nothing.
    github(&clone, "pull_request", &payload, &forge.merge).args(["--policy-from", ""]).run().expect_code(0);
    let range = format!("{}..{}", forge.base, forge.head);
    clone.cofferdam().args(["git", "--range", &range]).run().expect_code(0);
    clone.cofferdam().args(["git", "--range", &range, "--policy-from", "origin/main"]).run().expect_code(1);
}

#[test]
fn a_pull_request_cannot_switch_its_own_check_off() {
    let off = "[extend]\nuseDefault = true\ndisabledRules = [\"stripe-secret-key\", \"generic-secret\"]\n";
    let allow = |comment: &str| secret(6).replace('\n', &format!(" # {comment}\n"));
    cannot_hide(|_| (), &allow("cofferdam:allow"));
    cannot_hide(|_| (), &allow("gitleaks:allow"));
    cannot_hide(|origin| drop(origin.commit("cofferdam.toml", off, "Off")), &secret(6));
    cannot_hide(|origin| drop(origin.commit(".gitleaks.toml", off, "Off")), &secret(6));
    let ignored = "pay.py:stripe-secret-key:1\n";
    cannot_hide(|origin| drop(origin.commit(".gitleaksignore", ignored, "Off")), &secret(6));
    cannot_hide(|origin| drop(origin.commit(".cofferdamignore", ignored, "Off")), &secret(6));
}

#[test]
fn the_policy_of_the_base_holds_with_all_its_files() {
    let forge = |change: &dyn Fn(&Repo)| {
        let origin = Repo::new();
        origin.commit("rules/shop.toml", "[[rules]]\nid = \"shop\"\nregex = 'shop-[0-9a-f]{8}'\n", "Rules");
        std::os::unix::fs::symlink("../rules/shop.toml", origin.path().join("rules/link.toml")).unwrap();
        origin.commit("cofferdam.toml", "[extend]\npath = \"rules/link.toml\"\n", "Configuration");
        origin.commit(".gitleaksignore", "known.txt:shop:1\n", "Ignore");
        origin.commit("ok.txt", "x = shop-01234567 # cofferdam:allow\r\ny = 1\n", "Allowed");
        origin.git(["add", "."]);
        origin.git(["commit", "-qm", "The link"]);
        let base = origin.git(["rev-parse", "HEAD"]);
        change(&origin);
        let clone = Dir::new();
        git(clone.path(), ["clone", "-q", origin.path().to_str().unwrap(), "."]);
        (clone, base)
    };
    let scan = |clone: &Dir, base: &str, more: &[&str]| {
        let range = format!("{base}..HEAD");
        clone
            .cofferdam()
            .args(["git", "-f", "csv", "--range", &range, "--policy-from", base])
            .args(more)
            .run()
    };
    // Rules that the base extends hold although the files are gone; what it ignores and allows still is.
    let (clone, base) = forge(&|origin| {
        origin.git(["rm", "-q", "rules/shop.toml", "cofferdam.toml", ".gitleaksignore"]);
        origin.commit("known.txt", "k = shop-89abcdef\n", "Known");
        origin.commit("copy.txt", "z = 2\nx = shop-01234567 # cofferdam:allow\r\ny = 1\n", "Copy");
    });
    scan(&clone, &base, &[]).expect_code(0);
    scan(&clone, &base, &["--ignore-gitleaks-allow"]).expect_code(1).expect_stdout("copy.txt");
    let (clone, base) = forge(&|origin| {
        origin.git(["rm", "-q", "cofferdam.toml"]);
        origin.commit("new.txt", "n = shop-0a0b0c0d # cofferdam:allow\n", "New");
        origin.commit("baseline.json", "[]", "No baseline at the base");
    });
    scan(&clone, &base, &[]).expect_code(1).expect_stdout("new.txt");
    scan(&clone, &base, &["-b", "baseline.json"]).expect_code(2).expect_stderr("the baseline cannot be read");
    scan(&clone, &base, &["-c", "mine.toml"]).expect_code(2).expect_stderr("mine.toml: cannot be read");
    // Outside of the repository nobody's pull request can write.
    let outside = Dir::new();
    let none = outside.write("none.toml", "[[rules]]\nid = \"x\"\nregex = 'no such thing'\n");
    scan(&clone, &base, &["-c", none.to_str().unwrap()]).expect_code(0);
    clone
        .cofferdam()
        .args(["dir", ".", "--policy-from", "nowhere"])
        .run()
        .expect_code(2)
        .expect_stderr("nowhere: no such branch, tag or commit");
    clone
        .cofferdam()
        .args(["dir", ".", "--policy-from", &base])
        .run()
        .expect_code(1)
        .expect_stdout("new.txt");
    clone.write("loose.py", secret(8).replace('\n', " # cofferdam:allow\n"));
    clone.cofferdam().args(["dir", "loose.py"]).run().expect_code(0);
    clone.cofferdam().args(["dir", "loose.py", "--policy-from", &base]).run().expect_code(1);
}

mod action {
    use super::*;
    use crate::harness::isolated;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    fn text() -> String {
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/action.yml")).unwrap()
    }

    /// The script of a step.
    fn script(id: &str) -> String {
        let text = text();
        let step = text.split(&format!("    - id: {id}\n")).nth(1).unwrap();
        let block = step.split("      run: |\n").nth(1).unwrap();
        let lines = block.lines().take_while(|line| line.is_empty() || line.starts_with("        "));
        lines.map(|line| format!("{}\n", line.get(8..).unwrap_or_default())).collect()
    }

    fn executable(path: &Path) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A runner: its temporary directory, and programs that stand in for others.
    struct Runner {
        temp: Dir,
        bin: Dir,
    }

    impl Runner {
        fn new() -> Self {
            Self { temp: Dir::new(), bin: Dir::new() }
        }

        /// A program of the runner.
        fn program(&self, name: &str, script: &str) {
            executable(&self.bin.write(name, format!("#!/bin/sh\n{script}\n")));
        }

        fn with_cofferdam(self) -> Self {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_cofferdam"), self.bin.path().join("cofferdam"))
                .unwrap();
            self
        }

        /// Runs a step as the runner does.
        fn step(&self, id: &str, directory: &Path, variables: &[(&str, &str)]) -> Outcome {
            let file = self.temp.write("step.sh", script(id));
            let temp = self.temp.path();
            let mut command = isolated(Command::new("bash"));
            command
                .args(["--noprofile", "--norc", "-eo", "pipefail"])
                .arg(file)
                .current_dir(directory)
                .env("PATH", format!("{}:/usr/bin:/bin", self.bin.path().display()))
                .env("RUNNER_TEMP", temp)
                .env("RUNNER_OS", "Linux")
                .env("RUNNER_ARCH", "X64")
                .env("GITHUB_ACTIONS", "true")
                .env("GITHUB_OUTPUT", temp.join("output"))
                .env("GITHUB_PATH", temp.join("path"))
                .env("GITHUB_STEP_SUMMARY", temp.join("summary.md"))
                .env("GITHUB_SERVER_URL", "https://github.example")
                .envs(variables.iter().copied());
            let output = command.output().unwrap();
            Outcome {
                command: format!("step {id}"),
                code: output.status.code(),
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            }
        }

        /// The step `scan` on an event.
        fn scan(&self, clone: &Dir, event: (&str, &str), sha: &str, more: &[(&str, &str)]) -> Outcome {
            let _ = std::fs::remove_file(self.temp.path().join("output"));
            let path = self.temp.write("event.json", event.1);
            let mut variables = vec![
                ("GITHUB_EVENT_NAME", event.0),
                ("GITHUB_EVENT_PATH", path.to_str().unwrap()),
                ("GITHUB_SHA", sha),
                ("SCAN_PATH", "."),
                ("ARGS", ""),
                ("ALLOW_INCOMPLETE", "false"),
            ];
            variables.extend(more);
            self.step("scan", clone.path(), &variables)
        }

        fn outputs(&self) -> String {
            self.temp.read("output")
        }
    }

    #[test]
    fn its_scan_step_answers_every_event() {
        let forge = Forge::new();
        let clone = forge.full(&forge.merge);
        let runner = Runner::new().with_cofferdam();
        let sarif = runner.temp.path().join("cofferdam.sarif");
        for (event, file, sha, code, findings) in [
            ("pull_request", "pull_request", &forge.merge, 1, 1),
            ("pull_request_target", "pull_request_target", &forge.base, 1, 1),
            ("merge_group", "merge_group", &forge.head, 1, 1),
            ("push", "push", &forge.head, 1, 1),
            ("push", "push_first", &forge.head, 1, 1),
            ("push", "push_forced", &forge.head, 1, 1),
            ("push", "push_tag", &forge.head, 1, 1),
            ("push", "push_deleted", &forge.base, 0, 0),
            ("schedule", "schedule", &forge.base, 1, 2),
            ("workflow_dispatch", "workflow_dispatch", &forge.base, 1, 2),
            ("push", "workflow_call", &forge.head, 1, 1),
        ] {
            let outcome = runner.scan(&clone, (event, &forge.event(file)), sha, &[]).expect_code(code);
            let expected = format!("findings={findings}\nexit-code={code}\nsarif={}\n", sarif.display());
            assert_eq!(runner.outputs(), expected, "{file}");
            assert_eq!(found(&outcome).len(), findings, "annotations of {file}");
            let log: serde_json::Value = serde_json::from_str(&runner.temp.read("cofferdam.sarif")).unwrap();
            assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), findings, "{file}");
        }
        assert!(runner.temp.read("summary.md").contains("### Cofferdam: 2 leaks found"));
        assert!(!clone.path().join("injected").exists(), "a title is no command");
    }

    #[test]
    fn its_scan_step_fails_closed() {
        let forge = Forge::new();
        let clone = forge.full(&forge.merge);
        let event = forge.event("pull_request");
        let event = ("pull_request", event.as_str());
        let runner = Runner::new();
        runner.scan(&clone, event, &forge.merge, &[]).expect_code(127).expect_stdout("could not be done");
        assert_eq!(runner.outputs(), "exit-code=127\n");
        for code in [2, 101, 134] {
            runner.program("cofferdam", &format!("exit {code}"));
            runner.scan(&clone, event, &forge.merge, &[]).expect_code(code).expect_stdout("::error title=");
        }
        runner.program("cofferdam", "exit 3");
        runner.scan(&clone, event, &forge.merge, &[]).expect_code(3).expect_stdout("incomplete");
        let allow = ("ALLOW_INCOMPLETE", "true");
        runner.scan(&clone, event, &forge.merge, &[allow]).expect_code(0).expect_stdout("::warning title=");
        assert_eq!(runner.outputs(), "exit-code=3\n");
        runner.program("cofferdam", "exit 1");
        runner.scan(&clone, event, &forge.merge, &[allow]).expect_code(1);
        // Arguments are words, not commands; the path stays one.
        runner.program("cofferdam", "printf '<%s>' \"$@\"");
        let hostile = [("ARGS", "-c x.toml $(touch injected) ;"), ("SCAN_PATH", "a b; touch injected")];
        let outcome = runner.scan(&clone, event, &forge.merge, &hostile).expect_code(0);
        outcome.expect_stdout("<-c><x.toml><$(touch><injected)><;><--><a b; touch injected>");
        assert!(!clone.path().join("injected").exists());
    }

    /// A release in a directory: the archive and its checksums.
    fn release(version: &str) -> (Dir, PathBuf) {
        let releases = Dir::new();
        let name = "cofferdam-x86_64-unknown-linux-musl";
        let program = format!("v{version}/{name}/cofferdam");
        let path = releases.write(program, format!("#!/bin/sh\necho cofferdam {version}\n"));
        executable(&path);
        let folder = releases.path().join(format!("v{version}"));
        let make = format!("tar -czf {name}.tgz {name} && sha256sum {name}.tgz > SHA256SUMS");
        assert!(Command::new("sh").args(["-c", &make]).current_dir(&folder).status().unwrap().success());
        (releases, folder)
    }

    #[test]
    fn its_install_step_takes_only_what_the_release_names() {
        let (releases, folder) = release("1.2.3");
        let url = format!("file://{}", releases.path().display());
        let install = |version: &str| {
            let runner = Runner::new();
            let variables = [("VERSION", version), ("RELEASES", &url), ("ACTION_PATH", "/a/_actions/o/r/v1")];
            (runner.step("install", runner.temp.path(), &variables), runner)
        };
        for version in ["1.2.3", "v1.2.3"] {
            let (outcome, runner) = install(version);
            outcome.expect_code(0).expect_stdout("cofferdam 1.2.3");
            let bin = runner.temp.path().join("cofferdam/bin");
            assert_eq!(runner.temp.read("path"), format!("{}\n", bin.display()));
        }
        assert_ne!(install("9.9.9").0.code, Some(0), "no such release");
        std::fs::write(folder.join("cofferdam-x86_64-unknown-linux-musl.tgz"), "changed").unwrap();
        let (outcome, runner) = install("1.2.3");
        assert_ne!(outcome.code, Some(0), "{outcome:?}");
        assert!(!runner.temp.path().join("path").exists());
        std::fs::write(folder.join("SHA256SUMS"), "").unwrap();
        assert_ne!(install("1.2.3").0.code, Some(0), "no checksum");
    }

    #[test]
    fn its_install_step_uses_what_is_there_or_builds() {
        let action = ("ACTION_PATH", "/a/_actions/o/r/v1");
        let runner = Runner::new().with_cofferdam();
        let variables = [("VERSION", ""), ("RELEASES", ""), action];
        runner.step("install", runner.temp.path(), &variables).expect_code(0).expect_stdout("cofferdam 0.");
        let runner = Runner::new();
        runner.program("cargo", "echo \"cargo $*\"; exit 101");
        let built = "cargo install --locked --path /a/_actions/o/r/v1 --root ";
        runner.step("install", runner.temp.path(), &variables).expect_code(101).expect_stdout(built);
        // Built, it is found.
        let make = "mkdir -p \"$7/bin\"; printf '#!/bin/sh\\necho built' > \"$7/bin/cofferdam\"; chmod +x \"$7/bin/cofferdam\"";
        runner.program("cargo", &make.replace("$7", "$6"));
        runner.step("install", runner.temp.path(), &variables).expect_code(0).expect_stdout("built");
        // The release's address comes from where the action lies.
        runner.program("curl", "echo \"$*\"; exit 22");
        let variables =
            [("VERSION", "1.0.0"), ("RELEASES", ""), ("ACTION_PATH", "D:\\a\\_actions\\o\\r\\v1")];
        let url =
            "https://github.example/o/r/releases/download/v1.0.0/cofferdam-x86_64-unknown-linux-musl.tgz";
        runner.step("install", runner.temp.path(), &variables).expect_code(22).expect_stdout(url);
    }

    #[test]
    fn no_input_is_written_into_a_script() {
        for id in ["install", "scan"] {
            let script = script(id);
            assert!(script.lines().count() > 10 && !script.contains("${{"), "{id}: {script}");
        }
        assert_eq!(text().matches("run: |").count(), 2, "every script is tried here");
    }
}
