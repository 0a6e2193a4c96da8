//! Reads `rules/*.toml`, analyses each expression, and writes all of it as one file that the program
//! embeds and reads in well under a millisecond. A rule file that cannot be used fails the build.

#[path = "src/scan/analysis.rs"]
#[allow(dead_code, missing_docs)]
mod analysis;
#[path = "src/scan/grams.rs"]
#[allow(dead_code)]
mod grams;
#[path = "src/scan/rule.rs"]
#[allow(dead_code, unreachable_pub)]
mod rule;

use rule::{Allowlist, Confidence, RegexTarget, Required, Rule, Severity};
use serde::Deserialize;
use std::path::Path;

/// A rule file, in gitleaks' keys and ours.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rules: Vec<FileRule>,
    #[serde(default)]
    allowlists: Vec<FileAllowlist>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileRule {
    id: String,
    description: String,
    regex: Option<String>,
    path: Option<String>,
    #[serde(default)]
    secret_group: usize,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    skip_report: bool,
    #[serde(default)]
    plausible: bool,
    #[serde(default)]
    allowlists: Vec<FileAllowlist>,
    #[serde(default)]
    required: Vec<FileRequired>,
    #[serde(default)]
    severity: Severity,
    confidence: Option<Confidence>,
    #[serde(default)]
    remediation: String,
    #[serde(default)]
    examples: Vec<String>,
    #[serde(default, rename = "negative_examples")]
    negative_examples: Vec<String>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileAllowlist {
    #[serde(default)]
    description: String,
    #[serde(default)]
    condition: String,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    regex_target: String,
    #[serde(default)]
    regexes: Vec<String>,
    #[serde(default)]
    stopwords: Vec<String>,
    /// At the top of a file: the rules of the file that it is for.
    #[serde(default)]
    target_rules: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileRequired {
    id: String,
    within_lines: Option<usize>,
    within_columns: Option<usize>,
}

fn main() {
    println!("cargo::rerun-if-changed=rules");
    println!("cargo::rerun-if-changed=src/scan/analysis.rs");
    println!("cargo::rerun-if-changed=src/scan/grams.rs");
    println!("cargo::rerun-if-changed=src/scan/grams.bin");
    println!("cargo::rerun-if-changed=src/scan/pairs.bin");
    println!("cargo::rerun-if-changed=src/scan/rule.rs");
    let mut files: Vec<_> = std::fs::read_dir("rules")
        .expect("the package has a folder rules")
        .map(|entry| entry.expect("rules can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let mut rules: Vec<(Rule, Option<Vec<analysis::Anchor>>)> = Vec::new();
    let mut allowlists: Vec<Allowlist> = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a rule file can be read");
        let mut file: File =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for list in std::mem::take(&mut file.allowlists) {
            let targets: Vec<&mut FileRule> =
                file.rules.iter_mut().filter(|rule| list.target_rules.contains(&rule.id)).collect();
            assert_eq!(
                targets.len(),
                list.target_rules.len(),
                "{}: a target is no rule of it",
                path.display()
            );
            match targets.is_empty() {
                true => allowlists.push(list.into()),
                false => targets.into_iter().for_each(|rule| rule.allowlists.push(list.clone())),
            }
        }
        rules.extend(file.rules.into_iter().map(|rule| analysed(&path, rule.into())));
    }
    rules.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
    for pair in rules.windows(2) {
        assert_ne!(pair[0].0.id, pair[1].0.id, "two built-in rules have the same id");
    }
    // Apart, so that a scan reads no examples, and rules that a file extends no anchors.
    type Examples = (Vec<String>, Vec<String>);
    let take = |rule: &mut Rule| -> Examples {
        (std::mem::take(&mut rule.examples), std::mem::take(&mut rule.negative_examples))
    };
    let examples: Vec<Examples> = rules.iter_mut().map(|(rule, _)| take(rule)).collect();
    let (rules, anchors): (Vec<Rule>, Vec<_>) = rules.into_iter().unzip();
    write("rules", &(rules, allowlists));
    write("anchors", &anchors);
    write("examples", &examples);
}

fn write(name: &str, data: &impl serde::Serialize) {
    let out = std::env::var_os("OUT_DIR").expect("cargo names the folder");
    let bytes = postcard::to_allocvec(data).expect("plain data can be written");
    std::fs::write(Path::new(&out).join(format!("{name}.postcard")), bytes)
        .expect("the folder can be written");
}

fn analysed(path: &Path, rule: Rule) -> (Rule, Option<Vec<analysis::Anchor>>) {
    let anchors = rule.regex.as_deref().and_then(|regex| {
        let hir = analysis::parse(regex)
            .unwrap_or_else(|error| panic!("{}: rule {}: {error}", path.display(), rule.id));
        analysis::anchors(&hir)
    });
    if rule.regex.is_some() && anchors.is_none() {
        println!("cargo::error={}: rule {}: no literal to look for", path.display(), rule.id);
    }
    (rule, anchors)
}

impl From<FileRule> for Rule {
    fn from(file: FileRule) -> Self {
        let derived = || Confidence::of(file.regex.as_deref(), file.secret_group);
        Self {
            confidence: file.confidence.unwrap_or_else(derived),
            id: file.id,
            description: file.description,
            regex: file.regex,
            path: file.path,
            secret_group: file.secret_group,
            entropy: file.entropy,
            keywords: file.keywords,
            tags: file.tags,
            skip_report: file.skip_report,
            plausible: file.plausible,
            allowlists: file.allowlists.into_iter().map(Allowlist::from).collect(),
            required: file
                .required
                .into_iter()
                .map(|required| Required {
                    id: required.id,
                    within_lines: required.within_lines,
                    within_columns: required.within_columns,
                })
                .collect(),
            severity: file.severity,
            remediation: file.remediation,
            examples: file.examples,
            negative_examples: file.negative_examples,
        }
    }
}

impl From<FileAllowlist> for Allowlist {
    fn from(file: FileAllowlist) -> Self {
        Self {
            description: file.description,
            all: match file.condition.to_ascii_uppercase().as_str() {
                "" | "OR" => false,
                "AND" => true,
                other => panic!("an allowlist's condition is {other:?}, not AND or OR"),
            },
            commits: Vec::new(),
            paths: file.paths,
            regex_target: match file.regex_target.as_str() {
                "" | "secret" => RegexTarget::Secret,
                "match" => RegexTarget::Match,
                "line" => RegexTarget::Line,
                other => panic!("an allowlist's regexTarget is {other:?}"),
            },
            regexes: file.regexes,
            stopwords: file.stopwords,
        }
    }
}
