//! What the tests of the adapters share: clients that do what clients do, the log of the test
//! program, and the ways in which a request can end.
//!
//! An adapter's tests serve the routes that [`outcomes`] asks for, each in its framework's words.

#![allow(dead_code, reason = "not every framework can do all of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

pub(crate) mod client;
pub(crate) mod connect;
pub(crate) mod context;
pub(crate) mod hostile;
pub(crate) mod log;
pub(crate) mod malformed;
pub(crate) mod mixture;
pub(crate) mod outcomes;
pub(crate) mod program;
pub(crate) mod shutdown;
pub(crate) mod table;
