//! Headers: read as the vocabulary of requests wants them, and written into responses.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use offloop::request::{Headers, RequestContext};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers of a request, of a response, or its trailers.
pub(crate) struct HeaderLines<'a>(pub(crate) &'a HeaderMap);

impl Headers for HeaderLines<'_> {
    // Inlined by force, as is `known`: where the name is a constant, its header is one, too.
    #[inline(always)]
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        let values = match known(name) {
            Some(name) => self.0.get_all(name),
            None => self.0.get_all(name),
        };
        values.iter().map(HeaderValue::as_bytes)
    }
}

/// The names that each request is asked for. Parsing a name costs more than looking it up.
#[inline(always)]
fn known(name: &str) -> Option<&'static HeaderName> {
    static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
    static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
    static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    Some(match name {
        "content-length" => &header::CONTENT_LENGTH,
        "content-type" => &header::CONTENT_TYPE,
        "forwarded" => &header::FORWARDED,
        "host" => &header::HOST,
        "traceparent" => &TRACEPARENT,
        "tracestate" => &TRACESTATE,
        "user-agent" => &header::USER_AGENT,
        "x-forwarded-for" => &FORWARDED_FOR,
        "x-request-id" => &REQUEST_ID,
        _ => return None,
    })
}

/// The declared length of a body.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

/// What responses tell, in this order.
const SENT_BACK: [HeaderName; 2] = [REQUEST_ID, HeaderName::from_static("traceresponse")];

/// Tells the client the request's id and its place in the trace, unless that is not wanted.
pub(crate) fn send_back(request: &RequestContext, headers: &mut HeaderMap) {
    let mut lens = [0; 2];
    // Both values are taken from the chunk together: one part of it costs as much as two.
    let mut values = with_chunk(|chunk| {
        request.send_back(|name, value| {
            let place = match name {
                "x-request-id" => 0,
                "traceresponse" => 1,
                _ => return,
            };
            chunk.extend_from_slice(value.as_bytes());
            lens[place] = value.len();
        });
    });
    if values.is_empty() {
        return;
    }
    for (name, len) in SENT_BACK.into_iter().zip(lens) {
        if let Ok(value) = HeaderValue::from_maybe_shared(values.split_to(len)) {
            headers.insert(name, value);
        }
    }
}

/// Ids and traces consist of nothing but what a header may hold.
pub(crate) fn value_of(text: &str) -> Option<HeaderValue> {
    let value = with_chunk(|chunk| chunk.extend_from_slice(text.as_bytes()));
    HeaderValue::from_maybe_shared(value).ok()
}

/// So many bytes are taken at once for values.
const CHUNK_BYTES: usize = 4096;

thread_local! {
    /// The values of many responses lie one behind the other in one piece of memory, which is used
    /// again once all of them are gone: a value costs no allocation.
    static CHUNK: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(CHUNK_BYTES));
}

/// What `write` appends to the thread's piece of memory.
#[inline]
fn with_chunk(write: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut write = Some(write);
    let shared = CHUNK.try_with(|chunk| {
        let mut chunk = chunk.try_borrow_mut().ok()?;
        write.take()?(&mut chunk);
        Some(chunk.split().freeze())
    });
    // The thread is ending, or its allocator logs.
    shared.ok().flatten().unwrap_or_else(|| {
        let mut own = BytesMut::new();
        if let Some(write) = write {
            write(&mut own);
        }
        own.freeze()
    })
}
