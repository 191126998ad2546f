//! `offloop verify` and the files of a log, which may change while it looks.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use offloop::{Compression, Format, Retention, Rotation, Sink};
use tracing_subscriber::layer::SubscriberExt;

use crate::verify::{numbered, verify, verify_as_json};

const OLD: &str = "app.2026-01-01T0000Z.1.jsonl";

/// A log of three records, each in its file.
struct Log(tempfile::TempDir);

impl Log {
    fn new() -> Log {
        let log = Log(tempfile::tempdir().unwrap());
        log.write(OLD, numbered(1, 7, 1).as_bytes());
        log.write("app.2026-01-01T0000Z.2.jsonl.gz", &gzip(&numbered(2, 7, 2)));
        log.write("app.jsonl", numbered(3, 7, 3).as_bytes());
        log
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).unwrap();
    }

    fn assert_is_whole(&self, paths: &[&Path]) {
        let (code, answer) = verify_as_json(paths);
        assert_eq!(code, Some(0), "{paths:?}: {answer}");
        assert_eq!(answer["totals"]["numbered"], 3, "{paths:?}: {answer}");
        assert_eq!(answer["sequences"][0]["first"], 1, "{paths:?}: {answer}");
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_active_file_stands_for_its_log_and_a_directory_for_the_logs_in_it() {
    let log = Log::new();
    log.write("app.2026-01-01T0000Z.2.jsonl.gz.partial", b"\0\0");
    log.write(".hidden", b"no log");
    fs::create_dir(log.path("directory")).unwrap();
    let (active, old) = (log.path("app.jsonl"), log.path(OLD));
    symlink(&active, log.path("a_link.jsonl")).unwrap();
    log.assert_is_whole(&[&active]);
    log.assert_is_whole(&[log.0.path()]);
    log.assert_is_whole(&[&log.path("a_link.jsonl")]);
    log.assert_is_whole(&[
        &active,
        &old,
        log.0.path(),
        &log.path("directory/../app.jsonl"),
    ]);
    assert_eq!(verify_as_json(&[&old]).1["totals"]["files"], 1);
}

#[test]
fn what_is_being_compressed_is_passed_over_with_a_word() {
    let log = Log::new();
    let partial = log.path(&format!("{OLD}.gz.partial"));
    fs::write(&partial, &gzip(&numbered(1, 7, 1))[..9]).unwrap();
    for paths in [vec![log.path("app.jsonl")], all_in(log.0.path())] {
        let paths: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
        log.assert_is_whole(&paths);
        let answer = verify(&paths);
        let expected = "app.2026-01-01T0000Z.1.jsonl.gz.partial: not compressed to its end yet";
        assert_eq!(answer.stdout.matches(expected).count(), 1, "{answer:?}");
        assert!(answer.stderr.is_empty(), "{answer:?}");
    }
}

#[test]
fn a_file_that_lies_there_in_two_forms_is_read_once_and_in_the_one_that_is_whole() {
    let log = Log::new();
    log.write(&format!("{OLD}.gz"), &gzip(&numbered(1, 7, 1))[..20]);
    log.assert_is_whole(&[&log.path("app.jsonl")]);
    let (compressed, plain) = (log.path(&format!("{OLD}.gz")), log.path(OLD));
    log.assert_is_whole(&[&compressed, &plain, &log.path("app.jsonl")]);
}

#[test]
fn a_file_that_was_compressed_or_removed_since_it_was_named_is_no_trouble() {
    let log = Log::new();
    let (plain, active) = (
        log.path("app.2026-01-01T0000Z.2.jsonl"),
        log.path("app.jsonl"),
    );
    log.assert_is_whole(&[&plain, &active]);
    assert_eq!(verify_as_json(&[&plain]).1["totals"]["records"], 1);
    let removed = log.path("app.2025-12-31T0000Z.1.jsonl");
    log.assert_is_whole(&[&removed, &active]);
    let answer = verify(&[&removed, &active]);
    assert!(
        answer.stdout.contains("has been removed since"),
        "{answer:?}"
    );
    let answer = verify(&[&removed]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.stderr.contains("No such file"), "{answer:?}");
}

#[test]
fn a_log_without_an_active_file_has_just_been_rotated() {
    let log = Log::new();
    let (active, third) = (log.path("app.jsonl"), "app.2026-01-01T0000Z.3.jsonl");
    fs::rename(&active, log.path(third)).unwrap();
    log.assert_is_whole(&[&active]);
    // Killed while it was given its new name, where that takes two steps.
    fs::hard_link(log.path(third), &active).unwrap();
    log.assert_is_whole(&[&active]);
}

#[test]
fn a_pipe_is_read_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipe");
    let created = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(created.unwrap().success());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = File::options().write(true).open(&path).unwrap();
            writer.write_all(numbered(1, 7, 1).as_bytes()).unwrap();
        });
        let answer = verify(&[&path]);
        assert_eq!(answer.code, Some(0), "{answer:?}");
        assert!(
            answer.stdout.starts_with("1 record in 1 file"),
            "{answer:?}"
        );
    });
}

#[test]
fn a_log_is_whole_while_it_is_written_to_and_its_files_end_and_are_compressed_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let sink = Sink::file(&path)
        .format(Format::json().with_sequence().with_process())
        .rotation(Rotation::on_demand().at_bytes(20 << 10))
        .retention(Retention::all().files_max(20))
        .compression(Compression::Gzip);
    let (layer, guard) = offloop::builder().sink(sink).build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            tracing::subscriber::with_default(subscriber, || {
                while !is_over.load(Ordering::Relaxed) {
                    tracing::info!("record");
                    thread::sleep(Duration::from_micros(200));
                }
            });
        });
        let answers: Vec<_> = (0..30)
            .map(|_| {
                let mut paths = all_in(directory.path());
                paths.push(path.clone());
                verify(&Vec::from_iter(paths.iter().map(PathBuf::as_path)))
            })
            .collect();
        is_over.store(true, Ordering::Relaxed);
        for answer in answers {
            assert_eq!(answer.code, Some(0), "{answer:?}");
        }
    });
    drop(guard);
}

fn all_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
