//! The middleware, seen from outside: real requests over loopback, and the records they leave.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails by panicking"
)]

mod client;
mod log;
mod server;
mod service;

#[path = "../../../../tests/server/program.rs"]
mod program;
#[path = "../../../../tests/server/table.rs"]
mod table;

mod aborts;
mod context;
mod example;
mod hostile;
mod http2;
mod outcomes;
mod panics;
mod routes;
mod upgrades;
mod uploads;
