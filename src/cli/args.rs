//! The flags, as clap sees them. gitleaks' own keep their names and meaning.

use super::ci::Service;
use super::policy::PolicyFrom;
use clap::{Args, Parser, Subcommand};
use cofferdam::scan::rule::Confidence;
use std::path::PathBuf;

/// How often decoded text is decoded again, unless the user says otherwise.
pub(crate) const DECODE_DEPTH: u32 = 5;

const EXIT_CODES: &str = "Exit codes: 0 complete and clean; 1 found something; 2 usage, configuration or \
    input that cannot be used; 3 found nothing certain, but could not look at everything.";

/// Finds leaked secrets, and loads real ones.
#[derive(Debug, Parser)]
#[command(name = "cofferdam", version, propagate_version = true, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scan a repository: all that could be committed, and the whole history. Elsewhere: the directory.
    Scan(Scan),
    /// Scan a repository's history, or its index with --staged.
    #[command(visible_alias = "history")]
    Git(Git),
    /// Scan directories and files.
    #[command(visible_aliases = ["file", "directory"])]
    Dir(Dir),
    /// Scan standard input.
    Stdin(Stdin),
    /// List, check and explain rules.
    #[command(subcommand)]
    Rules(Rules),
    /// Accept what is there, with a reason: later scans report only news.
    #[command(subcommand)]
    Baseline(super::baseline::Baseline),
    #[command(subcommand)]
    Hook(super::hook::Hook),
    #[cfg(feature = "vault")]
    EnvCheck(super::env_check::EnvCheck),
    #[cfg(feature = "vault")]
    Run(super::run::Run),
    #[cfg(feature = "vault")]
    Export(super::export::Export),
    #[cfg(feature = "vault")]
    EnvDiff(super::env_diff::EnvDiff),
    #[cfg(feature = "vault")]
    Env(super::env_init::Env),
    /// Write a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    #[command(hide = true)]
    Man(super::man::Manual),
    /// gitleaks' old name for `git` and (with --no-git) `dir`.
    #[command(hide = true)]
    Detect(Detect),
    /// gitleaks' old name for `git --staged`.
    #[command(hide = true)]
    Protect(Protect),
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// The repository or directory.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// In a CI job: scan what its pull request or push brings in, else the whole history; report to its log.
    #[arg(long)]
    pub(crate) ci: bool,
    #[command(flatten)]
    pub(crate) scan: ScanFlags,
    #[command(flatten)]
    pub(crate) report: ReportFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Git {
    /// The repository.
    #[arg(default_value = ".")]
    pub(crate) repository: PathBuf,
    #[command(flatten)]
    pub(crate) history: HistoryFlags,
    #[command(flatten)]
    pub(crate) scan: ScanFlags,
    #[command(flatten)]
    pub(crate) report: ReportFlags,
}

#[derive(Debug, Default, Args)]
pub(crate) struct HistoryFlags {
    /// Scan what is staged for the next commit.
    #[arg(long)]
    pub(crate) staged: bool,
    /// Scan changes of tracked files that are not staged (with --staged: the staged ones).
    #[arg(long)]
    pub(crate) pre_commit: bool,
    /// Scan what these commits bring in: A..B, A...B, A ^B; repeatable.
    #[arg(long, value_name = "A..B")]
    pub(crate) range: Vec<String>,
    /// Scan commits of this branch.
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Vec<String>,
    /// Scan commits after this date (2024-01-31, 2024-01-31T12:00:00Z, "2 weeks ago").
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
    /// Scan commits before this date.
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
    /// Scan no more than the newest N commits.
    #[arg(long, value_name = "N")]
    pub(crate) max_count: Option<usize>,
    /// Options of git log, in the forms that are common with gitleaks.
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub(crate) log_opts: Option<String>,
    /// Also scan what only reflogs still name.
    #[arg(long)]
    pub(crate) reflogs: bool,
    /// Also scan objects that nothing leads to.
    #[arg(long)]
    pub(crate) unreachable: bool,
    /// Scan every blob in full, to compare with: finds the same and takes longer.
    #[arg(long, hide = true)]
    pub(crate) every_blob: bool,
    /// The host that links go to; it is told from the remote, so this changes nothing.
    #[arg(long, value_name = "HOST", hide = true)]
    pub(crate) platform: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Dir {
    /// Directories and files.
    #[arg(default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// Read files through symbolic links.
    #[arg(long)]
    pub(crate) follow_symlinks: bool,
    /// Leave out what .gitignore and its kin name.
    #[arg(long)]
    pub(crate) respect_ignore: bool,
    #[command(flatten)]
    pub(crate) scan: ScanFlags,
    #[command(flatten)]
    pub(crate) report: ReportFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Stdin {
    /// The path that reports and path expressions see.
    #[arg(long, value_name = "PATH", default_value = "")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) scan: ScanFlags,
    #[command(flatten)]
    pub(crate) report: ReportFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Detect {
    #[arg(short, long, default_value = ".")]
    pub(crate) source: PathBuf,
    #[arg(long)]
    pub(crate) no_git: bool,
    #[arg(long)]
    pub(crate) pipe: bool,
    #[arg(long)]
    pub(crate) follow_symlinks: bool,
    #[command(flatten)]
    pub(crate) history: HistoryFlags,
    #[command(flatten)]
    pub(crate) scan: ScanFlags,
    #[command(flatten)]
    pub(crate) report: ReportFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Protect {
    #[arg(short, long, default_value = ".")]
    pub(crate) source: PathBuf,
    #[arg(long)]
    pub(crate) staged: bool,
    #[command(flatten)]
    pub(crate) scan: ScanFlags,
    #[command(flatten)]
    pub(crate) report: ReportFlags,
}

/// A confidence, as an argument.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Level {
    /// Also what has the form of a secret and probably is none.
    Low,
    /// What its name and surroundings speak for.
    Medium,
    /// What identifies itself.
    High,
}

impl From<Level> for Confidence {
    fn from(level: Level) -> Self {
        match level {
            Level::Low => Self::Low,
            Level::Medium => Self::Medium,
            Level::High => Self::High,
        }
    }
}

/// What is scanned for, and how deep.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Scanning")]
pub(crate) struct ScanFlags {
    /// The configuration: cofferdam.toml or a gitleaks file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Run only this rule; repeatable.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) enable_rule: Vec<String>,
    /// Leave out what is less sure to be a secret that works.
    #[arg(long, value_name = "LEVEL", default_value = "medium")]
    pub(crate) min_confidence: Level,
    /// The baseline whose findings are no news (else .cofferdam-baseline, where there is one): our own
    /// file or a gitleaks JSON report.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) baseline_path: Option<PathBuf>,
    /// Report what the baseline knows, too.
    #[arg(long, conflicts_with = "baseline_path")]
    pub(crate) no_baseline: bool,
    /// An ignore file with fingerprints, or the directory that holds .gitleaksignore.
    #[arg(short = 'i', long, value_name = "PATH", default_value = ".")]
    pub(crate) gitleaks_ignore_path: PathBuf,
    /// Comments such as gitleaks:allow do not hold.
    #[arg(long)]
    pub(crate) ignore_gitleaks_allow: bool,
    /// Take configuration, ignore files, baseline and allowing comments from this commit, not from the
    /// disk; '' is the disk. With --ci, a pull request's base is the default.
    #[arg(long, value_name = "REF")]
    pub(crate) policy_from: Option<PolicyFrom>,
    /// How often decoded text is decoded again.
    #[arg(long, value_name = "N", default_value_t = DECODE_DEPTH)]
    pub(crate) max_decode_depth: u32,
    /// How many archives may lie in each other; 0: none is opened.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) max_archive_depth: u32,
    /// Leave out content of more than N megabytes (N times 1 000 000 bytes).
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) max_target_megabytes: u64,
    /// End after N seconds, incomplete.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) timeout: u64,
    /// Threads; 0: one for each processor.
    #[arg(short = 'j', long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: usize,
    /// Count columns and join allowlist expressions as gitleaks does, faults included.
    #[arg(long)]
    pub(crate) gitleaks_compat: bool,
}

/// What is shown, and where.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Reporting")]
pub(crate) struct ReportFlags {
    /// Whose job it is, with --ci.
    #[arg(skip)]
    pub(crate) ci: Option<Service>,
    /// text, json, csv, junit, sarif, github, gitlab, azure, markdown, template or cofferdam-json.
    #[arg(short = 'f', long, value_name = "FORMAT")]
    pub(crate) report_format: Option<String>,
    /// Write the report to this file; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) report_path: Option<PathBuf>,
    /// A Jinja template for the format `template`.
    #[arg(long, value_name = "FILE")]
    pub(crate) report_template: Option<PathBuf>,
    /// Hide so many percent of each secret.
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, default_value_t = 100, default_missing_value = "100",
          require_equals = true, value_parser = clap::value_parser!(u8).range(0..=100), hide_default_value = true)]
    pub(crate) redact: u8,
    /// Show secrets.
    #[arg(long, conflicts_with = "redact")]
    pub(crate) show_secrets: bool,
    /// The exit code when something was found.
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true)]
    pub(crate) exit_code: u8,
    /// Show every place of a secret.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// No words on standard error but errors.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Say what the scan cost, stage by stage.
    #[arg(long)]
    pub(crate) stats: bool,
    /// No colours.
    #[arg(long)]
    pub(crate) no_color: bool,
    /// There is no banner: accepted for gitleaks' sake.
    #[arg(long, hide = true)]
    pub(crate) no_banner: bool,
    /// gitleaks' levels: accepted, all that matters is always said.
    #[arg(short, long, hide = true, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// List the rules in force.
    List {
        /// The configuration: cofferdam.toml or a gitleaks file.
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check rules: that they compile, and that their examples are found and counter-examples not.
    Check {
        /// A rule file; none: the rules in force.
        file: Option<PathBuf>,
    },
    /// Say for each rule why text was or was not flagged. Reads standard input without TEXT.
    Explain {
        /// The configuration: cofferdam.toml or a gitleaks file.
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Only this rule.
        #[arg(long, value_name = "ID")]
        rule: Option<String>,
        /// The path that path expressions see.
        #[arg(long, value_name = "PATH", default_value = "")]
        path: String,
        /// What to explain.
        text: Option<String>,
    },
}
