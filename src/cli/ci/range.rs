//! From what a job should scan to what its clone holds of it: names looked up, the base found, and each
//! thing that the clone lacks said. It fetches nothing.

use super::{Extent, Job, PullRequest, Push};
use crate::cli::policy::PolicyFrom;
use anyhow::bail;
use cofferdam::scan::source::repository::Repository;

/// What is scanned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) commits: Commits,
    /// Where the policy comes from, unless the user says otherwise.
    pub(crate) policy: PolicyFrom,
    /// All of this in a line.
    pub(crate) words: String,
    /// What the clone lacks, so that the scan cannot be complete.
    pub(crate) gaps: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Commits {
    All,
    None,
    /// As `--range` takes it.
    Some(String),
}

impl Range {
    /// # Errors
    /// When the clone does not hold the commits that the job is about.
    pub(crate) fn of(job: &Job, repository: &Repository) -> anyhow::Result<Self> {
        let found = Found { job, repository };
        match &job.extent {
            Extent::Whole => Ok(found.plain(Commits::All, "the whole history")),
            Extent::Nothing => Ok(found.plain(Commits::None, "nothing: what was pushed is a deletion")),
            Extent::PullRequest(request) => found.pull_request(request),
            Extent::Push(push) => found.push(push),
        }
    }
}

/// A job beside its clone.
struct Found<'a> {
    job: &'a Job,
    repository: &'a Repository,
}

impl Found<'_> {
    fn plain(&self, commits: Commits, words: &str) -> Range {
        let words = format!("{}: scanning {words}", self.job.event);
        Range { commits, policy: PolicyFrom::Disk, words, gaps: Vec::new() }
    }

    fn pull_request(&self, request: &PullRequest) -> anyhow::Result<Range> {
        let Some((number, head)) = self.first(&request.heads) else {
            bail!(
                "--ci: the commit {} of the pull request is not in this clone; check it out, or {}",
                request.heads.join(" or "),
                self.job.service.whole_clone()
            );
        };
        let mut gaps = Vec::new();
        if number > 0 {
            gaps.push(format!("commit {} (head of the pull request)", request.heads[0]));
        }
        let target = request.target.clone();
        let now = self.merged_onto(request);
        // For the range: a commit that was the base then. For the policy: the base as it is now.
        let bases: Vec<String> = now.iter().chain(&request.bases).chain(&target).cloned().collect();
        let policies: Vec<String> =
            now.into_iter().chain(target).chain(request.bases.iter().cloned()).collect();
        let Some((_, base)) = self.first(&bases) else {
            gaps.push(format!(
                "commit {} (base of the pull request, and with it the policy: the built-in rules hold alone)",
                bases.join(" or ")
            ));
            let range = self.range(&head, &[]);
            return Ok(Range { policy: PolicyFrom::Nothing, gaps, ..range });
        };
        let policy = self.first(&policies).map_or(base.clone(), |(_, policy)| policy);
        let range = self.range(&head, &[base]);
        let words = format!("{}, with the policy of {}", range.words, short(&policy));
        Ok(Range { policy: PolicyFrom::Revision(policy), words, gaps, ..range })
    }

    /// The first parent of the trial merge, if the second is the pull request.
    fn merged_onto(&self, request: &PullRequest) -> Option<String> {
        match self.repository.parents(request.merge.as_deref()?).as_slice() {
            [base, head] if Some(head) == request.heads.first() => Some(base.clone()),
            _ => None,
        }
    }

    fn push(&self, push: &Push) -> anyhow::Result<Range> {
        let Some(after) = self.repository.commit(&push.after) else {
            bail!(
                "--ci: the commit {} that was pushed is not in this clone; check it out, or {}",
                push.after,
                self.job.service.whole_clone()
            );
        };
        let trunk = push.trunk.iter().filter_map(|trunk| self.repository.commit(trunk));
        let Some(before) = &push.before else {
            return Ok(self.range(&after, &trunk.collect::<Vec<_>>()));
        };
        let mut gaps = Vec::new();
        let known = match self.repository.commit(before) {
            Some(before) if self.repository.leads_to(&after, &before) => vec![before],
            // A forced push: what was there before is known, and what it was moved onto.
            Some(before) => trunk.chain([before]).collect(),
            None => {
                // Forced, and no branch leads there any more; or the clone does not reach so far.
                if self.repository.is_shallow() {
                    gaps.push(format!("commit {before} (what was there before the push)"));
                }
                trunk.collect()
            }
        };
        Ok(Range { gaps, ..self.range(&after, &known) })
    }

    fn range(&self, new: &str, known: &[String]) -> Range {
        let text = known.iter().fold(new.to_owned(), |text, known| format!("{text} ^{known}"));
        let but: Vec<&str> = known.iter().map(|known| short(known)).collect();
        let words = match but.is_empty() {
            true => format!("all that leads to {}", short(new)),
            false => format!("what leads to {} and not to {}", short(new), but.join(" or ")),
        };
        self.plain(Commits::Some(text), &words)
    }

    /// The first of these that is in the clone, its number and full id.
    fn first(&self, names: &[String]) -> Option<(usize, String)> {
        names.iter().enumerate().find_map(|(number, name)| Some((number, self.repository.commit(name)?)))
    }
}

fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}
