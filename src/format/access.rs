//! The access logs of web servers: one line for each request, in Apache's
//! [common and combined formats](https://httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats).
//!
//! ```text
//! 203.0.113.9 - - [22/Nov/2026:01:02:03 +0000] "GET /users/42 HTTP/1.1" 200 5 "-" "curl/8"
//! ```
//!
//! The last two, the page that led here and the client's program, are the combined format's. The time
//! is that of the request's arrival, in UTC. A request that got no response has the status that says
//! why: 499 where the client went away, 500 after a panic or an error, 503 at a shutdown. What a
//! client sends may hold anything, so characters that would end the field or the line are `\xHH`.

use std::fmt::Write;

use chrono::DateTime;

use super::line::Line;
use super::request::Request;
use super::{LineFormat, escape};
use crate::capture::callsite::Callsites;
use crate::capture::record::{RawText, Record};

/// Writes the records of requests as web servers do.
#[derive(Debug)]
pub(crate) struct AccessFormat {
    is_combined: bool,
    line: Line,
}

impl AccessFormat {
    pub(crate) fn new(is_combined: bool) -> Self {
        AccessFormat {
            is_combined,
            line: Line::default(),
        }
    }
}

impl LineFormat for AccessFormat {
    fn format(&mut self, record: &Record<'_>, _: &Callsites, lines: &mut Vec<u8>) {
        let request = Request::of(record);
        let line = &mut self.line;
        line.clear();
        // An address has no spaces.
        push_text(request.client, line);
        line.push_array(b" - - [");
        push_time(record.time_ns, request.duration_ns, line);
        line.push_array(b"] \"");
        request.push_request_line(line);
        line.push_array(b"\" ");
        let _ = write!(line, "{} ", request.shown_status());
        match request.bytes {
            0 => line.push(b'-'),
            bytes => drop(write!(line, "{bytes}")),
        }
        if self.is_combined {
            push_quoted(request.referrer, line);
            push_quoted(request.user_agent, line);
        }
        line.push(b'\n');
        lines.extend_from_slice(line.as_bytes());
    }

    /// It has no place for a mark.
    fn push_marked(&self, line: &[u8], lines: &mut Vec<u8>) {
        lines.extend_from_slice(line);
    }
}

impl Request<'_> {
    fn push_request_line(&self, line: &mut Line) {
        push_text(self.method, line);
        line.push(b' ');
        push_text(self.path, line);
        if let Some(query) = self.query {
            line.push(b'?');
            escape::push_access(query, line);
        }
        line.push_array(b" HTTP/");
        push_text(self.protocol, line);
    }

    fn shown_status(&self) -> u64 {
        let why = || match self.outcome.map(|outcome| outcome.as_str()) {
            Some("client_disconnect" | "stream_reset" | "cancelled") => 499,
            Some("server_shutdown") => 503,
            _ => 500,
        };
        self.status.unwrap_or_else(why)
    }
}

fn push_text(text: Option<RawText<'_>>, line: &mut Line) {
    match text {
        Some(text) => escape::push_access(text, line),
        None => line.push(b'-'),
    }
}

fn push_quoted(text: Option<RawText<'_>>, line: &mut Line) {
    line.push_array(b" \"");
    push_text(text, line);
    line.push(b'"');
}

/// The time of the arrival, which was that long before the end.
fn push_time(end_ns: i64, duration_ns: f64, line: &mut Line) {
    let time = DateTime::from_timestamp_nanos(end_ns.saturating_sub(duration_ns as i64));
    let _ = write!(line, "{}", time.format("%d/%b/%Y:%H:%M:%S +0000"));
}
