//! One entry of a baseline: a finding that somebody accepted, by rule, path and the secret's hash, with
//! the reason. One line of JSON; no commit and no line number, so that neither can make it void.

use super::slow_hash::Hash;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Why a finding is accepted, by whom, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// In the user's words.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The first day (in UTC) on which it no longer holds.
    pub expires: Option<Date>,
}

/// An accepted finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The rule's id.
    pub rule: String,
    /// As reports show it.
    pub path: String,
    /// None: the rule is about paths alone.
    pub(super) hash: Option<Hash>,
    /// Why.
    pub note: Note,
    /// Its line in the file, from 1; 0: not written yet.
    pub line: usize,
}

/// What is wrong in a line, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// In bytes, from 1.
    pub(super) column: usize,
    pub(super) what: String,
}

impl Fault {
    /// What is wrong with the value of `key`.
    pub(super) fn of_key(line: &[u8], key: &str, what: String) -> Self {
        let quoted = format!("\"{key}\"");
        let column = memchr::memmem::find(line, quoted.as_bytes()).map_or(1, |at| at + 1);
        Self { column, what }
    }

    /// What the JSON parser stumbled on. Its own words are left out: they quote the line.
    pub(super) fn of_json(error: &serde_json::Error, wanted: &str) -> Self {
        let what = match error.is_data() {
            true => format!("has not the keys and values of {wanted}"),
            false => "is damaged: no whole JSON object stands here; restore the line".to_owned(),
        };
        Self { column: error.column().max(1), what }
    }
}

/// An entry as it is written; lines sort by path, then rule.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    path: String,
    rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

const SHAPE: &str = "an entry: `path`, `rule`, `hash` (unless the rule is about paths), `reason`, and perhaps `owner` and `expires`";

impl Entry {
    /// Reads line number `number` of a file.
    pub(super) fn parse(line: &[u8], number: usize) -> Result<Self, Fault> {
        let written: Written = serde_json::from_slice(line).map_err(|error| Fault::of_json(&error, SHAPE))?;
        let fault = |key, what: &str| Fault::of_key(line, key, format!("`{key}` {what}"));
        let hash = written.hash.map(|digits| {
            let bytes = from_hex(&digits).and_then(|bytes| Hash::try_from(bytes).ok());
            bytes.ok_or_else(|| fault("hash", "is damaged: it has 32 hexadecimal digits; restore the line"))
        });
        let expires = written
            .expires
            .map(|day| day.parse().map_err(|_| fault("expires", "is no date; write it as 2027-01-31")));
        if written.reason.trim().is_empty() {
            return Err(fault("reason", "is empty; say why the finding is accepted"));
        }
        let note = Note { reason: written.reason, owner: written.owner, expires: expires.transpose()? };
        Ok(Self { rule: written.rule, path: written.path, hash: hash.transpose()?, note, line: number })
    }

    /// Its line, without the line's end.
    pub(super) fn line(&self) -> String {
        let written = Written {
            path: self.path.clone(),
            rule: self.rule.clone(),
            hash: self.hash.map(|hash| to_hex(&hash)),
            reason: self.note.reason.clone(),
            owner: self.note.owner.clone(),
            expires: self.note.expires.map(|day| day.to_string()),
        };
        serde_json::to_string(&written).expect("it is texts alone")
    }

    /// Whether its day is over.
    pub fn has_expired(&self, today: Date) -> bool {
        self.note.expires.is_some_and(|day| day <= today)
    }
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn from_hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) || !digits.len().is_multiple_of(2) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let note = Note {
            reason: "a \"test\" key\nof ours".to_owned(),
            owner: Some("Ann".to_owned()),
            expires: Some(Date::constant(2027, 1, 31)),
        };
        Entry { rule: "r".to_owned(), path: "a b/\n\u{e9}".to_owned(), hash: Some([7; 16]), note, line: 3 }
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let whole = entry();
        assert!(!whole.line().contains('\n'));
        assert_eq!(Entry::parse(whole.line().as_bytes(), 3).unwrap(), whole);
        let note = Note { owner: None, expires: None, ..whole.note.clone() };
        let short = Entry { hash: None, note, ..whole };
        assert_eq!(Entry::parse(short.line().as_bytes(), 3).unwrap(), short);
    }

    #[test]
    fn a_damaged_line_says_where_and_quotes_nothing() {
        let line = entry().line();
        for (damaged, column, words) in [
            (line.replace("0707", "07x7"), 31, "`hash` is damaged"),
            (line.replace("0707", "07"), 31, "`hash` is damaged"),
            (line.replace("2027-01-31", "soon"), 0, "`expires` is no date"),
            (line.replace("a \\\"test\\\" key\\nof ours", " "), 0, "`reason` is empty"),
            (line.replace("\"owner\"", "\"ownr\""), 0, "the keys and values of an entry"),
            (line.replace("\"rule\":\"r\",", ""), 0, "the keys and values of an entry"),
            (line.replace("\"r\"", "7"), 0, "the keys and values of an entry"),
            (line[..20].to_owned(), 20, "is damaged"),
            ("nonsense".to_owned(), 0, "is damaged"),
        ] {
            let fault = Entry::parse(damaged.as_bytes(), 1).unwrap_err();
            assert!(fault.what.contains(words), "{damaged}: {fault:?}");
            assert!(column == 0 || fault.column == column, "{damaged}: {fault:?}");
            assert!(!fault.what.contains("soon") && !fault.what.contains("ownr"), "{fault:?}");
        }
    }

    #[test]
    fn it_expires_when_its_day_begins() {
        let day = Date::constant(2027, 1, 31);
        assert!(!entry().has_expired(day.yesterday().unwrap()));
        assert!(entry().has_expired(day));
    }
}
