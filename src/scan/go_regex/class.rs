//! Character classes: read as Go reads them, into sets of characters; written as bytes where that comes
//! to the same, else as characters.

use super::{Atom, GoRegexError, LATIN_1, Translator};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};
use std::fmt::Write as _;

/// Names that may stand in `[:name:]`.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

impl Translator {
    /// After `\p` or `\P`: a class of Unicode.
    pub(super) fn unicode(
        &mut self,
        negated: bool,
        error: GoRegexError,
    ) -> Result<ClassUnicode, GoRegexError> {
        let rest = &self.pattern[self.at..];
        let length = match rest.first() {
            Some('{') => rest.iter().position(|letter| *letter == '}').ok_or_else(|| error.clone())? + 1,
            Some(_) => 1,
            None => return Err(error),
        };
        let name: String = rest[..length].iter().collect();
        self.at += length;
        let name = name.trim_matches(['{', '}']);
        let (name, inner) = name.strip_prefix('^').map_or((name, false), |name| (name, true));
        let mut set = if name == "Any" {
            ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)])
        } else {
            let hir = regex_syntax::parse(&format!("\\p{{{name}}}")).map_err(|_| error.clone())?;
            match hir.into_kind() {
                HirKind::Class(Class::Unicode(set)) => set,
                _ => return Err(error),
            }
        };
        if negated != inner {
            set.negate();
        }
        Ok(set)
    }

    /// A class in brackets.
    pub(super) fn class(&mut self) -> Result<(), GoRegexError> {
        let error = GoRegexError::Class { at: self.at + 1 };
        self.at += 1;
        let negated = self.peek(0) == Some('^');
        self.at += usize::from(negated);
        let mut set = ClassUnicode::empty();
        let mut first = true;
        loop {
            match self.peek(0) {
                None => return Err(error),
                Some(']') if !first => break,
                Some('[') if self.peek(1) == Some(':') && self.posix(&mut set, &error)? => {}
                Some(_) => match self.member(&error)? {
                    Atom::Set(more) => set.union(&more),
                    Atom::Char(low) => {
                        let range = self.range(low, &error)?;
                        set.union(&range);
                    }
                },
            }
            first = false;
        }
        self.at += 1;
        if negated {
            set.negate();
        }
        self.set(&set, negated);
        Ok(())
    }

    fn member(&mut self, error: &GoRegexError) -> Result<Atom, GoRegexError> {
        if self.peek(0) == Some('\\') {
            return self.escaped();
        }
        let literal = self.peek(0).ok_or_else(|| error.clone())?;
        self.at += 1;
        Ok(Atom::Char(literal))
    }

    /// From `low` to what follows a hyphen, in every case where case is folded.
    fn range(&mut self, low: char, error: &GoRegexError) -> Result<ClassUnicode, GoRegexError> {
        let mut high = low;
        if self.peek(0) == Some('-') && self.peek(1).is_some_and(|next| next != ']') {
            self.at += 1;
            match self.member(error)? {
                Atom::Char(end) if end >= low => high = end,
                _ => return Err(error.clone()),
            }
        }
        let mut set = ClassUnicode::new([ClassUnicodeRange::new(low, high)]);
        if self.flags.fold {
            set.try_case_fold_simple().map_err(|_| error.clone())?;
            if high.is_ascii() {
                set.intersect(&ascii());
            }
        }
        Ok(set)
    }

    /// `[:name:]`; false when it is none.
    fn posix(&mut self, set: &mut ClassUnicode, error: &GoRegexError) -> Result<bool, GoRegexError> {
        let rest = &self.pattern[self.at + 2..];
        let Some(length) = rest.windows(2).position(|pair| pair == [':', ']']) else { return Ok(false) };
        let name: String = rest[..length].iter().collect();
        if !POSIX.contains(&name.trim_start_matches('^')) {
            return Err(error.clone());
        }
        let hir = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(&format!("[[:{}:]]", name.trim_start_matches('^')))
            .map_err(|_| error.clone())?;
        let ranges: Vec<(u32, u32)> = match hir.kind() {
            HirKind::Class(Class::Bytes(class)) => {
                class.iter().map(|range| (range.start().into(), range.end().into())).collect()
            }
            _ => return Err(error.clone()),
        };
        let mut named = ClassUnicode::new(ranges.into_iter().filter_map(|(low, high)| {
            Some(ClassUnicodeRange::new(char::from_u32(low)?, char::from_u32(high)?))
        }));
        if name.starts_with('^') {
            named.negate();
        }
        set.union(&named);
        self.at += length + 4;
        Ok(true)
    }

    /// Writes a class: bytes where that comes to the same, else characters.
    pub(super) fn set(&mut self, set: &ClassUnicode, negated: bool) {
        let ranges = set.ranges();
        if ranges.last().is_none_or(|last| last.end().is_ascii()) {
            self.out.push('[');
            push_ranges(&mut self.out, ranges);
            // An empty class matches nothing.
            self.out.push_str(if ranges.is_empty() { "^\\x00-\\xFF]" } else { "]" });
            return;
        }
        let mut rest = set.clone();
        rest.negate();
        let shorter = negated || rest.ranges().len() < ranges.len();
        let (sign, shown) = if shorter { ("^", rest.ranges()) } else { ("", ranges) };
        let mut class = format!("[{sign}");
        push_ranges(&mut class, shown);
        class.push(']');
        if shown.is_empty() {
            class = "[\\x00-\\x{10FFFF}]".to_owned();
        }
        let fold = if self.flags.fold { "-i" } else { "" };
        let all_beyond_ascii = rest.ranges().last().is_none_or(|last| last.end().is_ascii());
        // Where Go reads no UTF-8, it sees this character.
        let not_utf8 = ranges.iter().any(|range| range.start() <= '\u{FFFD}' && range.end() >= '\u{FFFD}');
        // Writing to a String cannot fail.
        let _ = if all_beyond_ascii && self.runs_on() {
            let mut bytes = "[^".to_owned();
            push_ranges(&mut bytes, rest.ranges());
            bytes.push(']');
            if rest.ranges().is_empty() {
                bytes = "[\\x00-\\xFF]".to_owned();
            }
            match fold {
                "" => write!(self.out, "{bytes}"),
                fold => write!(self.out, "(?{fold}:{bytes})"),
            }
        } else if not_utf8 {
            write!(self.out, "(?:(?u{fold}:{class})|{LATIN_1})")
        } else {
            write!(self.out, "(?u{fold}:{class})")
        };
    }
}

fn ascii() -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new('\0', '\x7F')])
}

/// `\d`, `\w`, `\s` and their opposites.
pub(super) fn perl(kind: char) -> ClassUnicode {
    let ranges: &[(char, char)] = match kind.to_ascii_lowercase() {
        'd' => &[('0', '9')],
        's' => &[('\t', '\n'), ('\x0C', '\r'), (' ', ' ')],
        _ => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
    };
    let mut set = ClassUnicode::new(ranges.iter().map(|(low, high)| ClassUnicodeRange::new(*low, *high)));
    if kind.is_ascii_uppercase() {
        set.negate();
    }
    set
}

fn push_ranges(out: &mut String, ranges: &[ClassUnicodeRange]) {
    for range in ranges {
        push_member(out, range.start());
        if range.start() != range.end() {
            out.push('-');
            push_member(out, range.end());
        }
    }
}

/// A member of a class.
fn push_member(out: &mut String, member: char) {
    push(out, member, r"\[]^-&~");
}

/// Writes one character, after a backslash where it is one of `special`.
pub(super) fn push(out: &mut String, literal: char, special: &str) {
    // Writing to a String cannot fail.
    let _ = match literal {
        literal if special.contains(literal) => write!(out, "\\{literal}"),
        literal if literal.is_ascii_control() => write!(out, "\\x{:02X}", u32::from(literal)),
        literal if literal.is_ascii() => write!(out, "{literal}"),
        literal => write!(out, "\\x{{{:X}}}", u32::from(literal)),
    };
}
