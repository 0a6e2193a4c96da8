//! The kind and size of a private key, read from the body of its PEM text: PKCS#1, SEC 1, PKCS#8
//! (RFC 5958), and OpenSSH's own container. It reads lengths and names, no key material.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// As PEM bodies come: padded or cut.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const NAME: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Object identifiers of keys and curves, in DER.
const NAMES: &[(&[u8], &str)] = &[
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01], "rsa"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], "dsa"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], "ec-256"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], "ec-384"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "ec-521"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "secp256k1"),
    (&[0x2b, 0x65, 0x6e], "x25519"),
    (&[0x2b, 0x65, 0x70], "ed25519"),
    (&[0x2b, 0x65, 0x71], "ed448"),
];

/// Tags such as `rsa-2048` or `encrypted`; none: the text is no whole key.
pub(super) fn key_facts(body: &[u8]) -> Option<Vec<String>> {
    let der = LENIENT.decode(base64_of(body)).ok()?;
    if let Some(rest) = der.strip_prefix(b"openssh-key-v1\0") {
        let length = usize::try_from(u32::from_be_bytes(*rest.first_chunk()?)).ok()?;
        let cipher = rest.get(4..)?.get(..length)?;
        return Some(if cipher == b"none" { Vec::new() } else { vec!["encrypted".to_owned()] });
    }
    let (tag, key, _) = element(&der)?;
    if tag != SEQUENCE {
        return None;
    }
    let (first, _, rest) = element(key)?;
    match first {
        // EncryptedPrivateKeyInfo begins with the name of its cipher.
        SEQUENCE => Some(vec!["encrypted".to_owned()]),
        INTEGER => kind(rest).map(|kind| vec![kind]),
        _ => None,
    }
}

/// What follows the version.
fn kind(rest: &[u8]) -> Option<String> {
    let (tag, value, rest) = element(rest)?;
    match tag {
        INTEGER => Some(format!("rsa-{}", bits(value))),
        OCTETS => Some(format!("ec-{}", value.len() * 8)),
        SEQUENCE => {
            let (_, algorithm, parameters) = element(value)?;
            let named = |name: &[u8]| NAMES.iter().find(|(der, _)| *der == name).map(|(_, name)| *name);
            match named(algorithm) {
                Some("rsa") => {
                    let (_, inner, _) = element(rest)?;
                    let (_, numbers, _) = element(inner)?;
                    let (_, _, rest) = element(numbers)?;
                    Some(format!("rsa-{}", bits(element(rest)?.1)))
                }
                Some(name) => Some(name.to_owned()),
                None => {
                    let curve = element(parameters).filter(|(tag, ..)| *tag == NAME);
                    Some(curve.and_then(|(_, name, _)| named(name)).unwrap_or("other-key").to_owned())
                }
            }
        }
        _ => None,
    }
}

fn bits(integer: &[u8]) -> usize {
    let digits = integer.iter().position(|byte| *byte != 0).map_or(&[][..], |first| &integer[first..]);
    digits.len() * 8 - digits.first().map_or(0, |first| first.leading_zeros() as usize)
}

/// The first element: its tag, its content, and what follows it. None where it is cut short.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The base64 in a PEM body as it stands in code: without line ends, written out or not, and quotes.
fn base64_of(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(body.len());
    let mut escaped = false;
    for &byte in body {
        match byte {
            b'\\' => escaped = true,
            _ if std::mem::take(&mut escaped) && matches!(byte, b'n' | b'r' | b't') => {}
            b'=' => break,
            _ if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') => text.push(byte),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(der: &[u8]) -> String {
        base64::engine::general_purpose::STANDARD.encode(der)
    }

    fn sequence(content: &[u8]) -> Vec<u8> {
        let mut der = vec![SEQUENCE, 0x82];
        der.extend((content.len() as u16).to_be_bytes());
        der.extend(content);
        der
    }

    #[test]
    fn tells_kind_and_size() {
        // Version 0, then a modulus of 1024 bits with its leading zero.
        let mut rsa = vec![INTEGER, 1, 0, INTEGER, 0x81, 129, 0];
        rsa.extend([0xc5; 128]);
        let rsa = sequence(&rsa);
        let text = pem(&rsa);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let lines = lines.join("\\n\"\n    \"");
        assert_eq!(key_facts(pem(&rsa).as_bytes()), Some(vec!["rsa-1024".to_owned()]));
        assert!(key_facts(lines.as_bytes()).is_some());
        assert_eq!(key_facts(pem(&rsa[..100]).as_bytes()), None, "cut short");
        let ec = [&[INTEGER, 1, 1, OCTETS, 32][..], &[7; 32]].concat();
        assert_eq!(key_facts(pem(&sequence(&ec)).as_bytes()), Some(vec!["ec-256".to_owned()]));
        let cipher = [SEQUENCE, 3, NAME, 1, 0x2a];
        assert_eq!(key_facts(pem(&sequence(&cipher)).as_bytes()), Some(vec!["encrypted".to_owned()]));
        let openssh = [&b"openssh-key-v1\0\0\0\0\x0aaes256-ctr"[..], &[0; 30]].concat();
        assert_eq!(key_facts(pem(&openssh).as_bytes()), Some(vec!["encrypted".to_owned()]));
        assert_eq!(key_facts(b"no key"), None);
    }
}
