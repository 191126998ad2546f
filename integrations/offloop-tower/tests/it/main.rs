//! The layer, seen from outside: real requests over loopback, and the records they leave.

mod client;
mod log;
mod server;
mod table;

mod outcomes;

mod example;
