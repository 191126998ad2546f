//! What offloop promises, tested through its public API, with real files, pipes and processes.

mod flush;
mod overflow;
mod stall;
mod support;
