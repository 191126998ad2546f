//! What a thread keeps at hand, so that a log call has to ask nobody: its lanes, the spans that it
//! has entered, a buffer to encode in.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Metadata;

use super::buffer::Buffer;
use super::record::{Encoder, ThreadLabel};
use super::span::Span;
use crate::channel::Channel;
use crate::channel::lane::Lane;
use crate::channel::overflow::LossReason;
use crate::fork;
use crate::pipeline::Pipeline;
use crate::request::{Held, RequestContext};

/// A buffer that has become larger than this is not kept.
const SCRATCH_BYTES_KEPT: usize = 64 * 1024;

thread_local! {
    static LOCAL: Local = const { Local {
        lanes: RefCell::new(Lanes { generation: 0, all: Vec::new() }),
        entered: RefCell::new(Vec::new()),
        scratch: RefCell::new(Buffer::new()),
        is_at_work: Cell::new(false),
        request: RefCell::new(Work::OfNone),
    } };
}

thread_local! {
    /// What the thread is called where Rust does not know its name.
    static NAME: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// What one thread keeps at hand.
pub(crate) struct Local {
    lanes: RefCell<Lanes>,
    entered: RefCell<Vec<Entered>>,
    scratch: RefCell<Buffer>,
    /// Whether there is a request: where there is none, a log call looks at nothing else.
    is_at_work: Cell<bool>,
    request: RefCell<Work>,
}

/// Which request the thread works for.
#[derive(Debug)]
enum Work {
    OfNone,
    Of(RequestContext),
    /// It is just writing the request's own record.
    AtEndOf(RequestContext),
}

/// One for each pipeline that the thread has logged to.
#[derive(Default)]
struct Lanes {
    /// Which process made them.
    generation: u64,
    /// Each with the number of its pipeline.
    all: Vec<(u64, Lane)>,
}

/// A span that the thread is in.
pub(crate) struct Entered {
    /// Whose span it is.
    pub(crate) pipeline: u64,
    pub(crate) id: u64,
    pub(crate) span: Arc<Span>,
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

    /// Passes the innermost span that the thread is in to `use_span`, if it is in one.
    #[inline]
    pub(crate) fn with_current<T>(
        &self,
        pipeline: u64,
        use_span: impl FnOnce(&Entered) -> T,
    ) -> Option<T> {
        // Borrowed already where entering a span allocates and the allocator logs.
        let entered = self.entered.try_borrow().ok()?;
        let mut innermost_first = entered.iter().rev();
        innermost_first
            .find(|entered| entered.pipeline == pipeline)
            .map(use_span)
    }

    /// The request that the thread works for.
    pub(crate) fn request(&self) -> Option<RequestContext> {
        match &*self.request.try_borrow().ok()? {
            Work::OfNone => None,
            Work::Of(request) | Work::AtEndOf(request) => Some(request.clone()),
        }
    }

    /// Whether the thread works for a request, or is just writing that one's own record.
    #[inline]
    pub(crate) fn is_at_work(&self) -> bool {
        self.is_at_work.get()
    }

    /// Appends what each record of the thread's request carries. Says no if it does not fit.
    #[inline]
    pub(crate) fn write_request(&self, bytes: &mut Buffer) -> bool {
        if !self.is_at_work() {
            return true;
        }
        match self.request.try_borrow().as_deref() {
            Ok(Work::Of(request)) => request.write(bytes),
            _ => true,
        }
    }

    /// Takes a record that the thread's request holds back. Says no to one that is to be handed
    /// over, which is any that is no detail where there is no request.
    #[inline]
    pub(crate) fn hold_back(&self, held: &Held<'_>, record: &[u8]) -> bool {
        match self.request.try_borrow().as_deref() {
            Ok(Work::Of(request)) => request.hold_back(held, record),
            _ => held.is_detail,
        }
    }

    /// Whether the thread's request keeps records that nobody wants at once.
    fn keeps_detail(&self) -> bool {
        match self.request.try_borrow().as_deref() {
            Ok(Work::Of(request)) => request.keeps_detail(),
            _ => false,
        }
    }

    /// Has the request write the fields of its own record, if that is what the thread is just writing.
    /// Says no where it is not.
    pub(crate) fn write_own_record(
        &self,
        metadata: &'static Metadata<'static>,
        encoder: &mut Encoder<'_>,
    ) -> bool {
        match self.request.try_borrow().as_deref() {
            Ok(Work::AtEndOf(request)) => request.write_own_record(metadata, encoder),
            _ => false,
        }
    }

    /// Passes what a handler has added to the request whose own record the thread is just writing.
    #[inline]
    pub(crate) fn with_added(&self, use_fields: impl FnOnce(&[u8])) {
        if self.is_at_work()
            && let Ok(Work::AtEndOf(request)) = self.request.try_borrow().as_deref()
        {
            request.with_added(use_fields);
        }
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

/// The first record of a thread, the first after a fork or a move, and those that come late.
#[cold]
fn push_slowly(pipeline: &Pipeline, lanes: &mut Lanes, level: u8, record: &[u8]) -> Pushed {
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

/// Whether the thread's request keeps records that nobody wants at once.
pub(crate) fn keeps_detail() -> bool {
    with_local(Local::keeps_detail).unwrap_or(false)
}

/// Where in the unit interval the trace's random part lies of the request that the thread works for.
pub(crate) fn random_share() -> Option<f64> {
    with_local(|local| match &*local.request.try_borrow().ok()? {
        Work::OfNone => None,
        Work::Of(request) | Work::AtEndOf(request) => Some(request.random_share()),
    })
    .flatten()
}

/// Undoes [`within`] when it is dropped.
pub(crate) struct Within {
    before: Work,
    /// It belongs to its thread.
    _not_send: PhantomData<*const ()>,
}

/// From now on, until the result is dropped, the thread works for this request.
pub(crate) fn within(request: RequestContext) -> Within {
    Within {
        before: swap_work(Work::Of(request)),
        _not_send: PhantomData,
    }
}

/// Undoes [`lend`] and [`lend_at_end`] when it is dropped.
pub(crate) struct Lent<'r> {
    before: Work,
    lender: &'r mut Option<RequestContext>,
    /// It belongs to its thread.
    _not_send: PhantomData<*const ()>,
}

/// From now on, until the result is dropped, the thread works for this request. Then `lender` gets
/// the request back.
#[inline]
pub(crate) fn lend(request: RequestContext, lender: &mut Option<RequestContext>) -> Lent<'_> {
    lend_for(Work::Of(request), lender)
}

/// The same while the thread writes the request's own record.
pub(crate) fn lend_at_end(
    request: RequestContext,
    lender: &mut Option<RequestContext>,
) -> Lent<'_> {
    lend_for(Work::AtEndOf(request), lender)
}

#[inline]
fn lend_for(work: Work, lender: &mut Option<RequestContext>) -> Lent<'_> {
    Lent {
        before: swap_work(work),
        lender,
        _not_send: PhantomData,
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut self.before, Work::OfNone);
        match swap_work(before) {
            Work::Of(request) | Work::AtEndOf(request) => *self.lender = Some(request),
            // A thread that is ending has lost it.
            Work::OfNone => {}
        }
    }
}

fn swap_work(now: Work) -> Work {
    let swapped = LOCAL.try_with(|local| {
        let mut request = local.request.try_borrow_mut().ok()?;
        local.is_at_work.set(!matches!(now, Work::OfNone));
        Some(std::mem::replace(&mut *request, now))
    });
    // The thread is ending: it has no storage, and works for nobody.
    swapped.ok().flatten().unwrap_or(Work::OfNone)
}

impl Drop for Within {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut self.before, Work::OfNone);
        // What it was is dropped after the borrow has ended: it may be the last handle.
        drop(swap_work(before));
    }
}

/// Notes that the thread is in a span now.
pub(crate) fn enter(entered: Entered) {
    let _ = LOCAL.try_with(|local| {
        if let Ok(mut spans) = local.entered.try_borrow_mut() {
            spans.push(entered);
        }
    });
}

/// Notes that the thread has left a span: the latest of those that it has entered by this
/// identifier.
pub(crate) fn exit(pipeline: u64, id: u64) {
    let left = LOCAL.try_with(|local| {
        let mut entered = local.entered.try_borrow_mut().ok()?;
        let place = entered
            .iter()
            .rposition(|other| other.id == id && other.pipeline == pipeline)?;
        Some(entered.remove(place))
    });
    // The span may be the last of a long chain: it is dropped after the borrow has ended.
    drop(left);
}

/// Passes the innermost span that the thread is in to `use_span`, if it is in one.
pub(crate) fn with_current<T>(pipeline: u64, use_span: impl FnOnce(&Entered) -> T) -> Option<T> {
    with_local(|local| local.with_current(pipeline, use_span)).flatten()
}

fn label() -> ThreadLabel {
    static IDS: AtomicU64 = AtomicU64::new(1);
    thread_local!(static ID: u64 = IDS.fetch_add(1, Ordering::Relaxed));
    let id = ID
        .try_with(|id| *id)
        .unwrap_or_else(|_| IDS.fetch_add(1, Ordering::Relaxed));
    let name = NAME.try_with(|name| name.try_borrow().ok()?.clone());
    let name = name.ok().flatten();
    ThreadLabel {
        name: name.or_else(|| std::thread::current().name().map(Into::into)),
        id,
    }
}

/// Has the records of this thread tell another name from now on than the one that Rust knows it by:
/// what other languages call their threads.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let memory = offloop::Memory::new();
/// # let sink = offloop::Sink::memory(&memory).with_thread();
/// let (frontend, guard) = offloop::builder().sink(sink).build_frontend()?;
/// offloop::frontend::name_thread("worker 7");
/// frontend.within(|| tracing::info!("hello"));
/// guard.flush(std::time::Duration::from_secs(1))?;
/// assert!(memory.text().contains("worker 7"));
/// # Ok(())
/// # }
/// ```
pub fn name_thread(name: &str) {
    // Gone, or in use, only where the thread is ending or a hand-over logs: then it keeps its name.
    let _ = NAME.try_with(|own| own.try_borrow_mut().map(|mut own| *own = Some(name.into())));
    // A lane is labelled once.
    let lanes = with_local(|local| Some(local.lanes.try_borrow_mut().ok()?.take()));
    drop(lanes);
}

impl Lanes {
    /// The lane to a pipeline, if this process has made it.
    #[inline(always)]
    fn find(&mut self, pipeline: u64) -> Option<&mut Lane> {
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
    fn take(&mut self) -> Vec<(u64, Lane)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;
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
