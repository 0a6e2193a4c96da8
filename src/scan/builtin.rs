//! The built-in rules: written in `rules/*.toml`, analysed and packed by the build script.

use super::analysis::Anchor;
use super::rule::{Allowlist, Rule, Ruleset};
use rustc_hash::FxHashMap;
use serde::de::DeserializeOwned;

static RULES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.postcard"));
static ANCHORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/anchors.postcard"));
static EXAMPLES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/examples.postcard"));

fn unpack<T: DeserializeOwned>(packed: &[u8]) -> T {
    postcard::from_bytes(packed).expect("the build script wrote it from the same types")
}

/// The built-in rules, sorted by id, without their examples: a scan needs none.
pub fn ruleset() -> Ruleset {
    let (rules, allowlists): (Vec<Rule>, Vec<Allowlist>) = unpack(RULES);
    Ruleset { rules, allowlists }
}

/// The built-in rules with their examples.
pub fn ruleset_with_examples() -> Ruleset {
    let mut ruleset = ruleset();
    let examples: Vec<(Vec<String>, Vec<String>)> = unpack(EXAMPLES);
    for (rule, (examples, negative_examples)) in ruleset.rules.iter_mut().zip(examples) {
        (rule.examples, rule.negative_examples) = (examples, negative_examples);
    }
    ruleset
}

/// By expression: what the build script found out about those of the built-in rules.
pub(crate) fn anchors_by_expression() -> FxHashMap<String, Option<Vec<Anchor>>> {
    let expressions = ruleset().rules.into_iter().map(|rule| rule.regex);
    expressions.zip(anchors()).filter_map(|(expression, anchors)| Some((expression?, anchors))).collect()
}

/// What the build script found out about each of the built-in rules' expressions.
pub(crate) fn anchors() -> Vec<Option<Vec<Anchor>>> {
    unpack(ANCHORS)
}
