//! The command line, from arguments to exit code and both outputs.

use crate::harness::{BASE62, Dir, Repo, git, token};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

const SEC: &str = "[[rules]]\nid = 'sec'\nregex = '''sec=(\\w+)'''\n";

/// A directory with a configuration that finds `sec=WORD`.
fn dir() -> Dir {
    let dir = Dir::new();
    dir.write(".gitleaks.toml", SEC);
    dir
}

/// A repository with such a configuration, not committed.
fn repo() -> Repo {
    let repo = Repo::new();
    repo.write(".gitleaks.toml", SEC);
    repo
}

#[track_caller]
fn report(dir: &Dir, arguments: &[&str]) -> Vec<Value> {
    let run = dir.cofferdam().args(arguments).args(["-f", "json", "-r", "-", "--show-secrets"]).run();
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    serde_json::from_str(&run.stdout).unwrap()
}

/// `file:secret` of each finding; `file:secret@commit` where it is of a commit.
#[track_caller]
fn found(dir: &Dir, arguments: &[&str]) -> Vec<String> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let one = |finding: &Value| {
        let place = format!("{}:{}", text(finding, "File"), text(finding, "Secret"));
        match text(finding, "Commit") {
            commit if commit.is_empty() => place,
            commit => format!("{place}@{commit}"),
        }
    };
    report(dir, arguments).iter().map(one).collect()
}

#[test]
fn exit_codes() {
    let dir = dir();
    dir.write("clean.txt", "nothing\n");
    dir.write("leak.txt", "sec=al2\n");
    let run = |arguments: &[&str]| dir.cofferdam().args(arguments).run();
    run(&["dir", "clean.txt", "-c", ".gitleaks.toml"]).expect_code(0).expect_stdout("No secrets found.\n");
    let leak = run(&["dir", "leak.txt", "-c", ".gitleaks.toml"]).expect_code(1);
    assert!(leak.stdout.ends_with('\n') && leak.stderr.ends_with('\n'), "{leak:?}");
    run(&["dir", "--exit-code", "7"]).expect_code(7);
    run(&["dir", "--exit-code", "0"]).expect_code(0);
    run(&["dir", "--no-such-flag"]).expect_code(2).expect_stderr("--no-such-flag");
    run(&["no-such-command"]).expect_code(2);
    run(&["--help"]).expect_code(0).expect_stdout("Usage");
    run(&["git"]).expect_code(2).expect_stderr("not a git repository");
    let absent = run(&["dir", "absent"]).expect_code(2).expect_stderr("absent");
    assert_eq!(absent.stderr.matches("os error 2").count(), 1, "{absent:?}");
    run(&["dir", "-f", "yaml"]).expect_code(2).expect_stderr("yaml");
    run(&["dir", "-r", "x.yaml"]).expect_code(2).expect_stderr("x.yaml");
    run(&["dir", "-b", "absent.json"]).expect_code(2).expect_stderr("absent.json");
    run(&["dir", "-i", "absent"]).expect_code(2).expect_stderr("absent");
    run(&["dir", "--enable-rule", "absent"]).expect_code(2).expect_stderr("absent");
}

#[test]
fn a_configuration_that_cannot_be_used_is_told_where() {
    let dir = Dir::new();
    dir.write("bad.toml", "[[rules]]\nid = 'x'\nregex = '('\n");
    dir.cofferdam().args(["dir", "-c", "bad.toml"]).run().expect_code(2).expect_stderr("bad.toml:3:9: ");
    dir.cofferdam().args(["dir", "-c", "absent.toml"]).run().expect_code(2).expect_stderr("absent.toml");
    dir.write("cofferdam.toml", "[[rules]]\nid = 'x'\nregexp = 'a'\n");
    let run = dir.cofferdam().args(["dir"]).run().expect_code(2);
    run.expect_stderr("cofferdam.toml:3:1: ").expect_stderr("regex");
}

#[test]
fn what_could_not_be_read_makes_a_scan_incomplete() {
    let repo = repo();
    repo.commit("a.txt", "nothing\n", "one");
    repo.commit("a.txt", "still nothing\n", "two");
    let clone = Dir::new();
    clone.write(".gitleaks.toml", SEC);
    let url = format!("file://{}", repo.path().display());
    git(clone.path(), ["clone", "-q", "--depth", "1", &url, "shallow"]);
    let run = clone.cofferdam().args(["git", "shallow", "-c", ".gitleaks.toml"]).run().expect_code(3);
    run.expect_stderr("INCOMPLETE").expect_stderr("shallow boundary").expect_stdout("incomplete");
    #[cfg(target_os = "linux")]
    clone.cofferdam().args(["dir", "/proc/self/mem"]).run().expect_code(3).expect_stderr("unreadable: 1");
}

#[test]
fn scan_reads_all_that_could_be_committed_and_the_history() {
    let repo = repo();
    repo.write(".gitignore", "*.log\n");
    repo.commit("stays.txt", "sec=stays\n", "one");
    let second = repo.commit("gone.txt", "sec=gone\n", "two");
    repo.git(["rm", "-q", "gone.txt"]);
    repo.git(["commit", "-q", "-m", "three"]);
    repo.write("staged.txt", "sec=staged\n");
    repo.git(["add", "staged.txt"]);
    repo.write("staged.txt", "changed\n");
    repo.write("both.txt", "sec=both\n");
    repo.git(["add", "both.txt"]);
    repo.write("new.txt", "sec=new\n");
    repo.write("ignored.log", "sec=ignored\n");
    let first = repo.git(["rev-parse", "HEAD~2"]);
    let expected = [
        "both.txt:both".to_owned(),
        format!("gone.txt:gone@{second}"),
        "new.txt:new".to_owned(),
        "staged.txt:staged".to_owned(),
        format!("stays.txt:stays@{first}"),
    ];
    assert_eq!(found(&repo, &["scan"]), expected);
    assert_eq!(found(&repo, &["scan", repo.path().to_str().unwrap()]), expected);
    repo.write("sub/x.txt", "nothing\n");
    let inside = repo.cofferdam().args(["scan", "sub", "-c", ".gitleaks.toml"]).run().expect_code(1);
    assert!(inside.stdout.contains("5 secrets in 5 places"), "{inside:?}");
    assert_eq!(found(&repo, &["dir", "ignored.log", "-c", ".gitleaks.toml"]), ["ignored.log:ignored"]);
}

#[test]
fn stats_are_said_to_who_asks() {
    let repo = repo();
    repo.commit("a.txt", "sec=al2 and sec=be3\n", "one");
    let run = |more: &[&str]| repo.cofferdam().args(["git"]).args(more).run().expect_code(1).stderr;
    let stats = run(&["--stats"]);
    assert!(stats.contains(" 2 matches, 2 hits\nseconds of all threads: inflate 0."), "{stats}");
    assert!(!run(&[]).contains("seconds of all threads"));
    assert_eq!(run(&["--stats", "--quiet"]), "");
}

#[test]
fn scan_outside_a_repository_reads_the_files() {
    let dir = dir();
    dir.write("a.txt", "sec=al2\n");
    dir.cofferdam().args(["scan"]).run().expect_code(1).expect_stderr("in no git repository");
    assert_eq!(found(&dir, &["scan"]), ["./a.txt:al2"].map(|place| place.trim_start_matches("./")));
}

#[test]
fn what_is_staged_comes_from_the_index() {
    let repo = repo();
    repo.commit("a.txt", "sec=old\n", "one");
    repo.write("a.txt", "sec=old\nsec=staged\n");
    repo.git(["add", "a.txt"]);
    repo.write("a.txt", "sec=old\nsec=staged\nsec=unstaged\n");
    assert_eq!(found(&repo, &["git", "--staged"]), ["a.txt:staged"]);
    assert_eq!(found(&repo, &["protect", "--staged"]), ["a.txt:staged"]);
    assert_eq!(found(&repo, &["git", "--pre-commit"]), ["a.txt:unstaged"]);
    assert_eq!(found(&repo, &["protect"]), ["a.txt:unstaged"]);
}

#[test]
fn ranges() {
    let repo = repo();
    repo.commit("a.txt", "sec=one\n", "one");
    let second = repo.commit("b.txt", "sec=two\n", "two");
    let expected = [format!("b.txt:two@{second}")];
    assert_eq!(found(&repo, &["git", "--range", "HEAD~1..HEAD"]), expected);
    assert_eq!(found(&repo, &["git", "--log-opts", "--all -n 1"]), expected);
    assert_eq!(found(&repo, &["git", "--max-count", "1"]), expected);
    assert_eq!(found(&repo, &["git"]).len(), 2);
    assert_eq!(found(&repo, &["git", "--since", "2025-01-01"]).len(), 0);
    repo.cofferdam().args(["git", "--range", "absent..HEAD"]).run().expect_code(2).expect_stderr("absent");
    repo.cofferdam().args(["git", "--staged", "--range", "HEAD"]).run().expect_code(2);
}

#[test]
fn a_line_that_moved_or_came_again_is_new_as_in_a_diff() {
    let repo = repo();
    repo.commit("a.txt", "sec=one\nmiddle\nlines\nhere\n", "one");
    let moved = repo.commit("a.txt", "middle\nlines\nhere\nsec=one\n", "moved");
    let again = repo.commit("a.txt", "middle\nlines\nhere\nsec=one\nx\nsec=one\n", "again");
    repo.git(["mv", "a.txt", "b.txt"]);
    repo.git(["commit", "-q", "-m", "renamed"]);
    repo.git(["rm", "-q", "b.txt"]);
    let rewritten =
        repo.commit("c.txt", format!("sec=one\n{}", "quite another file\n".repeat(9)), "rewritten");
    let commits: Vec<String> =
        report(&repo, &["git"]).iter().map(|one| one["Commit"].as_str().unwrap().to_owned()).collect();
    assert_eq!(commits.len(), 4, "{commits:?}");
    assert!([moved, again, rewritten].iter().all(|commit| commits.contains(commit)), "{commits:?}");
}

/// What is on disk alone cannot be compared with a file that went away: its secret was there before.
#[test]
fn a_moved_and_changed_file_on_disk_brings_nothing_in() {
    let repo = repo();
    let lines: String = (0..40).map(|line| format!("line {line}\n")).collect();
    repo.commit("a.txt", format!("{lines}sec=one\n"), "one");
    repo.git(["mv", "a.txt", "b.txt"]);
    repo.git(["reset", "-q"]);
    repo.write("b.txt", format!("{}sec=one\n", lines.replace("line 1\n", "other\n")));
    repo.git(["add", "-N", "b.txt"]);
    assert!(found(&repo, &["git", "--pre-commit"]).is_empty());
}

/// With no context git compares texts only up to the last blocks that are the same; so do we.
#[test]
fn what_is_added_before_a_long_end_is_what_git_shows_without_context() {
    let repo = repo();
    let mut seen = Vec::new();
    for length in [500, 1023, 1024, 2047, 3000_usize] {
        let end = format!("sec=one\n{}\n", ".".repeat(length - 9));
        repo.commit("a.txt", format!("a\n{end}"), "old");
        let added = repo.commit("a.txt", format!("a\nsec=one\nb\n{end}"), "new");
        let shown = repo.git(["show", "-U0", "--format=", "HEAD"]);
        let first = if shown.contains("+sec=one\n+b") { 2 } else { 4 };
        let of_commit = |one: &&serde_json::Value| one["Commit"] == added;
        let lines: Vec<u64> = report(&repo, &["git"])
            .iter()
            .filter(of_commit)
            .filter_map(|one| one["StartLine"].as_u64())
            .collect();
        assert_eq!(lines, [first], "{length}: {shown}");
        seen.push(first);
    }
    assert!(seen.contains(&2) && seen.contains(&4), "{seen:?}");
}

/// Of a commit that moves files, what is new is what git shows as added.
#[test]
fn files_move_as_git_says() {
    let repo = repo();
    let seed = Cell::new(7_u64);
    let random = |below: u64| {
        seed.set(seed.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        (seed.get() >> 33) % below
    };
    let (mut files, mut renames, mut additions) = (BTreeMap::<String, String>::new(), 0, 0);
    for commit in 0..16 {
        let before = std::mem::take(&mut files);
        for (path, content) in &before {
            repo.git(["rm", "-q", path]);
            for copy in 0..random(3) {
                let (directory, name) = (random(4), path.rsplit('/').next().expect("a name"));
                let name =
                    if random(2) == 0 { name.to_owned() } else { format!("{commit}-{}.txt", random(6)) };
                let changed = random(30);
                let lines = content.lines().enumerate().filter(|(line, _)| random(40) > 0 || *line == 3);
                let line = |(line, text): (usize, &str)| match random(60) < changed && line != 3 {
                    true => format!("{commit} {copy} {line}\n"),
                    false => format!("{text}\n"),
                };
                let mut content: String = lines.map(line).collect();
                if random(4) == 0 {
                    content = content.replace("sec=one\n", "gone\n");
                }
                files.insert(format!("{commit}/{directory}/{name}"), content);
            }
        }
        for number in files.len()..6 {
            let line = |line: usize| {
                if line == 3 { "sec=one\n".to_owned() } else { format!("{line} {}\n", random(3)) }
            };
            files.insert(format!("{commit}/new/{number}.txt"), (0..40).map(line).collect());
        }
        for (path, content) in &files {
            repo.write(path, content);
        }
        repo.git(["add", &commit.to_string()]);
        repo.git(["commit", "-qm", "moved"]);
        let id = repo.git(["rev-parse", "HEAD"]);
        let shown = repo.git(["show", "--find-renames", "-U0", "--format=", "HEAD"]);
        let mut expected: Vec<String> = Vec::new();
        for file in shown.split("diff --git ").filter(|file| file.contains("\n+sec=one")) {
            let path = file.lines().find_map(|line| line.strip_prefix("+++ b/")).expect("a path");
            expected.push(format!("{path}:one@{id}"));
        }
        let mut new = found(&repo, &["git"]);
        new.retain(|one| one.ends_with(&id));
        expected.sort();
        new.sort();
        assert_eq!(new, expected, "{shown}");
        additions += expected.len();
        renames += shown.matches("\nrename to ").count();
    }
    assert!(renames > 20 && additions > 10, "{renames} {additions}");
}

/// What git shows as another file, as all of it is new.
#[cfg(unix)]
#[test]
fn a_link_that_becomes_a_file_is_new() {
    let repo = repo();
    std::os::unix::fs::symlink("sec=one", repo.path().join("x")).unwrap();
    repo.git(["add", "x"]);
    repo.git(["commit", "-qm", "link"]);
    let link = repo.git(["rev-parse", "HEAD"]);
    std::fs::remove_file(repo.path().join("x")).unwrap();
    let file = repo.commit("x", "sec=one", "file");
    let mut expected = [format!("x:one@{link}"), format!("x:one@{file}")];
    expected.sort();
    let mut found = found(&repo, &["git"]);
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_stream() {
    let dir = dir();
    let run = |input: &[u8], arguments: &[&str]| {
        let run = dir.cofferdam().args(["stdin"]).args(arguments).input(input).run();
        (run.code, run.stdout)
    };
    assert_eq!(run(b"nothing\n", &[]).0, Some(0));
    assert_eq!(run(b"sec=al2\n", &[]).0, Some(1));
    let (_, json) = run(b"sec=al2\n", &["--name", "x.env", "-f", "json", "-r", "-"]);
    assert!(json.contains("\"File\": \"x.env\""), "{json}");
    let detect = dir.cofferdam().args(["detect", "--pipe"]).input("sec=al2\n").run();
    detect.expect_code(1);
}

#[test]
fn gitleaks_old_commands() {
    let repo = repo();
    let commit = repo.commit("a.txt", "sec=one\n", "one");
    repo.write("b.txt", "sec=two\n");
    assert_eq!(found(&repo, &["detect"]), [format!("a.txt:one@{commit}")]);
    assert_eq!(found(&repo, &["detect", "--no-git"]), ["a.txt:one", "b.txt:two"]);
    assert_eq!(found(&repo, &["detect", "--no-git", "-s", "b.txt", "-c", ".gitleaks.toml"]), ["b.txt:two"]);
}

#[test]
fn only_the_rules_that_were_asked_for() {
    let dir = Dir::new();
    let other = "[[rules]]\nid = 'other'\nregex = '''other=(\\w+)'''\n";
    dir.write(".gitleaks.toml", format!("{SEC}{other}"));
    dir.write("a.txt", "sec=one\nother=two\n");
    assert_eq!(found(&dir, &["dir", "--enable-rule", "other"]), ["a.txt:two"]);
    assert_eq!(found(&dir, &["dir", "--enable-rule", "other", "--enable-rule", "sec"]).len(), 2);
}

#[test]
fn a_baseline_hides_what_it_holds() {
    for flags in [&["--show-secrets"][..], &[]] {
        let repo = repo();
        repo.commit("a.txt", "sec=one\n", "Add sec=one");
        let run = |arguments: &[&str]| repo.cofferdam().args(["git"]).args(arguments).run();
        let write = [&["-r", "base.json"], flags].concat();
        run(&write).expect_code(1);
        run(&["-b", "base.json"]).expect_code(0);
        repo.commit("b.txt", "sec=two\n", "two");
        run(&["-b", "base.json"]).expect_code(1).expect_stderr("1 leak found");
        repo.write("base.json", "not json");
        run(&["-b", "base.json"]).expect_code(2).expect_stderr("base.json");
    }
}

#[test]
fn an_ignore_file_hides_what_it_names() {
    let repo = repo();
    let commit = repo.commit("a.txt", "sec=one\nsec=two\n", "one");
    assert_eq!(report(&repo, &["git"]).len(), 2);
    repo.write(".gitleaksignore", format!("# known\n{commit}:a.txt:sec:1\n"));
    assert_eq!(found(&repo, &["git"]), [format!("a.txt:two@{commit}")]);
    repo.write(".gitleaksignore", "a.txt:sec:2\n");
    assert_eq!(found(&repo, &["git"]), [format!("a.txt:one@{commit}")]);
    repo.write("elsewhere", "a.txt:sec:1\n");
    assert_eq!(report(&repo, &["git", "-i", "elsewhere"]).len(), 0);
}

#[test]
fn comments_allow_what_stands_on_their_line() {
    let dir = dir();
    dir.write(
        "a.txt",
        "sec=one # gitleaks:allow\nsec=two # cofferdam:allow sec\nsec=three # cofferdam:allow x\n",
    );
    assert_eq!(found(&dir, &["dir"]), ["a.txt:three"]);
    assert_eq!(report(&dir, &["dir", "--ignore-gitleaks-allow"]).len(), 3);
}

#[test]
fn a_closed_pipe_is_quiet() {
    let dir = dir();
    let many: String = (0..20_000).map(|number| format!("sec=al{number}\n")).collect();
    dir.write("a.txt", many);
    for (arguments, code) in [(&["dir"][..], 1), (&["dir", "-f", "json"], 1), (&["rules", "list"], 0)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
        command.current_dir(dir.path()).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {words}");
        assert!(!words.contains("panicked") && !words.contains("ipe"), "{words}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_scan_of_a_stream_at_once() {
    for (input, code) in [("nothing\n", 3), ("sec=al2\n", 1)] {
        let dir = dir();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
        command.current_dir(dir.path()).args(["stdin"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1500));
        assert!(child.try_wait().unwrap().is_none());
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        // The other end stays open until after the program's end.
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words}");
        assert!(words.contains("INCOMPLETE") && words.contains("interrupted"), "{words}");
    }
}

#[test]
fn a_time_limit_ends_a_scan_incomplete() {
    let dir = dir();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    command.current_dir(dir.path()).args(["stdin", "--timeout", "1"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let stdin = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    drop(stdin);
}

#[test]
fn odd_content() {
    let dir = dir();
    dir.write("nul.txt", b"a\0b\nsec=nul\n");
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    dir.write("utf16.txt", [&[0xff, 0xfe][..], &utf16("one\nsec=wide\n")].concat());
    dir.write("latin.txt", b"\xfc\xff sec=latin\n");
    assert_eq!(found(&dir, &["dir"]), ["latin.txt:latin", "nul.txt:nul", "utf16.txt:wide"]);
}

#[test]
fn a_very_long_line() {
    let dir = dir();
    dir.write("a.txt", format!("sec=first {}sec=last", "xy".repeat(15_000_000)));
    let findings = report(&dir, &["dir"]);
    let columns: Vec<u64> = findings.iter().map(|one| one["StartColumn"].as_u64().unwrap()).collect();
    assert_eq!(columns, [1, 30_000_011]);
}

#[test]
fn the_same_bytes_at_any_number_of_threads() {
    let repo = repo();
    for number in 0..60 {
        repo.write(format!("{}/f{number}.txt", number % 7), format!("sec=a{number}\nsec=same\n"));
        if number % 6 == 5 {
            repo.git(["add", "."]);
            repo.git(["commit", "-q", "-m", "sec=message"]);
        }
    }
    repo.write("new.txt", "sec=new\n");
    for format in ["text", "json", "cofferdam-json", "sarif"] {
        let run = |threads: &str| repo.cofferdam().args(["scan", "-v", "-f", format, "-j", threads]).run();
        let one = run("1").expect_code(1).stdout;
        assert!(one.contains("new.txt"), "{one}");
        for threads in ["2", "8"] {
            assert!(run(threads).stdout == one, "{format} -j {threads}");
        }
    }
}

#[test]
fn no_output_shows_a_secret_unless_asked() {
    let canary = format!("glpat-{}", token(99, BASE62, 20));
    let repo = Repo::new();
    repo.commit("a.txt", format!("token = \"{canary}\"\n"), &format!("Add {canary}"));
    repo.write(format!("{canary}.txt"), format!("{canary} {canary}\n"));
    // Not looked at, and named for it.
    repo.write(format!("{canary}.zip"), "PK\x03\x04 damaged");
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", repo.path().join(format!("{canary}.link"))).unwrap();
    repo.write("rules.j2", "{% for finding in findings %}{{ finding }}{% endfor %}");
    for format in ["text", "json", "csv", "junit", "sarif", "github", "cofferdam-json", "template"] {
        for command in ["scan", "git", "dir"] {
            let template = ["--report-template", "rules.j2"];
            let extra = if format == "template" { &template[..] } else { &[] };
            let run = repo.cofferdam().args([command, "-v", "--max-archive-depth", "1", "-f", format]);
            let run = run.args(extra).run().expect_code(1);
            let shown = format!("{}{}", run.stdout, run.stderr);
            assert!(!shown.contains(&canary[6..]), "{command} -f {format} shows it:\n{shown}");
        }
    }
    let rules = format!("[[rules]]\nid = 'r'\ndescription = 'Finds {canary}'\nregex = '{canary}'\n");
    std::fs::write(repo.path().join(".git/rules.toml"), rules).unwrap();
    for format in ["text", "json", "csv", "junit", "sarif", "github", "cofferdam-json"] {
        let run = repo.cofferdam().args(["git", "-c", ".git/rules.toml", "-f", format]).run().expect_code(1);
        assert!(!run.stdout.contains(&canary[6..]), "{format} shows it:\n{}", run.stdout);
    }
    let shown = repo.cofferdam().args(["git", "--show-secrets", "-f", "json"]).run().expect_code(1);
    assert!(shown.stdout.contains(&canary));
    let part = repo.cofferdam().args(["git", "--redact=50", "-f", "json"]).run().expect_code(1);
    assert!(part.stdout.contains(&canary[..13]) && !part.stdout.contains(&canary), "{}", part.stdout);
}

#[test]
fn reports_go_where_they_are_sent() {
    let dir = dir();
    dir.write("a.txt", "sec=al2\n");
    let run = dir.cofferdam().args(["dir", "a.txt", "-c", ".gitleaks.toml", "-f", "json", "-r", "-"]).run();
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap()[0]["Secret"], "REDACTED");
    for (name, start) in [("x.xml", "<?xml"), ("x.sarif", "{"), ("x.csv", "RuleID,"), ("x.json", "[")] {
        let run = dir.cofferdam().args(["dir", "a.txt", "-c", ".gitleaks.toml", "-r", name]).run();
        let run = run.expect_code(1);
        assert!(dir.read(name).starts_with(start), "{}", dir.read(name));
        assert_eq!(run.stdout, "");
    }
    // Known before the scan, which may take long.
    let refused = |arguments: [&str; 4], words: &str| {
        let run = dir.cofferdam().args(["dir"]).args(arguments).run().expect_code(2).expect_stderr(words);
        assert!(!run.stderr.contains("leak"), "{run:?}");
    };
    refused(["-f", "json", "-r", "absent/x.json"], "absent/x.json");
    refused(["-f", "json", "-r", "."], "cannot write .");
    refused(["-f", "template", "--report-template", "absent.j2"], "absent.j2");
    // The report of an earlier scan is not scanned.
    let report = || {
        dir.cofferdam()
            .args(["dir", "a.txt", "x.json", "-c", ".gitleaks.toml", "-r", "x.json", "--show-secrets"])
            .run()
    };
    for _ in 0..2 {
        report().expect_code(1).expect_stderr("1 leak found");
    }
}

/// It may quote what it allows. One that lies elsewhere is a file like any other.
#[test]
fn the_configuration_in_force_is_not_scanned() {
    let repo = repo();
    let text = format!("# sec=own\n{SEC}");
    let first = repo.commit(".gitleaks.toml", &text, "root");
    let second = repo.commit("sub/.gitleaks.toml", &text, "second");
    let other = format!("sub/.gitleaks.toml:own@{second}");
    for command in ["scan", "git"] {
        assert_eq!(found(&repo, &[command]), std::slice::from_ref(&other), "{command}");
    }
    assert!(found(&repo, &["git", "--range", &format!("{first}^!")]).is_empty());
    repo.write(".gitleaks.toml", format!("{text}# sec=more\n"));
    repo.git(["add", "."]);
    assert!(found(&repo, &["git", "--staged"]).is_empty());
}

/// libgit2 does not read every form of an index: the history and the files are scanned all the same.
#[test]
fn an_index_that_cannot_be_read_hides_nothing_else() {
    let repo = repo();
    let commit = repo.commit("a.txt", "sec=old\n", "root");
    repo.git(["update-index", "--split-index"]);
    repo.write("b.txt", "sec=new\n");
    repo.git(["add", "b.txt"]);
    assert_eq!(found(&repo, &["scan"]), [format!("a.txt:old@{commit}"), "b.txt:new".to_owned()]);
    let advice = "`git update-index --no-split-index`";
    repo.cofferdam().args(["scan"]).run().expect_stderr(advice).expect_stderr("INCOMPLETE");
    repo.cofferdam().args(["git", "--staged"]).run().expect_code(2).expect_stderr(advice);
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_scanned_is_not_clean() {
    let dir = dir();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    dir.cofferdam()
        .args(["dir", "socket"])
        .run()
        .expect_code(3)
        .expect_stderr("neither a file nor a directory");
    dir.cofferdam().args(["dir", "."]).run().expect_code(0);
}

/// A release packs both.
#[test]
fn completions_and_the_manual_are_written() {
    let dir = Dir::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        dir.cofferdam().args(["completions", shell]).run().expect_code(0).expect_stdout("env-check");
    }
    dir.cofferdam()
        .args(["man"])
        .run()
        .expect_code(0)
        .expect_stdout(".TH cofferdam 1")
        .expect_stdout("Exit codes");
    dir.cofferdam().args(["man", "--dir", "new/man1"]).run().expect_code(0);
    assert!(dir.read("new/man1/cofferdam-env-check.1").contains("\\-\\-offline"));
    assert!(!dir.path().join("new/man1/cofferdam-protect.1").exists(), "hidden");
    dir.write("file", "");
    dir.cofferdam().args(["man", "--dir", "file/man1"]).run().expect_code(2).expect_stderr("file/man1");
}
