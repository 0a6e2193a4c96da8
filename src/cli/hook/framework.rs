//! The entry of `.pre-commit-hooks.yaml`. The pre-commit framework runs one command for a commit, for a
//! push and by hand, and does not say which: that is told from what it and git leave in the environment.
//! It gives no names of files (`pass_filenames: false`): a name is not what is committed.

use super::Framework;
use super::run::{REWRITE, UNSTAGE, judge};
use crate::cli::args::ReportFlags;
use crate::cli::exit::Exit;
use crate::cli::scan::{Setup, variable};
use cofferdam::scan::source::range::Selection;
use cofferdam::scan::source::repository::Repository;

impl Framework {
    /// - `PRE_COMMIT_FROM_REF` and `_TO_REF` (a push, `--from-ref`): what these commits bring in;
    /// - `PRE_COMMIT_LOCAL_BRANCH` alone (the push of a history that is all new): what it leads to;
    /// - `GIT_INDEX_FILE` (git runs its hook for a commit): what is staged;
    /// - else (`pre-commit run`, with `--all-files` or not): all that could be committed.
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let repository = Repository::of_hook(variable)?;
        let setup = Setup::new(repository.root(), &self.scan, &ReportFlags::default())?;
        let text = |name: &str| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some(value.to_string_lossy().into_owned())
        };
        let ends = text("PRE_COMMIT_FROM_REF").zip(text("PRE_COMMIT_TO_REF"));
        let range = ends.map(|(from, to)| format!("{from}..{to}")).or(text("PRE_COMMIT_LOCAL_BRANCH"));
        let root = repository.root();
        match range {
            Some(range) => {
                let selection = Selection::default().range(&range)?;
                judge(&setup, root, "push", REWRITE, |session| Ok(session.range(&repository, &selection)?))
            }
            None if variable("GIT_INDEX_FILE").is_some() => {
                judge(&setup, root, "commit", UNSTAGE, |session| Ok(session.staged(&repository)?))
            }
            None => judge(&setup, root, "commit", UNSTAGE, |session| Ok(session.committable(&repository)?)),
        }
    }
}
