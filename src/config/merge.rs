//! From a file as written to the rules in force: what it extends comes first, its own rules add to
//! that or change it, and names that it uses must exist. Mended here beside gitleaks: a child may reset
//! `entropy`, `skipReport` and `required`, may require a base rule, and a base's `targetRules` hold.

use super::draft::{Draft, RuleDraft};
use super::error::{ConfigError, Place, Warning};
use super::suggest;
use super::tree::Placed;
use crate::scan::go_regex;
use crate::scan::rule::{Confidence, Rule, Ruleset};

/// Puts `draft` on top of `base`.
pub(super) fn merge(
    draft: Draft,
    base: Option<Ruleset>,
    warnings: &mut Vec<Warning>,
) -> Result<Ruleset, ConfigError> {
    let extended = base.is_some();
    let mut ruleset = base.unwrap_or_default();
    disable(&mut ruleset, &draft, warnings);
    let mut checks = Vec::new();
    for rule in draft.rules {
        checks.push(put(&mut ruleset.rules, rule)?);
    }
    if extended {
        ruleset.rules.sort_by(|one, other| one.id.cmp(&other.id));
    }
    for required in checks.iter().flatten() {
        known(&ruleset, required)?;
    }
    for list in draft.allowlists {
        for target in &list.targets {
            known(&ruleset, target)?;
        }
        if list.targets.is_empty() {
            ruleset.allowlists.push(list.allowlist);
            continue;
        }
        for rule in &mut ruleset.rules {
            if list.targets.iter().any(|target| target.value == rule.id) {
                rule.allowlists.push(list.allowlist.clone());
            }
        }
    }
    Ok(ruleset)
}

/// Leaves out the rules of the base that the file does not want.
fn disable(ruleset: &mut Ruleset, draft: &Draft, warnings: &mut Vec<Warning>) {
    let mut gone = Vec::new();
    for disabled in &draft.extend.disabled {
        let before = ruleset.rules.len();
        ruleset.rules.retain(|rule| rule.id != disabled.value);
        if ruleset.rules.len() < before {
            gone.push(disabled);
            continue;
        }
        let known = suggest(&disabled.value, ruleset.rules.iter().map(|rule| rule.id.as_str()));
        let hint = known.map_or_else(String::new, |known| format!("; did you mean `{known}`?"));
        let message = format!("disabledRules: there is no rule `{}` to disable{hint}", disabled.value);
        warnings.push(Warning { place: disabled.place.clone(), message });
    }
    for disabled in gone {
        if draft.rules.iter().any(|rule| rule.id == disabled.value) {
            continue;
        }
        for rule in ruleset.rules.iter().filter(|rule| rule.required.iter().any(|r| r.id == disabled.value)) {
            let message =
                format!("rule `{}` needs `{}`, and finds nothing without it", rule.id, disabled.value);
            warnings.push(Warning { place: disabled.place.clone(), message });
        }
    }
}

/// Adds a rule or changes the one of the same name; gives the names that it requires.
fn put(rules: &mut Vec<Rule>, draft: RuleDraft) -> Result<Vec<Placed<String>>, ConfigError> {
    let place = draft.place.clone();
    let group_place = draft.secret_group.as_ref().map_or_else(|| place.clone(), |group| group.place.clone());
    let required = draft.required.iter().flatten();
    let required =
        required.map(|one| Placed { value: one.value.id.clone(), place: one.place.clone() }).collect();
    let at = rules.iter().position(|rule| rule.id == draft.id).unwrap_or_else(|| {
        rules.push(Rule { id: draft.id.clone(), ..Rule::default() });
        rules.len() - 1
    });
    let rule = &mut rules[at];
    change(rule, draft);
    check(rule, place, group_place)?;
    Ok(required)
}

fn change(rule: &mut Rule, draft: RuleDraft) {
    let matches_anew = draft.regex.is_some() || draft.secret_group.is_some();
    if draft.regex.is_some() {
        // They were written for the expression that is replaced.
        rule.examples.clear();
        rule.negative_examples.clear();
        rule.regex = draft.regex;
    }
    rule.path = draft.path.or(rule.path.take());
    set(&mut rule.description, draft.description);
    set(&mut rule.secret_group, draft.secret_group.map(|group| group.value));
    set(&mut rule.entropy, draft.entropy);
    set(&mut rule.skip_report, draft.skip_report);
    set(&mut rule.severity, draft.severity);
    set(&mut rule.remediation, draft.remediation);
    set(&mut rule.required, draft.required.map(|all| all.into_iter().map(|one| one.value).collect()));
    match draft.confidence {
        Some(confidence) => rule.confidence = confidence,
        None if matches_anew => rule.confidence = Confidence::of(rule.regex.as_deref(), rule.secret_group),
        None => {}
    }
    rule.keywords.extend(draft.keywords);
    rule.tags.extend(draft.tags);
    rule.allowlists.extend(draft.allowlists);
    rule.examples.extend(draft.examples);
    rule.negative_examples.extend(draft.negative_examples);
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn check(rule: &Rule, place: Place, group_place: Place) -> Result<(), ConfigError> {
    let Some(regex) = &rule.regex else {
        return match rule.path {
            Some(_) => Ok(()),
            None => Err(ConfigError::NothingToFind { place, id: rule.id.clone() }),
        };
    };
    if rule.secret_group == 0 {
        return Ok(());
    }
    let of = format!("rule `{}`", rule.id);
    let groups = go_regex::groups(regex).map_err(|cause| ConfigError::Regex { place, of, cause })?;
    if rule.secret_group > groups {
        let (id, group) = (rule.id.clone(), rule.secret_group);
        return Err(ConfigError::NoSuchGroup { place: group_place, id, group, groups });
    }
    Ok(())
}

fn known(ruleset: &Ruleset, name: &Placed<String>) -> Result<(), ConfigError> {
    if ruleset.rules.iter().any(|rule| rule.id == name.value) {
        return Ok(());
    }
    let suggestion = suggest(&name.value, ruleset.rules.iter().map(|rule| rule.id.as_str()));
    Err(ConfigError::NoSuchRule { place: name.place.clone(), id: name.value.clone(), suggestion })
}
