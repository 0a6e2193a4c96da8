//! One file as written: which keys it sets, and where. What it extends, and what it leaves out, is
//! not decided here: that needs the other files.

use super::Flavour;
use super::error::{ConfigError, Place};
use super::tree::{Document, Placed, Table};
use crate::scan::go_regex;
use crate::scan::rule::{Allowlist, Confidence, RegexTarget, Required, Severity};

/// The last two belong to the vault half, and stand in cofferdam.toml only.
const TOP: [&str; 9] = [
    "title",
    "description",
    "minVersion",
    "extend",
    "rules",
    "allowlist",
    "allowlists",
    "environments",
    "secrets",
];
const EXTEND: [&str; 4] = ["useDefault", "path", "url", "disabledRules"];
const RULE: [&str; 17] = [
    "id",
    "description",
    "regex",
    "path",
    "secretGroup",
    "entropy",
    "keywords",
    "tags",
    "skipReport",
    "allowlist",
    "allowlists",
    "required",
    "severity",
    "confidence",
    "remediation",
    "examples",
    "negative_examples",
];
const REQUIRED: [&str; 3] = ["id", "withinLines", "withinColumns"];
const ALLOWLIST: [&str; 8] =
    ["description", "condition", "commits", "paths", "regexTarget", "regexes", "stopwords", "targetRules"];

/// A file as written.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) min_version: Option<Placed<String>>,
    pub(super) extend: Extend,
    pub(super) rules: Vec<RuleDraft>,
    pub(super) allowlists: Vec<GlobalAllowlist>,
}

/// What the file builds on.
#[derive(Default)]
pub(super) struct Extend {
    pub(super) place: Place,
    pub(super) use_default: Option<bool>,
    pub(super) path: Option<Placed<String>>,
    pub(super) disabled: Vec<Placed<String>>,
}

/// An allowlist of the file, for all rules or for some.
pub(super) struct GlobalAllowlist {
    pub(super) allowlist: Allowlist,
    pub(super) targets: Vec<Placed<String>>,
}

/// A rule, or what it changes in a rule of the extended file.
#[derive(Default)]
pub(super) struct RuleDraft {
    pub(super) place: Place,
    pub(super) id: String,
    pub(super) description: Option<String>,
    pub(super) regex: Option<String>,
    pub(super) path: Option<String>,
    pub(super) secret_group: Option<Placed<usize>>,
    pub(super) entropy: Option<f64>,
    pub(super) keywords: Vec<String>,
    pub(super) tags: Vec<String>,
    pub(super) skip_report: Option<bool>,
    pub(super) allowlists: Vec<Allowlist>,
    pub(super) required: Option<Vec<Placed<Required>>>,
    pub(super) severity: Option<Severity>,
    pub(super) confidence: Option<Confidence>,
    pub(super) remediation: Option<String>,
    pub(super) examples: Vec<String>,
    pub(super) negative_examples: Vec<String>,
}

/// Reads a file's text.
pub(super) fn read(document: &mut Document<'_>) -> Result<Draft, ConfigError> {
    let mut root = document.root()?;
    for key in ["title", "description"] {
        root.string(document, key)?;
    }
    let mut draft = Draft { min_version: root.string(document, "minVersion")?, ..Draft::default() };
    if document.flavour == Flavour::Cofferdam {
        for key in ["environments", "secrets"] {
            root.ignore(document, key);
        }
    }
    if let Some(extend) = root.table(document, "extend")? {
        draft.extend = read_extend(document, extend)?;
    }
    for table in root.tables(document, "rules")? {
        let rule = read_rule(document, table)?;
        if let Some(first) = draft.rules.iter().find(|first| first.id == rule.id) {
            let first = first.place.line;
            return Err(ConfigError::DuplicateRule { place: rule.place, id: rule.id, first });
        }
        draft.rules.push(rule);
    }
    for table in allowlist_tables(document, &mut root)? {
        draft.allowlists.push(read_allowlist(document, table, "allowlist", true)?);
    }
    let known = if document.flavour == Flavour::Cofferdam { &TOP[..] } else { &TOP[..7] };
    root.finish(document, known)?;
    Ok(draft)
}

fn read_extend(document: &mut Document<'_>, mut table: Table<'_>) -> Result<Extend, ConfigError> {
    let extend = Extend {
        place: table.place(document),
        use_default: table.boolean(document, "useDefault")?,
        path: table.string(document, "path")?.filter(|path| !path.value.is_empty()),
        disabled: table.strings(document, "disabledRules")?.unwrap_or_default(),
    };
    if let Some(url) = table.string(document, "url")? {
        document.warn(url.place, "`extend.url` is ignored; use `path`".to_owned());
    }
    table.finish(document, &EXTEND)?;
    if extend.use_default == Some(true) && extend.path.is_some() {
        return Err(ConfigError::ExtendTwice { place: extend.place });
    }
    Ok(extend)
}

fn read_rule(document: &mut Document<'_>, mut table: Table<'_>) -> Result<RuleDraft, ConfigError> {
    let place = table.place(document);
    let id = match table.string(document, "id")? {
        Some(id) if !id.value.trim().is_empty() => id.value,
        _ => return Err(ConfigError::NoId { place }),
    };
    let of = format!("rule `{id}`");
    let values = |list: Option<Vec<Placed<String>>>| -> Vec<String> {
        list.unwrap_or_default().into_iter().map(|item| item.value).collect()
    };
    let mut rule = RuleDraft {
        description: table.string(document, "description")?.map(|text| text.value),
        regex: read_regex(table.string(document, "regex")?, &of)?,
        path: read_regex(table.string(document, "path")?, &of)?,
        secret_group: table.count(document, "secretGroup")?,
        entropy: table.number(document, "entropy")?,
        keywords: values(table.strings(document, "keywords")?),
        tags: values(table.strings(document, "tags")?),
        skip_report: table.boolean(document, "skipReport")?,
        severity: read_severity(table.string(document, "severity")?)?,
        confidence: read_confidence(table.string(document, "confidence")?)?,
        remediation: table.string(document, "remediation")?.map(|text| text.value),
        examples: values(table.strings(document, "examples")?),
        negative_examples: values(table.strings(document, "negative_examples")?),
        place,
        id,
        ..RuleDraft::default()
    };
    for list in allowlist_tables(document, &mut table)? {
        rule.allowlists.push(read_allowlist(document, list, &of, false)?.allowlist);
    }
    rule.required = read_required(document, &mut table)?;
    table.finish(document, &RULE)?;
    Ok(rule)
}

fn read_severity(text: Option<Placed<String>>) -> Result<Option<Severity>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    match text.value.to_ascii_lowercase().as_str() {
        "low" => Ok(Some(Severity::Low)),
        "medium" => Ok(Some(Severity::Medium)),
        "high" => Ok(Some(Severity::High)),
        "critical" => Ok(Some(Severity::Critical)),
        _ => Err(one_of(text, "severity", "low, medium, high or critical")),
    }
}

fn read_confidence(text: Option<Placed<String>>) -> Result<Option<Confidence>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    let all = [Confidence::Low, Confidence::Medium, Confidence::High];
    match all.into_iter().find(|one| text.value.eq_ignore_ascii_case(one.as_str())) {
        Some(confidence) => Ok(Some(confidence)),
        None => Err(one_of(text, "confidence", "low, medium or high")),
    }
}

fn read_required(
    document: &mut Document<'_>,
    table: &mut Table<'_>,
) -> Result<Option<Vec<Placed<Required>>>, ConfigError> {
    let tables = table.tables(document, "required")?;
    let mut required = Vec::new();
    for mut table in tables {
        let place = table.place(document);
        let Some(id) = table.string(document, "id")? else { return Err(ConfigError::NoId { place }) };
        let value = Required {
            id: id.value,
            within_lines: table.count(document, "withinLines")?.map(|count| count.value),
            within_columns: table.count(document, "withinColumns")?.map(|count| count.value),
        };
        table.finish(document, &REQUIRED)?;
        required.push(Placed { value, place: id.place });
    }
    Ok((!required.is_empty()).then_some(required))
}

/// `[allowlist]`, the old form, or `[[allowlists]]`: never both.
fn allowlist_tables<'t>(
    document: &Document<'_>,
    table: &mut Table<'t>,
) -> Result<Vec<Table<'t>>, ConfigError> {
    let old = table.table(document, "allowlist")?;
    let mut all = table.tables(document, "allowlists")?;
    match old {
        Some(old) if !all.is_empty() => Err(ConfigError::BothAllowlists { place: old.place(document) }),
        Some(old) => Ok(vec![old]),
        None => Ok(std::mem::take(&mut all)),
    }
}

fn read_allowlist(
    document: &mut Document<'_>,
    mut table: Table<'_>,
    of: &str,
    global: bool,
) -> Result<GlobalAllowlist, ConfigError> {
    let place = table.place(document);
    let targets =
        if global { table.strings(document, "targetRules")?.unwrap_or_default() } else { Vec::new() };
    let values = |list: Option<Vec<Placed<String>>>| -> Vec<String> {
        list.unwrap_or_default().into_iter().map(|item| item.value).collect()
    };
    let allowlist = Allowlist {
        description: table.string(document, "description")?.map(|text| text.value).unwrap_or_default(),
        all: read_condition(table.string(document, "condition")?)?,
        commits: values(table.strings(document, "commits")?)
            .iter()
            .map(|commit| commit.trim().to_ascii_lowercase())
            .filter(|commit| !commit.is_empty())
            .collect(),
        paths: read_regexes(table.strings(document, "paths")?, of)?,
        regex_target: read_target(table.string(document, "regexTarget")?)?,
        regexes: read_regexes(table.strings(document, "regexes")?, of)?,
        stopwords: values(table.strings(document, "stopwords")?),
    };
    table.finish(document, if global { &ALLOWLIST } else { &ALLOWLIST[..7] })?;
    let Allowlist { commits, paths, regexes, stopwords, .. } = &allowlist;
    if commits.is_empty() && paths.is_empty() && regexes.is_empty() && stopwords.is_empty() {
        return Err(ConfigError::EmptyAllowlist { place });
    }
    Ok(GlobalAllowlist { allowlist, targets })
}

fn read_condition(text: Option<Placed<String>>) -> Result<bool, ConfigError> {
    let Some(text) = text else { return Ok(false) };
    match text.value.to_ascii_uppercase().as_str() {
        "" | "OR" | "||" => Ok(false),
        "AND" | "&&" => Ok(true),
        _ => Err(one_of(text, "condition", "OR or AND")),
    }
}

fn read_target(text: Option<Placed<String>>) -> Result<RegexTarget, ConfigError> {
    let Some(text) = text else { return Ok(RegexTarget::Secret) };
    match text.value.as_str() {
        "" | "secret" => Ok(RegexTarget::Secret),
        "match" => Ok(RegexTarget::Match),
        "line" => Ok(RegexTarget::Line),
        _ => Err(one_of(text, "regexTarget", "secret, match or line")),
    }
}

fn one_of(text: Placed<String>, key: &str, wanted: &str) -> ConfigError {
    let Placed { value, place } = text;
    ConfigError::Value { place, key: key.to_owned(), found: format!("`{value}`"), wanted: wanted.to_owned() }
}

fn read_regexes(texts: Option<Vec<Placed<String>>>, of: &str) -> Result<Vec<String>, ConfigError> {
    texts.unwrap_or_default().into_iter().filter_map(|text| read_regex(Some(text), of).transpose()).collect()
}

fn read_regex(text: Option<Placed<String>>, of: &str) -> Result<Option<String>, ConfigError> {
    let Some(Placed { value, place }) = text.filter(|text| !text.value.is_empty()) else { return Ok(None) };
    match go_regex::translate(&value) {
        Ok(translated) => Ok(Some(translated.regex)),
        Err(cause) => Err(ConfigError::Regex { place, of: of.to_owned(), cause }),
    }
}
