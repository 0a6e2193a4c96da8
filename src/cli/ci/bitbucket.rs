//! Bitbucket Pipelines: a pull request has variables for both sides. Of a push only its last commit is told,
//! so the whole history is scanned.

use super::{Extent, PullRequest, Variables, remote};

pub(super) fn extent(job: &Variables<'_>) -> anyhow::Result<(String, Extent)> {
    if job.get("BITBUCKET_PR_ID").is_none() {
        return Ok(("push or schedule".to_owned(), Extent::Whole));
    }
    let request = PullRequest {
        heads: vec![job.required_commit("BITBUCKET_COMMIT")?],
        merge: None,
        bases: job.commit("BITBUCKET_PR_DESTINATION_COMMIT")?.into_iter().collect(),
        target: Some(remote(&job.required("BITBUCKET_PR_DESTINATION_BRANCH")?)),
    };
    Ok(("pull request".to_owned(), Extent::PullRequest(request)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::job;
    use super::*;

    #[test]
    fn a_pull_request_has_two_sides_and_the_rest_is_everything() {
        let head = "a".repeat(40);
        let extent = |more: &str| {
            job(&format!("BITBUCKET_BUILD_NUMBER=1\nBITBUCKET_COMMIT={head}\n{more}"), "")
                .map(|job| job.extent)
        };
        assert_eq!(extent("BITBUCKET_BRANCH=main").unwrap(), Extent::Whole);
        let request = "BITBUCKET_PR_ID=7\nBITBUCKET_PR_DESTINATION_BRANCH=main\n\
            BITBUCKET_PR_DESTINATION_COMMIT=0123456789ab";
        let expected = PullRequest {
            heads: vec![head.clone()],
            merge: None,
            bases: vec!["0123456789ab".into()],
            target: Some("refs/remotes/origin/main".into()),
        };
        assert_eq!(extent(request).unwrap(), Extent::PullRequest(expected));
        let error = extent("BITBUCKET_PR_ID=7").unwrap_err().to_string();
        assert!(error.contains("BITBUCKET_PR_DESTINATION_BRANCH is not set"), "{error}");
    }
}
