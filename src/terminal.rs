//! What may reach a terminal. Paths, commit messages and lines come from whoever wrote the
//! repository: they must neither move the cursor nor reorder what stands beside them.
//!
//! It looks at nothing of the process: the caller says what the environment and the stream are.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write as _;

/// `text` with every character that could act on a terminal, or hide there, written as an escape
/// (`\n`, `\t`, `\u{1b}`).
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            character if acts(character) => {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\u{{{:x}}}", character as u32);
            }
            character => safe.push(character),
        }
    }
    Cow::Owned(safe)
}

/// Controls (C0, DEL, C1), marks that reorder text, characters without a width, and tags.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether to colour: only on a terminal that understands it, and not where `NO_COLOR` has a value.
pub fn wants_colour(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
}

/// How a piece of text is to stand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// What to see first.
    Bold,
    /// What may be passed over.
    Dim,
    /// The worst.
    Red,
    /// Bad.
    Yellow,
    /// Where.
    Cyan,
    /// Good.
    Green,
}

impl Paint {
    /// `text` in this paint; as it is where colour is not wanted.
    pub fn on(self, text: &str, colour: bool) -> Cow<'_, str> {
        if !colour || text.is_empty() {
            return Cow::Borrowed(text);
        }
        let code = match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "1;31",
            Self::Yellow => "1;33",
            Self::Cyan => "36",
            Self::Green => "32",
        };
        Cow::Owned(format!("\u{1b}[{code}m{text}\u{1b}[0m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_gets_through() {
        assert_eq!(escape("plain påth/文件.txt"), "plain påth/文件.txt");
        assert_eq!(escape("a\u{1b}[2Jb\nc\td\r"), "a\\u{1b}[2Jb\\nc\\td\\r");
        assert_eq!(escape("x\u{202e}txt.exe\u{9b}\u{200b}"), "x\\u{202e}txt.exe\\u{9b}\\u{200b}");
    }

    #[test]
    fn colour_is_for_terminals_whose_user_wants_it() {
        let (set, empty, dumb) = (OsStr::new("1"), OsStr::new(""), OsStr::new("dumb"));
        assert!(wants_colour(true, None, None));
        assert!(wants_colour(true, Some(empty), Some(OsStr::new("xterm"))));
        assert!(!wants_colour(true, Some(set), None));
        assert!(!wants_colour(true, None, Some(dumb)));
        assert!(!wants_colour(false, None, None));
        assert_eq!(Paint::Red.on("x", false), "x");
        assert_eq!(Paint::Red.on("x", true), "\u{1b}[1;31mx\u{1b}[0m");
    }
}
