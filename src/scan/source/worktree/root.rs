//! The paths that a walk starts at: where each lies, how it is shown, and which are below another.

use super::Error;
use crate::scan::source::name::path_text;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

/// One path to start at.
#[derive(Debug)]
pub(super) struct Root {
    /// Absolute, without links.
    pub(super) walked: PathBuf,
    /// As typed, in short; empty for the current directory.
    shown: String,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Roots {
    roots: Vec<Root>,
    /// The first so many are below no other.
    outer: usize,
    places: HashMap<PathBuf, usize>,
    /// The repository's root, absolute, without links.
    pub(super) repository: Option<PathBuf>,
}

impl Roots {
    pub(super) fn new(paths: &[PathBuf], repository: Option<&Path>) -> Result<Self, Error> {
        let resolve = |path: &Path| {
            path.canonicalize().map_err(|cause| Error::Path { path: path_text(path).into_owned(), cause })
        };
        let repository = repository.map(resolve).transpose()?;
        let mut roots: Vec<Root> = Vec::new();
        for path in paths {
            let walked = resolve(path)?;
            let shown = match &repository {
                None => typed(path),
                Some(root) => match walked.strip_prefix(root) {
                    Ok(below) => path_text(below).into_owned(),
                    Err(_) => {
                        let (path, root) = (path_text(path).into_owned(), path_text(root).into_owned());
                        return Err(Error::Outside { path, root });
                    }
                },
            };
            if !roots.iter().any(|root| root.walked == walked) {
                roots.push(Root { walked, shown });
            }
        }
        let places: HashMap<PathBuf, usize> =
            roots.iter().enumerate().map(|(place, root)| (root.walked.clone(), place)).collect();
        let below = |root: &Root| root.walked.ancestors().skip(1).any(|above| places.contains_key(above));
        let (outer, inner): (Vec<Root>, Vec<Root>) = roots.into_iter().partition(|root| !below(root));
        let count = outer.len();
        let roots: Vec<Root> = outer.into_iter().chain(inner).collect();
        let places = roots.iter().enumerate().map(|(place, root)| (root.walked.clone(), place)).collect();
        Ok(Self { roots, outer: count, places, repository })
    }

    /// Those below no other, then those that an outer one may have left out.
    pub(super) fn batches(&self) -> [&[Root]; 2] {
        let (outer, inner) = self.roots.split_at(self.outer);
        [outer, inner]
    }

    /// Whether two of them may lead to the same file.
    pub(super) fn overlap(&self) -> bool {
        self.outer < self.roots.len()
    }

    /// Whether a path lies below one of them.
    pub(super) fn hold(&self, path: &Path) -> bool {
        self.root_of(path).is_some()
    }

    /// How a path below one of them is shown.
    pub(super) fn shown(&self, path: &Path) -> String {
        let mut shown = String::new();
        self.show(path, &mut shown);
        shown
    }

    /// The same into a buffer; gives where the part below the root begins.
    pub(super) fn show(&self, path: &Path, shown: &mut String) -> usize {
        shown.clear();
        let Some(root) = self.root_of(path) else {
            shown.push_str(&path_text(path));
            return 0;
        };
        shown.push_str(&root.shown);
        match path.strip_prefix(&root.walked) {
            Ok(below) if !below.as_os_str().is_empty() => {
                if !shown.is_empty() && !shown.ends_with('/') {
                    shown.push('/');
                }
                let start = shown.len();
                shown.push_str(&path_text(below));
                start
            }
            _ => 0,
        }
    }

    fn root_of(&self, path: &Path) -> Option<&Root> {
        match self.roots.as_slice() {
            [root] => path.starts_with(&root.walked).then_some(root),
            // The outermost: what lies below two roots is shown below the first that was walked.
            _ => path
                .ancestors()
                .filter_map(|above| self.places.get(above))
                .last()
                .map(|place| &self.roots[*place]),
        }
    }
}

/// A path as typed, without `.`, doubled `/` and a `/` at the end.
fn typed(path: &Path) -> String {
    let short: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    path_text(&short).into_owned()
}
