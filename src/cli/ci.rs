//! What a CI job should scan, told from its variables and its event. Plain data in and out: nothing is read
//! here but what the caller hands in, and no name is looked up in a repository (`range` does that).
//!
//! What is missing or contradicts itself is an error, never a guess: a scan of the wrong thing passes.

mod azure;
mod bitbucket;
mod github;
mod gitlab;
pub(crate) mod range;

use anyhow::{Context, bail};
use serde_json::Value;

/// Whose job it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Github,
    Gitlab,
    Azure,
    Bitbucket,
}

impl Service {
    /// Each, with the variable that its jobs have.
    const MARKS: [(Self, &'static str); 4] = [
        (Self::Github, "GITHUB_ACTIONS"),
        (Self::Gitlab, "GITLAB_CI"),
        (Self::Azure, "TF_BUILD"),
        (Self::Bitbucket, "BITBUCKET_BUILD_NUMBER"),
    ];

    fn of(job: &Variables<'_>) -> anyhow::Result<Self> {
        let here: Vec<_> = Self::MARKS.into_iter().filter(|(_, mark)| job.get(mark).is_some()).collect();
        match here.as_slice() {
            [(service, _)] => Ok(*service),
            [] => bail!(
                "--ci: this is no job of GitHub Actions, GitLab, Azure Pipelines or Bitbucket ({} are not set); \
                 elsewhere say what to scan: cofferdam git --range BASE..HEAD, with --policy-from BASE",
                Self::MARKS.map(|(_, mark)| mark).join(", ")
            ),
            several => bail!(
                "--ci: {} are set, which contradict each other; unset all but one",
                several.iter().map(|(_, mark)| *mark).collect::<Vec<_>>().join(" and ")
            ),
        }
    }

    /// The format that its log understands.
    pub(crate) fn format(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Azure => "azure",
            Self::Gitlab | Self::Bitbucket => "text",
        }
    }

    /// How to get a clone with the whole history.
    pub(crate) fn whole_clone(self) -> &'static str {
        match self {
            Self::Github => "give actions/checkout `fetch-depth: 0`",
            Self::Gitlab => "set the variable `GIT_DEPTH: 0`",
            Self::Azure => "give the step `checkout: self` a `fetchDepth: 0`",
            Self::Bitbucket => "set `clone: depth: full`",
        }
    }
}

/// A job, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) service: Service,
    /// What set it off, in the service's own words.
    pub(crate) event: String,
    pub(crate) extent: Extent,
}

/// What a job should scan. Names are commit ids, or references as the service's clone has them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Nothing says what is new.
    Whole,
    /// A branch or tag went away.
    Nothing,
    PullRequest(PullRequest),
    Push(Push),
}

/// What a pull request brings in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PullRequest {
    /// Its own last commit; then what may stand in for it where the clone lacks that.
    pub(crate) heads: Vec<String>,
    /// A trial merge of it: where its second parent is the head, the first is the base as it is now.
    pub(crate) merge: Option<String>,
    /// Commits of the target branch, the best first.
    pub(crate) bases: Vec<String>,
    /// The target branch, as a clone has it.
    pub(crate) target: Option<String>,
}

/// What a push brings in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Push {
    pub(crate) after: String,
    /// None: the branch or tag is new.
    pub(crate) before: Option<String>,
    /// The default branch, as a clone has it; none: it is what was pushed. Other branches do not count as
    /// known: two that are pushed at once would each leave the other's commits to it.
    pub(crate) trunk: Option<String>,
}

impl Job {
    /// The job that the variables describe; `payload` is the content of the file that `GITHUB_EVENT_PATH`
    /// names.
    pub(crate) fn of(
        variable: &dyn Fn(&str) -> Option<String>,
        payload: &dyn Fn(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<Self> {
        let variables = Variables(variable);
        let service = Service::of(&variables)?;
        let (event, extent) = match service {
            Service::Github => {
                let path = variables.required("GITHUB_EVENT_PATH")?;
                let payload = payload(&path)?;
                // The parser's words are left out: they quote the event.
                let payload: Value = serde_json::from_str(&payload)
                    .map_err(|error| anyhow::anyhow!("{path}:{}: the event is no JSON", error.line()))?;
                github::extent(&variables, &payload)?
            }
            Service::Gitlab => gitlab::extent(&variables)?,
            Service::Azure => azure::extent(&variables)?,
            Service::Bitbucket => bitbucket::extent(&variables)?,
        };
        Ok(Self { service, event, extent })
    }
}

/// The job's environment.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    /// Its value, where it has one.
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str) -> anyhow::Result<String> {
        self.get(name)
            .with_context(|| format!("--ci: the variable {name} is not set; this job should have it"))
    }

    /// A commit's id; none where the variable has no value.
    fn commit(&self, name: &str) -> anyhow::Result<Option<String>> {
        self.get(name).map(|value| commit(name, &value)).transpose()
    }

    fn required_commit(&self, name: &str) -> anyhow::Result<String> {
        commit(name, &self.required(name)?)
    }
}

/// `value` if it can be a commit's id; `name` says where it stands.
fn commit(name: &str, value: &str) -> anyhow::Result<String> {
    if value.len() < 7 || value.len() > 64 || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("--ci: {name} is no commit's id: {value:?}");
    }
    Ok(value.to_owned())
}

/// None for the id of zeros, with which services say that there was or is nothing.
fn unless_zeros(commit: String) -> Option<String> {
    Some(commit).filter(|id| id.bytes().any(|byte| byte != b'0'))
}

/// A branch as the clones of all four services have it.
fn remote(branch: &str) -> String {
    format!("refs/remotes/origin/{}", branch.strip_prefix("refs/heads/").unwrap_or(branch))
}

/// The default branch, unless it is what was pushed.
fn trunk(default: Option<&str>, pushed: Option<&str>) -> Option<String> {
    default.filter(|default| pushed != Some(*default)).map(remote)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The job of these variables, `NAME=value` in each line.
    pub(super) fn job(variables: &str, payload: &str) -> anyhow::Result<Job> {
        let variable = |name: &str| {
            let mut lines = variables.lines().filter_map(|line| line.trim().split_once('='));
            lines.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        Job::of(&variable, &|_| Ok(payload.to_owned()))
    }

    #[test]
    fn outside_of_ci_and_in_two_at_once_nothing_is_guessed() {
        let error = job("CI=true", "").unwrap_err().to_string();
        assert!(error.contains("no job of GitHub Actions") && error.contains("git --range"), "{error}");
        let error = job("GITHUB_ACTIONS=true\nGITLAB_CI=true", "").unwrap_err().to_string();
        assert!(error.contains("GITHUB_ACTIONS and GITLAB_CI are set"), "{error}");
        let error = job("GITHUB_ACTIONS=true", "").unwrap_err().to_string();
        assert!(error.contains("GITHUB_EVENT_PATH is not set"), "{error}");
        let error = job("GITHUB_ACTIONS=true\nGITHUB_EVENT_PATH=e.json", "{").unwrap_err().to_string();
        assert_eq!(error, "e.json:1: the event is no JSON");
    }

    #[test]
    fn only_ids_are_commits() {
        assert!(commit("X", "0123abc").is_ok());
        for wrong in ["", "main", "0123ab", "-0123abc", "0123abc^1", &"a".repeat(65)] {
            assert!(commit("X", wrong).is_err(), "{wrong}");
        }
    }
}
