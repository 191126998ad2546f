//! What is to be done now and then for all sinks of a pipeline: idle pages, the file of pages, and what
//! the clocks say, should another process have to date the records.
//!
//! It belongs to no sink, so it must not wait for one. Every writer comes by, with each look at the
//! pages and while its sink takes nothing, and whoever finds something due does it. Only where all
//! of them are held within a call of their sinks nobody comes.

use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use crate::channel::Channel;
use crate::channel::sync::{Instant, Mutex, try_lock};
use crate::complaint::Complaints;

/// How often it is done at most: as often as one writer alone looks at the pages while records come.
const INTERVAL: Duration = Duration::from_millis(5);

/// Does for all sinks what hangs on none of them.
#[derive(Debug)]
pub(crate) struct Housekeeper {
    channel: Arc<Channel>,
    /// Nobody waits for it.
    chores: Mutex<Chores>,
}

#[derive(Debug)]
struct Chores {
    /// When they were last done; `None` before the first time.
    done: Option<Instant>,
    /// Of its own: that of a writer which is held up must not move on before its records are dated.
    clock: Clock,
    complaints: Complaints,
}

impl Housekeeper {
    pub(crate) fn new(channel: Arc<Channel>, complaints: Complaints) -> Self {
        let chores = Chores {
            done: None,
            clock: Clock::new(),
            complaints,
        };
        Housekeeper {
            channel,
            chores: Mutex::new(chores),
        }
    }

    /// Does what is due, unless another writer is at it. For a writer thread, as often as it likes.
    pub(crate) fn come_by(&self) {
        // All of it is done anew each time, so a panic leaves nothing half-done.
        let Some(mut chores) = try_lock(&self.chores) else {
            return;
        };
        let passed = chores.done.map_or(INTERVAL, |done| done.elapsed());
        if passed < INTERVAL {
            return;
        }
        chores.done = Some(Instant::now());
        chores.clock.observe();
        self.channel.arena().note_clock(chores.clock.copy());
        self.channel.pool.tend(passed);
        let news = self.channel.arena().news();
        news.iter().for_each(|news| chores.complaints.say(news));
    }
}

#[cfg(all(test, not(any(offloop_loom, offloop_shuttle))))]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::channel::overflow::Overflow;
    use crate::channel::page::IdlePage;
    use crate::channel::sync::simulated::Simulated;

    struct House {
        time: Simulated,
        channel: Arc<Channel>,
        housekeeper: Housekeeper,
    }

    impl House {
        fn new() -> House {
            let time = Simulated::begin(SystemTime::UNIX_EPOCH);
            let channel = Arc::new(Channel::new(1 << 20, Overflow::DropNewest, 1));
            let housekeeper = Housekeeper::new(Arc::clone(&channel), Complaints::default());
            House {
                time,
                channel,
                housekeeper,
            }
        }

        fn take_idle_pages(&self) -> Vec<Option<IdlePage>> {
            let pool = &self.channel.pool;
            (0..pool.idle()).map(|_| pool.take(1, true)).collect()
        }

        fn has_idle_pages(&self) -> bool {
            self.channel.pool.idle() != 0
        }
    }

    #[test]
    fn what_is_due_is_done_once_however_many_writers_come_by() {
        let house = House::new();
        house.housekeeper.come_by();
        let _taken = house.take_idle_pages();
        (0..10).for_each(|_| house.housekeeper.come_by());
        assert!(!house.has_idle_pages());
        house.time.advance(INTERVAL);
        house.housekeeper.come_by();
        assert!(house.has_idle_pages());
    }

    #[test]
    fn a_writer_that_finds_another_one_at_it_goes_on() {
        let house = House::new();
        let other = try_lock(&house.housekeeper.chores);
        house.housekeeper.come_by();
        assert!(!house.has_idle_pages());
        drop(other);
        house.housekeeper.come_by();
        assert!(house.has_idle_pages());
    }
}
