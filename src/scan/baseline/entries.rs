//! Our own baseline: JSON lines, a header and then one entry a line, sorted. It is made to be committed:
//! it holds hashes, not secrets, and two branches that add entries merge line by line.
//!
//! Order and repeated lines mean nothing to the reader, so a merge needs no care; a damaged line makes
//! the whole file unusable, since what it accepted cannot be told.

use super::super::finding::Finding;
use super::entry::{Entry, Fault, Note, from_hex, to_hex};
use super::slow_hash::{Hash, SlowHash};
use super::{BaselineError, Sifted};
use jiff::civil::Date;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

const VERSION: u32 = 1;
const HEADER: &[u8] = b"{\"cofferdam-baseline\"";
const CONFLICT: [&[u8]; 4] = [b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>"];

/// Accepted findings, and how their secrets are hashed.
#[derive(Clone, Debug)]
pub struct Entries {
    hash: SlowHash,
    entries: Vec<Entry>,
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(rename = "cofferdam-baseline")]
    version: u32,
    hash: String,
    memory_kib: u32,
    passes: u32,
    salt: String,
}

/// What an update added.
#[derive(Debug, Default)]
pub struct Changes {
    /// Findings that no entry knew.
    pub added: Vec<Entry>,
    /// Secrets that an entry knew in a file that is gone; they keep its reason, owner and expiry.
    pub followed: Vec<Entry>,
}

/// Whether the text means to be such a file.
pub(super) fn is_own(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    text.starts_with(HEADER) || is_conflict_mark(text)
}

fn is_conflict_mark(line: &[u8]) -> bool {
    CONFLICT.iter().any(|mark| line.starts_with(mark))
}

impl Entries {
    /// None yet, and a new salt.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn new() -> Result<Self, BaselineError> {
        Ok(Self { hash: SlowHash::new()?, entries: Vec::new() })
    }

    /// Reads a file; `path` is where it stands, for errors.
    ///
    /// # Errors
    /// When a line is damaged.
    pub fn parse(text: &[u8], path: &Path) -> Result<Self, BaselineError> {
        let mut header = None;
        let mut entries = Vec::new();
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            let read = match line {
                [] => Ok(()),
                line if line.starts_with(HEADER) => take_header(line, &mut header),
                line if is_conflict_mark(line) => Err(Fault {
                    column: 1,
                    what:
                        "is a mark of an unfinished merge; keep the lines of both sides and remove the marks"
                            .to_owned(),
                }),
                line => Entry::parse(line, index + 1).map(|entry| entries.push(entry)),
            };
            read.map_err(|Fault { column, what }| BaselineError::Damaged {
                path: path.to_owned(),
                line: index + 1,
                column,
                what,
            })?;
        }
        let hash =
            header.ok_or_else(|| BaselineError::NoReport { path: path.to_owned(), line: 1, column: 1 })?;
        Ok(Self { hash, entries })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// As [`super::Baseline::sift`].
    pub(super) fn sift(&self, findings: Vec<Finding>, today: Date) -> Result<Sifted, BaselineError> {
        let matching = self.matching(&findings)?;
        let mut stale: FxHashSet<usize> = (0..self.entries.len()).collect();
        let mut expired = FxHashSet::default();
        let mut news = Vec::new();
        for (finding, matching) in findings.into_iter().zip(matching) {
            for index in &matching {
                stale.remove(index);
            }
            if matching.iter().all(|&index| self.entries[index].has_expired(today)) {
                expired.extend(matching);
                news.push(finding);
            }
        }
        let (expired, stale) = (self.named(&expired), self.named(&stale));
        Ok(Sifted { news, known: 0, expired, stale })
    }

    /// Adds an entry for each finding that none knows, not even an expired one. Where the same rule knew
    /// the same secret only in files that are `gone`, the new entry takes over that one's note, and its place
    /// unless a finding (of history) still needs it; else it gets `note`.
    ///
    /// # Errors
    /// When there is no memory to hash secrets in.
    pub fn update(
        &mut self,
        findings: &[Finding],
        note: &Note,
        gone: impl Fn(&Entry) -> bool,
    ) -> Result<Changes, BaselineError> {
        let matching = self.matching(findings)?;
        let unknown = findings.iter().zip(&matching).filter(|(_, known)| known.is_empty());
        let unknown: Vec<&Finding> = unknown.map(|(finding, _)| finding).collect();
        let hashes = self.hash.of(secrets(unknown.iter().copied()))?;
        let before = self.only_gone(gone);
        let (mut changes, mut left, mut seen) =
            (Changes::default(), FxHashSet::default(), FxHashSet::default());
        for finding in unknown {
            let (rule, path) = (&finding.rule.id, &finding.path);
            let hash = hashes.get(finding.secret.expose()).copied();
            if !seen.insert((rule, path, hash)) {
                continue;
            }
            let entry = |note: &Note| Entry {
                rule: rule.clone(),
                path: path.clone(),
                hash,
                note: note.clone(),
                line: 0,
            };
            match hash.and_then(|hash| before.get(&(rule.as_str(), hash))) {
                Some(&index) => {
                    left.insert(index);
                    changes.followed.push(entry(&self.entries[index].note));
                }
                None => changes.added.push(entry(note)),
            }
        }
        matching.iter().flatten().for_each(|index| _ = left.remove(index));
        self.remove(&left);
        self.entries.extend(changes.added.iter().chain(&changes.followed).cloned());
        Ok(changes)
    }

    /// Removes the entries that no finding needs, of those that the scan covers; gives them.
    ///
    /// # Errors
    /// When there is no memory to hash secrets in.
    pub fn prune(
        &mut self,
        findings: &[Finding],
        covers: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<Entry>, BaselineError> {
        let used: FxHashSet<usize> = self.matching(findings)?.into_iter().flatten().collect();
        let stale: FxHashSet<usize> = (0..self.entries.len())
            .filter(|index| !used.contains(index) && covers(&self.entries[*index]))
            .collect();
        let pruned = self.named(&stale);
        self.remove(&stale);
        Ok(pruned)
    }

    /// The secrets that entries know only in files that are gone, each with such an entry.
    fn only_gone(&self, gone: impl Fn(&Entry) -> bool) -> FxHashMap<(&str, Hash), usize> {
        let (mut before, mut standing) = (FxHashMap::default(), FxHashSet::default());
        for (index, entry) in self.entries.iter().enumerate() {
            let Some(hash) = entry.hash else { continue };
            let secret = (entry.rule.as_str(), hash);
            if gone(entry) {
                before.entry(secret).or_insert(index);
            } else {
                standing.insert(secret);
            }
        }
        before.retain(|secret, _| !standing.contains(secret));
        before
    }

    /// For each finding the entries that know it. Only secrets at a place that has an entry are hashed.
    fn matching(&self, findings: &[Finding]) -> Result<Vec<Vec<usize>>, BaselineError> {
        let mut places: FxHashMap<(&str, &str), Vec<usize>> = FxHashMap::default();
        for (index, entry) in self.entries.iter().enumerate() {
            places.entry((&entry.rule, &entry.path)).or_default().push(index);
        }
        let candidates: Vec<&[usize]> = findings
            .iter()
            .map(|finding| (finding.rule.id.as_str(), finding.path.as_str()))
            .map(|place| places.get(&place).map_or(&[][..], Vec::as_slice))
            .collect();
        let placed = findings.iter().zip(&candidates).filter(|(_, candidates)| !candidates.is_empty());
        let hashes = self.hash.of(secrets(placed.map(|(finding, _)| finding)))?;
        let known = |(finding, candidates): (&Finding, &&[usize])| {
            let hash = hashes.get(finding.secret.expose()).copied();
            candidates.iter().copied().filter(|&index| self.entries[index].hash == hash).collect()
        };
        Ok(findings.iter().zip(&candidates).map(known).collect())
    }

    fn named(&self, indices: &FxHashSet<usize>) -> Vec<Entry> {
        let chosen = self.entries.iter().enumerate().filter(|(index, _)| indices.contains(index));
        chosen.map(|(_, entry)| entry.clone()).collect()
    }

    fn remove(&mut self, indices: &FxHashSet<usize>) {
        let mut index = 0..;
        self.entries.retain(|_| index.next().is_none_or(|index| !indices.contains(&index)));
    }
}

/// The file's text.
impl fmt::Display for Entries {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SlowHash { memory_kib, passes, salt } = &self.hash;
        let header = Header {
            version: VERSION,
            hash: "argon2id".to_owned(),
            memory_kib: *memory_kib,
            passes: *passes,
            salt: to_hex(salt),
        };
        writeln!(out, "{}", serde_json::to_string(&header).expect("it is texts and numbers"))?;
        let mut lines: Vec<String> = self.entries.iter().map(Entry::line).collect();
        lines.sort_unstable();
        lines.dedup();
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))
    }
}

fn take_header(line: &[u8], taken: &mut Option<SlowHash>) -> Result<(), Fault> {
    let hash = read_header(line)?;
    if taken.get_or_insert_with(|| hash.clone()) != &hash {
        let what = "is a second header: two baselines were merged; keep one header with its own entries, \
                    then run `cofferdam baseline update`";
        return Err(Fault { column: 1, what: what.to_owned() });
    }
    Ok(())
}

fn read_header(line: &[u8]) -> Result<SlowHash, Fault> {
    let wanted = "a header: `cofferdam-baseline`, `hash`, `memory_kib`, `passes`, `salt`; restore the line";
    let header: Header = serde_json::from_slice(line).map_err(|error| Fault::of_json(&error, wanted))?;
    if header.version != VERSION || header.hash != "argon2id" {
        let what = format!("is not of version {VERSION} with the hash argon2id; use a newer cofferdam");
        return Err(Fault { column: 1, what });
    }
    let Header { memory_kib, passes, salt, .. } = header;
    let hash = SlowHash { memory_kib, passes, salt: from_hex(&salt).unwrap_or_default() };
    match hash.fault() {
        Some((key, range)) => {
            Err(Fault::of_key(line, key, format!("`{key}` must be {range}; restore the line")))
        }
        None => Ok(hash),
    }
}

/// The secrets, but for those of rules about paths, which have none.
fn secrets<'f>(findings: impl Iterator<Item = &'f Finding>) -> impl Iterator<Item = &'f str> {
    findings.map(|finding| finding.secret.expose()).filter(|secret| !secret.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::finding;
    use super::*;

    const TODAY: Date = Date::constant(2026, 6, 1);

    fn note(reason: &str) -> Note {
        Note { reason: reason.to_owned(), owner: None, expires: None }
    }

    fn baseline(findings: &[Finding]) -> Entries {
        let mut entries = Entries::new().unwrap();
        entries.update(findings, &note("old"), |_| false).unwrap();
        entries
    }

    fn read(text: &str) -> Result<Entries, BaselineError> {
        Entries::parse(text.as_bytes(), Path::new("base"))
    }

    #[test]
    fn a_finding_is_known_by_rule_path_and_secret() {
        let known = [finding("r", "a", "one"), finding("p", "id_rsa", "")];
        let entries = read(&baseline(&known).to_string()).unwrap();
        let news = |one: Finding| !entries.sift(vec![one], TODAY).unwrap().news.is_empty();
        assert!(!news(finding("r", "a", "one")));
        assert!(!news(finding("p", "id_rsa", "")));
        assert!(news(finding("r", "a", "two")));
        assert!(news(finding("r", "b", "one")));
        assert!(news(finding("s", "a", "one")));
        assert!(news(finding("r", "a", "")), "an entry with a hash knows no finding without a secret");
        assert!(news(finding("p", "id_rsa", "x")), "nor the other way round");
    }

    #[test]
    fn what_expired_is_news_and_what_is_not_found_is_stale() {
        let mut entries = baseline(&[finding("r", "a", "one"), finding("r", "b", "two")]);
        entries.entries[0].note.expires = Some(TODAY);
        let sifted = entries.sift(vec![finding("r", "a", "one")], TODAY).unwrap();
        assert_eq!((sifted.news.len(), sifted.expired.len(), sifted.stale.len()), (1, 1, 1));
        assert_eq!((sifted.expired[0].path.as_str(), sifted.stale[0].path.as_str()), ("a", "b"));
        // Another entry for the same finding, as a merge of two branches leaves it, still holds.
        let mut renewed = entries.entries[0].clone();
        renewed.note.expires = Some(TODAY.tomorrow().unwrap());
        entries.entries.push(renewed);
        let sifted = entries.sift(vec![finding("r", "a", "one")], TODAY).unwrap();
        assert!(sifted.news.is_empty() && sifted.expired.is_empty());
    }

    #[test]
    fn an_update_keeps_notes_and_follows_a_file_that_moved() {
        let mut entries = baseline(&[finding("r", "a", "one"), finding("r", "b", "two")]);
        let now = [finding("r", "c", "one"), finding("r", "b", "two"), finding("r", "d", "two")];
        let changes = entries.update(&now, &note("new"), |entry| entry.path == "a").unwrap();
        assert_eq!((changes.followed[0].path.as_str(), changes.added[0].path.as_str()), ("c", "d"));
        let mut all: Vec<_> =
            entries.entries.iter().map(|entry| (entry.path.as_str(), entry.note.reason.as_str())).collect();
        all.sort_unstable();
        assert_eq!(all, [("b", "old"), ("c", "old"), ("d", "new")], "a copy is no move");
    }

    #[test]
    fn a_moved_file_keeps_the_entry_that_history_needs() {
        let old = finding("r", "a", "one");
        let mut entries = baseline(std::slice::from_ref(&old));
        let now = [old, finding("r", "b", "one")];
        let changes = entries.update(&now, &note("new"), |_| true).unwrap();
        assert_eq!((changes.followed.len(), changes.added.len(), entries.len()), (1, 0, 2));
    }

    #[test]
    fn pruning_removes_what_the_scan_covers_and_did_not_find() {
        let mut entries =
            baseline(&[finding("r", "a", "one"), finding("r", "b", "two"), finding("s", "c", "x")]);
        let pruned = entries.prune(&[finding("r", "a", "one")], |entry| entry.rule == "r").unwrap();
        assert_eq!(pruned.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["b"]);
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn lines_are_sorted_whatever_the_order_of_the_findings() {
        let (one, two) = (finding("r", "a", "one"), finding("r", "b", "two"));
        let entries = baseline(&[one.clone(), two.clone()]);
        let mut turned = Entries { entries: Vec::new(), ..entries.clone() };
        turned.update(&[two, one.clone(), one], &note("old"), |_| false).unwrap();
        assert_eq!(turned.to_string(), entries.to_string());
        let again = read(&entries.to_string().replace('\n', "\r\n")).unwrap();
        assert_eq!(again.to_string(), entries.to_string());
    }

    #[test]
    fn a_damaged_file_is_refused_with_the_place() {
        let good = baseline(&[finding("r", "a", "one")]).to_string();
        let other = Entries::new().unwrap().to_string();
        for (text, place, words) in [
            (format!("{good}garbage\n"), "base:3:1: ", "damaged"),
            (format!("{good}<<<<<<< HEAD\n"), "base:3:1: ", "unfinished merge"),
            (format!("<<<<<<< HEAD\n{good}"), "base:1:1: ", "unfinished merge"),
            (format!("{good}{other}"), "base:3:1: ", "second header"),
            (good.replace("\"passes\":1", "\"passes\":99"), "base:1:", "`passes` must be 1 to 16"),
            (good.replace("\"memory_kib\":", "\"memory_kib\":99"), "base:1:", "`memory_kib` must be"),
            (good.replace("\"salt\":\"", "\"salt\":\"x"), "base:1:", "`salt` must be"),
            (good.replace("baseline\":1", "baseline\":2"), "base:1:1: ", "newer cofferdam"),
            (good.replace("\"salt\"", "\"pepper\""), "base:1:", "values of a header"),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.starts_with(place) && error.contains(words), "{error}\n{text}");
        }
        assert!(read(&format!("{good}{good}")).is_ok(), "repeated lines do no harm");
    }
}
