//! Lines that come twice for a good reason.
//!
//! After a failed sync the library writes the lines once more that may not be on the disk, into a
//! new file, between two records that say so. Only a reader who finds the first file whole has them
//! twice. The first of the two records has a later number than the lines behind it: it is
//! counted with the second one.

/// What a record says of such lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Begin,
    End,
}

/// The sections that have begun: process, and number of the record that says so. A disk that fails
/// again has one section stand within another.
#[derive(Debug, Default)]
pub(super) struct Copies(Vec<(u64, u64)>);

impl Copies {
    pub(super) fn are_due(&self, pid: u64) -> bool {
        self.0.iter().any(|(process, _)| *process == pid)
    }

    pub(super) fn begin(&mut self, pid: u64, number: u64) {
        self.0.push((pid, number));
    }

    /// Returns the number of the record with which the section began.
    pub(super) fn end(&mut self, pid: u64) -> Option<u64> {
        let at = self.0.iter().rposition(|(process, _)| *process == pid)?;
        Some(self.0.remove(at).1)
    }
}
