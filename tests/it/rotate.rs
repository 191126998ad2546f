//! Files end by themselves, through the public API: split at whole records, tended, in order.

use std::fs::{self, DirEntry};
use std::path::Path;

use offloop::{Compression, Format, Retention, Rotation, Sink};
use tempfile::tempdir;

use crate::log_files::LogFiles;
use crate::support::{PATIENCE, Program, log_numbers, wait_until};

const LIMIT: u64 = 64 << 10;

fn rotating(path: &Path) -> Sink {
    let rotation = Rotation::on_demand().at_bytes(LIMIT);
    Sink::file(path).with_process().rotation(rotation)
}

#[test]
fn no_file_is_longer_than_the_limit_and_every_record_is_in_one_of_them() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let program = Program::start(offloop::builder().sink(rotating(&path)));
    program.on_threads(4, |thread| {
        let first = thread as u64 * 5_000;
        log_numbers(first..first + 5_000);
    });
    assert_eq!(program.end().written(), 20_000);
    let files = LogFiles::read(directory.path());
    files.assert_once(1, 20_000);
    assert!(files.sizes().all(|(bytes, _)| bytes as u64 <= LIMIT));
    assert!(20 < files.paths().count());
}

#[test]
fn a_record_longer_than_the_limit_has_a_file_for_itself() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let program = Program::start(offloop::builder().sink(rotating(&path)));
    program.run(|| {
        for number in 0..20_u64 {
            let text = "x".repeat(if number % 5 == 0 { 100_000 } else { 10 });
            tracing::info!(number, text, "work");
        }
    });
    program.end();
    let files = LogFiles::read(directory.path());
    files.assert_once(1, 20);
    let longer = files.sizes().filter(|(bytes, _)| LIMIT < *bytes as u64);
    assert_eq!(longer.collect::<Vec<_>>().len(), 4);
    assert!(
        files
            .sizes()
            .all(|(bytes, lines)| bytes as u64 <= LIMIT || lines == 1)
    );
}

#[test]
fn a_record_of_several_lines_is_in_one_file() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.log");
    let rotation = Rotation::on_demand().at_bytes(300);
    let sink = Sink::file(&path)
        .format(Format::pretty())
        .rotation(rotation);
    let program = Program::start(offloop::builder().sink(sink));
    program.run(|| {
        for number in 0..20_u64 {
            let text = "x".repeat(number as usize * 17);
            tracing::info!(number, text, "work");
        }
    });
    assert_eq!(program.end().written(), 20);
    let mut numbers = 0;
    for entry in fs::read_dir(directory.path()).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.starts_with(' '), "{text}");
        let heads = text.lines().filter(|line| line.ends_with(": work"));
        let [of_number, of_text] = ["    number=", "    text="]
            .map(|field| text.lines().filter(|line| line.starts_with(field)).count());
        assert_eq!(heads.count(), of_number, "{text}");
        assert_eq!(of_number, of_text, "{text}");
        numbers += of_number;
    }
    assert_eq!(numbers, 20);
}

#[test]
fn a_flush_after_the_wish_for_a_new_file_finds_it_fulfilled() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let program = Program::start(offloop::builder().sink(Sink::file(&path).with_process()));
    for round in 0..10 {
        program.run(|| log_numbers(round..round + 1));
        program.guard.rotate();
        program.guard.flush(PATIENCE).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        let old_files = LogFiles::read(directory.path()).paths().count() as u64 - 1;
        assert_eq!(old_files, round + 1);
    }
    program.end();
    LogFiles::read(directory.path()).assert_once(1, 10);
}

#[test]
fn old_files_are_compressed_while_the_program_logs() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let sink = rotating(&path).compression(Compression::Gzip);
    let program = Program::start(offloop::builder().sink(sink));
    program.run(|| log_numbers(0..10_000));
    program.guard.flush(PATIENCE).unwrap();
    let is_plain = |path: &DirEntry| path.path().extension().is_some_and(|end| end == "jsonl");
    wait_until(|| {
        let entries = fs::read_dir(directory.path()).unwrap();
        entries.map(Result::unwrap).filter(is_plain).count() == 1
    });
    program.end();
    LogFiles::read(directory.path()).assert_once(1, 10_000);
}

#[test]
fn no_more_old_files_are_kept_than_wanted() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let sink = rotating(&path).retention(Retention::all().files_max(3));
    let program = Program::start(offloop::builder().sink(sink));
    program.run(|| log_numbers(0..10_000));
    program.guard.flush(PATIENCE).unwrap();
    wait_until(|| fs::read_dir(directory.path()).unwrap().count() == 4);
    program.end();
    // The newest are those that are left.
    let counts = LogFiles::read(directory.path()).counts();
    let oldest = counts.keys().map(|(_, number)| *number).min().unwrap();
    assert_eq!(counts.len() as u64, 10_000 - oldest);
}
