//! The lines that git writes to pre-push and pre-receive: which reference a push sets to which object.
//! They are two formats for one thing. What does not fit is an error, so that the push is refused.

use anyhow::bail;

/// One reference that a push changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Update {
    /// Its full name on the receiving side.
    pub(super) reference: String,
    /// The object that it names there now; zeros: it is new.
    pub(super) old: String,
    /// The object that it will name; zeros: it goes away.
    pub(super) new: String,
}

impl Update {
    pub(super) fn is_deletion(&self) -> bool {
        self.new.bytes().all(|byte| byte == b'0')
    }
}

/// pre-push: `local-ref new remote-ref old`, one a line.
pub(super) fn pushed(text: &[u8]) -> anyhow::Result<Vec<Update>> {
    // The local name may be an expression with spaces in it (`HEAD@{1 day ago}`).
    read(text, |line| {
        let mut words = line.rsplitn(4, ' ');
        let (old, reference, new) = (words.next()?, words.next()?, words.next()?);
        words.next().map(|_| (old, new, reference))
    })
}

/// pre-receive: `old new ref`, one a line.
pub(super) fn received(text: &[u8]) -> anyhow::Result<Vec<Update>> {
    read(text, |line| {
        let mut words = line.splitn(3, ' ');
        Some((words.next()?, words.next()?, words.next()?))
    })
}

fn read(text: &[u8], parts: impl Fn(&str) -> Option<(&str, &str, &str)>) -> anyhow::Result<Vec<Update>> {
    let text = String::from_utf8_lossy(text);
    let mut updates = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((old, new, reference)) = parts(line) else {
            bail!("standard input, line {}: not what git writes to this hook", number + 1);
        };
        updates.push(Update { reference: reference.to_owned(), old: old.to_owned(), new: new.to_owned() });
    }
    Ok(updates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_say_the_same() {
        let (zero, one) = ("0".repeat(40), "1".repeat(40));
        let update = |old: &str, new: &str| Update {
            reference: "refs/heads/a".to_owned(),
            old: old.to_owned(),
            new: new.to_owned(),
        };
        let sent =
            format!("HEAD@{{1 day ago}} {one} refs/heads/a {zero}\n(delete) {zero} refs/heads/a {one}\n");
        let came = format!("{zero} {one} refs/heads/a\n{one} {zero} refs/heads/a\n");
        let expected = [update(&zero, &one), update(&one, &zero)];
        assert_eq!(pushed(sent.as_bytes()).unwrap(), expected);
        assert_eq!(received(came.as_bytes()).unwrap(), expected);
        assert!(expected[1].is_deletion() && !expected[0].is_deletion());
        assert!(pushed(b"").unwrap().is_empty());
        for wrong in ["x\n", "a b\n", "\n"] {
            assert!(pushed(wrong.as_bytes()).is_err() && received(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }
}
