//! What offloop promises, tested through its public API, with real files, pipes and processes.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails by panicking"
)]

mod allocator;
mod audit;
mod capture;
mod child;
mod corpora;
mod durable;
mod exits;
mod failing;
mod flush;
mod forks;
mod hostile;
mod hot_path;
mod order;
mod overflow;
#[cfg(target_os = "linux")]
mod recovery;
mod sequence;
mod stall;
mod support;
mod survive;
mod trace;
