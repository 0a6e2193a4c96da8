//! No part of a value may be seen: every command at its loudest, with every fault, on values that
//! are hard to keep together.

use crate::harness::{BASE62, Dir, Outcome, token};
use cofferdam::vault::loader::Loader;
use cofferdam::vault::test_vault::{Fault, TestVault};

/// Ten characters of a value may not be found in any output.
const PART: usize = 10;

fn values() -> Vec<(&'static str, String)> {
    let part = |seed| token(seed, BASE62, 24);
    vec![
        ("LINES", format!("{}\n{}\r\n{}\n", part(1), part(2), part(3))),
        ("QUOTES", format!("{}'\"`{}", part(4), part(5))),
        ("DOLLAR", format!("{}$HOME${{X}}%0A\\n{}", part(6), part(7))),
        ("EMOJI", format!("{}🔑ключ{}", part(8), part(9))),
        ("LONG", token(10, BASE62, 25_000)),
        ("REFERENCE", format!("op://{}/{}", part(11), part(12))),
        ("PLACE", format!("<{}>", part(13))),
        ("TYPED", part(14)),
        ("BROKEN_JSON", format!("{{\"{}\": {}", part(15), part(16))),
        ("SPACED", format!(" {} ", part(17))),
    ]
}

fn assert_hidden(values: &[(&str, String)], outcome: &Outcome) {
    let said = format!("{}\n{}", outcome.stdout, outcome.stderr);
    for (key, value) in values {
        let letters: Vec<char> = value.chars().collect();
        for at in (0..letters.len().saturating_sub(PART)).step_by(if letters.len() > 1000 { 97 } else { 1 }) {
            let part: String = letters[at..at + PART].iter().collect();
            assert!(!said.contains(&part), "{key} is seen in {}:\n{said}", outcome.command);
        }
    }
}

fn project(values: &[(&str, String)]) -> Dir {
    let dir = Dir::new();
    let template: String = values.iter().map(|(key, _)| format!("{key}=\n")).collect();
    dir.write(".env.production", template.replace("TYPED=", "TYPED= # url"));
    dir.write(
        "cofferdam.toml",
        "[environments.production]\nsources = [\"keyvault://ours\", \"process\"]\n\
        [environments.other]\ntemplate = \".env.production\"\nsources = [\"keyvault://ours\"]\n\
        [environments.local]\ntemplate = \".env.production\"\nsources = [\"process\"]\n\
        [secrets.BROKEN_JSON]\nfield = \"a\"\n[secrets.QUOTES]\ntype = \"jwt\"\nmatches = \"^x\"\n\
        [secrets.LINES]\ntype = \"pem\"\n[secrets.EMOJI]\nunique = true\n[secrets.DOLLAR]\nbase64 = true\n",
    );
    dir
}

#[test]
fn no_command_shows_any_part_of_a_value() {
    let values = values();
    let vault = TestVault::start().unwrap();
    let dir = project(&values);
    let faults = [
        None,
        Some(Fault::ForbiddenByRbac),
        Some(Fault::AccessDenied),
        Some(Fault::ForbiddenByFirewall),
        Some(Fault::Unauthorized),
        Some(Fault::Throttled(9, Some(99))),
        Some(Fault::CutOff),
        Some(Fault::Garbled),
        Some(Fault::ProxyHtml(200)),
        Some(Fault::ProxyHtml(403)),
        Some(Fault::ProxyHtml(502)),
    ];
    for fault in faults {
        for (key, value) in &values {
            let name = key.replace('_', "-");
            vault.set(&name, value);
            vault.fault(&name, fault.clone().filter(|_| *key == "EMOJI" || *key == "LINES"));
        }
        for arguments in [
            &["env-check", "--all"][..],
            &["env-check", "--all", "--format", "json"],
            &["env-check", "--all", "--format", "sarif"],
            &["env-check", "--all", "--format", "junit"],
            &["env-check", "--all", "--format", "github"],
            &["env-diff", "production", "other", "--json"],
            &["env-diff", "production", "local"],
            &["run", "-e", "production", "--redact", "--", "env"],
            &["run", "-e", "production", "--", "env"],
            &["export", "-e", "production", "--format", "github"],
            &["export", "-e", "production", "--format", "json", "--stdout"],
            &["export", "-e", "local", "--format", "shell", "--stdout"],
        ] {
            let mut command =
                dir.cofferdam().args(arguments).env("RUST_BACKTRACE", "full").env("RUST_LOG", "trace");
            let local = values.iter().map(|(key, value)| (*key, value.clone()));
            for (name, value) in vault.variables().into_iter().chain(local) {
                command = command.env(name, value);
            }
            let summary = dir.write("summary", "");
            let command = command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", summary);
            let mut outcome = command.env("GITHUB_ENV", dir.path().join("env")).run();
            outcome.stderr += &dir.read("summary");
            // The two environments fail alike.
            assert!(outcome.code != Some(0) || arguments[0] == "env-diff", "{outcome:?}");
            assert_ne!(outcome.code, Some(101), "{outcome:?}");
            assert_hidden(&values, &outcome);
            assert!(!outcome.stdout.contains(&vault.token()) && !outcome.stderr.contains(&vault.token()));
        }
        assert!(!dir.path().join("env").exists());
    }
}

#[test]
fn redacted_output_and_masks_hide_what_the_command_says() {
    let values: Vec<_> = values()
        .into_iter()
        .filter(|(key, _)| ["LINES", "QUOTES", "DOLLAR", "EMOJI", "LONG"].contains(key))
        .collect();
    let dir = Dir::new();
    dir.write(".env.production", values.iter().map(|(key, _)| format!("{key}=\n")).collect::<String>());
    let command = |arguments: &[&str]| {
        let command = dir.cofferdam().args(arguments);
        values.iter().fold(command, |command, (key, value)| command.env(key, value)).run()
    };
    let outcome = command(&["run", "-e", "production", "--redact", "--", "env"]).expect_code(0);
    assert!(outcome.stdout.contains("QUOTES=***"), "{}", outcome.stdout);
    assert_hidden(&values, &outcome);
}

#[test]
fn the_library_holds_no_value_in_what_can_be_printed() {
    let values = values();
    let vault = TestVault::start().unwrap();
    for (key, value) in &values {
        vault.set(&key.replace('_', "-"), value);
    }
    let dir = project(&values);
    let load = || Loader::in_directory(dir.path(), "production").unwrap().settings(vault.settings());
    let error = load().load_blocking().unwrap_err();
    let said = format!("{error} {error:?} {error:#?} {:?}", load());
    let outcome = Outcome { command: "load".into(), code: None, stdout: said, stderr: String::new() };
    assert_hidden(&values, &outcome);
    dir.write(".env.production", "EMOJI=\nTYPED=\n");
    dir.write("cofferdam.toml", "[environments.production]\nsources = [\"keyvault://ours\"]\n");
    let secrets = load().load_blocking().unwrap();
    let said =
        format!("{secrets:?} {:?} {}", secrets.get("NONE"), serde_json::to_string(secrets.report()).unwrap());
    assert_hidden(
        &values,
        &Outcome { command: "load".into(), code: None, stdout: said, stderr: String::new() },
    );
    let typed = secrets.into_typed::<std::collections::BTreeMap<String, u8>>().unwrap_err();
    let said = format!("{typed} {typed:?}");
    assert_hidden(
        &values,
        &Outcome { command: "typed".into(), code: None, stdout: said, stderr: String::new() },
    );
}
