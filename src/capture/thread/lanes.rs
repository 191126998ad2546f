//! A thread's ends of the channels, and the way of records that find none ready.

use std::mem::ManuallyDrop;
use std::sync::Arc;

use super::Pushed;
use super::label::label;
use crate::channel::Channel;
use crate::channel::lane::Lane;
use crate::channel::overflow::LossReason;
use crate::fork;
use crate::pipeline::Pipeline;

/// One for each pipeline that the thread has logged to.
pub(super) struct Lanes {
    /// Which process made them.
    generation: u64,
    /// Each with the number of its pipeline.
    all: Vec<(u64, Lane)>,
}

impl Lanes {
    pub(super) const fn new() -> Self {
        Lanes {
            generation: 0,
            all: Vec::new(),
        }
    }

    /// The lane to a pipeline, if this process has made it.
    #[inline(always)]
    pub(super) fn find(&mut self, pipeline: u64) -> Option<&mut Lane> {
        if !self.are_own() {
            return None;
        }
        let mut all = self.all.iter_mut();
        all.find(|(other, _)| *other == pipeline)
            .map(|(_, lane)| lane)
    }

    /// The same; one that is not there is made.
    fn find_or_enter(&mut self, pipeline: u64, channel: &Arc<Channel>) -> &mut Lane {
        let place = self.all.iter().position(|(other, _)| *other == pipeline);
        let place = place.unwrap_or_else(|| {
            let lane = Lane::new(Arc::clone(channel), Arc::new(label()));
            self.all.push((pipeline, lane));
            self.all.len() - 1
        });
        &mut self.all[place].1
    }

    /// Lets go of lanes whose channel is closed or has moved, and of what a fork left behind.
    fn forget_ended(&mut self) {
        self.leave_to_parent();
        self.generation = fork::generation();
        self.all.retain(|(_, lane)| !lane.channel().has_ended());
    }

    /// All lanes of this process. Each is made anew with the next record.
    pub(super) fn take(&mut self) -> Vec<(u64, Lane)> {
        self.leave_to_parent();
        std::mem::take(&mut self.all)
    }

    /// Lets go of lanes of the parent process, but does not tear them down: their locks may be held
    /// by threads that do not exist here.
    fn leave_to_parent(&mut self) {
        if !self.are_own() {
            let _parents = ManuallyDrop::new(std::mem::take(&mut self.all));
        }
    }

    #[inline(always)]
    fn are_own(&self) -> bool {
        self.generation == fork::generation()
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.leave_to_parent();
    }
}

/// The first record of a thread, the first after a fork or a move, and those that come late.
#[cold]
pub(super) fn push_slowly(
    pipeline: &Pipeline,
    lanes: &mut Lanes,
    level: u8,
    record: &[u8],
) -> Pushed {
    loop {
        lanes.forget_ended();
        let running = pipeline.running();
        let lane = lanes.find_or_enter(pipeline.id(), running.channel());
        if lane.try_push(level, record) {
            return Pushed::InTime;
        }
        if lane.channel().has_moved() {
            continue;
        }
        if !running.has_late_patience() {
            lane.refuse(level, LossReason::Shutdown);
            return Pushed::InTime;
        }
        lane.push(level, record);
        return Pushed::Late;
    }
}

/// Appends a record without what the thread keeps at hand: the thread is ending, or in the midst of
/// handing over another record.
#[cold]
pub(crate) fn push_alone(pipeline: &Pipeline, level: u8, record: &[u8]) -> Pushed {
    loop {
        let running = pipeline.running();
        let is_closed = running.channel().is_closed();
        if is_closed && !running.channel().has_moved() && !running.has_late_patience() {
            running.channel().refuse(level, LossReason::Shutdown);
            return Pushed::InTime;
        }
        if !running.channel().push_alone(level, record) {
            continue;
        }
        return if is_closed {
            Pushed::Late
        } else {
            Pushed::InTime
        };
    }
}
