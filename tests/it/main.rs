//! What offloop promises, tested through its public API, with real files, pipes and processes.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails by panicking"
)]

mod allocator;
#[cfg(target_os = "linux")]
mod anomaly;
mod audit;
mod capture;
mod child;
#[cfg(target_os = "linux")]
mod compressed;
mod config;
mod consumers;
mod corpora;
mod crash_safe;
#[cfg(target_os = "linux")]
mod disk_full;
mod durable;
mod exits;
mod failing;
#[cfg(target_os = "linux")]
mod faults;
mod files;
mod filters;
mod flush;
mod forks;
mod harmless;
mod hostile;
mod hot_path;
#[cfg(target_os = "linux")]
mod housekeeping;
#[cfg(target_os = "linux")]
mod immutable;
#[cfg(target_os = "linux")]
mod kills;
mod limits;
mod log_files;
mod logrotate;
mod order;
mod overflow;
#[cfg(target_os = "linux")]
mod random;
mod rates;
#[cfg(target_os = "linux")]
mod recovery;
mod redaction;
mod reentry;
#[cfg(target_os = "linux")]
mod reload;
mod requests;
#[cfg(target_os = "linux")]
mod resources;
mod rotate;
mod sequence;
#[path = "../../src/format/shapes.rs"]
mod shapes;
mod shared;
mod stall;
mod support;
mod survive;
mod trace;
mod trace_context;

// Of which `shapes` has some.
use offloop::Format;
