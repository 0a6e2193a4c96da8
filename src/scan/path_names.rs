//! Which names of files and directories may stand in a path that an expression finds. Apart because
//! a history has few names and many paths: a name that may not spares looking at whole paths. It may
//! say yes in vain, never no in vain; what it says yes to is still to be matched.

use super::analysis;
use aho_corasick::AhoCorasick;

/// Every path that is found has one of these names in it.
#[derive(Clone, Debug)]
pub struct PathNames {
    /// Each of the names contains one of these, whatever the case; none: any name may.
    pieces: Option<AhoCorasick>,
}

impl PathNames {
    /// Any name.
    pub fn any() -> Self {
        Self { pieces: None }
    }

    /// The names in paths that one of `expressions` finds something in.
    pub fn of<'e>(expressions: impl Iterator<Item = &'e str>) -> Self {
        let pieces = expressions.map(pieces).collect::<Option<Vec<_>>>();
        let search = pieces.and_then(|pieces| {
            AhoCorasick::builder().ascii_case_insensitive(true).build(pieces.iter().flatten()).ok()
        });
        Self { pieces: search }
    }

    /// Whether every name may be one of them.
    pub fn is_any(&self) -> bool {
        self.pieces.is_none()
    }

    /// Whether this name may be one of them. A path is shown otherwise than it is stored where it
    /// is no UTF-8, so only of ASCII without the escape is anything known.
    pub fn may_have(&self, name: &[u8]) -> bool {
        !name.is_ascii()
            || name.contains(&b'\\')
            || self.pieces.as_ref().is_none_or(|pieces| pieces.is_match(name))
    }
}

/// Texts of which one stands within a name in each path that the expression finds.
fn pieces(expression: &str) -> Option<Vec<Vec<u8>>> {
    let anchors = analysis::anchors(&analysis::parse(expression).ok()?)?;
    let literals = anchors.into_iter().flat_map(|anchor| anchor.literals);
    let longest = |literal: analysis::Literal| {
        let pieces = literal.bytes.split(|byte| *byte == b'/');
        pieces.max_by_key(|piece| piece.len()).filter(|piece| !piece.is_empty()).map(<[u8]>::to_vec)
    };
    literals.map(longest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_what_an_expression_asks_for() {
        let names = PathNames::of([r"(?i)\.(?:p12|kdbx?)$", r"(?:^|/)cd/secrets/[a-z]+"].into_iter());
        for name in ["a.p12", "A.KDB", ".kdbx", "secrets", "my_secrets.d", "caf\u{e9}", "a\\b"] {
            assert!(names.may_have(name.as_bytes()), "{name}");
        }
        for name in ["a.txt", "p12", "secret", "cd", ""] {
            assert!(!names.may_have(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn no_expression_has_no_name_and_an_unknown_one_has_any() {
        assert!(!PathNames::of(std::iter::empty()).may_have(b"a.p12"));
        for unknown in [r"[a-z]+$", r"x(?:a|[0-9]+)", r"//////////////"] {
            let names = PathNames::of([r"\.p12$", unknown].into_iter());
            assert!(names.is_any() && names.may_have(b"a.txt"), "{unknown}");
        }
    }
}
