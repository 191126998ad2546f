//! What the command `offloop` promises, with the real binary on files that the library wrote.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails by panicking"
)]

mod command;
mod config;
mod log;
#[cfg(target_os = "linux")]
mod recover;
mod schema;
mod verify;
mod verify_files;
mod verify_formats;
