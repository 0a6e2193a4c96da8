//! How fast the engine is by itself: start-up, and text through prefilter and matcher on one thread. No
//! files and no git: `compare` times whole commands.

use cofferdam::scan::builtin;
use cofferdam::scan::example::expand;
use cofferdam::scan::scanner::{Options, Scanner};
use divan::Bencher;
use divan::counter::BytesCount;

const MEGABYTE: usize = 1_000_000;

fn main() {
    divan::main();
}

fn scanner() -> Scanner {
    Scanner::builtin(builtin::ruleset(), &[], Options::default())
}

/// A megabyte of what `line` gives, with line numbers counting up.
fn text(line: impl Fn(u64) -> String) -> String {
    let mut text = String::with_capacity(MEGABYTE + 200);
    let mut number = 0;
    while text.len() < MEGABYTE {
        text.push_str(&line(number));
        text.push('\n');
        number += 1;
    }
    text
}

/// Code as people write it, now and then with words that rules look for.
fn source_line(number: u64) -> String {
    let line = match number % 11 {
        0 => "// <pick:Reads|Writes|Checks> the <lower:7> before the <lower:5> of the <lower:6> changes.",
        1 => "static int <lower:6>_<lower:9>(struct <lower:5> *<lower:2>, const char *<lower:4>, size_t n)",
        2 => "    if (<lower:4>-><lower:6> == NULL || <lower:3> < <digits:2>) { return -E<upper:5>; }",
        3 => "    <lower:5> = <lower:8>(<lower:3>-><lower:6>[<lower:1>], <lower:4>, sizeof(*<lower:4>));",
        4 => {
            "    for (let <lower:1> = 0; <lower:1> < <lower:6>.length; <lower:1>++) { <lower:7>.push(<lower:3>); }"
        }
        5 => "import { <lower:6>, <lower:8> } from './<lower:6>/<lower:9>';",
        6 => "    log.debug(\"<lower:5> of <lower:8>: {}\", <lower:7>.<lower:6>());",
        7 => "#define <upper:5>_<upper:8>  0x<hex:8>",
        8 => "    <lower:6>.<lower:4> = \"<lower:5>/<lower:7>.<lower:3>\";",
        9 => "def test_<lower:8>(self, <lower:5>=None): return <lower:6>.<lower:4>(<lower:5>)",
        _ => "    token = next_token(parser); key = keys[token.kind]; // password and secret are words",
    };
    expand(line, number)
}

#[divan::bench]
fn start_up() -> Scanner {
    scanner()
}

/// The automata are built when the first content comes.
#[divan::bench]
fn start_up_and_first_line(bencher: Bencher<'_, '_>) {
    bencher.bench(|| scanner().scan(b"int main(void) { return 0; }\n"));
}

#[divan::bench]
fn source_code(bencher: Bencher<'_, '_>) {
    throughput(bencher, &text(source_line));
}

/// No line breaks and few words, as minified code and data have it.
#[divan::bench]
fn one_long_line(bencher: Bencher<'_, '_>) {
    throughput(
        bencher,
        &text(|number| expand("{\"<lower:6>\":[<digits:4>,<digits:3>]},", number)).replace('\n', ""),
    );
}

/// Digests everywhere: each is a candidate for decoding.
#[divan::bench]
fn lock_file(bencher: Bencher<'_, '_>) {
    throughput(bencher, &text(|number| expand("    \"integrity\": \"sha512-<base64:86>==\",", number)));
}

/// A token on every line: the matcher at work.
#[divan::bench]
fn tokens(bencher: Bencher<'_, '_>) {
    throughput(bencher, &text(|number| expand("GITHUB_TOKEN=<github:ghp_> # <lower:8> <lower:6>", number)));
}

fn throughput(bencher: Bencher<'_, '_>, text: &str) {
    let scanner = scanner();
    bencher.counter(BytesCount::of_str(text)).bench(|| scanner.scan_base(divan::black_box(text.as_bytes())));
}
