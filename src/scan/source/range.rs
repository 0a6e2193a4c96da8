//! Which commits a part of the history consists of, as users write it: `A..B`, a branch, dates, a
//! number, and the common forms of gitleaks' `--log-opts`. What is not understood is an error that
//! names the forms that are; nothing is ignored. Resolving names is `commits`'.

use super::date;
use jiff::ZonedDateTime;
use regex::Regex;

/// The forms of `--log-opts`, for errors and help.
pub const LOG_OPTS_FORMS: &str = "--all, --branches, --tags, --remotes, A..B, A...B, A, ^A, A^!, -n N, --max-count=N, --skip=N, \
--since=DATE, --after=DATE, --until=DATE, --before=DATE, --author=REGEX, --no-merges, --merges, --first-parent, --not, -- PATH…";

/// Options of `git log` that change how it shows or orders commits, not what is in them: here
/// everything is always read in full, merges too.
const WITHOUT_EFFECT: [&str; 24] = [
    "-p",
    "-u",
    "--patch",
    "-m",
    "-c",
    "--cc",
    "-a",
    "--text",
    "--root",
    "--full-history",
    "--sparse",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "-M",
    "-C",
    "--find-renames",
    "-U0",
    "--unified=0",
    "--reverse",
    "--date-order",
    "--topo-order",
    "--author-date-order",
];

/// Why a part of the history cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// An option of `git log` that is not supported.
    #[error("{option}: this option of git log is not supported here; supported are {LOG_OPTS_FORMS}")]
    Unsupported {
        /// As it was given.
        option: String,
    },
    /// An option that lacks its value, or has one it cannot use.
    #[error("{option}: {problem}")]
    BadValue {
        /// As it was given.
        option: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A date that is none.
    #[error(
        "{text}: not a date; write 2024-01-31, 2024-01-31T12:00:00Z, @1706700000, `2 weeks ago` or `yesterday`"
    )]
    BadDate {
        /// As it was given.
        text: String,
    },
    /// A quote that is never closed.
    #[error("a quote is not closed in the git log options: {text}")]
    Quote {
        /// As it was given.
        text: String,
    },
}

/// One part of a range, not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Revision {
    /// What it leads to.
    From(String),
    /// Not what it leads to.
    Not(String),
    /// It alone: what it leads to and none of its parents does.
    Only(String),
    /// What either leads to and not both.
    Symmetric(String, String),
    /// A branch, here or of a remote.
    Branch(String),
    /// All references whose name starts so.
    References(&'static str),
    /// Not what any of those leads to.
    NotReferences(&'static str),
}

impl Revision {
    fn negated(&self) -> Option<Self> {
        match self {
            Self::From(name) => Some(Self::Not(name.clone())),
            Self::Not(name) => Some(Self::From(name.clone())),
            Self::References(prefix) => Some(Self::NotReferences(prefix)),
            _ => None,
        }
    }
}

/// A part of the history. With nothing set it is everything that references lead to.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub(super) revisions: Vec<Revision>,
    /// Committed at or after, in seconds since 1970.
    pub(super) since: Option<i64>,
    /// Committed at or before.
    pub(super) until: Option<i64>,
    pub(super) max_count: Option<usize>,
    pub(super) skip: usize,
    pub(super) first_parent: bool,
    /// Only merges, or none.
    pub(super) merges: Option<bool>,
    pub(super) authors: Vec<Regex>,
    /// Files or directories, from the repository's root.
    pub(super) paths: Vec<String>,
}

impl Selection {
    /// What gitleaks' `--log-opts` select. Without a revision it starts at HEAD, as git log does.
    ///
    /// # Errors
    /// On what is not supported.
    pub fn from_log_opts(text: &str, now: &ZonedDateTime) -> Result<Self, RangeError> {
        let mut selection = Self::default();
        let mut words = words(text)?.into_iter();
        let mut negated = false;
        while let Some(word) = words.next() {
            let before = selection.revisions.len();
            if word == "--" {
                selection.paths.extend(words.by_ref());
            } else if word == "--not" {
                negated = !negated;
            } else if word.starts_with('-') {
                selection.option(&word, &mut words, now)?;
            } else {
                selection = selection.range(&word)?;
            }
            for revision in selection.revisions[before..].iter_mut().filter(|_| negated) {
                let option = || format!("--not {word}");
                *revision = revision.negated().ok_or_else(|| RangeError::Unsupported { option: option() })?;
            }
        }
        selection.check_paths()?;
        let hides = |revision: &Revision| matches!(revision, Revision::Not(_) | Revision::NotReferences(_));
        if selection.revisions.iter().all(hides) {
            selection.revisions.push(Revision::From("HEAD".to_owned()));
        }
        Ok(selection)
    }

    /// Narrows it to `A..B`, `A...B`, `A`, `^A` or `A^!`; several, parted by spaces, together.
    ///
    /// # Errors
    /// When it is empty.
    pub fn range(mut self, text: &str) -> Result<Self, RangeError> {
        let bad =
            |problem: &str| RangeError::BadValue { option: text.to_owned(), problem: problem.to_owned() };
        let or_head = |name: &str| if name.is_empty() { "HEAD".to_owned() } else { name.to_owned() };
        for part in text.split_whitespace() {
            if part.starts_with('-') {
                return Err(bad("expected commits, as in main..HEAD"));
            }
            if let Some((left, right)) = part.split_once("...") {
                self.revisions.push(Revision::Symmetric(or_head(left), or_head(right)));
            } else if let Some((left, right)) = part.split_once("..") {
                self.revisions.push(Revision::Not(or_head(left)));
                self.revisions.push(Revision::From(or_head(right)));
            } else if let Some(name) = part.strip_suffix("^!") {
                self.revisions.push(Revision::Only(or_head(name)));
            } else if let Some(name) = part.strip_prefix('^') {
                self.revisions.push(Revision::Not(or_head(name)));
            } else {
                self.revisions.push(Revision::From(part.to_owned()));
            }
        }
        if self.revisions.is_empty() { Err(bad("no range; write A..B")) } else { Ok(self) }
    }

    /// Narrows it to a branch, here or of a remote.
    pub fn branch(mut self, name: &str) -> Self {
        self.revisions.push(Revision::Branch(name.to_owned()));
        self
    }

    /// The time that dates such as "2 weeks ago" count from.
    pub fn now() -> ZonedDateTime {
        ZonedDateTime::now()
    }

    /// Narrows it to commits at or after a date.
    ///
    /// # Errors
    /// When it is none.
    pub fn since(mut self, text: &str, now: &ZonedDateTime) -> Result<Self, RangeError> {
        self.since =
            Some(date::parse(text, now, false).ok_or(RangeError::BadDate { text: text.to_owned() })?);
        Ok(self)
    }

    /// Narrows it to commits at or before a date; a day counts whole.
    ///
    /// # Errors
    /// When it is none.
    pub fn until(mut self, text: &str, now: &ZonedDateTime) -> Result<Self, RangeError> {
        self.until = Some(date::parse(text, now, true).ok_or(RangeError::BadDate { text: text.to_owned() })?);
        Ok(self)
    }

    /// Narrows it to the newest commits.
    pub fn max_count(mut self, count: usize) -> Self {
        self.max_count = Some(count);
        self
    }

    fn option(
        &mut self,
        word: &str,
        rest: &mut impl Iterator<Item = String>,
        now: &ZonedDateTime,
    ) -> Result<(), RangeError> {
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (word, None),
        };
        let bad =
            |problem: &str| RangeError::BadValue { option: word.to_owned(), problem: problem.to_owned() };
        let mut value = || attached.clone().or_else(|| rest.next()).ok_or_else(|| bad("a value must follow"));
        let count = |text: String| text.parse::<usize>().map_err(|_| bad("the value must be a number"));
        match name {
            "--all" => self.revisions.push(Revision::References("")),
            "--branches" if attached.is_none() => self.revisions.push(Revision::References("refs/heads/")),
            "--tags" if attached.is_none() => self.revisions.push(Revision::References("refs/tags/")),
            "--remotes" if attached.is_none() => self.revisions.push(Revision::References("refs/remotes/")),
            "-n" | "--max-count" => self.max_count = Some(count(value()?)?),
            "--skip" => self.skip = count(value()?)?,
            "--since" | "--after" => *self = std::mem::take(self).since(&value()?, now)?,
            "--until" | "--before" => *self = std::mem::take(self).until(&value()?, now)?,
            "--author" => {
                let pattern = Regex::new(&value()?).map_err(|cause| bad(&cause.to_string()))?;
                self.authors.push(pattern);
            }
            "--no-merges" => self.merges = Some(false),
            "--merges" => self.merges = Some(true),
            "--first-parent" => self.first_parent = true,
            _ if WITHOUT_EFFECT.contains(&word) => {}
            _ => {
                let digits = word.strip_prefix("-n").or_else(|| word.strip_prefix('-')).unwrap_or_default();
                let number =
                    digits.parse().map_err(|_| RangeError::Unsupported { option: word.to_owned() })?;
                self.max_count = Some(number);
            }
        }
        Ok(())
    }

    fn check_paths(&mut self) -> Result<(), RangeError> {
        for path in &mut self.paths {
            if path.contains(['*', '?', '[', '\\'])
                || path.starts_with(':')
                || path.split('/').any(|part| part == "..")
            {
                let problem =
                    "only plain files and directories from the repository's root are supported after --";
                return Err(RangeError::BadValue { option: path.clone(), problem: problem.to_owned() });
            }
            *path = path.trim_start_matches("./").trim_matches('/').to_owned();
        }
        self.paths.retain(|path| !matches!(path.as_str(), "" | "."));
        Ok(())
    }

    /// Whether a file is one of those asked for.
    pub(super) fn has_path(&self, path: &[u8]) -> bool {
        let within = |asked: &String| match path.strip_prefix(asked.as_bytes()) {
            Some(rest) => rest.is_empty() || rest[0] == b'/',
            None => false,
        };
        self.paths.is_empty() || self.paths.iter().any(within)
    }
}

/// Splits as a shell does: spaces, single and double quotes, backslashes.
fn words(text: &str) -> Result<Vec<String>, RangeError> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err(RangeError::Quote { text: text.to_owned() });
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opts(text: &str) -> Result<Selection, RangeError> {
        Selection::from_log_opts(text, &"2024-03-10T12:00:00[UTC]".parse().unwrap())
    }

    fn from(name: &str) -> Revision {
        Revision::From(name.to_owned())
    }

    #[test]
    fn understands_the_common_forms() {
        let ci = opts("--no-merges --first-parent abc^..def").unwrap();
        assert_eq!(ci.revisions, [Revision::Not("abc^".to_owned()), from("def")]);
        assert!(ci.first_parent && ci.merges == Some(false));
        assert_eq!(opts("").unwrap().revisions, [from("HEAD")]);
        assert_eq!(opts("-p -m --all").unwrap().revisions, [Revision::References("")]);
        let pushed = opts("new --not --remotes").unwrap().revisions;
        assert_eq!(pushed, [from("new"), Revision::NotReferences("refs/remotes/")]);
        assert!(matches!(opts("--not a...b"), Err(RangeError::Unsupported { .. })));
        assert_eq!(opts("a...b").unwrap().revisions, [Revision::Symmetric("a".into(), "b".into())]);
        for text in ["-n 3", "-n3", "-3", "--max-count=3", "--max-count 3"] {
            assert_eq!(opts(text).unwrap().max_count, Some(3), "{text}");
        }
        let dated = opts("--since='2 days ago' --before=\"2024-03-10 11:00\" -- src ./x/").unwrap();
        assert_eq!(dated.since, Some(1_709_899_200));
        assert_eq!(dated.until, Some(1_710_068_400));
        assert!(dated.has_path(b"src/a") && dated.has_path(b"x") && !dated.has_path(b"srcs"));
        assert!(opts("--author=Jo.n").unwrap().authors[0].is_match("John <j@x>"));
    }

    #[test]
    fn says_what_it_does_not_understand() {
        assert!(matches!(opts("--grep=x"), Err(RangeError::Unsupported { .. })));
        assert!(matches!(opts("--diff-filter=A"), Err(RangeError::Unsupported { .. })));
        assert!(matches!(opts("-S x"), Err(RangeError::Unsupported { .. })));
        assert!(matches!(opts("-n x"), Err(RangeError::BadValue { .. })));
        assert!(matches!(opts("--since"), Err(RangeError::BadValue { .. })));
        assert!(matches!(opts("--since=soon"), Err(RangeError::BadDate { .. })));
        assert!(matches!(opts("'a"), Err(RangeError::Quote { .. })));
        assert!(matches!(opts("-- *.rs"), Err(RangeError::BadValue { .. })));
        assert!(Selection::default().range("  ").is_err());
    }
}
