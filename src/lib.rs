//! Structured logs for async servers that never wait for the disk.

mod capture;
mod channel;
mod format;
