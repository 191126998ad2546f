//! The middleware, seen from outside: real requests over loopback, and the records they leave.

mod client;
mod log;
mod server;
mod service;

mod aborts;
mod context;
mod hostile;
mod http2;
mod outcomes;
mod panics;
mod table;
mod upgrades;
mod uploads;
