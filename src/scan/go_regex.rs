//! From Go's regular expression syntax (RE2) to this program's dialect: that of the `regex` crate over
//! bytes with Unicode off. The meaning stays Go's: classes are ASCII, `.` and negated classes take a
//! whole character, `{` that starts no repetition is itself. It checks what it writes; building automata
//! is the matcher's. Two differences: `.` and negated classes also take a Latin-1 letter (gitleaks' engine
//! stops at what is not UTF-8), and `(?i)` on ASCII does not fold `k` and `s` to U+212A and U+017F.

mod class;

use class::{perl, push};
use regex_syntax::hir::{ClassUnicode, Hir, HirKind};

/// Go refuses to repeat more often than this.
const MOST_REPEATS: u32 = 1000;

/// Letters of Latin-1, in text that is not UTF-8. They cannot stand inside a character, so with them no
/// character is ever split.
const LATIN_1: &str = r"[\xC0-\xFF]";

/// A translated expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    /// For a builder over bytes with `unicode(false)`.
    pub regex: String,
    /// How many capture groups it has, beside the whole match.
    pub groups: usize,
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GoRegexError {
    /// An escape that Go does not know either, a back reference for instance.
    #[error("unknown escape at character {at}: back references and look-around are not supported")]
    Escape {
        /// Character of the expression, from 1.
        at: usize,
    },
    /// A group that starts with `(?` and what Go does not know.
    #[error("unknown group syntax at character {at}: only (?:…), (?P<name>…) and the flags i, m, s, U exist")]
    Group {
        /// Character of the expression, from 1.
        at: usize,
    },
    /// A class that has no end, a range that runs backwards or an unknown class name.
    #[error("character class at character {at} is not valid: an end, a range or a name in it is wrong")]
    Class {
        /// Character of the expression, from 1.
        at: usize,
    },
    /// `{n,m}` above 1000 or backwards.
    #[error("repetition at character {at} is not valid: at most 1000, the smaller number first")]
    Repeat {
        /// Character of the expression, from 1.
        at: usize,
    },
    /// Repetitions within repetitions that come to more than 1000.
    #[error("repetitions within repetitions come to more than 1000")]
    NestedRepeats,
    /// What the `regex` crate says.
    #[error("{0}")]
    Syntax(String),
}

/// Translates `pattern` and checks the result.
pub fn translate(pattern: &str) -> Result<Translated, GoRegexError> {
    let mut translator = Translator {
        pattern: pattern.chars().collect(),
        at: 0,
        out: String::with_capacity(pattern.len() + 16),
        flags: Flags::default(),
        outer: Vec::new(),
    };
    translator.run()?;
    let regex = translator.out;
    let groups = groups(&regex)?;
    Ok(Translated { regex, groups })
}

/// How many capture groups a translated expression has.
pub fn groups(translated: &str) -> Result<usize, GoRegexError> {
    let hir = regex_syntax::ParserBuilder::new()
        .utf8(false)
        .unicode(false)
        .build()
        .parse(translated)
        .map_err(|error| GoRegexError::Syntax(reason(&error)))?;
    if !repeats_within(&hir, MOST_REPEATS) {
        return Err(GoRegexError::NestedRepeats);
    }
    Ok(hir.properties().explicit_captures_len())
}

/// Whether no part is repeated more than `most` times, counting repetitions within repetitions.
fn repeats_within(hir: &Hir, most: u32) -> bool {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            times <= most && repeats_within(&repetition.sub, most / times)
        }
        HirKind::Capture(capture) => repeats_within(&capture.sub, most),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().all(|part| repeats_within(part, most))
        }
        _ => true,
    }
}

/// The kind of error alone: the crate's full text would show the translated expression.
fn reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
    }
}

#[derive(Clone, Copy, Default)]
struct Flags {
    fold: bool,
    swap_greed: bool,
}

struct Translator {
    pattern: Vec<char>,
    at: usize,
    out: String,
    flags: Flags,
    /// Flags to go back to when a group closes.
    outer: Vec<Flags>,
}

/// What a class item or an escape stands for.
enum Atom {
    Char(char),
    Set(ClassUnicode),
}

impl Translator {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.pattern.get(self.at + ahead).copied()
    }

    fn looks_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, wanted)| self.peek(ahead) == Some(wanted))
    }

    fn run(&mut self) -> Result<(), GoRegexError> {
        while let Some(next) = self.peek(0) {
            match next {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.open()?,
                ')' => {
                    self.flags = self.outer.pop().unwrap_or(self.flags);
                    self.copy(1);
                }
                '{' => self.brace()?,
                '.' => {
                    self.at += 1;
                    if self.runs_on() {
                        self.out.push('.');
                    } else {
                        self.out.push_str("(?:(?u:.)|");
                        self.out.push_str(LATIN_1);
                        self.out.push(')');
                    }
                }
                '|' | '*' | '+' | '?' | '^' | '$' => self.copy(1),
                literal => {
                    self.at += 1;
                    self.literal(literal);
                }
            }
        }
        Ok(())
    }

    fn copy(&mut self, count: usize) {
        self.out.extend(&self.pattern[self.at..self.at + count]);
        self.at += count;
    }

    /// Whether a greedy `*` or `+` follows: then counting bytes comes to the same as counting characters.
    fn runs_on(&self) -> bool {
        matches!(self.peek(0), Some('*' | '+')) && self.peek(1) != Some('?') && !self.flags.swap_greed
    }

    fn literal(&mut self, literal: char) {
        let wide = !literal.is_ascii();
        self.out.push_str(if wide { "(?u:" } else { "" });
        push(&mut self.out, literal, r"\.+*?()|[]{}^$");
        self.out.push_str(if wide { ")" } else { "" });
    }

    fn open(&mut self) -> Result<(), GoRegexError> {
        let start = self.at;
        let error = GoRegexError::Group { at: start + 1 };
        self.outer.push(self.flags);
        if self.peek(1) != Some('?') {
            self.copy(1);
            return Ok(());
        }
        if self.looks_at("(?P<") || self.looks_at("(?<") {
            let name = if self.looks_at("(?P<") { 4 } else { 3 };
            let length = self.pattern[start + name..]
                .iter()
                .position(|letter| *letter == '>')
                .ok_or_else(|| error.clone())?;
            let letters = &self.pattern[start + name..start + name + length];
            if length == 0 || !letters.iter().all(|letter| letter.is_ascii_alphanumeric() || *letter == '_') {
                return Err(error);
            }
            // The crate wants a letter first; names say nothing to rules, so any will do.
            self.out.push_str("(?P<");
            if letters[0].is_ascii_digit() {
                self.out.push('_');
            }
            self.out.extend(letters);
            self.out.push('>');
            self.at = start + name + length + 1;
            return Ok(());
        }
        self.flags(error)
    }

    /// `(?flags)` and `(?flags:`, from the opening bracket on.
    fn flags(&mut self, error: GoRegexError) -> Result<(), GoRegexError> {
        let mut flags = self.flags;
        let mut on = true;
        let mut ahead = 2;
        loop {
            match self.peek(ahead) {
                Some('i') => flags.fold = on,
                Some('U') => flags.swap_greed = on,
                Some('m' | 's') => {}
                Some('-') if on => on = false,
                Some(':') => break,
                Some(')') if ahead > 2 => {
                    self.outer.pop();
                    break;
                }
                _ => return Err(error),
            }
            ahead += 1;
        }
        self.flags = flags;
        self.copy(ahead + 1);
        Ok(())
    }

    /// A repetition, or the brace itself.
    fn brace(&mut self) -> Result<(), GoRegexError> {
        let error = GoRegexError::Repeat { at: self.at + 1 };
        let Some((low, high, length)) = self.repetition() else {
            self.at += 1;
            self.out.push_str("\\{");
            return Ok(());
        };
        if low > MOST_REPEATS || high.is_some_and(|high| high > MOST_REPEATS || high < low) {
            return Err(error);
        }
        self.copy(length);
        Ok(())
    }

    /// Least, most and length of `{n}`, `{n,}` or `{n,m}`.
    fn repetition(&self) -> Option<(u32, Option<u32>, usize)> {
        let (low, mut ahead) = self.number(1)?;
        let mut high = Some(low);
        if self.peek(ahead) == Some(',') {
            ahead += 1;
            high = None;
            if self.peek(ahead) != Some('}') {
                let (number, next) = self.number(ahead)?;
                high = Some(number);
                ahead = next;
            }
        }
        (self.peek(ahead) == Some('}')).then_some((low, high, ahead + 1))
    }

    fn number(&self, from: usize) -> Option<(u32, usize)> {
        let mut ahead = from;
        let mut number = 0_u32;
        while let Some(digit) = self.peek(ahead).and_then(|letter| letter.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit);
            ahead += 1;
        }
        let leading_zero = self.peek(from) == Some('0') && ahead > from + 1;
        (ahead > from && !leading_zero).then_some((number, ahead))
    }

    /// A backslash outside a class.
    fn escape(&mut self) -> Result<(), GoRegexError> {
        match self.peek(1) {
            Some('b' | 'B' | 'A' | 'z') => self.copy(2),
            Some('C') => {
                self.at += 2;
                self.out.push_str("(?s:.)");
            }
            Some('Q') => {
                self.at += 2;
                while self.at < self.pattern.len() && !self.looks_at("\\E") {
                    self.literal(self.pattern[self.at]);
                    self.at += 1;
                }
                self.at = (self.at + 2).min(self.pattern.len());
            }
            _ => match self.escaped()? {
                Atom::Char(literal) => self.literal(literal),
                Atom::Set(set) => self.set(&set, false),
            },
        }
        Ok(())
    }

    /// What an escape stands for, in a class or outside.
    fn escaped(&mut self) -> Result<Atom, GoRegexError> {
        let error = GoRegexError::Escape { at: self.at + 1 };
        let Some(kind) = self.peek(1) else { return Err(error) };
        self.at += 2;
        let literal = match kind {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => return Ok(Atom::Set(perl(kind))),
            'p' | 'P' => return self.unicode(kind == 'P', error).map(Atom::Set),
            'a' => '\x07',
            'f' => '\x0C',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0B',
            'x' => return self.hexadecimal().map(Atom::Char).ok_or(error),
            '0'..='7' => {
                let octal = |letter: Option<char>| letter.and_then(|letter| letter.to_digit(8));
                if kind != '0' && octal(self.peek(0)).is_none() {
                    return Err(error);
                }
                let mut code = octal(Some(kind)).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = octal(self.peek(0)) else { break };
                    code = code * 8 + digit;
                    self.at += 1;
                }
                return char::from_u32(code).map(Atom::Char).ok_or(error);
            }
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => other,
            _ => return Err(error),
        };
        Ok(Atom::Char(literal))
    }

    /// After `\x`: two digits or any number in braces.
    fn hexadecimal(&mut self) -> Option<char> {
        let rest = &self.pattern[self.at..];
        let (digits, length) = if rest.first() == Some(&'{') {
            let end = rest.iter().position(|letter| *letter == '}')?;
            (&rest[1..end], end + 1)
        } else {
            (rest.get(..2)?, 2)
        };
        let code = u32::from_str_radix(&digits.iter().collect::<String>(), 16).ok()?;
        self.at += length;
        char::from_u32(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::bytes::{Regex, RegexBuilder};

    fn compile(pattern: &str) -> Regex {
        RegexBuilder::new(&translate(pattern).unwrap().regex).unicode(false).build().unwrap()
    }

    #[track_caller]
    fn finds(pattern: &str, text: impl AsRef<[u8]>, wanted: Option<&[u8]>) {
        let found = compile(pattern).find(text.as_ref()).map(|found| found.as_bytes().to_vec());
        assert_eq!(found.as_deref(), wanted, "{pattern} became {}", translate(pattern).unwrap().regex);
    }

    #[test]
    fn a_brace_that_repeats_nothing_is_itself() {
        finds(r"a{b}", "a{b}", Some(b"a{b}"));
        finds(r"x{,3}", "x{,3}", Some(b"x{,3}"));
        finds(r"x{2}", "xxx", Some(b"xx"));
        finds(r"x{02}", "x{02}", Some(b"x{02}"));
        finds(r"[^]{]{2}", "]{ab", Some(b"ab"));
    }

    #[test]
    fn classes_are_ascii_and_white_space_has_no_vertical_tab() {
        finds(r"\w+", "éab", Some(b"ab"));
        finds(r"\d", "٣", None);
        finds(r"\s", "\x0B", None);
        finds(r"[\s]", "\x0B", None);
        finds(r"\S", "\x0B", Some(b"\x0B"));
        finds(r"[[:word:]-]+", "!a-_", Some(b"a-_"));
        finds(r"[[:^alpha:]]", "ab1", Some(b"1"));
    }

    #[test]
    fn operators_of_the_other_dialect_are_literals_in_a_class() {
        finds(r"[a&&b]+", "&a&b", Some(b"&a&b"));
        finds(r"[a~~b]+", "~a", Some(b"~a"));
        finds(r"[+--]+", ",-+", Some(b",-+"));
        finds(r"[^[]+", "[ab", Some(b"ab"));
        finds(r"[]a]+", "]a", Some(b"]a"));
        finds(r"\<a\>", "<a>", Some(b"<a>"));
    }

    #[test]
    fn quoting_octal_and_hexadecimal() {
        finds(r"\Qa.b{\E+", "a.b{{", Some(b"a.b{{"));
        finds(r"\101\x42\x{43}", "ABC", Some(b"ABC"));
        finds(r"\pL+", "1éa", Some("éa".as_bytes()));
        finds(r"[\p{Greek}x]+", "aλx", Some("λx".as_bytes()));
        finds(r"\xe9", "é", Some("é".as_bytes()));
    }

    #[test]
    fn a_dot_or_negated_class_takes_a_whole_character_or_a_latin_1_letter() {
        finds(r"=(.){2}$", "=éé", Some("=éé".as_bytes()));
        finds(r#""[^"]{2}""#, "\"éé\"", Some("\"éé\"".as_bytes()));
        finds(r"a.b", b"a\xE9b", Some(b"a\xE9b"));
        finds(r"a[^x]{2}b", b"a\xE9\xE8b", Some(b"a\xE9\xE8b"));
        finds(r"a.{2}b", "aéb", None);
        finds(r"a[^x]{2}b", "aéb", None);
        finds(r"a\Wb", "aéb", Some("aéb".as_bytes()));
        finds(r"a.*b", "aéb\n", Some("aéb".as_bytes()));
        finds(r"a[^b]+b", "aéb", Some("aéb".as_bytes()));
        finds(r"a.b", "a\nb", None);
        finds(r"(?s)a.b", "a\nb", Some(b"a\nb"));
    }

    #[test]
    fn flags_hold_where_go_lets_them_hold() {
        finds(r"(?i)[^a]", "Aa", None);
        finds(r"(?i)[\W_]x", "kx", None);
        finds(r"(?:(?i)a)b", "AB", None);
        finds(r"(?i:A)[b-c]", "ab", Some(b"ab"));
        finds(r"(?U)a+", "aaa", Some(b"a"));
        finds(r"(?i)É", "é", Some("é".as_bytes()));
        finds(r"(?i)[à-ü]+", "É", Some("É".as_bytes()));
    }

    #[test]
    fn names_and_counts_groups() {
        assert_eq!(translate(r"(?P<a>x)(?:y)(?<b>z)(q)").unwrap().groups, 3);
        assert!(translate(r"(?P<1>x)").is_ok());
    }

    #[test]
    fn refuses_what_go_refuses() {
        for (pattern, error) in [
            (r"(a)\1", GoRegexError::Escape { at: 4 }),
            (r"a\Z", GoRegexError::Escape { at: 2 }),
            (r"a(?=b)", GoRegexError::Group { at: 2 }),
            (r"(?x)a", GoRegexError::Group { at: 1 }),
            (r"a[b", GoRegexError::Class { at: 2 }),
            (r"[z-a]", GoRegexError::Class { at: 1 }),
            (r"[[:no:]]", GoRegexError::Class { at: 1 }),
            (r"a{1001}", GoRegexError::Repeat { at: 2 }),
        ] {
            assert_eq!(translate(pattern).unwrap_err(), error, "{pattern}");
        }
        assert_eq!(translate(r"(a{100}b){11}").unwrap_err(), GoRegexError::NestedRepeats);
        assert!(translate(r"(a{100}b){10}c{1000}").is_ok());
        for pattern in ["(a", "a)", "*a", "\\"] {
            assert!(translate(pattern).is_err(), "{pattern}");
        }
    }
}
