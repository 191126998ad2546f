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
