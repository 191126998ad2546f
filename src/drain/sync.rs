//! When what a file has accepted goes to the disk, and what is done for lines on their way there.

use std::time::Duration;

use tracing::Level;

use super::batch::Batch;
use crate::channel::overflow::level_index;
use crate::channel::sync::Instant;

/// So many bytes of lines are kept at most, to be written again should a sync fail.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// Memory for lines beyond this is given back after a sync.
const KEPT_BYTES_IDLE: usize = 256 << 10;

/// After a failed sync the next waits this long, doubled with each further failure up to the
/// other: each failure costs a file.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_LONG: Duration = Duration::from_millis(400);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// When a file's lines are forced to the disk, by fdatasync on the sink's writer thread.
///
/// Written lines survive the end of the process in any case: the system has them. This is about
/// power cuts and system crashes. Whatever the policy, [`Guard::flush_durable`] and
/// [`audit!`](crate::audit!) sync when they are called for.
///
/// With a policy other than `Never`, the sink keeps the lines since its last sync in memory (8 MiB
/// at most, beside the budget; it syncs when they reach that), so that they can be written again
/// into a new file if a sync fails. See [`Sink::sync`](crate::Sink::sync).
///
/// [`Guard::flush_durable`]: crate::Guard::flush_durable
///
/// ```
/// use std::time::Duration;
/// use offloop::{Sink, SyncPolicy};
///
/// // A power cut costs at most the last second.
/// let sink = Sink::file("logs/app.jsonl").sync(SyncPolicy::Every(Duration::from_secs(1)));
/// # drop(sink);
/// // An error is on the disk as soon as the disk allows.
/// let sink = Sink::file("logs/app.jsonl").sync(SyncPolicy::AtLevel(tracing::Level::ERROR));
/// # drop(sink);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncPolicy {
    /// Only on request. The system writes lines to the disk when it sees fit, on Linux within about
    /// 30 s. This is the default.
    #[default]
    Never,
    /// A line is synced at most so long after it was written, and at the end of the pipeline.
    Every(Duration),
    /// A sync follows each batch of lines that holds a record of this level, or of a more severe
    /// one. The lines before it are synced with it.
    AtLevel(Level),
}

/// The lines that a sink has accepted since its last successful sync.
#[derive(Debug, Default)]
pub(super) struct UnsyncedLines {
    policy: SyncPolicy,
    /// When the first of them was accepted; `None` if there are none.
    since: Option<Instant>,
    /// Whether there is a record among them that the policy wants synced at once.
    is_urgent: bool,
    /// The lines themselves, unless the policy is `Never`.
    kept: Vec<u8>,
    /// After a failed sync, until one succeeds.
    failed: Option<Failed>,
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    at: Instant,
    pause: Duration,
}

impl UnsyncedLines {
    pub(super) fn new(policy: SyncPolicy) -> Self {
        UnsyncedLines {
            policy,
            ..UnsyncedLines::default()
        }
    }

    /// Goes on with another policy.
    pub(super) fn change(&mut self, policy: SyncPolicy) {
        self.policy = policy;
        if policy == SyncPolicy::Never {
            self.is_urgent = false;
            self.kept = Vec::new();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.since.is_none()
    }

    /// Notes what of a batch was accepted, now that it has come to its end.
    pub(super) fn note(&mut self, batch: &Batch) {
        let lines = batch.lines();
        if lines.is_empty() {
            return;
        }
        self.since.get_or_insert_with(Instant::now);
        self.is_urgent |= match (self.policy, batch.level_max()) {
            (SyncPolicy::AtLevel(level), Some(level_max)) => level_index(level) <= level_max,
            _ => false,
        };
        if self.keeps_lines() {
            self.keep(lines);
        }
    }

    /// Whether there is something to write again after a sync that fails.
    pub(super) fn keeps_lines(&self) -> bool {
        self.policy != SyncPolicy::Never
    }

    fn keep(&mut self, lines: &[u8]) {
        if self.is_full() {
            // The disk fails, so no sync has made room. The oldest lines stay where they are; they
            // are not written again should the next sync fail, too.
            self.kept.clear();
        }
        self.kept.extend_from_slice(lines);
    }

    fn is_full(&self) -> bool {
        KEPT_BYTES_MAX <= self.kept.len()
    }

    /// Whether to leave the disk alone, since a sync has just failed.
    pub(super) fn is_deferred(&self) -> bool {
        self.failed
            .is_some_and(|failed| failed.at.elapsed() < failed.pause)
    }

    /// Whether syncs have failed again and again, so that whoever waits for one may wait for long.
    pub(super) fn is_hopeless(&self) -> bool {
        self.failed.is_some_and(|failed| PAUSE_LONG <= failed.pause)
    }

    /// Whether the policy asks for a sync, without regard to the time.
    pub(super) fn is_pressing(&self) -> bool {
        self.is_urgent || self.is_full()
    }

    /// Whether the policy asks for a sync now.
    pub(super) fn is_due(&self, is_ending: bool) -> bool {
        let (SyncPolicy::Every(interval), Some(since)) = (self.policy, self.since) else {
            return self.is_pressing();
        };
        self.is_pressing() || is_ending || interval <= since.elapsed()
    }

    /// In how much time the policy asks for a sync, if that depends on the time.
    pub(super) fn due_in(&self) -> Option<Duration> {
        match (self.policy, self.since) {
            (SyncPolicy::Every(interval), Some(since)) if !self.is_deferred() => {
                Some(interval.saturating_sub(since.elapsed()))
            }
            _ => None,
        }
    }

    /// Notes that a sync succeeded.
    pub(super) fn succeed(&mut self) {
        self.since = None;
        self.is_urgent = false;
        self.failed = None;
        self.kept.clear();
        self.kept.shrink_to(KEPT_BYTES_IDLE);
    }

    /// Notes that a sync failed. Returns the lines that are to be written again: what was urgent among
    /// them is so still.
    pub(super) fn fail(&mut self) -> Vec<u8> {
        self.since = None;
        let pause = self
            .failed
            .map_or(PAUSE_MIN, |failed| (failed.pause * 2).min(PAUSE_MAX));
        self.failed = Some(Failed {
            at: Instant::now(),
            pause,
        });
        std::mem::take(&mut self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER_IN_A_TEST: Duration = Duration::from_secs(3600);

    fn noted(policy: SyncPolicy, level: u8, lines: &[u8]) -> UnsyncedLines {
        let mut unsynced = UnsyncedLines::new(policy);
        note(&mut unsynced, level, lines);
        unsynced
    }

    fn note(unsynced: &mut UnsyncedLines, level: u8, lines: &[u8]) {
        let mut batch = Batch::default();
        batch.push(Some(level), 1, |bytes| bytes.extend_from_slice(lines));
        unsynced.note(&batch);
    }

    #[test]
    fn each_policy_asks_for_a_sync_when_it_should() {
        let at_warn = SyncPolicy::AtLevel(Level::WARN);
        let cases = [
            (SyncPolicy::Never, 4, false, false),
            (SyncPolicy::Every(NEVER_IN_A_TEST), 4, false, true),
            (SyncPolicy::Every(Duration::ZERO), 0, true, true),
            (at_warn, 2, false, false),
            (at_warn, 3, true, true),
            (at_warn, 4, true, true),
        ];
        for (policy, level, is_due, is_due_at_the_end) in cases {
            let unsynced = noted(policy, level, b"line\n");
            assert!(!unsynced.is_empty());
            assert_eq!(unsynced.is_due(false), is_due, "{policy:?}");
            assert_eq!(unsynced.is_due(true), is_due_at_the_end, "{policy:?}");
            let nothing = UnsyncedLines::new(policy);
            assert!(nothing.is_empty() && !nothing.is_due(true));
        }
    }

    #[test]
    fn another_policy_holds_for_what_comes_and_never_means_at_once() {
        let at_warn = SyncPolicy::AtLevel(Level::WARN);
        let mut unsynced = noted(SyncPolicy::Never, 4, b"not kept\n");
        unsynced.change(at_warn);
        assert!(!unsynced.is_due(true));
        note(&mut unsynced, 4, b"kept\n");
        assert!(unsynced.is_due(false));
        assert_eq!(unsynced.fail(), b"kept\n");
        let mut unsynced = noted(at_warn, 4, b"kept\n");
        unsynced.change(SyncPolicy::Every(NEVER_IN_A_TEST));
        assert!(unsynced.is_due(false), "it was asked for already");
        unsynced.change(SyncPolicy::Never);
        assert!(!unsynced.is_due(true));
        assert_eq!(unsynced.fail(), b"");
    }

    #[test]
    fn after_a_sync_nothing_is_due_and_nothing_kept() {
        let mut unsynced = noted(SyncPolicy::AtLevel(Level::TRACE), 0, b"line\n");
        unsynced.succeed();
        assert!(unsynced.is_empty() && !unsynced.is_due(true));
        assert_eq!(unsynced.fail(), b"");
    }

    #[test]
    fn the_lines_since_the_last_sync_are_written_again_and_the_disk_is_left_alone_for_a_while() {
        let mut unsynced = noted(SyncPolicy::Every(Duration::ZERO), 2, b"synced\n");
        unsynced.succeed();
        note(&mut unsynced, 2, b"one\n");
        note(&mut unsynced, 2, b"two\n");
        assert!(!unsynced.is_deferred() && unsynced.due_in().is_some());
        assert_eq!(unsynced.fail(), b"one\ntwo\n");
        note(&mut unsynced, 2, b"three\n");
        assert!(unsynced.is_deferred() && unsynced.due_in().is_none());
        unsynced.succeed();
        assert!(!unsynced.is_deferred());
    }

    #[test]
    fn what_was_to_be_synced_at_once_is_so_until_a_sync_succeeds() {
        let mut unsynced = noted(SyncPolicy::AtLevel(Level::ERROR), 4, b"worse\n");
        for failures in 0..3 {
            assert!(!unsynced.is_hopeless(), "after {failures} failures");
            let lines = unsynced.fail();
            let mut batch = Batch::default();
            batch.push(None, 1, |bytes| bytes.extend_from_slice(&lines));
            unsynced.note(&batch);
            assert!(unsynced.is_pressing() && unsynced.is_deferred());
        }
        assert!(unsynced.is_hopeless());
        unsynced.succeed();
        assert!(!unsynced.is_pressing() && !unsynced.is_hopeless());
    }

    #[test]
    fn memory_for_lines_is_bounded_whatever_the_disk_does() {
        let line = vec![b'\n'; KEPT_BYTES_MAX / 4];
        let mut unsynced = UnsyncedLines::new(SyncPolicy::AtLevel(Level::ERROR));
        for _ in 0..4 {
            assert!(!unsynced.is_due(false));
            note(&mut unsynced, 2, &line);
        }
        assert!(unsynced.is_due(false), "it is full");
        for _ in 0..100 {
            note(&mut unsynced, 2, &line);
            assert!(unsynced.kept.len() <= KEPT_BYTES_MAX);
        }
        let mut without_policy = UnsyncedLines::default();
        note(&mut without_policy, 4, &line);
        assert_eq!(without_policy.kept, b"");
    }
}
