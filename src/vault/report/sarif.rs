//! Reports as SARIF 2.1.0: each problem on its line of the template.

use super::Report;
use crate::vault::problem::{Problem, Weight};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The reports as one SARIF run.
pub fn sarif(reports: &[Report]) -> String {
    let problems = || reports.iter().flat_map(|report| report.problems.iter().map(move |p| (report, p)));
    let causes: BTreeSet<_> = problems().map(|(_, problem)| problem.cause).collect();
    let rules: Vec<_> = causes
        .into_iter()
        .map(|cause| json!({ "id": cause, "shortDescription": { "text": format!("Secret: {}", cause.words()) } }))
        .collect();
    let results: Vec<_> = problems().map(|(report, problem)| result(&report.environment, problem)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "cofferdam env-check",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn result(environment: &str, problem: &Problem) -> Value {
    let text = format!("{} ({environment}): {}. Fix: {}", problem.key, problem.what, problem.fix);
    json!({
        "ruleId": problem.cause,
        "level": if problem.weight == Weight::Error { "error" } else { "warning" },
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": problem.place.file.replace('\\', "/") },
            "region": { "startLine": problem.place.line.max(1) },
        } }],
        "partialFingerprints": {
            "secret/v1": format!("{environment}:{}:{}", problem.key, problem.cause.words()),
        },
    })
}
