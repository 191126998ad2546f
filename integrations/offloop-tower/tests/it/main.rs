//! The layer, seen from outside: real requests over loopback, and the records they leave.

#[path = "../../../../tests/it/allocator.rs"]
mod allocator;
mod client;
#[path = "../../../../tests/server/connect.rs"]
mod connect;
mod log;
#[path = "../../../../tests/server/malformed.rs"]
mod malformed;
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all adapters share it, and a test that cannot go on has failed"
)]
#[path = "../../../../tests/server/program.rs"]
mod program;
mod server;
#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all adapters share it, and there is nothing here that remarks are needed for"
)]
#[path = "../../../../tests/server/table.rs"]
mod table;

mod context;
mod failures;
mod hostile;
mod outcomes;
mod routes;

mod connections;
mod tls;
#[allow(
    clippy::unwrap_used,
    reason = "all adapters share it, and a test that cannot go on has failed"
)]
#[path = "../../../../tests/server/tls.rs"]
mod tls_clients;

mod grpc;
mod outgoing;
mod upgrades;
mod warp;

mod cost;
mod example;

mod random;
mod shutdown;

/// What a test gives back.
type Test = Result<(), Box<dyn std::error::Error + Send + Sync>>;
