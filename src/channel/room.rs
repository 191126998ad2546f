//! Where a record finds room: pages that are taken and given back, and back-pressure where it was
//! chosen.

use std::time::Duration;

use super::overflow::{LossReason, Overflow, is_urgent};
use super::page::IdlePage;
use super::sync::{Instant, Ordering};
use super::{Channel, is_reader, may_wait_until};
use crate::deadline;

/// How long a caller under back-pressure waits before it looks again by itself.
const ROOM_POLL: Duration = Duration::from_millis(5);

impl Channel {
    /// Takes back what a holder of a page got when it let go.
    pub(crate) fn put(&self, page: Option<IdlePage>) {
        self.pool.put(page);
        if self.waiting.load(Ordering::Relaxed) != 0 {
            let _ = self.room.push(());
        }
    }

    /// Whether callers wait for room, so that nothing may be dropped to make some.
    pub(crate) fn blocks_callers(&self) -> bool {
        matches!(self.overflow, Overflow::Block { .. })
    }

    pub(super) fn take_page(&self, len: usize, level: u8) -> Result<IdlePage, LossReason> {
        if !self.pool.can_hold(len, is_urgent(level)) {
            return Err(LossReason::Oversize);
        }
        let page = self.pool.take(len, is_urgent(level));
        page.ok_or(LossReason::QueueFull)
    }

    pub(super) fn take_or_wait(&self, len: usize, level: u8) -> Result<IdlePage, LossReason> {
        match self.take_page(len, level) {
            Err(LossReason::QueueFull) => self.wait_for_page(len, level),
            taken => taken,
        }
    }

    /// Back-pressure, where it was chosen.
    pub(super) fn wait_for_page(&self, len: usize, level: u8) -> Result<IdlePage, LossReason> {
        self.wake_readers();
        self.wait_if_allowed(len, level)
            .ok_or(LossReason::QueueFull)
    }

    fn wait_if_allowed(&self, len: usize, level: u8) -> Option<IdlePage> {
        let Overflow::Block { at_most } = self.overflow else {
            return None;
        };
        if self.is_closed() || runs_async_tasks() || is_reader() {
            return None;
        }
        let deadline = may_wait_until(deadline::after(at_most))?;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let page = loop {
            if let Some(page) = self.pool.take(len, is_urgent(level)) {
                // There may be more room: pass the word on.
                let _ = self.room.push(());
                break Some(page);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break None;
            }
            let _ = self.room.pop_within(left.min(ROOM_POLL));
            self.wake_readers();
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        page
    }
}

/// Whether the current thread carries async tasks, which would all wait with it.
fn runs_async_tasks() -> bool {
    #[cfg(feature = "tokio")]
    return tokio::runtime::Handle::try_current().is_ok();
    #[cfg(not(feature = "tokio"))]
    return false;
}
