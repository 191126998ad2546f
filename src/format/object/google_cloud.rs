//! Google Cloud's [structured logging](https://cloud.google.com/logging/docs/structured-logging).

use std::fmt::Write;

use tracing::Level;

use super::super::LineFormat;
use super::super::line::Line;
use super::super::request::Request;
use super::value::{push_integer, push_string};
use super::{ErrorStyle, Json, Location, Shape};
use crate::capture::record::{RawText, Record, Value};
use crate::config::format::Options;

pub(in crate::format) fn google_cloud(options: &Options) -> Box<dyn LineFormat> {
    let json = Json {
        errors: ErrorStyle::List,
    };
    json.format(shape(), options)
}

pub(super) fn shape() -> Shape {
    Shape {
        keys: &[("timestamp", "time"), ("level", "severity")],
        fields: &[
            ("trace_id", "logging.googleapis.com/trace"),
            ("span_id", "logging.googleapis.com/spanId"),
            ("trace.id", "logging.googleapis.com/trace"),
            ("span.id", "logging.googleapis.com/spanId"),
        ],
        // What its agents take out of the record.
        reserved: &[
            "httpRequest",
            "logging.googleapis.com/insertId",
            "logging.googleapis.com/labels",
            "logging.googleapis.com/operation",
            "logging.googleapis.com/sourceLocation",
            "logging.googleapis.com/trace_sampled",
            "timestampSeconds",
            "timestampNanos",
        ],
        level: |level| Value::Str(severity(level).into()),
        location: Location::Object {
            key: "logging.googleapis.com/sourceLocation",
            is_text: true,
        },
        constants_key: Some("logging.googleapis.com/labels"),
        request: Some(push_request),
        ..Shape::default()
    }
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    }
}

/// Appends the [HttpRequest](https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#HttpRequest)
/// of a request's record.
fn push_request(record: &Record<'_>, line: &mut Line) {
    let request = Request::of(record);
    line.push_array(b",\"httpRequest\":{");
    push_text(b"requestMethod", request.method, line);
    push_text(b"requestUrl", request.path, line);
    if let Some(status) = request.status {
        line.push_array(b"\"status\":");
        push_integer(status, line);
        line.push(b',');
    }
    push_text(b"userAgent", request.user_agent, line);
    push_text(b"remoteIp", request.client, line);
    push_text(b"referer", request.referrer, line);
    if let Some(protocol) = request.protocol {
        let protocol = format!("HTTP/{}", protocol.as_str());
        push_text(b"protocol", Some(protocol.as_str().into()), line);
    }
    line.push_array(b"\"responseSize\":\"");
    push_integer(request.bytes, line);
    let _ = write!(
        line,
        "\",\"latency\":\"{:.9}s\"}}",
        request.duration_ns / 1e9
    );
}

fn push_text(key: &[u8], text: Option<RawText<'_>>, line: &mut Line) {
    let Some(text) = text else { return };
    line.push(b'"');
    line.push_slice(key);
    line.push_array(b"\":");
    push_string(text, line);
    line.push(b',');
}
