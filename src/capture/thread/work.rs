//! Which request the thread works for.

use std::marker::PhantomData;

use tracing::Metadata;

use super::{LOCAL, Local, with_local};
use crate::capture::buffer::Buffer;
use crate::capture::record::Encoder;
use crate::request::{Held, RequestContext};

/// Which request the thread works for.
#[derive(Debug)]
pub(super) enum Work {
    OfNone,
    Of(RequestContext),
    /// It is just writing the request's own record.
    AtEndOf(RequestContext),
}

impl Local {
    /// The request that the thread works for.
    #[inline]
    fn request(&self) -> Option<RequestContext> {
        if !self.is_at_work() {
            return None;
        }
        match &*self.request.try_borrow().ok()? {
            Work::OfNone => self.request_of_spans(),
            Work::Of(request) | Work::AtEndOf(request) => Some(request.clone()),
        }
    }

    /// Whether the thread works for a request, or is just writing that one's own record.
    #[inline]
    pub(crate) fn is_at_work(&self) -> bool {
        self.is_at_work.get()
    }

    /// Finds out whether it does, now that this may have changed.
    pub(super) fn look_for_work(&self) {
        let request = self.request.try_borrow();
        let is_of_one = request.is_ok_and(|work| !matches!(*work, Work::OfNone));
        self.is_at_work
            .set(is_of_one || self.is_in_span_of_request());
    }

    /// Passes the request that the thread works for to `use_request`, unless its own record is just being
    /// written.
    #[inline]
    fn with_request<T>(&self, use_request: impl FnOnce(&RequestContext) -> T) -> Option<T> {
        if !self.is_at_work() {
            return None;
        }
        match &*self.request.try_borrow().ok()? {
            Work::Of(request) => Some(use_request(request)),
            Work::AtEndOf(_) => None,
            Work::OfNone => self.request_of_spans().as_ref().map(use_request),
        }
    }

    /// Appends what each record of the thread's request carries. Says no if it does not fit.
    #[inline]
    pub(crate) fn write_request(&self, bytes: &mut Buffer) -> bool {
        self.with_request(|request| request.write(bytes))
            .unwrap_or(true)
    }

    /// Takes a record that the thread's request holds back. Says no to one that is to be handed
    /// over, which is any that is no detail where there is no request.
    #[inline]
    pub(crate) fn hold_back(&self, held: &Held<'_>, record: &[u8]) -> bool {
        self.with_request(|request| request.hold_back(held, record))
            .unwrap_or(held.is_detail)
    }

    /// Whether the thread's request keeps records that nobody wants at once.
    fn keeps_detail(&self) -> bool {
        self.with_request(RequestContext::keeps_detail)
            .unwrap_or(false)
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
    pub(crate) fn with_added(
        &self,
        metadata: &'static Metadata<'static>,
        use_fields: impl FnOnce(&[u8]),
    ) {
        if self.is_at_work()
            && let Ok(Work::AtEndOf(request)) = self.request.try_borrow().as_deref()
        {
            request.with_added(metadata, use_fields);
        }
    }
}

/// Whether the thread's request keeps records that nobody wants at once.
pub(crate) fn keeps_detail() -> bool {
    with_local(Local::keeps_detail).unwrap_or(false)
}

/// The request that the thread works for.
#[inline]
pub(crate) fn request() -> Option<RequestContext> {
    with_local(Local::request).flatten()
}

/// Where in the unit interval the trace's random part lies of the request that the thread works for.
pub(crate) fn random_share() -> Option<f64> {
    request().map(|request| request.random_share())
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
        let before = std::mem::replace(&mut *local.request.try_borrow_mut().ok()?, now);
        local.look_for_work();
        Some(before)
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
