//! Judges what was resolved: every problem at once, each with its place and a fix, and either the
//! values or the report of why there are none.

use super::fault::Place;
use super::manifest::FILE;
use super::plan::{Plan, Requirement};
use super::problem::{Cause, Problem, Weight};
use super::report::{Line, Report, Status};
use super::resolve::State;
use super::shape::{Unusable, decode_base64, unusable};
use crate::secret::Secret;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// When it is, and how strict to be.
#[derive(Clone, Copy, Debug)]
pub struct Strictness {
    /// The time to compare with.
    pub now: Timestamp,
    /// What expires within this time is worth a word, beside what is declared.
    pub horizon: Option<Duration>,
    /// Whether to refuse it then.
    pub refuse_expiring: bool,
}

impl Strictness {
    /// For an application that starts: what works today works.
    pub fn now() -> Self {
        Self { now: Timestamp::now(), horizon: None, refuse_expiring: false }
    }
}

/// One value that passed.
#[derive(Clone, Debug)]
pub struct Value {
    /// The key that the application reads.
    pub key: String,
    /// Its name in Key Vault.
    pub name: String,
    /// The value.
    pub secret: Secret,
    /// Whether it is hidden in logs.
    pub sensitive: bool,
}

/// The values of an environment in which nothing required is missing or unusable.
#[derive(Clone, Debug)]
pub struct Checked {
    /// In the template's order.
    pub values: Vec<Value>,
    /// What is known of them.
    pub report: Report,
}

/// A report, and the values that passed, whether or not all did.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What is known of them.
    pub report: Report,
    values: Vec<Value>,
    unique: Vec<(String, Place)>,
}

impl Judged {
    /// The values, if nothing is wrong.
    ///
    /// # Errors
    /// The report that says what is.
    pub fn checked(self) -> Result<Checked, Box<Report>> {
        match self.report.status() {
            Status::Ready => Ok(Checked { values: self.values, report: self.report }),
            _ => Err(Box::new(self.report)),
        }
    }

    /// A hash of each value under a key that dies with this process: what tells equal values of
    /// environments without holding any.
    pub fn hashes<'a>(&'a self, key: &'a RandomState) -> impl Iterator<Item = (&'a str, u64)> + 'a {
        self.values.iter().map(|value| (value.key.as_str(), key.hash_one(value.secret.expose())))
    }
}

/// Judges the states of a plan's requirements.
pub fn check(plan: &Plan, states: Vec<State>, notes: Vec<String>, strictness: Strictness) -> Judged {
    let mut report = Report {
        environment: plan.environment.clone(),
        template: plan.template.as_ref().map(|path| path.display().to_string()),
        notes,
        ..Report::default()
    };
    let mut judge = Judge { strictness, problems: Vec::new() };
    let mut values = Vec::new();
    let mut failed = Vec::new();
    for (requirement, state) in plan.requirements.iter().zip(states) {
        let before = judge.problems.len();
        failed.push(matches!(state, State::Failed { .. }));
        let (line, secret) = judge.one(requirement, state);
        let refused = judge.problems[before..].iter().any(|problem| problem.weight == Weight::Error);
        if let Some(secret) = secret.filter(|_| !refused) {
            let (key, name) = (requirement.asked.key.clone(), requirement.asked.name.clone());
            values.push(Value { key, name, secret, sensitive: requirement.sensitive });
        }
        report.secrets.push(line);
    }
    judge.groups(plan, &values, &failed, &mut report);
    report.problems = judge.problems;
    let unique = plan.requirements.iter().filter(|requirement| requirement.unique);
    let unique =
        unique.map(|requirement| (requirement.asked.key.clone(), requirement.place.clone())).collect();
    Judged { report, values, unique }
}

/// Adds a problem to each environment that shares a value which must be unique.
pub fn compare(environments: &mut [Judged]) {
    let key = RandomState::new();
    let mut holders = BTreeMap::<(String, u64), Vec<usize>>::new();
    for (at, judged) in environments.iter().enumerate() {
        for (name, hash) in judged.hashes(&key) {
            holders.entry((name.to_owned(), hash)).or_default().push(at);
        }
    }
    for ((name, _), holders) in holders.into_iter().filter(|(_, holders)| holders.len() > 1) {
        for &at in &holders {
            let others = holders.iter().filter(|&&other| other != at);
            let others: Vec<_> =
                others.map(|&other| environments[other].report.environment.clone()).collect();
            let judged = &mut environments[at];
            let Some((_, place)) = judged.unique.iter().find(|(unique, _)| *unique == name) else { continue };
            judged.report.problems.push(Problem {
                key: name.clone(),
                cause: Cause::SameElsewhere,
                weight: Weight::Error,
                what: format!("its value is the same in {}", others.join(", ")),
                fix: "give each environment a value of its own".to_owned(),
                place: place.clone(),
                source: None,
            });
        }
    }
}

struct Judge {
    strictness: Strictness,
    problems: Vec<Problem>,
}

impl Judge {
    fn add(
        &mut self,
        requirement: &Requirement,
        cause: Cause,
        source: Option<&str>,
        what: String,
        fix: String,
    ) {
        self.weighed(requirement, (cause, Weight::Error), source, what, fix);
    }

    fn weighed(
        &mut self,
        requirement: &Requirement,
        (cause, weight): (Cause, Weight),
        source: Option<&str>,
        what: String,
        fix: String,
    ) {
        self.problems.push(Problem {
            key: requirement.asked.key.clone(),
            cause,
            weight,
            what,
            fix,
            place: requirement.place.clone(),
            source: source.map(str::to_owned),
        });
    }

    fn one(&mut self, requirement: &Requirement, state: State) -> (Line, Option<Secret>) {
        let mut line = Line::of(requirement);
        let secret = match state {
            State::NotAsked => {
                line.state = "not asked";
                return (line, None);
            }
            State::Absent { asked, empty, fix } => {
                let (optional, grouped) = (requirement.optional, requirement.one_of.is_some());
                line.state = if optional || grouped { "absent" } else { "missing" };
                if !optional && !grouped {
                    self.absent(requirement, &asked, &empty, fix);
                }
                return (line, None);
            }
            State::Failed { source, failure } => {
                line.state = failure.cause.words();
                self.add(requirement, failure.cause, Some(&source), failure.what, failure.fix);
                line.source = Some(source);
                return (line, None);
            }
            State::Literal => {
                line.source = Some("template".to_owned());
                let secret = requirement.literal.clone().unwrap_or_else(|| Secret::new(String::new()));
                self.value(requirement, "template", &secret, &mut line);
                secret
            }
            State::Found { found, source, remote } => {
                line.source = Some(source.clone());
                line.version.clone_from(&found.version);
                line.updated = found.updated;
                line.expires = found.expires;
                let secret = match self.decoded(requirement, &source, found.value, remote) {
                    Ok(secret) => secret,
                    Err(()) => {
                        line.state = Cause::WrongType.words();
                        return (line, None);
                    }
                };
                if let Some(from) = found.not_before.filter(|&from| from > self.strictness.now) {
                    let what = format!("it is not valid before {from}");
                    let fix = "wait, set an earlier start, or store a version that is valid now".to_owned();
                    self.add(requirement, Cause::NotYetValid, Some(&source), what, fix);
                }
                self.age(requirement, &source, found.updated);
                self.value(requirement, &source, &secret, &mut line);
                secret
            }
        };
        let key = &requirement.asked.key;
        let worst =
            self.problems.iter().filter(|problem| problem.key == *key).min_by_key(|problem| problem.weight);
        line.state = worst.map_or("ok", |problem| problem.cause.words());
        (line, Some(secret))
    }

    fn absent(&mut self, requirement: &Requirement, asked: &[String], empty: &[String], fix: String) {
        let (cause, what) = match (empty, requirement.placeholder) {
            ([], true) => (
                Cause::Placeholder,
                "its template has only a placeholder, and no source has a value".to_owned(),
            ),
            ([], false) => (Cause::Missing, format!("none of its sources has it ({})", asked.join(", "))),
            (empty, _) => (Cause::Empty, format!("it is empty in {}", empty.join(" and "))),
        };
        let fix = match fix.as_str() {
            "" => "give this environment a source in cofferdam.toml".to_owned(),
            _ => format!("{fix} (or mark it `# optional`)"),
        };
        self.add(requirement, cause, None, what, fix);
    }

    /// The value as the application reads it, from what a vault holds.
    fn decoded(
        &mut self,
        requirement: &Requirement,
        source: &str,
        value: Secret,
        remote: bool,
    ) -> Result<Secret, ()> {
        let mut value = value;
        if let Some(field) = requirement.field.as_ref().filter(|_| remote) {
            let json: serde_json::Value = serde_json::from_str(value.expose()).unwrap_or_default();
            let path = format!("/{}", field.trim_start_matches('/'));
            let text = match json.pointer(&path) {
                Some(serde_json::Value::String(text)) => Some(text.clone()),
                Some(serde_json::Value::Null) | None => None,
                Some(other) => Some(other.to_string()),
            };
            let Some(text) = text else {
                let what = if json.is_null() {
                    "what is stored is not JSON".to_owned()
                } else {
                    format!("the JSON object that is stored has no field `{field}`")
                };
                let fix = format!("store a JSON object with `{field}`, or correct `field`");
                self.add(requirement, Cause::WrongType, Some(source), what, fix);
                return Err(());
            };
            value = Secret::new(text);
        }
        if requirement.decode_base64 && remote {
            let text = decode_base64(value.expose()).and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(text) = text else {
                let what = "what is stored is not a text in base64".to_owned();
                let fix = "store it in base64, or drop `base64 = true`".to_owned();
                self.add(requirement, Cause::WrongType, Some(source), what, fix);
                return Err(());
            };
            value = Secret::new(text);
        }
        Ok(value)
    }

    fn age(&mut self, requirement: &Requirement, source: &str, updated: Option<Timestamp>) {
        let Some((most, updated)) = requirement.max_age.zip(updated) else { return };
        let age = self.strictness.now.duration_since(updated);
        if age > SignedDuration::try_from(most).unwrap_or(SignedDuration::MAX) {
            let days = most.as_secs() / 86_400;
            let what =
                format!("it was last changed on {}, more than {days} days ago", updated.strftime("%Y-%m-%d"));
            self.add(requirement, Cause::TooOld, Some(source), what, "rotate it".to_owned());
        }
    }

    /// What the value itself says.
    fn value(&mut self, requirement: &Requirement, source: &str, secret: &Secret, line: &mut Line) {
        let text = secret.expose();
        let again = || format!("set it again in {source}");
        match unusable(text).filter(|_| requirement.shape.values.iter().all(|value| value != text)) {
            None => {}
            Some(Unusable::Empty) => {
                return self.add(
                    requirement,
                    Cause::Empty,
                    Some(source),
                    format!("it is empty in {source}"),
                    again(),
                );
            }
            Some(Unusable::Placeholder) => {
                let what = format!("{source} has a placeholder for it");
                return self.add(requirement, Cause::Placeholder, Some(source), what, again());
            }
            Some(Unusable::Nothing) => {
                let what = format!("{source} has what a program writes that had no value (null, undefined)");
                return self.add(requirement, Cause::Placeholder, Some(source), what, again());
            }
            Some(Unusable::Unresolved(scheme)) => {
                let what = format!("{source} has a reference ({scheme}…) that nobody resolved");
                let fix =
                    "resolve it where it is set; in the template, keyvault://VAULT/NAME is resolved here";
                return self.add(requirement, Cause::Unresolved, Some(source), what, fix.to_owned());
            }
        }
        match requirement.shape.check(secret) {
            Ok(content) => {
                line.expires = match (line.expires, content.expires) {
                    (Some(first), Some(second)) => Some(first.min(second)),
                    (first, second) => first.or(second),
                };
            }
            Err(wrong) => {
                let what = format!("its value {}", wrong.join("; "));
                let fix = match text.trim() == text {
                    true => format!("correct it in {source}"),
                    false => format!("set it again in {source}, without the spaces or line break around it"),
                };
                self.add(requirement, Cause::WrongType, Some(source), what, fix);
                return self.expiry(requirement, source, line.expires);
            }
        }
        let whole =
            matches!(requirement.shape.kind, Some(super::shape::Kind::Pem | super::shape::Kind::Json));
        if text.trim() != text && !whole {
            let what = "its value has spaces or a line break around it".to_owned();
            let fix = format!("set it again in {source} without them (printf %s, not echo)");
            self.weighed(requirement, (Cause::StrayWhitespace, Weight::Warning), Some(source), what, fix);
        }
        self.expiry(requirement, source, line.expires);
    }

    fn expiry(&mut self, requirement: &Requirement, source: &str, expires: Option<Timestamp>) {
        let Some(expires) = expires else { return };
        let left = self.strictness.now.duration_until(expires);
        if left <= SignedDuration::ZERO {
            let what = format!("it expired on {expires}");
            let fix = "store a new one with a later expiry".to_owned();
            return self.add(requirement, Cause::Expired, Some(source), what, fix);
        }
        let horizon = requirement.expires_within.max(self.strictness.horizon);
        let Some(horizon) = horizon.and_then(|horizon| SignedDuration::try_from(horizon).ok()) else {
            return;
        };
        if left <= horizon {
            let weight = if self.strictness.refuse_expiring { Weight::Error } else { Weight::Warning };
            let what = format!("it expires on {expires}, in {} days", left.as_hours() / 24);
            let fix = "rotate it before then".to_owned();
            self.weighed(requirement, (Cause::ExpiresSoon, weight), Some(source), what, fix);
        }
    }

    /// One of each group must be there.
    fn groups(&mut self, plan: &Plan, values: &[Value], failed: &[bool], report: &mut Report) {
        let mut groups = BTreeMap::<&str, Vec<usize>>::new();
        for (at, requirement) in plan.requirements.iter().enumerate() {
            if let Some(group) = &requirement.one_of {
                groups.entry(group).or_default().push(at);
            }
        }
        for (group, members) in groups {
            let requirements = members.iter().map(|&at| &plan.requirements[at]);
            let there = |requirement: &Requirement| values.iter().any(|v| v.key == requirement.asked.key);
            // What failed, or was not asked, has its own word already.
            let told = members.iter().any(|&at| failed[at] || report.secrets[at].state != "absent");
            let optional = requirements.clone().all(|requirement| requirement.optional);
            if optional || told || requirements.clone().any(there) {
                continue;
            }
            let names: Vec<_> =
                requirements.clone().map(|requirement| requirement.asked.key.as_str()).collect();
            let what = format!("none of the group `{group}` is there ({})", names.join(", "));
            let fix = format!("set one of them, or drop `one_of` in {FILE}");
            if let Some(first) = requirements.clone().next() {
                self.add(first, Cause::OneOf, None, what, fix);
                report.secrets[members[0]].state = Cause::OneOf.words();
            }
        }
    }
}
