//! Runs the README: every `console` block, in a scratch repository of its own.
//!
//! A line that begins with `$ ` is run by sh, with the program under test as `cofferdam`; it must end with
//! 0, or with N where it says `# exit N`. The lines below it are what it prints, `…` standing for anything;
//! none: anything. A comment `<!-- setup ... -->` before a block holds commands that come first, where
//! generators such as `<base62:24>` are expanded, so that the README holds no secret; `$README` is its path.
#![cfg(unix)]

use crate::harness::{Cmd, Repo};
use cofferdam::scan::example::expand;
use std::path::Path;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// One block: what comes first, and the commands with what each prints.
#[derive(Debug, Default)]
struct Block {
    line: usize,
    setup: String,
    steps: Vec<Step>,
}

#[derive(Debug, Default)]
struct Step {
    command: String,
    expected: Vec<String>,
}

impl Step {
    fn exit_code(&self) -> i32 {
        self.command.rsplit_once("# exit ").map_or(0, |(_, code)| code.trim().parse().unwrap())
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut setup = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        match line {
            "<!-- setup" => {
                let rest = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "-->");
                setup = rest.map(|line| format!("{line}\n")).collect();
            }
            "```console" => {
                let mut block =
                    Block { line: number + 1, setup: std::mem::take(&mut setup), ..Block::default() };
                for (_, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
                    match line.strip_prefix("$ ") {
                        Some(command) => {
                            block.steps.push(Step { command: command.to_owned(), ..Step::default() });
                        }
                        None => block.steps.last_mut().unwrap().expected.push(line.to_owned()),
                    }
                }
                blocks.push(block);
            }
            _ => {}
        }
    }
    blocks
}

/// Runs `script` in `directory`; gives its exit code, and its outputs one after the other.
fn shell(directory: &Path, script: &str) -> (Option<i32>, String) {
    let outcome = Cmd::shell(directory, script).env("README", README).run();
    (outcome.code, outcome.stdout + &outcome.stderr)
}

/// Whether `expected` describes `printed`, `…` standing for anything.
fn describes(expected: &str, printed: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = printed.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn the_readme_is_true() {
    let text = std::fs::read_to_string(README).unwrap();
    let blocks = blocks(&text);
    assert!(blocks.len() >= 5, "the README's blocks were not found");
    for block in blocks {
        let repo = Repo::new();
        let (code, printed) = shell(repo.path(), &format!("set -e\n{}", expand(&block.setup, 1)));
        assert_eq!(code, Some(0), "README.md:{}: setup\n{printed}", block.line);
        for step in &block.steps {
            let (code, printed) = shell(repo.path(), &step.command);
            let place = format!("README.md:{}: {}\n{printed}", block.line, step.command);
            assert_eq!(code, Some(step.exit_code()), "{place}");
            let expected = step.expected.join("\n");
            assert!(
                step.expected.is_empty() || describes(&expected, printed.trim_end()),
                "{place}---\n{expected}"
            );
        }
    }
}

#[test]
fn an_ellipsis_stands_for_anything() {
    for (expected, printed, answer) in [
        ("a\nb", "a\nb", true),
        ("a", "a\nb", false),
        ("a…", "a\nb", true),
        ("a …c…e", "a b\nc d e", true),
        ("a…c", "a b", false),
        ("…b", "a", false),
    ] {
        assert_eq!(describes(expected, printed), answer, "{expected:?} {printed:?}");
    }
}
