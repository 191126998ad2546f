//! What a process had logged when it was killed is in its files after the next start: every record
//! once, whole, whenever the kill came, during a recovery, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::child::{self, Ended};
use crate::random::Random;
use crate::support::is_long;

/// How many processes are killed.
fn kills() -> u64 {
    if is_long() { 1_000 } else { 50 }
}

/// How many records each thread had acknowledged.
type Acknowledged = BTreeMap<u64, u64>;

/// Logs on so many threads, and is killed at some instant.
fn log_until_killed(threads: u64, random: &mut Random) -> (Ended, Acknowledged) {
    let mut child = child::begin(&["log-on", &threads.to_string()]);
    let mut acknowledged = Acknowledged::new();
    let mut note = |answer: &Value| {
        let process = answer["process"].as_u64().unwrap();
        acknowledged.insert(process, answer["logged"].as_u64().unwrap());
    };
    for _ in 0..=random.below(200) {
        note(&child.next_answer().unwrap());
    }
    random.pass_moment(5_000);
    child.signal(Signal::KILL);
    while let Some(answer) = child.next_answer() {
        note(&answer);
    }
    (child.end(), acknowledged)
}

/// The whole lines of the JSON log, whose last one may be torn.
fn whole_lines(directory: &Path) -> Vec<Value> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("app.") {
            let text = fs::read_to_string(&path).unwrap();
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            lines.extend(
                whole
                    .lines()
                    .map(|line| serde_json::from_str::<Value>(line).unwrap()),
            );
        }
    }
    lines
}

/// Who logged a record, and its number. `None` for notices.
fn key(line: &Value) -> Option<(u64, u64)> {
    line["process"].as_u64().zip(line["number"].as_u64())
}

/// Records that the dead process had written are as it wrote them, all others are marked.
fn assert_marked(directory: &Path, written: &BTreeSet<(u64, u64)>) {
    for line in whole_lines(directory) {
        if let Some(key) = key(&line) {
            assert_ne!(line["recovered"] == true, written.contains(&key), "{line}");
        }
    }
}

/// The numbers of all records in the files whose names begin like this, by thread.
fn numbers_in(directory: &Path, stem: &str) -> BTreeMap<u64, Vec<u64>> {
    let mut numbers = BTreeMap::<_, Vec<_>>::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with(stem) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{name} is torn");
        for line in text.lines() {
            let record: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
            if let (Some(process), Some(number)) =
                (record["process"].as_u64(), record["number"].as_u64())
            {
                numbers.entry(process).or_default().push(number);
            }
        }
    }
    numbers
}

/// Every record that was acknowledged is there, and none twice. Records of a thread that were not
/// acknowledged may be there up to any one.
fn assert_all_there(numbers: &BTreeMap<u64, Vec<u64>>, acknowledged: &Acknowledged, step: usize) {
    for (process, count) in acknowledged {
        let mut found = numbers.get(process).cloned().unwrap_or_default();
        found.sort_unstable();
        let expected = (0..).step_by(step);
        let whole = found
            .iter()
            .zip(expected)
            .take_while(|(a, b)| **a == *b)
            .count();
        assert_eq!(
            whole,
            found.len(),
            "thread {process}: gap or double after {whole} records"
        );
        let expected = count.div_ceil(step as u64);
        assert!(
            expected <= found.len() as u64,
            "thread {process}: {expected} were acknowledged, {} are there",
            found.len()
        );
    }
}

fn assert_recovered(ended: &Ended, acknowledged: &Acknowledged) {
    let directory = ended.directory.path();
    assert_all_there(&numbers_in(directory, "app."), acknowledged, 1);
    assert_all_there(&numbers_in(directory, "warn."), acknowledged, 10);
    assert_text_is_whole(directory, acknowledged);
    assert_eq!(ended.leftovers(), Vec::<std::path::PathBuf>::new());
}

/// Every line of the text ends as lines of text do, and there are enough of them.
fn assert_text_is_whole(directory: &Path, acknowledged: &Acknowledged) {
    let text = fs::read_to_string(directory.join("text.log")).unwrap();
    assert!(text.ends_with('\n'), "text.log is torn");
    let records = text
        .lines()
        .filter(|line| line.contains(" record process="))
        .count() as u64;
    assert!(acknowledged.values().sum::<u64>() <= records);
}

#[test]
fn a_killed_process_loses_and_doubles_nothing_that_it_had_logged() {
    let mut random = Random::new(0x0FF1_00B5);
    let mut recovered = 0;
    for kill in 0..kills() {
        let threads = if kill % 2 == 0 { 4 } else { 1 };
        let (killed, acknowledged) = log_until_killed(threads, &mut random);
        killed.assert_signal(Signal::KILL);
        recovered += u64::from(!killed.leftovers().is_empty());
        let written = whole_lines(killed.directory.path());
        let written = written.iter().filter_map(key).collect();
        let mut child = child::begin_next(killed, &["next-start"]);
        // Some of them are killed as well, and the next one takes that up.
        while random.below(3) == 0 {
            random.pass_moment(60_000);
            child.signal(Signal::KILL);
            child = child::begin_next(child.end(), &["next-start"]);
        }
        let ended = child.end();
        ended.assert_success();
        assert_recovered(&ended, &acknowledged);
        assert_marked(ended.directory.path(), &written);
    }
    assert_eq!(recovered, kills(), "nothing was left to recover");
}
