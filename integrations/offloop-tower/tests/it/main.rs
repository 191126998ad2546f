//! The layer, seen from outside: real requests over loopback, and the records they leave.

mod allocator;
mod client;
mod log;
mod server;
mod table;

mod context;
mod failures;
mod hostile;
mod outcomes;

mod connections;
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
