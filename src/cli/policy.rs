//! Where the policy of a scan comes from: configuration, ignore files, baseline, and comments that allow.
//! Usually it is what lies on the disk. A pull request could change that in its own favour, so there it is
//! what the base has.

use cofferdam::files::{Disk, Files};
use cofferdam::scan::inline_allow::{self, AllowedLines};
use cofferdam::scan::source::repository::Repository;
use cofferdam::scan::source::revision::Revision;
use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// The value of `--policy-from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PolicyFrom {
    /// The working tree, and what lies beside it.
    Disk,
    /// A commit; what lies outside of the repository is still read from the disk.
    Revision(String),
    /// Nothing can be trusted: the built-in rules hold, and nothing is allowed.
    Nothing,
}

impl FromStr for PolicyFrom {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text.is_empty() { Self::Disk } else { Self::Revision(text.to_owned()) })
    }
}

/// A policy's source, open for reading.
pub(crate) enum Policy {
    Disk,
    Revision(Arc<Revision>),
    Nothing,
}

impl Policy {
    /// `target` is what is scanned; its repository is asked for the revision.
    pub(crate) fn open(
        from: Option<&PolicyFrom>,
        target: &Path,
        variable: fn(&str) -> Option<std::ffi::OsString>,
    ) -> anyhow::Result<Self> {
        Ok(match from {
            None | Some(PolicyFrom::Disk) => Self::Disk,
            Some(PolicyFrom::Nothing) => Self::Nothing,
            Some(PolicyFrom::Revision(name)) => {
                let folder = if target.is_file() { target.parent() } else { None };
                let folder =
                    folder.map(|folder| if folder == Path::new("") { Path::new(".") } else { folder });
                let repository = Repository::discover_with(folder.unwrap_or(target), variable)?;
                Self::Revision(Arc::new(Revision::open(repository, name)?))
            }
        })
    }

    pub(crate) fn files(&self) -> &dyn Files {
        match self {
            Self::Disk => &Disk,
            Self::Revision(revision) => revision.as_ref(),
            Self::Nothing => &NoFiles,
        }
    }

    /// The lines on which comments hold; none: on all.
    pub(crate) fn allowed_lines(&self) -> Option<AllowedLines> {
        match self {
            Self::Disk => None,
            Self::Revision(revision) => {
                let revision = Arc::clone(revision);
                Some(AllowedLines::new(move || revision.contents(&inline_allow::present)))
            }
            Self::Nothing => Some(AllowedLines::new(Vec::new)),
        }
    }
}

struct NoFiles;

impl Files for NoFiles {
    fn has(&self, _: &Path) -> bool {
        false
    }

    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        let words = "the revision that the policy comes from is not in this clone";
        Err(io::Error::new(io::ErrorKind::NotFound, words))
    }
}
