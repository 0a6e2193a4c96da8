//! A made-up secret that the rules in force find: without one, a hook that refuses nothing could not be
//! told from one whose configuration finds nothing.

use crate::cli::scan::Setup;
use anyhow::bail;
use cofferdam::scan::builtin;
use cofferdam::scan::example::expand;
use cofferdam::scan::rule::Rule;
use std::hash::{BuildHasher, RandomState};
use std::io::Cursor;
use std::sync::Arc;

/// A made-up secret, and the rule that finds it.
pub(super) struct Canary {
    pub(super) line: String,
    pub(super) rule: String,
}

impl Canary {
    /// A canary that a scan finds in the file `path`: an example of one of its own rules, the gravest
    /// first.
    pub(super) fn hatch(setup: &Setup, path: &'static str) -> anyhow::Result<Self> {
        let builtin = builtin::ruleset_with_examples().rules;
        let mut rules: Vec<&Arc<Rule>> = setup.scanner.rules().filter(|rule| rule.regex.is_some()).collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.severity));
        // Never twice the same, so that no allowlist or baseline can know it.
        let seed = RandomState::new().hash_one(std::process::id());
        for rule in rules {
            // The built-in rules are read without their examples.
            let own = builtin.iter().find(|one| rule.examples.is_empty() && one.id == rule.id);
            for example in &own.unwrap_or(rule).examples {
                let line = expand(example, seed);
                // In a message a comment would go away.
                if line.starts_with('#') || line.contains('\n') {
                    continue;
                }
                let text = Cursor::new(line.clone());
                let looked = setup.look(true, |session| Ok(session.stream(text, path)?))?;
                if looked.findings.iter().any(|finding| finding.rule.id == rule.id) {
                    return Ok(Self { line, rule: rule.id.clone() });
                }
            }
        }
        bail!(
            "the rules in force find no example of their own, so nothing can be proved: see `cofferdam rules check`"
        )
    }
}
