//! From text to entries. The dialect is described in [`super`].

use super::comment::{Annotations, Defaults};
use super::{Entry, Quote, Template};
use crate::secret::Secret;
use crate::vault::fault::{Fault, FaultKind, Faults, Place};
use std::collections::HashMap;
use std::path::Path;

const NO_KEY: &str = "this is neither KEY=value nor a # comment";
const OPEN: &str = "the quote that opens here is never closed";
const AFTER: &str =
    "after the closing quote only a # comment may follow (write the quote inside as \\\" in \"…\")";

pub(super) fn template(text: &str, shown: &Path) -> Result<Template, Faults> {
    let lines = Secret::new(text.replace("\r\n", "\n").replace('\r', "\n"));
    let mut reader = Reader { rest: lines.expose().trim_start_matches('\u{feff}'), line: 1 };
    let mut template = Template { source: Some(Secret::new(text.to_owned())), ..Template::default() };
    let mut defaults = Defaults::default();
    let mut faults = Vec::new();
    let mut first_lines = HashMap::<String, usize>::new();
    let mut above = Vec::<(usize, String)>::new();
    while !reader.rest.is_empty() {
        let line = reader.line;
        let start = reader.rest.trim_start_matches([' ', '\t']);
        let mut fault = |line, kind| faults.push(Fault { place: Place::line(shown, line), kind });
        if let Some(comment) = start.strip_prefix('#') {
            let comment = first_line(comment).trim();
            if template.entries.is_empty()
                && let Err(kind) = defaults.read(comment)
            {
                fault(line, kind);
            }
            match is_divider(comment) {
                true => above.clear(),
                false => above.push((line, comment.to_owned())),
            }
            reader.skip_line();
            continue;
        }
        if first_line(start).trim().is_empty() {
            above.clear();
            reader.skip_line();
            continue;
        }
        match reader.entry() {
            Err(words) => fault(line, FaultKind::Syntax(words)),
            Ok((mut entry, trailing)) => {
                let mut comments = std::mem::take(&mut above);
                comments.extend(trailing.map(|comment| (line, comment)));
                match Annotations::read(&comments) {
                    Ok(annotations) => entry.annotations = annotations,
                    Err((line, kind)) => fault(line, kind),
                }
                match first_lines.get(&entry.key) {
                    Some(&first) => fault(line, FaultKind::Duplicate { key: entry.key.clone(), first }),
                    None => drop(first_lines.insert(entry.key.clone(), line)),
                }
                template.entries.push(entry);
            }
        }
        above.clear();
    }
    defaults.apply(&mut template.entries);
    if faults.is_empty() { Ok(template) } else { Err(faults.into()) }
}

/// `# ---` or `# ===`: what stands above it does not belong to the next key.
fn is_divider(comment: &str) -> bool {
    ['-', '='].iter().any(|&sign| comment.len() >= 3 && comment.chars().all(|c| c == sign))
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    fn skip(&mut self, bytes: usize) {
        let (over, rest) = self.rest.split_at(bytes);
        self.line += over.matches('\n').count();
        self.rest = rest;
    }

    fn skip_line(&mut self) {
        self.skip(self.rest.find('\n').map_or(self.rest.len(), |newline| newline + 1));
    }

    fn skip_blanks(&mut self) {
        self.skip(self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len());
    }

    /// One entry with the comment behind it; leaves the reader at the next line in any case.
    fn entry(&mut self) -> Result<(Entry, Option<String>), &'static str> {
        let line = self.line;
        let entry = self.key().and_then(|key| self.value().map(|value| (key, value)));
        let (key, (quote, raw)) = match entry {
            Ok(entry) => entry,
            Err(words) => {
                self.skip_line();
                return Err(words);
            }
        };
        let tail = first_line(self.rest).trim();
        let comment = tail.strip_prefix('#').map(|comment| comment.trim().to_owned());
        let clean = tail.is_empty() || comment.is_some();
        self.skip_line();
        if !clean {
            return Err(AFTER);
        }
        let value = if quote == Quote::Double { unescape(&raw) } else { raw.clone() };
        let (value, raw) = (Secret::new(value), Secret::new(raw));
        Ok((Entry { key, value, quote, line, annotations: Annotations::default(), raw }, comment))
    }

    fn key(&mut self) -> Result<String, &'static str> {
        self.skip_blanks();
        if let Some(after) = self.rest.strip_prefix("export")
            && after.starts_with([' ', '\t'])
            && !after.trim_start_matches([' ', '\t']).starts_with('=')
        {
            self.skip("export".len());
            self.skip_blanks();
        }
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c)));
        let key = self.rest[..end.unwrap_or(self.rest.len())].to_owned();
        if !key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Err(NO_KEY);
        }
        self.skip(key.len());
        let tail = first_line(self.rest).trim_start_matches([' ', '\t']);
        let blanks = first_line(self.rest).len() - tail.len();
        match tail.as_bytes() {
            [b'=', ..] => self.skip(blanks + 1),
            [b':', b' ' | b'\t', ..] | [b':'] => self.skip(blanks + 1),
            [] => {}
            [b'#', ..] if blanks > 0 => {}
            _ => return Err(NO_KEY),
        }
        Ok(key)
    }

    fn value(&mut self) -> Result<(Quote, String), &'static str> {
        let before = self.rest.len();
        self.skip_blanks();
        let spaced = self.rest.len() < before;
        let quote = match self.rest.as_bytes().first() {
            Some(b'\'') => Quote::Single,
            Some(b'"') => Quote::Double,
            Some(b'`') => Quote::Back,
            _ => return Ok((Quote::None, self.unquoted(spaced))),
        };
        let sign = self.rest.as_bytes()[0];
        let mut escaped = false;
        let end = self.rest.bytes().skip(1).position(|byte| {
            let closes = byte == sign && !escaped;
            escaped = quote == Quote::Double && byte == b'\\' && !escaped;
            closes
        });
        let end = end.ok_or(OPEN)? + 1;
        let raw = self.rest[1..end].to_owned();
        self.skip(end + 1);
        Ok((quote, raw))
    }

    /// Up to a `#` that follows a blank, or the line's end.
    fn unquoted(&mut self, spaced: bool) -> String {
        let line = first_line(self.rest);
        let mut blank = spaced;
        let end = line.bytes().position(|byte| {
            let comment = byte == b'#' && blank;
            blank = byte == b' ' || byte == b'\t';
            comment
        });
        let end = end.unwrap_or(line.len());
        let value = line[..end].trim().to_owned();
        self.skip(end);
        value
    }
}

fn escape(character: char) -> Option<char> {
    Some(match character {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '"' | '\\' | '$' => character,
        _ => return None,
    })
}

fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.clone().next().and_then(escape) {
            Some(meant) => {
                characters.next();
                out.push(meant);
            }
            None => out.push('\\'),
        }
    }
    out
}

/// `raw` with its variables replaced, and its escapes too where it has any.
pub(super) fn expand(raw: &str, escapes: bool, lookup: &dyn Fn(&str) -> Option<Secret>) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['$', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('\\') {
            let taken = rest.chars().nth(1).filter(|_| escapes).and_then(escape);
            let dollar = !escapes && rest.starts_with("\\$");
            out.push(if dollar { '$' } else { taken.unwrap_or('\\') });
            rest = &rest[if taken.is_some() || dollar { 2 } else { 1 }..];
            continue;
        }
        match variable(rest) {
            None => {
                out.push('$');
                rest = &rest[1..];
            }
            Some((name, default, length)) => {
                let found = lookup(name).filter(|value| !value.expose().is_empty());
                out.push_str(found.as_ref().map_or(default, Secret::expose));
                rest = &rest[length..];
            }
        }
    }
    out + rest
}

/// Name, default and length of the variable at the start of `text`.
fn variable(text: &str) -> Option<(&str, &str, usize)> {
    let word = |text: &str| {
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        if text.starts_with(|c: char| c.is_ascii_digit()) { 0 } else { end }
    };
    match text.strip_prefix("${") {
        Some(inner) => {
            let close = inner.find('}')?;
            let (name, default) = inner[..close].split_once(":-").unwrap_or((&inner[..close], ""));
            (word(name) == name.len() && !name.is_empty()).then_some((name, default, close + 3))
        }
        None => {
            let length = word(&text[1..]);
            (length > 0).then(|| (&text[1..=length], "", length + 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::template::quote;
    use proptest::prelude::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let template = Template::parse(text, Path::new(".env")).unwrap();
        template.entries.iter().map(|e| (e.key.clone(), e.value.expose().to_owned())).collect()
    }

    fn value(text: &str) -> String {
        let values = values(text);
        assert_eq!(values.len(), 1, "{values:?}");
        values[0].1.clone()
    }

    #[test]
    fn reads_every_way_of_writing_a_value() {
        for (text, expected) in [
            ("A=b", "b"),
            ("  export A = b c  \r\n", "b c"),
            ("A: b", "b"),
            ("A", ""),
            ("A=", ""),
            ("A= # said", ""),
            ("A=#b", "#b"),
            ("A=b#c", "b#c"),
            ("A=b #c", "b"),
            ("A=it's", "it's"),
            ("A=a=b==", "a=b=="),
            ("A=c:\\new", "c:\\new"),
            ("A='b #c' # said", "b #c"),
            ("A='b\\n'", "b\\n"),
            ("A=`it's \"so\"`", "it's \"so\""),
            ("A=\"b\\n\\t\\\"c\\\" \\$d \\x\"", "b\n\t\"c\" $d \\x"),
            ("A=\"b\r\nc\"", "b\nc"),
            ("A=\"ends\\\\\"", "ends\\"),
            ("A=$B ${C}", "$B ${C}"),
            ("\u{feff}A=b", "b"),
            ("A='b\rc'\r", "b\nc"),
            ("export=b", "b"),
            ("A=ключ 🔑", "ключ 🔑"),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_count_over_long_values() {
        let template = Template::parse("A='1\n2\n3'\n\n# c\nB=4\n", Path::new(".env")).unwrap();
        let lines: Vec<_> = template.entries.iter().map(|entry| (entry.key.as_str(), entry.line)).collect();
        assert_eq!(lines, [("A", 1), ("B", 6)]);
    }

    #[test]
    fn names_every_line_that_it_cannot_read_and_no_value() {
        let text = "A=1\nwhat is this\nB='canary' canary\nA=2\nC=\"canary\n";
        let faults = Template::parse(text, Path::new(".env")).unwrap_err();
        let words = faults.to_string();
        let lines: Vec<_> = faults.0.iter().map(|fault| fault.place.line).collect();
        assert_eq!(lines, [2, 3, 4, 5], "{words}");
        assert!(!words.contains("canary"), "{words}");
        assert!(words.contains(".env:4: `A` stands here again: it is already declared in line 1"), "{words}");
    }

    #[test]
    fn a_header_sets_what_holds_unless_a_key_says_otherwise() {
        let text = "# @defaultRequired=false @defaultSensitive=inferFromPrefix(PUBLIC_)\n# ---\n\
            A=\nPUBLIC_B=1\n# words\n# @required @sensitive\nPUBLIC_C=\n";
        let template = Template::parse(text, Path::new(".env")).unwrap();
        let said: Vec<_> = template.entries.iter().map(|entry| &entry.annotations).collect();
        let (optional, sensitive): (Vec<_>, Vec<_>) = said.iter().map(|a| (a.optional, a.sensitive)).unzip();
        assert_eq!(optional, [Some(true), Some(true), Some(false)]);
        assert_eq!(sensitive, [Some(true), Some(false), Some(true)]);
        assert_eq!((said[0].description.as_str(), said[2].description.as_str()), ("", "words"));
        let words = Template::parse("# @defaultRequired=infer\nA=\n", Path::new(".env")).unwrap_err();
        assert!(words.to_string().contains(".env:1: `@defaultRequired` must be true or false"), "{words}");
    }

    #[test]
    fn expands_only_when_asked() {
        let text = "A=1\nB=${A}$A-$X-${Y:-d}\nC='$A'\nD=\"\\$A \\n$A\"\nE=$5 ${ $\n";
        let outside = |name: &str| (name == "X").then(|| Secret::new("x".into()));
        let template = Template::parse(text, Path::new(".env")).unwrap().expanded(outside);
        let values: Vec<_> = template.entries.iter().map(|entry| entry.value.expose()).collect();
        assert_eq!(values, ["1", "11-x-d", "$A", "$A \n1", "$5 ${ $"]);
    }

    proptest! {
        #[test]
        fn what_quote_writes_is_read_back(value in "[ -~\n\r\täß🔑]{0,40}") {
            prop_assert_eq!(super::super::parse::tests::value(&format!("A={}\n", quote(&value))), value);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[A-C=#'\"`\\\\ \n\r$@:x{}-]{0,60}") {
            if let Ok(template) = Template::parse(&text, Path::new(".env")) {
                prop_assert_eq!(template.text(), &text);
                drop(template.expanded(|_| None));
            }
        }
    }
}
