//! What an installed hook does when git runs it: the hooks before it, then a scan of what is about to
//! happen, then a word about each thing that is refused. Whatever goes wrong refuses, too.

use super::message::Cleanup;
use super::updates::{self, Update};
use super::{Kind, Run, chain, say};
use crate::cli::args::ReportFlags;
use crate::cli::exit::Exit;
use crate::cli::known::Reach;
use crate::cli::output::{report_time, say_reasons};
use crate::cli::scan::{self, Setup, variable};
use anyhow::{Context, bail};
use cofferdam::scan::coverage::{Coverage, SkipReason};
use cofferdam::scan::finding::Finding;
use cofferdam::scan::report::{Format, Redaction, Report, Style};
use cofferdam::scan::rule::Rule;
use cofferdam::scan::session::Session;
use cofferdam::scan::source::push::Known;
use cofferdam::scan::source::repository::Repository;
use cofferdam::terminal::{escape, wants_colour};
use std::io::{self, Cursor, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// A server must answer: so many seconds may a push be looked at, unless `--timeout` says otherwise.
const RECEIVE_SECONDS: u64 = 30;

/// What to do about a secret that is staged.
pub(super) const UNSTAGE: &str =
    "take it out of the file and `git add` that again, or `git restore --staged -- FILE`";

/// What to do about a secret in commits.
pub(super) const REWRITE: &str = "take it out of every commit that has it, then push again:
    the last commit:   edit the file, git commit --amend -a
    an earlier one:    git rebase -i COMMIT^, mark it `edit`, git commit --amend -a, git rebase --continue
    a tag:             git tag -d NAME, and make it anew";

impl Run {
    pub(super) fn run(mut self) -> anyhow::Result<Exit> {
        let input = match self.hook {
            Kind::PrePush | Kind::PreReceive => {
                let mut input = Vec::new();
                io::stdin().lock().read_to_end(&mut input).context("cannot read standard input")?;
                Some(input)
            }
            Kind::PreCommit | Kind::CommitMsg => None,
        };
        if let Some(failure) = chain::run(&self, input.as_deref())? {
            return Ok(failure);
        }
        if self.hook == Kind::PreReceive && self.scan.timeout == 0 {
            self.scan.timeout = RECEIVE_SECONDS;
        }
        let repository = Repository::of_hook(variable)?;
        let setup = Setup::new(repository.root(), &self.scan, &ReportFlags::default())?;
        let root = repository.root();
        match self.hook {
            Kind::PreCommit => {
                judge(&setup, root, "commit", UNSTAGE, |session| Ok(session.staged(&repository)?))
            }
            Kind::CommitMsg => self.message(&setup, root),
            Kind::PrePush => {
                let updates = updates::pushed(&input.unwrap_or_default())?;
                let remote = self.arguments.first().map(|name| name.to_string_lossy()).unwrap_or_default();
                let known = Known::of_remote(&repository, &remote)?;
                self.push(&setup, &repository, &updates, known)
            }
            Kind::PreReceive => {
                let updates = updates::received(&input.unwrap_or_default())?;
                let known = Known::references(&repository)?;
                self.push(&setup, &repository, &updates, known)
            }
        }
    }

    fn message(&self, setup: &Setup, root: &Path) -> anyhow::Result<Exit> {
        let [file] = self.arguments.as_slice() else { bail!("commit-msg: git names one file, the message") };
        let draft =
            std::fs::read(file).with_context(|| format!("cannot read {}", Path::new(file).display()))?;
        let message = Cleanup::find()?.apply(&draft);
        let work = |session: &Session<'_>| Ok(session.stream(Cursor::new(message), "commit-message")?);
        let file = escape(&file.to_string_lossy()).into_owned();
        judge(setup, root, "commit", &format!("git commit --edit --file={file}, without the secret"), work)
    }

    /// Judges each reference by itself: what one brings in clean is known to the next.
    fn push(
        &self,
        setup: &Setup,
        repository: &Repository,
        updates: &[Update],
        mut known: Known,
    ) -> anyhow::Result<Exit> {
        for update in updates {
            known.and(repository, &update.old)?;
        }
        let (mut verdicts, mut worst) = (Vec::new(), Exit::Clean);
        let mut speaks = self.hook == Kind::PreReceive;
        for update in updates {
            let name = escape(&update.reference).into_owned();
            if update.is_deletion() {
                verdicts.push(format!("  {name}: clean, a deletion brings nothing"));
                continue;
            }
            let work = |session: &Session<'_>| {
                Ok(session.push(repository, (&update.reference, &update.new), &known)?)
            };
            let looked = Looked::at(setup, repository.root(), work)?;
            let outcome = looked.outcome(self.accept_timeout);
            let verdict = match outcome {
                Outcome::Clean => {
                    known.and(repository, &update.new)?;
                    format!("clean, {}", looked.coverage.summary())
                }
                Outcome::Found => {
                    looked.show(setup)?;
                    format!("refused, {}", looked.count())
                }
                Outcome::Late => "ACCEPTED UNSEEN, time ran out and --accept-timeout is set".to_owned(),
                Outcome::Incomplete => format!("refused, {}", looked.coverage.gaps()),
            };
            verdicts.push(format!("  {name}: {verdict}"));
            speaks |= !matches!(outcome, Outcome::Clean);
            worst = match (looked.end(&outcome, "push"), worst) {
                (_, Exit::Found(code)) => Exit::Found(code),
                (Exit::Clean, worst) => worst,
                (worse, _) => worse,
            };
        }
        if speaks {
            say(&format!("cofferdam {}:", self.hook.name()));
            verdicts.iter().for_each(|verdict| say(verdict));
        }
        if let Exit::Found(_) = worst {
            say(&format!("  fix: {REWRITE}"));
        }
        Ok(worst)
    }
}

/// Scans with `work` what is about to happen; `fix` says what to do about a secret in it.
pub(super) fn judge(
    setup: &Setup,
    root: &Path,
    what: &str,
    fix: &str,
    work: impl FnOnce(&Session<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let looked = Looked::at(setup, root, work)?;
    let outcome = looked.outcome(false);
    if let Outcome::Found = outcome {
        looked.show(setup)?;
        say(&format!("{what} refused: {}", looked.count()));
        say(&format!("  fix: {fix}"));
    }
    Ok(looked.end(&outcome, what))
}

/// What one scan says.
enum Outcome {
    Clean,
    Found,
    Incomplete,
    /// Incomplete for want of time alone, and that is accepted.
    Late,
}

/// One scan that is over.
struct Looked<'a> {
    root: &'a Path,
    findings: Vec<Finding>,
    coverage: Coverage,
}

impl<'a> Looked<'a> {
    fn at(
        setup: &Setup,
        root: &'a Path,
        work: impl FnOnce(&Session<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let (scan::Looked { findings, coverage }, _) = setup.scan(Reach::Part, true, work)?;
        Ok(Self { root, findings, coverage })
    }

    fn outcome(&self, accept_timeout: bool) -> Outcome {
        let mut gaps = self.coverage.skipped.keys().filter(|reason| reason.is_gap());
        match (self.findings.is_empty(), self.coverage.is_complete()) {
            (false, _) => Outcome::Found,
            (true, true) => Outcome::Clean,
            _ if accept_timeout && gaps.all(|reason| *reason == SkipReason::Timeout) => Outcome::Late,
            _ => Outcome::Incomplete,
        }
    }

    fn count(&self) -> String {
        match self.findings.len() {
            1 => "1 secret".to_owned(),
            count => format!("{count} secrets"),
        }
    }

    /// The findings, redacted, on standard error like all that a hook says.
    fn show(&self, setup: &Setup) -> anyhow::Result<()> {
        let rules: Vec<Arc<Rule>> = setup.scanner.rules().cloned().collect();
        let report = Report {
            findings: &self.findings,
            rules: &rules,
            coverage: &self.coverage,
            complete: self.coverage.is_complete(),
            redaction: Redaction::Full,
            compat_columns: false,
            root: Some(self.root),
            time: &report_time(),
        };
        let no_color = std::env::var_os("NO_COLOR");
        let term = std::env::var_os("TERM");
        let colour = wants_colour(io::stderr().is_terminal(), no_color.as_deref(), term.as_deref());
        let mut text = Vec::new();
        report.write(&Format::Text, Style { colour, verbose: true }, &mut text)?;
        // Nobody may be reading: the commit is refused all the same.
        let _ = io::stderr().write_all(&text);
        Ok(())
    }

    /// The hook's exit code, with a word where something could not be looked at.
    fn end(&self, outcome: &Outcome, what: &str) -> Exit {
        match outcome {
            Outcome::Clean => Exit::Clean,
            Outcome::Found => Exit::Found(1),
            Outcome::Late => {
                say_reasons(&ReportFlags::default(), &self.coverage);
                Exit::Clean
            }
            Outcome::Incomplete => {
                say_reasons(&ReportFlags::default(), &self.coverage);
                say(&format!("{what} refused: not everything could be looked at"));
                Exit::Incomplete
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam::scan::coverage::Ledger;

    fn outcome(reasons: &[SkipReason], accept_timeout: bool) -> Outcome {
        let ledger = Ledger::default();
        reasons.iter().for_each(|reason| ledger.skip(*reason, "somewhere"));
        let looked = Looked { root: Path::new("."), findings: Vec::new(), coverage: ledger.coverage() };
        looked.outcome(accept_timeout)
    }

    #[test]
    fn only_want_of_time_can_be_accepted() {
        assert!(matches!(outcome(&[], false), Outcome::Clean));
        assert!(matches!(outcome(&[SkipReason::Submodule], false), Outcome::Clean));
        assert!(matches!(outcome(&[SkipReason::Timeout], false), Outcome::Incomplete));
        assert!(matches!(outcome(&[SkipReason::Timeout, SkipReason::Submodule], true), Outcome::Late));
        assert!(matches!(
            outcome(&[SkipReason::Timeout, SkipReason::MissingObject], true),
            Outcome::Incomplete
        ));
    }
}
