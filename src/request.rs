//! A request's life, from its arrival to its true end: the vocabulary that the adapters of all
//! servers share, so that two of them differ in their framework alone.
//!
//! Nothing here knows a framework, or a crate of HTTP types: headers are byte slices, a status is a
//! number. Whatever a client sends is data that may lie, be of any size and hold any byte; nothing
//! here panics on it, and nothing that comes from it is believed unasked.

mod id;
mod random;
mod trace_context;

pub use self::id::RequestId;
pub use self::trace_context::{Outgoing, SpanId, TraceContext, TraceId};
