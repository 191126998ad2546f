//! The headers of [B3](https://github.com/openzipkin/b3-propagation), which Zipkin and older service meshes
//! speak: one, or several.
//!
//! `b3: { trace_id: 16 or 32 digits } - { span_id: 16 } - { state: 0, 1 or d } - { parent_span_id: 16 }`. The
//! state may be missing, and so may what is behind it; or it stands alone. The several headers say the same,
//! one thing each. What nobody can read, says nothing.

use arrayvec::ArrayString;

use super::TraceContext;
use super::identifier::{SpanId, TraceId};
use super::traceparent::FLAG_SAMPLED;
use crate::request::arrival::{Headers, only};
use crate::request::header::without_whitespace;

/// Two identifiers, a state, and what is between them.
const BYTES: usize = 32 + 1 + 16 + 1 + 1;

/// Whether a trace is recorded, where that is decided.
type State = Option<bool>;

/// What B3's headers say of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Said {
    /// The trace, and the client's span.
    parent: Option<(TraceId, SpanId)>,
    state: State,
}

/// Continues what the headers name by a trace that was just started, or gives that one back.
pub(super) fn continue_or(started: TraceContext, headers: &impl Headers) -> TraceContext {
    let said = single(headers).or_else(|| several(headers));
    let Said { parent, state } = said.unwrap_or_default();
    let sampled = if state == Some(true) { FLAG_SAMPLED } else { 0 };
    let is_denied = state == Some(false);
    match parent {
        Some((trace_id, span_id)) => TraceContext {
            trace_id,
            parent_span_id: Some(span_id),
            // B3 does not say whether its identifiers are random.
            flags: sampled,
            is_denied,
            ..started
        },
        None => TraceContext {
            flags: started.flags | sampled,
            is_denied,
            ..started
        },
    }
}

fn single(headers: &impl Headers) -> Option<Said> {
    let line = without_whitespace(only(headers, "b3")?);
    if let Some(state) = state_of(line) {
        return Some(Said {
            parent: None,
            state: Some(state),
        });
    }
    let mut parts = line.splitn(4, |byte| *byte == b'-');
    let parent = parent_of(parts.next()?, parts.next()?)?;
    let state = match parts.next() {
        Some(state) => Some(state_of(state)?),
        None => None,
    };
    if let Some(parent_of_client) = parts.next() {
        SpanId::parse(parent_of_client.try_into().ok()?)?;
    }
    Some(Said {
        parent: Some(parent),
        state,
    })
}

fn several(headers: &impl Headers) -> Option<Said> {
    let value = |name| only(headers, name).map(without_whitespace);
    let trace_id = value("x-b3-traceid");
    let ids = trace_id.zip(value("x-b3-spanid"));
    let is_debug = value("x-b3-flags") == Some(b"1".as_slice());
    Some(Said {
        parent: match ids {
            Some((trace_id, span_id)) => Some(parent_of(trace_id, span_id)?),
            None => None,
        },
        state: match is_debug {
            true => Some(true),
            false => value("x-b3-sampled").and_then(state_of),
        },
    })
}

/// What stands for whether the trace is recorded. Some write it as words.
fn state_of(state: &[u8]) -> State {
    match state {
        b"1" | b"d" | b"true" => Some(true),
        b"0" | b"false" => Some(false),
        _ => None,
    }
}

fn parent_of(trace_id: &[u8], span_id: &[u8]) -> Option<(TraceId, SpanId)> {
    let mut digits = [b'0'; 32];
    match trace_id.len() {
        length @ (16 | 32) => digits[32 - length..].copy_from_slice(trace_id),
        _ => return None,
    }
    Some((
        TraceId::parse(&digits)?,
        SpanId::parse(span_id.try_into().ok()?)?,
    ))
}

/// Which form of B3 a service speaks to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Single,
    Several,
}

/// Passes the headers for a request that is sent within a trace, by a client's span; those of the other
/// form have no value, so that none stays that belongs elsewhere.
pub(super) fn pass_on(
    trace: &TraceContext,
    span_id: &SpanId,
    form: Form,
    mut set_header: impl FnMut(&'static str, Option<&str>),
) {
    let state = match (trace.is_sampled(), trace.is_denied) {
        (true, _) => Some("1"),
        (false, true) => Some("0"),
        // Nobody has decided: it is up to others.
        (false, false) => None,
    };
    let text = single_text(trace, span_id, state);
    let single = (form == Form::Single).then_some(text.as_str());
    let several = |text| Some(text).filter(|_| form == Form::Several);
    set_header("b3", single);
    set_header("x-b3-traceid", several(trace.trace_id.as_str()));
    set_header("x-b3-spanid", several(span_id.as_str()));
    set_header("x-b3-sampled", state.and_then(several));
    set_header("x-b3-parentspanid", several(trace.span_id.as_str()));
    set_header("x-b3-flags", None);
}

fn single_text(trace: &TraceContext, span_id: &SpanId, state: Option<&str>) -> ArrayString<BYTES> {
    let mut text = ArrayString::new();
    let ids = [trace.trace_id.as_str(), "-", span_id.as_str()];
    let state = state.into_iter().flat_map(|state| ["-", state]);
    for part in ids.into_iter().chain(state) {
        // They fill it at most.
        let _ = text.try_push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    struct List(Vec<(&'static str, String)>);

    impl Headers for List {
        fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
            let named = self.0.iter().filter(move |(other, _)| *other == name);
            named.map(|(_, value)| value.as_bytes())
        }
    }

    fn received<const N: usize>(headers: [(&'static str, &str); N]) -> TraceContext {
        let headers = headers.map(|(name, value)| (name, value.to_owned()));
        continue_or(TraceContext::start(), &List(headers.to_vec()))
    }

    /// Which trace and span are continued, and what is decided.
    #[track_caller]
    fn check<const N: usize>(
        headers: [(&'static str, &str); N],
        parent: Option<(&str, &str)>,
        state: State,
    ) {
        let trace = received(headers);
        let continued = trace.parent_span_id().map(SpanId::as_str);
        assert_eq!(continued, parent.map(|(_, span_id)| span_id));
        if let Some((trace_id, _)) = parent {
            assert_eq!(trace.trace_id().as_str(), trace_id);
        }
        assert_eq!(trace.is_sampled(), state == Some(true));
        assert_eq!(trace.is_denied, state == Some(false));
    }

    #[test]
    fn the_single_header_is_read_as_it_is_specified() {
        let parent = Some((TRACE, SPAN));
        check([("b3", &format!("{TRACE}-{SPAN}"))], parent, None);
        check([("b3", &format!("{TRACE}-{SPAN}-1"))], parent, Some(true));
        check([("b3", &format!("{TRACE}-{SPAN}-0"))], parent, Some(false));
        check([("b3", &format!("{TRACE}-{SPAN}-d"))], parent, Some(true));
        let with_parent = format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90");
        check([("b3", &with_parent)], parent, Some(true));
        check([("b3", "0")], None, Some(false));
        check([("b3", "1")], None, Some(true));
        check([("b3", "d")], None, Some(true));
    }

    #[test]
    fn an_identifier_of_64_bits_gets_zeros_on_its_left() {
        let expected = format!("{:0>32}", &TRACE[16..]);
        let header = format!("{}-{SPAN}-1", &TRACE[16..]);
        check([("b3", &header)], Some((&expected, SPAN)), Some(true));
        let several = [("x-b3-traceid", &TRACE[16..]), ("x-b3-spanid", SPAN)];
        check(several, Some((&expected, SPAN)), None);
    }

    #[test]
    fn several_headers_are_read_where_there_is_no_single_one() {
        let parent = Some((TRACE, SPAN));
        let ids = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN)];
        check(ids, parent, None);
        let [trace, span] = ids;
        check([trace, span, ("x-b3-sampled", "1")], parent, Some(true));
        check(
            [trace, span, ("x-b3-sampled", "false")],
            parent,
            Some(false),
        );
        check([trace, span, ("x-b3-flags", "1")], parent, Some(true));
        check([("x-b3-sampled", "0")], None, Some(false));
        check([("b3", "0"), trace, span], None, Some(false));
    }

    #[test]
    fn what_is_nearly_a_header_names_no_trace() {
        let refused = [
            TRACE.to_owned(),
            format!("{TRACE}-{SPAN}-2"),
            format!("{TRACE}-{SPAN}-"),
            format!("{TRACE}-{SPAN}-1-"),
            format!("{TRACE}-{SPAN}-1-{SPAN}-"),
            format!("{}-{SPAN}", &TRACE[1..]),
            format!("{}-{SPAN}", TRACE.to_uppercase()),
            format!("{:0>32}-{SPAN}", ""),
            format!("{TRACE}-{:0>16}", ""),
        ];
        for header in refused {
            check([("b3", &header)], None, None);
        }
        let twice = format!("{TRACE}-{SPAN}-1");
        check([("b3", &twice), ("b3", &twice)], None, None);
        check([("x-b3-traceid", TRACE)], None, None);
    }

    proptest! {
        #[test]
        fn what_goes_out_in_either_form_says_what_came_in(state in "(-[01d])?", several in any::<bool>()) {
            let trace = received([("b3", &format!("{TRACE}-{SPAN}{state}"))]);
            let form = if several { Form::Several } else { Form::Single };
            let mut sent = List(Vec::new());
            let span_id = SpanId::make();
            pass_on(&trace, &span_id, form, |name, value| {
                sent.0.extend(value.map(|value| (name, value.to_owned())));
            });
            let heard = continue_or(TraceContext::start(), &sent);
            prop_assert_eq!(heard.trace_id(), trace.trace_id());
            prop_assert_eq!(heard.parent_span_id(), Some(&span_id));
            prop_assert_eq!(heard.is_sampled(), trace.is_sampled());
            prop_assert_eq!(heard.is_denied, trace.is_denied);
        }

        #[test]
        fn any_bytes_are_survived(value in any::<String>()) {
            received([("b3", &value), ("x-b3-traceid", &value), ("x-b3-sampled", &value)]);
        }
    }
}
