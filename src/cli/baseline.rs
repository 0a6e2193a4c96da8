//! `baseline create`, `update` and `prune`: writing the file that a scan goes by. What is scanned, and
//! how, is `scan`'s.

use super::args::{ReportFlags, ScanFlags};
use super::exit::Exit;
use super::known::{counted, covers, default_path, describe, parse_expiry};
use super::output::{note, say_skips};
use super::scan::{Looked, Setup, Whole, ignore_files};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use cofferdam::files::Disk;
use cofferdam::scan::baseline::entries::Entries;
use cofferdam::scan::baseline::entry::{Entry, Note};
use cofferdam::scan::baseline::gitleaks::Report;
use cofferdam::scan::baseline::{self, FILE_NAME};
use cofferdam::scan::finding::Finding;
use cofferdam::scan::ignore_file::IgnoreFile;
use cofferdam::terminal::escape;
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Paths of what is no file, as the history names it.
const NO_FILES: [&str; 3] = ["commit-message", "tag-message", "unreachable-object"];

/// What to do with the baseline.
#[derive(Debug, Subcommand)]
pub(crate) enum Baseline {
    /// Write a first baseline with what `scan` finds.
    Create(Create),
    /// Add what `scan` finds and the baseline does not know; entries of renamed files follow.
    Update(Update),
    /// Remove entries that nothing matches any more. Use a clone with all branches.
    Prune(Prune),
}

/// What is scanned, and which file is meant.
#[derive(Debug, Args)]
struct Target {
    /// The repository or directory.
    #[arg(default_value = ".")]
    path: PathBuf,
    #[command(flatten)]
    scan: ScanFlags,
    /// No words on standard error but errors.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    target: Target,
    /// Accept only what this gitleaks JSON report or ignore file accepts; repeatable.
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// Why the findings are accepted.
    #[arg(long, required_unless_present = "from")]
    reason: Option<String>,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    target: Target,
    /// Why the new findings are accepted.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    #[command(flatten)]
    target: Target,
    /// Only name them; exit 1 if there are any.
    #[arg(long)]
    dry_run: bool,
}

/// Who answers for an entry, and how long it holds.
#[derive(Debug, Args)]
struct Terms {
    /// Who answers for them.
    #[arg(long)]
    owner: Option<String>,
    /// The day on which they are reported again: 2027-01-31, or 90d, 12w, 6mo, 1y from now.
    #[arg(long, value_name = "DATE", value_parser = parse_expiry)]
    expires: Option<Date>,
}

impl Terms {
    fn note(self, reason: String) -> anyhow::Result<Note> {
        if reason.trim().is_empty() {
            bail!("--reason is empty: say why the findings are accepted");
        }
        Ok(Note { reason, owner: self.owner, expires: self.expires })
    }
}

impl Baseline {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run(),
            Self::Update(command) => command.run(),
            Self::Prune(command) => command.run(),
        }
    }
}

impl Create {
    fn run(self) -> anyhow::Result<Exit> {
        let place = Place::of(&self.target)?;
        if place.file.exists() {
            bail!("{}: is there already; `cofferdam baseline update` adds to it", place.file.display());
        }
        let reason = self.reason.unwrap_or_else(|| {
            let names: Vec<_> = self.from.iter().map(|file| file.display().to_string()).collect();
            format!("accepted in {}", names.join(", "))
        });
        let note = self.terms.note(reason)?;
        let sources = self.from.iter().map(|file| Source::load(file)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut looked = place.look(&self.target, &self.from)?;
        if !sources.is_empty() {
            looked.findings = convert(&place, &sources, looked.findings);
        }
        let mut entries = Entries::new()?;
        entries.update(&looked.findings, &note, |_| false)?;
        write_new(&place.file, &entries.to_string())?;
        let (count, of) = (counted(entries.len(), "entry"), counted(looked.findings.len(), "finding"));
        place.say(&format!("{}: {count} for {of}; commit it", place.file.display()));
        Ok(place.end(&looked))
    }
}

impl Update {
    fn run(self) -> anyhow::Result<Exit> {
        let place = Place::of(&self.target)?;
        let mut entries = place.entries()?;
        let note = self.terms.note(self.reason)?;
        let looked = place.look(&self.target, &[])?;
        let complete = looked.coverage.is_complete();
        let changes =
            entries.update(&looked.findings, &note, |entry| complete && place.lacks(&entry.path))?;
        replace(&place.file, &entries.to_string())?;
        list('+', changes.added.iter().chain(&changes.followed))?;
        let (added, followed) = (counted(changes.added.len(), "entry"), changes.followed.len());
        place.say(&format!("{}: {added} added, {followed} after a rename", place.file.display()));
        Ok(place.end(&looked))
    }
}

impl Prune {
    fn run(self) -> anyhow::Result<Exit> {
        let place = Place::of(&self.target)?;
        let mut entries = place.entries()?;
        let looked = place.look(&self.target, &[])?;
        if !looked.coverage.is_complete() {
            place.say("nothing is pruned: what could not be looked at may need any entry");
            return Ok(place.end(&looked));
        }
        let pruned = entries.prune(&looked.findings, |entry| covers(&self.target.scan, entry))?;
        if !self.dry_run && !pruned.is_empty() {
            replace(&place.file, &entries.to_string())?;
        }
        list('-', &pruned)?;
        let (count, file) = (counted(pruned.len(), "stale entry"), place.file.display());
        if self.dry_run {
            place.say(&format!("{file}: {count}"));
            return Ok(if pruned.is_empty() { Exit::Clean } else { Exit::Found(1) });
        }
        place.say(&format!("{file}: {count} removed"));
        Ok(Exit::Clean)
    }
}

/// What is scanned for a baseline, and where the baseline lies.
struct Place {
    whole: Whole,
    file: PathBuf,
    report: ReportFlags,
}

impl Place {
    fn of(target: &Target) -> anyhow::Result<Self> {
        if target.scan.no_baseline {
            bail!("--no-baseline: there is nothing to write then");
        }
        let report = ReportFlags { quiet: target.quiet, ..ReportFlags::default() };
        let whole = Whole::at(&target.path, &report)?;
        let file = target.scan.baseline_path.clone().unwrap_or_else(|| default_path(whole.root()));
        Ok(Self { whole, file, report })
    }

    /// The entries that are there.
    fn entries(&self) -> anyhow::Result<Entries> {
        if !self.file.exists() {
            bail!("{}: no such file; `cofferdam baseline create` writes one", self.file.display());
        }
        match baseline::Baseline::load(&Disk, &self.file)? {
            baseline::Baseline::Entries(entries) => Ok(entries),
            _ => bail!(
                "{file}: is a gitleaks report; `cofferdam baseline create --from {file} -b {FILE_NAME}` converts it",
                file = self.file.display()
            ),
        }
    }

    /// Scans all, the baseline and what is converted left out. Ignore files hold unless some are converted.
    fn look(&self, target: &Target, converted: &[PathBuf]) -> anyhow::Result<Looked> {
        let root = self.whole.root();
        let ignored = match converted {
            [] => ignore_files(root, &Disk, &target.scan, &self.report)?,
            _ => IgnoreFile::default(),
        };
        let own = [std::slice::from_ref(&self.file), converted].concat();
        let setup = Setup::without_baseline(root, &target.scan, &self.report, ignored, own)?;
        setup.look(self.report.quiet, |session| self.whole.scan(session))
    }

    /// Whether there was a file of this path and is none now. Without a working tree nobody can tell.
    fn lacks(&self, path: &str) -> bool {
        let there = |path: &str| match &self.whole {
            Whole::Repository(repository) => {
                repository.worktree().is_none_or(|root| root.join(path).exists())
            }
            Whole::Directory(_) => Path::new(path).exists(),
        };
        // In an archive: the archive.
        !NO_FILES.contains(&path)
            && !there(path)
            && !path.split_once('!').is_some_and(|(outer, _)| there(outer))
    }

    fn say(&self, line: &str) {
        note(&self.report, &escape(line));
    }

    /// What was not looked at, and the exit code.
    fn end(&self, looked: &Looked) -> Exit {
        say_skips(&self.report, &looked.coverage);
        if looked.coverage.is_complete() { Exit::Clean } else { Exit::Incomplete }
    }
}

/// What is converted.
enum Source {
    Report(Report),
    Ignored(IgnoreFile),
}

impl Source {
    /// A report is an array; what else is text is an ignore file.
    fn load(file: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        match baseline::Baseline::parse(&bytes, file) {
            Ok(baseline::Baseline::Report(report)) => Ok(Self::Report(report)),
            Ok(_) => bail!("{}: is a cofferdam baseline already", file.display()),
            Err(error) if bytes.trim_ascii_start().starts_with(b"[") => Err(error.into()),
            Err(_) => {
                let text =
                    std::str::from_utf8(&bytes).with_context(|| format!("{}: is no text", file.display()))?;
                let ignored = IgnoreFile::parse(text, file);
                match ignored.warnings().first() {
                    Some(wrong) => bail!("{wrong}"),
                    None => Ok(Self::Ignored(ignored)),
                }
            }
        }
    }

    /// What accepts something, as text.
    fn fingerprints(&self) -> Vec<String> {
        match self {
            Self::Report(report) => report.fingerprints().collect(),
            Self::Ignored(ignored) => ignored.fingerprints().map(str::to_owned).collect(),
        }
    }

    /// What accepts the finding.
    fn accepting(&self, finding: &Finding) -> Vec<String> {
        match self {
            Self::Report(report) => report.accepting(finding).collect(),
            Self::Ignored(ignored) => ignored.accepting(finding).map(str::to_owned).collect(),
        }
    }
}

/// The findings that the sources accept. What accepts none of them is named.
fn convert(place: &Place, sources: &[Source], mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut unmet: BTreeSet<String> = sources.iter().flat_map(Source::fingerprints).collect();
    findings.retain(|finding| {
        let accepting: Vec<String> = sources.iter().flat_map(|source| source.accepting(finding)).collect();
        for print in &accepting {
            unmet.remove(print);
        }
        !accepting.is_empty()
    });
    for print in &unmet {
        place.say(&format!("matches no finding, left out: {print}"));
    }
    findings
}

/// Entries on standard output, one a line.
fn list<'e>(sign: char, entries: impl IntoIterator<Item = &'e Entry>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    for entry in entries {
        writeln!(out, "{sign} {}", escape(&describe(entry)))?;
    }
    Ok(())
}

/// Writes a file that must not be there.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let written = std::fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Replaces a file at once: no reader sees a part, and a failure leaves the old one.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    // Through a link, to the file itself.
    let path = path.canonicalize().with_context(cannot)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &path)).with_context(cannot)
}
