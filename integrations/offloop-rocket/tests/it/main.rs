//! The fairing, seen from outside: real requests over loopback, and the records they leave.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails by panicking"
)]

#[path = "../../../../tests/server/mod.rs"]
mod server;

mod service;

mod context;
mod example;
mod hostile;
mod outcomes;
