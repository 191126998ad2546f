//! A lane: the channel as one thread sees it, which is a page of its own to append to.

use std::sync::Arc;

use super::overflow::{LossReason, SharedCounters, is_urgent};
use super::page::{IdlePage, PageWriter};
use super::{Channel, barrier, ticks};
use crate::capture::record::ThreadLabel;

/// A thread's own end of the channel. Its records are read in the order in which they were pushed.
#[derive(Debug)]
pub(crate) struct Lane {
    channel: Arc<Channel>,
    number: u64,
    thread: Arc<ThreadLabel>,
    counters: SharedCounters,
    page: Option<PageWriter>,
    /// Whether the page was taken from what is kept for urgent records.
    page_is_reserved: bool,
    latest_ticks: u64,
}

impl Lane {
    pub(crate) fn new(channel: Arc<Channel>, thread: Arc<ThreadLabel>) -> Self {
        let (number, counters) = channel.enter();
        Lane {
            channel,
            number,
            thread,
            counters,
            page: None,
            page_is_reserved: false,
            latest_ticks: ticks::look(),
        }
    }

    /// Hands a record over, as [`push`](Self::push) does. Says no if the channel is closed or has
    /// moved: then nothing came of it.
    #[inline(always)]
    pub(crate) fn try_push(&mut self, level: u8, record: &[u8]) -> bool {
        self.counters.accept(level);
        barrier::light();
        if self.channel.is_out_of_the_ordinary() && !self.channel.rouse() {
            self.counters.take_back(level);
            return false;
        }
        self.append(level, record);
        true
    }

    /// Hands a record over. Where there is no room for it, it is counted as lost.
    pub(crate) fn push(&mut self, level: u8, record: &[u8]) {
        self.counters.accept(level);
        self.append(level, record);
    }

    // By force: it has two callers, of which one is on the way of every record.
    #[inline(always)]
    fn append(&mut self, level: u8, record: &[u8]) {
        // The counter of one core may lag behind that of another, and it may fall; within a lane time
        // never goes back.
        let ticks = ticks::now_after(self.latest_ticks);
        self.latest_ticks = ticks;
        self.channel.tell_callsites();
        if !self.page_is_reserved
            && let Some(page) = &mut self.page
            && page.append(level, ticks, record)
        {
            return;
        }
        self.push_slowly(level, record);
    }

    /// The way of one record in a few hundred: the page is full, or there is none, or it is kept
    /// for urgent records.
    #[cold]
    #[inline(never)]
    fn push_slowly(&mut self, level: u8, record: &[u8]) {
        self.page_is_reserved &= self.channel.pool.is_reserved();
        let may_append = !self.page_is_reserved || is_urgent(level);
        if may_append
            && let Some(page) = &mut self.page
            && page.append(level, self.latest_ticks, record)
        {
            return;
        }
        let page = match self.channel.take_page(record.len(), level) {
            Err(LossReason::QueueFull) => {
                // A full page becomes free only after it was sealed. Would lanes keep theirs while
                // they look for another, each could hold what all wait for.
                if may_append {
                    self.end_page();
                }
                self.channel.wait_for_page(record.len(), level)
            }
            taken => taken,
        };
        match page {
            Ok(page) => self.begin_page(page, level, record),
            Err(reason) => self.lose(reason, level),
        }
    }

    fn begin_page(&mut self, page: IdlePage, level: u8, record: &[u8]) {
        self.end_page();
        let mut page = self.channel.open(page, self.number, &self.thread);
        // Time went by if the caller had to wait for the page.
        self.latest_ticks = ticks::now_after(self.latest_ticks);
        page.append(level, self.latest_ticks, record);
        self.page = Some(page);
        self.page_is_reserved = self.channel.pool.is_reserved();
        if self.channel.pool.is_large(record.len()) {
            // The page is as large as its record. An idle thread should not keep that.
            self.end_page();
        }
        self.channel.wake_readers_if_behind();
    }

    /// Counts a record that is not handed over, for want of anybody who would write it.
    pub(crate) fn refuse(&mut self, level: u8, reason: LossReason) {
        self.latest_ticks = ticks::now_after(self.latest_ticks);
        self.counters.accept(level);
        self.lose(reason, level);
    }

    pub(crate) fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    fn lose(&self, reason: LossReason, level: u8) {
        self.counters.lost.count(reason, level, self.latest_ticks);
    }

    fn end_page(&mut self) {
        if let Some(page) = self.page.take() {
            self.channel.put(page.seal());
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.end_page();
        self.channel.keep_counters(Arc::clone(&self.counters));
    }
}
