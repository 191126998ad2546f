//! Which spans the thread is in.

use std::sync::Arc;

use super::{LOCAL, Local, with_local};
use crate::capture::span::Span;
use crate::request::RequestContext;

/// A span that the thread is in.
pub(crate) struct Entered {
    /// Whose span it is.
    pub(crate) pipeline: u64,
    pub(crate) id: u64,
    pub(crate) span: Arc<Span>,
}

impl Local {
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

    /// The request for which the innermost span was opened that was opened for one.
    pub(super) fn request_of_spans(&self) -> Option<RequestContext> {
        let entered = self.entered.try_borrow().ok()?;
        let mut requests = entered.iter().rev().filter_map(|one| one.span.request());
        requests.next().cloned()
    }

    fn leave(&self, pipeline: u64, id: u64) -> Option<Entered> {
        let mut entered = self.entered.try_borrow_mut().ok()?;
        let place = entered
            .iter()
            .rposition(|other| other.id == id && other.pipeline == pipeline)?;
        Some(entered.remove(place))
    }

    pub(super) fn is_in_span_of_request(&self) -> bool {
        let entered = self.entered.try_borrow();
        entered.is_ok_and(|entered| entered.iter().any(|one| one.span.request().is_some()))
    }
}

/// Notes that the thread is in a span now.
pub(crate) fn enter(entered: Entered) {
    let _ = LOCAL.try_with(|local| {
        if let Ok(mut spans) = local.entered.try_borrow_mut() {
            if entered.span.request().is_some() {
                local.is_at_work.set(true);
            }
            spans.push(entered);
        }
    });
}

/// Notes that the thread has left a span: the latest of those that it has entered by this
/// identifier.
pub(crate) fn exit(pipeline: u64, id: u64) {
    let left = LOCAL.try_with(|local| {
        let left = local.leave(pipeline, id)?;
        if left.span.request().is_some() {
            local.look_for_work();
        }
        Some(left)
    });
    // The span may be the last of a long chain: it is dropped after the borrow has ended.
    drop(left);
}

/// Passes the innermost span that the thread is in to `use_span`, if it is in one.
pub(crate) fn with_current<T>(pipeline: u64, use_span: impl FnOnce(&Entered) -> T) -> Option<T> {
    with_local(|local| local.with_current(pipeline, use_span)).flatten()
}
