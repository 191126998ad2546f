//! Stage 1, capture: a `tracing` event becomes a record.

pub(crate) mod callsite;
pub(crate) mod record;

#[cfg(test)]
mod record_tests;
#[cfg(test)]
pub(crate) mod sample;
