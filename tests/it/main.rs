//! What offloop promises, tested through its public API, with real files, pipes and processes.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails by panicking"
)]

mod child;
mod exits;
mod failing;
mod flush;
mod forks;
mod order;
mod overflow;
mod stall;
mod support;
mod survive;
