//! `rules list`, `rules check`, `rules explain`.

use super::args::Rules;
use super::exit::Exit;
use cofferdam::config::{Config, Flavour};
use cofferdam::files::Disk;
use cofferdam::scan::builtin;
use cofferdam::scan::check::check;
use cofferdam::scan::finding::Origin;
use cofferdam::scan::rule::Severity;
use cofferdam::scan::scanner::{Options, Place, Scanner};
use cofferdam::terminal::escape;
use std::io::{self, Read, Write};
use std::path::Path;

pub(crate) fn run(command: Rules) -> anyhow::Result<Exit> {
    match command {
        Rules::List { config, json } => list(&in_force(config.as_deref())?, json),
        Rules::Check { file } => check_file(file.as_deref()),
        Rules::Explain { config, rule, path, text } => {
            explain(in_force(config.as_deref())?, rule.as_deref(), &path, text)
        }
    }
}

fn in_force(config: Option<&Path>) -> anyhow::Result<Config> {
    let config = Config::find(
        config,
        Path::new("."),
        &Disk,
        &|name| std::env::var_os(name),
        &builtin::ruleset_with_examples,
    )?;
    for warning in &config.warnings {
        eprintln!("warning: {warning}");
    }
    Ok(config)
}

fn list(config: &Config, json: bool) -> anyhow::Result<Exit> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let rules = &config.ruleset.rules;
    if json {
        serde_json::to_writer_pretty(&mut out, rules)?;
        writeln!(out)?;
    } else {
        let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
        for rule in rules {
            let (id, severity, description) =
                (escape(&rule.id), severity(rule.severity), escape(&rule.description));
            writeln!(out, "{id:width$}  {severity:8}  {description}")?;
        }
    }
    out.flush()?;
    Ok(Exit::Clean)
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

fn check_file(file: Option<&Path>) -> anyhow::Result<Exit> {
    let config = in_force(file)?;
    let problems = check(&config.ruleset);
    let mut out = io::BufWriter::new(io::stdout().lock());
    for problem in &problems {
        writeln!(out, "{}", escape(&problem.to_string()))?;
    }
    let wrong = problems.iter().filter(|problem| !problem.is_advice).count();
    let advice = problems.len() - wrong;
    let rules = config.ruleset.rules.len();
    writeln!(out, "{rules} rules checked, {wrong} problems, {advice} pieces of advice")?;
    out.flush()?;
    Ok(if wrong > 0 { Exit::Found(1) } else { Exit::Clean })
}

fn explain(config: Config, rule: Option<&str>, path: &str, text: Option<String>) -> anyhow::Result<Exit> {
    let content = match text {
        Some(text) => text.into_bytes(),
        None => {
            let mut content = Vec::new();
            io::stdin().lock().read_to_end(&mut content)?;
            content
        }
    };
    if let Some(id) = rule.filter(|id| config.ruleset.rules.iter().all(|rule| rule.id != *id)) {
        anyhow::bail!("there is no rule {id}; `cofferdam rules list` names them");
    }
    let ours = config.flavour == Flavour::Cofferdam;
    let options = Options { one_rule_per_secret: ours, checksums: ours, ..Options::default() };
    let scanner = Scanner::new(config.ruleset, &[], options);
    let place =
        Place { path, spellings: &[path], symlink: None, link: None, origin: &Origin::Stdin, at_head: None };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut matched = false;
    for verdict in scanner.explain(&content, &place)? {
        if rule.is_some_and(|id| verdict.rule.id != id) {
            continue;
        }
        matched = true;
        let at = verdict.location;
        let why = match verdict.drop {
            None => "a finding".to_owned(),
            Some(drop) => format!("no finding: {}", drop.words()),
        };
        let (line, column, id) = (at.start_line, at.start_column, escape(&verdict.rule.id));
        writeln!(out, "{line}:{column}: {id} (entropy {:.2}): {why}", verdict.entropy)?;
    }
    if !matched {
        let which = rule.map_or("no rule".to_owned(), |id| format!("the rule {}", escape(id)));
        let not = if rule.is_some() { " does not match" } else { " matches" };
        writeln!(out, "{which}{not}")?;
    }
    out.flush()?;
    Ok(Exit::Clean)
}
