//! A trace that comes in is continued, or not, exactly as the specification wants it.

use offloop::request::TraceContext;

#[path = "../trace_context/mod.rs"]
mod cases;

use cases::{Headers, check_all, lines};

#[test]
fn all_cases_of_the_conformance_harness_hold() {
    check_all(|headers, calls| {
        let traceparent = lines(headers, "traceparent").into_iter();
        let tracestate = lines(headers, "tracestate").into_iter();
        let context = TraceContext::continue_or_start(
            traceparent.map(str::as_bytes),
            tracestate.map(str::as_bytes),
        );
        (0..calls).map(|_| outgoing(&context)).collect()
    });
}

fn outgoing(context: &TraceContext) -> Headers {
    let outgoing = context.outgoing();
    let traceparent = ("traceparent", Some(outgoing.traceparent()));
    let tracestate = ("tracestate", outgoing.tracestate());
    let headers = [traceparent, tracestate].into_iter();
    let sent = headers.filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    sent.collect()
}
