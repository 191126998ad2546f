use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use tempfile::{TempDir, tempdir};

use super::*;
use crate::sink::file::tests::names_in;

/// Only what hangs takes so long: the thread that tends has the lowest priority.
const HANG: Duration = Duration::from_secs(120);

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
fn who_is_dismissed_goes_no_further_than_the_file_that_he_is_at() {
    let directory = tempdir().unwrap();
    let names = [
        "app.2026-11-22T0100Z.1.jsonl",
        "app.2026-11-22T0200Z.1.jsonl",
        "app.2026-11-22T0300Z.1.jsonl",
    ];
    write(&directory, &names);
    // The first one cannot be compressed, and the complaint of that takes until he is dismissed.
    let in_the_way = format!("{}.gz.partial", names[0]);
    fs::create_dir(directory.path().join(&in_the_way)).unwrap();
    let (dismiss, dismissed) = crossbeam_channel::bounded::<()>(0);
    let (at_work, has_ended) = crossbeam_channel::bounded::<()>(0);
    let complaints = Complaints::to(Arc::new(move |_: &str| {
        let _ = (&at_work, dismissed.recv());
    }));
    let care = Care {
        retention: Retention::all().files_max(0),
        compression: Some(Compression::Gzip),
    };
    let active = directory.path().join("app.jsonl");
    drop(Caretaker::start(care, active, complaints).unwrap());
    drop(dismiss);
    has_ended.recv_timeout(HANG).unwrap_err();
    let left = names_in(&directory);
    assert_eq!(left, [names[0], &in_the_way, names[1], names[2]]);
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
    let mut round = Round {
        goes_on: &|| true,
        complain: &mut |complaint| complaints.push(complaint),
    };
    care.tend(
        Path::new("no/such/app.jsonl"),
        SystemTime::now(),
        &mut round,
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
