//! How long a writer rests between two looks at the pages.

use std::time::Duration;

use crate::channel::Channel;
use crate::channel::sync::Instant;
use crate::drain::Delays;

/// After this long without a line the writer begins to sleep longer.
const QUIET_AFTER: Duration = Duration::from_millis(100);

/// After this long without a record the writer dozes: whoever hands over the next one wakes it. So a
/// program that does nothing is left alone, and one that logs wakes a thread once in so long at most.
const DOZE_AFTER: Duration = Duration::from_secs(10);

/// For how long at a time: what is due by the clock, such as a new file at midnight, waits no longer.
pub(super) const DOZE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Rest {
    pause: Duration,
    written_at: Instant,
    /// How many records there were when it became quiet, and since when there are no more.
    quiet: Option<(u64, Instant)>,
}

impl Rest {
    pub(super) fn new(delays: Delays) -> Self {
        Rest {
            pause: delays.busy,
            written_at: Instant::now(),
            quiet: None,
        }
    }

    /// The pause after a round that wrote so many bytes.
    pub(super) fn after(&mut self, written: usize, delays: Delays) -> Duration {
        if written != 0 {
            self.written_at = Instant::now();
            self.quiet = None;
            self.pause = delays.busy;
        } else if QUIET_AFTER < self.written_at.elapsed() {
            self.pause = (self.pause * 2).clamp(delays.busy, delays.idle);
        }
        self.pause
    }

    /// Whether there has been no record for long. That nothing was written does not say so: there may
    /// be many of which the sink takes none.
    pub(super) fn may_doze(&mut self, channel: &Channel) -> bool {
        let is_quiet = QUIET_AFTER < self.written_at.elapsed();
        let is_over = |since: Instant| DOZE_AFTER <= since.elapsed();
        if !is_quiet || self.quiet.is_some_and(|(_, since)| !is_over(since)) {
            return false;
        }
        let handed_over = channel.handed_over();
        if self.quiet.is_some_and(|(before, _)| before == handed_over) {
            // The record that ends it is on its way.
            self.pause = Duration::ZERO;
            return true;
        }
        self.quiet = Some((handed_over, Instant::now()));
        false
    }
}

#[cfg(all(test, not(any(offloop_loom, offloop_shuttle))))]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use super::*;
    use crate::channel::lane::Lane;
    use crate::channel::overflow::Overflow;
    use crate::channel::sync::simulated::Simulated;

    const DELAYS: Delays = Delays {
        busy: Duration::from_millis(5),
        idle: Duration::from_millis(50),
    };

    struct Writer {
        time: Simulated,
        channel: Arc<Channel>,
        rest: Rest,
    }

    impl Writer {
        fn new() -> Self {
            let time = Simulated::begin(SystemTime::UNIX_EPOCH);
            let channel = Arc::new(Channel::new(1 << 16, Overflow::DropNewest, 1));
            let rest = Rest::new(DELAYS);
            Writer {
                time,
                channel,
                rest,
            }
        }

        /// How often it rests in that time, and whether it may doze then.
        fn rests(&mut self, time: Duration, written: usize) -> (usize, bool) {
            let (mut rests, until) = (0, Instant::now() + time);
            loop {
                let pause = self.rest.after(written, DELAYS);
                if self.rest.may_doze(&self.channel) {
                    return (rests, true);
                }
                if until <= Instant::now() {
                    return (rests, false);
                }
                rests += 1;
                self.time.advance(pause);
            }
        }

        fn log(&self) {
            let mut lane = Lane::new(Arc::clone(&self.channel), Arc::default());
            assert!(lane.try_push(2, &[0; 8]));
        }
    }

    #[test]
    fn pauses_are_short_while_records_come_and_grow_when_they_cease() {
        let mut writer = Writer::new();
        let second = Duration::from_secs(1);
        let (busy, _) = writer.rests(second, 1);
        assert!((190..=200).contains(&busy), "{busy}");
        let (idle, _) = writer.rests(second, 0);
        assert!((20..=45).contains(&idle), "{idle}");
    }

    #[test]
    fn a_writer_dozes_after_a_while_without_records() {
        let mut writer = Writer::new();
        assert!(!writer.rests(DOZE_AFTER / 2, 1).1);
        assert!(!writer.rests(DOZE_AFTER / 2, 0).1);
        assert!(writer.rests(DOZE_AFTER, 0).1);
        // And goes on.
        writer.time.advance(DOZE);
        assert_eq!(writer.rests(DOZE, 0), (0, true));
    }

    #[test]
    fn a_writer_whose_sink_takes_no_record_does_not_doze_while_there_are_some() {
        let mut writer = Writer::new();
        for _ in 0..4 {
            writer.log();
            assert!(!writer.rests(DOZE_AFTER / 2, 0).1);
        }
        assert!(writer.rests(DOZE_AFTER * 2, 0).1);
        writer.log();
        // Soon, and for as long as at first.
        assert!(!writer.rest.may_doze(&writer.channel));
        assert_eq!(writer.rest.after(0, DELAYS), DELAYS.busy);
        assert!(!writer.rests(DOZE_AFTER / 2, 0).1);
    }
}
