//! In which order files were written.
//!
//! The names of old files tell that order. Times do not: a clock may have been set back, and what
//! was recovered after a crash is older than what was written before. Only where names tell nothing,
//! as with files that another program renamed, times must do.

use std::collections::HashMap;
use std::path::PathBuf;

use super::Source;

/// Sorts the logs by their first records, and the files of a log by their names, the active one
/// last. What carries no time stays where the user put it, behind the others.
pub(super) fn sort(sources: &mut [Source]) {
    let mut logs: HashMap<PathBuf, Log> = HashMap::new();
    for (place, source) in sources.iter().enumerate() {
        let begins = logs.entry(source.log()).or_insert(Log {
            place,
            first_timestamp: None,
        });
        let timestamps = [&begins.first_timestamp, &source.first_timestamp];
        begins.first_timestamp = timestamps.into_iter().flatten().min().cloned();
    }
    sources.sort_by_cached_key(|source| {
        let log = logs.get(&source.log()).cloned().unwrap_or_default();
        let begins = (
            log.first_timestamp.is_none(),
            log.first_timestamp,
            log.place,
        );
        (begins, source.old.is_none(), source.old.clone())
    });
}

/// What is known of a log.
#[derive(Clone, Debug, Default)]
struct Log {
    /// The place of the first of its files.
    place: usize,
    /// The earliest that a file of it begins with.
    first_timestamp: Option<String>,
}
