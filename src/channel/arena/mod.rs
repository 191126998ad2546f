//! Where pages live: on the heap, or in a mapped file that outlives a process which is killed.

pub(crate) mod facts;
pub(crate) mod layout;
