//! What a thread keeps at hand, so that a log call has to ask nobody: its lanes, the spans that it
//! has entered, a buffer to encode in.

mod entered;
mod label;
mod lanes;
mod work;

use std::cell::{Cell, RefCell};

use super::buffer::Buffer;
use crate::pipeline::Pipeline;

pub(crate) use self::entered::{Entered, enter, exit, with_current};
pub use self::label::name_thread;
pub(crate) use self::lanes::push_alone;
use self::lanes::{Lanes, push_slowly};
use self::work::Work;
pub(crate) use self::work::{keeps_detail, lend, lend_at_end, random_share, request, within};

/// A buffer that has become larger than this is not kept.
const SCRATCH_BYTES_KEPT: usize = 64 * 1024;

thread_local! {
    static LOCAL: Local = const { Local {
        lanes: RefCell::new(Lanes::new()),
        entered: RefCell::new(Vec::new()),
        scratch: RefCell::new(Buffer::new()),
        is_at_work: Cell::new(false),
        request: RefCell::new(Work::OfNone),
    } };
}

/// What one thread keeps at hand.
pub(crate) struct Local {
    lanes: RefCell<Lanes>,
    entered: RefCell<Vec<Entered>>,
    scratch: RefCell<Buffer>,
    /// Whether there is a request, that of the work or that of a span: where there is none, a log call
    /// looks at nothing else.
    is_at_work: Cell<bool>,
    request: RefCell<Work>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// A writer thread will see to it.
    InTime,
    /// The writers have ended.
    Late,
}

/// Passes what the thread keeps at hand to `use_local`. `None` while the thread is ending: its
/// storage is gone then.
#[inline(always)]
pub(crate) fn with_local<T>(use_local: impl FnOnce(&Local) -> T) -> Option<T> {
    LOCAL.try_with(use_local).ok()
}

impl Local {
    /// Lends the thread's buffer to `encode`. A log call within a log call gets a new one.
    #[inline(always)]
    pub(crate) fn with_scratch<T>(&self, encode: impl FnOnce(&mut Buffer) -> T) -> T {
        let (mut lent, mut own);
        let bytes = match self.scratch.try_borrow_mut() {
            Ok(scratch) => {
                lent = scratch;
                &mut *lent
            }
            Err(_) => {
                own = Buffer::new();
                &mut own
            }
        };
        let result = encode(bytes);
        if SCRATCH_BYTES_KEPT < bytes.capacity() {
            *bytes = Buffer::new();
        }
        result
    }

    /// Appends a record to this thread's lane.
    #[inline(always)]
    pub(crate) fn push(&self, pipeline: &Pipeline, level: u8, record: &[u8]) -> Pushed {
        let Ok(mut lanes) = self.lanes.try_borrow_mut() else {
            // A log call within the hand-over of another: by the allocator, or by the panic hook.
            return push_alone(pipeline, level, record);
        };
        if let Some(lane) = lanes.find(pipeline.id())
            && lane.try_push(level, record)
        {
            return Pushed::InTime;
        }
        push_slowly(pipeline, &mut lanes, level, record)
    }
}

/// Appends a record that is encoded already.
#[inline]
pub(crate) fn push(pipeline: &Pipeline, level: u8, record: &[u8]) -> Pushed {
    with_local(|local| local.push(pipeline, level, record))
        .unwrap_or_else(|| push_alone(pipeline, level, record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;
    use crate::channel::overflow::LossReason;
    use crate::channel::sync::Instant;
    use crate::drain::line::Content;

    #[test]
    fn a_record_logged_while_another_is_handed_over_is_taken_too() {
        let memory = Memory::new();
        let builder = crate::builder().memory(&memory);
        let pipeline = builder.start(Content::Lines).unwrap();
        with_local(|local| {
            let _handing_over = local.lanes.borrow_mut();
            let _entering = local.entered.borrow_mut();
            assert!(local.with_current(pipeline.id(), |_| ()).is_none());
            exit(pipeline.id(), 1);
            pipeline.push(2, b"inner\n");
        });
        pipeline.push(2, b"outer\n");
        pipeline.running().end_with_process(Instant::now());
        assert_eq!(memory.lines(), ["inner", "outer"]);
    }

    #[test]
    fn a_thread_without_storage_is_refused_once_patience_is_used_up() {
        let memory = Memory::new();
        let builder = crate::builder().memory(&memory);
        let pipeline = builder
            .exit_timeout(std::time::Duration::ZERO)
            .start(Content::Lines)
            .unwrap();
        pipeline.running().drain().stop();
        assert_eq!(push_alone(&pipeline, 2, b"late\n"), Pushed::InTime);
        let stats = pipeline.running().stats();
        assert_eq!(stats.sinks[0].lost.by(LossReason::Shutdown), 1);
    }
}
