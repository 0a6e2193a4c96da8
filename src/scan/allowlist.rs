//! Judges what an allowlist allows: places (path, commit) before anything is looked at, findings
//! after. Expressions are compiled when first needed. Which allowlists hold for which rule is not
//! known here.

use super::rule::{Allowlist, RegexTarget};
use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::OnceLock;

/// Bytes that one compiled expression may take.
const SIZE_LIMIT: usize = 64 << 20;

/// How the expressions of one list are compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Joining {
    /// Each by itself: what one says about case holds for it alone.
    #[default]
    Apart,
    /// All in one alternation, as gitleaks does: a flag such as `(?i)` holds for all that follow.
    Joined,
}

/// Why an allowlist cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AllowlistError {
    /// An expression is not valid, or its automaton would be too large.
    #[error("allowlist expression `{pattern}`: {cause}; simplify it")]
    Regex {
        /// The expression as translated.
        pattern: String,
        /// What the engine says.
        cause: Box<regex::Error>,
    },
    /// The stopwords are too many.
    #[error("the allowlist's stopwords cannot be compiled: {cause}; give fewer")]
    Stopwords {
        /// What the engine says.
        cause: aho_corasick::BuildError,
    },
}

/// The parts of a finding that an allowlist looks at.
#[derive(Clone, Copy)]
pub struct Candidate<'f> {
    /// The secret.
    pub secret: &'f [u8],
    /// The whole match.
    pub matched: &'f [u8],
    /// The whole lines that the match touches; looked for when asked, for a line can be the whole text.
    pub line: &'f dyn Fn() -> &'f [u8],
    /// The path in every spelling that expressions may be written for: as typed, and from the root of
    /// the scan; `/` between its parts. Empty where there is none.
    pub paths: &'f [&'f str],
    /// The full commit id, or empty.
    pub commit: &'f str,
}

/// An allowlist, ready to judge.
#[derive(Debug)]
pub struct CompiledAllowlist {
    list: Allowlist,
    joining: Joining,
    paths: Expressions,
    regexes: Expressions,
    stopwords: OnceLock<Result<AhoCorasick, AllowlistError>>,
}

impl CompiledAllowlist {
    /// Takes the list over; compiles nothing yet.
    pub fn new(list: Allowlist, joining: Joining) -> Self {
        Self {
            list,
            joining,
            paths: Expressions::default(),
            regexes: Expressions::default(),
            stopwords: OnceLock::new(),
        }
    }

    /// Whether the place alone is allowed, whatever stands there. A list with AND and criteria on
    /// content never allows a place by itself.
    ///
    /// # Errors
    /// When an expression cannot be compiled.
    pub fn allows_place(&self, paths: &[&str], commit: &str) -> Result<bool, AllowlistError> {
        let list = &self.list;
        if !list.all {
            return Ok(self.allows_commit(commit) || self.allows_path(paths)?);
        }
        if !list.regexes.is_empty() || !list.stopwords.is_empty() {
            return Ok(false);
        }
        Ok((!list.commits.is_empty() || !list.paths.is_empty())
            && (list.commits.is_empty() || self.allows_commit(commit))
            && (list.paths.is_empty() || self.allows_path(paths)?))
    }

    /// Whether a finding is allowed.
    ///
    /// # Errors
    /// When an expression cannot be compiled.
    pub fn allows(&self, candidate: &Candidate<'_>) -> Result<bool, AllowlistError> {
        let list = &self.list;
        if !list.all {
            return Ok(self.allows_commit(candidate.commit)
                || self.allows_stopword(candidate.secret)?
                || self.allows_path(candidate.paths)?
                || self.allows_regex(candidate)?);
        }
        let none = list.commits.is_empty()
            && list.paths.is_empty()
            && list.regexes.is_empty()
            && list.stopwords.is_empty();
        Ok(!none
            && (list.commits.is_empty() || self.allows_commit(candidate.commit))
            && (list.stopwords.is_empty() || self.allows_stopword(candidate.secret)?)
            && (list.paths.is_empty() || self.allows_path(candidate.paths)?)
            && (list.regexes.is_empty() || self.allows_regex(candidate)?))
    }

    fn allows_commit(&self, commit: &str) -> bool {
        !commit.is_empty() && self.list.commits.iter().any(|allowed| allowed.eq_ignore_ascii_case(commit))
    }

    fn allows_path(&self, paths: &[&str]) -> Result<bool, AllowlistError> {
        let found = |path: &str| self.paths.find(&self.list.paths, self.joining, path.as_bytes());
        for path in paths {
            // Expressions written on Windows may have its separator.
            if found(path)? || cfg!(windows) && found(&path.replace('/', "\\"))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn allows_regex(&self, candidate: &Candidate<'_>) -> Result<bool, AllowlistError> {
        let text = match self.list.regex_target {
            RegexTarget::Secret => candidate.secret,
            RegexTarget::Match => candidate.matched,
            RegexTarget::Line => (candidate.line)(),
        };
        self.regexes.find(&self.list.regexes, self.joining, text)
    }

    fn allows_stopword(&self, secret: &[u8]) -> Result<bool, AllowlistError> {
        if self.list.stopwords.is_empty() {
            return Ok(false);
        }
        let words = self.stopwords.get_or_init(|| {
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .build(self.list.stopwords.iter().filter(|word| !word.is_empty()))
                .map_err(|cause| AllowlistError::Stopwords { cause })
        });
        Ok(words.as_ref().map_err(Clone::clone)?.is_match(secret))
    }
}

/// A list's expressions, compiled when first asked for.
#[derive(Debug, Default)]
struct Expressions(OnceLock<Result<Vec<Regex>, AllowlistError>>);

impl Expressions {
    fn find(&self, patterns: &[String], joining: Joining, text: &[u8]) -> Result<bool, AllowlistError> {
        if patterns.is_empty() {
            return Ok(false);
        }
        let compiled = self.0.get_or_init(|| match joining {
            Joining::Apart => patterns.iter().map(|pattern| compile(pattern)).collect(),
            Joining::Joined => compile(&format!("(?:{})", patterns.join("|"))).map(|joined| vec![joined]),
        });
        Ok(compiled.as_ref().map_err(Clone::clone)?.iter().any(|regex| regex.is_match(text)))
    }
}

fn compile(pattern: &str) -> Result<Regex, AllowlistError> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(SIZE_LIMIT)
        .build()
        .map_err(|cause| AllowlistError::Regex { pattern: pattern.to_owned(), cause: Box::new(cause) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(paths: &[&str], regexes: &[&str], stopwords: &[&str]) -> Allowlist {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Allowlist {
            paths: owned(paths),
            regexes: owned(regexes),
            stopwords: owned(stopwords),
            ..Allowlist::default()
        }
    }

    fn allows(list: &CompiledAllowlist, secret: &str, line: &str, paths: &[&str]) -> bool {
        let candidate = Candidate {
            secret: secret.as_bytes(),
            matched: secret.as_bytes(),
            line: &|| line.as_bytes(),
            paths,
            commit: "",
        };
        list.allows(&candidate).unwrap()
    }

    #[test]
    fn stopwords_are_found_in_any_case() {
        let list = CompiledAllowlist::new(list(&[], &[], &["FOO", ""]), Joining::Apart);
        assert!(allows(&list, "xfoox", "", &[]));
        assert!(allows(&list, "xFoOx", "", &[]));
        assert!(!allows(&list, "xfox", "foo", &[]));
    }

    #[test]
    fn a_flag_leaks_only_where_expressions_are_joined() {
        let list = list(&[], &["(?i)^foo$", "^BAR$"], &[]);
        let apart = CompiledAllowlist::new(list.clone(), Joining::Apart);
        let joined = CompiledAllowlist::new(list, Joining::Joined);
        assert!(!allows(&apart, "bar", "", &[]));
        assert!(allows(&joined, "bar", "", &[]));
        assert!(allows(&apart, "FOO", "", &[]) && allows(&apart, "BAR", "", &[]));
    }

    #[test]
    fn a_line_starts_at_its_first_letter() {
        let target = RegexTarget::Line;
        let list = Allowlist { regex_target: target, ..list(&[], &["^sec=al"], &[]) };
        let list = CompiledAllowlist::new(list, Joining::Apart);
        assert!(allows(&list, "al2", "sec=al2", &[]));
        assert!(!allows(&list, "sec=al", "x sec=al2", &[]));
    }

    #[test]
    fn with_and_a_place_alone_is_not_enough() {
        let both = Allowlist { all: true, ..list(&["^a/"], &["^x"], &[]) };
        let both = CompiledAllowlist::new(both, Joining::Apart);
        assert!(!both.allows_place(&["a/b"], "").unwrap());
        assert!(allows(&both, "xy", "", &["a/b"]));
        assert!(!allows(&both, "y", "", &["a/b"]) && !allows(&both, "xy", "", &["b"]));
        let places = Allowlist { all: true, commits: vec!["c0ffee".to_owned()], ..list(&["^a/"], &[], &[]) };
        let places = CompiledAllowlist::new(places, Joining::Apart);
        assert!(places.allows_place(&["a/b"], "C0FFEE").unwrap());
        assert!(!places.allows_place(&["a/b"], "").unwrap());
    }

    #[test]
    fn with_or_one_criterion_is_enough() {
        let list = Allowlist { commits: vec!["c0ffee".to_owned()], ..list(&["^a/"], &["^x"], &["w"]) };
        let list = CompiledAllowlist::new(list, Joining::Apart);
        assert!(list.allows_place(&["z", "a/z"], "").unwrap(), "any spelling of the path");
        assert!(list.allows_place(&[], "c0ffee").unwrap());
        assert!(!list.allows_place(&["z"], "c0ff").unwrap(), "short ids do not count");
        assert!(allows(&list, "xy", "", &[]) && allows(&list, "yw", "", &[]));
        assert!(!allows(&list, "y", "", &["z"]));
    }

    #[test]
    fn an_expression_too_large_is_an_error() {
        let list = CompiledAllowlist::new(list(&[], &["(?:a{1000}){1000}{100}"], &[]), Joining::Apart);
        for _ in 0..2 {
            assert!(matches!(list.allows_place(&["a"], ""), Ok(false)));
            let candidate = Candidate { secret: b"", matched: b"", line: &|| b"", paths: &[], commit: "" };
            assert!(matches!(list.allows(&candidate), Err(AllowlistError::Regex { .. })));
        }
    }
}
