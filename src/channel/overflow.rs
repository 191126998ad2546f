//! What happens to a record when the memory budget is used up, and who counts it.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use super::sync::{AtomicU64, Ordering};

/// What happens to a record that finds the memory budget used up.
///
/// Either way the record is counted, and what was lost is reported in the log itself. The last
/// eighth of the budget is kept for `WARN` and `ERROR`.
///
/// ```
/// # use std::time::Duration;
/// # fn main() -> Result<(), offloop::Error> {
/// let memory = offloop::Memory::new();
/// let (_layer, _guard) = offloop::builder()
///     .memory(&memory)
///     .overflow(offloop::Overflow::Block { at_most: Duration::from_millis(50) })
///     .build::<tracing_subscriber::Registry>()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The new record is dropped. The caller never waits. This is the default.
    #[default]
    DropNewest,
    /// The caller waits for room, but never on a thread inside a tokio runtime: there the record is
    /// dropped as with [`Overflow::DropNewest`], since a thread that waits holds up every task it
    /// carries. (Those of `spawn_blocking` count as such threads, too.)
    ///
    /// Other runtimes are not recognised, nor is tokio without the feature `tokio`, which is one
    /// of the defaults: there this holds up the event loop.
    Block {
        /// How long a caller waits at most; after that its record is dropped.
        at_most: Duration,
    },
}

/// Why a record never reached a sink.
///
/// ```
/// let stats = offloop::stats();
/// for &reason in offloop::LossReason::ALL {
///     let lost: u64 = stats.sinks.iter().map(|sink| sink.lost.by(reason)).sum();
///     println!("{lost} records lost: {}", reason.as_str());
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossReason {
    /// The memory budget was used up.
    QueueFull,
    /// The sink failed in a way that leaves unknown what it did with the bytes, or it is a pipe whose
    /// reader is gone for good.
    Io,
    /// The record was larger than the budget.
    Oversize,
    /// The deadline of a shutdown passed, or the record came after it and could not be written.
    Shutdown,
    /// The record was logged in a forked child whose sink cannot be used there.
    Fork,
}

impl LossReason {
    /// All reasons, in the order of [`LossReason`]'s variants.
    pub const ALL: &[LossReason] = &[
        LossReason::QueueFull,
        LossReason::Io,
        LossReason::Oversize,
        LossReason::Shutdown,
        LossReason::Fork,
    ];

    /// The reason in words: `queue full`, `i/o`, `oversize`, `shutdown`, `fork`. In the log's own
    /// report of a loss, an underscore stands for what is no letter: `lost.queue_full.info`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LossReason::QueueFull => "queue full",
            LossReason::Io => "i/o",
            LossReason::Oversize => "oversize",
            LossReason::Shutdown => "shutdown",
            LossReason::Fork => "fork",
        }
    }
}

/// How many levels there are, and how many reasons.
pub(crate) const LEVELS: usize = 5;
pub(crate) const REASONS: usize = LossReason::ALL.len();

/// The place of a level in every table: 0 is `TRACE`, 4 is `ERROR`.
#[inline]
pub(crate) fn level_index(level: tracing::Level) -> u8 {
    match level {
        tracing::Level::TRACE => 0,
        tracing::Level::DEBUG => 1,
        tracing::Level::INFO => 2,
        tracing::Level::WARN => 3,
        tracing::Level::ERROR => 4,
    }
}

/// The level at a place. Another process may have named a place that there is not: then that of its
/// remainder.
pub(crate) fn level_at(index: u8) -> tracing::Level {
    match usize::from(index) % LEVELS {
        0 => tracing::Level::TRACE,
        1 => tracing::Level::DEBUG,
        2 => tracing::Level::INFO,
        3 => tracing::Level::WARN,
        _ => tracing::Level::ERROR,
    }
}

/// `WARN` and `ERROR` may use the last eighth of the budget.
#[inline]
pub(crate) fn is_urgent(level: u8) -> bool {
    3 <= level
}

thread_local! {
    static LOST: Cell<u64> = const { Cell::new(0) };
}

/// How many losses the current thread has counted. Who compares it before and after a log call
/// knows whether that call's record was lost at once.
pub(crate) fn lost_by_this_thread() -> u64 {
    LOST.try_with(Cell::get).unwrap_or_default()
}

/// What was lost: counts by reason and level, first and last time in ticks. Many threads may
/// count, each at its own copy where that matters.
#[derive(Debug)]
pub(crate) struct LossCounters {
    counts: [[AtomicU64; LEVELS]; REASONS],
    total: AtomicU64,
    last_ticks: AtomicU64,
    /// For each reader the first loss that it has not reported yet; 0 if there is none.
    first_ticks: Box<[AtomicU64]>,
}

impl LossCounters {
    /// Counts losses that each of so many readers will report.
    pub(crate) fn new(readers: usize) -> Self {
        LossCounters {
            counts: Default::default(),
            total: AtomicU64::new(0),
            last_ticks: AtomicU64::new(0),
            first_ticks: (0..readers).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Counts one lost record.
    pub(crate) fn count(&self, reason: LossReason, level: u8, ticks: u64) {
        let _ = LOST.try_with(|lost| lost.set(lost.get().wrapping_add(1)));
        // The times come before the count, so that whoever reports the count has them. Relaxed: a
        // time that is seen late only blurs a report.
        for first in &self.first_ticks {
            if first.load(Ordering::Relaxed) == 0 {
                first.store(ticks, Ordering::Relaxed);
            }
        }
        self.last_ticks.fetch_max(ticks, Ordering::Relaxed);
        // Pairs with the Acquire load in `snapshot`: a record is not seen as lost before it is seen
        // as accepted.
        self.counts[reason as usize][level as usize % LEVELS].fetch_add(1, Ordering::Release);
        // Pairs with the Acquire load in `total`: a total is not seen before its counts.
        self.total.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn snapshot(&self) -> LossTable {
        LossTable {
            counts: self
                .counts
                .each_ref()
                .map(|levels| levels.each_ref().map(|count| count.load(Ordering::Acquire))),
        }
    }

    /// How many losses there were: a quick look whether there are new ones.
    pub(crate) fn total(&self) -> u64 {
        self.total.load(Ordering::Acquire)
    }

    /// When the latest loss was, in ticks; 0 if there was none.
    pub(crate) fn last_ticks(&self) -> u64 {
        self.last_ticks.load(Ordering::Relaxed)
    }

    /// When the first loss was that `reader` has not reported. From now on it has.
    pub(crate) fn take_first_ticks(&self, reader: usize) -> Option<u64> {
        let first = self.first_ticks.get(reader)?.swap(0, Ordering::Relaxed);
        (first != 0).then_some(first)
    }
}

/// Lost records by reason and level, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LossTable {
    pub(crate) counts: [[u64; LEVELS]; REASONS],
}

impl LossTable {
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    pub(crate) fn plus(mut self, other: &LossTable) -> Self {
        for (count, more) in self
            .counts
            .iter_mut()
            .flatten()
            .zip(other.counts.iter().flatten())
        {
            *count += more;
        }
        self
    }

    pub(crate) fn minus(mut self, other: &LossTable) -> Self {
        for (count, less) in self
            .counts
            .iter_mut()
            .flatten()
            .zip(other.counts.iter().flatten())
        {
            *count = count.saturating_sub(*less);
        }
        self
    }
}

/// What one thread counts of its own records. Written by that thread alone, so that no two threads
/// share a cache line; read by whoever wants to know. A counter outlives its thread, and the next
/// new thread goes on counting with it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct LaneCounters {
    accepted: [AtomicU64; LEVELS],
    pub(crate) lost: LossCounters,
}

impl LaneCounters {
    pub(crate) fn new(readers: usize) -> Self {
        LaneCounters {
            accepted: Default::default(),
            lost: LossCounters::new(readers),
        }
    }

    /// Counts a record that a log call handed over. Only for the thread that owns the counters.
    #[inline]
    pub(crate) fn accept(&self, level: u8) {
        let Some(counter) = self.accepted.get(level as usize) else {
            return;
        };
        // No read-modify-write: nobody else writes. Relaxed: the Release store that commits the
        // record publishes this count too, so whoever sees the record sees it counted.
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// The same where several threads share the counters.
    pub(crate) fn accept_shared(&self, level: u8) {
        self.accepted[level as usize % LEVELS].fetch_add(1, Ordering::Relaxed);
    }

    /// Undoes what [`accept`](Self::accept) did just now.
    #[cold]
    pub(crate) fn take_back(&self, level: u8) {
        if let Some(counter) = self.accepted.get(level as usize) {
            counter.store(counter.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
        }
    }

    /// The same for what [`accept_shared`](Self::accept_shared) did.
    #[cold]
    pub(crate) fn take_back_shared(&self, level: u8) {
        self.accepted[level as usize % LEVELS].fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn accepted(&self) -> [u64; LEVELS] {
        self.accepted
            .each_ref()
            .map(|count| count.load(Ordering::Relaxed))
    }
}

/// Shared ownership of a lane's counters.
pub(crate) type SharedCounters = Arc<LaneCounters>;
