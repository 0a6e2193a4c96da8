//! The floors of a history scan on a real repository: `cargo bench --bench pack -- OBJECTS [THREADS]`.
#![allow(clippy::print_stdout, missing_docs)]

use cofferdam::scan::source::pack::{
    Cache, HashKind, Id, Kind, ObjectStore, PackError, Piece, Visit, Visitor, Walk, fresh_ranges,
};
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Does nothing but count, for a window, the bytes that a delta-aware search looks at.
#[derive(Default)]
struct Idle {
    window: Option<usize>,
    whole: AtomicU64,
    fresh: AtomicU64,
    ranges: AtomicU64,
    failed: AtomicU64,
}

impl Visitor for Idle {
    type State = ();

    fn whole(&self, object: &Visit<'_>) {
        self.whole.fetch_add(object.content.len() as u64, Ordering::Relaxed);
    }

    fn delta(&self, _: &Visit<'_>, base: &[u8], (): &(), pieces: &[Piece]) {
        let Some(window) = self.window else { return };
        let add = |(count, bytes), range: Range<usize>| (count + 1, bytes + range.len() as u64);
        let (count, bytes) = fresh_ranges(pieces, base.len(), window).fold((0, 0), add);
        self.ranges.fetch_add(count, Ordering::Relaxed);
        self.fresh.fetch_add(bytes, Ordering::Relaxed);
    }

    fn failed(&self, _: Option<Id>, _: PackError) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(objects) = arguments.first() else {
        println!("pack: no objects directory given, nothing measured");
        return;
    };
    let threads = arguments.get(1).map_or(0, |threads| threads.parse().expect("a number of threads"));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
    pool.install(|| measure(Path::new(objects)));
}

fn measure(objects: &Path) {
    let store = timed("open", || ObjectStore::open(objects, HashKind::Sha1, &[]).expect("an object store"));
    println!("  {:.1} MB packed", store.packed_bytes() as f64 / 1e6);
    read_trees(&store);
    let nothing = Walk { kinds: &[], ..Walk::DEFAULT };
    timed("read every header", || store.walk(&nothing, &Idle::default()));
    for _ in 0..3 {
        let bytes = timed("inflate every blob entry", || store.inflate_entries(&[Kind::Blob]));
        println!("  {:.1} MB inflated", bytes as f64 / 1e6);
        let idle = Idle::default();
        let walk = Walk { kinds: &[Kind::Blob], ..Walk::DEFAULT };
        let walked = timed("build every blob", || store.walk(&walk, &idle));
        println!("  {walked:?}, {} failed", idle.failed.load(Ordering::Relaxed));
    }
    for window in [1, 16, 32, 64] {
        let idle = Idle { window: Some(window), ..Idle::default() };
        let walk = Walk { kinds: &[Kind::Blob], ..Walk::DEFAULT };
        timed(&format!("fresh ranges for {window}"), || store.walk(&walk, &idle));
        let megabytes = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / 1e6;
        let (whole, fresh, ranges) =
            (megabytes(&idle.whole), megabytes(&idle.fresh), megabytes(&idle.ranges));
        println!("  {whole:.1} MB whole, {fresh:.1} MB fresh in {ranges:.3} million ranges");
    }
}

/// What the walk tells of commits: time and root tree.
struct Commits(Mutex<Vec<(i64, Id)>>);

impl Visitor for Commits {
    type State = ();

    fn whole(&self, object: &Visit<'_>) {
        let text = String::from_utf8_lossy(object.content);
        let tree = text.get(5..45).and_then(Id::from_hex);
        let line = text.lines().find(|line| line.starts_with("committer ")).unwrap_or_default();
        let time = line.rsplit(' ').nth(1).and_then(|time| time.parse().ok());
        if let (Some(tree), Some(time)) = (tree, time) {
            self.0.lock().expect("no panic").push((time, tree));
        }
    }

    fn delta(&self, object: &Visit<'_>, _: &[u8], (): &(), _: &[Piece]) {
        self.whole(object);
    }

    fn failed(&self, _: Option<Id>, _: PackError) {}
}

/// One thread reads the root tree of every commit, newest first, as attribution does.
fn read_trees(store: &ObjectStore) {
    let commits = Commits(Mutex::default());
    timed("visit every commit", || store.walk(&Walk { kinds: &[Kind::Commit], ..Walk::DEFAULT }, &commits));
    let mut trees = commits.0.into_inner().expect("no panic");
    trees.sort_unstable_by(|one, other| other.cmp(one));
    let mut cache = Cache::new(32 << 20);
    let mut read =
        |id| store.read(id, 1 << 30, &mut cache).ok().flatten().map_or(0, |tree| tree.content.len());
    let bytes: usize = timed("read every root tree", || trees.iter().map(|(_, id)| read(id)).sum());
    println!("  {} trees, {:.1} MB", trees.len(), bytes as f64 / 1e6);
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (start, busy) = (Instant::now(), processor_time());
    let outcome = work();
    let (wall, busy) = (start.elapsed(), processor_time().saturating_sub(busy));
    println!("{what}: {:.3} s, {:.3} s of processor time", wall.as_secs_f64(), busy.as_secs_f64());
    outcome
}

/// Of this process, user and system, where the system tells it.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
