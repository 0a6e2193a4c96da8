//! Writes checked values for whoever needs them: a CI job, a dotenv file, JSON, a shell. The one
//! place where values become text again; what is masked, is masked before anything is written.

use super::check::{Checked, Value};
use super::template::quote;
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Text that holds values.
pub type Text = Zeroizing<String>;

/// The shells that [`shell`] can write for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// POSIX sh, bash, zsh.
    Posix,
    /// fish.
    Fish,
    /// PowerShell.
    PowerShell,
}

/// Why values could not be delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliverError {
    /// A file cannot be written.
    #[error("{path} cannot be written: {kind}", kind = .error.kind())]
    Write {
        /// Its path.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// A value that this format cannot hold.
    #[error("`{key}` holds a NUL byte, which no environment can hold: correct it in its source")]
    Nul {
        /// Its key.
        key: String,
    },
}

/// The values as a dotenv file, written as [`quote`] says.
pub fn dotenv(checked: &Checked) -> Text {
    lines(checked, |value| format!("{}={}\n", value.key, quote(value.secret.expose())))
}

/// The values as a JSON object.
pub fn json(checked: &Checked) -> Text {
    let map: BTreeMap<_, _> = checked.values.iter().map(|v| (v.key.as_str(), v.secret.expose())).collect();
    let mut text = Text::new(serde_json::to_string_pretty(&map).expect("texts have a JSON form"));
    text.push('\n');
    text
}

/// The values as commands of a shell. Keys that no shell takes are left out, and given back.
pub fn shell(checked: &Checked, shell: Shell) -> (Text, Vec<String>) {
    let fits = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let text = lines(checked, |value| {
        let (key, text) = (&value.key, value.secret.expose());
        match shell {
            _ if !fits(key) => String::new(),
            Shell::Posix => format!("export {key}='{}'\n", text.replace('\'', "'\\''")),
            Shell::Fish => format!("set -gx {key} '{}'\n", text.replace('\\', "\\\\").replace('\'', "\\'")),
            Shell::PowerShell => format!("$env:{key} = '{}'\n", text.replace('\'', "''")),
        }
    });
    let left = checked.values.iter().map(|value| value.key.clone()).filter(|key| !fits(key)).collect();
    (text, left)
}

fn lines(checked: &Checked, line: impl Fn(&Value) -> String) -> Text {
    let mut text = Text::default();
    for value in &checked.values {
        text.push_str(&Zeroizing::new(line(value)));
    }
    text
}

/// GitHub's commands that hide the sensitive values in logs, for standard output before anything
/// else: each value, and each of its lines that is long enough to hide.
pub fn github_masks(checked: &Checked) -> Text {
    let mut text = Text::default();
    for mask in masks(checked) {
        let escaped = mask.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        text.push_str(&Zeroizing::new(format!("::add-mask::{escaped}\n")));
    }
    text
}

/// What must not be seen: each sensitive value and each of its lines. Values under four characters
/// and plain words would make every log unreadable and are left.
pub fn masks(checked: &Checked) -> Vec<Zeroizing<String>> {
    let hidden = |text: &str| text.len() >= 4 && !["true", "false", "null"].contains(&text);
    let mut masks = Vec::new();
    for value in checked.values.iter().filter(|value| value.sensitive) {
        let whole = value.secret.expose();
        let lines = whole.lines().map(str::trim);
        for text in [whole, whole.trim()].into_iter().chain(lines).filter(|text| hidden(text.trim())) {
            masks.push(Zeroizing::new(text.to_owned()));
        }
    }
    masks.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    masks.dedup();
    masks
}

/// The values in the form of GitHub's `$GITHUB_ENV` and `$GITHUB_OUTPUT`; `dashed`: with the names
/// that they have in Key Vault, as the retired Azure/get-keyvault-secrets gave its outputs.
pub fn github_file(checked: &Checked, dashed: bool) -> Text {
    lines(checked, |value| {
        let name = if dashed { value.name.clone() } else { value.key.replace('-', "_") };
        let text = value.secret.expose();
        let end = delimiter(text);
        format!("{name}<<{end}\n{text}\n{end}\n")
    })
}

/// A line that `text` does not have.
fn delimiter(text: &str) -> String {
    loop {
        let chance = || RandomState::new().hash_one(0_u8);
        let end = format!("END_{:016x}{:016x}", chance(), chance());
        if !text.contains(&end) {
            return end;
        }
    }
}

/// Replaces the file at `path` at once by `text`, readable by its owner only. What is no ordinary
/// file (`/dev/stdout`, a pipe) is written to; what a link leads to is replaced, not the link.
///
/// # Errors
/// When it cannot be written; the old file is then still there.
pub fn replace_file(path: &Path, text: &str) -> Result<(), DeliverError> {
    let failed = |error| DeliverError::Write { path: path.display().to_string(), error };
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        let mut there = std::fs::OpenOptions::new().write(true).open(path).map_err(failed)?;
        return there.write_all(text.as_bytes()).map_err(failed);
    }
    let real = path.canonicalize();
    let path = real.as_deref().unwrap_or(path);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let chance = RandomState::new().hash_one(0_u8);
    let temporary = directory.join(format!(".{name}.{chance:016x}"));
    let written = private().write(true).create_new(true).open(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&temporary, path)).map_err(|error| {
        // Nothing of the values may stay behind.
        drop(std::fs::remove_file(&temporary));
        failed(error)
    })
}

/// Options that make a new file readable by its owner only.
fn private() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Appends `text` to a file, such as `$GITHUB_ENV`; a new one is readable by its owner only.
///
/// # Errors
/// When it cannot be written.
pub fn append_file(path: &Path, text: &str) -> Result<(), DeliverError> {
    let failed = |error| DeliverError::Write { path: path.display().to_string(), error };
    let mut file = private().append(true).create(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// Whether every value can stand in an environment.
///
/// # Errors
/// The first that cannot.
pub fn fits_environment(checked: &Checked) -> Result<(), DeliverError> {
    match checked.values.iter().find(|value| value.secret.expose().contains('\0')) {
        Some(value) => Err(DeliverError::Nul { key: value.key.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::vault::report::Report;
    use crate::vault::template::Template;

    fn checked(pairs: &[(&str, &str)]) -> Checked {
        let value = |&(key, text): &(&str, &str)| Value {
            key: key.to_owned(),
            name: key.replace('_', "-"),
            secret: Secret::new(text.to_owned()),
            sensitive: key != "PUBLIC",
        };
        Checked { values: pairs.iter().map(value).collect(), report: Report::default() }
    }

    const NASTY: &[&str] =
        &["it's", "a\nb\n", "$HOME `id` \"q\" \\n %0A", "🔑 key", "'\\''", "end\\", "#x", " y "];

    #[test]
    fn dotenv_is_read_back() {
        let keys: Vec<_> = (0..NASTY.len()).map(|n| format!("K{n}")).collect();
        let pairs: Vec<_> = keys.iter().map(String::as_str).zip(NASTY.iter().copied()).collect();
        let template = Template::parse(&dotenv(&checked(&pairs)), Path::new("x")).unwrap();
        for (entry, (key, text)) in template.entries.iter().zip(pairs) {
            assert_eq!((entry.key.as_str(), entry.value.expose()), (key, text));
        }
    }

    #[test]
    #[cfg(unix)]
    fn sh_reads_the_same_values() {
        for text in NASTY {
            let (script, left) = shell(&checked(&[("K", text), ("A.B", "x")]), Shell::Posix);
            assert_eq!(left, ["A.B"]);
            let script = format!("{}printf '%s|' \"$K\"", *script);
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{text}|"));
        }
    }

    #[test]
    fn masks_are_whole_and_by_line_but_never_words() {
        let checked = checked(&[
            ("A", "line one\nline two\n%"),
            ("B", "1"),
            ("C", "true"),
            ("PUBLIC", "public"),
            ("D", " spaced "),
        ]);
        let text = github_masks(&checked);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "::add-mask::line one%0Aline two%0A%25",
                "::add-mask:: spaced ",
                "::add-mask::line one",
                "::add-mask::line two",
                "::add-mask::spaced",
            ]
        );
        let outputs = github_file(&checked, true);
        let end = outputs.lines().next().unwrap().split_once("<<").unwrap().1;
        assert!(outputs.starts_with(&format!("A<<{end}\nline one\nline two\n%\n{end}\n")));
    }

    #[test]
    #[cfg(unix)]
    fn files_are_private_and_replaced_at_once() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        std::fs::write(&path, "old").unwrap();
        replace_file(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("out", &link).unwrap();
        replace_file(&link, "newer").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "newer");
        let appended = directory.path().join("appended");
        append_file(&appended, "x").unwrap();
        assert_eq!(appended.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(replace_file(&directory.path().join("no/out"), "x").is_err());
    }

    #[test]
    #[cfg(unix)]
    fn devices_and_pipes_are_written_to_and_stay() {
        use std::os::unix::fs::FileTypeExt as _;
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        replace_file(&pipe, "text").unwrap();
        assert_eq!(reader.join().unwrap(), "text");
        assert!(pipe.metadata().unwrap().file_type().is_fifo());
    }
}
