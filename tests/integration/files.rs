//! Walking trees of files: which files come, under which names, and what the ledger says of the rest.

use crate::harness::{Dir, Repo};
use cofferdam::scan::coverage::{Coverage, Ledger, SkipReason};
use cofferdam::scan::source::stop::Stop;
use cofferdam::scan::source::worktree::{Error, Extent, Repository, Worktree};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

static NEVER: AtomicBool = AtomicBool::new(false);

fn everything() -> Worktree<'static> {
    Worktree {
        extent: Extent::Everything,
        follow_symlinks: false,
        max_bytes: None,
        threads: 2,
        skip_path: &|_| false,
        stop: Stop { interrupted: &NEVER, deadline: None },
    }
}

/// Shown path to content; panics when a file comes twice.
fn walk(tree: &Worktree<'_>, paths: &[&Path]) -> (BTreeMap<String, String>, Coverage) {
    let files = Mutex::new(BTreeMap::new());
    let ledger = Ledger::default();
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    tree.walk(&paths, &ledger, || {
        |file: cofferdam::scan::source::worktree::File<'_>| {
            let mut path = file.path.to_owned();
            if let Some(link) = file.symlink {
                path = format!("{path} by {link}");
            }
            let content = String::from_utf8_lossy(file.bytes).into_owned();
            let before = files.lock().unwrap().insert(path, content);
            assert!(before.is_none(), "{} came twice", file.path);
        }
    })
    .unwrap();
    (files.into_inner().unwrap(), ledger.coverage())
}

/// The paths below `root`.
fn below(root: &Path, files: &BTreeMap<String, String>) -> Vec<String> {
    let root = format!("{}/", root.display());
    let mut names: Vec<String> = files.keys().map(|path| path.replace(&root, "")).collect();
    names.sort_unstable();
    names
}

fn places(coverage: &Coverage, reason: SkipReason) -> Vec<String> {
    coverage.skipped.get(&reason).map(|skips| skips.places.iter().cloned().collect()).unwrap_or_default()
}

#[test]
fn everything_below_a_path_but_git_directories() {
    let dir = Dir::new();
    dir.write(".hidden/a.env", "1");
    dir.write(".gitignore", "*.env\n");
    dir.write("deep/er/b.txt", "2");
    dir.write("deep/.git/config", "no");
    dir.write("nul.txt", b"text\0more");
    dir.write("image.png", b"\x89PNG\r\n\x1a\nrest");
    let (files, coverage) = walk(&everything(), &[dir.path()]);
    assert_eq!(below(dir.path(), &files), [".gitignore", ".hidden/a.env", "deep/er/b.txt", "nul.txt"]);
    assert_eq!(coverage.files, 4);
    assert_eq!(places(&coverage, SkipReason::Binary), [format!("{}/image.png", dir.path().display())]);
    assert!(coverage.is_complete());
    let unignored = Worktree { extent: Extent::Unignored, ..everything() };
    let (files, _) = walk(&unignored, &[dir.path()]);
    assert_eq!(below(dir.path(), &files), [".gitignore", "deep/er/b.txt", "nul.txt"]);
}

#[test]
fn overlapping_paths_give_each_file_once() {
    let dir = Dir::new();
    dir.write("a/b/c.txt", "1");
    dir.write("a/.git/config", "2");
    let (a, b, file) = (dir.path().join("a"), dir.path().join("a/b/../b"), dir.path().join("a/b/c.txt"));
    let git = dir.path().join("a/.git");
    for extent in [Extent::Everything, Extent::Unignored] {
        let tree = Worktree { extent, ..everything() };
        let (files, _) = walk(&tree, &[&b, &file, &a, &a, &git]);
        assert_eq!(below(dir.path(), &files), ["a/.git/config", "a/b/c.txt"]);
    }
    let missing = dir.path().join("missing");
    let error = everything().walk(&[missing], &Ledger::default(), || |_: _| {}).unwrap_err();
    assert!(matches!(error, Error::Path { .. }));
}

#[cfg(unix)]
#[test]
fn links_are_followed_to_files_once() {
    use std::os::unix::fs::symlink;
    let dir = Dir::new();
    let outside = Dir::new();
    outside.write("secret.txt", "outside");
    dir.write("real.txt", "inside");
    symlink("real.txt", dir.path().join("again.txt")).unwrap();
    symlink(outside.path().join("secret.txt"), dir.path().join("out1")).unwrap();
    symlink("out1", dir.path().join("out2")).unwrap();
    symlink(".", dir.path().join("loop")).unwrap();
    symlink("self", dir.path().join("self")).unwrap();
    symlink("nowhere", dir.path().join("dangling")).unwrap();
    let (files, coverage) = walk(&everything(), &[dir.path()]);
    assert_eq!(below(dir.path(), &files), ["real.txt"]);
    assert_eq!(coverage.skipped[&SkipReason::Symlink].count, 6);
    let follow = Worktree { follow_symlinks: true, ..everything() };
    let (files, coverage) = walk(&follow, &[dir.path()]);
    let real = outside.path().canonicalize().unwrap().join("secret.txt");
    assert_eq!(below(dir.path(), &files), [format!("{} by out1", real.display()), "real.txt".to_owned()]);
    assert_eq!(coverage.skipped[&SkipReason::Symlink].count, 3);
    assert!(coverage.is_complete());
}

#[cfg(unix)]
#[test]
fn odd_names_and_special_files() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = Dir::new();
    dir.write(OsStr::from_bytes(b"bad\xff.txt"), "1");
    dir.write("two\nlines.txt", "2");
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    let (files, coverage) = walk(&everything(), &[dir.path()]);
    assert_eq!(below(dir.path(), &files), ["bad\\xFF.txt", "two\nlines.txt"]);
    assert_eq!(coverage.skipped[&SkipReason::SpecialFile].count, 1);
}

#[test]
fn size_limit_allowlist_and_stop() {
    let dir = Dir::new();
    dir.write("big.txt", vec![b'x'; 1001]);
    dir.write("fits.txt", vec![b'x'; 1000]);
    dir.write("allowed.txt", "x");
    let tree =
        Worktree { max_bytes: Some(1000), skip_path: &|path| path.ends_with("allowed.txt"), ..everything() };
    let (files, coverage) = walk(&tree, &[dir.path()]);
    assert_eq!(below(dir.path(), &files), ["fits.txt"]);
    assert_eq!(coverage.skipped[&SkipReason::TooLarge].count, 1);
    assert_eq!(coverage.skipped[&SkipReason::AllowlistedPath].count, 1);
    let late =
        Worktree { stop: Stop { interrupted: &NEVER, deadline: Some(Instant::now()) }, ..everything() };
    let (files, coverage) = walk(&late, &[dir.path()]);
    assert!(files.is_empty());
    assert_eq!(coverage.skipped[&SkipReason::Timeout].count, 1);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_named_with_its_cause() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new();
    let closed = dir.write("closed/x.txt", "1");
    let unreadable = dir.write("unreadable.txt", "1");
    std::fs::set_permissions(&unreadable, std::fs::Permissions::from_mode(0o000)).unwrap();
    std::fs::set_permissions(closed.parent().unwrap(), std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&unreadable).is_ok() {
        eprintln!("skipped: this user may read everything");
    } else {
        let (files, coverage) = walk(&everything(), &[dir.path()]);
        assert!(files.is_empty());
        let places = places(&coverage, SkipReason::Unreadable);
        assert_eq!(places.len(), 2);
        assert!(places.iter().all(|place| place.contains("ermission denied")), "{places:?}");
        assert!(!coverage.is_complete());
    }
    std::fs::set_permissions(closed.parent().unwrap(), std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn what_a_repository_could_commit() {
    let repo = Repo::new();
    repo.commit("tracked.txt", "1", "one");
    repo.write(".gitignore", "*.log\nignored/\n");
    repo.write("kept.log", "2");
    repo.write("ignored/kept.txt", "3");
    repo.git(["add", "-f", "kept.log", "ignored/kept.txt"]);
    repo.commit("gone.txt", "4", "two");
    std::fs::remove_file(repo.path().join("gone.txt")).unwrap();
    repo.write("dropped.log", "no");
    repo.write("ignored/dropped.txt", "no");
    repo.write("excluded.txt", "no");
    repo.write(".git/info/exclude", "excluded.txt\n");
    repo.write("user.bak", "no");
    repo.write("untracked.txt", "5");
    repo.write("nested/.git/HEAD", "no");
    repo.write("nested/x.txt", "no");
    repo.write("module/.git", "gitdir: ../.git/modules/module\n");
    repo.write("module/x.txt", "no");
    let elsewhere = Dir::new();
    let tracked = repo.git(["ls-files"]).lines().map(PathBuf::from).collect();
    let tree = Worktree {
        extent: Extent::Committable(Repository {
            root: repo.path().to_path_buf(),
            tracked,
            submodules: vec!["module".into()],
            excludes_file: Some(elsewhere.write("excludes", "*.bak\n")),
        }),
        ..everything()
    };
    let (files, coverage) = walk(&tree, &[repo.path()]);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, [".gitignore", "ignored/kept.txt", "kept.log", "tracked.txt", "untracked.txt"]);
    assert_eq!(places(&coverage, SkipReason::NestedRepository), ["nested"]);
    assert_eq!(places(&coverage, SkipReason::Submodule), ["module"]);
    let (files, _) = walk(&tree, &[&repo.path().join("ignored")]);
    // Who names an ignored directory means what is in it.
    assert_eq!(files.keys().collect::<Vec<_>>(), ["ignored/dropped.txt", "ignored/kept.txt"]);
    let error = tree.walk(&[elsewhere.path().to_path_buf()], &Ledger::default(), || |_: _| {}).unwrap_err();
    assert!(matches!(error, Error::Outside { .. }));
}

#[test]
fn paths_are_shown_as_typed() {
    // Relative to the directory of the package, where tests run.
    let (files, _) = walk(&everything(), &[Path::new("./tests/integration/")]);
    assert!(files.contains_key("tests/integration/main.rs"));
    let (files, _) = walk(&everything(), &[Path::new("Cargo.toml")]);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["Cargo.toml"]);
}
