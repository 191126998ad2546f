//! The record of a request, as the formats see it that have a place of their own for requests.

use crate::capture::record::{RawText, Record, Value};

/// What the lines of requests tell of one.
#[derive(Debug, Default)]
pub(super) struct Request<'a> {
    pub(super) client: Option<RawText<'a>>,
    pub(super) method: Option<RawText<'a>>,
    /// The route, where there is no path.
    pub(super) path: Option<RawText<'a>>,
    route: Option<RawText<'a>>,
    pub(super) query: Option<RawText<'a>>,
    pub(super) protocol: Option<RawText<'a>>,
    pub(super) outcome: Option<RawText<'a>>,
    pub(super) status: Option<u64>,
    pub(super) bytes: u64,
    pub(super) duration_ns: f64,
    pub(super) referrer: Option<RawText<'a>>,
    pub(super) user_agent: Option<RawText<'a>>,
}

impl<'a> Request<'a> {
    /// Whichever way its fields are named.
    pub(super) fn of(record: &Record<'a>) -> Self {
        let mut request = Request::default();
        for (name, value) in record.fields() {
            request.take(name, value);
        }
        // Paths may not be to be shown.
        request.path = request.path.or(request.route.take());
        request
    }

    fn take(&mut self, name: &str, value: Value<'a>) {
        match (name, value) {
            ("client.address" | "client.ip", Value::Text(text)) => self.client = Some(text),
            ("http.request.method", Value::Str(text)) => {
                self.method.get_or_insert(text);
            }
            ("http.request.method_original", Value::Str(text)) => self.method = Some(text),
            ("url.path", Value::Str(text)) => self.path = Some(text),
            ("http.route", Value::Str(text)) => self.route = Some(text),
            ("url.query", Value::Str(text)) => self.query = Some(text),
            ("network.protocol.version" | "http.version", Value::Str(text)) => {
                self.protocol = Some(text);
            }
            ("outcome" | "event.reason", Value::Str(text)) => self.outcome = Some(text),
            ("http.response.status_code", Value::U64(status)) => self.status = Some(status),
            ("http.response.body.size" | "http.response.body.bytes", Value::U64(bytes)) => {
                self.bytes = bytes;
            }
            ("duration_ms", Value::F64(milliseconds)) => self.duration_ns = milliseconds * 1e6,
            ("event.duration", Value::U64(nanoseconds)) => self.duration_ns = nanoseconds as f64,
            ("http.request.header.referer", Value::Str(text)) => self.referrer = Some(text),
            ("user_agent.original", Value::Str(text)) => self.user_agent = Some(text),
            _ => {}
        }
    }
}
