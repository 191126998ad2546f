//! What the operator should know although nothing has failed.

use std::collections::HashSet;

/// Each warning is passed on once.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    said: HashSet<String>,
    unsaid: Vec<String>,
}

impl Warnings {
    pub(super) fn add(&mut self, warning: String) {
        if self.said.insert(warning.clone()) {
            self.unsaid.push(warning);
        }
    }

    /// What was added since the last call.
    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unsaid)
    }
}
