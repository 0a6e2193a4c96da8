//! What git will keep of a commit message's draft: no comments, nothing below the scissors. It follows
//! git's configuration and what a hook can see; `--cleanup` on the command line it cannot see.

use super::git;
use std::path::Path;

/// What the scissors line ends with.
const SCISSORS: &str = " ------------------------ >8 ------------------------";

/// What becomes of the draft.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cleanup {
    /// Lines that begin so go away; none: every line stays.
    comment: Option<String>,
    /// All from the scissors on goes away.
    scissors: bool,
}

impl Cleanup {
    /// What git does here. Without an editor (it then sets `GIT_EDITOR` to `:`) comments stay.
    pub(super) fn find() -> anyhow::Result<Self> {
        let setting = |name: &str| -> anyhow::Result<Option<String>> {
            let found = git::find(Path::new("."), ["config", "--get", name])?;
            Ok(found.map(|text| text.to_string_lossy().into_owned()))
        };
        // The two are one setting with two names; git takes the one that comes last, which `--get`
        // cannot tell. The longer name is the newer.
        let comment = setting("core.commentString")?.or(setting("core.commentChar")?);
        let edited = std::env::var_os("GIT_EDITOR").is_none_or(|editor| editor != ":");
        Ok(Self::of(setting("commit.cleanup")?.as_deref(), comment.as_deref(), edited))
    }

    fn of(mode: Option<&str>, comment: Option<&str>, edited: bool) -> Self {
        let strips = match mode {
            Some("strip") => true,
            Some("verbatim" | "whitespace") => false,
            Some("scissors") => return Self { comment: None, scissors: true },
            _ => edited,
        };
        // With `auto` only git knows what it chose: then nothing is taken for a comment.
        let comment = Some(comment.unwrap_or("#")).filter(|comment| *comment != "auto");
        Self { comment: comment.filter(|_| strips).map(str::to_owned), scissors: edited }
    }

    /// The draft with the lines that go away empty, so that the others keep their numbers.
    pub(super) fn apply(&self, draft: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(draft.len());
        for line in draft.split_inclusive(|byte| *byte == b'\n') {
            let text = line.trim_ascii_end();
            let before = text.strip_suffix(SCISSORS.as_bytes());
            if self.scissors && before.is_some_and(|comment| !comment.is_empty() && !comment.contains(&b' '))
            {
                break;
            }
            match &self.comment {
                Some(comment) if line.starts_with(comment.as_bytes()) => message.push(b'\n'),
                _ => message.extend_from_slice(line),
            }
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(mode: Option<&str>, comment: Option<&str>, edited: bool, draft: &str) -> String {
        String::from_utf8(Cleanup::of(mode, comment, edited).apply(draft.as_bytes())).unwrap()
    }

    #[test]
    fn keeps_what_git_keeps() {
        let draft = format!("a\n# b\n; c\n#{SCISSORS}\nd\n");
        assert_eq!(cleaned(None, None, true, &draft), "a\n\n; c\n");
        assert_eq!(cleaned(None, Some(";"), true, &draft), "a\n# b\n\n");
        assert_eq!(cleaned(None, Some("auto"), true, &draft), "a\n# b\n; c\n");
        assert_eq!(cleaned(None, None, false, &draft), draft);
        assert_eq!(cleaned(Some("verbatim"), None, false, &draft), draft);
        assert_eq!(cleaned(Some("scissors"), None, true, &draft), "a\n# b\n; c\n");
        assert_eq!(cleaned(Some("strip"), None, false, &draft), format!("a\n\n; c\n\nd\n"));
    }

    #[test]
    fn a_line_that_only_quotes_the_scissors_cuts_nothing() {
        let draft = format!("see the{SCISSORS}\n a b{SCISSORS}\nc\n");
        assert_eq!(cleaned(None, None, true, &draft), draft);
    }
}
