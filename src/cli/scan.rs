//! `scan`, `git`, `dir` and `stdin`: from flags to a session, from a session to a report.

use super::args::{Detect, Dir, Git, HistoryFlags, Protect, ReportFlags, Scan, ScanFlags, Stdin};
use super::ci::Job;
use super::ci::range::{Commits, Range};
use super::exit::Exit;
use super::known::{Known, Reach};
use super::output::{self, Output, note};
use super::policy::Policy;
use super::progress;
use anyhow::{Context, bail};
use cofferdam::config::{Config, Flavour};
use cofferdam::files::Files;
use cofferdam::scan::allowlist::Joining;
use cofferdam::scan::builtin;
use cofferdam::scan::coverage::{Coverage, SkipReason};
use cofferdam::scan::finding::Finding;
use cofferdam::scan::ignore_file::IgnoreFile;
use cofferdam::scan::report::{Redaction, Report};
use cofferdam::scan::rule::Rule;
use cofferdam::scan::scanner::{Options, Scanner};
use cofferdam::scan::session::{Bounds, Session};
use cofferdam::scan::source::history::HistoryOptions;
use cofferdam::scan::source::range::Selection;
use cofferdam::scan::source::repository::{Repository, RepositoryError};
use cofferdam::scan::source::worktree::Extent;
use cofferdam::scan::synonym;
use std::io;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Everything that can be committed and the whole history; elsewhere the directory.
pub(crate) fn scan(args: Scan) -> anyhow::Result<Exit> {
    if args.ci {
        return scan_job(args);
    }
    let whole = Whole::at(&args.path, &args.report)?;
    run(whole.root(), args.scan, args.report, Reach::Whole, |session| whole.scan(session))
}

/// All that `scan` looks at.
pub(super) enum Whole {
    Repository(Box<Repository>),
    Directory(PathBuf),
}

impl Whole {
    pub(super) fn at(path: &Path, report: &ReportFlags) -> anyhow::Result<Self> {
        match Repository::discover_with(path, variable) {
            Ok(repository) => Ok(Self::Repository(Box::new(repository))),
            Err(RepositoryError::NotARepository { .. }) => {
                note(
                    report,
                    &format!("{} is in no git repository: only its files are scanned", path.display()),
                );
                Ok(Self::Directory(path.to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn root(&self) -> &Path {
        match self {
            Self::Repository(repository) => repository.root(),
            Self::Directory(path) => path,
        }
    }

    pub(super) fn scan(&self, session: &Session<'_>) -> anyhow::Result<()> {
        let repository = match self {
            Self::Repository(repository) => repository,
            Self::Directory(path) => {
                return Ok(session.tree(std::slice::from_ref(path), Extent::Unignored, false)?);
            }
        };
        session.history(repository, HistoryOptions::default())?;
        Ok(session.committable(repository)?)
    }
}

/// What a CI job is about, by the policy that its pull request cannot change.
fn scan_job(args: Scan) -> anyhow::Result<Exit> {
    let Scan { path, mut scan, mut report, .. } = args;
    let text = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
    let payload = |path: &str| {
        std::fs::read_to_string(path).with_context(|| format!("--ci: cannot read the event at {path}"))
    };
    let job = Job::of(&text, &payload)?;
    report.ci = Some(job.service);
    let repository = Repository::discover_with(&path, variable)?;
    let range = Range::of(&job, &repository)?;
    note(&report, &range.words);
    scan.policy_from.get_or_insert(range.policy);
    let selection = match &range.commits {
        Commits::Some(text) => Some(Selection::default().range(text)?),
        _ => None,
    };
    run(repository.root(), scan, report, Reach::Part, |session| {
        for gap in range.gaps {
            session.ledger().skip(SkipReason::MissingObject, gap);
        }
        match (range.commits, selection) {
            (Commits::All, _) => session.history(&repository, HistoryOptions::default())?,
            (_, Some(selection)) => session.range(&repository, &selection)?,
            _ => {}
        }
        Ok(())
    })
}

pub(crate) fn git(args: Git) -> anyhow::Result<Exit> {
    let repository = Repository::discover_with(&args.repository, variable)?;
    let flags = args.history;
    let selection = selection(&flags)?;
    run(repository.root(), args.scan, args.report, Reach::Part, |session| {
        match selection {
            _ if flags.staged => session.staged(&repository)?,
            _ if flags.pre_commit => session.unstaged(&repository)?,
            Some(selection) => session.range(&repository, &selection)?,
            None => {
                let options = HistoryOptions {
                    reflogs: flags.reflogs,
                    unreachable: flags.unreachable,
                    every_blob: flags.every_blob,
                };
                session.history(&repository, options)?;
            }
        }
        Ok(())
    })
}

/// The commits that the flags select; none: the whole history.
fn selection(flags: &HistoryFlags) -> anyhow::Result<Option<Selection>> {
    let now = Selection::now();
    let mut selection = match &flags.log_opts {
        Some(options) => Selection::from_log_opts(options, &now)?,
        None => Selection::default(),
    };
    for range in &flags.range {
        selection = selection.range(range)?;
    }
    for branch in &flags.branch {
        selection = selection.branch(branch);
    }
    if let Some(date) = &flags.since {
        selection = selection.since(date, &now)?;
    }
    if let Some(date) = &flags.until {
        selection = selection.until(date, &now)?;
    }
    if let Some(count) = flags.max_count {
        selection = selection.max_count(count);
    }
    let asked = flags.log_opts.is_some()
        || !flags.range.is_empty()
        || !flags.branch.is_empty()
        || flags.since.is_some()
        || flags.until.is_some()
        || flags.max_count.is_some();
    if asked && (flags.staged || flags.pre_commit) {
        bail!("--staged and --pre-commit scan no commits: leave out --range, --since and their kin");
    }
    if asked && (flags.reflogs || flags.unreachable) {
        bail!(
            "--reflogs and --unreachable belong to a scan of the whole history: leave out --range and its kin"
        );
    }
    Ok(asked.then_some(selection))
}

pub(crate) fn dir(args: Dir) -> anyhow::Result<Exit> {
    let target = args.paths.first().cloned().unwrap_or_else(|| PathBuf::from("."));
    let extent = if args.respect_ignore { Extent::Unignored } else { Extent::Everything };
    run(&target, args.scan, args.report, Reach::Part, |session| {
        Ok(session.tree(&args.paths, extent, args.follow_symlinks)?)
    })
}

pub(crate) fn stdin(args: Stdin) -> anyhow::Result<Exit> {
    run(Path::new("."), args.scan, args.report, Reach::Part, |session| {
        Ok(session.stream(io::stdin(), &args.name)?)
    })
}

pub(crate) fn detect(args: Detect) -> anyhow::Result<Exit> {
    let Detect { source, no_git, pipe, follow_symlinks, history, scan, report } = args;
    match (pipe, no_git) {
        (true, _) => stdin(Stdin { name: String::new(), scan, report }),
        (_, true) => dir(Dir { paths: vec![source], follow_symlinks, respect_ignore: false, scan, report }),
        _ => git(Git { repository: source, history, scan, report }),
    }
}

pub(crate) fn protect(args: Protect) -> anyhow::Result<Exit> {
    let history = HistoryFlags { staged: args.staged, pre_commit: !args.staged, ..HistoryFlags::default() };
    git(Git { repository: args.source, history, scan: args.scan, report: args.report })
}

/// Scans, takes away what the baseline knows, reports.
fn run(
    target: &Path,
    flags: ScanFlags,
    report: ReportFlags,
    reach: Reach,
    work: impl FnOnce(&Session<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let outputs = Output::all(&report)?;
    // The process ends with it: to take it apart would only cost time.
    let setup = ManuallyDrop::new(Setup::new(target, &flags, &report)?);
    let (Looked { findings, coverage }, words) = setup.scan(reach, report.quiet, work)?;
    let rules: Vec<Arc<Rule>> = setup.scanner.rules().cloned().collect();
    let complete = coverage.is_complete();
    let redaction = match (report.show_secrets, report.redact) {
        (true, _) => Redaction::None,
        (_, 100) => Redaction::Full,
        (_, percent) => Redaction::Partial(percent),
    };
    let shown = Report {
        findings: &findings,
        rules: &rules,
        coverage: &coverage,
        complete,
        redaction,
        compat_columns: flags.gitleaks_compat,
        root: Some(target),
        time: &output::report_time(),
    };
    for output in outputs {
        output.write(&shown)?;
    }
    output::set_outputs(&report, findings.len())?;
    words.iter().for_each(|line| note(&report, line));
    if !report.quiet {
        output::summarise(&report, findings.len(), &shown.safe_coverage()?, setup.start.elapsed());
        output::say_stats(&report, setup.scanner.stats());
    }
    Ok(match (findings.is_empty(), complete) {
        (false, _) => Exit::Found(report.exit_code),
        (true, true) => Exit::Clean,
        (true, false) => Exit::Incomplete,
    })
}

/// What a scan came to.
pub(super) struct Looked {
    pub(super) findings: Vec<Finding>,
    pub(super) coverage: Coverage,
}

/// All that a scan needs beside its source.
pub(super) struct Setup {
    start: Instant,
    flags: ScanFlags,
    pub(super) scanner: Scanner,
    own_files: Vec<PathBuf>,
    ignored: IgnoreFile,
    known: Known,
    bounds: Bounds,
    interrupted: Arc<AtomicBool>,
}

impl Setup {
    /// By the policy that the flags name.
    pub(super) fn new(target: &Path, flags: &ScanFlags, report: &ReportFlags) -> anyhow::Result<Self> {
        let policy = Policy::open(flags.policy_from.as_ref(), target, variable)?;
        let ignored = ignore_files(target, policy.files(), flags, report)?;
        let known = Known::find(target, policy.files(), flags)?;
        // What lies on the disk is no policy where that comes from a commit.
        let own = if matches!(policy, Policy::Disk) { known.path().to_vec() } else { Vec::new() };
        Ok(Self { ignored, known, ..Self::bare(target, &policy, flags, report, own)? })
    }

    /// By the policy on the disk, without a baseline; `own_files` are known to be no content.
    pub(super) fn without_baseline(
        target: &Path,
        flags: &ScanFlags,
        report: &ReportFlags,
        ignored: IgnoreFile,
        own_files: Vec<PathBuf>,
    ) -> anyhow::Result<Self> {
        Ok(Self { ignored, ..Self::bare(target, &Policy::Disk, flags, report, own_files)? })
    }

    /// Without ignore files and baseline; `own_files` are known to be no content.
    fn bare(
        target: &Path,
        policy: &Policy,
        flags: &ScanFlags,
        report: &ReportFlags,
        mut own_files: Vec<PathBuf>,
    ) -> anyhow::Result<Self> {
        let start = Instant::now();
        let (scanner, config) = scanner(target, policy, flags, report)?;
        let written = report.report_path.clone().filter(|path| path.as_os_str() != "-");
        own_files.extend(config.into_iter().chain(written).filter(|_| matches!(policy, Policy::Disk)));
        let bounds = Bounds {
            max_bytes: (flags.max_target_megabytes > 0).then(|| flags.max_target_megabytes * 1_000_000),
            archive_depth: flags.max_archive_depth,
            deadline: (flags.timeout > 0).then(|| start + Duration::from_secs(flags.timeout)),
            threads: flags.threads,
        };
        if flags.threads > 0 {
            rayon::ThreadPoolBuilder::new()
                .num_threads(flags.threads)
                .build_global()
                .context("cannot start threads")?;
        }
        Ok(Self {
            start,
            flags: flags.clone(),
            scanner,
            own_files,
            ignored: IgnoreFile::default(),
            known: Known::default(),
            bounds,
            interrupted: interrupt_flag()?,
        })
    }

    /// One scan: all that it finds.
    pub(super) fn look(
        &self,
        quiet: bool,
        work: impl FnOnce(&Session<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Looked> {
        let own_files = self.own_files.clone();
        let session = Session::new(&self.scanner, self.bounds.clone(), &self.interrupted, own_files);
        progress::during(session.ledger(), quiet, || work(&session))?;
        let (findings, coverage) = session.finish(&self.ignored);
        Ok(Looked { findings, coverage })
    }

    /// One scan: what is new in it, and words about the baseline.
    pub(super) fn scan(
        &self,
        reach: Reach,
        quiet: bool,
        work: impl FnOnce(&Session<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<(Looked, Vec<String>)> {
        let Looked { findings, coverage } = self.look(quiet, work)?;
        let (findings, words) = self.known.sift(findings, reach, &self.flags, coverage.is_complete())?;
        Ok((Looked { findings, coverage }, words))
    }
}

/// The rules in force, and the configuration's file.
fn scanner(
    target: &Path,
    policy: &Policy,
    flags: &ScanFlags,
    report: &ReportFlags,
) -> anyhow::Result<(Scanner, Option<PathBuf>)> {
    let explicit = flags.config.as_deref();
    let config = Config::find(explicit, target, policy.files(), &variable, &builtin::ruleset)?;
    for warning in &config.warnings {
        note(report, &format!("warning: {warning}"));
    }
    let mut only = Vec::new();
    for name in &flags.enable_rule {
        let meant = synonym::meant(name, |id| config.ruleset.rules.iter().any(|rule| rule.id == id));
        if meant.is_empty() {
            bail!("--enable-rule {name}: there is no such rule; `cofferdam rules list` names them");
        }
        only.extend(meant.into_iter().map(str::to_owned));
    }
    let compatible = config.flavour == Flavour::Gitleaks;
    let options = Options {
        max_decode_depth: flags.max_decode_depth,
        inline_allows: !flags.ignore_gitleaks_allow,
        joining: if flags.gitleaks_compat { Joining::Joined } else { Joining::Apart },
        one_rule_per_secret: !compatible,
        evidence: !compatible,
        min_confidence: flags.min_confidence.into(),
        ..Options::default()
    };
    let path = config.source.path().map(Path::to_owned);
    let scanner = match config.builtin_rules {
        true => Scanner::builtin(config.ruleset, &only, options),
        false => Scanner::new(config.ruleset, &only, options),
    };
    let scanner = match policy.allowed_lines() {
        Some(lines) => scanner.with_allowed_lines(lines),
        None => scanner,
    };
    let scanner = if report.stats { scanner.with_stats(Arc::default()) } else { scanner };
    Ok((scanner, path))
}

/// The ignore files of the target, of the working directory, and the one that was asked for.
pub(super) fn ignore_files(
    target: &Path,
    files: &dyn Files,
    flags: &ScanFlags,
    report: &ReportFlags,
) -> anyhow::Result<IgnoreFile> {
    let asked = &flags.gitleaks_ignore_path;
    let mut all = IgnoreFile::default();
    let mut folders = vec![target.to_owned()];
    if asked.is_dir() {
        folders.push(asked.clone());
    } else if files.has(asked) {
        all.extend(IgnoreFile::load(files, asked)?);
    } else {
        bail!("--gitleaks-ignore-path {}: no such file or directory", asked.display());
    }
    folders.dedup();
    for folder in folders {
        for name in [".gitleaksignore", ".cofferdamignore"] {
            let path = folder.join(name);
            if files.has(&path) {
                all.extend(IgnoreFile::load(files, &path)?);
            }
        }
    }
    for warning in all.warnings() {
        note(report, &format!("warning: {warning}"));
    }
    Ok(all)
}

/// Set by the first Ctrl-C; the second one ends the program at once.
fn interrupt_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("cannot handle Ctrl-C")?;
    Ok(flag)
}

pub(super) fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}
