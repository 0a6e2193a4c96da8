//! Where reports go, and as what: known before the scan, so that nothing fails after it. In a CI job the log
//! gets what the service understands, beside the report that was asked for; GitHub's job summary and outputs
//! are files that it names.

use super::args::ReportFlags;
use super::ci::Service;
use anyhow::{Context, bail};
use cofferdam::scan::coverage::{Coverage, SkipReason};
use cofferdam::scan::report::{Format, Report, Style, leaks_found};
use cofferdam::scan::stats::Stats;
use cofferdam::terminal;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One report.
pub(crate) struct Output {
    format: Format,
    /// None: standard output.
    path: Option<PathBuf>,
    /// Others write there too.
    append: bool,
    style: Style,
}

impl Output {
    /// All reports that are to be written.
    pub(crate) fn all(flags: &ReportFlags) -> anyhow::Result<Vec<Self>> {
        let asked = Self::asked(flags)?;
        let mut all = Vec::new();
        if let Some(service) = flags.ci {
            if asked.path.is_some() {
                let format = Format::named(service.format(), None)?;
                all.push(Self { format, path: None, append: false, style: asked.style });
            }
            if service == Service::Github
                && let Some(path) = named_file("GITHUB_STEP_SUMMARY")
            {
                let (format, path) = (Format::Markdown, Some(path));
                all.push(Self { format, path, append: true, style: asked.style });
            }
        }
        all.push(asked);
        Ok(all)
    }

    /// The report that the flags name.
    fn asked(flags: &ReportFlags) -> anyhow::Result<Self> {
        let path = flags.report_path.clone().filter(|path| path.as_os_str() != "-");
        let format = match &flags.report_format {
            Some(name) => Format::named(name, flags.report_template.clone())?,
            None if flags.report_template.is_some() => {
                Format::named("template", flags.report_template.clone())?
            }
            None => match (&path, flags.ci) {
                (Some(path), _) => Format::infer(path).with_context(|| {
                    format!(
                        "{}: no report format goes by this name; name one with --report-format",
                        path.display()
                    )
                })?,
                // gitleaks writes JSON to standard output when asked for a report there.
                (None, _) if flags.report_path.is_some() => Format::Json,
                (None, Some(service)) => Format::named(service.format(), None)?,
                (None, None) => Format::Text,
            },
        };
        if let Some(path) = &path {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if path.is_dir() || !folder.unwrap_or(Path::new(".")).is_dir() {
                bail!("cannot write {}: it is a directory, or lies in none", path.display());
            }
        }
        if let Format::Template(template) = &format
            && let Err(cause) = File::open(template)
        {
            bail!("cannot read the report template {}: {cause}", template.display());
        }
        let no_color = std::env::var_os("NO_COLOR");
        let term = std::env::var_os("TERM");
        let colour = !flags.no_color
            && path.is_none()
            && terminal::wants_colour(io::stdout().is_terminal(), no_color.as_deref(), term.as_deref());
        Ok(Self { format, path, append: false, style: Style { colour, verbose: flags.verbose } })
    }

    pub(crate) fn write(&self, report: &Report<'_>) -> anyhow::Result<()> {
        let result = match &self.path {
            None => report.write(&self.format, self.style, &mut BufWriter::new(io::stdout().lock())),
            Some(path) => {
                let mut options = File::options();
                let options =
                    if self.append { options.append(true) } else { options.truncate(true).write(true) };
                let file = options.create(true).open(path);
                let file = file.with_context(|| format!("cannot write {}", path.display()))?;
                report.write(&self.format, self.style, &mut BufWriter::new(file))
            }
        };
        match result {
            Err(error) if error.is_closed_pipe() => Ok(()),
            other => Ok(other?),
        }
    }
}

/// The file that a variable names.
fn named_file(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The step's output `findings`, for later steps of a GitHub job.
pub(crate) fn set_outputs(flags: &ReportFlags, findings: usize) -> anyhow::Result<()> {
    if flags.ci == Some(Service::Github)
        && let Some(path) = named_file("GITHUB_OUTPUT")
    {
        let file = File::options().append(true).create(true).open(&path);
        let written = file.and_then(|mut file| writeln!(file, "findings={findings}"));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// When the scan ran, for reports: the job's start where the service tells it, so that a report depends on
/// its job alone.
pub(crate) fn report_time() -> String {
    let started = std::env::var("CI_JOB_STARTED_AT").ok().and_then(|text| text.parse().ok());
    started.unwrap_or_else(jiff::Timestamp::now).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// One line on standard error, and what was not looked at.
pub(crate) fn summarise(flags: &ReportFlags, findings: usize, coverage: &Coverage, elapsed: Duration) {
    note(flags, &format!("{} in {elapsed:.2?}: {}", leaks_found(findings), coverage.summary()));
    say_skips(flags, coverage);
}

/// What the scan cost, if that was asked for.
pub(crate) fn say_stats(flags: &ReportFlags, stats: Option<&Stats>) {
    if let Some(stats) = stats {
        stats.to_string().lines().for_each(|line| note(flags, line));
    }
}

/// A line for each reason why something was not looked at, and one that sums up.
pub(crate) fn say_skips(flags: &ReportFlags, coverage: &Coverage) {
    say_reasons(flags, coverage);
    if !coverage.is_complete() {
        note(flags, "INCOMPLETE: not everything could be looked at");
        let lacks = [SkipReason::ShallowBoundary, SkipReason::MissingObject];
        if let Some(service) = flags.ci
            && lacks.iter().any(|reason| coverage.skipped.contains_key(reason))
        {
            note(flags, &format!("the clone lacks a part of the history: {}", service.whole_clone()));
        }
    }
}

/// A line for each reason why something was not looked at.
pub(crate) fn say_reasons(flags: &ReportFlags, coverage: &Coverage) {
    for (reason, skips) in &coverage.skipped {
        let shown = if reason.is_gap() || flags.verbose { 5 } else { 0 };
        if shown > 0 {
            note(flags, &format!("  {}: {}", reason.words(), skips.count));
            for place in skips.places.iter().take(shown) {
                note(flags, &format!("    {}", terminal::escape(place)));
            }
        }
    }
}

/// A line on standard error. Nobody may be reading: that is no fault.
pub(crate) fn note(flags: &ReportFlags, line: &str) {
    if !flags.quiet {
        let line = if flags.ci.is_some() { inert(line) } else { Cow::Borrowed(line) };
        let _ = writeln!(io::stderr(), "{line}");
    }
}

/// A line in which no service finds a command (`::error::`, `##vso[…]`), whatever a path in it says.
fn inert(line: &str) -> Cow<'_, str> {
    let starts = line.trim_start().starts_with("::");
    if !starts && !line.contains("##") {
        return Cow::Borrowed(line);
    }
    let line = line.replace("##", "# #");
    Cow::Owned(if starts { format!("- {}", line.trim_start()) } else { line })
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn no_path_is_a_command() {
        assert_eq!(inert("    a b: #1"), "    a b: #1");
        assert_eq!(inert("    ::stop-commands::x"), "- ::stop-commands::x");
        assert_eq!(
            inert("  x ###vso[task.complete result=Succeeded]"),
            "  x # ##vso[task.complete result=Succeeded]"
        );
    }
}
