//! Structured logs for async servers that never wait for the disk.

mod capture;
mod channel;
mod format;
mod sink;

mod error;

pub use error::Error;
pub use sink::Memory;
