//! Scanning what is new in a delta against scanning every content in full: the same hits, on made-up
//! pieces and on made-up histories, packed in several ways. Contents are full of what a seam could
//! spoil: keywords, secrets, keys of many lines, encoded text, UTF-16.

use super::harness::{BASE62, HEX, Repo, token};
use cofferdam::scan::finding::Finding;
use cofferdam::scan::pieces::Piece;
use cofferdam::scan::rule::{Required, Rule, Ruleset};
use cofferdam::scan::scanner::{Hit, Learnt, Options, Scanner};
use cofferdam::scan::session::{Bounds, Session};
use cofferdam::scan::source::history::HistoryOptions;
use cofferdam::scan::source::repository::Repository;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

/// A source of choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn range(&mut self, len: usize, most: usize) -> std::ops::Range<usize> {
        let start = self.roll(len + 1);
        start..(start + self.roll(most + 1)).min(len)
    }

    /// Something that rules look for, a part of it, or something dull.
    fn snippet(&mut self) -> Vec<u8> {
        let secret = token(self.roll(9) as u64, BASE62, 12 + self.roll(12));
        let assignment = format!("key = {secret}\n");
        let mut snippet = match self.roll(28) {
            0 => assignment,
            1 => format!("user={}\n", &secret[..4]),
            2 => format!("-----BEGIN {0} KEY-----\n{secret}\n{secret}\n-----END {0} KEY-----\n", "DULL"),
            3 => base64(&assignment),
            4 => base64(&base64(&assignment)),
            5 => assignment.bytes().map(|byte| format!("{byte:02x}")).collect(),
            6 => assignment.bytes().map(|byte| format!("%{byte:02x}")).collect(),
            7 => assignment.chars().map(|c| format!("\\u{:04x}", c as u32)).collect(),
            8 => assignment.chars().map(|c| format!("U+{:04X} ", c as u32)).collect(),
            9 => format!("pass {}\n", &secret[..6]),
            10 => format!("magic {}", self.roll(2_000_000)),
            11 => format!("{}{}", "gh", "p_") + &token(self.roll(5) as u64, BASE62, 36) + " ",
            12 => format!("aws_secret_access_key = \"{}\"\n", token(self.roll(5) as u64, BASE62, 40)),
            13 => "xyxyxyxy".to_owned(),
            // Not kept, or only because of what stands on the line.
            16 => format!("password = \"{}\" key\n", ["changeme", "correct-horse", "%40s%20"][self.roll(3)]),
            17 => format!("api_token: '{secret}', token = {}{}", &secret[..5], &secret[3..]),
            18 => " # gitleaks:allow\n".to_owned(),
            20 => "LTID1234 ".to_owned(),
            21 => base64(&format!(": {}", &token(self.roll(5) as u64, BASE62, 18))[..18]),
            22 => format!("secret = {secret}"),
            23 => "123456789012 acmekey".to_owned(),
            24 => format!("%0Akey = {secret}%0A  and so on, and so on, and so on"),
            25 => ["acmekey", "a1b2acmekey99zz "][self.roll(2)].to_owned(),
            26 => "token=".to_owned(),
            27 => "a.b1c2d3e4".repeat(1 + self.roll(9)) + "%61%62",
            19 => format!("%40{}", ["s", "password=", "key="][self.roll(3)]),
            14 => "\n".to_owned(),
            _ => format!("some words stand here; {}\n", token(self.roll(99) as u64, HEX, 8)),
        }
        .into_bytes();
        if self.roll(4) == 0 {
            let part = self.range(snippet.len(), 20);
            snippet = snippet[part].to_vec();
        }
        snippet
    }

    fn text(&mut self, snippets: usize) -> Vec<u8> {
        let mut text: Vec<u8> = (0..snippets).flat_map(|_| self.snippet()).collect();
        if self.roll(12) == 0 {
            text = wide(&text);
        }
        text
    }

    /// `base` with an edit.
    fn edit(&mut self, text: &mut Vec<u8>) {
        let (from, to) = (self.range(text.len(), 60), self.roll(text.len() + 1));
        match self.roll(8) {
            0..3 => drop(text.splice(to..to, self.snippet())),
            3 => drop(text.drain(from)),
            4 => drop(text.splice(from, self.snippet())),
            5 => {
                let copied = text[from].to_vec();
                drop(text.splice(to..to, copied));
            }
            6 => {
                let moved: Vec<u8> = text.drain(from).collect();
                let to = to.min(text.len());
                drop(text.splice(to..to, moved));
            }
            _ if self.roll(6) == 0 => *text = wide(text),
            _ => text.extend(self.snippet()),
        }
    }

    /// A text made of pieces of `base`, with the pieces.
    fn delta(&mut self, base: &[u8]) -> (Vec<u8>, Vec<Piece>) {
        let (mut text, mut pieces, mut next) = (Vec::new(), Vec::new(), 0);
        for _ in 0..1 + self.roll(6) {
            let offset = text.len();
            if self.roll(3) == 0 {
                text.extend(self.snippet());
                let len = text.len() - offset;
                pieces.extend((len > 0).then_some(Piece::Insert { offset, len }));
                continue;
            }
            // Mostly onwards, as real deltas do.
            let start = if self.roll(3) > 0 {
                (next + self.roll(9)).min(base.len())
            } else {
                self.roll(base.len() + 1)
            };
            let end = if self.roll(3) == 0 { base.len() } else { start + self.roll(base.len() - start + 1) };
            next = end;
            text.extend_from_slice(&base[start..end]);
            let copy = Piece::Copy { base_offset: start, len: end - start, offset };
            pieces.extend((end > start).then_some(copy));
        }
        (text, pieces)
    }

    /// A base like `base`, with something put in, and what the same delta makes of it.
    fn alike(&mut self, base: &[u8], text: &[u8], pieces: &[Piece]) -> (Vec<u8>, Vec<u8>, Vec<Piece>) {
        let at = self.roll(base.len() + 1);
        let new = match self.roll(3) {
            0 => self.snippet(),
            _ => vec![b"aA4 %\n"[self.roll(6)]],
        };
        let other = [&base[..at], &new, &base[at..]].concat();
        let moved = |place: usize| if place < at { place } else { place + new.len() };
        let (mut made, mut parts) = (Vec::new(), Vec::new());
        for piece in pieces {
            let offset = made.len();
            match *piece {
                Piece::Copy { base_offset, len, .. } => {
                    let (start, end) = (moved(base_offset), moved(base_offset + len));
                    made.extend_from_slice(&other[start..end]);
                    parts.push(Piece::Copy { base_offset: start, len: end - start, offset });
                }
                Piece::Insert { len, .. } => {
                    made.extend_from_slice(&text[piece.range()]);
                    parts.push(Piece::Insert { offset, len });
                }
            }
        }
        (other, made, parts)
    }
}

fn wide(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn base64(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks_exact(3) {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        out.extend((0..4).map(|place| alphabet[(bits >> (18 - 6 * place) & 63) as usize] as char));
    }
    out
}

/// Rules of every kind that the matcher tells apart.
fn rules() -> Ruleset {
    let rule = |id: &str, regex: &str, keywords: &[&str]| Rule {
        id: id.to_owned(),
        regex: Some(regex.to_owned()),
        keywords: keywords.iter().map(|&keyword| keyword.to_owned()).collect(),
        ..Rule::default()
    };
    let near = Required { id: "key".to_owned(), within_lines: Some(2), within_columns: None };
    let rules = vec![
        rule("key", r"(?i)\bkey[ =:]{0,3}([a-z0-9]{12,20})\b", &["key"]),
        rule("user", r"user=([a-zA-Z0-9]{3,6})", &["user"]),
        rule("block", r"-----BEGIN [A-Z ]*KEY-----[\s\S-]{8,300}?-----END [A-Z ]*KEY-----", &["begin"]),
        rule("line", r"(?m)^pass [0-9a-zA-Z]+$", &[]),
        rule("whole", r"[0-9]{6}", &["magic"]),
        rule("bare", r"[xy]{7}", &[]),
        rule("behind", r"[a-z0-9 ]{0,30}words[a-z ]+here", &[]),
        // Sure of itself long before the next one is, at the same literal.
        rule("near", r"\b(LTID[0-9]{4})\b", &[]),
        rule("far", r"\bLTID[0-9]{4}\b(?s:.){0,120}?[:=] ?([0-9A-Za-z]{10,18})\b", &[]),
        rule("edge", r"[0-9]{12}[a-z =]{0,40}acmekey\b", &[]),
        rule("fixed", r"\b([a-z0-9]{4}acmekey[0-9a-z]{4,9})\b", &[]),
        rule("open", r"token=([0-9a-z.]{8,400})", &[]),
        rule("secret", r"(?i)secret[ =:]{0,3}([a-z0-9]{12,20})", &[]),
        rule("gated", r"magic ?[0-9]{5}", &["secret"]),
        Rule { required: vec![near], ..rule("pair", r"user=([0-9a-zA-Z]{4})", &["user"]) },
    ];
    Ruleset { rules, ..Ruleset::default() }
}

/// Rules that look everywhere, rules that look around their literals only, and the built-in ones.
fn scanners() -> &'static [Scanner; 3] {
    static SCANNERS: OnceLock<[Scanner; 3]> = OnceLock::new();
    SCANNERS.get_or_init(|| {
        let options = Options::default();
        let mut anchored = rules();
        anchored.rules.retain(|rule| rule.id != "bare" && rule.id != "whole");
        [
            Scanner::new(rules(), &[], options),
            Scanner::new(anchored, &[], options),
            Scanner::builtin(cofferdam::scan::builtin::ruleset(), &[], options),
        ]
    })
}

fn shown(hits: &[Hit]) -> Vec<String> {
    hits.iter().map(|hit| format!("{hit:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_delta_has_the_hits_of_its_content(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        for scanner in scanners() {
            let length = 1 + dice.roll(12);
            let mut base = dice.text(length);
            let (hits, mut learnt) = scanner.scan_base(&base).unwrap();
            prop_assert_eq!(shown(&hits), shown(&scanner.scan(&base).unwrap()));
            for _ in 0..4 {
                let (text, pieces) = dice.delta(&base);
                let (hits, next): (_, Learnt) =
                    scanner.scan_delta(&text, base.len(), &learnt, &pieces).unwrap();
                let full = scanner.scan(&text).unwrap();
                prop_assert_eq!(shown(&hits), shown(&full), "{}", String::from_utf8_lossy(&text));
                // What is remembered of a stretch must not be taken for another in other surroundings.
                let (other, made, parts) = dice.alike(&base, &text, &pieces);
                let (hits, known) = scanner.scan_base(&other).unwrap();
                prop_assert_eq!(shown(&hits), shown(&scanner.scan(&other).unwrap()));
                let (hits, _) = scanner.scan_delta(&made, other.len(), &known, &parts).unwrap();
                let full = scanner.scan(&made).unwrap();
                prop_assert_eq!(shown(&hits), shown(&full), "{}", String::from_utf8_lossy(&made));
                (base, learnt) = (text, next);
            }
        }
    }
}

/// What a base is, and what of it (as text and range) and what else its version is made of.
type Made<'t> = (String, &'t [(&'t str, std::ops::Range<usize>)]);

#[test]
fn what_is_far_away_counts_too() {
    let dull = "-".repeat(50);
    let secret = token(1, BASE62, 16);
    let late = base64(&format!(": {secret}"));
    let line = format!("a=%0Akey = {secret}%0A{}", " ".repeat(40));
    let end = format!("!{}acmekey", "a".repeat(30));
    let long = "a.b1c2d3e4".repeat(10) + "%61%62\n";
    let cases: [Made<'_>; 7] = [
        // A literal comes near an old token.
        (format!("{dull}\"{late}\""), &[("id=LTID1234 ", 0..0), ("", 0..usize::MAX)]),
        // What begins here goes on into an old token, though it is long enough before.
        (long, &[("token=", 0..0), ("", 0..usize::MAX)]),
        // A comment goes from the line of an old token.
        (format!("{line}# gitleaks:allow"), &[("", 0..line.len()), ("\n", 0..0)]),
        // A literal ends where the text does.
        (end, &[("123456789012", 0..0), ("", 1..usize::MAX)]),
        // There was no room for what a match has before a literal; or there was too much.
        ("b2acmekey99zz ".to_owned(), &[("a1", 0..0), ("", 0..usize::MAX)]),
        ("xa1b2acmekey99zz ".to_owned(), &[("", 1..usize::MAX)]),
        // A keyword is cut.
        (format!("secret = {secret}"), &[("", 0..5), ("x magic 123456", 0..0)]),
    ];
    let mut total = 0;
    for (base, parts) in cases {
        let (mut text, mut pieces) = (String::new(), Vec::new());
        for (new, copied) in parts {
            let offset = text.len();
            if new.is_empty() {
                let (start, end) = (copied.start, copied.end.min(base.len()));
                text.push_str(&base[start..end]);
                pieces.push(Piece::Copy { base_offset: start, len: end - start, offset });
            } else {
                text.push_str(new);
                pieces.push(Piece::Insert { offset, len: new.len() });
            }
        }
        for scanner in scanners() {
            let (_, learnt) = scanner.scan_base(base.as_bytes()).unwrap();
            let full = scanner.scan(text.as_bytes()).unwrap();
            let (hits, _) = scanner.scan_delta(text.as_bytes(), base.len(), &learnt, &pieces).unwrap();
            assert_eq!(shown(&hits), shown(&full), "{base} -> {text}");
            total += full.len();
        }
    }
    assert!(total >= 10, "{total} hits prove little");
}

/// A token decodes or not by what stands at its far end; what is new next to it is the same.
#[test]
fn a_token_that_reaches_far_is_not_taken_for_another() {
    let scanner = &scanners()[1];
    let mut total = 0;
    let mut check = |base: &str, text: &str, pieces: &[Piece]| {
        let (_, learnt) = scanner.scan_base(base.as_bytes()).unwrap();
        let full = scanner.scan(text.as_bytes()).unwrap();
        let (hits, _) = scanner.scan_delta(text.as_bytes(), base.len(), &learnt, pieces).unwrap();
        assert_eq!(shown(&hits), shown(&full), "{base} -> {text}");
        total += full.len();
    };
    for copied in 1..60 {
        let plain = format!("key = {} and so on, and so on, and so on ", token(copied as u64, BASE62, 16));
        let (encoded, hex) = (base64(&plain), plain.bytes().map(|byte| format!("{byte:02x}")));
        let hex: String = hex.collect();
        // What is there of the token in the base decodes to nothing.
        for missing in [1, 2, 0] {
            let (front, rest) = (&encoded[missing..copied + 2], format!("{} !", &encoded[copied + 2..]));
            let copy = Piece::Copy { base_offset: 0, len: front.len(), offset: 0 };
            let insert = Piece::Insert { offset: front.len(), len: rest.len() };
            check(&format!("{front}////////"), &format!("{front}{rest}"), &[copy, insert]);
        }
        for missing in [1, 0] {
            let (front, rest) = hex.split_at(hex.len() - copied - 1);
            let rest = &rest[..rest.len() - missing];
            let odd = &"00"[rest.len() % 2..];
            let insert = Piece::Insert { offset: 0, len: front.len() };
            let copy = Piece::Copy { base_offset: odd.len(), len: rest.len(), offset: front.len() };
            check(&format!("{odd}{rest}"), &format!("{front}{rest}"), &[insert, copy]);
        }
    }
    assert!(total >= 100, "{total} hits prove little");
}

/// A history of edits, as `git fast-import` reads it.
fn history(dice: &mut Dice) -> Vec<u8> {
    let mut files: Vec<Vec<u8>> = (0..3).map(|_| dice.text(40)).collect();
    let mut stream = Vec::new();
    for commit in 0..30 {
        for file in &mut files {
            (0..dice.roll(4)).for_each(|_| dice.edit(file));
        }
        let time = 1_700_000_000 + commit;
        write!(stream, "commit refs/heads/main\ncommitter C <c@example.com> {time} +0000\ndata 1\nm\n")
            .unwrap();
        for (number, file) in files.iter().enumerate() {
            write!(stream, "M 644 inline {number}.txt\ndata {}\n", file.len()).unwrap();
            stream.extend_from_slice(file);
            stream.push(b'\n');
        }
    }
    stream
}

fn import(repo: &Repo, stream: &[u8]) {
    let mut git = Command::new("git")
        .current_dir(repo.path())
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(stream).unwrap();
    assert!(git.wait().unwrap().success());
}

fn findings(repo: &Repo, scanner: &Scanner, every_blob: bool) -> Vec<String> {
    let interrupted = AtomicBool::new(false);
    let session = Session::new(scanner, Bounds::default(), &interrupted, Vec::new());
    let repository = Repository::discover(repo.path()).unwrap();
    session.history(&repository, HistoryOptions { every_blob, ..HistoryOptions::default() }).unwrap();
    let (findings, coverage) = session.finish(&Default::default());
    assert!(coverage.is_complete());
    let line = |finding: &Finding| {
        let mut line = format!("{finding:?}");
        write!(line, " {}", finding.secret.expose()).unwrap();
        line
    };
    findings.iter().map(line).collect()
}

#[test]
fn a_packed_history_has_the_findings_of_its_contents() {
    let mut total = 0;
    for (seed, depth, window) in [(1, 50, 10), (2, 3, 4), (3, 200, 40), (4, 1, 10), (5, 50, 250), (6, 10, 30)]
    {
        let repo = Repo::new();
        import(&repo, &history(&mut Dice(seed)));
        let (depth, window) = (format!("--depth={depth}"), format!("--window={window}"));
        repo.git(["repack", "-adfq", &depth, &window]);
        for scanner in scanners() {
            let full = findings(&repo, scanner, true);
            total += full.len();
            assert_eq!(findings(&repo, scanner, false), full, "seed {seed}");
        }
    }
    assert!(total > 500, "{total} findings prove little");
}
