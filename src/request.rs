//! A request's life, from its arrival to its true end: the vocabulary that the adapters of all
//! servers share, so that two of them differ in their framework alone.
//!
//! Nothing here knows a framework, or a crate of HTTP types: headers are byte slices, a status is a
//! number. Whatever a client sends is data that may lie, be of any size and hold any byte; nothing
//! here panics on it, and nothing that comes from it is believed unasked.

mod arrival;
mod carry;
mod client;
mod connection;
mod context;
mod detail;
mod fields;
mod header;
mod id;
mod life;
mod mark;
mod options;
mod outcome;
mod privacy;
mod random;
mod record;
mod sent_back;
mod table;
mod taken;
mod text;
mod trace_context;
mod watch;

pub use self::arrival::{Arrival, Headers};
pub use self::carry::{Carried, InRequest, carry};
pub use self::client::{Client, ForwardingHeader, TrustedProxies};
pub use self::connection::Connection;
pub(crate) use self::context::Held;
pub use self::context::{RequestContext, add, add_error};
pub use self::fields::Value;
pub use self::header::is_secret_header;
pub use self::id::RequestId;
pub use self::life::{Request, RequestLog, ResponseHead};
pub use self::options::{Incoming, Naming, Options};
pub use self::outcome::{Ended, Outcome, Phase};
pub use self::privacy::{Capped, QueryPolicy, RedactedQuery, capped};
pub use self::sent_back::SentBack;
pub(crate) use self::table::log_available;
pub use self::table::{InFlight, begin_shutdown, end_in_flight, in_flight, log_in_flight};
pub use self::trace_context::{Outgoing, SpanId, TraceContext, TraceId};
pub use self::watch::watch;

/// The target of the records about requests.
pub(crate) const TARGET: &str = "offloop::request";

#[cfg(test)]
mod tests;
