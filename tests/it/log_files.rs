//! All that lies in a log directory, once nobody writes to it any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// The log files of a directory.
pub(crate) struct LogFiles {
    texts: BTreeMap<PathBuf, String>,
}

impl LogFiles {
    /// Reads all of them, compressed ones too. Each must hold whole lines.
    pub(crate) fn read(directory: &Path) -> LogFiles {
        let entries = fs::read_dir(directory).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let logs = paths.filter(|path| path.to_str().unwrap().contains("app."));
        LogFiles {
            texts: logs.map(|path| (path.clone(), read(&path))).collect(),
        }
    }

    /// Cuts off what comes after the last line break of each file but the active one, and says how
    /// many files that were.
    pub(crate) fn cut_torn_ends(&mut self, active: &Path) -> usize {
        let mut torn = 0;
        for (path, text) in &mut self.texts {
            let whole = text.rfind('\n').map_or(0, |at| at + 1);
            if path != active && whole < text.len() {
                text.truncate(whole);
                torn += 1;
            }
        }
        torn
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.texts.keys().map(PathBuf::as_path)
    }

    /// How long each file is, and how many lines it has.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (usize, usize)> {
        self.texts
            .values()
            .map(|text| (text.len(), text.lines().count()))
    }

    /// The numbers of the records, and by which process each was logged, file by file. Every line of
    /// every file must be whole.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = Vec<(u64, u64)>> {
        self.texts.values().map(|text| {
            assert!(
                text.is_empty() || text.ends_with('\n'),
                "the last line is torn"
            );
            text.lines().filter_map(number).collect()
        })
    }

    /// How often each number is there, by the process that logged it.
    pub(crate) fn counts(&self) -> BTreeMap<(u64, u64), usize> {
        let mut counts = BTreeMap::new();
        for number in self.numbers().flatten() {
            *counts.entry(number).or_default() += 1;
        }
        counts
    }

    /// Each process logged the numbers from 0 on, and each of them is there once.
    #[track_caller]
    pub(crate) fn assert_once(&self, processes: usize, records_each: u64) {
        let counts = self.counts();
        let doubled = counts.iter().filter(|(_, count)| **count != 1);
        assert_eq!(doubled.collect::<Vec<_>>(), [], "not once");
        let processes_found: BTreeSet<_> = counts.keys().map(|(process, _)| *process).collect();
        assert_eq!(processes_found.len(), processes);
        for process in processes_found {
            for number in 0..records_each {
                assert!(
                    counts.contains_key(&(process, number)),
                    "{process} {number}"
                );
            }
        }
        assert_eq!(counts.len() as u64, processes as u64 * records_each);
    }
}

/// Who logged the record, by its own word or else the process, and its number. `None` for the
/// pipeline's own notices.
fn number(line: &str) -> Option<(u64, u64)> {
    let record: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let number = record["number"].as_u64()?;
    let process = record["process"].as_u64();
    Some((process.or(record["pid"].as_u64()).unwrap(), number))
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut text = String::new();
        MultiGzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
        return text;
    }
    assert!(!bytes.contains(&0), "a hole in {path:?}");
    String::from_utf8(bytes).unwrap()
}
