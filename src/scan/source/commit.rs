//! Commit and tag objects as bytes: what the walk needs of each (tree, parents, date), and what a
//! finding shows (author, date, message). Parsed here rather than by libgit2 so that encodings are
//! honoured and a malformed header costs nothing but that header.

use super::super::finding;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use git2::{ObjectFormat, Oid};
use jiff::Timestamp;

/// A commit as the walk sees it.
#[derive(Clone, Debug)]
pub(super) struct CommitNode {
    pub(super) tree: Oid,
    pub(super) parents: Vec<Oid>,
    /// Committer date, seconds since 1970.
    pub(super) time: i64,
}

/// A header's lines, in order, and the message.
struct Parts<'a> {
    headers: Vec<(&'a [u8], &'a [u8])>,
    message: &'a [u8],
}

fn parts(bytes: &[u8]) -> Parts<'_> {
    let (mut headers, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        if line.is_empty() {
            break;
        }
        // A line that starts with a space continues the one before (signatures): not needed.
        let space = memchr::memchr(b' ', line).unwrap_or(line.len());
        if space > 0 {
            headers.push((&line[..space], line.get(space + 1..).unwrap_or_default()));
        }
    }
    Parts { headers, message: rest }
}

impl<'a> Parts<'a> {
    fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| *value)
    }

    fn decode(&self, bytes: &[u8]) -> String {
        let named = self.get("encoding").and_then(Encoding::for_label).unwrap_or(UTF_8);
        match named.decode_without_bom_handling_and_without_replacement(bytes) {
            Some(text) => text.into_owned(),
            None => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
        }
    }
}

fn id(hex: &[u8], format: ObjectFormat) -> Option<Oid> {
    Oid::from_str_ext(std::str::from_utf8(hex).ok()?, format).ok()
}

/// `Name <address> seconds zone`.
fn signature(line: &[u8]) -> (&[u8], &[u8], i64) {
    let close = memchr::memrchr(b'>', line).unwrap_or(line.len());
    let open = memchr::memchr(b'<', &line[..close]).unwrap_or(close);
    let seconds = line.get(close + 1..).unwrap_or_default().trim_ascii();
    let seconds = seconds.split(|byte| *byte == b' ').next().unwrap_or_default();
    let time = std::str::from_utf8(seconds).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    (line[..open].trim_ascii(), line.get(open + 1..close).unwrap_or_default().trim_ascii(), time)
}

/// What the walk needs of a commit; none when it has no tree.
pub(super) fn node(bytes: &[u8], format: ObjectFormat) -> Option<CommitNode> {
    let parts = parts(bytes);
    let of = |name: &str| {
        let values = parts.headers.iter().filter(move |(key, _)| *key == name.as_bytes());
        values.map(|(_, value)| *value).collect::<Vec<_>>()
    };
    Some(CommitNode {
        tree: id(parts.get("tree")?, format)?,
        parents: of("parent").into_iter().filter_map(|hex| id(hex, format)).collect(),
        time: parts.get("committer").map_or(0, |line| signature(line).2),
    })
}

/// What an annotated tag points at.
pub(super) fn tag_target(bytes: &[u8], format: ObjectFormat) -> Option<Oid> {
    id(parts(bytes).get("object")?, format)
}

/// The message of a commit or tag, as text.
pub(super) fn message(bytes: &[u8]) -> String {
    let parts = parts(bytes);
    parts.decode(parts.message)
}

/// A commit (or tag) as findings show it, named `id`.
pub(super) fn described(id: Oid, bytes: &[u8]) -> finding::Commit {
    let parts = parts(bytes);
    let (author, email, time) =
        signature(parts.get("author").or_else(|| parts.get("tagger")).unwrap_or_default());
    finding::Commit {
        id: id.to_string(),
        author: parts.decode(author),
        email: parts.decode(email),
        date: Timestamp::from_second(time).map(|time| time.to_string()).unwrap_or_default(),
        message: parts.decode(parts.message).trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_headers_and_honours_the_encoding() {
        let tree = "a".repeat(40);
        let mut bytes = format!(
            "tree {tree}\nparent {tree}\nauthor A\u{df} <a@example.com> 1704164645 +0100\n\
             committer C <c@example.com> 1704164646 -0500\nencoding ISO-8859-1\ngpgsig -----\n more\n\n"
        )
        .into_bytes();
        bytes.extend(b"  gr\xfc\xdfe\n\n");
        let node = node(&bytes, ObjectFormat::Sha1).unwrap();
        assert_eq!((node.parents.len(), node.time), (1, 1_704_164_646));
        let commit = described(node.tree, &bytes);
        assert_eq!(commit.message, "gr\u{fc}\u{df}e");
        assert_eq!((commit.date.as_str(), commit.email.as_str()), ("2024-01-02T03:04:05Z", "a@example.com"));
        assert!(super::node(b"tree \xff\n", ObjectFormat::Sha1).is_none());
    }

    #[test]
    fn survives_malformed_headers() {
        for bytes in
            [&b""[..], b"\n", b"tree", b"author <", b"author >< 9999999999999999999 x\n\n", b"x\n\ny"]
        {
            let _ = (node(bytes, ObjectFormat::Sha1), message(bytes), described(Oid::ZERO_SHA1, bytes));
        }
    }
}
