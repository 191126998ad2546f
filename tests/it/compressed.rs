//! Files that end and are compressed by the hundred while eight threads log, and a process that is
//! killed in the middle of it, again and again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::child::{self, Child, Ended};
use crate::log_files::LogFiles;
use crate::random::Random;
use crate::support::is_long;

/// As the program has it.
const FILE_BYTES: usize = 256 << 10;
const THREADS: u64 = 8;

/// So many times a run says how far a thread is, if it is left to end.
const ACKNOWLEDGEMENTS: u64 = THREADS * 2_500 / 50;

/// More than there ever are.
const ALL: &str = "1000000";
const FEW: &str = "5";

/// How many kills there are at least, how many records in the end, and in how many files.
fn at_least() -> (u64, u64, usize) {
    if is_long() {
        (100, 1_000_000, 200)
    } else {
        (4, 20_000, 4)
    }
}

/// How many records each thread had acknowledged.
type Acknowledged = BTreeMap<u64, u64>;

/// Has the program log for a while, and kills it: in every second run while a file is being
/// compressed.
fn log_until_killed(
    mut child: Child,
    run: u64,
    random: &mut Random,
    all: &mut Acknowledged,
) -> Ended {
    for _ in 0..=random.below(ACKNOWLEDGEMENTS) {
        note(&mut child, all);
    }
    if run.is_multiple_of(2) {
        wait_for_compression(child.directory());
    } else {
        random.pass_moment(5_000);
    }
    child.signal(Signal::KILL);
    while note(&mut child, all) {}
    let ended = child.end();
    ended.assert_signal(Signal::KILL);
    ended
}

/// Takes one answer down. `false` if there will be none any more.
fn note(child: &mut Child, acknowledged: &mut Acknowledged) -> bool {
    let Some(answer) = child.next_answer() else {
        return false;
    };
    let process = answer["process"].as_u64().unwrap();
    acknowledged.insert(process, answer["logged"].as_u64().unwrap());
    true
}

fn is_compressing(directory: &Path) -> bool {
    names(directory).any(|name| name.ends_with(".partial"))
}

/// Waits until a file is being compressed, or all are. Not for ever: the thread that does it has
/// the lowest priority, and comes to nothing on a busy machine.
fn wait_for_compression(directory: &Path) {
    let patience = if is_long() { 60 } else { 5 };
    let end = Instant::now() + Duration::from_secs(patience);
    while !is_compressing(directory) && !is_compressed(directory) && Instant::now() < end {
        thread::yield_now();
    }
}

/// Nothing is left to be compressed: this run came too late.
fn is_compressed(directory: &Path) -> bool {
    names(directory).all(|name| name.ends_with(".gz") || name == "app.jsonl")
}

fn names(directory: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap())
}

fn tend(before: Ended, files_max: &str) -> Ended {
    let ended = child::begin_next(before, &["tend", files_max]).end();
    ended.assert_success();
    ended
}

/// Every record that was acknowledged is there, and none twice; of what was not acknowledged a
/// thread lacks none that came before one that is there.
fn assert_all_there(files: &LogFiles, acknowledged: &Acknowledged) {
    let counts = files.counts();
    let doubled = counts.iter().filter(|(_, count)| **count != 1);
    assert_eq!(doubled.collect::<Vec<_>>(), [], "not once");
    for (&process, &logged) in acknowledged {
        let of_this = counts.range((process, 0)..=(process, u64::MAX));
        let numbers: Vec<_> = of_this.map(|((_, number), _)| *number).collect();
        let there = numbers.len() as u64;
        assert!(logged <= there, "{process}: {there} of {logged} are there");
        assert!(
            numbers.into_iter().eq(0..there),
            "{process}: there are gaps"
        );
    }
}

/// The newest files are those that are left of these.
fn assert_newest_left(directory: &Path, before: &[String]) {
    let mut left: Vec<_> = names(directory).collect();
    left.sort_by_key(|name| age(name));
    assert_eq!(left, before[before.len() - left.len()..]);
}

/// The order of old files, by what their names say: a day's time, and a number. The active one is
/// the last.
fn age(name: &str) -> (String, u64) {
    let mut parts = name.split('.').skip(1);
    let (time, number) = (parts.next().unwrap(), parts.next());
    match number.and_then(|number| number.parse().ok()) {
        Some(number) => (time.to_owned(), number),
        None => ("the end of time".to_owned(), 0),
    }
}

#[test]
fn hundreds_of_files_and_kills_while_they_are_compressed_cost_no_record() {
    let (kills, records, files_min) = at_least();
    let mut random = Random::new(0x0C0_FFEE);
    let mut acknowledged = Acknowledged::new();
    let mut before: Option<Ended> = None;
    let (mut run, mut while_compressing) = (0, 0);
    while run < kills || acknowledged.values().sum::<u64>() < records {
        let first = (run * THREADS).to_string();
        let scenario = ["log-on-compressed", &first];
        let child = match before.take() {
            Some(before) => child::begin_next(before, &scenario),
            None => child::begin(&scenario),
        };
        let ended = log_until_killed(child, run, &mut random, &mut acknowledged);
        while_compressing += u64::from(is_compressing(ended.directory.path()));
        before = Some(ended);
        run += 1;
    }
    assert!(
        !is_long() || while_compressing != 0,
        "nobody is killed while it compresses"
    );
    let ended = tend(before.unwrap(), ALL);
    let directory = ended.directory.path();
    let files = LogFiles::read(directory);
    assert_all_there(&files, &acknowledged);
    assert!(files.sizes().all(|(bytes, _)| bytes <= FILE_BYTES));
    assert!(files_min < files.paths().count());
    tell(&format!(
        "{} records acknowledged, {run} kills, {while_compressing} of them while a file was being compressed, {} files",
        acknowledged.values().sum::<u64>(),
        files.paths().count()
    ));
    let mut all: Vec<_> = names(directory).collect();
    all.sort_by_key(|name| age(name));
    assert_newest_left(tend(ended, FEW).directory.path(), &all);
}

#[expect(clippy::print_stdout, reason = "a figure for who asks for it")]
fn tell(figures: &str) {
    println!("{figures}");
}
