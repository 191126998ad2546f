//! Headers, as actix-web has them.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use offloop::request::{Headers, RequestContext};

/// The headers of a request or a response.
pub(crate) struct ActixHeaders<'a>(pub(crate) &'a HeaderMap);

impl Headers for ActixHeaders<'_> {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        let values = match known(name) {
            Some(name) => self.0.get_all(name),
            None => self.0.get_all(name),
        };
        values.map(HeaderValue::as_bytes)
    }
}

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Names that are looked for in each request, and that would be allocated each time if they were
/// given as text.
fn known(name: &str) -> Option<&'static HeaderName> {
    Some(match name {
        "x-request-id" => &REQUEST_ID,
        "traceparent" => &TRACEPARENT,
        "tracestate" => &TRACESTATE,
        "traceresponse" => &TRACERESPONSE,
        "x-forwarded-for" => &FORWARDED_FOR,
        "content-length" => &header::CONTENT_LENGTH,
        _ => return None,
    })
}

/// Tells the client the request's id and its place in the trace, in the place of what the handler
/// may have said about them.
pub(crate) fn send_back(request: &RequestContext, headers: &mut HeaderMap) {
    request.send_back(|name, value| {
        if let (Some(name), Ok(value)) = (known(name), HeaderValue::from_str(value)) {
            headers.insert(name.clone(), value);
        }
    });
}
