//! Many processes write to one file.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use offloop::{Overflow, Rotation, Sink};
use tempfile::tempdir;

use crate::log_files::LogFiles;
use crate::support::{PATIENCE, Program, has_played, is_long, spawn_child, without_hanging};

const PROCESSES: usize = 8;
const LIMIT: u64 = 1 << 20;

fn records_each() -> u64 {
    if is_long() { 100_000 } else { 5_000 }
}

/// A process that logs to the file.
fn start_process<F: FnOnce()>(path: &Path, scenario: F) -> Child {
    let prepare = |command: &mut Command| {
        command.env("LOG_PATH", path);
        command.stdout(Stdio::null()).stderr(Stdio::inherit());
    };
    spawn_child(prepare, scenario)
}

/// Logs as fast as it can, once its stdin is closed.
fn log_after_the_shot(rotation: Rotation) {
    let path = PathBuf::from(std::env::var_os("LOG_PATH").unwrap());
    let sink = Sink::file(path).with_process();
    let sink = sink.rotation(rotation);
    let wait = Overflow::Block { at_most: PATIENCE };
    let guard = { offloop::builder().sink(sink).overflow(wait) }
        .init()
        .unwrap();
    io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
    for number in 0..records_each() {
        tracing::info!(number, text = "what a request might have to say", "work");
    }
    let report = guard.shutdown(PATIENCE * 10);
    assert!(report.is_complete(), "{report:?}");
}

#[test]
fn lines_of_many_processes_are_each_there_once_and_whole_whoever_ends_the_file() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let mut children: Vec<_> = (0..PROCESSES)
        .map(|_| {
            start_process(&path, || {
                log_after_the_shot(Rotation::on_demand().at_bytes(LIMIT))
            })
        })
        .collect();
    let starting_shots: Vec<_> = children
        .iter_mut()
        .map(|child| child.stdin.take())
        .collect();
    drop(starting_shots);
    for mut child in children {
        assert!(has_played(child.wait().unwrap()));
    }
    let logs = LogFiles::read(directory.path());
    logs.assert_once(PROCESSES, records_each());
    let bytes: usize = logs.sizes().map(|(bytes, _)| bytes).sum();
    assert!(logs.sizes().all(|(bytes, _)| bytes as u64 <= LIMIT));
    // Each was ended once, when it was full: there are as few as there can be.
    let files = logs.paths().count() as u64;
    let batches_left = (bytes as u64).div_ceil(LIMIT - 64 * 1024);
    assert!(1 < files && files <= batches_left + 1, "{files} files");
}

#[test]
fn processes_that_are_asked_to_end_their_file_do_so_one_after_the_other() {
    without_hanging(|| {
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        let sink = || Sink::file(&path).with_process();
        let start = || Program::start(offloop::builder().sink(sink()));
        let programs = [start(), start(), start()];
        for round in 0..20_u64 {
            for (index, program) in programs.iter().enumerate() {
                let number = round * 3 + index as u64;
                program.run(|| tracing::info!(number, "work"));
                program.guard.rotate();
            }
        }
        for program in &programs {
            assert_eq!(program.end().written(), 20);
        }
        LogFiles::read(directory.path()).assert_once(1, 60);
    });
}
