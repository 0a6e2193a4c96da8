//! From a file as written to the rules in force: what it extends comes first, its own rules add to
//! that or change it, and names that it uses must exist. Mended here beside gitleaks: a child may reset
//! `entropy`, `skipReport` and `required`, may require a base rule, and a base's `targetRules` hold.

use super::draft::{Draft, RuleDraft};
use super::error::{ConfigError, Place, Warning};
use super::suggest;
use super::tree::Placed;
use crate::scan::rule::{Confidence, Rule, Ruleset};
use crate::scan::{go_regex, synonym};

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
        checks.push(put(&mut ruleset.rules, rule, warnings)?);
    }
    if extended {
        ruleset.rules.sort_by(|one, other| one.id.cmp(&other.id));
    }
    for required in checks.iter().flatten() {
        known(&ruleset, required, warnings)?;
    }
    for list in draft.allowlists {
        if list.targets.is_empty() {
            ruleset.allowlists.push(list.allowlist);
            continue;
        }
        let mut targets = Vec::new();
        for target in &list.targets {
            targets.extend(known(&ruleset, target, warnings)?);
        }
        for rule in ruleset.rules.iter_mut().filter(|rule| targets.contains(&rule.id)) {
            rule.allowlists.push(list.allowlist.clone());
        }
    }
    Ok(ruleset)
}

/// Leaves out the rules of the base that the file does not want.
fn disable(ruleset: &mut Ruleset, draft: &Draft, warnings: &mut Vec<Warning>) {
    let mut gone = Vec::new();
    for disabled in &draft.extend.disabled {
        let meant = synonym::meant(&disabled.value, |name| is_there(&ruleset.rules, name));
        if !meant.is_empty() {
            ruleset.rules.retain(|rule| !meant.contains(&rule.id.as_str()));
            gone.push(disabled);
            continue;
        }
        if synonym::ours(&disabled.value).is_some() {
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
fn put(
    rules: &mut Vec<Rule>,
    draft: RuleDraft,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Placed<String>>, ConfigError> {
    let place = draft.place.clone();
    if draft.regex.is_none() && !is_there(rules, &draft.id) {
        let meant = synonym::meant(&draft.id, |name| is_there(rules, name));
        if !meant.is_empty() {
            for rule in rules.iter_mut().filter(|rule| meant.contains(&rule.id.as_str())) {
                adapt(rule, &draft);
            }
            return Ok(Vec::new());
        }
        if draft.path.is_none() && synonym::ours(&draft.id).is_some() {
            warnings.push(no_counterpart(&draft.id, place));
            return Ok(Vec::new());
        }
    }
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

/// Changes a rule of ours as its user changed gitleaks' for the same: all but what belongs to the
/// expression of that.
fn adapt(rule: &mut Rule, draft: &RuleDraft) {
    set(&mut rule.description, draft.description.clone());
    set(&mut rule.entropy, draft.entropy);
    set(&mut rule.skip_report, draft.skip_report);
    set(&mut rule.severity, draft.severity);
    set(&mut rule.remediation, draft.remediation.clone());
    rule.tags.extend(draft.tags.iter().cloned());
    rule.allowlists.extend(draft.allowlists.iter().cloned());
}

fn no_counterpart(id: &str, place: Place) -> Warning {
    let message = format!("gitleaks' rule `{id}` has no counterpart here: what is said of it has no effect");
    Warning { place, message }
}

fn is_there(rules: &[Rule], name: &str) -> bool {
    rules.iter().any(|rule| rule.id == name)
}

fn change(rule: &mut Rule, draft: RuleDraft) {
    let matches_anew = draft.regex.is_some() || draft.secret_group.is_some();
    // A rule without keywords runs everywhere. Some that were added to those of gitleaks' would narrow it.
    let narrows = draft.regex.is_none() && rule.regex.is_some() && rule.keywords.is_empty();
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
    if !narrows {
        rule.keywords.extend(draft.keywords);
    }
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

/// The rules that a name means. One of gitleaks' that has no counterpart is worth a word; any other
/// that is not there is an error.
fn known(
    ruleset: &Ruleset,
    name: &Placed<String>,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<String>, ConfigError> {
    let meant = synonym::meant(&name.value, |name| is_there(&ruleset.rules, name));
    if !meant.is_empty() {
        return Ok(meant.into_iter().map(str::to_owned).collect());
    }
    if synonym::ours(&name.value).is_some() {
        warnings.push(no_counterpart(&name.value, name.place.clone()));
        return Ok(Vec::new());
    }
    let suggestion = suggest(&name.value, ruleset.rules.iter().map(|rule| rule.id.as_str()));
    Err(ConfigError::NoSuchRule { place: name.place.clone(), id: name.value.clone(), suggestion })
}
