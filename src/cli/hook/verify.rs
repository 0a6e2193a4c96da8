//! `hook verify`: a made-up secret is committed, pushed and received with the repository's real hooks, and
//! git must refuse it because of them. All of it happens beside: the git directory, index, objects and
//! other side are scratch, and the scratch references are locked, so that a hook that fails to refuse lets
//! nothing come to be and no later hook run.

use super::canary::Canary;
use super::chain::VERIFYING;
use super::install::is_executable;
use super::place::{self, Repository};
use super::record::Record;
use super::script::{self, State};
use super::{Kind, Verify, git, say};
use crate::cli::args::ReportFlags;
use crate::cli::exit::Exit;
use crate::cli::scan::{Setup, variable};
use anyhow::Context;
use clap::Parser;
use cofferdam::config::Config;
use cofferdam::files::Disk;
use cofferdam::scan::builtin;
use cofferdam::terminal::escape;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The file that the canary sits in.
const FILE: &str = "cofferdam-canary.txt";
/// The reference that a canary's commit would move.
const REFERENCE: &str = "refs/heads/cofferdam-canary";

/// A folder without hooks.
const NO_HOOKS: &str = "/dev/null";

/// Nothing of the user's may run beside the hooks, or keep the canary back.
const SETTINGS: [&str; 7] = [
    "core.fsmonitor=false",
    "core.splitIndex=false",
    "commit.gpgSign=false",
    "push.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.file.allow=always",
];

/// A scan with the options that nobody gave.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Defaults {
    #[command(flatten)]
    scan: crate::cli::args::ScanFlags,
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let scratch = Scratch::new()?;
        if self.global {
            git::ask(&scratch.folder, ["init", "-q", "repository"])?;
        }
        let around = if self.global { scratch.folder.join("repository") } else { PathBuf::from(".") };
        let repository = Repository::around(&around)?;
        let expected = expected(&repository, &self.hooks)?;
        if expected.is_empty() {
            say("no hook is installed here: `cofferdam hook install`");
            return Ok(Exit::Found(1));
        }
        let scan = Defaults::try_parse_from::<_, &str>([]).context("the scan's own defaults")?.scan;
        let quiet = ReportFlags { quiet: true, ..ReportFlags::default() };
        let setup = Setup::new(&repository.top, &scan, &quiet)?;
        let canary = Canary::hatch(&setup, FILE)?;
        let trial = Trial { hooks: repository.hooks()?, repository, scratch, canary };
        trial.prepare()?;
        let mut exit = Exit::Clean;
        for (kind, recorded) in expected {
            let path = trial.hooks.join(kind.name());
            let shown = escape(&path.to_string_lossy()).into_owned();
            let line = match trial.attempt(kind)? {
                Answer::Refused => format!("{}: refused the canary ({shown})", kind.name()),
                Answer::Passed(words) => {
                    exit = Exit::Found(1);
                    let why = trial.reason(kind, &path, recorded.as_deref())?.unwrap_or(words);
                    format!("{}: DID NOT REFUSE the canary: {why}", kind.name())
                }
            };
            writeln!(std::io::stdout(), "{line}")?;
        }
        Ok(exit)
    }
}

/// The hooks that should refuse: those asked for, else those that were installed for this repository or
/// for all, with the place that was remembered, and those of ours that git finds.
fn expected(repository: &Repository, asked: &[Kind]) -> anyhow::Result<BTreeMap<Kind, Option<PathBuf>>> {
    let mut all: BTreeMap<Kind, Option<PathBuf>> = BTreeMap::new();
    let hooks = repository.hooks()?;
    for kind in Kind::ALL {
        if matches!(script::state(&hooks.join(kind.name()), Some(kind))?, State::Ours | State::Changed) {
            all.insert(kind, None);
        }
    }
    let global = place::global().map(|place| place.record).ok();
    for record in [Some(repository.record()), global].into_iter().flatten() {
        for (kind, script) in Record::load(&record)?.hooks() {
            all.insert(kind, Some(script.clone()));
        }
    }
    if !asked.is_empty() {
        all.retain(|kind, _| asked.contains(kind));
        for kind in asked {
            all.entry(*kind).or_default();
        }
    }
    Ok(all)
}

/// What git did with the canary.
enum Answer {
    /// It refused, because of what the hook found.
    Refused,
    /// It did not, or for another reason; what it said.
    Passed(String),
}

/// Everything that one verification uses.
struct Trial {
    repository: Repository,
    /// The folder of hooks under trial.
    hooks: PathBuf,
    scratch: Scratch,
    canary: Canary,
}

impl Trial {
    fn path(&self, name: &str) -> PathBuf {
        self.scratch.folder.join(name)
    }

    /// git in a scratch working tree of the repository: its configuration, its hooks, its objects to read.
    fn git(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = git::command(&self.path("tree"));
        let hooks = self.hooks.to_str().context("the hooks' path is not text")?;
        command.args(["-c", &format!("core.hooksPath={hooks}")]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command
            .args(arguments)
            .env("GIT_DIR", self.path("git"))
            .env("GIT_WORK_TREE", self.path("tree"))
            .env("GIT_INDEX_FILE", self.path("index"))
            .env("GIT_OBJECT_DIRECTORY", self.path("objects"))
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", self.repository.common.join("objects"))
            .env_remove("GIT_COMMON_DIR")
            .env(VERIFYING, "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Canary")
                .env(format!("GIT_{role}_EMAIL"), "canary@localhost");
        }
        if let Some(path) = self.configuration()? {
            command.env("COFFERDAM_CONFIG", path);
        }
        Ok(command)
    }

    /// The configuration that holds in the repository: the scratch tree has none of its own.
    fn configuration(&self) -> anyhow::Result<Option<PathBuf>> {
        let found = Config::find(None, &self.repository.top, &Disk, &variable, &builtin::ruleset)?;
        found.source.path().map(|path| Ok(path.canonicalize()?)).transpose()
    }

    /// A git directory beside the repository's own, as a linked working tree has one, with an empty branch.
    fn prepare(&self) -> anyhow::Result<()> {
        for folder in ["tree", "objects", "git"] {
            fs::create_dir(self.path(folder))?;
        }
        let common = self.repository.common.to_str().context("the repository's path is not text")?;
        fs::write(self.path("git/commondir"), format!("{common}\n"))?;
        fs::write(self.path("git/HEAD"), "ref: refs/worktree/cofferdam-canary\n")?;
        fs::create_dir_all(self.path("git/refs/worktree"))?;
        fs::write(self.path("git/refs/worktree/cofferdam-canary.lock"), "")?;
        fs::write(self.path("tree").join(FILE), format!("{}\n", self.canary.line))?;
        Ok(())
    }

    fn attempt(&self, kind: Kind) -> anyhow::Result<Answer> {
        let place = if kind == Kind::CommitMsg { "commit-message" } else { FILE };
        let (output, refused) = match kind {
            Kind::PreCommit => {
                git::answer(self.git(&["add", "--force", FILE])?)?;
                let output = git::output(&mut self.git(&["commit", "-q", "-m", "canary"])?)?;
                let refused = output.status.code() == Some(1);
                (output, refused)
            }
            Kind::CommitMsg => {
                // Without a commit around it, which another hook may stop first.
                let message = self.path("git/COMMIT_EDITMSG");
                fs::write(&message, format!("{}\n", self.canary.line))?;
                let mut command = self.git(&["hook", "run", "commit-msg", "--"])?;
                let output = git::output(command.arg(message).env("GIT_EDITOR", ":"))?;
                let refused = !output.status.success();
                (output, refused)
            }
            Kind::PrePush => {
                let output = self.push(&[], NO_HOOKS)?;
                let arrived = git::find(&self.path("remote"), ["show-ref", "--verify", "-q", REFERENCE])?;
                let refused = arrived.is_none();
                (output, refused)
            }
            Kind::PreReceive => {
                let hooks = self.hooks.to_str().context("the hooks' path is not text")?;
                // The reference is locked: what the hook lets pass ends there, and no later hook runs.
                let output = self.push(&["--no-verify"], hooks)?;
                let refused = words(&output).contains("(pre-receive hook declined)");
                (output, refused)
            }
        };
        let said = words(&output);
        if refused && said.contains(&self.canary.rule) && said.contains(place) {
            return Ok(Answer::Refused);
        }
        let said = said.replace(&self.canary.line, "(the canary)");
        let first: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
        Ok(Answer::Passed(match (refused, first.is_empty()) {
            (true, _) => {
                format!("git stopped, but not because of the canary: {}", escape(&first.join(" / ")))
            }
            (false, true) => "git went on without a word".to_owned(),
            (false, false) => format!("git went on: {}", escape(&first.join(" / "))),
        }))
    }

    /// Pushes a commit with the canary to a new scratch repository that has these hooks.
    fn push(&self, options: &[&str], hooks: &str) -> anyhow::Result<Output> {
        let remote = self.path("remote");
        if remote.exists() {
            fs::remove_dir_all(&remote)?;
        }
        let address = remote.to_str().context("the scratch path is not text")?;
        let format = git::ask(&self.repository.top, ["rev-parse", "--show-object-format"])?;
        let format = format!("--object-format={}", format.to_string_lossy());
        git::ask(&self.scratch.folder, ["init", "-q", "--bare", &format, address])?;
        git::ask(&remote, ["config", "core.hooksPath", hooks])?;
        if hooks != NO_HOOKS {
            fs::write(remote.join(format!("{REFERENCE}.lock")), "")?;
        }
        git::answer(self.git(&["add", "--force", FILE])?)?;
        let text = |output: std::ffi::OsString| output.to_string_lossy().into_owned();
        let tree = text(git::answer(self.git(&["write-tree"])?)?);
        let commit = text(git::answer(self.git(&["commit-tree", "-m", "canary", &tree])?)?);
        let update = format!("{commit}:{REFERENCE}");
        let mut arguments = vec!["push", "-q", "--no-follow-tags", "--recurse-submodules=no"];
        arguments.extend(options);
        arguments.extend([address, update.as_str()]);
        git::output(&mut self.git(&arguments)?)
    }

    /// What is plainly wrong with the hook, if anything is.
    fn reason(&self, kind: Kind, path: &Path, recorded: Option<&Path>) -> anyhow::Result<Option<String>> {
        let shown = escape(&path.to_string_lossy()).into_owned();
        let elsewhere = recorded.filter(|recorded| {
            recorded.parent().and_then(|folder| folder.canonicalize().ok()) != self.hooks.canonicalize().ok()
        });
        if let Some(recorded) = elsewhere {
            let recorded = recorded.to_string_lossy();
            return Ok(Some(format!(
                "git takes hooks from {shown}, not {} (core.hooksPath)",
                escape(&recorded)
            )));
        }
        let state = script::state(path, Some(kind))?;
        Ok(match state {
            State::Absent => Some(format!("there is no {shown}")),
            _ if !is_executable(path) => Some(format!("{shown} is not executable, so git ignores it")),
            State::Foreign | State::Forwarder => {
                Some(format!("{shown} is no hook of cofferdam, or none any more"))
            }
            State::Changed => Some(format!("{shown} was changed by hand")),
            State::Ours => {
                let program = script::program(&fs::read_to_string(path)?).unwrap_or_default();
                let gone = !is_executable(Path::new(&program));
                gone.then(|| format!("its program {} is not there, nor on PATH", escape(&program)))
            }
        })
    }
}

fn words(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stderr) + &text(&output.stdout)
}

/// A scratch folder, removed when dropped.
struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let name = format!("cofferdam-verify-{}-{:x}", std::process::id(), random());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder: folder.canonicalize()? })
    }
}

fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
