//! GitLab: predefined variables. A merge request's pipeline runs on its own last commit or, for merged
//! results and merge trains, on a trial merge, and only then has the variables for the two sides of it.

use super::{Extent, PullRequest, Push, Variables, remote, trunk, unless_zeros};

pub(super) fn extent(job: &Variables<'_>) -> anyhow::Result<(String, Extent)> {
    let source = job.required("CI_PIPELINE_SOURCE")?;
    // A child pipeline has another source, and the variables of its parent.
    let extent = if source == "merge_request_event" || job.get("CI_MERGE_REQUEST_IID").is_some() {
        merge_request(job)?
    } else if source == "external_pull_request_event" {
        Extent::PullRequest(PullRequest {
            heads: vec![job.required_commit("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA")?],
            bases: vec![job.required_commit("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA")?],
            target: job.get("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME").as_deref().map(remote),
            ..PullRequest::default()
        })
    } else if source == "push" {
        let pushed = job.get("CI_COMMIT_BRANCH");
        Extent::Push(Push {
            after: job.required_commit("CI_COMMIT_SHA")?,
            before: unless_zeros(job.required_commit("CI_COMMIT_BEFORE_SHA")?),
            trunk: trunk(job.get("CI_DEFAULT_BRANCH").as_deref(), pushed.as_deref()),
        })
    } else {
        Extent::Whole
    };
    Ok((source, extent))
}

fn merge_request(job: &Variables<'_>) -> anyhow::Result<Extent> {
    let sha = job.required_commit("CI_COMMIT_SHA")?;
    let head = job.commit("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")?;
    let mut bases: Vec<String> = job.commit("CI_MERGE_REQUEST_TARGET_BRANCH_SHA")?.into_iter().collect();
    bases.push(job.required_commit("CI_MERGE_REQUEST_DIFF_BASE_SHA")?);
    Ok(Extent::PullRequest(PullRequest {
        merge: head.is_some().then(|| sha.clone()),
        heads: head.into_iter().chain([sha]).collect(),
        bases,
        target: Some(remote(&job.required("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")?)),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::job;
    use super::*;

    #[test]
    fn merge_requests_pushes_and_the_rest() {
        let [sha, base, head, tip] = ["a", "b", "c", "d"].map(|letter| letter.repeat(40));
        let extent = |more: &str| {
            job(&format!("GITLAB_CI=true\nCI_COMMIT_SHA={sha}\nCI_DEFAULT_BRANCH=main\n{more}"), "")
                .map(|job| job.extent)
        };
        let request = format!(
            "CI_PIPELINE_SOURCE=merge_request_event\nCI_MERGE_REQUEST_DIFF_BASE_SHA={base}\n\
             CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main"
        );
        let detached = PullRequest {
            heads: vec![sha.clone()],
            merge: None,
            bases: vec![base.clone()],
            target: Some("refs/remotes/origin/main".into()),
        };
        assert_eq!(extent(&request).unwrap(), Extent::PullRequest(detached));
        let sides = format!(
            "{request}\nCI_MERGE_REQUEST_SOURCE_BRANCH_SHA={head}\nCI_MERGE_REQUEST_TARGET_BRANCH_SHA={tip}"
        );
        let merged = PullRequest {
            heads: vec![head, sha.clone()],
            merge: Some(sha.clone()),
            bases: vec![tip, base.clone()],
            target: Some("refs/remotes/origin/main".into()),
        };
        assert_eq!(extent(&sides).unwrap(), Extent::PullRequest(merged));
        let push = |branch: &str, before: &str| {
            extent(&format!(
                "CI_PIPELINE_SOURCE=push\nCI_COMMIT_BRANCH={branch}\nCI_COMMIT_BEFORE_SHA={before}"
            ))
            .unwrap()
        };
        let trunk = Some("refs/remotes/origin/main".to_owned());
        let first = Push { after: sha.clone(), before: None, trunk };
        assert_eq!(push("topic", &"0".repeat(40)), Extent::Push(first));
        let main = Push { after: sha.clone(), before: Some(base.clone()), trunk: None };
        assert_eq!(push("main", &base), Extent::Push(main));
        for source in ["schedule", "web", "api", "trigger", "pipeline"] {
            assert_eq!(extent(&format!("CI_PIPELINE_SOURCE={source}")).unwrap(), Extent::Whole);
        }
        let error = extent("CI_PIPELINE_SOURCE=merge_request_event").unwrap_err().to_string();
        assert!(error.contains("CI_MERGE_REQUEST_DIFF_BASE_SHA is not set"), "{error}");
        assert!(extent("").is_err());
    }
}
