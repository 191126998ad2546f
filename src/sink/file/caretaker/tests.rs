use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use tempfile::{TempDir, tempdir};

use super::*;
use crate::sink::file::tests::names_in;

/// Only what hangs takes so long.
const HANG: Duration = Duration::from_secs(30);

fn write(directory: &TempDir, names: &[&str]) {
    for name in names {
        fs::write(directory.path().join(name), "a\n").unwrap();
    }
}

#[track_caller]
fn await_names(directory: &TempDir, expected: &[&str]) {
    let began = Instant::now();
    while names_in(directory) != expected {
        assert!(began.elapsed() < HANG, "{:?}", names_in(directory));
        thread::sleep(Duration::from_millis(1));
    }
}

/// Complaints, and what was said.
fn complaints() -> (Complaints, Arc<Mutex<Vec<String>>>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let hear = move |complaint: &str| heard.lock().unwrap().push(complaint.to_owned());
    (Complaints::to(Arc::new(hear)), said)
}

#[test]
fn old_files_are_tended_at_the_start_and_when_one_ends() {
    let directory = tempdir().unwrap();
    write(
        &directory,
        &[
            "app.2026-11-22T0100Z.1.jsonl",
            "app.2026-11-22T0200Z.1.jsonl",
        ],
    );
    let care = Care {
        retention: Retention::all().files_max(1),
        compression: Some(Compression::Gzip),
    };
    let active = directory.path().join("app.jsonl");
    let (complaints, said) = complaints();
    let caretaker = Caretaker::start(care, active, complaints).unwrap().unwrap();
    await_names(&directory, &["app.2026-11-22T0200Z.1.jsonl.gz"]);

    write(&directory, &["app.2026-11-22T0300Z.1.jsonl"]);
    caretaker.wake();
    await_names(&directory, &["app.2026-11-22T0300Z.1.jsonl.gz"]);
    assert_eq!(*said.lock().unwrap(), [""; 0]);
}

#[test]
fn without_anything_to_do_there_is_no_thread() {
    let started = Caretaker::start(Care::default(), "app.jsonl".into(), complaints().0);
    assert!(started.unwrap().is_none());
}

#[test]
fn a_directory_that_is_missing_is_reported() {
    let care = Care {
        retention: Retention::all().files_max(1),
        compression: None,
    };
    let mut complaints = Vec::new();
    let mut complain = |complaint| complaints.push(complaint);
    care.tend(
        Path::new("no/such/app.jsonl"),
        SystemTime::now(),
        &mut complain,
    );
    let expected = "look for old log files beside \"no/such/app.jsonl\": \
        No such file or directory (os error 2)";
    assert_eq!(complaints, [expected]);
}

#[cfg(target_os = "linux")]
#[test]
fn only_the_thread_that_tends_becomes_slow() {
    let nice = || rustix::process::getpriority_process(None).unwrap();
    let before = nice();
    let lowered = thread::spawn(move || {
        lower_priority();
        nice()
    });
    assert_eq!(lowered.join().unwrap(), 19);
    assert_eq!(nice(), before);
}
