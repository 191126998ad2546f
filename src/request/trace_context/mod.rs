//! The trace that a request belongs to: W3C Trace Context, level 2.
//!
//! A valid `traceparent` is continued; where there is none, or one that is not exactly as specified,
//! a new trace is started. The span of the server has an identifier of its own in either case, and
//! so has each request that the server sends on its behalf.
//!
//! By choice, [B3](Propagation) is spoken beside it.
//!
//! No spans are sent anywhere: the identifiers join the records of this process with those of others.

mod b3;
mod identifier;
mod propagation;
mod traceparent;
mod tracestate;

use std::fmt;
use std::sync::Arc;

pub use self::identifier::{SpanId, TraceId};
pub use self::propagation::Propagation;
pub(super) use self::traceparent::TraceparentText;
use self::traceparent::{FLAG_RANDOM, FLAG_SAMPLED, Traceparent};

/// Where a request stands in its trace.
///
/// Cloning it does not allocate.
///
/// ```
/// use offloop::request::TraceContext;
///
/// let traceparent: [&[u8]; 1] = [b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"];
/// let tracestate: [&[u8]; 1] = [b"congo=t61rcWkgMzE"];
/// let context = TraceContext::continue_or_start(traceparent, tracestate);
/// assert_eq!(context.trace_id().as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
///
/// // To send along with a request to another service:
/// let outgoing = context.outgoing();
/// assert!(outgoing.traceparent().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
/// assert_eq!(outgoing.tracestate(), Some("congo=t61rcWkgMzE"));
/// ```
#[derive(Clone, Debug)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    parent_span_id: Option<SpanId>,
    flags: u8,
    /// Whether somebody has decided not to record the trace, which only B3 can say.
    is_denied: bool,
    tracestate: Option<Arc<str>>,
}

impl TraceContext {
    /// Starts a trace. It is random, and not sampled until [`set_sampled`](Self::set_sampled) says
    /// otherwise.
    ///
    /// ```
    /// use offloop::request::TraceContext;
    ///
    /// let context = TraceContext::start();
    /// assert!(context.is_random());
    /// assert!(!context.is_sampled());
    /// assert_eq!(context.parent_span_id(), None);
    /// ```
    #[must_use]
    pub fn start() -> Self {
        let (trace_id, span_id) = identifier::make_both();
        Self {
            trace_id,
            span_id,
            parent_span_id: None,
            flags: FLAG_RANDOM,
            is_denied: false,
            tracestate: None,
        }
    }

    /// Continues the trace that the lines of the headers `traceparent` and `tracestate` name, or
    /// starts one if they name none.
    ///
    /// - Two lines of `traceparent`, or one that is not exactly as specified, name none.
    /// - A version above 00 is read as far as it is known; it is passed on as 00.
    /// - Of the flags, `sampled` and `random` are kept.
    /// - `tracestate` counts only beside a valid `traceparent`. Its lines are combined; if a member
    ///   is bad, or there are more than 32, it is left out, and the trace is continued without it.
    ///
    /// ```
    /// use offloop::request::TraceContext;
    ///
    /// let context = TraceContext::continue_or_start([b"00-forged-01".as_slice()], []);
    /// assert!(!context.is_continued());
    /// ```
    #[must_use]
    pub fn continue_or_start<'a>(
        traceparent: impl IntoIterator<Item = &'a [u8]>,
        tracestate: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        let Some(parent) = Traceparent::parse(traceparent) else {
            return Self::start();
        };
        Self {
            trace_id: parent.trace_id,
            span_id: SpanId::make(),
            parent_span_id: Some(parent.span_id),
            flags: parent.flags,
            is_denied: false,
            tracestate: tracestate::combine(tracestate),
        }
    }

    /// The identifier of the trace.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// let context = TraceContext::start();
    /// assert!(context.outgoing().traceparent().contains(context.trace_id().as_str()));
    /// ```
    #[must_use]
    pub fn trace_id(&self) -> &TraceId {
        &self.trace_id
    }

    /// The identifier of the server's span: of the handling of this request here.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// let (one, other) = (TraceContext::start(), TraceContext::start());
    /// assert_ne!(one.span_id(), other.span_id());
    /// ```
    #[must_use]
    pub fn span_id(&self) -> &SpanId {
        &self.span_id
    }

    /// The identifier of the client's span, if the trace was continued.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// let traceparent: [&[u8]; 1] = [b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"];
    /// let context = TraceContext::continue_or_start(traceparent, []);
    /// assert_eq!(context.parent_span_id().unwrap().as_str(), "00f067aa0ba902b7");
    /// ```
    #[must_use]
    pub fn parent_span_id(&self) -> Option<&SpanId> {
        self.parent_span_id.as_ref()
    }

    /// Whether the trace came with the request.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// assert!(!TraceContext::start().is_continued());
    /// ```
    #[must_use]
    pub fn is_continued(&self) -> bool {
        self.parent_span_id.is_some()
    }

    /// Whether the caller says that it may have recorded the trace.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// let traceparent: [&[u8]; 1] = [b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"];
    /// assert!(TraceContext::continue_or_start(traceparent, []).is_sampled());
    /// ```
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & FLAG_SAMPLED != 0
    }

    /// Says to the services that are called from here whether this trace is recorded. Many of them
    /// record their spans if, and only if, it is.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// let mut context = TraceContext::start();
    /// context.set_sampled(true);
    /// assert!(context.outgoing().traceparent().ends_with("-03"));
    /// ```
    pub fn set_sampled(&mut self, is_sampled: bool) {
        self.flags &= !FLAG_SAMPLED;
        self.flags |= if is_sampled { FLAG_SAMPLED } else { 0 };
    }

    /// Whether the rightmost 56 bits of the trace's identifier are random, by who started it.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// let traceparent: [&[u8]; 1] = [b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"];
    /// assert!(!TraceContext::continue_or_start(traceparent, []).is_random());
    /// ```
    #[must_use]
    pub fn is_random(&self) -> bool {
        self.flags & FLAG_RANDOM != 0
    }

    /// Where in the unit interval the trace's random part lies: for sampling by which all services
    /// of a trace decide alike.
    pub(super) fn random_share(&self) -> f64 {
        const BITS: u32 = 52;
        let digits = &self.trace_id.as_str()[32 - BITS as usize / 4..];
        let random = u64::from_str_radix(digits, 16).unwrap_or_default();
        random as f64 / (1_u64 << BITS) as f64
    }

    /// The trace's flags, as records show them: `0` to `3`.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// assert_eq!(TraceContext::start().flags(), 2);
    /// ```
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// What other tracing systems pass along, in one line.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// let traceparent: [&[u8]; 1] = [b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"];
    /// let tracestate: [&[u8]; 2] = [b"rojo=00f067aa0ba902b7", b"congo=t61rcWkgMzE"];
    /// let context = TraceContext::continue_or_start(traceparent, tracestate);
    /// assert_eq!(context.tracestate(), Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
    /// ```
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// The header `traceresponse`: tells the caller which span answered.
    pub(in crate::request) fn traceresponse(&self) -> TraceparentText {
        let header = Traceparent {
            trace_id: self.trace_id,
            span_id: self.span_id,
            flags: self.flags,
        };
        header.to_text()
    }

    /// The headers for a request that is sent on behalf of this one. Each call makes a new span, so
    /// make one for each request that is sent.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// let context = TraceContext::start();
    /// let mut headers = vec![("traceparent", context.outgoing().traceparent().to_owned())];
    /// # assert_eq!(headers.pop().unwrap().1.len(), 55);
    /// ```
    #[must_use]
    pub fn outgoing(&self) -> Outgoing {
        let header = Traceparent {
            trace_id: self.trace_id,
            span_id: SpanId::make(),
            flags: self.flags,
        };
        Outgoing {
            span_id: header.span_id,
            traceparent: header.to_text(),
            tracestate: self.tracestate.clone(),
        }
    }
}

/// The headers that carry a trace to another service. See [`TraceContext::outgoing`].
///
/// ```
/// use offloop::request::TraceContext;
///
/// let outgoing = TraceContext::start().outgoing();
/// let mut head = format!("traceparent: {}\r\n", outgoing.traceparent());
/// if let Some(tracestate) = outgoing.tracestate() {
///     head += &format!("tracestate: {tracestate}\r\n");
/// }
/// # assert_eq!(head.len(), 70);
/// ```
#[derive(Clone)]
pub struct Outgoing {
    span_id: SpanId,
    traceparent: TraceparentText,
    tracestate: Option<Arc<str>>,
}

impl Outgoing {
    /// The value of the header `traceparent`.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// assert_eq!(TraceContext::start().outgoing().traceparent().len(), 55);
    /// ```
    #[must_use]
    pub fn traceparent(&self) -> &str {
        self.traceparent.as_str()
    }

    /// The value of the header `tracestate`, if it is to be sent.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// assert_eq!(TraceContext::start().outgoing().tracestate(), None);
    /// ```
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// The identifier of the client's span, which the other service will name as its parent.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// let outgoing = TraceContext::start().outgoing();
    /// assert!(outgoing.traceparent().contains(outgoing.span_id().as_str()));
    /// ```
    #[must_use]
    pub fn span_id(&self) -> &SpanId {
        &self.span_id
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Outgoing")
            .field("traceparent", &self.traceparent())
            .field("tracestate", &self.tracestate)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn each_outgoing_request_has_a_span_of_its_own_in_the_same_trace() {
        let context = TraceContext::start();
        let (one, other) = (context.outgoing(), context.outgoing());
        assert_eq!(one.traceparent()[..35], other.traceparent()[..35]);
        assert_ne!(one.span_id(), other.span_id());
        assert_ne!(one.span_id(), context.span_id());
    }

    #[test]
    fn two_traces_that_are_started_differ() {
        let (one, other) = (TraceContext::start(), TraceContext::start());
        assert_ne!(one.trace_id(), other.trace_id());
    }

    #[test]
    fn sampled_can_be_taken_back_and_leaves_random_alone() {
        let mut context = TraceContext::start();
        context.set_sampled(true);
        assert_eq!(context.flags(), 3);
        context.set_sampled(false);
        assert_eq!(context.flags(), 2);
    }

    #[test]
    fn a_state_without_its_parent_is_dropped() {
        let context = TraceContext::continue_or_start([], [b"a=1".as_slice()]);
        assert_eq!(context.tracestate(), None);
    }

    /// Lines that are headers, nearly headers, and anything at all.
    fn any_lines(valid: &'static str) -> impl Strategy<Value = Vec<Vec<u8>>> {
        let line = prop_oneof![
            4 => Just(valid.as_bytes().to_vec()),
            2 => "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}".prop_map(String::into_bytes),
            2 => "([a-z@]{1,3}=[ -~]{0,9},){0,40}".prop_map(String::into_bytes),
            1 => any::<Vec<u8>>(),
        ];
        proptest::collection::vec(line, 0..4)
    }

    proptest! {
        #[test]
        fn whatever_comes_in_what_goes_out_is_valid_and_says_the_same(
            parents in any_lines(PARENT),
            states in any_lines("congo=t61rcWkgMzE"),
        ) {
            let context = TraceContext::continue_or_start(
                parents.iter().map(Vec::as_slice),
                states.iter().map(Vec::as_slice),
            );
            let outgoing = context.outgoing();
            let received = TraceContext::continue_or_start(
                [outgoing.traceparent().as_bytes()],
                outgoing.tracestate().map(str::as_bytes),
            );
            prop_assert_eq!(received.trace_id(), context.trace_id());
            prop_assert_eq!(received.parent_span_id(), Some(outgoing.span_id()));
            prop_assert_eq!(received.flags(), context.flags());
            prop_assert_eq!(received.tracestate(), context.tracestate());
            prop_assert_ne!(outgoing.tracestate(), Some(""));
        }
    }
}
