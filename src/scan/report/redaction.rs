//! Takes secrets out of text. One automaton holds the secrets of all findings, so that the line,
//! message or path of one finding does not show the secret of another.
//!
//! It knows no report format; [`super::entry`] applies it to each field of a finding.

use super::ReportError;
use crate::scan::finding::Finding;
use aho_corasick::AhoCorasick;
use std::collections::BTreeMap;
use std::ops::Range;

/// Secrets of other findings that are shorter would only blot out common syllables.
const SHORTEST: usize = 4;
/// Pieces of a secret (the lines of a private key, an encoded original) count from this length on.
const SHORTEST_PIECE: usize = 16;
/// Bytes on each side of a match that are shown at most.
const AROUND: usize = 1000;
/// A word this long is no coincidence in a path.
const LONGEST_WORD: usize = 16;

/// How much of a secret a report shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redaction {
    /// Nothing: `REDACTED` stands for it.
    #[default]
    Full,
    /// All but so many percent: the first part of it, then `...`. From 100 on as `Full`.
    Partial(u8),
    /// Everything.
    None,
}

impl Redaction {
    /// How many of a secret's `length` bytes stay (gitleaks rounds halves to even).
    fn kept(self, length: usize) -> usize {
        match self {
            Self::None => length,
            Self::Partial(percent) if percent < 100 => {
                (length as f64 * f64::from(100 - percent) / 100.0).round_ties_even() as usize
            }
            _ => 0,
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Partial(percent) if percent < 100 => "...",
            _ => "REDACTED",
        }
    }
}

/// Part of a text that must not be shown; its first bytes may.
struct Hidden {
    range: Range<usize>,
    kept: usize,
}

/// What to look for in a text.
#[derive(Clone, Copy)]
struct Pattern {
    /// A plain word, which may stand in a path by coincidence.
    is_word: bool,
    /// Only a piece of a secret: it does not count where the whole is hidden.
    is_piece: bool,
}

/// The secrets of a report, ready to be taken out of any text.
pub(super) struct Redactor {
    redaction: Redaction,
    automaton: Option<AhoCorasick>,
    patterns: Vec<Pattern>,
    /// Bytes of the longest pattern.
    longest: usize,
}

/// What a finding shows of its content.
pub(super) struct Content {
    /// The lines that the match touches, or what is around it in a long one.
    pub(super) line: String,
    /// Where the match begins in `line`, in bytes.
    pub(super) focus: usize,
    pub(super) matched: String,
}

impl Redactor {
    /// For the secrets of all of `findings`.
    pub(super) fn new(findings: &[Finding], redaction: Redaction) -> Result<Self, ReportError> {
        let mut texts = BTreeMap::new();
        if redaction != Redaction::None {
            findings.iter().for_each(|finding| collect(finding, &mut texts));
        }
        let patterns =
            texts.iter().map(|(text, &is_piece)| Pattern { is_word: is_word(text), is_piece }).collect();
        let automaton = match texts.is_empty() {
            true => None,
            false => Some(AhoCorasick::new(texts.keys()).map_err(|_| ReportError::TooManySecrets)?),
        };
        let longest = texts.keys().map(|text| text.len()).max().unwrap_or(0);
        Ok(Self { redaction, automaton, patterns, longest })
    }

    /// Text that somebody wrote: content, messages, names.
    pub(super) fn text(&self, text: &str) -> String {
        self.render(text, 0..text.len(), &self.hidden(text, &[], false))
    }

    /// A path or a name made from one. A plain word that is also somebody's password (`test`) stays,
    /// or places could not be found.
    pub(super) fn path(&self, path: &str) -> String {
        self.render(path, 0..path.len(), &self.hidden(path, &[], true))
    }

    /// The secret of `finding` as it may be shown.
    pub(super) fn secret(&self, finding: &Finding) -> String {
        let secret = finding.secret.expose();
        let whole = 0..secret.len();
        self.render(secret, whole.clone(), &self.hidden(secret, std::slice::from_ref(&whole), false))
    }

    /// The finding's lines and match. Its own secret is out at any length, and so is the encoded
    /// original of a decoded one. The match is cut from the line, as it may end amid another secret.
    pub(super) fn content(&self, finding: &Finding) -> Content {
        let (line, secret) = (finding.line.expose(), finding.secret.expose());
        let is_decoded = is_decoded(finding, line);
        let place = if is_decoded { None } else { match_in_line(finding, line) };
        let centre = place.clone().unwrap_or_else(|| span(finding, line));
        let visible = floor(line, centre.start.saturating_sub(AROUND))..ceil(line, centre.end + AROUND);
        // Whatever touches the visible part lies within this one.
        let reach = self.longest.max(secret.len());
        let from = floor(line, visible.start.saturating_sub(reach));
        let text = &line[from..ceil(line, visible.end + reach)];
        let within = |range: Range<usize>| range.start - from..range.end - from;
        let mut own = occurrences(text, secret);
        if is_decoded {
            own.push(within(span(finding, line)));
        }
        let hidden = self.hidden(text, &own, false);
        let shown = self.render(text, within(visible.clone()), &hidden);
        let before = self.render(text, within(visible.start..centre.start), &hidden);
        let matched = match place {
            Some(place) => self.render(text, within(place), &hidden),
            None => {
                let matched = finding.matched.expose();
                let hidden = self.hidden(matched, &occurrences(matched, secret), false);
                self.render(matched, 0..matched.len(), &hidden)
            }
        };
        Content { focus: floor(&shown, before.len()), line: shown, matched }
    }

    /// What to hide in `text`: every occurrence of a secret and `own`, overlaps joined. The kept
    /// beginning of a join is the longest that shows no secret in it beyond its share.
    fn hidden(&self, text: &str, own: &[Range<usize>], is_path: bool) -> Vec<Hidden> {
        if self.redaction == Redaction::None {
            return Vec::new();
        }
        let own = own.iter().filter(|range| !range.is_empty()).map(|range| (range.clone(), false));
        let mut ranges: Vec<(Range<usize>, bool)> = own.collect();
        if let Some(automaton) = &self.automaton {
            for found in automaton.find_overlapping_iter(text) {
                let pattern = self.patterns[found.pattern().as_usize()];
                if !(is_path && pattern.is_word) {
                    ranges.push((found.range(), pattern.is_piece));
                }
            }
        }
        ranges.sort_by_key(|(range, is_piece)| (range.start, std::cmp::Reverse(range.end), *is_piece));
        let mut joined: Vec<Hidden> = Vec::new();
        for (range, is_piece) in ranges {
            let kept = self.redaction.kept(range.len());
            match joined.last_mut() {
                Some(last) if is_piece && range.end <= last.range.end => {}
                Some(last) if range.start < last.range.end => {
                    last.kept = last.kept.min(range.start - last.range.start + kept);
                    last.range.end = last.range.end.max(range.end);
                }
                _ => joined.push(Hidden { range, kept }),
            }
        }
        joined
    }

    /// `part` of `text`, without what is hidden.
    fn render(&self, text: &str, part: Range<usize>, hidden: &[Hidden]) -> String {
        let mut shown = String::with_capacity(part.len());
        let mut at = part.start;
        for Hidden { range, kept } in hidden {
            let (start, end) = (range.start.max(part.start), range.end.min(part.end));
            if start >= end {
                continue;
            }
            let kept_end = floor(text, (range.start + kept).clamp(start, end));
            shown.push_str(&text[at..start]);
            shown.push_str(&text[start..kept_end.max(start)]);
            shown.push_str(self.redaction.mark());
            at = end;
        }
        shown.push_str(&text[at..part.end]);
        shown
    }
}

/// The patterns that a finding gives: its secret, the longer lines of it, its encoded original.
fn collect<'a>(finding: &'a Finding, patterns: &mut BTreeMap<&'a str, bool>) {
    let secret = finding.secret.expose();
    if secret.len() >= SHORTEST {
        patterns.insert(secret, false);
    }
    let mut piece = |text: &'a str| {
        if text.len() >= SHORTEST_PIECE {
            patterns.entry(text).or_insert(true);
        }
    };
    if secret.contains('\n') {
        secret.lines().map(str::trim).filter(|line| !line.starts_with("-----")).for_each(&mut piece);
    }
    let line = finding.line.expose();
    if is_decoded(finding, line) {
        let original = &line[span(finding, line)];
        piece(original);
        piece(without_common_ends(original, finding.matched.expose()));
    }
}

/// Where the match stands in its lines as it is: by its column, else wherever it is first seen.
fn match_in_line(finding: &Finding, line: &str) -> Option<Range<usize>> {
    let start = match_at_column(finding, line).or_else(|| line.find(finding.matched.expose()))?;
    Some(start..start + finding.matched.expose().len())
}

fn match_at_column(finding: &Finding, line: &str) -> Option<usize> {
    let start = finding.location.start_column.checked_sub(1)?;
    line.get(start..)?.starts_with(finding.matched.expose()).then_some(start)
}

/// Whether the line holds something else than the secret's own text.
fn is_decoded(finding: &Finding, line: &str) -> bool {
    let secret = finding.secret.expose();
    // The column first: a line can be very long.
    let is_there = || match_at_column(finding, line).is_some() && finding.matched.expose().contains(secret);
    !secret.is_empty()
        && (finding.tags.iter().any(|tag| tag.starts_with("decoded:"))
            || !(is_there() || line.contains(secret)))
}

/// The finding's location as a range of its lines; the whole of them where columns cannot be
/// trusted, because bytes that were no UTF-8 have been replaced.
fn span(finding: &Finding, line: &str) -> Range<usize> {
    let location = finding.location;
    if line.contains(char::REPLACEMENT_CHARACTER) || location.start_column == 0 {
        return 0..line.len();
    }
    let last_line = line
        .match_indices('\n')
        .nth((location.end_line.saturating_sub(location.start_line)).wrapping_sub(1))
        .map_or(0, |(newline, _)| newline + 1);
    let cut = |offset: usize| offset.saturating_sub(if last_line == 0 { finding.line_cut } else { 0 });
    let start = floor(line, (location.start_column - 1).saturating_sub(finding.line_cut));
    let end = ceil(line, last_line + cut(location.end_column));
    if start < end { start..end } else { 0..line.len() }
}

fn without_common_ends<'a>(text: &'a str, other: &str) -> &'a str {
    let same = |(a, b): &(char, char)| a == b;
    let start: usize = text.chars().zip(other.chars()).take_while(same).map(|(a, _)| a.len_utf8()).sum();
    let rest = &text[start..];
    let end: usize =
        rest.chars().rev().zip(other.chars().rev()).take_while(same).map(|(a, _)| a.len_utf8()).sum();
    &rest[..rest.len() - end]
}

fn occurrences(text: &str, secret: &str) -> Vec<Range<usize>> {
    if secret.is_empty() {
        return Vec::new();
    }
    text.match_indices(secret).map(|(start, _)| start..start + secret.len()).collect()
}

fn is_word(text: &str) -> bool {
    let mut letters = text.bytes();
    let first_upper = letters.next().is_some_and(|letter| letter.is_ascii_uppercase());
    text.len() < LONGEST_WORD
        && text.bytes().all(|byte| byte.is_ascii_alphabetic())
        && (letters.clone().all(|letter| letter.is_ascii_lowercase())
            || (first_upper && letters.all(|letter| letter.is_ascii_uppercase())))
}

fn floor(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

fn ceil(text: &str, offset: usize) -> usize {
    (offset.min(text.len())..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::finding;
    use super::*;

    const FULL: Redaction = Redaction::Full;

    #[test]
    fn keeps_what_gitleaks_keeps() {
        let one = [finding("r", "a.txt", "key = abcdefghij;", "abcdefghij")];
        let shown = |redaction| {
            let redactor = Redactor::new(&one, redaction).unwrap();
            (redactor.secret(&one[0]), redactor.content(&one[0]).line)
        };
        assert_eq!(shown(FULL), ("REDACTED".into(), "key = REDACTED;".into()));
        assert_eq!(shown(Redaction::Partial(100)).0, "REDACTED");
        assert_eq!(shown(Redaction::Partial(70)), ("abc...".into(), "key = abc...;".into()));
        assert_eq!(shown(Redaction::Partial(0)).0, "abcdefghij...");
        assert_eq!(shown(Redaction::Partial(75)).0, "ab...", "2.5 rounds to even");
        assert_eq!(shown(Redaction::None), ("abcdefghij".into(), "key = abcdefghij;".into()));
    }

    #[test]
    fn secrets_of_others_and_overlaps_go_too() {
        let line = "a=1234abcd b=abcd5678 c=1234abcd5678";
        let two = [finding("r", "a.txt", line, "1234abcd"), finding("r", "a.txt", line, "abcd5678")];
        let redactor = Redactor::new(&two, FULL).unwrap();
        assert_eq!(redactor.content(&two[0]).line, "a=REDACTED b=REDACTED c=REDACTED");
        assert_eq!(redactor.text("see 1234abcd5678!"), "see REDACTED!");
        assert_eq!(redactor.path("dir/1234abcd.txt"), "dir/REDACTED.txt");
        let half = Redactor::new(&two, Redaction::Partial(50)).unwrap();
        assert_eq!(half.text("1234abcd5678"), "1234...");
    }

    #[test]
    fn a_match_that_ends_amid_another_secret_does_not_show_its_part() {
        let line = "user=alice9 pass=topsecret99";
        let mut first = finding("user", "a", line, "alice9");
        first.matched = "user=alice9 pass=topsec".to_owned().into();
        let both = [first, finding("pass", "a", line, "topsecret99")];
        let redactor = Redactor::new(&both, FULL).unwrap();
        assert_eq!(redactor.content(&both[0]).matched, "user=REDACTED pass=REDACTED");
    }

    #[test]
    fn an_encoded_original_is_hidden_by_its_place_and_elsewhere() {
        let encoded = "c3VwZXJzZWNyZXR0b2tlbg==";
        let line = format!("key: {encoded} # note");
        let mut decoded = finding("r", "a", &line, "supersecrettoken");
        decoded.matched = "key: supersecrettoken".to_owned().into();
        decoded.tags = vec!["decoded:base64".into()];
        decoded.location.start_column = 1;
        decoded.location.end_column = 5 + encoded.len();
        let all = [decoded];
        let redactor = Redactor::new(&all, FULL).unwrap();
        assert_eq!(redactor.content(&all[0]).line, "REDACTED # note");
        assert_eq!(redactor.text(&format!("adds {encoded}")), "adds REDACTED");
        assert_eq!(redactor.content(&all[0]).matched, "key: REDACTED");
    }

    #[test]
    fn a_line_of_a_private_key_does_not_show_by_another_finding() {
        let body = "MIIEvQIBADANBgkqhkiG";
        let key = format!("-----BEGIN X-----\n{body}\n-----END X-----");
        let all = [finding("key", "k.pem", &key, &key), finding("part", "k.pem", body, "BADANBgk")];
        let redactor = Redactor::new(&all, FULL).unwrap();
        assert_eq!(redactor.content(&all[0]).line, "REDACTED");
        assert_eq!(redactor.content(&all[1]).line, "REDACTED");
        let half = Redactor::new(&all[..1], Redaction::Partial(50)).unwrap();
        assert_eq!(half.secret(&all[0]).len(), key.len() / 2 + 3);
    }

    #[test]
    fn of_a_long_line_only_what_is_around_shows_and_no_secret_is_cut() {
        let other = "0123456789".repeat(300);
        let line = format!("{}{other} key=abcdefgh1 {other}{}", "x".repeat(90_000), "y".repeat(90_000));
        let mut all = [finding("r", "a", &line, "abcdefgh1"), finding("o", "a", &line, &other)];
        all[0].matched = "key=abcdefgh1".to_owned().into();
        all[0].location.start_column -= 4;
        let content = Redactor::new(&all, FULL).unwrap().content(&all[0]);
        assert_eq!(content.line, "REDACTED key=REDACTED REDACTED");
        assert_eq!(&content.line[content.focus..content.focus + 4], "key=");
        assert_eq!(content.matched, "key=REDACTED");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]
        #[test]
        fn no_location_however_wrong_shows_the_secret_or_panics(
            line in "(?s)[aé\u{fffd}\n]{0,20}",
            has_secret in proptest::bool::ANY,
            is_decoded in proptest::bool::ANY,
            numbers in proptest::array::uniform4(0usize..30),
            percent in 10u8..=100,
        ) {
            let secret = "0123456789";
            let line = if has_secret { format!("{line}{secret}{line}") } else { line };
            let mut one = finding("r", "a", &line, secret);
            let [start_line, start_column, end_line, end_column] = numbers;
            one.location = crate::scan::location::Location { start_line, start_column, end_line, end_column };
            one.matched = format!("é{secret}").into();
            if is_decoded {
                one.tags.push("decoded:hex".into());
            }
            let all = [one];
            for redaction in [FULL, Redaction::Partial(percent), Redaction::None] {
                let content = Redactor::new(&all, redaction).unwrap().content(&all[0]);
                assert!(content.line.is_char_boundary(content.focus));
                let shows = content.line.contains(secret) || content.matched.contains(secret);
                assert!(!shows || redaction == Redaction::None);
            }
        }
    }

    #[test]
    fn a_word_stays_in_paths_and_goes_in_text() {
        let all = [finding("url", "a", "postgres://u:test@h", "test")];
        let redactor = Redactor::new(&all, FULL).unwrap();
        assert_eq!(redactor.path("tests/test.rs"), "tests/test.rs");
        assert_eq!(redactor.text("test it"), "REDACTED it");
        for (text, word) in [("Test", true), ("TEST", true), ("tEst", false), ("test1", false)] {
            assert_eq!(is_word(text), word, "{text}");
        }
    }
}
