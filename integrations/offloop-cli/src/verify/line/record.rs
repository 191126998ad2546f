//! What is looked at of a record.

use super::super::copies::Bound;

#[derive(Debug)]
pub(in crate::verify) struct Record<'a> {
    /// As it is written: those of one log sort as text.
    pub(in crate::verify) timestamp: &'a str,
    /// The sequence number, and the process that counts.
    pub(in crate::verify) sequence: Option<(u64, u64)>,
    pub(in crate::verify) notice: Option<Notice>,
    pub(in crate::verify) is_recovered: bool,
}

/// What the library itself has to say of the log's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify) enum Notice {
    /// So many are not there, or cannot be read.
    Lost(u64),
    /// Lines that are written again begin or end here.
    Copies(Bound),
}
