//! Expands the generators in rules' examples (`ghp_<base62:36>`), so that no live-looking secret
//! stands in a rule file. The same seed gives the same text.
//!
//! Generators: `<hex:N>`, `<HEX:N>`, `<digits:N>`, `<lower:N>`, `<upper:N>`, `<alnum:N>`,
//! `<ALNUM:N>`, `<base32:N>`, `<base32lower:N>`, `<base58:N>`, `<base62:N>`, `<base64:N>`,
//! `<base64url:N>`, `<uuid>`, `<pick:a|b|c>`, `<b64:TEXT>` and `<b64url:TEXT>` (the base64 of the
//! expanded text), and tokens with a checksum: `<github:PREFIX>`, `<crc32hex:PREFIX|CLASS:N|SEPARATOR>`,
//! `<atlassian:PREFIX|N>`, `<grafana:PREFIX>`, `<confluent:PREFIX>`, `<azdopat:>`, `<age:>`,
//! `<wif:>`.
//! Any other `<` stays as it is.

use super::checksum;

/// A small generator of pseudo-random numbers (SplitMix64): examples need no more.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| alphabet[self.next() as usize % alphabet.len()] as char).collect()
    }
}

/// Expands every generator of `template`.
pub fn expand(template: &str, seed: u64) -> String {
    expand_with(template, &mut Random(seed))
}

fn expand_with(template: &str, random: &mut Random) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let generated = closing(rest).and_then(|close| Some((close, generate(&rest[1..close], random)?)));
        match generated {
            Some((close, text)) => {
                out.push_str(&text);
                rest = &rest[close + 1..];
            }
            None => {
                out.push('<');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Where the generator that begins `text` ends, with those inside it.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn generate(generator: &str, random: &mut Random) -> Option<String> {
    if generator == "uuid" {
        let mut hex = random.text(b"0123456789abcdef", 32).into_bytes();
        (hex[12], hex[16]) = (b'4', b'a');
        let hex = String::from_utf8(hex).ok()?;
        return Some([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"));
    }
    let (name, argument) = generator.split_once(':')?;
    match name {
        "pick" => {
            let choices: Vec<&str> = argument.split('|').collect();
            let choice = choices[random.next() as usize % choices.len()];
            Some(expand_with(choice, random))
        }
        "b64" => Some(base64(expand_with(argument, random).as_bytes(), STANDARD, true)),
        "b64url" => Some(base64(expand_with(argument, random).as_bytes(), URL_SAFE, false)),
        "github" => {
            let length = if argument == "ghr_" { 70 } else { 30 };
            let body = random.text(alphabet("base62")?, length);
            Some(format!("{argument}{body}{}", checksum::crc32_base62(body.as_bytes())))
        }
        "crc32hex" => {
            let (prefix, body) = argument.split_once('|')?;
            let (body, separator) = body.split_once('|').unwrap_or((body, ""));
            let (class, length) = body.split_once(':')?;
            let body = random.text(alphabet(class)?, length.parse().ok()?);
            Some(format!("{prefix}{body}{separator}{:08x}", checksum::crc32(body.as_bytes())))
        }
        "atlassian" => {
            let (prefix, length) = argument.split_once('|')?;
            let body = format!("{prefix}{}=", random.text(URL_SAFE, length.parse().ok()?));
            Some(format!("{body}{:08X}", checksum::crc32(body.as_bytes())))
        }
        "grafana" => {
            let body = format!("{argument}{}", random.text(alphabet("base62")?, 32));
            Some(format!("{body}_{:08x}", checksum::crc32(body.as_bytes()).swap_bytes()))
        }
        "confluent" => {
            let body = random.text(STANDARD, 54);
            let sum = base64(&checksum::crc32(body.as_bytes()).to_le_bytes(), STANDARD, false);
            Some(format!("{argument}{body}{sum}"))
        }
        "azdopat" => Some(checksum::azure_devops_pat(std::array::from_fn(|_| random.next() as u8))),
        "wif" => Some(checksum::bitcoin_wif(std::array::from_fn(|_| random.next() as u8))),
        "age" => Some(checksum::age_key(std::array::from_fn(|_| random.next() as u8 & 31))),
        class => Some(random.text(alphabet(class)?, argument.parse().ok()?)),
    }
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn alphabet(class: &str) -> Option<&'static [u8]> {
    Some(match class {
        "hex" => b"0123456789abcdef",
        "HEX" => b"0123456789ABCDEF",
        "digits" => b"0123456789",
        "lower" => &STANDARD[26..52],
        "upper" => &STANDARD[..26],
        "alnum" => &STANDARD[26..62],
        "ALNUM" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "base32" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "base32lower" => b"abcdefghijklmnopqrstuvwxyz234567",
        "base58" => b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
        "base62" => &STANDARD[..62],
        "base64" => STANDARD,
        "base64url" => URL_SAFE,
        _ => return None,
    })
}

fn base64(bytes: &[u8], alphabet: &[u8; 64], pad: bool) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0u32, |group, &byte| group << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            if digit <= chunk.len() {
                out.push(alphabet[(group >> (18 - 6 * digit) & 63) as usize] as char);
            } else if pad {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_generators_and_nothing_else() {
        let one = expand("key=<hex:8> <p> <uuid> <b64:u:<digits:3>> a<b", 7);
        assert_eq!(one, expand("key=<hex:8> <p> <uuid> <b64:u:<digits:3>> a<b", 7));
        assert_ne!(one, expand("key=<hex:8> <p> <uuid> <b64:u:<digits:3>> a<b", 8));
        assert!(one.contains(" <p> ") && one.ends_with(" a<b"), "{one}");
        assert_eq!(one.len(), "key=".len() + 8 + 5 + 36 + 1 + 8 + 4);
        assert_eq!(base64(b"M", STANDARD, true), "TQ==");
        assert_eq!(base64(b"Ma", URL_SAFE, false), "TWE");
    }
}
