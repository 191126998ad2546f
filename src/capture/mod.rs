//! Stage 1, capture: a `tracing` event becomes a record.
//!
//! - In: events and spans, from the macros of `tracing`.
//! - Out: encoded records, to the thread's own lane of the channel.
//! - Runs on: the thread that logs, inside of the macro.
//! - Never: makes a system call, takes a lock, allocates once a thread is warm, formats a time
//!   stamp or JSON. The one thing that is formatted here is a value that only offers `Display` or
//!   `Debug`: it is borrowed, so it cannot travel.

#![deny(clippy::disallowed_methods)]

pub(crate) mod buffer;
pub(crate) mod callsite;
pub(crate) mod event;
pub(crate) mod frontend;
pub(crate) mod known;
pub(crate) mod layer;
pub(crate) mod record;
pub(crate) mod screen;
mod screened;
pub(crate) mod span;
mod spans;
pub(crate) mod subscriber;
pub(crate) mod thread;
pub(crate) mod visit;

#[cfg(test)]
pub(crate) mod sample;
