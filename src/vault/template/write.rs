//! Writes a value so that [`super::Template::parse`], and the common dotenv readers, give it back.

/// `value` as it stands behind `KEY=`: bare where that is safe, in single quotes where it has none,
/// else in double quotes with escapes. Line breaks are escaped too, unless something else would be:
/// some readers know `\n` alone. (Bun replaces `$NAME` even in single quotes; nothing written
/// for the others keeps it from that.)
pub fn quote(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=~^".contains(c);
    if value.chars().all(plain) {
        return value.to_owned();
    }
    if !value.contains(['\'', '\r']) && (!value.contains('\n') || value.contains(['"', '\\', '$'])) {
        return format!("'{value}'");
    }
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for character in value.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '"' | '\\' | '$' => out.extend(['\\', character]),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}
