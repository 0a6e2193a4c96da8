//! Azure Pipelines: a pull request is built on a trial merge. Of a push only its last commit is told, so the
//! whole history is scanned.

use super::{Extent, PullRequest, Variables, remote};

pub(super) fn extent(job: &Variables<'_>) -> anyhow::Result<(String, Extent)> {
    let reason = job.required("BUILD_REASON")?;
    if reason != "PullRequest" {
        return Ok((reason, Extent::Whole));
    }
    let sha = job.required_commit("BUILD_SOURCEVERSION")?;
    let head = job.commit("SYSTEM_PULLREQUEST_SOURCECOMMITID")?;
    let request = PullRequest {
        heads: head.into_iter().chain([sha.clone()]).collect(),
        merge: Some(sha),
        bases: Vec::new(),
        target: Some(remote(&job.required("SYSTEM_PULLREQUEST_TARGETBRANCH")?)),
    };
    Ok((reason, Extent::PullRequest(request)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::job;
    use super::*;

    #[test]
    fn a_pull_request_is_a_trial_merge_and_the_rest_is_everything() {
        let [merge, head] = ["a", "b"].map(|letter| letter.repeat(40));
        let extent = |more: &str| {
            job(&format!("TF_BUILD=True\nBUILD_SOURCEVERSION={merge}\n{more}"), "").map(|job| job.extent)
        };
        for branch in ["main", "refs/heads/main"] {
            let found = extent(&format!(
                "BUILD_REASON=PullRequest\nSYSTEM_PULLREQUEST_SOURCECOMMITID={head}\n\
                 SYSTEM_PULLREQUEST_TARGETBRANCH={branch}"
            ));
            let expected = PullRequest {
                heads: vec![head.clone(), merge.clone()],
                merge: Some(merge.clone()),
                bases: Vec::new(),
                target: Some("refs/remotes/origin/main".into()),
            };
            assert_eq!(found.unwrap(), Extent::PullRequest(expected));
        }
        for reason in ["IndividualCI", "BatchedCI", "Schedule", "Manual"] {
            assert_eq!(extent(&format!("BUILD_REASON={reason}")).unwrap(), Extent::Whole);
        }
        let error = extent("BUILD_REASON=PullRequest").unwrap_err().to_string();
        assert!(error.contains("SYSTEM_PULLREQUEST_TARGETBRANCH is not set"), "{error}");
    }
}
