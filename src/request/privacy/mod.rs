//! What a record may show of what a client sent: how much of it, and which parts.

mod cap;
mod query;

pub use self::cap::{Capped, capped};
pub use self::query::{QueryPolicy, RedactedQuery};
