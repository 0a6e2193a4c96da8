//! `baseline create`, `update`, `prune`, and scans with the file that they write: what entries outlive,
//! what makes them void, and what the file gives away.

use crate::harness::{Outcome, Repo, token};
use serde_json::Value;

const FILE: &str = ".cofferdam-baseline";
const SEC: &str =
    "[[rules]]\nid = 'sec'\nregex = '''sec=(\\w+)'''\n[[rules]]\nid = 'key-file'\npath = '''\\.key$'''\n";
const WORD: &str = "abcdefghijklmnopqrstuvwxyz";

fn repo() -> Repo {
    let repo = Repo::new();
    repo.commit(".gitleaks.toml", SEC, "Rules");
    repo
}

fn run(repo: &Repo, arguments: &[&str]) -> Outcome {
    repo.cofferdam().args(arguments).run()
}

#[track_caller]
fn create(repo: &Repo) -> Outcome {
    run(repo, &["baseline", "create", "--reason", "of old"]).expect_code(0)
}

/// Paths and secrets that a whole scan reports.
#[track_caller]
fn news(repo: &Repo) -> Vec<String> {
    let scan = run(repo, &["scan", "-f", "json", "--show-secrets"]);
    let findings: Vec<Value> = serde_json::from_str(&scan.stdout).unwrap();
    assert_eq!(scan.code, Some(i32::from(!findings.is_empty())), "{scan:?}");
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    findings.iter().map(|one| format!("{}:{}", text(one, "File"), text(one, "Secret"))).collect()
}

/// The entries' lines, without the header.
fn lines(repo: &Repo) -> Vec<String> {
    repo.read(FILE).lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn what_was_accepted_is_no_news_and_a_changed_secret_is() {
    let repo = repo();
    repo.commit("a b.txt", "sec=one\n", "one");
    repo.commit("server.key", "x\n", "key");
    create(&repo).expect_stderr("2 entries for 2 findings");
    let scan = run(&repo, &["scan"]).expect_code(0);
    let scan = scan.expect_stderr("baseline ").expect_stderr(&format!("{FILE}: 2 findings known\n"));
    assert!(!scan.stderr.contains("stale"), "{}", scan.stderr);
    repo.commit("a b.txt", "# above\n\nsec=one\n", "The line moves");
    assert!(news(&repo).is_empty());
    repo.commit("a b.txt", "sec=two\n", "two");
    assert_eq!(news(&repo), ["a b.txt:two"]);
    repo.write("a b.txt", "sec=three\n");
    assert_eq!(news(&repo), ["a b.txt:two", "a b.txt:three"]);
    let all = run(&repo, &["scan", "--no-baseline", "-q"]).expect_code(1);
    assert!(all.stderr.is_empty(), "{}", all.stderr);
    run(&repo, &["git", "--range", "HEAD~3..HEAD~1", "-q"]).expect_code(0);
    repo.git(["add", "."]);
    run(&repo, &["git", "--staged"]).expect_code(1).expect_stderr("1 leak found");
}

#[test]
fn entries_outlive_a_rebase_and_a_squash() {
    let repo = repo();
    repo.git(["switch", "-qc", "topic"]);
    repo.commit("a.txt", "sec=one\n", "one");
    repo.commit("b.txt", "sec=two\n", "two");
    create(&repo);
    repo.git(["add", FILE]);
    repo.git(["commit", "-qm", "Baseline"]);
    repo.git(["switch", "-q", "main"]);
    repo.commit("other.txt", "nothing\n", "other");
    repo.git(["switch", "-q", "topic"]);
    repo.git(["rebase", "-q", "main"]);
    assert!(news(&repo).is_empty());
    repo.git(["switch", "-q", "main"]);
    repo.git(["merge", "-q", "--squash", "topic"]);
    repo.git(["commit", "-qm", "All of topic"]);
    repo.git(["branch", "-qD", "topic"]);
    repo.git(["reflog", "expire", "--expire=now", "--all"]);
    repo.git(["gc", "-q", "--prune=now"]);
    assert!(news(&repo).is_empty());
}

#[test]
fn the_file_is_sorted_and_gives_no_part_of_a_secret_away() {
    let repo = repo();
    let secrets: Vec<String> = (0..6).map(|seed| token(seed, WORD, 24)).collect();
    for (index, secret) in secrets.iter().enumerate() {
        repo.write(format!("{}.txt", 9 - index), format!("sec={secret}\n"));
    }
    let arguments = ["--reason", "of old", "--owner", "Ann", "--expires", "90d"];
    run(&repo, &[&["baseline", "create"][..], &arguments].concat()).expect_code(0);
    let lines = lines(&repo);
    assert_eq!(lines.len(), 6);
    assert!(lines.is_sorted());
    let text = repo.read(FILE);
    for secret in &secrets {
        for at in 0..secret.len() - 4 {
            assert!(!text.contains(&secret[at..at + 4]), "{text}");
        }
    }
    for line in lines {
        let entry: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&entry["reason"], &entry["owner"]), (&"of old".into(), &"Ann".into()));
        assert!(entry["expires"].as_str().unwrap().len() == 10 && entry.get("line").is_none());
    }
    // Another file has another salt: equal secrets have other hashes there.
    run(&repo, &["baseline", "create", "--reason", "of old", "-b", "other"]).expect_code(0);
    let first = text.lines().nth(1).unwrap()[..70].to_owned();
    assert!(first.contains("\"hash\"") && !repo.read("other").contains(&first));
    // Committed, it is no finding itself; not even where nobody knows it as a baseline.
    repo.git(["add", FILE]);
    repo.git(["commit", "-qm", "Baseline"]);
    std::fs::remove_file(repo.path().join(".gitleaks.toml")).unwrap();
    run(&repo, &["git", "--no-baseline"]).expect_code(0);
}

#[test]
fn an_expired_entry_is_named_and_holds_no_longer() {
    let repo = repo();
    repo.commit("a.txt", "sec=one\n", "one");
    let arguments = ["baseline", "create", "--reason", "until the move", "--owner", "Ann", "--expires"];
    run(&repo, &[&arguments[..], &["2020-01-01"]].concat())
        .expect_code(2)
        .expect_stderr("2020-01-01 is over");
    run(&repo, &[&arguments[..], &["9999-01-01"]].concat()).expect_code(0);
    assert!(news(&repo).is_empty());
    repo.write(FILE, repo.read(FILE).replace("9999-01-01", "2020-01-01"));
    assert_eq!(news(&repo), ["a.txt:one"]);
    let scan =
        run(&repo, &["git"]).expect_code(1).expect_stderr(&format!("{FILE}:2: has expired: sec in a.txt"));
    scan.expect_stderr("until the move; owner Ann; expires 2020-01-01").expect_stderr("1 entry expired");
    // An update does not renew it.
    run(&repo, &["baseline", "update", "--reason", "new"]).expect_code(0).expect_stderr("0 entries added");
    assert_eq!(news(&repo), ["a.txt:one"]);
}

#[test]
fn stale_entries_are_named_and_pruned() {
    let repo = repo();
    repo.write("a.txt", "sec=one\n");
    repo.write("b.txt", "sec=two\n");
    create(&repo);
    std::fs::remove_file(repo.path().join("b.txt")).unwrap();
    let stale = format!("{FILE}:3: is stale, nothing matches it: sec in b.txt (of old)");
    run(&repo, &["scan"]).expect_code(0).expect_stderr(&stale).expect_stderr("1 entry stale");
    // What looks at a part cannot tell.
    for part in [&["git"][..], &["git", "--staged"], &["dir"], &["scan", "--enable-rule", "key-file"]] {
        let part = run(&repo, part);
        assert!(!part.stderr.contains("stale"), "{part:?}");
    }
    let before = repo.read(FILE);
    let dry = run(&repo, &["baseline", "prune", "--dry-run"]).expect_code(1);
    assert_eq!(dry.stdout, "- sec in b.txt (of old)\n");
    assert_eq!(repo.read(FILE), before);
    run(&repo, &["baseline", "prune", "--enable-rule", "key-file"]).expect_code(0).expect_stderr("0 stale");
    run(&repo, &["baseline", "prune"]).expect_code(0).expect_stderr("1 stale entry removed");
    assert_eq!(lines(&repo), [before.lines().nth(1).unwrap()]);
    run(&repo, &["baseline", "prune", "--dry-run"]).expect_code(0);
}

#[test]
fn a_scan_that_missed_something_prunes_nothing() {
    let full = repo();
    full.commit("a.txt", "sec=one\n", "one");
    full.commit("a.txt", "clean\n", "clean");
    create(&full);
    full.git(["add", FILE]);
    full.git(["commit", "-qm", "Baseline"]);
    let shallow = Repo::new();
    let url = format!("file://{}", full.path().display());
    shallow.git(["fetch", "-q", "--depth", "1", &url, "main"]);
    shallow.git(["reset", "-q", "--hard", "FETCH_HEAD"]);
    let before = shallow.read(FILE);
    run(&shallow, &["baseline", "prune"]).expect_code(3).expect_stderr("nothing is pruned");
    assert_eq!(shallow.read(FILE), before);
    let scan = run(&shallow, &["scan"]).expect_code(3);
    assert!(!scan.stderr.contains("stale"), "{}", scan.stderr);
}

#[test]
fn an_update_adds_what_is_new_and_keeps_the_rest() {
    let repo = repo();
    repo.commit("a.txt", "sec=one\n", "one");
    create(&repo);
    let old = lines(&repo);
    run(&repo, &["baseline", "create", "--reason", "x"]).expect_code(2).expect_stderr("baseline update");
    repo.write("0.txt", "sec=two\n");
    run(&repo, &["baseline", "update"]).expect_code(2).expect_stderr("--reason");
    let update = run(&repo, &["baseline", "update", "--reason", "newer"]).expect_code(0);
    assert_eq!(update.stdout, "+ sec in 0.txt (newer)\n");
    let new = lines(&repo);
    assert_eq!(new.len(), 2);
    assert!(new[0].contains("newer") && new[1] == old[0]);
    assert!(news(&repo).is_empty());
    let text = repo.read(FILE);
    run(&repo, &["baseline", "update", "--reason", "again"]).expect_code(0);
    assert_eq!(repo.read(FILE), text);
}

#[test]
fn entries_follow_a_renamed_file() {
    let repo = repo();
    repo.write("a.txt", "sec=one\n");
    create(&repo);
    std::fs::rename(repo.path().join("a.txt"), repo.path().join("b.txt")).unwrap();
    assert_eq!(news(&repo), ["b.txt:one"]);
    let update = run(&repo, &["baseline", "update", "--reason", "new"]).expect_code(0);
    update.expect_stderr("0 entries added, 1 after a rename");
    assert_eq!(lines(&repo).len(), 1);
    assert!(lines(&repo)[0].contains("b.txt") && lines(&repo)[0].contains("of old"));
    assert!(news(&repo).is_empty());
    // In history the old path stays, and so does its entry.
    repo.git(["add", "."]);
    repo.git(["commit", "-qm", "b"]);
    repo.git(["mv", "b.txt", "d.txt"]);
    repo.git(["commit", "-qm", "d"]);
    assert_eq!(news(&repo), ["d.txt:one"]);
    run(&repo, &["baseline", "update", "--reason", "new"]).expect_code(0).expect_stderr("1 after a rename");
    assert_eq!(lines(&repo).len(), 2);
    assert!(news(&repo).is_empty() && !repo.read(FILE).contains("new"));
    // A copy is no rename: it needs a reason of its own.
    repo.write("c.txt", "sec=one\n");
    run(&repo, &["baseline", "update", "--reason", "new"]).expect_code(0).expect_stderr("1 entry added");
}

#[test]
fn two_branches_that_add_entries_merge() {
    let repo = repo();
    repo.write("m.txt", "sec=one\n");
    create(&repo);
    repo.write(".gitattributes", format!("{FILE} merge=union\n"));
    repo.git(["add", "."]);
    repo.git(["commit", "-qm", "Start"]);
    let other = Repo::new();
    other.git(["pull", "-q", repo.path().to_str().unwrap(), "main"]);
    for (repo, file) in [(&repo, "y.txt"), (&other, "z.txt")] {
        repo.commit(file, format!("sec={file}\n"), file);
        run(repo, &["baseline", "update", "--reason", file]).expect_code(0);
        repo.git(["commit", "-qam", "Accept"]);
    }
    repo.git(["pull", "-q", "--no-rebase", "--no-edit", other.path().to_str().unwrap(), "main"]);
    assert!(news(&repo).is_empty());
    assert_eq!(lines(&repo).len(), 3);
    run(&repo, &["baseline", "update", "--reason", "x"]).expect_code(0);
    assert!(lines(&repo).is_sorted());
}

#[test]
fn a_damaged_file_is_refused() {
    let repo = repo();
    repo.write("a.txt", "sec=one\n");
    create(&repo);
    let good = repo.read(FILE);
    let half = good.len() - 10;
    for (text, words) in [
        (good[..half].to_owned(), ":2:"),
        (format!("<<<<<<< HEAD\n{good}=======\n>>>>>>> x\n"), ":1:1: is a mark of an unfinished merge"),
        (good.replace("sec\",\"hash\":\"", "sec\",\"hash\":\"0"), ":2:30: `hash` is damaged"),
        (good.replace("of old", ""), "`reason` is empty"),
        (String::new(), "is neither a baseline nor"),
    ] {
        repo.write(FILE, &text);
        for command in [&["scan"][..], &["git", "--staged"], &["baseline", "prune"]] {
            run(&repo, command).expect_code(2).expect_stderr(FILE).expect_stderr(words);
        }
    }
    // A hash that was tampered with accepts nothing.
    let at = good.rfind("\"hash\":\"").unwrap() + 8;
    let other = if &good[at..=at] == "0" { "1" } else { "0" };
    repo.write(FILE, format!("{}{other}{}", &good[..at], &good[at + 1..]));
    assert_eq!(news(&repo), ["a.txt:one"]);
}

#[test]
fn gitleaks_reports_and_ignore_files_convert() {
    for flags in [&["--show-secrets"][..], &[]] {
        let repo = repo();
        repo.commit("a.txt", "sec=one\n", "one");
        let report = [&["git", "-f", "json", "-r", "old.json"], flags].concat();
        run(&repo, &report).expect_code(1);
        repo.commit("b.txt", "sec=two\n", "two");
        let convert = ["baseline", "create", "--from", "old.json"];
        run(&repo, &convert).expect_code(0).expect_stderr("1 entry for 1 finding");
        assert!(lines(&repo)[0].contains("accepted in old.json"));
        std::fs::remove_file(repo.path().join("old.json")).unwrap();
        assert_eq!(news(&repo), ["b.txt:two"]);
    }
    let repo = repo();
    let commit = repo.commit("a.txt", "sec=one\nsec=two\nsec=three\n", "one");
    repo.write(".gitleaksignore", format!("# known\n{commit}:a.txt:sec:1\na.txt:sec:2\ngone.txt:sec:1\n"));
    let convert = ["baseline", "create", "--from", ".gitleaksignore", "--reason", "r"];
    let converted = run(&repo, &convert).expect_code(0).expect_stderr("2 entries for 2 findings");
    converted.expect_stderr("matches no finding, left out: gone.txt:sec:1");
    std::fs::remove_file(repo.path().join(".gitleaksignore")).unwrap();
    assert_eq!(news(&repo), ["a.txt:three"]);
}

#[test]
fn a_report_of_rules_with_other_names_converts_by_its_secrets() {
    let repo = repo();
    repo.commit("a.txt", "sec=one\n", "one");
    run(&repo, &["git", "-f", "json", "-r", "old.json", "--show-secrets"]).expect_code(1);
    let other = repo.read("old.json").replace("\"sec\"", "\"theirs\"");
    repo.write("old.json", other);
    run(&repo, &["scan", "-b", "old.json"]).expect_code(1);
    run(&repo, &["baseline", "create", "--from", "old.json"])
        .expect_code(0)
        .expect_stderr("1 entry for 1 finding");
}

#[test]
fn what_cannot_be_used_is_said() {
    let repo = repo();
    repo.write("a.txt", "sec=one\n");
    let wrong = |arguments: &[&str], words: &str| {
        run(&repo, &[&["baseline"], arguments].concat()).expect_code(2).expect_stderr(words);
    };
    wrong(&["create"], "--reason");
    wrong(&["create", "--reason", " "], "--reason is empty");
    wrong(&["create", "--reason", "r", "--expires", "soon"], "neither a day");
    wrong(&["create", "--reason", "r", "--no-baseline"], "--no-baseline");
    wrong(&["create", "--from", "absent"], "absent");
    wrong(&["create", "--from", ".gitleaks.toml"], ".gitleaks.toml:1:3: is neither");
    repo.write("words", "hello\n");
    wrong(&["create", "--from", "words"], "words:1: is no fingerprint");
    wrong(&["create", "--reason", "r", "-b", "no/such/folder"], "no/such/folder");
    wrong(&["update", "--reason", "r"], "baseline create");
    wrong(&["prune"], "baseline create");
    repo.write("report.json", "[]");
    wrong(&["update", "--reason", "r", "-b", "report.json"], "--from report.json");
}
