//! Reading repositories: whatever git can hide from `git log -p`, and whatever can be wrong with a
//! repository, against a scanner that finds marked lines.

use super::harness::{Dir, Repo, git};
use cofferdam::scan::coverage::{Coverage, Ledger, SkipReason};
use cofferdam::scan::finding::Origin;
use cofferdam::scan::path_names::PathNames;
use cofferdam::scan::source::commits::scan_range;
use cofferdam::scan::source::history::{HistoryOptions, scan_history};
use cofferdam::scan::source::range::Selection;
use cofferdam::scan::source::repository::{Limits, Repository, RepositoryError};
use cofferdam::scan::source::sighting::{ContentScanner, Sighting};
use cofferdam::scan::source::staged::{scan_staged, scan_unstaged};
use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;

/// Finds lines with `LEAK` in them, and paths that end in `.key`.
struct Marker;

impl ContentScanner for Marker {
    type Hit = String;
    type Learnt = ();

    fn scan(&self, _: &dyn Display, content: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(content);
        text.lines().filter(|line| line.contains("LEAK")).map(str::to_owned).collect()
    }

    fn scan_path(&self, path: &str) -> Vec<String> {
        path.ends_with(".key").then(|| format!("path {path}")).into_iter().collect()
    }

    fn path_names(&self) -> PathNames {
        PathNames::of(std::iter::once(r"\.key$"))
    }

    fn identity(&self, hit: &String) -> u128 {
        let mut hasher = DefaultHasher::new();
        hit.hash(&mut hasher);
        u128::from(hasher.finish())
    }
}

struct Scanned {
    /// `hit path commit`, the latter shortened; `unreachable` or `index` where there is none.
    lines: Vec<String>,
    sightings: Vec<Sighting<String>>,
    coverage: Coverage,
}

fn lines(sightings: &[Sighting<String>]) -> Vec<String> {
    let origin = |sighting: &Sighting<String>| match &sighting.origin {
        Origin::Commit(commit) => commit.id[..7].to_owned(),
        Origin::Unreachable { .. } => "unreachable".to_owned(),
        Origin::Index => "index".to_owned(),
        _ => "tree".to_owned(),
    };
    let mut lines: Vec<String> = sightings
        .iter()
        .map(|sighting| format!("{} {} {}", sighting.hit, sighting.path, origin(sighting)))
        .collect();
    lines.sort();
    lines
}

fn scan_with(path: &Path, options: HistoryOptions) -> Scanned {
    let ledger = Ledger::default();
    let repository = Repository::discover(path).unwrap();
    let sightings = scan_history(&repository, &Marker, options, &Limits::default(), &ledger).unwrap();
    Scanned { lines: lines(&sightings), sightings, coverage: ledger.coverage() }
}

fn scan(path: &Path) -> Scanned {
    scan_with(path, HistoryOptions::default())
}

fn at(hit: &str, path: &str, commit: &str) -> String {
    format!("{hit} {path} {}", &commit[..7])
}

fn places(coverage: &Coverage, reason: SkipReason) -> Vec<String> {
    coverage.skipped.get(&reason).map(|skips| skips.places.iter().cloned().collect()).unwrap_or_default()
}

#[test]
fn a_hit_is_new_once_in_each_commit_and_path_that_brings_it_in() {
    let repo = Repo::new();
    let first = repo.commit("a.txt", "LEAK 1\n", "root");
    repo.commit("a.txt", "more\nLEAK 1\n", "moves it down");
    let copy = repo.commit("d/b.txt", "LEAK 1\n", "copies it");
    repo.commit("a.txt", "clean\n", "removes it");
    let again = repo.commit("a.txt", "LEAK 1\nLEAK 2\n", "brings it back");
    let scanned = scan(repo.path());
    let expected = [
        at("LEAK 1", "a.txt", &first),
        at("LEAK 1", "a.txt", &again),
        at("LEAK 1", "d/b.txt", &copy),
        at("LEAK 2", "a.txt", &again),
    ];
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(scanned.lines, expected);
    assert!(scanned.coverage.is_complete());
    assert_eq!((scanned.coverage.commits, scanned.coverage.refs), (5, 2), "main and HEAD");
    assert!(scanned.sightings.iter().all(|sighting| sighting.at_head == Some(true)));
    let Origin::Commit(commit) = &scanned.sightings[0].origin else { panic!() };
    assert_eq!((commit.author.as_str(), commit.date.as_str()), ("A U Thor", "2024-01-02T03:04:05Z"));
}

#[test]
fn a_renamed_file_brings_nothing_in_and_stands_at_head() {
    let repo = Repo::new();
    let first = repo.commit("a.txt", "LEAK 1\n", "root");
    repo.git(["mv", "a.txt", "b.txt"]);
    repo.git(["commit", "-qm", "rename"]);
    let scanned = scan(repo.path());
    assert_eq!(scanned.lines, [at("LEAK 1", "a.txt", &first)]);
    assert_eq!(scanned.sightings[0].at_head, Some(true));
    repo.git(["rm", "-q", "b.txt"]);
    repo.git(["commit", "-qm", "remove"]);
    assert_eq!(scan(repo.path()).sightings[0].at_head, Some(false));
}

#[test]
fn a_merge_brings_in_only_what_no_parent_has() {
    let repo = Repo::new();
    repo.commit("a.txt", "a\n", "root");
    repo.git(["checkout", "-qb", "side"]);
    let side = repo.commit("side.txt", "LEAK side\n", "side");
    repo.git(["checkout", "-q", "main"]);
    repo.commit("main.txt", "m\n", "main");
    repo.git(["merge", "-q", "--no-commit", "side"]);
    let merge = repo.commit("a.txt", "a\nLEAK merge\n", "merge");
    assert_eq!(repo.git(["rev-list", "--count", "--merges", "HEAD"]), "1");
    let scanned = scan(repo.path());
    assert_eq!(scanned.lines, [at("LEAK merge", "a.txt", &merge), at("LEAK side", "side.txt", &side)]);
}

#[test]
fn type_changes_links_and_directories_hide_nothing() {
    let repo = Repo::new();
    std::os::unix::fs::symlink("LEAK-target", repo.path().join("link")).unwrap();
    repo.git(["add", "link"]);
    repo.git(["commit", "-qm", "link"]);
    let link = repo.git(["rev-parse", "HEAD"]);
    std::fs::remove_file(repo.path().join("link")).unwrap();
    let file = repo.commit("link", "LEAK file\n", "the link becomes a file");
    std::fs::remove_file(repo.path().join("link")).unwrap();
    repo.write("link/x", "LEAK dir\n");
    repo.git(["add", "-A"]);
    repo.git(["commit", "-qm", "the file becomes a directory"]);
    let directory = repo.git(["rev-parse", "HEAD"]);
    let mut expected = [
        at("LEAK-target", "link", &link),
        at("LEAK file", "link", &file),
        at("LEAK dir", "link/x", &directory),
    ];
    expected.sort();
    assert_eq!(scan(repo.path()).lines, expected);
}

#[test]
fn configuration_and_attributes_change_nothing_and_run_nothing() {
    let repo = Repo::new();
    repo.write(".gitattributes", "* -diff\n*.txt diff=x filter=x\n");
    let leak = repo.commit("a.txt", "LEAK\0 1\n", "root");
    for (key, value) in [
        ("color.ui", "always"),
        ("log.showRoot", "false"),
        ("format.pretty", "oneline"),
        ("diff.x.textconv", "touch ran; cat"),
        ("filter.x.smudge", "touch ran; cat"),
        ("core.fsmonitor", "touch ran"),
        ("log.date", "relative"),
    ] {
        repo.git(["config", key, value]);
    }
    assert_eq!(scan(repo.path()).lines, [at("LEAK\0 1", "a.txt", &leak)]);
    assert!(!repo.path().join("ran").exists());
}

#[test]
fn stashes_are_read_with_untracked_files_and_older_entries() {
    let repo = Repo::new();
    repo.commit("a.txt", "a\n", "root");
    repo.write("a.txt", "LEAK older\n");
    repo.git(["stash", "push", "-q"]);
    let older = repo.git(["rev-parse", "stash@{0}"]);
    repo.write("new.txt", "LEAK untracked\n");
    repo.write("a.txt", "LEAK newer\n");
    repo.git(["stash", "push", "-q", "-u"]);
    let newer = repo.git(["rev-parse", "stash@{0}"]);
    let untracked = repo.git(["rev-parse", "stash@{0}^3"]);
    let expected = [
        at("LEAK newer", "a.txt", &newer),
        at("LEAK older", "a.txt", &older),
        at("LEAK untracked", "new.txt", &untracked),
    ];
    assert_eq!(scan(repo.path()).lines, expected);
}

#[test]
fn messages_tags_and_notes_are_read() {
    let repo = Repo::new();
    let commit = repo.commit("a.txt", "a\n", "subject\n\nLEAK message");
    repo.git(["tag", "-a", "v1", "-m", "LEAK tag"]);
    repo.git(["notes", "add", "-m", "LEAK note"]);
    let note = repo.git(["rev-parse", "refs/notes/commits"]);
    let blob = repo.write("outside", "LEAK tagged blob\n");
    let blob = repo.git(["hash-object", "-w", blob.to_str().unwrap()]);
    repo.git(["tag", "blob", &blob]);
    let note_path = format!("notes/commits/{commit}");
    let mut expected = [
        at("LEAK message", "commit-message", &commit),
        at("LEAK tag", "tag-message", &commit),
        at("LEAK note", &note_path, &note),
        at("LEAK tagged blob", "refs/tags/blob", &blob),
    ];
    expected.sort();
    assert_eq!(scan(repo.path()).lines, expected);
}

#[test]
fn reflogs_and_unreachable_objects_are_read_on_request() {
    let repo = Repo::new();
    repo.commit("a.txt", "a\n", "root");
    let lost = repo.commit("b.txt", "LEAK lost\n", "lost");
    repo.git(["reset", "-q", "--hard", "HEAD^"]);
    repo.write("c.txt", "LEAK staged once\n");
    repo.git(["add", "c.txt"]);
    repo.git(["rm", "-qf", "c.txt"]);
    assert!(scan(repo.path()).lines.is_empty());
    let reflogs = HistoryOptions { reflogs: true, ..HistoryOptions::default() };
    assert_eq!(scan_with(repo.path(), reflogs).lines, [at("LEAK lost", "b.txt", &lost)]);
    let unreachable = HistoryOptions { unreachable: true, ..HistoryOptions::default() };
    assert_eq!(
        scan_with(repo.path(), unreachable).lines,
        ["LEAK lost b.txt unreachable", "LEAK staged once unreachable-object unreachable"]
    );
}

#[test]
fn detached_heads_worktrees_and_bare_repositories_are_read() {
    let repo = Repo::new();
    repo.commit("a.txt", "a\n", "root");
    repo.git(["worktree", "add", "-q", "--detach", "tree"]);
    let tree = repo.path().join("tree");
    std::fs::write(tree.join("w.txt"), "LEAK worktree\n").unwrap();
    git(&tree, ["add", "w.txt"]);
    git(&tree, ["commit", "-qm", "w"]);
    let commit = git(&tree, ["rev-parse", "HEAD"]);
    repo.git(["checkout", "-q", "--detach"]);
    let detached = repo.commit("d.txt", "LEAK detached\n", "d");
    let expected = [at("LEAK detached", "d.txt", &detached), at("LEAK worktree", "w.txt", &commit)];
    assert_eq!(scan(repo.path()).lines, expected);
    assert_eq!(scan(&tree).lines, expected);
    repo.git(["branch", "keep", &commit]);
    let bare = Dir::new();
    git(bare.path(), ["clone", "-q", "--bare", repo.path().to_str().unwrap(), "b.git"]);
    assert_eq!(scan(&bare.path().join("b.git")).lines, expected);
}

#[test]
fn alternates_are_read_and_missing_ones_named() {
    let repo = Repo::new();
    let leak = repo.commit("a.txt", "LEAK 1\n", "root");
    let clone = Dir::new();
    git(clone.path(), ["clone", "-q", "--shared", repo.path().to_str().unwrap(), "c"]);
    let path = clone.path().join("c");
    let scanned = scan(&path);
    assert_eq!(scanned.lines, [at("LEAK 1", "a.txt", &leak)]);
    assert!(scanned.coverage.is_complete());
    drop(repo);
    let ranged = range_of(&path, &Selection::default()).unwrap();
    assert!(places(&ranged.coverage, SkipReason::MissingObject).join("\n").contains("refs/heads/main"));
    let scanned = scan(&path);
    assert!(scanned.lines.is_empty());
    let places = places(&scanned.coverage, SkipReason::MissingObject).join("\n");
    assert!(
        places.contains("an alternate object directory") && places.contains("refs/heads/main"),
        "{places}"
    );
}

#[test]
fn a_shallow_clone_says_where_history_ends() {
    let repo = Repo::new();
    repo.commit("a.txt", "LEAK gone\n", "root");
    let second = repo.commit("a.txt", "LEAK here\n", "second");
    let clone = Dir::new();
    let url = format!("file://{}", repo.path().display());
    git(clone.path(), ["clone", "-q", "--depth=1", &url, "c"]);
    let scanned = scan(&clone.path().join("c"));
    assert_eq!(scanned.lines, [at("LEAK here", "a.txt", &second)]);
    assert_eq!(places(&scanned.coverage, SkipReason::ShallowBoundary), [format!("commit {second}")]);
    assert!(!scanned.coverage.is_complete());
}

#[test]
fn a_partial_clone_names_what_is_not_there() {
    let repo = Repo::new();
    repo.commit("a.txt", "LEAK old\n", "root");
    let second = repo.commit("a.txt", "LEAK new\n", "second");
    repo.git(["config", "uploadpack.allowFilter", "true"]);
    let clone = Dir::new();
    let url = format!("file://{}", repo.path().display());
    git(clone.path(), ["clone", "-q", "--filter=blob:none", &url, "c"]);
    drop(repo);
    let scanned = scan(&clone.path().join("c"));
    assert_eq!(scanned.lines, [at("LEAK new", "a.txt", &second)]);
    let missing = places(&scanned.coverage, SkipReason::MissingObject);
    assert!(missing.len() == 1 && missing[0].contains(" a.txt (commit "), "{missing:?}");
}

#[test]
fn a_treeless_clone_names_what_is_not_there() {
    let repo = Repo::new();
    repo.commit("d/a.txt", "LEAK old\n", "root");
    repo.commit("d/a.txt", "LEAK new\n", "second");
    repo.git(["config", "uploadpack.allowFilter", "true"]);
    let clone = Dir::new();
    let url = format!("file://{}", repo.path().display());
    git(clone.path(), ["clone", "-q", "--bare", "--filter=tree:0", &url, "c"]);
    let scanned = scan(&clone.path().join("c"));
    assert!(scanned.lines.is_empty());
    let missing = places(&scanned.coverage, SkipReason::MissingObject);
    assert!(missing.len() == 2 && missing[0].starts_with("tree "), "{missing:?}");
}

#[test]
fn sha256_repositories_are_read() {
    let repo = Repo::init(&["--object-format=sha256"]);
    repo.commit("d/a.txt", "a\n", "root");
    let leak = repo.commit("d/a.txt", "LEAK 1\n", "second");
    assert_eq!(leak.len(), 64);
    repo.git(["gc", "-q"]);
    let scanned = scan(repo.path());
    assert_eq!(scanned.lines, [at("LEAK 1", "d/a.txt", &leak)]);
    assert!(scanned.coverage.is_complete());
}

fn loose_object(repo: &Repo, id: &str) -> std::path::PathBuf {
    repo.path().join(".git/objects").join(&id[..2]).join(&id[2..])
}

fn overwrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn missing_and_damaged_objects_are_named_and_the_rest_is_read() {
    let repo = Repo::new();
    let kept = repo.commit("kept.txt", "LEAK kept\n", "root");
    repo.commit("gone.txt", "LEAK gone\n", "gone");
    repo.commit("bad.txt", "LEAK bad\n", "bad");
    let gone = repo.git(["rev-parse", "HEAD:gone.txt"]);
    let bad = repo.git(["rev-parse", "HEAD:bad.txt"]);
    std::fs::remove_file(loose_object(&repo, &gone)).unwrap();
    overwrite(&loose_object(&repo, &bad), |bytes| bytes.iter_mut().skip(3).for_each(|byte| *byte ^= 0x55));
    let scanned = scan(repo.path());
    assert_eq!(scanned.lines, [at("LEAK kept", "kept.txt", &kept)]);
    let missing = places(&scanned.coverage, SkipReason::MissingObject);
    assert!(missing.len() == 1 && missing[0].contains("gone.txt"), "{missing:?}");
    let damaged = places(&scanned.coverage, SkipReason::DamagedObject);
    assert!(damaged.len() == 1 && damaged[0].starts_with(&bad), "{damaged:?}");
}

#[test]
fn a_truncated_pack_is_said_and_loose_objects_are_read() {
    let repo = Repo::new();
    repo.commit("a.txt", "LEAK packed\n", "root");
    repo.git(["gc", "-q"]);
    let loose = repo.commit("b.txt", "LEAK loose\n", "second");
    let packs = repo.path().join(".git/objects/pack");
    let pack = std::fs::read_dir(packs).unwrap().map(|entry| entry.unwrap().path());
    let pack = pack.into_iter().find(|path| path.extension().is_some_and(|e| e == "pack")).unwrap();
    overwrite(&pack, |bytes| bytes.truncate(bytes.len() / 2));
    let scanned = scan(repo.path());
    assert_eq!(scanned.lines, [at("LEAK loose", "b.txt", &loose)]);
    assert!(!places(&scanned.coverage, SkipReason::DamagedObject).is_empty(), "{:?}", scanned.coverage);
}

#[test]
fn submodules_are_counted_and_not_entered() {
    let repo = Repo::new();
    repo.commit("a.txt", "a\n", "root");
    let id = repo.git(["rev-parse", "HEAD"]);
    repo.git(["update-index", "--add", "--cacheinfo", &format!("160000,{id},lib/sub")]);
    repo.git(["commit", "-qm", "submodule"]);
    let scanned = scan(repo.path());
    assert_eq!(places(&scanned.coverage, SkipReason::Submodule), ["lib/sub"]);
    assert!(scanned.coverage.is_complete());
}

#[test]
fn strange_names_are_shown_reversibly() {
    use std::os::unix::ffi::OsStrExt as _;
    let repo = Repo::new();
    let name = std::ffi::OsStr::from_bytes(b"a\\\xff\n.txt");
    std::fs::write(repo.path().join(name), "LEAK 1\n").unwrap();
    std::fs::write(repo.path().join("new\nline.txt"), "LEAK 2\n").unwrap();
    repo.git(["add", "-A"]);
    repo.git(["commit", "-qm", "names"]);
    let paths: Vec<String> = scan(repo.path()).sightings.into_iter().map(|sighting| sighting.path).collect();
    assert_eq!(paths, ["a\\\\\\377\n.txt", "new\nline.txt"]);
}

#[test]
fn path_rules_and_links_know_the_commit() {
    let repo = Repo::new();
    repo.git(["remote", "add", "origin", "https://user@github.com/a/b.git"]);
    let first = repo.commit("x.key", [0u8, 1, 2], "root");
    repo.commit("x.key", [3u8, 4], "changes it");
    let scanned = scan(repo.path());
    assert_eq!(scanned.lines, [at("path x.key", "x.key", &first)]);
    assert_eq!(
        scanned.sightings[0].link.as_deref(),
        Some(format!("https://github.com/a/b/blob/{first}/x.key").as_str())
    );
}

#[test]
fn limits_are_kept_and_said() {
    let repo = Repo::new();
    repo.commit("a.txt", "LEAK 1\n", "root");
    let big = format!("LEAK 2\n{}", "x".repeat(2000));
    repo.commit("b.txt", big, "big");
    let repository = Repository::discover(repo.path()).unwrap();
    let run = |limits: &Limits<'_>| {
        let ledger = Ledger::default();
        let found = scan_history(&repository, &Marker, HistoryOptions::default(), limits, &ledger).unwrap();
        (found.len(), ledger.coverage())
    };
    let (found, coverage) = run(&Limits { max_bytes: Some(1000), ..Limits::default() });
    assert_eq!((found, places(&coverage, SkipReason::TooLarge).len()), (1, 1));
    let (_, coverage) = run(&Limits { deadline: Some(std::time::Instant::now()), ..Limits::default() });
    assert_eq!(places(&coverage, SkipReason::Timeout).len(), 1);
    let flag = std::sync::atomic::AtomicBool::new(true);
    let (_, coverage) = run(&Limits { interrupt: Some(&flag), ..Limits::default() });
    assert_eq!(places(&coverage, SkipReason::Interrupted).len(), 1);
}

#[test]
fn what_is_no_repository_is_an_error() {
    let dir = Dir::new();
    let open = |path: &Path| Repository::discover(path).err();
    assert!(matches!(open(dir.path()), Some(RepositoryError::NotARepository { .. })));
    assert!(matches!(open(&dir.path().join("no")), Some(RepositoryError::NoSuchPath { .. })));
    let repo = Repo::new();
    repo.git(["config", "core.repositoryformatversion", "1"]);
    repo.git(["config", "extensions.unheardOf", "true"]);
    assert!(matches!(open(repo.path()), Some(RepositoryError::Open { .. })));
    assert!(scan(Repo::new().path()).coverage.is_complete(), "an unborn HEAD is no error");
}

#[test]
fn ownership_of_the_repository_is_no_obstacle() {
    let repo = Repo::new();
    let leak = repo.commit("a.txt", "LEAK 1\n", "root");
    let status = Command::new("chown").args(["-R", "12345"]).arg(repo.path()).status();
    if !status.is_ok_and(|status| status.success()) {
        eprintln!("skipped: only root can give a repository away");
        return;
    }
    assert_eq!(scan(repo.path()).lines, [at("LEAK 1", "a.txt", &leak)]);
}

fn range_of(path: &Path, selection: &Selection) -> Result<Scanned, RepositoryError> {
    let ledger = Ledger::default();
    let repository = Repository::discover(path).unwrap();
    let sightings = scan_range(&repository, &Marker, selection, &Limits::default(), &ledger)?;
    Ok(Scanned { lines: lines(&sightings), sightings, coverage: ledger.coverage() })
}

fn range(path: &Path, log_opts: &str) -> Vec<String> {
    let selection = Selection::from_log_opts(log_opts, &now()).unwrap();
    range_of(path, &selection).unwrap().lines
}

fn now() -> jiff::ZonedDateTime {
    "2024-03-10T12:00:00[UTC]".parse().unwrap()
}

#[test]
fn a_range_holds_what_is_new_in_its_commits() {
    let repo = Repo::new();
    let first = repo.commit("a.txt", "LEAK 1\n", "root");
    let second = repo.commit("a.txt", "LEAK 1\nLEAK 2\n", "LEAK message");
    repo.git(["checkout", "-qb", "side", "HEAD^"]);
    let side = repo.commit("side.txt", "LEAK side\n", "side");
    repo.git(["checkout", "-q", "main"]);
    repo.git(["merge", "-q", "--no-commit", "side"]);
    let merge = repo.commit("a.txt", "LEAK merge\n", "merge");
    let two = [at("LEAK 2", "a.txt", &second), at("LEAK message", "commit-message", &second)];
    assert_eq!(range(repo.path(), &format!("{first}..{second}")), two);
    assert_eq!(range(repo.path(), &format!("{second}^!")), two);
    assert_eq!(range(repo.path(), &format!("{first}^!")), [at("LEAK 1", "a.txt", &first)]);
    assert_eq!(range(repo.path(), "-1"), [at("LEAK merge", "a.txt", &merge)]);
    assert_eq!(range(repo.path(), "main~1..main -- side.txt"), [at("LEAK side", "side.txt", &side)]);
    assert_eq!(range(repo.path(), "--no-merges side...main~1 --author=Thor"), {
        let mut expected = two.to_vec();
        expected.push(at("LEAK side", "side.txt", &side));
        expected
    });
    let firsts = range(repo.path(), "--first-parent main");
    assert!(firsts.contains(&at("LEAK side", "side.txt", &merge)), "{firsts:?}");
    assert_eq!(range(repo.path(), "--all").len(), scan(repo.path()).lines.len());
    assert!(range(repo.path(), "--since=2024-02-01").is_empty());
    assert!(range(repo.path(), "main --not --branches").is_empty());
    assert_eq!(range(repo.path(), "--until=2024-02-01").len(), 5);
    let branch = range_of(repo.path(), &Selection::default().branch("side")).unwrap();
    assert_eq!(branch.lines, [at("LEAK 1", "a.txt", &first), at("LEAK side", "side.txt", &side)]);
    assert_eq!(branch.coverage.commits, 2);
    assert_eq!(branch.sightings[0].at_head, Some(false));
}

#[test]
fn a_range_hides_what_was_merged_before_in_spite_of_wrong_clocks() {
    let repo = Repo::new();
    repo.commit("a.txt", "a\n", "root");
    let old = repo.commit("old.txt", "LEAK old\n", "old");
    for number in 0..4 {
        repo.commit("a.txt", format!("{number}\n"), "later");
    }
    // A commit with a date before all others, on top of them.
    repo.write("new.txt", "LEAK new\n");
    repo.git(["add", "new.txt"]);
    let tree = repo.git(["write-tree"]);
    let text = format!(
        "tree {tree}\nparent {}\nauthor A <a@b> 5 +0000\ncommitter A <a@b> 5 +0000\n\nx\n",
        repo.git(["rev-parse", "HEAD"])
    );
    let file = repo.write("commit", text);
    let new = repo.git(["hash-object", "-w", "-t", "commit", file.to_str().unwrap()]);
    repo.git(["update-ref", "refs/heads/skewed", &new]);
    assert_eq!(range(repo.path(), "main..skewed"), [at("LEAK new", "new.txt", &new)]);
    assert_eq!(range(repo.path(), &format!("{old}^..skewed")).len(), 2);
}

#[test]
fn a_range_without_its_commits_is_an_error() {
    let repo = Repo::new();
    repo.commit("a.txt", "a\n", "root");
    for text in ["no-such-branch", "HEAD..nope", "nope...HEAD", "HEAD:a.txt"] {
        let selection = Selection::default().range(text).unwrap();
        assert!(
            matches!(range_of(repo.path(), &selection), Err(RepositoryError::NoSuchRevision { .. })),
            "{text}"
        );
    }
    let branch = Selection::default().branch("nope");
    assert!(matches!(range_of(repo.path(), &branch), Err(RepositoryError::NoSuchRevision { .. })));
}

fn staged(repository: &Repository) -> Vec<String> {
    let ledger = Ledger::default();
    lines(&scan_staged(repository, &Marker, &Limits::default(), &ledger).unwrap())
}

fn staged_in(repo: &Repo) -> Vec<String> {
    staged(&Repository::discover(repo.path()).unwrap())
}

#[test]
fn staged_content_comes_from_the_index() {
    let repo = Repo::new();
    repo.write("a.txt", "LEAK unborn\n");
    repo.git(["add", "a.txt"]);
    assert_eq!(staged_in(&repo), ["LEAK unborn a.txt index"]);
    repo.git(["commit", "-qm", "root"]);
    assert!(staged_in(&repo).is_empty());
    repo.write("a.txt", "x\nLEAK unborn\nLEAK staged\n");
    repo.write(".gitattributes", "* -diff\n");
    repo.git(["add", "-A"]);
    repo.write("a.txt", "LEAK on disk only\n");
    assert_eq!(staged_in(&repo), ["LEAK staged a.txt index"]);
    let unstaged = |repo: &Repo| {
        let repository = Repository::discover(repo.path()).unwrap();
        lines(&scan_unstaged(&repository, &Marker, &Limits::default(), &Ledger::default()).unwrap())
    };
    assert_eq!(unstaged(&repo), ["LEAK on disk only a.txt tree"]);
    repo.git(["reset", "-q", "--hard"]);
    assert!(unstaged(&repo).is_empty());
    repo.git(["mv", "a.txt", "b.txt"]);
    assert!(staged_in(&repo).is_empty(), "a rename brings nothing in");
    repo.git(["reset", "-q", "--hard"]);
    repo.write("later.txt", "LEAK intended\n");
    repo.git(["add", "-N", "later.txt"]);
    assert!(staged_in(&repo).is_empty(), "nothing of it would be committed");
    assert_eq!(unstaged(&repo), ["LEAK intended later.txt tree"]);
}

#[test]
fn staged_partly_from_a_subdirectory_and_by_commit_all() {
    let repo = Repo::new();
    repo.commit("d/a.txt", "1\n", "root");
    repo.write("d/a.txt", "1\nLEAK tracked\n");
    assert!(staged_in(&repo).is_empty());
    // As git commit -a does: an index of its own, named in the hook's environment.
    let other = repo.path().join("other-index");
    std::fs::copy(repo.path().join(".git/index"), &other).unwrap();
    let blob = repo.git(["hash-object", "-w", "d/a.txt"]);
    let status = Command::new("git")
        .args(["update-index", "--cacheinfo", &format!("100644,{blob},d/a.txt")])
        .env("GIT_INDEX_FILE", &other)
        .current_dir(repo.path())
        .status();
    assert!(status.unwrap().success());
    let variable = |name: &str| (name == "GIT_INDEX_FILE").then(|| other.clone().into_os_string());
    let repository = Repository::discover_with(&repo.path().join("d"), variable).unwrap();
    assert_eq!(staged(&repository), ["LEAK tracked d/a.txt index"]);
}

#[test]
fn all_stages_of_a_conflict_are_staged() {
    let repo = Repo::new();
    repo.commit("a.txt", "base\n", "root");
    repo.git(["checkout", "-qb", "side"]);
    repo.commit("a.txt", "LEAK theirs\n", "side");
    repo.git(["checkout", "-q", "main"]);
    repo.commit("a.txt", "LEAK ours\n", "main");
    let merge = Command::new("git").args(["merge", "-q", "side"]).current_dir(repo.path()).output().unwrap();
    assert!(!merge.status.success());
    assert_eq!(staged_in(&repo), ["LEAK theirs a.txt index"], "ours is in HEAD");
}

#[test]
fn a_damaged_index_is_an_error_and_a_missing_staged_blob_is_said() {
    let repo = Repo::new();
    repo.write("a.txt", "LEAK 1\n");
    repo.git(["add", "a.txt"]);
    let blob = repo.git(["rev-parse", ":a.txt"]);
    std::fs::remove_file(loose_object(&repo, &blob)).unwrap();
    let ledger = Ledger::default();
    let repository = Repository::discover(repo.path()).unwrap();
    assert!(scan_staged(&repository, &Marker, &Limits::default(), &ledger).unwrap().is_empty());
    assert_eq!(places(&ledger.coverage(), SkipReason::MissingObject), ["a.txt (index)"]);
    overwrite(&repo.path().join(".git/index"), |bytes| bytes.truncate(20));
    let result = scan_staged(&repository, &Marker, &Limits::default(), &ledger);
    assert!(matches!(result, Err(RepositoryError::Read { .. })));
}

#[test]
fn a_push_in_quarantine_is_read() {
    let repo = Repo::new();
    repo.commit("a.txt", "a\n", "root");
    let bare = Dir::new();
    git(bare.path(), ["clone", "-q", "--bare", repo.path().to_str().unwrap(), "b.git"]);
    let leak = repo.commit("b.txt", "LEAK pushed\n", "pushed");
    let objects = repo.path().join(".git/objects").into_os_string();
    let variable = |name: &str| (name == "GIT_OBJECT_DIRECTORY").then(|| objects.clone());
    let repository = Repository::discover_with(&bare.path().join("b.git"), variable).unwrap();
    let selection = Selection::from_log_opts(&format!("{leak} --not --all"), &now()).unwrap();
    let ledger = Ledger::default();
    let sightings = scan_range(&repository, &Marker, &selection, &Limits::default(), &ledger).unwrap();
    assert_eq!(lines(&sightings), [at("LEAK pushed", "b.txt", &leak)]);
}

#[test]
fn what_a_tag_names_and_packs_without_index_are_missed_aloud() {
    let repo = Repo::new();
    repo.commit("a.txt", "a\n", "root");
    repo.git(["gc", "-q"]);
    let lost = repo.commit("b.txt", "LEAK 1\n", "lost");
    repo.git(["tag", "-a", "v1", "-m", "v1"]);
    repo.git(["reset", "-q", "--hard", "HEAD^"]);
    std::fs::remove_file(loose_object(&repo, &lost)).unwrap();
    let missing = places(&scan(repo.path()).coverage, SkipReason::MissingObject);
    assert_eq!(missing, [format!("{lost} (refs/tags/v1)")]);
    for entry in std::fs::read_dir(repo.path().join(".git/objects/pack")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "idx") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let damaged = places(&scan(repo.path()).coverage, SkipReason::DamagedObject);
    assert!(damaged.len() == 1 && damaged[0].contains("pack or index is missing"), "{damaged:?}");
}

#[test]
fn trees_without_end_are_left_and_said() {
    let repo = Repo::new();
    let store = git2::Repository::open(repo.path()).unwrap();
    let blob = store.blob(b"LEAK deep\n").unwrap();
    let nest = |id: git2::Oid, mode: i32| {
        let mut tree = store.treebuilder(None).unwrap();
        tree.insert("d", id, mode).unwrap();
        tree.write().unwrap()
    };
    let mut tree = nest(blob, 0o100_644);
    for _ in 0..600 {
        tree = nest(tree, 0o040_000);
    }
    let author = git2::Signature::now("A", "a@example.com").unwrap();
    let tree = store.find_tree(tree).unwrap();
    store.commit(Some("refs/heads/deep"), &author, &author, "deep", &tree, &[]).unwrap();
    let damaged = places(&scan(repo.path()).coverage, SkipReason::DamagedObject);
    assert!(damaged.len() == 1 && damaged[0].contains("nested deeper"), "{damaged:?}");
}

#[test]
fn malformed_objects_are_named() {
    let repo = Repo::new();
    let kept = repo.commit("a.txt", "LEAK kept\n", "root");
    let file = repo.write("raw", b"100644 a\0short");
    let file = file.to_str().unwrap().to_owned();
    let tree = repo.git(["hash-object", "-w", "-t", "tree", "--literally", &file]);
    let parent = repo.git(["rev-parse", "HEAD"]);
    repo.write("raw", format!("tree {tree}\nparent {parent}\nauthor x\n\nm\n"));
    let commit = repo.git(["hash-object", "-w", "-t", "commit", "--literally", &file]);
    repo.write("raw", "no headers\n");
    let headless = repo.git(["hash-object", "-w", "-t", "commit", "--literally", &file]);
    for (name, id) in [("tree", &commit), ("headless", &headless)] {
        repo.write(format!(".git/refs/heads/{name}"), format!("{id}\n"));
    }
    let scanned = scan(repo.path());
    assert_eq!(scanned.lines, [at("LEAK kept", "a.txt", &kept)]);
    let damaged = places(&scanned.coverage, SkipReason::DamagedObject).join("\n");
    assert!(damaged.contains(&tree) && damaged.contains(&headless), "{damaged}");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let repo = Repo::new();
    for number in 0..30 {
        repo.commit(&format!("{}.txt", number % 7), format!("LEAK {number}\n"), "more");
    }
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let sightings = pool.install(|| scan(repo.path()).sightings);
        let line = |sighting: &Sighting<String>| format!("{sighting:?}");
        sightings.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(with(1).len(), 30);
    assert_eq!(with(1), with(4));
}

#[test]
fn an_index_of_a_kind_that_cannot_be_read_is_an_error() {
    let repo = Repo::new();
    repo.commit("a.txt", "a\n", "root");
    repo.write("b.txt", "LEAK 1\n");
    repo.git(["add", "b.txt"]);
    repo.git(["update-index", "--index-version", "4"]);
    assert_eq!(staged_in(&repo), ["LEAK 1 b.txt index"]);
    repo.git(["update-index", "--split-index"]);
    let repository = Repository::discover(repo.path()).unwrap();
    let result = scan_staged(&repository, &Marker, &Limits::default(), &Ledger::default());
    assert!(matches!(result, Err(RepositoryError::Read { .. })), "{:?}", result.map(|found| lines(&found)));
}

#[test]
fn a_message_in_another_encoding_is_read_as_text() {
    let repo = Repo::new();
    repo.write("message", b"LEAK gr\xfc\xdfe\n");
    repo.git(["config", "i18n.commitEncoding", "ISO-8859-1"]);
    repo.git(["commit", "-q", "--allow-empty", "-F", "message"]);
    let scanned = scan(repo.path());
    assert_eq!(*scanned.sightings[0].hit, "LEAK gr\u{fc}\u{df}e");
}
