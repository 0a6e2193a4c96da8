//! Known binary formats by their first bytes. Only what is certain and holds no text worth a look:
//! a NUL or an unknown format is no reason to skip. Archives are not here, they can be opened.

/// Bytes at an offset that give a format away.
struct Magic(usize, &'static [u8]);

/// How many first bytes [`is_binary`] wants to see.
pub const HEAD: usize = 16;

const MAGICS: &[Magic] = &[
    // Images.
    Magic(0, b"\x89PNG\r\n\x1a\n"),
    Magic(0, b"\xff\xd8\xff"),
    Magic(0, b"GIF87a"),
    Magic(0, b"GIF89a"),
    Magic(0, b"II*\0"),
    Magic(0, b"MM\0*"),
    Magic(0, b"8BPS\0"),
    Magic(0, b"\0\0\x01\0"),
    Magic(8, b"WEBP"),
    Magic(0, b"\xff\x0a\xff"),
    Magic(0, b"\0\0\0\x0cJXL \r\n"),
    // Sound and film.
    Magic(0, b"ID3\x02"),
    Magic(0, b"ID3\x03"),
    Magic(0, b"ID3\x04"),
    Magic(0, b"OggS\0"),
    Magic(0, b"fLaC\0"),
    Magic(8, b"WAVEfmt "),
    Magic(8, b"AVI LIST"),
    Magic(4, b"ftyp"),
    Magic(0, b"\x1aE\xdf\xa3"),
    // Fonts.
    Magic(0, b"wOFF\0\x01\0\0"),
    Magic(0, b"wOFFOTTO"),
    Magic(0, b"wOF2\0\x01\0\0"),
    Magic(0, b"wOF2OTTO"),
    Magic(0, b"\0\x01\0\0\0"),
    Magic(0, b"OTTO\0"),
    // Programs.
    Magic(0, b"\x7fELF"),
    Magic(0, b"\xca\xfe\xba\xbe"),
    Magic(0, b"\xfe\xed\xfa\xce"),
    Magic(0, b"\xfe\xed\xfa\xcf"),
    Magic(0, b"\xce\xfa\xed\xfe"),
    Magic(0, b"\xcf\xfa\xed\xfe"),
    Magic(0, b"\0asm\x01\0\0\0"),
    Magic(0, b"MZ\x90\0"),
    // Documents and git's own.
    Magic(0, b"%PDF-"),
    Magic(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    Magic(0, b"PACK\0\0\0\x02"),
    Magic(0, b"\xfftOc\0\0\0\x02"),
];

/// Whether content that begins so is of a known binary format.
pub fn is_binary(head: &[u8]) -> bool {
    MAGICS.iter().any(|Magic(offset, bytes)| head.get(*offset..).is_some_and(|head| head.starts_with(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_formats_and_leaves_text_alone() {
        assert!(is_binary(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"));
        assert!(is_binary(b"RIFF\x10\0\0\0WEBPVP8 "));
        assert!(is_binary(b"\x7fELF"));
        for text in
            ["", "MZ is a title", "GIF89 was", "OTTO", "ID3 tags", "text\0with\0nuls", "\u{feff}key = 1"]
        {
            assert!(!is_binary(text.as_bytes()), "{text:?}");
        }
        assert!(MAGICS.iter().all(|Magic(offset, bytes)| offset + bytes.len() <= HEAD));
    }
}
