//! Reads PEM just far enough to say whether it is sound and when its first certificate expires.
//! It verifies no signature and keeps nothing.

use super::{Content, decode_base64};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Whether `text` is one PEM block or more.
///
/// # Errors
/// What is wrong, in words that follow "its value".
pub(super) fn check(text: &str) -> Result<Content, String> {
    let text = text.trim();
    if text.starts_with("-----BEGIN ") && !text.contains('\n') {
        return Err(match text.contains("\\n") {
            true => "is PEM with `\\n` as two characters: store it with real line breaks".to_owned(),
            false => "is PEM without its line breaks: store it as it was in its file".to_owned(),
        });
    }
    let mut content = Content::default();
    let mut rest = text;
    let mut blocks = 0;
    while let Some(start) = rest.find("-----BEGIN ") {
        let after = &rest[start + 11..];
        let (label, after) = after.split_once("-----").ok_or("is PEM whose first line is broken")?;
        let end = format!("-----END {label}-----");
        let (body, after) = after.split_once(&end).ok_or("is PEM without its END line (cut off?)")?;
        let encoded: String = body.lines().filter(|line| !line.contains(':')).collect();
        let bytes = decode_base64(&encoded).ok_or("is PEM whose content is not base64")?;
        if label.ends_with("CERTIFICATE") {
            let expires = not_after(&bytes).ok_or("is PEM whose certificate cannot be read")?;
            content.expires = Some(content.expires.map_or(expires, |first| first.min(expires)));
        }
        blocks += 1;
        rest = after;
    }
    if blocks == 0 { Err("is not PEM".to_owned()) } else { Ok(content) }
}

/// The end of a certificate's validity (RFC 5280): `Certificate.tbsCertificate.validity.notAfter`.
fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(der, 0x30)?;
    let (mut body, _) = element(certificate, 0x30)?;
    if body.first() == Some(&0xa0) {
        body = element(body, 0xa0)?.1;
    }
    // serialNumber, signature, issuer
    for tag in [0x02, 0x30, 0x30] {
        body = element(body, tag)?.1;
    }
    let (validity, _) = element(body, 0x30)?;
    let first = *validity.first()?;
    let (_, rest) = element(validity, first)?;
    let tag = *rest.first()?;
    let (time, _) = element(rest, tag)?;
    time_of(tag, std::str::from_utf8(time).ok()?)
}

/// The content of the element at the start of `der`, which must have this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if first != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// `YYMMDDHHMMSSZ` (tag 0x17) or `YYYYMMDDHHMMSSZ` (tag 0x18).
fn time_of(tag: u8, text: &str) -> Option<Timestamp> {
    let full = match (tag, text.get(..2)?.parse::<u8>().ok()?) {
        (0x17, year) => format!("{}{text}", if year < 50 { "20" } else { "19" }),
        (0x18, _) => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%S", full.trim_end_matches('Z')).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag, 0x82, (content.len() >> 8) as u8, content.len() as u8];
        out.extend(content);
        out
    }

    fn certificate(tag: u8, until: &str) -> String {
        let validity = [der(0x17, b"200101000000Z"), der(tag, until.as_bytes())].concat();
        let body = [
            der(0xa0, &der(0x02, &[2])),
            der(0x02, &[1]),
            der(0x30, &[]),
            der(0x30, &[]),
            der(0x30, &validity),
        ]
        .concat();
        let bytes = der(0x30, &der(0x30, &body));
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(bytes))
    }

    #[test]
    fn the_first_certificate_to_expire_counts() {
        let chain = certificate(0x18, "20510203040506Z") + &certificate(0x17, "310203040506Z");
        let expires = check(&chain).unwrap().expires.unwrap();
        assert_eq!(expires.to_string(), "2031-02-03T04:05:06Z");
    }

    #[test]
    fn damage_is_named() {
        let whole = certificate(0x17, "310203040506Z");
        assert!(check(&whole.replace('\n', "\\n")).unwrap_err().contains("two characters"));
        assert!(check(&whole.replace('\n', " ")).unwrap_err().contains("line breaks"));
        assert!(check(whole.trim_end_matches("-----\n")).unwrap_err().contains("cut off"));
        assert!(check("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----").is_err());
    }
}
