//! The hoop, seen from outside: real requests over loopback, and the records they leave.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails by panicking"
)]

#[path = "../../../../tests/server/mod.rs"]
mod server;
#[path = "../../../../tests/server/tls.rs"]
mod tls_clients;

use server::connect;

mod service;

#[path = "../../../../tests/server/tests_of_connections.rs"]
mod connections;
#[path = "../../../../tests/server/tests_of_context.rs"]
mod context;
mod example;
#[path = "../../../../tests/server/tests_of_hostile.rs"]
mod hostile;
mod outcomes;
#[path = "../../../../tests/server/tests_of_tls.rs"]
mod tls;
