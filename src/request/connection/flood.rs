//! Warnings that anybody can cause from outside: a scanner causes thousands. Those beyond a limit are held
//! back, and how many they were is told.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::Level;

use crate::fork::PerProcess;
use crate::pace::Pace;
use crate::request::TARGET;

/// So many warnings of a kind at once, and as long as it goes on one for each interval.
const BURST: u32 = 20;
const INTERVAL: Duration = Duration::from_secs(10);

pub(super) static HANDSHAKES: PerProcess<Flood> = PerProcess::new();
pub(super) static MALFORMED: PerProcess<Flood> = PerProcess::new();

/// Warnings of one kind.
#[derive(Debug, Default)]
pub(super) struct Flood {
    /// In microseconds.
    pace: Pace,
    /// How many were held back since somebody was told of that.
    held_back: AtomicU64,
}

impl Flood {
    /// Whether a warning may be written now, and if so, how many were held back before it: none, as a
    /// rule.
    pub(super) fn admit(&self) -> Option<Option<u64>> {
        self.admit_at(now_us())
    }

    fn admit_at(&self, now_us: u64) -> Option<Option<u64>> {
        if self.is_in_time(now_us) {
            return Some(self.take());
        }
        // Relaxed: a figure, here and below.
        self.held_back.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// How many were held back, if a warning that says so may be written now.
    fn overdue_at(&self, now_us: impl Fn() -> u64) -> Option<u64> {
        let has_any = self.held_back.load(Ordering::Relaxed) != 0;
        (has_any && self.is_in_time(now_us())).then(|| self.take())?
    }

    fn is_in_time(&self, now_us: u64) -> bool {
        let in_us = |duration: Duration| duration.as_micros() as u64;
        let (interval, burst) = (in_us(INTERVAL), in_us(INTERVAL * BURST));
        self.pace.take(now_us, interval, burst).is_ok()
    }

    fn take(&self) -> Option<u64> {
        let held_back = self.held_back.swap(0, Ordering::Relaxed);
        (held_back != 0).then_some(held_back)
    }
}

/// Microseconds since some moment of the process.
fn now_us() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed().as_micros() as u64
}

/// Tells of what was held back, once a warning may be written again: where a flood is over, none of its
/// own would.
pub(super) fn tell_overdue() {
    warn_of(|flood| flood.overdue_at(now_us));
}

/// Tells of what was held back and nobody was told of yet: the process ends.
pub(in crate::request) fn tell_rest() {
    warn_of(Flood::take);
}

fn warn_of(held_back: impl Fn(&Flood) -> Option<u64>) {
    if let Some(handshakes) = held_back(HANDSHAKES.get()) {
        warn_of_handshakes(handshakes);
    }
    if let Some(malformed) = held_back(MALFORMED.get()) {
        warn_of_malformed(malformed);
    }
}

fn warn_of_handshakes(held_back: u64) {
    tracing::event!(
        name: "TLS handshakes failed",
        target: TARGET,
        parent: None,
        Level::WARN,
        event.name = "http.server.tls_error",
        connection.end = "tls_error",
        suppressed = held_back,
        "more TLS handshakes failed"
    );
}

fn warn_of_malformed(held_back: u64) {
    tracing::event!(
        name: "malformed requests",
        target: TARGET,
        parent: None,
        Level::WARN,
        event.name = "http.server.connection",
        connection.end = "malformed_request",
        suppressed = held_back,
        "more malformed requests"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_beyond_the_limit_are_held_back_and_the_next_one_says_how_many() {
        let flood = Flood::default();
        let admitted = |now_us| (0..100).filter_map(|_| flood.admit_at(now_us)).collect();
        let interval_us = INTERVAL.as_micros() as u64;
        let first: Vec<_> = admitted(1_000);
        assert_eq!(first, [None; BURST as usize]);
        let second: Vec<_> = admitted(1_000 + interval_us);
        assert_eq!(second, [Some(80)]);
        assert_eq!(flood.overdue_at(|| 2_000 + interval_us), None);
        assert_eq!(flood.overdue_at(|| 2_000 + 2 * interval_us), Some(99));
        assert_eq!(flood.take(), None);
    }
}
