//! gitleaks' CSV, quoted as Go quotes it; nothing at all where nothing was found. Values are not
//! changed for spreadsheets: whoever opens the file in one should import it as text.

use super::entry::Entry;
use std::borrow::Cow;
use std::io::{self, Write};

const COLUMNS: [&str; 16] = [
    "RuleID",
    "Commit",
    "File",
    "SymlinkFile",
    "Secret",
    "Match",
    "StartLine",
    "EndLine",
    "StartColumn",
    "EndColumn",
    "Author",
    "Message",
    "Date",
    "Email",
    "Fingerprint",
    "Tags",
];

pub(super) fn write(entries: &[Entry<'_>], out: &mut dyn Write) -> io::Result<()> {
    let Some(first) = entries.first() else { return Ok(()) };
    let has_links = first.link.is_some();
    let mut columns = COLUMNS.to_vec();
    if has_links {
        columns.push("Link");
    }
    row(&columns, out)?;
    for entry in entries {
        let location = entry.location;
        let numbers = [location.start_line, location.end_line, entry.columns.0, entry.columns.1]
            .map(|number| number.to_string());
        let tags = entry.tags.join(" ");
        let mut fields = vec![
            entry.rule.id.as_str(),
            entry.commit.id,
            &entry.path,
            &entry.symlink,
            &entry.secret,
            &entry.matched,
            &numbers[0],
            &numbers[1],
            &numbers[2],
            &numbers[3],
            &entry.commit.author,
            &entry.commit.message,
            entry.commit.date,
            &entry.commit.email,
            &entry.fingerprint,
            &tags,
        ];
        if has_links {
            fields.push(entry.link.as_deref().unwrap_or_default());
        }
        row(&fields, out)?;
    }
    Ok(())
}

fn row(fields: &[&str], out: &mut dyn Write) -> io::Result<()> {
    let fields: Vec<Cow<'_, str>> = fields.iter().map(|field| quoted(field)).collect();
    writeln!(out, "{}", fields.join(","))
}

fn quoted(field: &str) -> Cow<'_, str> {
    let needs_quotes =
        field == "\\." || field.contains([',', '"', '\r', '\n']) || field.starts_with(char::is_whitespace);
    match needs_quotes {
        true => Cow::Owned(format!("\"{}\"", field.replace('"', "\"\""))),
        false => Cow::Borrowed(field),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::fixture::{finding, render};

    #[test]
    fn nothing_found_is_an_empty_file() {
        assert_eq!(render(&[], &Format::Csv), "");
    }

    #[test]
    fn rows_are_gitleaks_rows() {
        let mut one = finding("r", "a,b.txt", "say \"abcdefgh1\"\nx", "abcdefgh1");
        one.matched = "say \"abcdefgh1\"\n".to_owned().into();
        one.tags = vec!["x".into(), "y".into()];
        one.symlink = Some(" link".into());
        let expected = "RuleID,Commit,File,SymlinkFile,Secret,Match,StartLine,EndLine,StartColumn,EndColumn,\
            Author,Message,Date,Email,Fingerprint,Tags\n\
            r,,\"a,b.txt\",\" link\",REDACTED,\"say \"\"REDACTED\"\"\n\",1,1,6,14,,,,,\"a,b.txt:r:1\",x y\n";
        assert_eq!(render(&[one], &Format::Csv), expected);
    }
}
