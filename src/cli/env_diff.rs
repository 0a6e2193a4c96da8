//! `cofferdam env-diff`: what one environment has and another lacks. It compares declarations and,
//! unless offline, what the sources hold; of values it says at most that two are the same.

use super::exit::Exit;
use super::vault_options::{VaultOptions, declared_wrong, judge};
use clap::Args;
use cofferdam::vault::check::{Judged, Strictness, compare};
use cofferdam::vault::problem::Cause;
use cofferdam::vault::report::{Line, Report};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::Write as _;

/// Compare what two environments need and have
///
/// Exit codes: 0 they agree, 1 they differ, 2 the declarations are wrong, 3 a source could not be asked.
#[derive(Args, Clone, Debug)]
pub(crate) struct EnvDiff {
    /// One environment
    left: String,
    /// The other
    right: String,
    /// Ask no vault: compare declarations and local sources only
    #[arg(long)]
    offline: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    vault: VaultOptions,
}

/// One difference.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Difference {
    key: String,
    what: &'static str,
    left: String,
    right: String,
    /// Whether it only informs.
    #[serde(skip)]
    harmless: bool,
}

impl EnvDiff {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let prepared = self.vault.settings().and_then(|settings| Ok((settings, self.vault.project()?)));
        let (settings, project) = match prepared {
            Ok(prepared) => prepared,
            Err(faults) => return Ok(declared_wrong(&faults)),
        };
        let names = [self.left.clone(), self.right.clone()];
        let mut judged = match judge(&project, &names, &settings, Strictness::now(), self.offline)? {
            Ok(judged) => judged,
            Err(faults) => return Ok(declared_wrong(&faults)),
        };
        compare(&mut judged);
        let [left, right] = judged.as_slice() else { return Ok(Exit::Unusable) };
        let differences = differences(left, right);
        self.write(&differences)?;
        let undecided = [left, right].iter().any(|judged| has_undecided(&judged.report));
        Ok(match differences.iter().any(|difference| !difference.harmless) {
            true => Exit::Found(1),
            false if undecided => Exit::Incomplete,
            false => Exit::Clean,
        })
    }

    fn write(&self, differences: &[Difference]) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(differences)?)?;
            return Ok(());
        }
        let widest = differences.iter().map(|difference| difference.key.len()).max().unwrap_or(0);
        for Difference { key, what, left, right, .. } in differences {
            writeln!(out, "{key:<widest$}  {what}: {} {left}, {} {right}", self.left, self.right)?;
        }
        if differences.is_empty() {
            eprintln!("{} and {} agree", self.left, self.right);
        }
        Ok(())
    }
}

fn has_undecided(report: &Report) -> bool {
    report.problems.iter().any(|problem| !problem.cause.is_certain())
}

fn differences(left: &Judged, right: &Judged) -> Vec<Difference> {
    let find =
        |judged: &Judged, key: &str| judged.report.secrets.iter().find(|line| line.key == key).cloned();
    let lines = || left.report.secrets.iter().chain(&right.report.secrets);
    let keys: BTreeSet<_> = lines().map(|line| line.key.as_str()).collect();
    let mut all = Vec::new();
    for key in keys {
        let mut add = |what, left: String, right: String, harmless| {
            all.push(Difference { key: key.to_owned(), what, left, right, harmless });
        };
        match (find(left, key), find(right, key)) {
            (Some(_), None) => add("declared", "yes".into(), "no".into(), false),
            (None, Some(_)) => add("declared", "no".into(), "yes".into(), false),
            (Some(one), Some(other)) => {
                for (what, get, harmless) in ASPECTS {
                    let (one, other) = (get(&one), get(&other));
                    if one != other {
                        add(what, one, other, *harmless);
                    }
                }
                let same = |judged: &Judged| {
                    judged.report.problems.iter().any(|p| p.key == key && p.cause == Cause::SameElsewhere)
                };
                if same(left) || same(right) {
                    add("value", "not unique".into(), "not unique".into(), false);
                }
            }
            (None, None) => {}
        }
    }
    all
}

type Aspect = (&'static str, fn(&Line) -> String, bool);

const ASPECTS: &[Aspect] = &[
    ("type", |line| line.kind.name().to_owned(), false),
    ("optional", |line| if line.optional { "yes" } else { "no" }.to_owned(), false),
    ("state", |line| line.state.to_owned(), false),
    ("source", |line| line.source.clone().unwrap_or_else(|| "none".to_owned()), true),
    (
        "last changed",
        |line| line.updated.map_or("unknown".to_owned(), |time| time.strftime("%Y-%m-%d").to_string()),
        true,
    ),
];
