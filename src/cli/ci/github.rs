//! GitHub Actions: the event's name and payload say what is new. `workflow_call` has no event of its own:
//! a called workflow sees that of its caller.

use super::{Extent, PullRequest, Push, Variables, commit, remote, trunk, unless_zeros};
use anyhow::{Context, bail};
use serde_json::Value;

pub(super) fn extent(job: &Variables<'_>, payload: &Value) -> anyhow::Result<(String, Extent)> {
    let event = job.required("GITHUB_EVENT_NAME")?;
    let extent = match event.as_str() {
        "push" => push(job, payload)?,
        "merge_group" => Extent::PullRequest(PullRequest {
            heads: vec![id(payload, "/merge_group/head_sha")?],
            bases: vec![id(payload, "/merge_group/base_sha")?],
            ..PullRequest::default()
        }),
        name if name.starts_with("pull_request") => pull_request(job, &event, payload)?,
        _ => Extent::Whole,
    };
    Ok((event, extent))
}

fn pull_request(job: &Variables<'_>, event: &str, payload: &Value) -> anyhow::Result<Extent> {
    let sha = job.required_commit("GITHUB_SHA")?;
    let branch = text(payload, "/pull_request/base/ref")?;
    if let Some(other) = job.get("GITHUB_BASE_REF").filter(|other| other != branch) {
        bail!("--ci: GITHUB_BASE_REF is {other:?}, but the event says {branch:?}");
    }
    let mut heads = vec![id(payload, "/pull_request/head/sha")?];
    // There GITHUB_SHA is of the base branch, and holds nothing of the pull request.
    if event != "pull_request_target" {
        heads.push(sha.clone());
    }
    Ok(Extent::PullRequest(PullRequest {
        heads,
        merge: Some(sha),
        bases: vec![id(payload, "/pull_request/base/sha")?],
        target: Some(remote(branch)),
    }))
}

fn push(job: &Variables<'_>, payload: &Value) -> anyhow::Result<Extent> {
    let Some(after) = unless_zeros(id(payload, "/after")?) else { return Ok(Extent::Nothing) };
    let pushed = text(payload, "/ref")?.strip_prefix("refs/heads/");
    // What is pushed as an annotated tag is the tag; GITHUB_SHA is its commit.
    let sha = job.required_commit("GITHUB_SHA")?;
    if pushed.is_some() && sha != after {
        bail!("--ci: GITHUB_SHA is {sha}, but the event says that {after} was pushed");
    }
    let default = payload.pointer("/repository/default_branch").and_then(Value::as_str);
    Ok(Extent::Push(Push {
        after,
        before: unless_zeros(id(payload, "/before")?),
        trunk: trunk(default, pushed),
    }))
}

fn text<'p>(payload: &'p Value, pointer: &str) -> anyhow::Result<&'p str> {
    let missing = || format!("--ci: the event has no `{}`", pointer[1..].replace('/', "."));
    payload.pointer(pointer).and_then(Value::as_str).with_context(missing)
}

fn id(payload: &Value, pointer: &str) -> anyhow::Result<String> {
    commit(&format!("`{}` of the event", pointer[1..].replace('/', ".")), text(payload, pointer)?)
}

#[cfg(test)]
mod tests {
    use super::super::tests::job;
    use super::*;

    fn extent(event: &str, more: &str, payload: &Value) -> anyhow::Result<Extent> {
        let variables =
            format!("GITHUB_ACTIONS=true\nGITHUB_EVENT_PATH=e\nGITHUB_EVENT_NAME={event}\n{more}");
        job(&variables, &payload.to_string()).map(|job| job.extent)
    }

    fn ids(letters: &str) -> Vec<String> {
        letters.chars().map(|letter| letter.to_string().repeat(40)).collect()
    }

    #[test]
    fn what_contradicts_itself_is_an_error() {
        let [before, after, other] = ["a", "b", "c"].map(|letter| letter.repeat(40));
        let payload = serde_json::json!({ "ref": "refs/heads/x", "before": before, "after": after,
            "repository": { "default_branch": "main" } });
        let push = Push { after, before: Some(before), trunk: Some("refs/remotes/origin/main".into()) };
        let sha = |sha: &str| format!("GITHUB_SHA={sha}");
        assert_eq!(extent("push", &sha(&push.after), &payload).unwrap(), Extent::Push(push));
        let error = extent("push", &sha(&other), &payload).unwrap_err().to_string();
        assert!(error.contains("but the event says that bbbb"), "{error}");
        let payload = serde_json::json!({ "ref": "refs/heads/x", "after": "HEAD", "before": other });
        let error = extent("push", &sha(&other), &payload).unwrap_err().to_string();
        assert_eq!(error, "--ci: `after` of the event is no commit's id: \"HEAD\"");
    }

    #[test]
    fn a_pull_request_names_its_base() {
        let [base, head, merge] = ["a", "b", "c"].map(|letter| letter.repeat(40));
        let payload = serde_json::json!({ "pull_request": {
            "base": { "ref": "main", "sha": base }, "head": { "ref": "x", "sha": head } } });
        let found = |event: &str, branch: &str| {
            extent(event, &format!("GITHUB_SHA={merge}\nGITHUB_BASE_REF={branch}"), &payload)
        };
        let expected = |heads: &str| {
            Extent::PullRequest(PullRequest {
                heads: ids(heads),
                merge: Some(merge.clone()),
                bases: ids("a"),
                target: Some("refs/remotes/origin/main".into()),
            })
        };
        assert_eq!(found("pull_request", "main").unwrap(), expected("bc"));
        assert_eq!(found("pull_request_review", "main").unwrap(), expected("bc"));
        assert_eq!(found("pull_request_target", "main").unwrap(), expected("b"));
        let error = found("pull_request", "dev").unwrap_err().to_string();
        assert!(error.contains("GITHUB_BASE_REF is \"dev\", but the event says \"main\""), "{error}");
        let error = extent("merge_group", "", &payload).unwrap_err().to_string();
        assert_eq!(error, "--ci: the event has no `merge_group.head_sha`");
        assert_eq!(extent("schedule", "", &payload).unwrap(), Extent::Whole);
    }
}
