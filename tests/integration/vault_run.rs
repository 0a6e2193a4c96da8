//! `run` as a wrapper that is not there: exit codes, signals, standard input, masked output.
#![cfg(unix)]

use crate::harness::{BASE62, Dir, token};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

fn project() -> Dir {
    let dir = Dir::new();
    dir.write(".env.test", "KEY=\n");
    dir
}

fn run(dir: &Dir, more: &[&str], script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    command.current_dir(dir.path()).env("KEY", token(7, BASE62, 24)).env_remove("COFFERDAM_ENV");
    command.args(["run", "-e", "test"]).args(more).args(["--", "sh", "-c", script]);
    command
}

#[test]
fn codes_and_signals_are_the_commands_own() {
    use std::os::unix::process::ExitStatusExt as _;
    let dir = project();
    for more in [&[][..], &["--redact"]] {
        assert_eq!(run(&dir, more, "exit 42").status().unwrap().code(), Some(42));
        let killed = run(&dir, more, "kill -TERM $$").status().unwrap();
        assert!(killed.signal() == Some(15) || killed.code() == Some(143), "{killed:?}");
        let mut child =
            run(&dir, more, "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done")
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert_eq!(lines.next().unwrap().unwrap(), "caught");
        assert_eq!(child.wait().unwrap().code(), Some(9), "{more:?}");
    }
}

#[test]
fn its_process_is_the_commands() {
    let dir = project();
    let child = run(&dir, &[], "echo $$").stdout(Stdio::piped()).spawn().unwrap();
    let id = child.id().to_string();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), id);
}

#[test]
fn its_own_failures_are_those_of_env() {
    let dir = project();
    let code = |arguments: &[&str]| dir.cofferdam().args(arguments).env("KEY", "some value").run().code;
    assert_eq!(code(&["run", "-e", "test", "--", "no-such-command-here"]), Some(127));
    assert_eq!(code(&["run", "-e", "test", "--", "/"]), Some(126));
    assert_eq!(dir.cofferdam().args(["run", "-e", "test", "--", "true"]).run().code, Some(125));
    assert_eq!(code(&["run", "-e", "tset", "--", "true"]), Some(125));
    assert_eq!(code(&["run", "-e", "test", "--no-such-flag", "--", "true"]), Some(125));
    assert_eq!(code(&["run", "-e", "test", "true"]), Some(125));
    assert_eq!(code(&["run", "--help"]), Some(0));
}

#[test]
fn standard_input_passes_through() {
    let dir = project();
    for more in [&["run", "-e", "test", "--", "cat"][..], &["run", "-e", "test", "--redact", "--", "cat"]] {
        let outcome =
            dir.cofferdam().args(more).env("KEY", "some value").input("line\n").run().expect_code(0);
        assert_eq!(outcome.stdout, "line\n");
    }
}

#[test]
fn redact_masks_both_outputs_across_writes() {
    let dir = project();
    let key = token(7, BASE62, 24);
    let script = "printf %s \"${KEY%????}\"; sleep 0.1; printf '%s\\n' \"${KEY#????????????????????}\"; echo \"$KEY\" >&2";
    let output = run(&dir, &["--redact"], script).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "***\n");
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(words, "***\n");
    assert!(!words.contains(&key));
}
