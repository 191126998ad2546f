//! What offloop promises, tested through its public API, with real files, pipes and processes.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails by panicking"
)]

mod allocator;
mod capture;
mod child;
mod crash_safe;
mod exits;
mod failing;
mod flush;
mod forks;
mod hot_path;
mod order;
mod overflow;
mod sequence;
mod stall;
mod support;
mod survive;
