//! A time-out becomes a point in time, whatever the user chose.

use std::time::Duration;

use crate::channel::sync::Instant;

/// Longer time-outs mean a year: the clock ends somewhere.
const TIMEOUT_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// The point in time `timeout` from now.
pub(crate) fn after(timeout: Duration) -> Instant {
    counted_from(Instant::now(), timeout)
}

/// The point in time `timeout` after another one.
pub(crate) fn counted_from(began: Instant, timeout: Duration) -> Instant {
    began + timeout.min(TIMEOUT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_out_is_too_long() {
        assert!(Instant::now() <= after(Duration::ZERO));
        assert!(Instant::now() + TIMEOUT_MAX / 2 < after(Duration::MAX));
    }
}
