//! UTF-16 and UTF-32 to UTF-8. Told by a byte order mark, or by where the first bytes have their
//! NULs; so UTF-16 without a mark is seen only where most of it is Latin. Text in any other
//! encoding is scanned as it is.

/// How many first bytes are looked at.
const HEAD: usize = 4096;
/// Fewer units than this are no text without a mark.
const LEAST_UNITS: usize = 4;

/// How text was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Utf16 { big: bool },
    Utf32 { big: bool },
}

/// Text in UTF-8 that was written otherwise. Lines are the same lines.
pub struct Transcoded {
    /// In UTF-8, without the byte order mark; U+FFFD for what is no character.
    pub text: Vec<u8>,
    form: Form,
    /// Bytes of the mark.
    mark: usize,
}

impl Transcoded {
    /// Where the character that lies at a byte offset of the text begins in the original.
    pub fn original_offset(&self, offset: usize) -> usize {
        let before = &self.text[..offset.min(self.text.len())];
        // Each character's first byte tells how long it was.
        let units = before.iter().filter(|byte| **byte & 0xc0 != 0x80).map(|first| match self.form {
            Form::Utf32 { .. } => 4,
            Form::Utf16 { .. } if *first >= 0xf0 => 4,
            Form::Utf16 { .. } => 2,
        });
        self.mark + units.sum::<usize>()
    }
}

/// The text in UTF-8 if it is UTF-16 or UTF-32; none for all else.
pub fn to_utf8(bytes: &[u8]) -> Option<Transcoded> {
    let (form, mark) = form(bytes)?;
    let content = &bytes[mark..];
    let mut text = String::with_capacity(content.len() / 2);
    match form {
        Form::Utf16 { big } => {
            let (units, rest) = content.as_chunks::<2>();
            let units = units
                .iter()
                .map(|unit| if big { u16::from_be_bytes(*unit) } else { u16::from_le_bytes(*unit) });
            text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
            text.extend((!rest.is_empty()).then_some(char::REPLACEMENT_CHARACTER));
        }
        Form::Utf32 { big } => {
            let (units, rest) = content.as_chunks::<4>();
            let units = units
                .iter()
                .map(|unit| if big { u32::from_be_bytes(*unit) } else { u32::from_le_bytes(*unit) });
            text.extend(units.map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)));
            text.extend((!rest.is_empty()).then_some(char::REPLACEMENT_CHARACTER));
        }
    }
    Some(Transcoded { text: text.into_bytes(), form, mark })
}

/// Whether [`to_utf8`] gives anything; makes no text.
pub fn is_transcoded(bytes: &[u8]) -> bool {
    form(bytes).is_some()
}

/// How text was written, and the bytes of its mark.
fn form(bytes: &[u8]) -> Option<(Form, usize)> {
    marked(bytes).or_else(|| Some((guessed(bytes)?, 0)))
}

fn marked(bytes: &[u8]) -> Option<(Form, usize)> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] if bytes.len().is_multiple_of(4) => Some((Form::Utf32 { big: false }, 4)),
        [0, 0, 0xfe, 0xff, ..] => Some((Form::Utf32 { big: true }, 4)),
        [0xff, 0xfe, ..] => Some((Form::Utf16 { big: false }, 2)),
        [0xfe, 0xff, ..] => Some((Form::Utf16 { big: true }, 2)),
        _ => None,
    }
}

fn guessed(bytes: &[u8]) -> Option<Form> {
    let head = &bytes[..bytes.len().min(HEAD)];
    memchr::memchr(0, head)?;
    let (quads, _) = head.as_chunks::<4>();
    let mut nuls = [0_usize; 4];
    for quad in quads {
        for (count, byte) in nuls.iter_mut().zip(quad) {
            *count += usize::from(*byte == 0);
        }
    }
    let units = quads.len();
    // Almost all of one kind of place are NUL, and almost none of the other.
    let all = |places: &[usize]| places.iter().all(|place| nuls[*place] * 10 >= units * 9);
    let most = |places: &[usize]| places.iter().all(|place| nuls[*place] * 10 >= units * 6);
    let few = |places: &[usize]| places.iter().all(|place| nuls[*place] * 20 <= units);
    if units >= LEAST_UNITS && all(&[1, 2, 3]) && few(&[0]) {
        Some(Form::Utf32 { big: false })
    } else if units >= LEAST_UNITS && all(&[0, 1, 2]) && few(&[3]) {
        Some(Form::Utf32 { big: true })
    } else if units * 2 >= LEAST_UNITS && most(&[1, 3]) && few(&[0, 2]) {
        Some(Form::Utf16 { big: false })
    } else if units * 2 >= LEAST_UNITS && most(&[0, 2]) && few(&[1, 3]) {
        Some(Form::Utf16 { big: true })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "key = value\nnaïve = \u{1f600} yes\nlast line of it";

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    fn utf32(text: &str, big: bool) -> Vec<u8> {
        text.chars()
            .map(u32::from)
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    #[test]
    fn reads_every_form_with_and_without_its_mark() {
        let marked = format!("\u{feff}{SAMPLE}");
        for bytes in [
            utf16(SAMPLE, false),
            utf16(SAMPLE, true),
            utf32(SAMPLE, false),
            utf32(SAMPLE, true),
            utf16(&marked, false),
            utf16(&marked, true),
            utf32(&marked, false),
            utf32(&marked, true),
        ] {
            let transcoded = to_utf8(&bytes).unwrap();
            assert!(is_transcoded(&bytes));
            assert_eq!(std::str::from_utf8(&transcoded.text).unwrap(), SAMPLE);
            let at = SAMPLE.find("yes").unwrap();
            let original = transcoded.original_offset(at);
            let unit = if matches!(transcoded.form, Form::Utf32 { .. }) { 4 } else { 2 };
            assert!(bytes[original..original + unit].contains(&b'y'), "{:?}", transcoded.form);
            assert_eq!(transcoded.original_offset(SAMPLE.len()), bytes.len());
        }
    }

    #[test]
    fn leaves_all_else_alone() {
        for bytes in
            [&b""[..], b"plain", b"with\0a nul", b"\0", b"\0\0\0\0\0\0\0\0\0\0\0\0", b"\xef\xbb\xbfmarked"]
        {
            assert!(to_utf8(bytes).is_none() && !is_transcoded(bytes), "{bytes:?}");
        }
        assert_eq!(to_utf8(b"\xff\xfea\0\0\xd8b").unwrap().text, "a\u{fffd}\u{fffd}".as_bytes());
    }
}
