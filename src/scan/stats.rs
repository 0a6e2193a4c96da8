//! What a scan cost, stage by stage, for who asks with `--stats`. Apart from the ledger, which says
//! what was looked at: nothing here changes what is found.

use std::fmt::{self, Display, Formatter};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What a thread is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Inflating entries of packs.
    Inflate,
    /// Building contents of deltas.
    Build,
    /// Looking for literals in what is new, and carrying over what is known.
    Search,
    /// Running expressions around literals, and judging what they find.
    Match,
    /// Looking for encoded text, and doing all of this in what it decodes to.
    Decode,
    /// Finding out where the hits came in: by the clock, as all threads do it together.
    Attribute,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Bytes that entries of packs inflate to.
    Inflated,
    /// Bytes of contents.
    Built,
    /// Bytes in which literals were looked for.
    Searched,
    /// Literals that were found in them.
    Literals,
    /// Windows of which everything that an expression finds was wanted.
    Windows,
    /// What expressions found.
    Matches,
    /// What of that may be a finding.
    Hits,
}

impl Stage {
    const ALL: [(Self, &str); 6] = [
        (Self::Inflate, "inflate"),
        (Self::Build, "build"),
        (Self::Search, "search"),
        (Self::Match, "match"),
        (Self::Decode, "decode"),
        (Self::Attribute, "attribute"),
    ];
}

/// The costs so far, of all threads.
#[derive(Debug, Default)]
pub struct Stats {
    nanoseconds: [AtomicU64; Stage::ALL.len()],
    counts: [AtomicU64; Count::Hits as usize + 1],
}

impl Stats {
    /// Does the work of a stage on this thread's time.
    pub fn time<T>(stats: Option<&Self>, stage: Stage, work: impl FnOnce() -> T) -> T {
        let Some(stats) = stats else { return work() };
        let start = Instant::now();
        let outcome = work();
        let spent = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        stats.nanoseconds[stage as usize].fetch_add(spent, Ordering::Relaxed);
        outcome
    }

    /// Counts so many more.
    pub fn add(&self, count: Count, more: u64) {
        self.counts[count as usize].fetch_add(more, Ordering::Relaxed);
    }

    fn count(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Ordering::Relaxed)
    }
}

impl Display for Stats {
    /// Two lines: what was counted, and the seconds of all threads by stage.
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let megabytes = |count| self.count(count) as f64 / 1e6;
        let searched = self.count(Count::Searched);
        writeln!(
            out,
            "{:.1} MB inflated, {:.1} MB built, {:.1} MB searched; {} literals ({:.2} a kB), {} windows, {} \
             matches, {} hits",
            megabytes(Count::Inflated),
            megabytes(Count::Built),
            megabytes(Count::Searched),
            self.count(Count::Literals),
            self.count(Count::Literals) as f64 * 1000.0 / searched.max(1) as f64,
            self.count(Count::Windows),
            self.count(Count::Matches),
            self.count(Count::Hits),
        )?;
        out.write_str("seconds of all threads:")?;
        for (stage, name) in Stage::ALL {
            let seconds = self.nanoseconds[stage as usize].load(Ordering::Relaxed) as f64 / 1e9;
            match stage {
                Stage::Attribute => write!(out, " {name} {seconds:.3} from start to end")?,
                _ => write!(out, " {name} {seconds:.3},")?,
            }
        }
        Ok(())
    }
}
