//! The baseline that a scan goes by: which file it is, and the words about what it did. Commands that
//! write one are `baseline`'s.

use super::args::{DECODE_DEPTH, ScanFlags};
use anyhow::Context;
use cofferdam::files::Files;
use cofferdam::scan::baseline::entry::Entry;
use cofferdam::scan::baseline::{Baseline, FILE_NAME};
use cofferdam::scan::finding::Finding;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// How many entries a scan names.
const NAMED: usize = 5;

/// How much a command looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// A part: what it does not find may well be there.
    Part,
    /// The tree, the index and all history.
    Whole,
}

/// A baseline and its file, if there is one.
#[derive(Default)]
pub(super) struct Known {
    path: Option<PathBuf>,
    baseline: Baseline,
}

impl Known {
    /// The file that the flags name; else that of the target, if it has one.
    pub(super) fn find(target: &Path, files: &dyn Files, flags: &ScanFlags) -> anyhow::Result<Self> {
        let path = match &flags.baseline_path {
            Some(path) => Some(path.clone()),
            None => Some(default_path(target)).filter(|path| !flags.no_baseline && files.has(path)),
        };
        let baseline =
            path.as_deref().map(|path| Baseline::load(files, path)).transpose()?.unwrap_or_default();
        Ok(Self { path, baseline })
    }

    /// The file, for those that are not scanned.
    pub(super) fn path(&self) -> &[PathBuf] {
        self.path.as_slice()
    }

    /// The findings that are news, and what there is to say about the others and the entries.
    pub(super) fn sift(
        &self,
        findings: Vec<Finding>,
        reach: Reach,
        flags: &ScanFlags,
        complete: bool,
    ) -> anyhow::Result<(Vec<Finding>, Vec<String>)> {
        let sifted = self.baseline.sift(findings, today())?;
        let Some(path) = &self.path else { return Ok((sifted.news, Vec::new())) };
        let path = path.display();
        let mut words = Vec::new();
        for entry in &sifted.expired {
            let advice = "remove the secret, or set a later day on its line";
            words.push(format!("{path}:{}: has expired: {}; {advice}", entry.line, describe(entry)));
        }
        let stale: Vec<&Entry> = sifted
            .stale
            .iter()
            .filter(|entry| reach == Reach::Whole && complete && covers(flags, entry))
            .collect();
        for entry in stale.iter().take(NAMED) {
            words.push(format!("{path}:{}: is stale, nothing matches it: {}", entry.line, describe(entry)));
        }
        let mut line = format!("baseline {path}: {} known", counted(sifted.known, "finding"));
        if !sifted.expired.is_empty() {
            line.push_str(&format!(", {} expired", counted(sifted.expired.len(), "entry")));
        }
        if !stale.is_empty() {
            let count = counted(stale.len(), "entry");
            line.push_str(&format!(", {count} stale (`cofferdam baseline prune` removes what is stale)"));
        }
        words.push(line);
        Ok((sifted.news, words.iter().map(|line| cofferdam::terminal::escape(line).into_owned()).collect()))
    }
}

/// Where the baseline of `target` lies when nobody names another; from the working directory, for words.
pub(super) fn default_path(target: &Path) -> PathBuf {
    let path = target.join(FILE_NAME);
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    path.strip_prefix(here).map(Path::to_owned).unwrap_or(path)
}

/// Whether a complete scan of everything with these flags would find what the entry accepts.
pub(super) fn covers(flags: &ScanFlags, entry: &Entry) -> bool {
    let rules = &flags.enable_rule;
    (rules.is_empty() || rules.contains(&entry.rule))
        && (flags.max_archive_depth > 0 || !entry.path.contains('!'))
        && flags.max_target_megabytes == 0
        && flags.max_decode_depth >= DECODE_DEPTH
}

/// An entry in words. It holds no secret, but it is the user's text: escape it for a terminal.
pub(super) fn describe(entry: &Entry) -> String {
    let mut words = format!("{} in {} ({}", entry.rule, entry.path, entry.note.reason);
    if let Some(owner) = &entry.note.owner {
        words.push_str(&format!("; owner {owner}"));
    }
    if let Some(day) = entry.note.expires {
        words.push_str(&format!("; expires {day}"));
    }
    words + ")"
}

/// `1 entry`, `2 entries`.
pub(super) fn counted(count: usize, one: &str) -> String {
    match (count, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        _ => format!("{count} {one}s"),
    }
}

/// The day on which entries expire: in UTC, so that it is the same everywhere.
pub(super) fn today() -> Date {
    Timestamp::now().to_zoned_datetime(TimeZone::UTC).date()
}

/// A day as the user writes it: `2027-01-31`, or an age such as `90d`, `12w`, `6mo`, `1y` from today.
pub(super) fn parse_expiry(text: &str) -> anyhow::Result<Date> {
    let text = text.trim();
    let day = match text.parse::<Date>() {
        Ok(day) => day,
        Err(_) => text
            .parse::<jiff::Span>()
            .and_then(|span| today().checked_add(span))
            .ok()
            .context("is neither a day such as 2027-01-31 nor a time such as 90d, 12w, 6mo or 1y")?,
    };
    anyhow::ensure!(day > today(), "{day} is over: an entry must expire later than today");
    Ok(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_day_or_a_time_from_today() {
        assert_eq!(parse_expiry("9999-01-31").unwrap(), Date::constant(9999, 1, 31));
        let quarter = parse_expiry("90d").unwrap();
        assert!(
            (today() + jiff::Span::new().days(89)..=today() + jiff::Span::new().days(90)).contains(&quarter)
        );
        for wrong in ["soon", "", "2020-01-01", "-3d", "0d", "2027-13-01", "99999999y"] {
            assert!(parse_expiry(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_in_words() {
        assert_eq!(counted(1, "entry"), "1 entry");
        assert_eq!(counted(0, "entry"), "0 entries");
        assert_eq!(counted(2, "finding"), "2 findings");
    }
}
