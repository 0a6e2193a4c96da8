//! Checksums that makers put in their tokens, so that a token can be told from something that looks
//! like one without asking anybody.

use sha2::{Digest, Sha256};

/// CRC-32 (IEEE 802.3), as in zip.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut hasher = flate2::Crc::new();
    hasher.update(bytes);
    hasher.sum()
}

/// CRC-32 in base62 (0-9A-Za-z), six characters: the end of GitHub's and npm's tokens.
pub fn crc32_base62(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = crc32(bytes);
    let mut out = [b'0'; 6];
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    out.iter().map(|&digit| digit as char).collect()
}

const BASE32_LOWER: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// In an old Azure DevOps token these bytes hold the checksum, low byte first.
const PAT_SUM_AT: [usize; 4] = [22, 8, 7, 2];
/// The sum is mixed with one of these: a user's token, an application's
/// (microsoft/security-utilities).
const PAT_MIXED_WITH: [u32; 2] = [0xe0b9_692d, 0x1019_f92e];

/// An Azure DevOps token of the old form (52 characters) with these random bytes.
pub(crate) fn azure_devops_pat(mut bytes: [u8; 32]) -> String {
    let sum = (crc32(&without_sum(&bytes)) ^ PAT_MIXED_WITH[0]).to_le_bytes();
    for (at, byte) in PAT_SUM_AT.into_iter().zip(sum) {
        bytes[at] = byte;
    }
    let bit = |bit: usize| bytes.get(bit / 8).is_some_and(|byte| byte >> (7 - bit % 8) & 1 == 1);
    let digit = |digit: usize| (0..5).fold(0, |value, at| value << 1 | usize::from(bit(digit * 5 + at)));
    (0..52).map(|at| BASE32_LOWER[digit(at)] as char).collect()
}

fn without_sum(bytes: &[u8; 32]) -> Vec<u8> {
    (0..32).filter(|at| !PAT_SUM_AT.contains(at)).map(|at| bytes[at]).collect()
}

fn is_azure_devops_pat(token: &[u8]) -> bool {
    let mut bytes = [0u8; 32];
    for (at, letter) in token.iter().enumerate() {
        let Some(value) = BASE32_LOWER.iter().position(|digit| digit == letter) else { return false };
        for bit in 0..5 {
            let place = at * 5 + bit;
            if place < 256 && value >> (4 - bit) & 1 == 1 {
                bytes[place / 8] |= 1 << (7 - place % 8);
            }
        }
    }
    let sum = u32::from_le_bytes(PAT_SUM_AT.map(|at| bytes[at]));
    PAT_MIXED_WITH.contains(&(sum ^ crc32(&without_sum(&bytes))))
}

const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const AGE: &[u8] = b"age-secret-key-";

/// An age key with these random digits of five bits.
pub(crate) fn age_key(digits: [u8; 52]) -> String {
    let mut all = digits.to_vec();
    all.extend([0; 6]);
    let sum = bech32_sum(&all) ^ 1;
    let sum = (0..6).map(|at| (sum >> (5 * (5 - at)) & 31) as u8);
    let body: String = digits.into_iter().chain(sum).map(|digit| BECH32[digit as usize] as char).collect();
    format!("{}1{body}", "age-secret-key-").to_ascii_uppercase()
}

/// The checksum of BIP 173 over age's prefix and the digits.
fn bech32_sum(digits: &[u8]) -> u32 {
    const STEPS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let prefix = AGE.iter().map(|byte| byte >> 5).chain([0]).chain(AGE.iter().map(|byte| byte & 31));
    prefix.chain(digits.iter().copied()).fold(1, |sum: u32, digit| {
        let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(digit);
        (0..5).filter(|at| sum >> (25 + at) & 1 == 1).fold(next, |next, at| next ^ STEPS[at])
    })
}

fn is_age_key(key: &[u8]) -> bool {
    let body = &key[AGE.len() + 1..];
    let digit = |letter: &u8| {
        let letter = letter.to_ascii_lowercase();
        BECH32.iter().position(|known| *known == letter).map(|digit| digit as u8)
    };
    body.iter().map(digit).collect::<Option<Vec<u8>>>().is_some_and(|digits| bech32_sum(&digits) == 1)
}

/// A Bitcoin private key in wallet import format (base58check, version 0x80) with these bytes.
pub(crate) fn bitcoin_wif(key: [u8; 32]) -> String {
    let mut bytes = vec![0x80];
    bytes.extend(key);
    bytes.extend(double_sha256(&bytes));
    // Repeated division by 58; no leading zeros to keep, as the version is none.
    let mut digits = Vec::new();
    while bytes.iter().any(|byte| *byte > 0) {
        let mut rest = 0;
        for byte in &mut bytes {
            let value = rest << 8 | u32::from(*byte);
            (*byte, rest) = ((value / 58) as u8, value % 58);
        }
        digits.push(BASE58[rest as usize]);
    }
    digits.iter().rev().map(|digit| *digit as char).collect()
}

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

fn double_sha256(bytes: &[u8]) -> [u8; 4] {
    let digest = Sha256::digest(Sha256::digest(bytes));
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Whether base58check holds: the last four bytes are the checksum of the rest.
fn is_base58check(text: &[u8]) -> bool {
    let mut bytes: Vec<u8> = Vec::new();
    for letter in text {
        let Some(digit) = BASE58.iter().position(|known| known == letter) else { return false };
        let mut carry = digit as u32;
        for byte in bytes.iter_mut().rev() {
            let value = u32::from(*byte) * 58 + carry;
            (*byte, carry) = (value as u8, value >> 8);
        }
        if carry > 0 {
            bytes.insert(0, carry as u8);
        }
    }
    bytes.split_last_chunk::<4>().is_some_and(|(body, sum)| double_sha256(body) == *sum)
}

/// Whether the checksum in `secret`, found by `rule`, says that it is no secret. False where its
/// kind has no checksum.
pub fn refutes(rule: &str, secret: &[u8]) -> bool {
    let base62 = |prefix: usize, body: usize| {
        secret.len() == prefix + body + 6
            && crc32_base62(&secret[prefix..prefix + body]).as_bytes() != &secret[prefix + body..]
    };
    // The hexadecimal sum of what stands between `from` and the last `parted + 8` characters.
    let hex_tail = |from: usize, parted: usize, of: fn(u32) -> u32| {
        secret.len().checked_sub(8 + parted).filter(|end| *end > from).is_some_and(|end| {
            let sum = of(crc32(&secret[from..end]));
            !secret[end + parted..].eq_ignore_ascii_case(format!("{sum:08x}").as_bytes())
        })
    };
    match secret {
        [b'g', b'h', b'p' | b'o' | b'u' | b's', b'_', ..] => base62(4, 30),
        [b'g', b'h', b'r', b'_', ..] => base62(4, 70),
        [b'n', b'p', b'm', b'_', ..] => base62(4, 30),
        [b'c', b'f', b'k', b'_', ..] if secret.len() == 52 => hex_tail(4, 0, |sum| sum),
        [b'c', b'f', b'u' | b'a', b't', b'_', ..] if secret.len() == 53 => hex_tail(5, 0, |sum| sum),
        [b'z', b'p', b'k', b'a', b'_', ..] if secret.len() == 46 => hex_tail(5, 1, |sum| sum),
        [b'g', b'l', b's', b'a', b'_', ..] if secret.len() == 46 => hex_tail(0, 1, u32::swap_bytes),
        [b'A', b'T', b'A' | b'C' | b'S', b'T', b'T', b'3', ..] if secret.len() > 100 => {
            secret.len() > 9 && secret[secret.len() - 9] == b'=' && hex_tail(0, 0, |sum| sum)
        }
        [b'A', b'G', b'E', b'-', ..] if secret.len() == 74 => !is_age_key(secret),
        _ if rule == "bitcoin-wif-key" => !is_base58check(secret),
        _ if rule.starts_with("azure-devops-") && secret.len() == 52 => !is_azure_devops_pat(secret),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_checksum_refutes() {
        let body = "0123456789abcdefghijABCDEFGHIJ";
        let right = format!("ghp_{body}{}", crc32_base62(body.as_bytes()));
        assert!(!refutes("", right.as_bytes()));
        let wrong = format!("ghp_{body}{}", "000000");
        assert!(refutes("", wrong.as_bytes()));
        assert!(!refutes("", b"something else"));
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn what_is_generated_with_a_checksum_stands_and_one_change_refutes_it() {
        for generator in [
            "<github:gho_>",
            "<github:ghr_>",
            "<crc32hex:cfut_|base62:40>",
            "<atlassian:ATATT3xFfGF0|172>",
            "<grafana:glsa_>",
            "<azdopat:>",
            "<age:>",
            "<wif:>",
        ] {
            let rule = if generator == "<wif:>" { "bitcoin-wif-key" } else { "azure-devops-pat" };
            let token = crate::scan::example::expand(generator, 5);
            assert!(!refutes(rule, token.as_bytes()), "{token}");
            let mut wrong = token.into_bytes();
            wrong[20] =
                if wrong[20] == b'A' || wrong[20] == b'a' { wrong[20] + 2 } else { wrong[20] & 0x20 | b'A' };
            assert!(refutes(rule, &wrong), "{generator}");
        }
    }
}
