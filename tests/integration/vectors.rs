//! The compatibility vectors: one small case for each thing where gitleaks' behaviour is kept, mended,
//! or mended with a switch back (`--gitleaks-compat`). All through the program.

use crate::harness::{BASE62, Dir, Repo, token};
use serde_json::Value;

/// The findings of a run, from its JSON report, in the report's order.
#[track_caller]
fn report(dir: &Dir, arguments: &[&str]) -> Vec<Value> {
    let run = dir.cofferdam().args(arguments).args(["-f", "json", "-r", "-", "--show-secrets"]).run();
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    serde_json::from_str(&run.stdout).unwrap()
}

fn secrets(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| finding["Secret"].as_str().unwrap()).collect()
}

/// Start line, start column, end line, end column.
fn place(finding: &Value) -> [u64; 4] {
    ["StartLine", "StartColumn", "EndLine", "EndColumn"].map(|key| finding[key].as_u64().unwrap())
}

/// A directory with a gitleaks configuration, and a file beside it.
fn dir(config: &str, text: impl AsRef<[u8]>) -> Dir {
    let dir = Dir::new();
    dir.write(".gitleaks.toml", config);
    dir.write("a.txt", text);
    dir
}

const SEC: &str = "[[rules]]\nid = 'sec'\nregex = '''sec=(\\w+)'''\n";

#[test]
fn v01_the_first_group_that_is_not_empty_is_the_secret() {
    let dir = dir("[[rules]]\nid = 'one'\nregex = '''(foo)?sec=(\\w+)'''\n", "foosec=al2\nsec=al3\n");
    assert_eq!(secrets(&report(&dir, &["dir"])), ["foo", "al3"]);
}

#[test]
fn v02_entropy_must_be_exceeded() {
    let dir = dir(&format!("{SEC}entropy = 2.0\n"), "sec=abcd\nsec=abcde\n");
    assert_eq!(secrets(&report(&dir, &["dir"])), ["abcde"]);
}

#[test]
fn v03_stopwords_have_no_case() {
    let config = format!("{SEC}[[rules.allowlists]]\nstopwords = ['FOO']\n");
    let dir = dir(&config, "sec=xfoox\nsec=xFoOx\nsec=bar\n");
    assert_eq!(secrets(&report(&dir, &["dir"])), ["bar"]);
}

#[test]
fn v04_flags_of_one_expression_do_not_leak_into_the_next() {
    let config = format!("{SEC}[[rules.allowlists]]\nregexes = ['(?i)^foo$', '^BAR$']\n");
    let dir = dir(&config, "sec=FOO\nsec=bar\n");
    assert_eq!(secrets(&report(&dir, &["dir"])), ["bar"]);
    assert_eq!(report(&dir, &["dir", "--gitleaks-compat"]), Vec::<Value>::new());
}

#[test]
fn v05_a_line_begins_where_it_begins() {
    let config = format!("{SEC}[[rules.allowlists]]\nregexTarget = 'line'\nregexes = ['^sec=al']\n");
    let dir = dir(&config, "first\nsec=al1\nx sec=al2\n");
    assert_eq!(secrets(&report(&dir, &["dir"])), ["al2"]);
}

#[test]
fn v06_an_allowlist_of_all_conditions_needs_all_of_them() {
    let config =
        format!("{SEC}[[allowlists]]\ncondition = 'AND'\npaths = ['a\\.txt']\nregexes = ['^known$']\n");
    let dir = dir(&config, "sec=known\nsec=other\n");
    assert_eq!(secrets(&report(&dir, &["dir"])), ["other"]);
}

#[test]
fn v07_columns_are_the_same_on_every_line() {
    let secret = token(7, BASE62, 36);
    let dir = dir(SEC, format!("     sec={secret}\n\n     sec={secret}\n"));
    let places = |arguments: &[&str]| report(&dir, arguments).iter().map(place).collect::<Vec<_>>();
    assert_eq!(places(&["dir"]), [[1, 6, 1, 45], [3, 6, 3, 45]]);
    assert_eq!(places(&["dir", "--gitleaks-compat"]), [[1, 6, 1, 45], [3, 7, 3, 46]]);
}

#[test]
fn v08_line_ends_around_a_match_are_consumed_and_not_shown() {
    let dir = dir("[[rules]]\nid = 'q'\nregex = '''\\nq=(\\w+)\\n'''\n", "z\nq=abc\nq=def\n");
    let findings = report(&dir, &["dir"]);
    assert_eq!(secrets(&findings), ["abc"]);
    assert_eq!(findings[0]["Match"], "q=abc");
    assert_eq!(place(&findings[0]), [2, 1, 2, 5]);
}

#[test]
fn v09_a_match_over_several_lines() {
    let config = "[[rules]]\nid = 'pem'\nregex = '''BEGIN[\\s\\S]*?END'''\n";
    let dir = dir(config, "first\n  BEGIN\nbody\n       END\n");
    assert_eq!(place(&report(&dir, &["dir"])[0]), [2, 3, 4, 10]);
    assert_eq!(place(&report(&dir, &["dir", "--gitleaks-compat"])[0]), [2, 4, 4, 11]);
}

fn base64(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let letter = alphabet[(bits >> (18 - 6 * at)) as usize & 63] as char;
            out.push(if at > chunk.len() { '=' } else { letter });
        }
    }
    out
}

#[test]
fn v10_a_decoded_match_lies_where_its_token_lies() {
    let encoded = base64("sec=al2_and_some_more_words");
    assert_eq!(encoded.len(), 36);
    let dir = dir(SEC, format!("first\nx: {encoded}\n"));
    let findings = report(&dir, &["dir"]);
    assert_eq!(secrets(&findings), ["al2_and_some_more_words"]);
    assert_eq!(place(&findings[0]), [2, 4, 2, 39]);
    assert_eq!(findings[0]["Tags"], serde_json::json!(["decoded:base64", "decode-depth:1"]));
    assert_eq!(place(&report(&dir, &["dir", "--gitleaks-compat"])[0]), [2, 5, 2, 40]);
    assert!(report(&dir, &["dir", "--max-decode-depth", "0"]).is_empty());
}

#[test]
fn v11_what_was_encoded_twice_is_found() {
    let encoded = base64(&base64("sec=al2_and_some_more_words"));
    let dir = dir(SEC, format!("x: {encoded}\n"));
    let findings = report(&dir, &["dir"]);
    assert_eq!(secrets(&findings), ["al2_and_some_more_words"]);
    assert_eq!(place(&findings[0]), [1, 4, 1, 3 + encoded.len() as u64]);
    assert_eq!(findings[0]["Tags"], serde_json::json!(["decoded:base64", "decode-depth:2"]));
    assert!(report(&dir, &["dir", "--max-decode-depth", "1"]).is_empty());
}

#[test]
fn decoding_a_neighbour_finds_nothing_twice() {
    let encoded = base64("just_some_more_words, no more");
    let dir = dir(SEC, format!("sec=al2\u{20}\nsec=al3:{encoded}\n"));
    assert_eq!(secrets(&report(&dir, &["dir"])), ["al2", "al3"]);
}

#[test]
fn v12_a_composite_needs_its_companion_nearby_and_shows_it() {
    let config = "
[[rules]]
id = 'aux'
regex = '''aux=(\\w+)'''
skipReport = true
[[rules]]
id = 'prim'
regex = '''prim=(\\w+)'''
[[rules.required]]
id = 'aux'
withinLines = 2
";
    let dir = dir(config, "prim=one\naux=two\n\n\n\nprim=six\n");
    let findings = report(&dir, &["dir"]);
    assert_eq!(secrets(&findings), ["one"]);
    assert_eq!(findings[0]["Required"][0]["RuleID"], "aux");
    assert_eq!(findings[0]["Required"][0]["StartLine"], 2);
}

#[test]
fn v13_a_child_may_reset_what_its_base_says() {
    let dir = dir(
        "[extend]\npath = 'base.toml'\n[[rules]]\nid = 'sec'\nentropy = 0.0\n[[rules]]\nid = 'mute'\nskipReport = true\n",
        "sec=aa\nmute=aa\n",
    );
    dir.write(
        "base.toml",
        format!("{SEC}entropy = 3.0\n[[rules]]\nid = 'mute'\nregex = '''mute=(\\w+)'''\n"),
    );
    assert_eq!(secrets(&report(&dir, &["dir", "a.txt", "-c", ".gitleaks.toml"])), ["aa"]);
}

#[test]
fn v14_a_child_may_require_a_rule_of_its_base() {
    let child = "[extend]\npath = 'base.toml'\n[[rules]]\nid = 'prim'\nregex = '''prim=(\\w+)'''\n[[rules.required]]\nid = 'sec'\n";
    let dir = dir(child, "prim=one\nsec=two\n");
    dir.write("base.toml", SEC);
    assert_eq!(secrets(&report(&dir, &["dir", "a.txt", "-c", ".gitleaks.toml"])), ["one", "two"]);
}

#[test]
fn v15_target_rules_of_a_base_hold() {
    let dir = dir("[extend]\npath = 'base.toml'\n", "sec=known\nsec=other\n");
    dir.write("base.toml", format!("{SEC}[[allowlists]]\ntargetRules = ['sec']\nregexes = ['^known$']\n"));
    assert_eq!(secrets(&report(&dir, &["dir", "a.txt", "-c", ".gitleaks.toml"])), ["other"]);
}

#[test]
fn v16_a_base_is_sought_beside_its_child_then_in_the_working_directory() {
    let dir = Dir::new();
    dir.write("sub/child.toml", "[extend]\npath = 'base2.toml'\n");
    dir.write("sub/base2.toml", SEC);
    dir.write("other/child.toml", "[extend]\npath = 'sub/base2.toml'\n");
    dir.write("a.txt", "sec=al2\n");
    for child in ["sub/child.toml", "other/child.toml"] {
        assert_eq!(secrets(&report(&dir, &["dir", "a.txt", "-c", child])), ["al2"], "{child}");
    }
}

#[test]
fn v17_both_spellings_of_allowlists_at_once_are_an_error() {
    let lists = "[rules.allowlist]\nregexes = ['a']\n[[rules.allowlists]]\nregexes = ['b']\n";
    let dir = dir(&format!("{SEC}{lists}"), "sec=al2\n");
    dir.cofferdam().args(["dir"]).run().expect_code(2).expect_stderr(".gitleaks.toml:");
}

#[test]
fn v18_a_rule_given_twice_is_an_error() {
    let dir = dir(&format!("{SEC}{SEC}"), "sec=al2\n");
    dir.cofferdam().args(["dir"]).run().expect_code(2).expect_stderr(".gitleaks.toml:4:1: ");
}

#[test]
fn v19_only_generic_rules_give_way() {
    let rule = |id: &str| format!("[[rules]]\nid = '{id}'\nregex = '''sec=(\\w+)'''\n");
    let dir = dir(&[rule("a"), rule("b"), rule("generic-z")].concat(), "sec=foo\n");
    let findings = report(&dir, &["dir"]);
    assert_eq!(findings.iter().map(|finding| &finding["RuleID"]).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn v20_a_rule_about_paths_finds_a_path_once() {
    let repo = Repo::new();
    repo.write("rules.toml", "[[rules]]\nid = 'env'\npath = '''\\.env$'''\n");
    repo.commit("a.env", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "one");
    let second = repo.commit("a.env", "one\n2\n3\n4\n5\n6\n7\n8\nnine\n", "two hunks");
    let findings = report(&repo, &["git", "-c", "rules.toml"]);
    let count = findings.iter().filter(|finding| finding["Commit"] == second.as_str()).count();
    assert!(count <= 1 && !findings.is_empty(), "{findings:?}");
    assert_eq!(findings[0]["Match"], "file detected: a.env");
    assert_eq!(place(&findings[0]), [0; 4]);
}

#[test]
fn v21_a_commit_message_is_redacted_too() {
    let repo = Repo::new();
    repo.write("rules.toml", SEC);
    let secret = token(21, BASE62, 30);
    repo.commit("a.txt", format!("sec={secret}\n"), &format!("Add {secret}"));
    for format in ["json", "csv", "sarif", "junit", "text", "github", "cofferdam-json"] {
        let run = repo.cofferdam().args(["git", "-c", "rules.toml", "-v", "-f", format]).run().expect_code(1);
        assert!(!run.stdout.contains(&secret) && !run.stderr.contains(&secret), "{run:?}");
    }
}

/// A GitHub token whose checksum is right.
fn github_token(body: &str) -> String {
    assert_eq!(body.len(), 30);
    let mut checksum = flate2::Crc::new();
    checksum.update(body.as_bytes());
    let mut rest = checksum.sum() as usize;
    let mut digits = Vec::new();
    for _ in 0..6 {
        digits.push(BASE62.as_bytes()[rest % 62] as char);
        rest /= 62;
    }
    format!("ghp_{body}{}", digits.iter().rev().collect::<String>())
}

#[test]
fn v22_a_word_in_a_token_clears_nothing() {
    let with_false = github_token(&format!("{}False{}", token(1, BASE62, 10), token(2, BASE62, 15)));
    let with_null = format!("glpat-{}NULL", token(3, BASE62, 16));
    let dir = Dir::new();
    dir.write("a.txt", format!("{with_false}\n{with_null}\n"));
    assert_eq!(secrets(&report(&dir, &["dir"])), [&with_false, &with_null]);
}

#[test]
fn v23_colons_in_a_path_are_no_obstacle_to_ignoring() {
    let dir = dir(SEC, "");
    dir.write("a:b.txt", "sec=al2\n");
    assert_eq!(report(&dir, &["dir"]).len(), 1);
    dir.write(".gitleaksignore", "a:b.txt:sec:1\n");
    assert_eq!(report(&dir, &["dir"]).len(), 0);
}

#[test]
fn v24_nothing_found() {
    let dir = dir(SEC, "nothing\n");
    let run = |format: &str| dir.cofferdam().args(["dir", "-f", format]).run().expect_code(0).stdout;
    assert_eq!(run("json").trim_end(), "[]");
    assert_eq!(run("csv"), "");
}

#[test]
fn v25_a_report_named_xml_is_junit() {
    let dir = dir(SEC, "sec=al2\n");
    dir.cofferdam().args(["dir", "a.txt", "-c", ".gitleaks.toml", "-r", "x.xml"]).run().expect_code(1);
    assert!(dir.read("x.xml").contains("<testsuite failures=\"1\""), "{}", dir.read("x.xml"));
}

#[cfg(unix)]
#[test]
fn v26_a_file_that_a_link_names_too_is_one_finding() {
    let dir = dir(SEC, "sec=al2\n");
    std::os::unix::fs::symlink("a.txt", dir.path().join("link.txt")).unwrap();
    assert_eq!(report(&dir, &["dir", "--follow-symlinks"]).len(), 1);
}

#[test]
fn v27_a_file_over_the_size_limit_is_left_and_counted() {
    let dir = dir(SEC, format!("sec=al2\n{}", "x".repeat(1_900_000)));
    let run = dir
        .cofferdam()
        .args(["dir", "--max-target-megabytes", "1", "-v", "-f", "cofferdam-json", "-r", "-"])
        .run()
        .expect_code(0)
        .expect_stderr("over the size limit: 1");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["coverage"]["skipped"]["too-large"]["count"], 1, "{report}");
}
