//! `Dir`, `Repo` and `Cmd`: scratch directories, scratch repositories, and runs of the program. A
//! failed expectation prints everything: arguments, exit code, both outputs.
#![allow(dead_code)]

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A scratch directory, removed when dropped.
pub struct Dir(TempDir);

impl Dir {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, with the directories above it.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn read(&self, name: impl AsRef<Path>) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// The program, run in this directory.
    pub fn cofferdam(&self) -> Cmd {
        Cmd::new(self.path())
    }
}

/// A scratch repository with a fixed author, date and configuration.
pub struct Repo(Dir);

impl std::ops::Deref for Repo {
    type Target = Dir;
    fn deref(&self) -> &Dir {
        &self.0
    }
}

impl Repo {
    pub fn new() -> Self {
        Self::init(&[])
    }

    pub fn init(options: &[&str]) -> Self {
        let repo = Self(Dir::new());
        let mut arguments = vec!["init", "-q", "-b", "main"];
        arguments.extend(options);
        repo.git(arguments);
        repo
    }

    /// Runs git; panics with its words when it fails; gives its standard output, trimmed.
    pub fn git<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        git(self.path(), arguments)
    }

    /// Writes a file and commits it alone; gives the commit's id.
    pub fn commit(&self, name: &str, content: impl AsRef<[u8]>, message: &str) -> String {
        self.write(name, content);
        self.git(["add", "--", name]);
        self.git(["commit", "-q", "--allow-empty", "-m", message]);
        self.git(["rev-parse", "HEAD"])
    }
}

/// Runs git in `directory`, apart from the user's and the machine's configuration.
pub fn git<S: AsRef<OsStr>>(directory: &Path, arguments: impl IntoIterator<Item = S>) -> String {
    let output = isolated(Command::new("git")).current_dir(directory).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "git failed: {}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Variables that begin so change what the program does.
const VARIABLES: [&str; 11] = [
    "GIT_",
    "GITLEAKS_",
    "GITHUB_",
    "COFFERDAM_",
    "CI",
    "NO_COLOR",
    "GITLAB_",
    "TF_BUILD",
    "BUILD_",
    "SYSTEM_",
    "BITBUCKET_",
];

/// A command apart from the user's and the machine's configuration, with a fixed author and date.
pub fn isolated(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if VARIABLES.iter().any(|start| name_text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "A U Thor")
        .env("GIT_AUTHOR_EMAIL", "author@example.com")
        .env("GIT_AUTHOR_DATE", "2024-01-02T03:04:05+00:00")
        .env("GIT_COMMITTER_NAME", "A U Thor")
        .env("GIT_COMMITTER_EMAIL", "author@example.com")
        .env("GIT_COMMITTER_DATE", "2024-01-02T03:04:05+00:00");
    command
}

/// One run of the program, or of another.
pub struct Cmd {
    command: Command,
    input: Option<Vec<u8>>,
}

impl Cmd {
    pub fn new(directory: &Path) -> Self {
        Self::of(env!("CARGO_BIN_EXE_cofferdam"), directory)
    }

    /// Another program, such as git where it may fail.
    pub fn of(program: impl AsRef<OsStr>, directory: &Path) -> Self {
        let mut command = isolated(Command::new(program));
        command.current_dir(directory);
        Self { command, input: None }
    }

    /// A script for sh that finds the program as `cofferdam`.
    pub fn shell(directory: &Path, script: &str) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_cofferdam")).parent().unwrap();
        let others = std::env::var("PATH").unwrap();
        let mut command = isolated(Command::new("sh"));
        command.args(["-c", script]).current_dir(directory);
        command.env("PATH", format!("{}:{others}", program.display()));
        Self { command, input: None }
    }

    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Outcome {
        let stdin = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child =
            self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let writer = self.input.take().map(|bytes| {
            let mut stdin = child.stdin.take().unwrap();
            // The program may end before it has read everything.
            std::thread::spawn(move || drop(stdin.write_all(&bytes)))
        });
        let output = child.wait_with_output().unwrap();
        if let Some(writer) = writer {
            writer.join().unwrap();
        }
        Outcome {
            command: format!("{:?}", self.command),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    pub command: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "{}\n--- stdout\n{}\n--- stderr\n{}",
            self.command,
            self.stdout,
            self.stderr
        );
        self
    }

    #[track_caller]
    pub fn expect_stderr(self, part: &str) -> Self {
        assert!(
            self.stderr.contains(part),
            "no {part:?} in stderr of {}\n--- stdout\n{}\n--- stderr\n{}",
            self.command,
            self.stdout,
            self.stderr
        );
        self
    }

    #[track_caller]
    pub fn expect_stdout(self, part: &str) -> Self {
        assert!(
            self.stdout.contains(part),
            "no {part:?} in stdout of {}\n--- stdout\n{}\n--- stderr\n{}",
            self.command,
            self.stdout,
            self.stderr
        );
        self
    }
}

/// A seeded stand-in for a random token: `length` characters of `alphabet`. Tests build every
/// secret from this or from parts, so that none stands in the repository.
pub fn token(seed: u64, alphabet: &str, length: usize) -> String {
    let letters = alphabet.as_bytes();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            letters[(state >> 11) as usize % letters.len()] as char
        })
        .collect()
}

pub const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub const HEX: &str = "0123456789abcdef";
