//! The 41 cases of the public conformance harness of W3C Trace Context (the repository
//! `w3c/trace-context`, `test/test.py`, at its specification level 2, strict), as a table.
//!
//! A case bears the name that the harness gives it. In each of its exchanges a service gets the
//! `headers`, calls other services (`calls` times; once, where the table does not say), and what it
//! sent to these is judged here: by the table, and by what must hold for each call.
//!
//! The library runs the cases in place, the adapters run them over a connection.

use serde::Deserialize;

/// Headers in their order. A name may come more than once, and in any case.
pub(crate) type Headers = Vec<(String, String)>;

#[derive(Deserialize)]
struct Case {
    name: String,
    exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Exchange {
    headers: Headers,
    #[serde(default = "once")]
    calls: usize,
    trace: Trace,
    /// Exactly so, in one line. Otherwise the header must be missing.
    tracestate: Option<String>,
    flags: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Trace {
    Continued,
    Started,
}

/// Runs all cases. `serve` hands the headers to a service, has it call others so many times, and
/// answers with the headers of each of these calls.
pub(crate) fn check_all(mut serve: impl FnMut(&Headers, usize) -> Vec<Headers>) {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases.json")).unwrap();
    assert_eq!(cases.len(), 41);
    for Case { name, exchanges } in cases {
        for (number, exchange) in exchanges.into_iter().enumerate() {
            let calls = serve(&exchange.headers, exchange.calls);
            let case = format!("{name}, exchange {number}: {calls:?}");
            exchange.judge(&calls, &case);
        }
    }
}

fn once() -> usize {
    1
}

impl Exchange {
    fn judge(&self, calls: &[Headers], case: &str) {
        assert_eq!(calls.len(), self.calls, "{case}");
        let mut trace_ids = Vec::new();
        let mut span_ids = Vec::new();
        for headers in calls {
            let [traceparent] = &lines(headers, "traceparent")[..] else {
                panic!("not one traceparent: {case}");
            };
            let [trace_id, span_id, flags] = parts(traceparent, case);
            let expected = self.flags.as_deref().unwrap_or(flags);
            assert_eq!(flags, expected, "{case}");
            let tracestate: Vec<_> = self.tracestate.iter().map(String::as_str).collect();
            assert_eq!(lines(headers, "tracestate"), tracestate, "{case}");
            trace_ids.push(trace_id.to_owned());
            span_ids.push(span_id.to_owned());
        }
        trace_ids.dedup();
        assert_eq!(trace_ids.len(), 1, "one trace: {case}");
        assert_eq!(self.trace, self.trace_of(&trace_ids[0]), "{case}");
        let was_sent = |span_id: &String| self.sent().any(|value| value.contains(span_id));
        assert!(!span_ids.iter().any(was_sent), "a span of its own: {case}");
        span_ids.sort();
        span_ids.dedup();
        assert_eq!(span_ids.len(), self.calls, "a span for each call: {case}");
    }

    /// Whether the identifier came in with the request.
    fn trace_of(&self, trace_id: &str) -> Trace {
        match self.sent().any(|value| value.contains(trace_id)) {
            true => Trace::Continued,
            false => Trace::Started,
        }
    }

    fn sent(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(_, value)| value.as_str())
    }
}

/// The values of a header, one for each of its lines.
pub(crate) fn lines<'a>(headers: &'a Headers, name: &str) -> Vec<&'a str> {
    let is_named = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
    let named = headers.iter().filter(is_named);
    named.map(|(_, value)| value.as_str()).collect()
}

/// Trace, span and flags of a header that must be exactly as the specification wants it.
fn parts<'a>(traceparent: &'a str, case: &str) -> [&'a str; 3] {
    let [version, parts @ ..] = &traceparent.split('-').collect::<Vec<_>>()[..] else {
        panic!("empty traceparent: {case}");
    };
    let [trace_id, span_id, flags] = parts else {
        panic!("not four parts: {case}");
    };
    assert_eq!(*version, "00", "{case}");
    for (part, len) in [(trace_id, 32), (span_id, 16), (flags, 2)] {
        assert_eq!(part.len(), len, "{case}");
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        assert!(part.bytes().all(is_digit), "{case}");
    }
    let is_zero = |part: &str| part.bytes().all(|digit| digit == b'0');
    assert!(!is_zero(trace_id) && !is_zero(span_id), "{case}");
    [trace_id, span_id, flags]
}
