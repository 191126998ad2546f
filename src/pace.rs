//! How often something may happen: so many times at once, and then at a steady rate.
//!
//! One word says when the next time would be due if it happened at exactly the rate that is allowed: the
//! generic cell rate algorithm (ITU-T I.371), which is a bucket of tokens without anybody who has to fill
//! it. What comes too early by more than a burst is not in time.

use std::sync::atomic::{AtomicU64, Ordering};

/// When the next time is due, in whatever unit of time its owner counts.
#[derive(Debug, Default)]
pub(crate) struct Pace(AtomicU64);

impl Pace {
    /// Takes part in the limit for what happens now, if it is in time: one for each `interval`, and early by
    /// `burst` at most.
    ///
    /// # Errors
    ///
    /// When the next one is due, if this one comes too early.
    pub(crate) fn take(&self, now: u64, interval: u64, burst: u64) -> Result<(), u64> {
        let latest = now.saturating_add(burst);
        // Relaxed: one word is all that there is.
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due| {
                Some(due.max(now).saturating_add(interval)).filter(|next| *next <= latest)
            });
        taken.map(drop)
    }

    /// Begins anew, as if nothing had happened yet.
    pub(crate) fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_in_time_and_then_one_for_each_interval() {
        let pace = Pace::default();
        let at = |now| (0..10).filter_map(|_| pace.take(now, 10, 30).ok()).count();
        assert_eq!([at(1000), at(1009), at(1010), at(1035)], [3, 0, 1, 2]);
        assert_eq!(at(9000), 3);
        pace.forget();
        assert_eq!(at(1), 3);
    }
}
