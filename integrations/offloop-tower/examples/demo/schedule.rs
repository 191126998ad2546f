//! What happens when, counted from the first request.

use std::ops::Range;
use std::time::{Duration, Instant};

/// Requests that come due before this moment are sent, but their latency does not count.
pub(crate) const WARM_UP: Duration = Duration::from_millis(1000);

/// While the reader of the log stands still.
pub(crate) const STALL: Range<Duration> = Duration::from_millis(2250)..Duration::from_millis(5250);

/// When the last request comes due.
pub(crate) const LENGTH: Duration = Duration::from_millis(6500);

/// How long a server may take to start, to answer, or to shut down. A machine with time for this
/// needs a fraction of it; the bound makes sure that the demo ends on every machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Sleeps until a moment, which may have passed.
pub(crate) fn sleep_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(Instant::now()));
}
