//! A finding: one secret that a rule found at one place. It holds the secret itself; reports get
//! only what [`super::report`] made safe to show.

use super::location::Location;
use super::rule::{Confidence, Rule};
use crate::secret::Secret;
use std::sync::Arc;

/// One secret at one place.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule that found it.
    pub rule: Arc<Rule>,
    /// The rule's tags, then how it was decoded (`decoded:base64`, `decode-depth:1`).
    pub tags: Vec<String>,
    /// Where the match lies in its file.
    pub location: Location,
    /// The whole match.
    pub matched: Secret,
    /// The secret in it.
    pub secret: Secret,
    /// The whole lines that the match touches, or what stands around it where they are very long.
    pub line: Secret,
    /// How many bytes of the first line `line` leaves out at its start.
    pub line_cut: usize,
    /// Bits a character of the secret.
    pub entropy: f64,
    /// How sure it is that it works.
    pub confidence: Confidence,
    /// Path as reports show it: `/` separated, `outer!inner` inside archives; a pseudo path such
    /// as `commit-message` for what is no file.
    pub path: String,
    /// The link that was followed to the file, where one was.
    pub symlink: Option<String>,
    /// Where the file at that commit can be seen on the web, without the line's anchor; none: unknown host.
    pub link: Option<String>,
    /// Where the content was read.
    pub origin: Origin,
    /// What the rule's `required` found nearby: rule and place.
    pub required: Vec<(String, Location)>,
    /// Whether it still stands at HEAD; none: nobody looked.
    pub at_head: Option<bool>,
}

/// Where content was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file of a tree.
    Tree,
    /// The index of a repository.
    Index,
    /// Standard input.
    Stdin,
    /// A commit that brought it in.
    Commit(Arc<Commit>),
    /// An object that no commit of the history that was asked for holds.
    Unreachable {
        /// Its id in hexadecimal.
        object: String,
    },
}

/// The commit that brought a finding in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Its id in hexadecimal.
    pub id: String,
    /// Author's name.
    pub author: String,
    /// Author's address.
    pub email: String,
    /// Author date, RFC 3339 in UTC (`2024-01-02T03:04:05Z`), as gitleaks writes it.
    pub date: String,
    /// Its message, trimmed. May itself hold a secret: reports redact it.
    pub message: String,
}

impl Finding {
    /// The commit's id, or nothing.
    pub fn commit_id(&self) -> &str {
        match &self.origin {
            Origin::Commit(commit) => &commit.id,
            _ => "",
        }
    }

    /// gitleaks' fingerprint: `commit:file:rule:line`, or `file:rule:line` outside history.
    pub fn fingerprint(&self) -> String {
        let (path, rule, line) = (&self.path, &self.rule.id, self.location.start_line);
        match self.commit_id() {
            "" => format!("{path}:{rule}:{line}"),
            commit => format!("{commit}:{path}:{rule}:{line}"),
        }
    }
}
