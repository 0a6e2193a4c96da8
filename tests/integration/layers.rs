//! The law of the layers, read from the source text: which module may name which other, and who may
//! print, exit or be unsafe. Unit tests at a file's foot are outside the law: they may reach anywhere.
//! Paths that come in through a re-export or a macro are not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The library's top level, from leaves on: each names only what stands before it.
const LIBRARY: &[&[&str]] = &[&["files", "secret", "terminal"], &["scan", "vault"], &["config"]];

/// The scan half, from leaves to the session: each names only what stands on an earlier line.
const SCAN: &[&[&str]] = &[
    &["grams", "keyed_hash", "lock", "pieces"],
    &["quiet"],
    &[
        "analysis",
        "checksum",
        "coverage",
        "decode",
        "encoding",
        "entropy",
        "file_kind",
        "go_regex",
        "inline_allow",
        "stats",
        "synonym",
    ],
    &["location", "path_names", "rule", "words"],
    &["allowlist", "evidence", "example", "finding", "prefilter"],
    &["plausible"],
    &["baseline", "ignore_file", "matcher"],
    &["builtin", "report", "source"],
    &["scanner"],
    &["check", "session"],
];

/// Where `unsafe` may stand: packs are mapped there, and what libgit2 keeps for the whole process is set.
const UNSAFE: &[&str] = &["src/scan/source/pack/map.rs", "src/scan/source/repository.rs"];

/// A source file, without comments, literals and unit tests.
struct Source {
    /// From the package's root, with slashes.
    path: String,
    /// `["scan", "source", "history"]`; empty for the crate's root.
    module: Vec<String>,
    code: String,
}

/// One module names another.
struct Edge {
    path: String,
    from: Vec<String>,
    to: Vec<String>,
}

impl Edge {
    /// The two siblings where the paths part: their parent, who names, who is named.
    fn siblings(&self) -> Option<(&[String], &str, &str)> {
        let shared = self.from.iter().zip(&self.to).take_while(|(from, to)| from == to).count();
        Some((&self.from[..shared], self.from.get(shared)?, self.to.get(shared)?))
    }
}

fn library() -> Vec<Source> {
    let is_binary = |path: &str| path == "src/main.rs" || path.starts_with("src/cli/");
    sources().into_iter().filter(|source| !is_binary(&source.path)).collect()
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    list(&root.join("src"), &mut files);
    files.sort();
    assert!(files.len() > 50, "the source files were not found");
    let source = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let parts: Vec<String> =
            file.strip_prefix(root).unwrap().iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        let mut module = parts[1..].to_vec();
        let name = module.pop().unwrap();
        match name.trim_end_matches(".rs") {
            "mod" | "lib" | "main" => {}
            name => module.push(name.to_owned()),
        }
        Source { path: parts.join("/"), module, code: code(&text) }
    };
    files.into_iter().map(source).collect()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code alone: no comments, no literals, no unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut code = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if !code.ends_with(|before: char| before.is_alphanumeric() || before == '_') => raw(rest),
            '"' => quoted(rest, '"'),
            // Else it is a lifetime.
            '\'' if rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'') => quoted(rest, '\''),
            _ => 0,
        };
        if skipped == 0 {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            rest = &rest[skipped..];
        }
    }
    code
}

/// The length of the raw string that stands here; 0: none does.
fn raw(rest: &str) -> usize {
    let hashes = rest[1..].len() - rest[1..].trim_start_matches('#').len();
    if !rest[1 + hashes..].starts_with('"') {
        return 0;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let open = hashes + 2;
    rest[open..].find(&close).map_or(rest.len(), |end| open + end + close.len())
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        if letter == quote && !escaped {
            return at + 1;
        }
        escaped = letter == '\\' && !escaped;
    }
    rest.len()
}

/// Every path that starts at `crate` or `super`, as the module paths that it leads to.
fn edges(source: &Source) -> Vec<Edge> {
    let mut edges = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in source.code.match_indices(start) {
            let before = &source.code[..at];
            if before.ends_with("::") || before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let mut ends = Vec::new();
            expand(&source.code[at..], &[], &mut ends);
            for end in ends {
                if let Some(to) = resolve(&source.module, &end) {
                    edges.push(Edge { path: source.path.clone(), from: source.module.clone(), to });
                }
            }
        }
    }
    edges
}

/// Follows a path, `{a, b::c}` included; gives its ends and what is left of the text.
fn expand<'t>(text: &'t str, before: &[String], ends: &mut Vec<Vec<String>>) -> &'t str {
    let mut path = before.to_vec();
    let mut rest = text;
    loop {
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        path.push(rest[..length].to_owned());
        rest = &rest[length..];
        let Some(next) = rest.strip_prefix("::") else { break };
        if let Some(mut group) = next.strip_prefix('{') {
            loop {
                group = group.trim_start();
                group = expand(group, &path, ends).trim_start();
                let end = group.find([',', '}']).unwrap_or(group.len());
                let more = group[end..].starts_with(',');
                group = group[end..].get(1..).unwrap_or_default();
                if !more || group.trim_start().starts_with('}') {
                    return group;
                }
            }
        }
        rest = next;
    }
    ends.push(path);
    rest
}

fn resolve(module: &[String], path: &[String]) -> Option<Vec<String>> {
    let mut base = module.to_vec();
    let mut names = path.iter().peekable();
    if names.next_if(|name| *name == "crate").is_some() {
        base.clear();
    }
    while names.next_if(|name| *name == "super").is_some() {
        base.pop()?;
    }
    base.extend(names.filter(|name| *name != "self").cloned());
    Some(base)
}

/// The edges that `order` forbids, and the modules that it does not know.
fn breaches(parent: &[&str], order: &[&[&str]]) -> Vec<String> {
    let rank = |name: &str| order.iter().position(|line| line.contains(&name));
    let mut breaches = BTreeSet::new();
    let sources = library();
    for source in &sources {
        let below = source.module.get(parent.len()).filter(|_| source.module.starts_with(&owned(parent)));
        if let Some(name) = below.filter(|name| rank(name).is_none()) {
            breaches.insert(format!("{}: `{name}` has no place in the order", source.path));
        }
    }
    for edge in sources.iter().flat_map(edges) {
        let Some((at, from, to)) = edge.siblings() else { continue };
        let (Some(low), Some(high)) = (rank(to), rank(from)) else { continue };
        if at == owned(parent) && low >= high {
            breaches.insert(format!("{}: `{from}` names `{to}`", edge.path));
        }
    }
    breaches.into_iter().collect()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_top_level_keeps_its_order_and_the_halves_stay_apart() {
    assert_eq!(breaches(&[], LIBRARY), Vec::<String>::new());
}

#[test]
fn the_scan_half_keeps_its_order() {
    assert_eq!(breaches(&["scan"], SCAN), Vec::<String>::new());
}

#[test]
fn no_modules_form_a_circle() {
    let sources = library();
    let modules: BTreeSet<Vec<String>> = sources.iter().map(|source| source.module.clone()).collect();
    let mut names: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for edge in sources.iter().flat_map(edges) {
        let Some((parent, from, to)) = edge.siblings() else { continue };
        let below = |name: &str| [parent, &[name.to_owned()]].concat();
        if modules.contains(&below(to)) {
            names.entry(below(from)).or_default().insert(below(to));
        }
    }
    for start in names.keys() {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![start];
        while let Some(module) = waiting.pop() {
            for next in names.get(module).into_iter().flatten() {
                assert_ne!(next, start, "{start:?} leads back to itself through {module:?}");
                if reached.insert(next) {
                    waiting.push(next);
                }
            }
        }
    }
}

#[test]
fn the_library_neither_prints_nor_exits_nor_names_the_command_line() {
    let words = ["println!", "print!", "eprintln!", "eprint!", "dbg!", "process::exit", "process::abort"];
    for source in library() {
        for word in words {
            assert!(!has(&source.code, word), "{}: {word}", source.path);
        }
        for word in ["crate::cli", "mod cli", "clap::", "anyhow::", "indicatif::", "ctrlc::"] {
            assert!(!has(&source.code, word), "{}: {word}", source.path);
        }
    }
}

#[test]
fn unsafe_code_stands_only_where_it_is_allowed() {
    for source in sources().iter().filter(|source| !UNSAFE.contains(&source.path.as_str())) {
        assert!(!has(&source.code, "unsafe "), "{}", source.path);
    }
}

/// Whether `word` stands in `code`, not as the end of a longer one.
fn has(code: &str, word: &str) -> bool {
    let starts = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    code.match_indices(word).any(|(at, _)| starts(at))
}

#[test]
fn the_law_sees_edges() {
    let text =
        "use super::{a, b::{C, d}, self};\n// use crate::vault;\nfn f() { crate::x::y(\"crate::no\") }\n";
    let module = owned(&["scan", "source"]);
    let source = Source { path: String::new(), module, code: code(text) };
    let found: Vec<String> = edges(&source).iter().map(|edge| edge.to.join("::")).collect();
    assert_eq!(found, ["x::y", "scan::a", "scan::b::C", "scan::b::d", "scan"]);
    assert_eq!(code("'a' '\\'' 'b r#\"x\"y\"# \"\\\"\" end"), "  'b   end");
}
