//! What a writer counts of its sink.

use std::time::Duration;

use super::{Counts, Lost, SinkStats};
use crate::channel::overflow::{LEVELS, LossCounters};
use crate::channel::sync::{AtomicBool, AtomicU64, Ordering};
use crate::drain::batch::LevelCounts;

/// The counts of one sink. Written by its writer, read by anyone. All accesses of counts
/// are Relaxed but for `written`, which is read first, so that no record is seen as written before
/// it is seen as accepted.
#[derive(Debug)]
pub(crate) struct SinkCounters {
    written: [AtomicU64; LEVELS],
    filtered: [AtomicU64; LEVELS],
    pub(crate) lost: LossCounters,
    audits_left_out: AtomicU64,
    recovered: AtomicU64,
    longest_wait_ns: AtomicU64,
    syncs_failed: AtomicU64,
    pub(crate) is_failing: AtomicBool,
    /// Whether it fails for good.
    pub(crate) has_no_reader: AtomicBool,
}

impl SinkCounters {
    /// The counters of one of `sinks` sinks.
    pub(crate) fn new(sinks: usize) -> Self {
        SinkCounters {
            written: Default::default(),
            filtered: Default::default(),
            lost: LossCounters::new(sinks),
            audits_left_out: AtomicU64::new(0),
            recovered: AtomicU64::new(0),
            longest_wait_ns: AtomicU64::new(0),
            syncs_failed: AtomicU64::new(0),
            is_failing: AtomicBool::new(false),
            has_no_reader: AtomicBool::new(false),
        }
    }

    pub(crate) fn count_written(&self, counts: LevelCounts) {
        for (written, count) in self.written.iter().zip(counts) {
            if count != 0 {
                written.fetch_add(count, Ordering::Release);
            }
        }
    }

    /// How many records the sink has taken.
    pub(crate) fn written(&self) -> u64 {
        // Relaxed: it is compared with what it was before.
        let written = self.written.iter();
        written.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn count_filtered(&self, level: u8) {
        self.filtered[level as usize % LEVELS].fetch_add(1, Ordering::Release);
    }

    /// Notes that the sink's filter kept an audit record away from it.
    pub(crate) fn count_audit_left_out(&self) {
        self.audits_left_out.fetch_add(1, Ordering::Relaxed);
    }

    /// How many records may be audit records that are not in the sink, and never will be.
    pub(crate) fn audits_lost(&self) -> u64 {
        self.lost.total() + self.audits_left_out.load(Ordering::Relaxed)
    }

    /// Notes how many records of dead processes the sink has taken by now.
    pub(crate) fn note_recovered(&self, count: u64) {
        self.recovered.store(count, Ordering::Relaxed);
    }

    pub(crate) fn count_wait(&self, wait_ns: u64) {
        self.longest_wait_ns.fetch_max(wait_ns, Ordering::Relaxed);
    }

    pub(crate) fn count_failed_sync(&self) {
        self.syncs_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// A snapshot of what is counted here. `waiting` is not: it follows from what was accepted.
    pub(super) fn snapshot(&self) -> SinkStats {
        let read = |counts: &[AtomicU64; LEVELS]| {
            // Pairs with the Release additions: the acceptance of these records is visible after.
            Counts(counts.each_ref().map(|count| count.load(Ordering::Acquire)))
        };
        SinkStats {
            written: read(&self.written),
            filtered: read(&self.filtered),
            lost: Lost(self.lost.snapshot()),
            recovered: self.recovered.load(Ordering::Relaxed),
            longest_wait: Duration::from_nanos(self.longest_wait_ns.load(Ordering::Relaxed)),
            is_failing: self.is_failing.load(Ordering::Relaxed),
            syncs_failed: self.syncs_failed.load(Ordering::Relaxed),
            ..SinkStats::default()
        }
    }
}
