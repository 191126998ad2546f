//! The way of records from threads that have no lane: they share one.

use std::sync::Arc;

use super::overflow::LossReason;
use super::page::PageWriter;
use super::sync::try_lock;
use super::{Channel, barrier, ticks};

/// The number of the lane that threads without one share.
pub(super) const SHARED_LANE: u64 = 0;

/// What threads append to that have no lane any more.
#[derive(Debug, Default)]
pub(super) struct SharedPage {
    page: Option<PageWriter>,
    latest_ticks: u64,
}

impl SharedPage {
    /// The time now. Within a lane it never goes back, whichever core tells it.
    fn next_ticks(&mut self) -> u64 {
        self.latest_ticks = ticks::now_after(self.latest_ticks);
        self.latest_ticks
    }
}

impl Channel {
    /// Hands over a record from a thread that has no lane: one whose thread-local storage is
    /// gone. Such threads share a lane. One that finds it in use takes a page of its own instead
    /// of waiting. Says no if records go to another channel.
    pub(crate) fn push_alone(&self, level: u8, record: &[u8]) -> bool {
        self.shared_counters.accept_shared(level);
        barrier::light();
        if self.is_out_of_the_ordinary() {
            self.rouse();
        }
        if self.has_moved() {
            self.shared_counters.take_back_shared(level);
            return false;
        }
        self.tell_callsites();
        // A panic inside leaves no half-done step: a page is there or not.
        let pushed = match try_lock(&self.shared_page) {
            Some(mut shared) => self.push_shared(&mut shared, level, record),
            None => self.take_or_wait(record.len(), level).map(|page| {
                let mut page = self.open(page, self.next_number(), &Arc::default());
                page.append(level, ticks::look(), record);
                self.put(page.seal());
            }),
        };
        if let Err(reason) = pushed {
            self.lose(reason, level);
        }
        true
    }

    /// Counts a record that has no lane and is not handed over, for want of anybody who would write
    /// it.
    pub(crate) fn refuse(&self, level: u8, reason: LossReason) {
        self.shared_counters.accept_shared(level);
        self.lose(reason, level);
    }

    /// Counts the loss of a record that has no lane.
    pub(super) fn lose(&self, reason: LossReason, level: u8) {
        let lost = &self.shared_counters.lost;
        lost.count(reason, level, ticks::now());
    }

    fn push_shared(
        &self,
        shared: &mut SharedPage,
        level: u8,
        record: &[u8],
    ) -> Result<(), LossReason> {
        let ticks = shared.next_ticks();
        if let Some(page) = &mut shared.page
            && page.append(level, ticks, record)
        {
            return Ok(());
        }
        let fresh = self.take_or_wait(record.len(), level)?;
        if let Some(full) = shared.page.take() {
            self.put(full.seal());
        }
        let mut fresh = self.open(fresh, SHARED_LANE, &Arc::default());
        // Time went by if the caller had to wait for the page.
        fresh.append(level, shared.next_ticks(), record);
        if self.pool.is_large(record.len()) {
            // The page is as large as its record, and nobody may come for a long time.
            self.put(fresh.seal());
        } else {
            shared.page = Some(fresh);
        }
        self.wake_readers_if_behind();
        Ok(())
    }
}
