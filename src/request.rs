//! A request's life, from its arrival to its true end: the vocabulary that the adapters of all
//! servers share, so that two of them differ in their framework alone.
//!
//! Most programs meet only [`add`], [`InRequest`], [`carry`], [`watch`] and [`Options`]; the rest is for
//! adapters. Those exist for tower (axum, hyper, tonic, warp), actix-web, poem, salvo and rocket.
//!
//! # One record for each request
//!
//! Exactly one, whatever happens, at the true end: that is when the response's body has been handed
//! to the transport, or the request was dropped. Its target is `offloop::request`, its message
//! `request`. Whether the client has received the response cannot be known.
//!
//! | field | value |
//! |---|---|
//! | `event.name` | `http.server.request` |
//! | `http.request.method` | the method; `_OTHER` if it is none of the known ones, which `http.request.method_original` then tells |
//! | `http.route` | the matched route, such as `/users/{id}`; absent where none matched |
//! | `url.path`, `url.query`, `url.scheme` | the path as it came, still percent-encoded, at most 1 KiB, as far as [`Options::path`] and [`RouteOptions::hide_path`] show it; the query as far as [`Options::query`] shows it |
//! | `http.response.status_code` | the status; absent if none was sent |
//! | `outcome`, `outcome.phase` | an [`Outcome`]; and how far a request had come that did not come to its end, a [`Phase`] |
//! | `error.type` | the status if it is 5xx, the outcome if that is a failure or the request was cut short, the name of a gRPC status that is not OK |
//! | `error` | an error's message and those of its sources, as a list: the handler's ([`add_error`]), the service's or the body's |
//! | `duration_ms`, `ttfb_ms` | from the arrival to the end, and to the response's head: milliseconds, down to microseconds |
//! | `http.request.body.size`, `http.response.body.size` | the bytes of the bodies that came by |
//! | `network.protocol.version` | `1.0`, `1.1`, `2` or `3` |
//! | `server.address` | the host that was asked for |
//! | `client.address` | the client, see [`Options::trusted_proxies`]; `client.address.invalid` if what the proxies say of it cannot be right |
//! | `network.peer.address`, `network.peer.port` | the other end of the connection |
//! | `user_agent.original` | the client's program, at most 256 bytes |
//! | `rpc.system.name`, `rpc.method`, `rpc.response.status_code` | of a gRPC call: `grpc`, its full name, the name of its status |
//! | `request_id`, `trace_id`, `span_id`, `parent_span_id` | see below |
//! | `request_id.client` | the id that the client sent, if it was not taken over: at most 128 bytes of it |
//! | `sample_rate` | if it is not 1, see [`Options::sample`] |
//! | `http.request.header.<name>`, `http.response.header.<name>` | the headers that [`Options`] list |
//! | `dropped_detail` | how many records of its [detail](#detail-in-retrospect) found no room, see [`Options::detail_bytes`] |
//! | others | what handlers add, by [`add`]; how many were too many says `dropped_fields` |
//!
//! By choice there are more records than this one, with other values of `event.name`: of each request
//! when it arrives ([`Options::announce`]), of those that last long ([`watch`]), and of those that
//! hold up their thread ([`Options::stall_after`]).
//!
//! What never becomes a request has its connection's record, where an adapter sees connections: what the
//! server refused, and handshakes of TLS that failed, are warnings there. See [`Connection::end`],
//! [`Connection::handshake_failed`] and [`figures`].
//!
//! These are the names of OpenTelemetry's
//! [semantic conventions for HTTP](https://opentelemetry.io/docs/specs/semconv/http/http-spans/);
//! [`Naming::ElasticCommonSchema`] has others, and [`Sink::common_log`](crate::Sink::common_log) writes
//! web servers' own format. The level follows from the outcome, see [`Ended::level`].
//!
//! # Ids on every record
//!
//! While an adapter runs a part of a request's work, that is the current request of the thread, and
//! each record that is logged meanwhile carries `request_id`, `trace_id` and `span_id`, as if a span
//! named `request` lay around it. Tasks and threads that a handler starts are told by [`InRequest`] and
//! [`carry`]. Other subscribers and layers do not see these ids, nor what handlers add.
//!
//! A client's `x-request-id` is taken over if it is harmless, see [`RequestId`]; a trace is continued
//! as the W3C's [Trace Context](https://www.w3.org/TR/trace-context-2/) has it, or begun. [`Propagation`] adds
//! B3 to that.
//!
//! # Detail, in retrospect
//!
//! With [`Builder::request_detail`](crate::Builder::request_detail), records that are too fine for
//! the log are kept in memory while their request lasts, and written if it fails, is cut short or turns
//! out to be slow; else they are forgotten. Their times are those at which they were logged, so they
//! are earlier than the lines around them; the thread that a line tells is the one that ended the
//! request.
//!
//! # For adapters
//!
//! An adapter calls [`RequestLog::begin`] when a request arrives, and reports to the [`Request`] that
//! it gets what it sees. Nothing here knows a framework, or a crate of HTTP types: headers are byte
//! slices, a status is a number. Whatever a client sends is data that may lie, be of any size and hold
//! any byte; nothing here panics on it, and nothing that comes from it is believed unasked.

mod arrival;
mod carry;
mod choices;
mod client;
mod configured;
mod connection;
mod context;
mod detail;
mod ending;
mod fields;
mod figures;
mod header;
mod id;
#[cfg(feature = "tokio")]
mod io;
mod latency;
mod life;
mod mark;
mod options;
mod outcome;
mod pattern;
mod privacy;
mod random;
mod record;
mod spare;
mod table;
mod taken;
mod text;
mod trace_context;
mod upload;
mod watch;
mod work;

pub use self::arrival::{Arrival, Headers};
pub use self::carry::{Carried, InRequest, carry};
pub use self::client::{Client, ForwardingHeader, TrustedProxies};
pub(crate) use self::configured::configure;
pub use self::connection::{Connection, Tls};
pub(crate) use self::context::Held;
pub use self::context::{RequestContext, add, add_error};
pub use self::fields::Value;
pub use self::figures::{Figures, figures};
pub use self::header::is_secret_header;
pub use self::id::RequestId;
#[cfg(feature = "tokio")]
pub use self::io::{ConnectionsByEnds, LoggedConnection, LoggedIo};
pub use self::life::{Request, RequestLog, ResponseHead};
pub use self::options::{Incoming, Naming, Options, PathPolicy, RouteOptions};
pub use self::outcome::{Ended, Outcome, Phase};
pub use self::privacy::{Capped, QueryPolicy, RedactedQuery, capped};
pub(crate) use self::table::log_available;
pub use self::table::{InFlight, begin_shutdown, end_in_flight, in_flight, log_in_flight};
pub use self::trace_context::{Outgoing, Propagation, SpanId, TraceContext, TraceId};
pub use self::watch::watch;
pub use self::work::Handling;

use crate::capture::callsite::Facts;

/// What a record carries that stands for others, too.
pub(crate) const SAMPLE_RATE: &str = "sample_rate";

/// The target of the records about requests.
pub(crate) const TARGET: &str = "offloop::request";

/// Whether a callsite writes the one record of each request.
pub(crate) fn is_record(facts: &Facts) -> bool {
    facts.is_event && &*facts.name == record::NAME && &*facts.target == TARGET
}

/// Whether a callsite is that by which each record of a request carries its ids.
pub(crate) fn is_mark(facts: &Facts) -> bool {
    !facts.is_event && &*facts.name == mark::NAME && &*facts.target == TARGET
}

#[cfg(test)]
mod tests;
