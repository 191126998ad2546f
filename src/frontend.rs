//! For front ends of other languages: loggers whose targets, places and fields are known only as the
//! program runs, such as Python's.
//!
//! A front end makes a [`Frontend`], and calls [`Frontend::record`] for each record, with a
//! [`Place`] and the values of its fields. What `tracing` offers at compile time is found out here at
//! the first record of each place, so later ones cost no more than those of `tracing`.

pub use crate::capture::frontend::{Callsite, Frontend, Place, Taken, Values};
pub use crate::capture::thread::name_thread;
