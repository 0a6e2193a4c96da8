//! What a regular expression tells before it runs: literals of which every match must contain one
//! ([`Anchor`]), and how far a match can reach to either side of it ([`Reach`]). The matcher then
//! runs an expression only around such a literal, with the same result as over the whole text.
//!
//! The build script includes this file to analyse the built-in rules ahead of time.

use super::grams;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};
use serde::{Deserialize, Serialize};

/// Literals longer than this are cut: more characters find nothing faster.
const LONGEST_LITERAL: usize = 10;
/// More alternatives than this make an anchor useless.
const MOST_LITERALS: usize = 200;
/// Shorter runs stand everywhere, and so do runs of a wide class.
const LEAST_RUN: u32 = 10;
const MOST_RUN_CLASS: u32 = 80;
/// A window of fewer bytes is not worth ending early.
const LONG_WINDOW: u32 = 40;
/// Literals shorter than this make the search for all of them slow.
const SHORT: usize = 3;
/// Bits below which a literal is too common to anchor at.
const LEAST_WORTH: f64 = 10.0;
/// No word is worth more bits, however rare its letters: it may be what a text is about.
const MOST_WORTH_OF_WORD: f64 = 17.0;
/// A class of more bytes tells nothing by the byte beside a literal.
const MOST_BESIDE: u32 = 200;
/// A class with more members than this ends a literal.
const MOST_CHOICES: usize = 8;

/// A text that must stand in every match, or one of several of which one must.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Literal {
    /// Lower case when `fold` is set.
    pub(crate) bytes: Vec<u8>,
    /// ASCII case does not count.
    pub(crate) fold: bool,
}

/// How far a match may reach: at most `bound` bytes that are not in `loops`, and any number that are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reach {
    /// Bytes that bounded parts of the expression take.
    pub(crate) bound: u32,
    /// Bytes that unbounded repetitions take, a bit each.
    pub(crate) loops: [u64; 4],
    /// Bytes that any part takes, where that can end a long window early; otherwise none.
    pub(crate) within: [u64; 4],
    /// It reaches at least so far.
    pub(crate) least: u32,
}

/// Every match (of the branch that this anchor stands for) contains one of `literals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    /// The alternatives.
    pub(crate) literals: Vec<Literal>,
    /// How far a match reaches before the literal's first byte.
    pub(crate) before: Reach,
    /// How far a match reaches from the literal's first byte on.
    pub(crate) after: Reach,
    /// What every match contains besides: where it is not there, the expression need not run.
    pub(crate) run: Option<Run>,
    /// What stands around the literal itself in every match.
    pub(crate) context: Context,
}

/// What stands directly around a literal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Context {
    /// A word begins or ends (`\b`) before the literal.
    pub(crate) edge_before: bool,
    /// A word begins or ends behind it.
    pub(crate) edge_after: bool,
    /// What the byte before it is one of, a bit each.
    pub(crate) head: Option<[u64; 4]>,
    /// What follows it.
    pub(crate) tail: Option<Run>,
}

/// So many bytes of a class in a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The bytes, a bit each.
    pub(crate) class: [u64; 4],
    /// At least so many.
    pub(crate) length: u32,
}

/// Parses in this program's dialect: bytes, ASCII classes.
pub(crate) fn parse(regex: &str) -> Result<Hir, Box<regex_syntax::Error>> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .nest_limit(200)
        .build()
        .parse(regex)
        .map_err(Box::new)
}

/// The anchors of an expression: each match contains a literal of one of them. None where no useful
/// literal exists; the expression must then run over whole texts.
pub(crate) fn anchors(hir: &Hir) -> Option<Vec<Anchor>> {
    let best = best_anchors(&[], &flatten(hir), &[])?.1;
    let mut best: Vec<Anchor> = best.into_iter().flat_map(by_length).collect();
    for anchor in &mut best {
        let longest = anchor.literals.iter().map(|literal| literal.bytes.len()).max().unwrap_or(0);
        let Context { edge_after, tail, .. } = &mut anchor.context;
        *edge_after &= longest < LONGEST_LITERAL;
        let room = LONGEST_LITERAL.saturating_sub(longest) as u32;
        *tail = tail
            .take()
            .map(|tail| Run { length: tail.length.min(room), ..tail })
            .filter(|tail| tail.length > 0);
        for literal in &mut anchor.literals {
            literal.bytes.truncate(LONGEST_LITERAL);
        }
        for reach in [&mut anchor.before, &mut anchor.after] {
            let is_long = reach.bound >= LONG_WINDOW || reach.loops != [0; 4];
            let is_wide = b"\n\"".iter().all(|byte| has(&reach.within, *byte));
            if !is_long || is_wide {
                reach.within = [0; 4];
            }
        }
        if !*edge_after && tail.is_none() {
            drop_implied(&mut anchor.literals);
        }
    }
    Some(best)
}

/// Literals that stay whole, and those that are cut: of these nothing is known of what follows them.
fn by_length(anchor: Anchor) -> impl Iterator<Item = Anchor> {
    let is_cut = |literal: &Literal| literal.bytes.len() >= LONGEST_LITERAL;
    let (cut, whole): (Vec<_>, Vec<_>) = anchor.literals.iter().cloned().partition(is_cut);
    let parts = [whole, cut].into_iter().filter(|literals| !literals.is_empty());
    parts.map(move |literals| Anchor { literals, ..anchor.clone() })
}

/// Whether the secret itself, not just what stands around it, holds a literal: it says what it is.
/// `group` is the capture group that is the secret; 0: any group, or all where there is none.
pub(crate) fn names_itself(hir: &Hir, group: usize) -> bool {
    let mut captures = Vec::new();
    collect_captures(hir, &mut captures);
    let of_secret: Vec<&Hir> = match (group, captures.is_empty()) {
        (0, true) => vec![hir],
        (0, false) => captures.into_iter().map(|(_, sub)| sub).collect(),
        _ => captures.into_iter().filter(|(number, _)| *number == group).map(|(_, sub)| sub).collect(),
    };
    !of_secret.is_empty()
        && of_secret.into_iter().all(|secret| best_anchors(&[], &flatten(secret), &[]).is_some())
}

fn collect_captures<'h>(hir: &'h Hir, into: &mut Vec<(usize, &'h Hir)>) {
    match hir.kind() {
        HirKind::Capture(capture) => into.push((capture.index as usize, &capture.sub)),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|part| collect_captures(part, into));
        }
        HirKind::Repetition(repetition) => collect_captures(&repetition.sub, into),
        _ => {}
    }
}

/// A literal that begins with another one is seen whenever that one is.
fn drop_implied(literals: &mut Vec<Literal>) {
    let all = literals.clone();
    let implies = |short: &Literal, long: &Literal| {
        long.bytes.len() >= short.bytes.len()
            && match (short.fold, long.fold) {
                (true, _) => long.bytes[..short.bytes.len()].eq_ignore_ascii_case(&short.bytes),
                (false, false) => long.bytes.starts_with(&short.bytes),
                (false, true) => false,
            }
    };
    literals.retain(|long| !all.iter().any(|short| short != long && implies(short, long)));
    dedup(literals);
}

/// The best anchors for a sequence of parts, with their worth in bits. What stands before and after the
/// sequence is looked at, but is not theirs.
fn best_anchors(before: &[&Hir], parts: &[&Hir], after: &[&Hir]) -> Option<(f64, Vec<Anchor>)> {
    let all_before = |at: usize| [before, &parts[..at]].concat();
    let all_after = |at: usize| [&parts[at..], after].concat();
    let mut best: Option<(f64, Vec<Anchor>)> = None;
    let mut consider = |worth: f64, anchors: Vec<Anchor>| {
        // Of the same worth the last: most often it goes on where another ends.
        if best.as_ref().is_none_or(|(most, _)| worth >= *most) {
            best = Some((worth, anchors));
        }
    };
    let is_look = |part: &Hir| matches!(part.kind(), HirKind::Look(_));
    for start in (0..parts.len()).filter(|start| !is_look(parts[*start])) {
        let mut run: Option<Vec<Literal>> = None;
        for (at, part) in parts.iter().enumerate().skip(start).filter(|(_, part)| !is_look(part)) {
            let whole = exact(part);
            let ends = whole.is_none();
            let short = run.as_ref().is_some_and(|run| run.iter().any(|one| one.bytes.len() < SHORT));
            let next = whole.or_else(|| head(part)).or_else(|| short.then(|| wide_head(part)).flatten());
            let Some(joined) = next.and_then(|next| join(run.as_deref(), &next)) else { break };
            let is_empty = |literal: &Literal| literal.bytes.is_empty();
            if !joined.iter().any(is_empty) && worth(&joined, plain_bits) >= LEAST_WORTH {
                let context = context(&all_before(start), ends, &all_after(at + 1));
                let (before, after) = (reach_of(&parts[..start]), reach_of(&parts[start..]));
                let run = longest_run(parts);
                let worth = worth(&joined, |literal| real_bits(literal) + context.bits());
                let literals = joined.clone();
                consider(worth, vec![Anchor { literals, before, after, run, context }]);
            }
            if ends {
                break;
            }
            run = Some(joined);
        }
    }
    for (at, part) in parts.iter().enumerate() {
        if let Some((worth, mut anchors)) = inner_anchors(&all_before(at), part, &all_after(at + 1)) {
            let (before, after) = (reach_of(&parts[..at]), reach_of(&parts[at + 1..]));
            for anchor in &mut anchors {
                anchor.before.add(&before);
                anchor.after.add(&after);
                anchor.run = [anchor.run.take(), longest_run(parts)].into_iter().flatten().max_by(rarer);
            }
            consider(worth, anchors);
        }
    }
    best
}

/// The anchors inside a part that is not itself a sequence; what stands before and after it is looked at.
fn inner_anchors(before: &[&Hir], part: &Hir, after: &[&Hir]) -> Option<(f64, Vec<Anchor>)> {
    match part.kind() {
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            let mut least = f64::INFINITY;
            for branch in branches {
                let (worth, anchors) = best_anchors(before, &flatten(branch), after)?;
                least = least.min(worth);
                all.extend(anchors);
            }
            let worth = least - (branches.len() as f64).log2() * 0.5;
            (all.len() <= MOST_LITERALS).then_some((worth, all))
        }
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            // Some iteration holds the literal; the others may lie on either side of it.
            let others = Hir::repetition(Repetition { min: 0, ..repetition.clone() });
            let (before, after) = ([before, &[&others]].concat(), [&[&others], after].concat());
            let (worth, mut anchors) = best_anchors(&before, &flatten(&repetition.sub), &after)?;
            let whole = Reach { least: 0, ..reach(part) };
            for anchor in &mut anchors {
                anchor.before.add(&whole);
                anchor.after.add(&whole);
            }
            Some((worth, anchors))
        }
        _ => None,
    }
}

/// The expression as a sequence, without its capture groups and nested sequences.
fn flatten(hir: &Hir) -> Vec<&Hir> {
    match hir.kind() {
        HirKind::Concat(parts) => parts.iter().flat_map(flatten).collect(),
        HirKind::Capture(capture) => flatten(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min == 1 && repetition.max == Some(1) => {
            flatten(&repetition.sub)
        }
        _ => vec![hir],
    }
}

/// All texts that `hir` matches, where they are few.
fn exact(hir: &Hir) -> Option<Vec<Literal>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![Literal { bytes: Vec::new(), fold: false }]),
        HirKind::Literal(literal) => Some(vec![Literal { bytes: literal.0.to_vec(), fold: false }]),
        HirKind::Class(class) => choices(class, MOST_CHOICES),
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => {
            let mut all: Option<Vec<Literal>> = None;
            for part in parts {
                all = Some(join(all.as_deref(), &exact(part)?)?);
            }
            all
        }
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(exact(branch)?);
                if all.len() > MOST_LITERALS {
                    return None;
                }
            }
            dedup(&mut all);
            Some(all)
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max?;
            if most > 8 {
                return None;
            }
            let once = exact(&repetition.sub)?;
            let mut all = Vec::new();
            let mut times: Vec<Literal> = vec![Literal { bytes: Vec::new(), fold: false }];
            for count in 0..=most {
                if count >= repetition.min {
                    all.extend(times.iter().cloned());
                }
                if count < most {
                    times = join(Some(&times), &once)?;
                }
                if all.len() > MOST_LITERALS {
                    return None;
                }
            }
            dedup(&mut all);
            Some(all)
        }
    }
}

/// With what every match of a long repetition begins.
fn head(part: &Hir) -> Option<Vec<Literal>> {
    let HirKind::Repetition(repetition) = part.kind() else { return None };
    let once = exact(&repetition.sub)?;
    let times = repetition.min.min(8);
    (0..times).try_fold(vec![Literal { bytes: Vec::new(), fold: false }], |all, _| join(Some(&all), &once))
}

/// With what every match of a class, or of a repetition of one, begins: for literals that are too
/// short without it.
fn wide_head(part: &Hir) -> Option<Vec<Literal>> {
    match part.kind() {
        HirKind::Class(class) => choices(class, MOST_LITERALS),
        HirKind::Repetition(repetition) if repetition.min > 0 => wide_head(&repetition.sub),
        HirKind::Capture(capture) => wide_head(&capture.sub),
        _ => None,
    }
}

fn dedup(all: &mut Vec<Literal>) {
    all.sort();
    all.dedup();
}

/// A class as one-byte literals; a letter in both cases is one that folds.
fn choices(class: &Class, most: usize) -> Option<Vec<Literal>> {
    let mut bytes = [false; 256];
    match class {
        Class::Bytes(class) => {
            for range in class.ranges() {
                (range.start()..=range.end()).for_each(|byte| bytes[byte as usize] = true);
            }
        }
        Class::Unicode(class) => {
            for range in class.ranges() {
                if !range.end().is_ascii() {
                    return None;
                }
                (range.start() as u8..=range.end() as u8).for_each(|byte| bytes[byte as usize] = true);
            }
        }
    }
    let mut all = Vec::new();
    for byte in 0..=255u8 {
        let other =
            if byte.is_ascii_uppercase() { byte.to_ascii_lowercase() } else { byte.to_ascii_uppercase() };
        let pair = other != byte && bytes[other as usize];
        if bytes[byte as usize] && !(pair && byte.is_ascii_uppercase()) {
            all.push(Literal { bytes: vec![byte], fold: pair });
            if all.len() > most {
                return None;
            }
        }
    }
    Some(all)
}

/// Each of `before` followed by each of `after`.
fn join(before: Option<&[Literal]>, after: &[Literal]) -> Option<Vec<Literal>> {
    let Some(before) = before else { return Some(after.to_vec()) };
    if before.len() * after.len() > MOST_LITERALS {
        return None;
    }
    let mut all = Vec::with_capacity(before.len() * after.len());
    for left in before {
        for right in after {
            let fold = left.fold || right.fold;
            let mut bytes = left.bytes.clone();
            bytes.extend_from_slice(&right.bytes);
            if fold {
                bytes.make_ascii_lowercase();
            }
            all.push(Literal { bytes, fold });
        }
    }
    dedup(&mut all);
    Some(all)
}

/// How rare the most common of the literals is, in `bits`, less what their number costs.
fn worth(literals: &[Literal], bits: impl Fn(&Literal) -> f64) -> f64 {
    let least = literals.iter().map(bits).fold(f64::INFINITY, f64::min);
    let short = literals.iter().any(|literal| literal.bytes.len() < SHORT);
    least - if short { 8.0 } else { 0.0 } - (literals.len() as f64).log2() * 0.5
}

/// Bits of information in seeing a literal, if its bytes had nothing to do with each other.
fn plain_bits(literal: &Literal) -> f64 {
    literal.bytes.iter().take(LONGEST_LITERAL).map(|&byte| bits(byte, literal.fold)).sum()
}

/// Bits of information in seeing a literal: of words by how rare three of their letters are, for the others
/// tell little more.
fn real_bits(literal: &Literal) -> f64 {
    let bytes = &literal.bytes[..literal.bytes.len().min(LONGEST_LITERAL)];
    let is_word = literal.fold && bytes.iter().all(u8::is_ascii_alphabetic);
    match grams::rarity(bytes) {
        Some(rarity) if is_word => {
            let others = bytes.len() - grams::GRAM;
            f64::from(rarity).min(MOST_WORTH_OF_WORD) + 0.5 * others as f64
        }
        _ => plain_bits(literal),
    }
}

/// Bits of information in seeing a byte in source text, roughly.
fn bits(byte: u8, fold: bool) -> f64 {
    match byte {
        b' ' => 2.5,
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 3.7,
        b'\n' | b'-' | b'/' | b'=' | b'0' => 4.5,
        b'l' | b'd' | b'c' | b'u' | b'm' | b'p' | b'f' | b'h' => 4.7,
        b'j' | b'q' | b'z' | b'x' => 8.5,
        b'a'..=b'z' => 6.0,
        b'A'..=b'Z' if fold => 4.5,
        b'A'..=b'Z' => 7.0,
        b'_' | b'.' | b'"' | b'\'' | b'(' | b')' | b',' | b':' => 5.0,
        b'0'..=b'9' => 6.0,
        _ => 7.5,
    }
}

/// The rarest run of one class that every match of the sequence contains.
fn longest_run(parts: &[&Hir]) -> Option<Run> {
    parts.iter().filter_map(|part| run_of(part)).max_by(rarer)
}

fn rarer(a: &Run, b: &Run) -> std::cmp::Ordering {
    let bits = |run: &Run| f64::from(run.length) * (8.0 - f64::from(run.size()).log2());
    bits(a).total_cmp(&bits(b))
}

impl Context {
    /// Bits of information in what stands around a literal, roughly.
    fn bits(&self) -> f64 {
        let edges = f64::from(self.edge_before) + f64::from(self.edge_after);
        let tail = self.tail.as_ref().map_or(0, |tail| match tail.size() {
            ..=MOST_RUN_CLASS => tail.length.min(LONGEST_LITERAL as u32),
            _ => 1,
        });
        2.0 * edges + 0.5 * f64::from(tail)
    }
}

impl Run {
    fn size(&self) -> u32 {
        count(&self.class)
    }
}

fn run_of(part: &Hir) -> Option<Run> {
    match part.kind() {
        HirKind::Capture(capture) => run_of(&capture.sub),
        HirKind::Concat(parts) => longest_run(&parts.iter().collect::<Vec<_>>()),
        HirKind::Alternation(branches) => {
            let mut all = branches.iter().map(run_of);
            let first = all.next()??;
            all.try_fold(first, |all, one| {
                let one = one?;
                let class = std::array::from_fn(|word| all.class[word] | one.class[word]);
                Some(Run { class, length: all.length.min(one.length) })
            })
        }
        HirKind::Repetition(repetition) if repetition.min > 0 => match repetition.sub.kind() {
            HirKind::Class(_) if repetition.min >= LEAST_RUN => {
                let mut class = [0; 4];
                bytes_of(&repetition.sub, &mut class);
                Some(Run { class, length: repetition.min }).filter(|run| run.size() <= MOST_RUN_CLASS)
            }
            HirKind::Class(_) => None,
            _ => run_of(&repetition.sub),
        },
        _ => None,
    }
}

/// What stands around a literal between two sequences of parts; behind it nothing is known if it `ends`
/// within a part.
fn context(before: &[&Hir], ends: bool, after: &[&Hir]) -> Context {
    let is_edge = |part: Option<&&Hir>| {
        part.is_some_and(|part| matches!(part.kind(), HirKind::Look(regex_syntax::hir::Look::WordAscii)))
    };
    let edge_before = is_edge(before.last());
    let head = beside(before.iter().rev().copied(), true);
    if ends {
        return Context { edge_before, head, ..Context::default() };
    }
    let row = after.first().and_then(|part| {
        let (class, length) = match part.kind() {
            HirKind::Class(_) => (*part, 1),
            HirKind::Repetition(repetition) if matches!(repetition.sub.kind(), HirKind::Class(_)) => {
                (&*repetition.sub, repetition.min)
            }
            _ => return None,
        };
        let mut bytes = [0; 4];
        bytes_of(class, &mut bytes);
        Some(Run { class: bytes, length }).filter(|run| run.length > 0)
    });
    let tail = row.or_else(|| Some(Run { class: beside(after.iter().copied(), false)?, length: 1 }));
    Context { edge_before, edge_after: is_edge(after.first()), head, tail }
}

/// The bytes of which one stands beside a literal in every match, next to parts that are given from there
/// on: their last ones where they stand before it. None where that tells little.
fn beside<'h>(parts: impl Iterator<Item = &'h Hir>, is_before: bool) -> Option<[u64; 4]> {
    let mut class = [0; 4];
    let is_open = meets(parts, is_before, &mut class);
    (!is_open && count(&class) <= MOST_BESIDE).then_some(class)
}

/// Notes what may stand at the near end of parts; whether it may also be what stands beyond them.
fn meets<'h>(mut parts: impl Iterator<Item = &'h Hir>, is_before: bool, class: &mut [u64; 4]) -> bool {
    parts.all(|part| match part.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            let byte = if is_before { literal.0.last() } else { literal.0.first() };
            byte.iter().for_each(|byte| class[usize::from(**byte >> 6)] |= 1 << (**byte & 63));
            byte.is_none()
        }
        HirKind::Class(_) => {
            bytes_of(part, class);
            false
        }
        HirKind::Capture(capture) => meets(std::iter::once(&*capture.sub), is_before, class),
        HirKind::Repetition(repetition) => {
            meets(std::iter::once(&*repetition.sub), is_before, class) || repetition.min == 0
        }
        HirKind::Concat(parts) if is_before => meets(parts.iter().rev(), is_before, class),
        HirKind::Concat(parts) => meets(parts.iter(), is_before, class),
        HirKind::Alternation(branches) => {
            let meets = |branch: &&Hir| meets(std::iter::once(*branch), is_before, class);
            branches.iter().filter(meets).count() > 0
        }
    })
}

/// Whether a byte is in a class, given as a bit each.
pub(crate) fn has(class: &[u64; 4], byte: u8) -> bool {
    class[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
}

fn count(class: &[u64; 4]) -> u32 {
    class.iter().map(|word| word.count_ones()).sum()
}

/// How far a sequence of parts reaches.
fn reach_of(parts: &[&Hir]) -> Reach {
    let mut all = Reach::default();
    for part in parts {
        all.add(&reach(part));
    }
    all
}

impl Reach {
    fn add(&mut self, other: &Self) {
        self.bound = self.bound.saturating_add(other.bound);
        self.least = self.least.saturating_add(other.least);
        unite(&mut self.loops, &other.loops);
        unite(&mut self.within, &other.within);
    }
}

fn unite(set: &mut [u64; 4], other: &[u64; 4]) {
    set.iter_mut().zip(other).for_each(|(word, more)| *word |= more);
}

fn reach(hir: &Hir) -> Reach {
    let (bound, loops) = extent(hir);
    let least = hir.properties().minimum_len().unwrap_or(0);
    let mut within = [0; 4];
    bytes_of(hir, &mut within);
    Reach { bound, loops, within, least: u32::try_from(least).unwrap_or(u32::MAX) }
}

/// How many bytes bounded parts of an expression take at most, and which ones unbounded repetitions take.
fn extent(hir: &Hir) -> (u32, [u64; 4]) {
    let mut loops = [0; 4];
    let mut below = |hir: &Hir| {
        let (bound, more) = extent(hir);
        unite(&mut loops, &more);
        bound
    };
    let bound = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len() as u32,
        HirKind::Class(class) => class.maximum_len().unwrap_or(0) as u32,
        HirKind::Capture(capture) => below(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(below).fold(0, u32::saturating_add),
        HirKind::Alternation(branches) => branches.iter().map(below).max().unwrap_or(0),
        HirKind::Repetition(repetition) => match repetition.max {
            Some(most) => below(&repetition.sub).saturating_mul(most),
            None => {
                bytes_of(&repetition.sub, &mut loops);
                0
            }
        },
    };
    (bound, loops)
}

/// All bytes that may stand in a match of `hir`.
fn bytes_of(hir: &Hir, set: &mut [u64; 4]) {
    let mut insert = |first: u8, last: u8| {
        (first..=last).for_each(|byte| set[byte as usize >> 6] |= 1 << (byte & 63));
    };
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => literal.0.iter().for_each(|&byte| insert(byte, byte)),
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().for_each(|range| insert(range.start(), range.end()));
        }
        HirKind::Class(Class::Unicode(class)) => {
            for range in class.ranges() {
                if range.start().is_ascii() {
                    insert(range.start() as u8, range.end().min('\x7f') as u8);
                }
                if !range.end().is_ascii() {
                    insert(0x80, 0xff);
                }
            }
        }
        HirKind::Capture(capture) => bytes_of(&capture.sub, set),
        HirKind::Repetition(repetition) => bytes_of(&repetition.sub, set),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|part| bytes_of(part, set));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(regex: &str) -> Option<Vec<Anchor>> {
        anchors(&parse(regex).unwrap())
    }

    fn words(regex: &str) -> Vec<String> {
        let all = of(regex).unwrap_or_default();
        let mut words: Vec<String> = all
            .iter()
            .flat_map(|anchor| &anchor.literals)
            .map(|literal| {
                let text = String::from_utf8_lossy(&literal.bytes).into_owned();
                if literal.fold { format!("{text}/i") } else { text }
            })
            .collect();
        words.sort();
        words
    }

    #[test]
    fn takes_the_literals_that_every_match_contains() {
        assert_eq!(words(r"\b(ghp_[0-9A-Za-z]{36})\b"), ["ghp_"]);
        assert_eq!(words(r"(?i)secret[_-]?key\s*="), ["secret-key/i", "secret_key/i", "secretkey/i"]);
        assert_eq!(words(r"\b(?:xoxb-[0-9]{10}|hooks\.slack\.com/[A-Z]+)"), ["hooks.slac", "xoxb-"]);
        assert_eq!(words(r"[A-Z]{3}(?:token=)+[a-z]+"), ["token="]);
        assert_eq!(words(r"[0-9a-f]{32}"), Vec::<String>::new());
        assert_eq!(words(r"(?:abc_def)?[0-9]+"), Vec::<String>::new());
        assert_eq!(words(r"xA{15,22}[0-9]"), ["xAAAAAAAA"]);
        assert_eq!(words(r"gh[pousr]_[0-9A-Za-z]{36}"), ["gho_", "ghp_", "ghr_", "ghs_", "ghu_"]);
    }

    #[test]
    fn knows_what_stands_beside_a_literal() {
        let beside = |regex: &str| {
            let bytes = |class: [u64; 4]| -> Vec<char> {
                let bytes = (0..=255u8).filter(|byte| has(&class, *byte));
                bytes.map(char::from).collect()
            };
            let Context { head, tail, .. } = of(regex).unwrap().remove(0).context;
            (head.map(bytes), tail.map(|tail| (bytes(tail.class), tail.length)))
        };
        let class = |bytes: &str| bytes.chars().collect::<Vec<_>>();
        let (head, tail) = beside(r"\n[ \t]*password[ \t]*(?:=|:)x?");
        assert_eq!((head, tail), (Some(class("\t\n ")), Some((class("\t :="), 1))));
        assert_eq!(beside(r"[#-/]~{0,9}password").0, Some(class("#$%&'()*+,-./~")));
        assert_eq!(beside(r"\bpassword[0-9a-f]{2}").1, Some((class("0123456789abcdef"), 2)));
        assert_eq!(beside(r"(?:^|,)password(?:$|,)"), (None, None));
        assert_eq!(beside(r"[^,]password"), (None, None));
        let (head, tail) = beside(r"[0-9](?:z{0,9}password|token_key) {0,9}=");
        assert_eq!((head, tail), (Some(class("0123456789z")), Some((class(" ="), 1))));
        let (head, tail) = beside(r"[0-9](?:z{0,9}password1?){2}[^\n]{3}");
        assert_eq!((head, tail), (Some(class("0123456789dz")), None));
        assert!(of(r"\b(?:password|token_key)").unwrap()[0].context.edge_before);
    }

    #[test]
    fn knows_how_far_matches_reach() {
        let anchors = of(r"[a-z]{0,5}ghp_[0-9]{36}x?").unwrap();
        assert_eq!((anchors[0].before.bound, anchors[0].after.bound), (5, 41));
        assert_eq!((anchors[0].before.least, anchors[0].after.least), (0, 40));
        let before = |regex: &str| (of(regex).unwrap()[0].before.least, of(regex).unwrap()[0].before.bound);
        assert_eq!(before(r"\b[a-z]{3}(?:qq|[0-9]{2})ghp_[0-9]{36}"), (5, 5));
        assert_eq!(before(r"\w{2}(?:ghp_q_[0-9]){1,3}"), (2, 23));
        let anchors = of(r"-----BEGIN KEY-----[A-Z\n]+-----END").unwrap();
        assert_eq!(anchors[0].before.bound, 0);
        assert_ne!(anchors[0].after.loops, [0; 4]);
    }

    #[test]
    fn knows_which_bytes_a_long_match_takes() {
        let within = |regex: &str| {
            let Anchor { before, after, .. } = &of(regex).unwrap()[0];
            [before, after].map(|reach| (0..=255u8).filter(|byte| has(&reach.within, *byte)).count())
        };
        assert_eq!(within(r"(?:a|[x-z]{2}){0,40}ghp_[0-9]{36,40}"), [4, 14]);
        assert_eq!(within(r"\w*ghp_[0-9]{36,40}\s*"), [63, 20]);
        assert_eq!(within(r"[a-z]{0,39}ghp_[0-9]{16}(?-u:[^\n])*"), [0, 255]);
        assert_eq!(within(r"ghp_[0-9]{16}(?-u:[^'])*"), [0, 0]);
    }

    #[test]
    fn what_follows_a_literal_that_is_cut_is_not_known() {
        let all = of(r"(?:ghp_|verylongword_)\b[^a-z][0-9]{4}").unwrap();
        let edges = |anchor: &Anchor| (anchor.literals[0].bytes.clone(), anchor.context.edge_after);
        let edges: Vec<_> = all.iter().map(edges).collect();
        assert_eq!(edges, [(b"ghp_".to_vec(), true), (b"verylongwo".to_vec(), false)]);
    }
}
