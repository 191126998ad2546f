//! In which headers traces come in, and are passed on.

use std::iter;

use serde::{Deserialize, Serialize};

use super::b3::{self, Form};
use super::{Outgoing, TraceContext};
use crate::request::arrival::Headers;

/// In which headers traces come in, and are passed on to other services.
///
/// B3, the headers of Zipkin and of older service meshes, is read in both of its forms, and only where there
/// is no valid `traceparent`. It is passed on beside that.
///
/// ```
/// use offloop::request::{Options, Propagation};
///
/// let options = Options::new().propagation(Propagation::B3);
/// # drop(options);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Propagation {
    /// `traceparent` and `tracestate`, as the W3C has them, and no others.
    #[default]
    W3c,
    /// Besides, the single header `b3`.
    B3,
    /// Besides, the several headers `x-b3-traceid`, `x-b3-spanid` and so on.
    B3Multi,
}

impl Propagation {
    /// The trace that a request's headers name, or a new one.
    pub(in crate::request) fn trace_of(self, headers: &impl Headers) -> TraceContext {
        // Looked up only beside a traceparent.
        let tracestate = iter::once_with(|| headers.values("tracestate")).flatten();
        let trace = TraceContext::continue_or_start(headers.values("traceparent"), tracestate);
        match self {
            Propagation::B3 | Propagation::B3Multi if !trace.is_continued() => {
                b3::continue_or(trace, headers)
            }
            _ => trace,
        }
    }

    /// Passes the headers for a request that is sent within a trace. One without a value is not to be
    /// sent: what stands there belongs elsewhere.
    pub(in crate::request) fn pass_on(
        self,
        trace: &TraceContext,
        mut set_header: impl FnMut(&'static str, Option<&str>),
    ) {
        let outgoing: Outgoing = trace.outgoing();
        set_header("traceparent", Some(outgoing.traceparent()));
        set_header("tracestate", outgoing.tracestate());
        let form = match self {
            Propagation::W3c => return,
            Propagation::B3 => Form::Single,
            Propagation::B3Multi => Form::Several,
        };
        b3::pass_on(trace, outgoing.span_id(), form, set_header);
    }
}
