//! What dead processes left for the logs that are looked at: neither there nor lost.

use std::fmt::{self, Display};
use std::path::PathBuf;

use offloop::Error;
use serde::Serialize;

use crate::tell::count;

/// What one process left for one log.
#[derive(Debug, Serialize)]
pub(super) struct Waiting {
    file: String,
    process: u32,
    /// With those that the log's own filter keeps away.
    pub(super) records: u64,
}

/// Looks for what was left for logs whose active files have these paths.
pub(super) fn find(logs: &[PathBuf]) -> Result<Vec<Waiting>, Error> {
    let mut found = Vec::new();
    for leftover in offloop::leftovers()? {
        let sinks = leftover.sinks.iter().filter(|_| !leftover.is_alive);
        let meant = sinks.filter(|sink| sink.waiting != 0 && logs.contains(&sink.path));
        found.extend(meant.map(|sink| Waiting {
            file: sink.path.display().to_string(),
            process: leftover.process,
            records: sink.waiting,
        }));
    }
    Ok(found)
}

impl Display for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Waiting { file, process, .. } = self;
        let records = count(self.records, "record");
        write!(
            formatter,
            "{file}: up to {records} of process {process}, which is dead, in memory: \
             `offloop recover {file}` writes them"
        )
    }
}
