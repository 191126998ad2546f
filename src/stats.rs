//! What became of the records: accepted, written, waiting, lost.

mod counters;
mod stock;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tracing::Level;

pub(crate) use self::counters::SinkCounters;
pub(crate) use self::stock::{take, waiting_for};

use crate::channel::overflow::{LEVELS, LossReason, LossTable, level_at, level_index};

/// How many records of each level.
///
/// ```
/// use tracing::Level;
///
/// let accepted = offloop::stats().accepted;
/// assert!(accepted.at(Level::ERROR) <= accepted.total());
/// ```
/// `{:?}` names the levels that there are records of.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u64; LEVELS]);

impl Counts {
    /// The records of one level.
    #[must_use]
    pub fn at(&self, level: Level) -> u64 {
        self.0[level_index(level) as usize]
    }

    /// The records of all levels.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    fn plus(self, other: &Counts) -> Self {
        Counts(std::array::from_fn(|level| self.0[level] + other.0[level]))
    }
}

/// How many records were lost, by level and reason.
///
/// ```
/// use offloop::LossReason;
/// use tracing::Level;
///
/// for sink in offloop::stats().sinks {
///     let errors = sink.lost.at(LossReason::QueueFull, Level::ERROR);
///     assert!(errors <= sink.lost.by(LossReason::QueueFull));
///     assert!(errors <= sink.lost.total());
/// }
/// ```
/// `{:?}` names the reasons and levels that there are records of.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost(LossTable);

impl Lost {
    /// The records of one level that were lost for one reason.
    #[must_use]
    pub fn at(&self, reason: LossReason, level: Level) -> u64 {
        self.0.counts[reason as usize][level_index(level) as usize]
    }

    /// The records of all levels that were lost for one reason.
    #[must_use]
    pub fn by(&self, reason: LossReason) -> u64 {
        self.0.counts[reason as usize].iter().sum()
    }

    /// All records that were lost.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.total()
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = (0..).zip(self.0).filter(|(_, count)| *count != 0);
        let counts = counts.map(|(level, count)| (level_at(level).as_str(), count));
        formatter.debug_map().entries(counts).finish()
    }
}

impl fmt::Debug for Lost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = LossReason::ALL.iter().copied().zip(self.0.counts);
        let lost = reasons.map(|(reason, counts)| (reason.as_str(), Counts(counts)));
        let lost = lost.filter(|(_, counts)| counts.total() != 0);
        formatter.debug_map().entries(lost).finish()
    }
}

/// What became of the records, for the whole pipeline and for each of its sinks.
///
/// For every sink, at every moment: `accepted = written + filtered + waiting + lost`, where what was
/// accepted is the sink's [own](SinkStats::accepted) figure: the same as the pipeline's, unless a [reload](crate::Guard::reload)
/// has added it. What a sink [recovered](SinkStats::recovered) was accepted by another process, and is
/// none of these.
///
/// ```
/// # fn main() -> Result<(), offloop::Error> {
/// # let memory = offloop::Memory::new();
/// let (_layer, guard) = offloop::builder().memory(&memory).build::<tracing_subscriber::Registry>()?;
/// let stats = guard.stats();
/// for sink in &stats.sinks {
///     let sum = sink.written.total() + sink.filtered.total() + sink.waiting + sink.lost.total();
///     assert_eq!(sink.accepted.total(), sum);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// What log calls handed over, whatever became of it.
    pub accepted: Counts,
    /// What limits and samples left out although the filter wanted it: see [`Rates`](crate::Rates). It is
    /// not among what was accepted. Requests that are left out as a whole are not counted here.
    pub suppressed: Counts,
    /// One for each sink, in the order in which the builder got them; then those that a reload has
    /// removed and for which records still wait.
    pub sinks: Vec<SinkStats>,
    /// All sinks together that a reload has removed and that have ended. See
    /// [`Guard::reload`](crate::Guard::reload).
    pub removed: SinkStats,
    /// Memory in use for records that wait, in bytes, at most the budget. A thread that logs keeps
    /// a page of it for what it logs next.
    pub used_bytes: usize,
    /// How many threads have logged at the same time, at most.
    pub lanes: usize,
}

impl Stats {
    /// Records written, summed over the sinks: a record that two sinks wrote counts twice.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.all().map(|sink| sink.written.total()).sum()
    }

    /// Records of dead processes that were written, summed over the sinks.
    #[must_use]
    pub fn recovered(&self) -> u64 {
        self.all().map(|sink| sink.recovered).sum()
    }

    /// Records that wait, summed over the sinks.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.sinks.iter().map(|sink| sink.waiting).sum()
    }

    /// Records lost, summed over the sinks.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.all().map(|sink| sink.lost.total()).sum()
    }

    /// The longest time for which a record that is written by now had waited, over all sinks.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        self.all()
            .map(|sink| sink.longest_wait)
            .max()
            .unwrap_or_default()
    }

    fn all(&self) -> impl Iterator<Item = &SinkStats> {
        self.sinks.iter().chain([&self.removed])
    }

    /// These figures, and what was left out.
    pub(crate) fn beside(mut self, suppressed: [u64; LEVELS]) -> Stats {
        self.suppressed = Counts(suppressed);
        self
    }

    /// These figures with those of what ran before, some of whose sinks go on here: `origins` says for
    /// each sink of these which one it was, if it was there.
    pub(crate) fn after(mut self, before: &Stats, origins: &[Option<usize>]) -> Stats {
        self.accepted = self.accepted.plus(&before.accepted);
        self.removed = self.removed.plus(&before.removed);
        self.used_bytes += before.used_bytes;
        self.lanes = self.lanes.max(before.lanes);
        for (place, former) in before.sinks.iter().enumerate() {
            let stays_at = origins.iter().position(|origin| *origin == Some(place));
            match stays_at.and_then(|place| self.sinks.get_mut(place)) {
                Some(sink) => *sink = std::mem::take(sink).plus(former),
                None if former.waiting == 0 => self.removed = self.removed.plus(former),
                None => self.sinks.push(former.clone()),
            }
        }
        self
    }
}

/// Whether records on their way to a sink outlive the process, should that be killed.
///
/// ```
/// use offloop::CrashSafety;
///
/// for sink in offloop::stats().sinks {
///     match sink.crash_safety {
///         CrashSafety::Safe(directory) => println!("{}: kept in {}", sink.name, directory.display()),
///         CrashSafety::Unsafe(why) => println!("{}: lost with the process: {why}", sink.name),
///         _ => {}
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrashSafety {
    /// They do. They wait in a file in this directory, which is memory of the system's; the next
    /// start with the same sink writes what is found there.
    Safe(PathBuf),
    /// They do not, or not all of them, for this reason.
    Unsafe(String),
}

impl CrashSafety {
    /// Whether they do.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        matches!(self, CrashSafety::Safe(_))
    }
}

impl Default for CrashSafety {
    fn default() -> Self {
        CrashSafety::Unsafe("there is no pipeline".to_owned())
    }
}

/// What became of the records of one sink.
///
/// ```
/// for sink in offloop::stats().sinks.iter().filter(|sink| sink.is_failing) {
///     println!("{} ({}) takes no records, {} wait", sink.name, sink.destination, sink.waiting);
/// }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SinkStats {
    /// Which sink: the name that it was [given](crate::Sink::named), or has in the configuration
    /// (`[sinks.main]`), or else got after its kind. Empty for those that were removed, taken together.
    pub name: String,
    /// Where it writes, with the absolute path of a file: `file /srv/app/logs/app.jsonl`, `stdout`, …
    pub destination: String,
    /// Records that log calls handed over while it was a sink.
    pub accepted: Counts,
    /// Records that the sink took: in the file, handed to the pipe.
    pub written: Counts,
    /// Records that the sink's own filter kept away from it.
    pub filtered: Counts,
    /// Records on their way.
    pub waiting: u64,
    /// Records that will never be written.
    pub lost: Lost,
    /// Records that processes had left for the sink when they died, and that it has taken since this
    /// pipeline started. See [`Builder::crash_safe`](crate::Builder::crash_safe).
    pub recovered: u64,
    /// The longest time for which a record that is written by now had waited.
    pub longest_wait: Duration,
    /// Whether the sink refuses to take records at the moment.
    pub is_failing: bool,
    /// How often a sync to the disk failed. See [`Sink::sync`](crate::Sink::sync).
    pub syncs_failed: u64,
    /// Whether records on their way to it outlive the process, should that be killed.
    pub crash_safety: CrashSafety,
}

impl SinkStats {
    /// The same with what it was before a reload.
    fn plus(self, before: &SinkStats) -> SinkStats {
        SinkStats {
            accepted: self.accepted.plus(&before.accepted),
            written: self.written.plus(&before.written),
            filtered: self.filtered.plus(&before.filtered),
            waiting: self.waiting + before.waiting,
            lost: Lost(self.lost.0.plus(&before.lost.0)),
            recovered: self.recovered + before.recovered,
            longest_wait: self.longest_wait.max(before.longest_wait),
            is_failing: self.is_failing || before.is_failing && before.waiting != 0,
            syncs_failed: self.syncs_failed + before.syncs_failed,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_name_what_they_count() {
        let counts = Counts([0, 0, 7, 0, 1]);
        assert_eq!(format!("{counts:?}"), r#"{"INFO": 7, "ERROR": 1}"#);
        let mut lost = Lost::default();
        lost.0.counts[LossReason::Io as usize] = counts.0;
        assert_eq!(format!("{lost:?}"), r#"{"i/o": {"INFO": 7, "ERROR": 1}}"#);
    }
}
