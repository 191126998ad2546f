//! What processes left behind when they died: found, read, and written at last.
//!
//! - In: files of pages whose owners are dead (see [`crate::channel::arena`]): bytes that nobody
//!   vouches for.
//! - Out: batches of lines, to the sinks that the records were meant for; one more record that says
//!   how many there were.
//! - Runs on: a sink's writer thread, before it writes anything else; or on whoever calls
//!   [`recover`].
//! - Never: trusts a figure that it reads; writes a line twice, also if it is killed itself; holds
//!   up the start of a program.
//!
//! A leftover may be meant for several sinks. Each takes its share by itself: positions and journals
//! are kept for each. Who takes the last share removes the file.
//!
//! `directory` lists what there is, `claim` sees to it that one process has it, `leftover` reads
//! it, `ending` removes it, `lanes` brings its records into order, `journal`, `marked` and `share` write them exactly
//! once.
//! `replay` does all that for a sink of a pipeline, after `scan` has looked for all of them;
//! `recover` does it for everybody else; `torn` mends a
//! file before that.

mod bytes;
mod claim;
mod clock;
mod directory;
mod ending;
mod journal;
mod lanes;
mod leftover;
mod marked;
mod recover;
pub(crate) mod replay;
mod report;
pub(crate) mod scan;
mod share;
#[cfg(test)]
mod tests;
mod torn;

pub(crate) use self::clock::own_rate as ns_per_tick;
pub use self::recover::{leftover_directories, leftovers, recover};
pub use self::report::{Leftover, LeftoverSink, RecoveryReport};
pub(crate) use self::torn::watch_torn_tails;
