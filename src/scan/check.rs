//! Checks rules: that each compiles within bounds, is anchored at a literal, finds its examples and
//! keeps silent on its counter-examples. For the built-in rules and for a user's own file.

use super::analysis;
use super::example::expand;
use super::finding::Origin;
use super::rule::{Rule, Ruleset};
use super::scanner::{Options, Place, Scanner};
use std::collections::BTreeSet;
use std::fmt;

/// Each example is expanded with so many seeds.
const SEEDS: u64 = 3;

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The rule.
    pub rule: String,
    /// What is wrong; it quotes an example as written, with its generators.
    pub what: String,
    /// It works, but could be better.
    pub is_advice: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_advice { "advice" } else { "problem" };
        write!(out, "{}: {kind}: {}", self.rule, self.what)
    }
}

/// Checks every rule.
pub fn check(ruleset: &Ruleset) -> Vec<Problem> {
    let options = Options { one_rule_per_secret: false, ..Options::default() };
    let scanner = Scanner::new(ruleset.clone(), &[], options);
    let mut problems = Vec::new();
    for rule in &ruleset.rules {
        let mut say = |what: String, is_advice| {
            problems.push(Problem { rule: rule.id.clone(), what, is_advice });
        };
        check_expression(rule, &mut say);
        for example in &rule.examples {
            for seed in 0..SEEDS {
                match found(&scanner, rule, &expand(example, seed)) {
                    Err(error) => say(error, false),
                    Ok(ids) if !ids.contains(&rule.id) => {
                        say(format!("does not find its example {example:?} (seed {seed})"), false);
                        break;
                    }
                    Ok(ids) => {
                        let others: Vec<&String> = ids.iter().filter(|id| claims(id, rule)).collect();
                        if seed == 0 && !others.is_empty() {
                            say(format!("its example {example:?} is also found by {others:?}"), true);
                        }
                    }
                }
            }
        }
        for example in &rule.negative_examples {
            for seed in 0..SEEDS {
                match found(&scanner, rule, &expand(example, seed)) {
                    Err(error) => say(error, false),
                    Ok(ids) if ids.contains(&rule.id) => {
                        say(format!("finds its counter-example {example:?} (seed {seed})"), false);
                        break;
                    }
                    Ok(_) => {}
                }
            }
        }
    }
    for (number, rule) in ruleset.rules.iter().enumerate() {
        if let Err(error) = scanner.compile_rule(number) {
            problems.push(Problem { rule: rule.id.clone(), what: error.to_string(), is_advice: false });
        }
    }
    problems.sort_by(|a, b| (&a.rule, a.is_advice).cmp(&(&b.rule, b.is_advice)));
    problems
}

/// Generic rules may claim anything: they yield.
fn claims(id: &str, rule: &Rule) -> bool {
    id != rule.id && !id.contains("generic") && !rule.id.contains("generic")
}

fn check_expression(rule: &Rule, say: &mut impl FnMut(String, bool)) {
    let parsed = rule.regex.as_deref().and_then(|regex| analysis::parse(regex).ok());
    if let Some(hir) = parsed {
        if analysis::anchors(&hir).is_none() {
            let keyworded = if rule.keywords.is_empty() { "every text" } else { "every text with a keyword" };
            say(format!("no literal must stand in every match, so it runs over {keyworded}: slow"), true);
        }
        if hir.properties().minimum_len() == Some(0) {
            say("its expression matches the empty text".to_owned(), false);
        }
        if hir.properties().maximum_len().is_none() {
            say("its longest match has no bound: `{20,200}` says more than `+` or `{20,}`".to_owned(), true);
        }
        if !rule.keywords.is_empty() && !implies_keyword(&hir, &rule.keywords) {
            say(
                "its expression can match where none of its keywords stands: that is not found".to_owned(),
                true,
            );
        }
    }
    if rule.regex.is_some() && rule.examples.is_empty() {
        say("has no examples".to_owned(), true);
    }
    for list in &rule.allowlists {
        for regex in list.regexes.iter().chain(&list.paths) {
            let empty = analysis::parse(regex).is_ok_and(|hir| hir.properties().minimum_len() == Some(0));
            let anchored = regex.contains('^') && regex.contains('$');
            if empty && !anchored {
                say(format!("an allowlist's expression {regex:?} allows everything"), false);
            }
        }
    }
}

/// Whether every match surely contains a keyword.
fn implies_keyword(hir: &regex_syntax::hir::Hir, keywords: &[String]) -> bool {
    let holds = |literal: &analysis::Literal| {
        let text = literal.bytes.to_ascii_lowercase();
        keywords
            .iter()
            .map(|keyword| keyword.to_ascii_lowercase())
            .any(|keyword| text.windows(keyword.len().max(1)).any(|part| part == keyword.as_bytes()))
    };
    analysis::anchors(hir).is_some_and(|anchors| anchors.iter().flat_map(|one| &one.literals).all(holds))
}

/// Which rules find something in a text (at the path that the rule asks for, if it is plain).
fn found(scanner: &Scanner, rule: &Rule, text: &str) -> Result<BTreeSet<String>, String> {
    let path = if rule.regex.is_none() { text } else { "" };
    let place =
        Place { path, spellings: &[path], symlink: None, link: None, origin: &Origin::Stdin, at_head: None };
    let of = |findings: Vec<super::finding::Finding>| findings.into_iter().map(|one| one.rule.id.clone());
    if rule.regex.is_none() {
        return scanner.judge_path(&place).map(|all| of(all).collect()).map_err(|error| error.to_string());
    }
    let hits = scanner.scan(text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(scanner.rules_of(&hits).map(|rule| rule.id.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::builtin;

    #[test]
    fn the_built_in_rules_have_no_problems() {
        let ruleset = builtin::ruleset_with_examples();
        assert!(ruleset.rules.len() > 100);
        let problems: Vec<String> =
            check(&ruleset).into_iter().filter(|one| !one.is_advice).map(|one| one.to_string()).collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn says_what_is_wrong() {
        let rule = Rule {
            id: "mine".into(),
            regex: Some("mine_([0-9]{4})".into()),
            examples: vec!["mine_<digits:4>".into(), "yours_1234".into()],
            negative_examples: vec!["mine_12".into(), "mine_1234".into()],
            ..Rule::default()
        };
        let problems = check(&Ruleset { rules: vec![rule], allowlists: Vec::new() });
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "mine: problem: does not find its example \"yours_1234\" (seed 0)",
                "mine: problem: finds its counter-example \"mine_1234\" (seed 0)"
            ]
        );
    }
}
