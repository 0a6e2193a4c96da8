//! A finding, for the unit tests of baselines.

use crate::scan::finding::{Finding, Origin};
use crate::scan::location::Location;
use crate::scan::rule::{Confidence, Rule};
use crate::secret::Secret;
use std::sync::Arc;

pub(super) fn finding(rule: &str, path: &str, secret: &str) -> Finding {
    let secret = || Secret::new(secret.to_owned());
    Finding {
        rule: Arc::new(Rule { id: rule.to_owned(), ..Rule::default() }),
        tags: Vec::new(),
        location: Location { start_line: 1, ..Location::default() },
        matched: secret(),
        secret: secret(),
        line: secret(),
        entropy: 0.0,
        path: path.to_owned(),
        symlink: None,
        link: None,
        line_cut: 0,
        confidence: Confidence::High,
        at_head: None,
        origin: Origin::Tree,
        required: Vec::new(),
    }
}
