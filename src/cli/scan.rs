//! `scan`, `git`, `dir` and `stdin`: from flags to a session, from a session to a report.

use super::args::{Detect, Dir, Git, HistoryFlags, Protect, ReportFlags, Scan, ScanFlags, Stdin};
use super::exit::Exit;
use super::progress;
use anyhow::{Context, bail};
use cofferdam::config::{Config, Flavour};
use cofferdam::scan::allowlist::Joining;
use cofferdam::scan::baseline::Baseline;
use cofferdam::scan::builtin;
use cofferdam::scan::coverage::Coverage;
use cofferdam::scan::finding::Finding;
use cofferdam::scan::ignore_file::IgnoreFile;
use cofferdam::scan::report::{Format, Redaction, Report, Style};
use cofferdam::scan::rule::Rule;
use cofferdam::scan::scanner::{Options, Scanner};
use cofferdam::scan::session::{Bounds, Session};
use cofferdam::scan::source::history::HistoryOptions;
use cofferdam::scan::source::range::Selection;
use cofferdam::scan::source::repository::{Repository, RepositoryError};
use cofferdam::scan::source::worktree::Extent;
use cofferdam::terminal;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Everything that can be committed and the whole history; elsewhere the directory.
pub(crate) fn scan(args: Scan) -> anyhow::Result<Exit> {
    let repository = match Repository::discover_with(&args.path, variable) {
        Ok(repository) => repository,
        Err(RepositoryError::NotARepository { .. }) => {
            note(
                args.report.quiet,
                &format!("{} is in no git repository: only its files are scanned", args.path.display()),
            );
            return run(&args.path, args.scan, args.report, |session| {
                Ok(session.tree(std::slice::from_ref(&args.path), Extent::Unignored, false)?)
            });
        }
        Err(error) => return Err(error.into()),
    };
    run(repository.root(), args.scan, args.report, |session| {
        session.history(&repository, HistoryOptions::default())?;
        committable(session, &repository)
    })
}

/// Everything that could be committed: staged, unstaged, untracked and not ignored.
pub(super) fn committable(session: &Session<'_>, repository: &Repository) -> anyhow::Result<()> {
    if let Some(files) = repository.files()? {
        let root = files.root.clone();
        session.tree(&[root], Extent::Committable(files), false)?;
        session.staged(repository)?;
    }
    Ok(())
}

pub(crate) fn git(args: Git) -> anyhow::Result<Exit> {
    let repository = Repository::discover_with(&args.repository, variable)?;
    let flags = args.history;
    let selection = selection(&flags)?;
    run(repository.root(), args.scan, args.report, |session| {
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
    run(&target, args.scan, args.report, |session| {
        Ok(session.tree(&args.paths, extent, args.follow_symlinks)?)
    })
}

pub(crate) fn stdin(args: Stdin) -> anyhow::Result<Exit> {
    run(Path::new("."), args.scan, args.report, |session| Ok(session.stream(io::stdin(), &args.name)?))
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

/// Reads the configuration, scans, reports.
fn run(
    target: &Path,
    flags: ScanFlags,
    report: ReportFlags,
    work: impl FnOnce(&Session<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let output = Output::new(&report)?;
    let setup = Setup::new(target, &flags, report.quiet)?;
    let (findings, coverage) = setup.scan(report.quiet, work)?;
    let rules: Vec<Arc<Rule>> = setup.scanner.rules().cloned().collect();
    let complete = coverage.is_complete();
    let redaction = match (report.show_secrets, report.redact) {
        (true, _) => Redaction::None,
        (_, 100) => Redaction::Full,
        (_, percent) => Redaction::Partial(percent),
    };
    output.write(&Report {
        findings: &findings,
        rules: &rules,
        coverage: &coverage,
        complete,
        redaction,
        compat_columns: flags.gitleaks_compat,
        root: Some(target),
    })?;
    summarise(&report, &findings, &coverage, setup.start.elapsed());
    Ok(match (findings.is_empty(), complete) {
        (false, _) => Exit::Found(report.exit_code),
        (true, true) => Exit::Clean,
        (true, false) => Exit::Incomplete,
    })
}

/// All that a scan needs beside its source.
pub(super) struct Setup {
    start: Instant,
    pub(super) scanner: Scanner,
    own_files: Vec<PathBuf>,
    ignored: IgnoreFile,
    baseline: Baseline,
    bounds: Bounds,
    interrupted: Arc<AtomicBool>,
}

impl Setup {
    pub(super) fn new(target: &Path, flags: &ScanFlags, quiet: bool) -> anyhow::Result<Self> {
        let start = Instant::now();
        let (scanner, own_files) = scanner(target, flags, quiet)?;
        let ignored = ignore_files(target, flags, quiet)?;
        let baseline = flags.baseline_path.as_deref().map(Baseline::load).transpose()?.unwrap_or_default();
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
        Ok(Self { start, scanner, own_files, ignored, baseline, bounds, interrupted: interrupt_flag()? })
    }

    /// One scan; gives what is new in it and what was looked at.
    pub(super) fn scan(
        &self,
        quiet: bool,
        work: impl FnOnce(&Session<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<(Vec<Finding>, Coverage)> {
        let own_files = self.own_files.clone();
        let session = Session::new(&self.scanner, self.bounds.clone(), &self.interrupted, own_files);
        progress::during(session.ledger(), quiet, || work(&session))?;
        Ok(session.finish(&self.ignored, &self.baseline))
    }
}

/// The rules in force, and the files that are never scanned.
fn scanner(target: &Path, flags: &ScanFlags, quiet: bool) -> anyhow::Result<(Scanner, Vec<PathBuf>)> {
    let config = Config::find(flags.config.as_deref(), target, &variable, &builtin::ruleset)?;
    for warning in &config.warnings {
        note(quiet, &format!("warning: {warning}"));
    }
    let only = &flags.enable_rule;
    if let Some(unknown) = only.iter().find(|id| config.ruleset.rules.iter().all(|rule| rule.id != **id)) {
        bail!("--enable-rule {unknown}: there is no such rule; `cofferdam rules list` names them");
    }
    let compatible = config.flavour == Flavour::Gitleaks;
    let options = Options {
        max_decode_depth: flags.max_decode_depth,
        inline_allows: !flags.ignore_gitleaks_allow,
        joining: if flags.gitleaks_compat { Joining::Joined } else { Joining::Apart },
        one_rule_per_secret: !compatible,
        checksums: !compatible,
    };
    let own = config.source.path().map(Path::to_owned);
    let own_files = own.into_iter().chain(flags.baseline_path.clone()).collect();
    let scanner = match config.builtin_rules {
        true => Scanner::builtin(config.ruleset, only, options),
        false => Scanner::new(config.ruleset, only, options),
    };
    Ok((scanner, own_files))
}

/// The ignore files of the target, of the working directory, and the one that was asked for.
fn ignore_files(target: &Path, flags: &ScanFlags, quiet: bool) -> anyhow::Result<IgnoreFile> {
    let asked = &flags.gitleaks_ignore_path;
    let mut all = IgnoreFile::default();
    let mut folders = vec![target.to_owned()];
    if asked.is_dir() {
        folders.push(asked.clone());
    } else if asked.exists() {
        all.extend(IgnoreFile::load(asked)?);
    } else {
        bail!("--gitleaks-ignore-path {}: no such file or directory", asked.display());
    }
    folders.dedup();
    for folder in folders {
        for name in [".gitleaksignore", ".cofferdamignore"] {
            let path = folder.join(name);
            if path.is_file() {
                all.extend(IgnoreFile::load(&path)?);
            }
        }
    }
    for warning in all.warnings() {
        note(quiet, &format!("warning: {warning}"));
    }
    Ok(all)
}

/// Where the report goes, and as what; known before the scan, so that nothing fails after it.
struct Output {
    format: Format,
    path: Option<PathBuf>,
    style: Style,
}

impl Output {
    fn new(flags: &ReportFlags) -> anyhow::Result<Self> {
        let path = flags.report_path.clone().filter(|path| path.as_os_str() != "-");
        let format = match &flags.report_format {
            Some(name) => Format::named(name, flags.report_template.clone())?,
            None if flags.report_template.is_some() => {
                Format::named("template", flags.report_template.clone())?
            }
            None => match &path {
                Some(path) => Format::infer(path).with_context(|| {
                    format!(
                        "{}: no report format goes by this name; name one with --report-format",
                        path.display()
                    )
                })?,
                // gitleaks writes JSON to standard output when asked for a report there.
                None if flags.report_path.is_some() => Format::Json,
                None => Format::Text,
            },
        };
        let no_color = std::env::var_os("NO_COLOR");
        let term = std::env::var_os("TERM");
        let colour = !flags.no_color
            && path.is_none()
            && terminal::wants_colour(io::stdout().is_terminal(), no_color.as_deref(), term.as_deref());
        Ok(Self { format, path, style: Style { colour, verbose: flags.verbose } })
    }

    fn write(&self, report: &Report<'_>) -> anyhow::Result<()> {
        let result = match &self.path {
            None => report.write(&self.format, self.style, &mut BufWriter::new(io::stdout().lock())),
            Some(path) => {
                let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
                report.write(&self.format, self.style, &mut BufWriter::new(file))
            }
        };
        match result {
            Err(error) if error.is_closed_pipe() => Ok(()),
            other => Ok(other?),
        }
    }
}

/// One line on standard error, and one for each reason why something was not looked at.
fn summarise(flags: &ReportFlags, findings: &[Finding], coverage: &Coverage, elapsed: Duration) {
    let mut line = match findings.len() {
        0 => "no leaks found".to_owned(),
        1 => "1 leak found".to_owned(),
        count => format!("{count} leaks found"),
    };
    line.push_str(&format!(" in {:.2?}: {}", elapsed, coverage.summary()));
    note(flags.quiet, &line);
    gaps(flags.quiet, flags.verbose, coverage);
    if !coverage.is_complete() {
        note(flags.quiet, "INCOMPLETE: not everything could be looked at");
    }
}

/// What was not looked at, and why.
pub(super) fn gaps(quiet: bool, verbose: bool, coverage: &Coverage) {
    for (reason, skips) in &coverage.skipped {
        let shown = if reason.is_gap() || verbose { 5 } else { 0 };
        if shown > 0 {
            note(quiet, &format!("  {}: {}", reason.words(), skips.count));
            for place in skips.places.iter().take(shown) {
                note(quiet, &format!("    {}", terminal::escape(place)));
            }
        }
    }
}

/// A line on standard error. Nobody may be reading: that is no fault.
pub(super) fn note(quiet: bool, line: &str) {
    if !quiet {
        let _ = writeln!(io::stderr(), "{line}");
    }
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
