//! Channel, writer and file sink in a world where everything goes wrong, again and again.
//!
//! Everything here is real, files included, but for two things: the clocks, and a file system that
//! fails when it is told to. One thread does it all, so that a run replays.
//!
//! - [`anomalies`] has a fixed program meet every failure of every single call.
//! - [`programs`] makes up programs: `OFFLOOP_SEEDS` says how many, `OFFLOOP_SEED` replays the one
//!   that a failure has named.
//!
//! [`check`] has what must hold in either case.

mod anomalies;
mod chance;
mod check;
mod files;
mod programs;
mod world;
