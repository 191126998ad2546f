//! Records that wait lie where a crash does not reach them, and nothing lies there after an orderly
//! end.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use offloop::{Builder, Guard};
use rustix::fs::{FlockOperation, SeekFrom, flock, seek};
use rustix::process::{Signal, getpid, kill_process};
use tempfile::TempDir;

use crate::support::{
    PATIENCE, directory_for_pages, has_played, in_child_with, json_lines, skip, spawn_child,
    wait_until, wrap,
};

const RECORDS: u64 = 1_000;

/// Tells a child where the log and the pages go.
const LOG: &str = "OFFLOOP_TEST_LOG";
const PAGES: &str = "OFFLOOP_TEST_PAGES";

/// A directory for the log, and one for the pages.
fn directories() -> Option<(TempDir, TempDir)> {
    Some((tempfile::tempdir().unwrap(), directory_for_pages()?))
}

fn tell(command: &mut Command, log: &Path, pages: &Path) {
    command.env(LOG, log.join("app.jsonl")).env(PAGES, pages);
}

fn told(variable: &str) -> PathBuf {
    std::env::var_os(variable).unwrap().into()
}

fn builder() -> Builder {
    let builder = offloop::builder().file(told(LOG));
    builder.crash_directory(told(PAGES))
}

/// Holds the lock of the log file, so that its writer waits.
struct Stalled(#[expect(dead_code, reason = "its lock is what it is there for")] File);

fn stall() -> Stalled {
    let options = File::options().create(true).append(true).open(told(LOG));
    let file = options.unwrap();
    flock(&file, FlockOperation::LockExclusive).unwrap();
    Stalled(file)
}

fn log(records: u64) {
    for number in 0..records {
        tracing::info!(number, "record");
    }
}

fn files_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn is_safe(guard: &Guard) -> bool {
    guard.stats().sinks[0].crash_safety.is_safe()
}

/// How many of the numbers that the records carry stand in a file of pages: as eight bytes behind the
/// tag and the place of their field, one record behind the other.
fn records_in(file: &Path) -> u64 {
    let bytes = data_of(&File::open(file).unwrap());
    let field = |number: u64| [&[2, 1, 0][..], &number.to_le_bytes()].concat();
    let mut rest = &bytes[..];
    let mut count = 0;
    while let Some(place) = rest.windows(11).position(|window| *window == field(count)) {
        rest = &rest[place..];
        count += 1;
    }
    count
}

/// The parts of a sparse file that take memory.
fn data_of(file: &File) -> Vec<u8> {
    let mut data = Vec::new();
    let mut offset = 0;
    while let Ok(start) = seek(file, SeekFrom::Data(offset)) {
        offset = seek(file, SeekFrom::Hole(start)).unwrap();
        let kept = data.len();
        data.resize(kept + (offset - start) as usize, 0);
        file.read_exact_at(&mut data[kept..], start).unwrap();
    }
    data
}

#[test]
fn a_process_that_is_killed_leaves_what_waits_in_a_file() {
    let Some((log_directory, pages)) = directories() else {
        return;
    };
    let prepare = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        tell(command, log_directory.path(), pages.path());
    };
    let child = spawn_child(prepare, || {
        let guard = builder().init().unwrap();
        let _stalled = stall();
        assert!(is_safe(&guard));
        log(RECORDS);
        kill_process(getpid(), Signal::KILL).unwrap();
    });
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(Signal::KILL.as_raw()));
    let files = files_in(pages.path());
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].extension().is_some_and(|end| end == "pages"));
    assert_eq!(records_in(&files[0]), RECORDS);
}

#[test]
fn a_start_counts_what_it_recovers_beside_what_it_writes_itself() {
    let Some((log_directory, pages)) = directories() else {
        return;
    };
    let prepare = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        tell(command, log_directory.path(), pages.path());
    };
    let child = spawn_child(prepare, || {
        let _guard = builder().init().unwrap();
        let _stalled = stall();
        log(RECORDS);
        kill_process(getpid(), Signal::KILL).unwrap();
    });
    child.wait_with_output().unwrap();
    let memory = offloop::Memory::new();
    let builder = offloop::builder().file(log_directory.path().join("app.jsonl"));
    let builder = builder.memory(&memory).crash_directory(pages.path());
    let (_layer, guard) = builder
        .on_error(|_| {})
        .build::<tracing_subscriber::Registry>()
        .unwrap();
    guard.flush(PATIENCE).unwrap();
    let stats = guard.stats();
    let recovered: Vec<_> = stats.sinks.iter().map(|sink| sink.recovered).collect();
    assert_eq!((recovered, stats.recovered()), (vec![RECORDS, 0], RECORDS));
    assert_eq!((stats.accepted.total(), stats.written()), (0, 0));
}

#[test]
fn a_start_takes_up_what_was_left_for_its_file_by_whatever_path_it_knows_it() {
    let Some((shared, pages)) = directories() else {
        return;
    };
    let release = |name: &str| {
        let release = shared.path().join(name);
        fs::create_dir_all(shared.path().join("logs")).unwrap();
        fs::create_dir(&release).unwrap();
        symlink("../logs", release.join("logs")).unwrap();
        release
    };
    let prepare = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.current_dir(release("one"));
        command.env(LOG, "logs/app.jsonl").env(PAGES, pages.path());
    };
    let child = spawn_child(prepare, || {
        let _guard = builder().init().unwrap();
        let _stalled = stall();
        log(RECORDS);
        kill_process(getpid(), Signal::KILL).unwrap();
    });
    child.wait_with_output().unwrap();
    let builder = offloop::builder().file(release("two").join("logs/app.jsonl"));
    let (_layer, guard) = builder
        .crash_directory(pages.path())
        .on_error(|_| {})
        .build::<tracing_subscriber::Registry>()
        .unwrap();
    guard.flush(PATIENCE).unwrap();
    assert_eq!(guard.stats().recovered(), RECORDS);
}

#[test]
fn a_log_file_is_recovered_by_whatever_path_it_is_named() {
    let Some((directory, session)) = directories() else {
        return;
    };
    let log_directory = directory.path().join("logs");
    fs::create_dir(&log_directory).unwrap();
    let play = || {
        let prepare = |command: &mut Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.env("XDG_RUNTIME_DIR", session.path());
            command.env(LOG, log_directory.join("app.jsonl"));
        };
        let child = spawn_child(prepare, || {
            if told(LOG).exists() {
                let detour = told(LOG).with_file_name("../logs/app.jsonl");
                let report = offloop::recover(detour).unwrap();
                assert_eq!(report.recovered, RECORDS, "{report:?}");
                return;
            }
            let _guard = offloop::builder().file(told(LOG)).init().unwrap();
            let _stalled = stall();
            log(RECORDS);
            kill_process(getpid(), Signal::KILL).unwrap();
        });
        child.wait_with_output().unwrap().status
    };
    assert_eq!(play().signal(), Some(Signal::KILL.as_raw()));
    assert!(has_played(play()));
}

#[test]
fn what_was_left_is_found_by_a_start_that_is_told_of_no_session() {
    let Some((log_directory, session)) = directories() else {
        return;
    };
    let play = |session: Option<&Path>| {
        let prepare = |command: &mut Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.env(LOG, log_directory.path().join("app.jsonl"));
            match session {
                Some(session) => command.env("XDG_RUNTIME_DIR", session),
                None => command.env_remove("XDG_RUNTIME_DIR"),
            };
        };
        let child = spawn_child(prepare, || {
            let is_next = told(LOG).exists();
            let guard = offloop::builder().file(told(LOG)).init().unwrap();
            if is_next {
                guard.flush(PATIENCE).unwrap();
                assert_eq!(guard.stats().recovered(), RECORDS);
                return;
            }
            let _stalled = stall();
            log(RECORDS);
            kill_process(getpid(), Signal::KILL).unwrap();
        });
        child.wait_with_output().unwrap().status
    };
    let first = play(Some(session.path()));
    assert_eq!(first.signal(), Some(Signal::KILL.as_raw()));
    // Sessions end.
    drop(session);
    assert!(has_played(play(None)));
}

#[test]
fn that_the_pages_were_removed_is_said_once_and_shows_in_the_stats() {
    let Some((log_directory, pages)) = directories() else {
        return;
    };
    let (told, said) = mpsc::channel();
    let builder = offloop::builder().file(log_directory.path().join("app.jsonl"));
    let (_layer, guard) = builder
        .crash_directory(pages.path())
        .on_error(move |why| told.send(why.to_owned()).unwrap_or_default())
        .build::<tracing_subscriber::Registry>()
        .unwrap();
    assert!(is_safe(&guard));
    let file = &files_in(pages.path())[0];
    fs::remove_file(file).unwrap();
    wait_until(|| {
        guard.flush(PATIENCE).unwrap();
        !is_safe(&guard)
    });
    guard.flush(PATIENCE).unwrap();
    assert!(guard.shutdown(PATIENCE).is_complete());
    // Not of what others' dead processes have left on this machine.
    let is_own = |why: &String| !why.contains("for other log files");
    let said: Vec<String> = said.try_iter().filter(is_own).collect();
    let expected = format!("{} was removed: records", file.display());
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with(&expected), "{said:?}");
}

#[test]
fn nothing_is_left_of_a_process_that_ends_in_order() {
    let Some((log_directory, pages)) = directories() else {
        return;
    };
    let prepare = |command: &mut Command| tell(command, log_directory.path(), pages.path());
    in_child_with(prepare, || {
        let guard = builder().init().unwrap();
        assert!(is_safe(&guard));
        log(RECORDS);
        assert_eq!(files_in(&told(PAGES)).len(), 1);
        let _ = guard;
    });
    assert_eq!(files_in(pages.path()), [] as [PathBuf; 0]);
    let lines = fs::read_to_string(log_directory.path().join("app.jsonl")).unwrap();
    assert_eq!(json_lines(&lines).len() as u64, RECORDS);
}

#[test]
fn nothing_is_left_after_a_shutdown_and_later_records_are_written_all_the_same() {
    let Some((log_directory, pages)) = directories() else {
        return;
    };
    let prepare = |command: &mut Command| tell(command, log_directory.path(), pages.path());
    in_child_with(prepare, || {
        let guard = builder().init().unwrap();
        log(RECORDS);
        assert!(guard.shutdown(PATIENCE).is_complete());
        assert_eq!(files_in(&told(PAGES)), [] as [PathBuf; 0]);
        log(RECORDS);
    });
    assert_eq!(files_in(pages.path()), [] as [PathBuf; 0]);
    let lines = fs::read_to_string(log_directory.path().join("app.jsonl")).unwrap();
    assert_eq!(json_lines(&lines).len() as u64, 2 * RECORDS);
}

#[test]
fn what_an_exit_has_no_time_for_stays_in_the_file() {
    let Some((log_directory, pages)) = directories() else {
        return;
    };
    let prepare = |command: &mut Command| tell(command, log_directory.path(), pages.path());
    in_child_with(prepare, || {
        let impatient = builder().exit_timeout(std::time::Duration::ZERO);
        let _guard = impatient.init().unwrap();
        // The process ends while the lock is held.
        Box::leak(Box::new(stall()));
        log(RECORDS);
    });
    let files = files_in(pages.path());
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(records_in(&files[0]), RECORDS);

    offloop::recover(pages.path()).unwrap();
    let lines = fs::read_to_string(log_directory.path().join("app.jsonl")).unwrap();
    let notice = &json_lines(&lines)[RECORDS as usize];
    assert_eq!(notice["ended"], "in order, before all was written");
}

#[test]
fn pipelines_without_a_file_make_none_and_nor_do_those_that_are_told_not_to() {
    let Some((log_directory, pages)) = directories() else {
        return;
    };
    let path = log_directory.path().join("app.jsonl");
    let memory = offloop::Memory::new();
    for builder in [
        offloop::builder().memory(&memory),
        offloop::builder().file(&path).crash_safe(false),
        offloop::builder().file(&path).budget(64 << 10),
    ] {
        let builder = builder.crash_directory(pages.path()).on_error(|_| {});
        let (_layer, guard) = builder.build::<tracing_subscriber::Registry>().unwrap();
        assert!(!is_safe(&guard));
        assert_eq!(files_in(pages.path()), [] as [PathBuf; 0]);
    }
}

/// Has `command` run where there is a small tmpfs at `pages`, which nobody else sees.
fn with_small_tmpfs(command: &mut Command, pages: &Path) {
    let mut unshare = Command::new("unshare");
    let script = "mount -t tmpfs -o size=600k,mode=0700 none \"$0\" && exec \"$@\"";
    unshare.args(["-m", "sh", "-c", script]).arg(pages);
    wrap(command, unshare);
}

fn can_mount() -> bool {
    let mut unshare = Command::new("unshare");
    let probe = unshare.args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]);
    let can = probe.output().is_ok_and(|output| output.status.success());
    if !can {
        skip("mounting a tmpfs takes more rights");
    }
    can
}

#[test]
fn a_tmpfs_that_fills_up_costs_crash_safety_and_nothing_else() {
    if !can_mount() {
        return;
    }
    let log_directory = tempfile::tempdir().unwrap();
    let pages = tempfile::tempdir().unwrap();
    let prepare = |command: &mut Command| {
        tell(command, log_directory.path(), pages.path());
        with_small_tmpfs(command, pages.path());
    };
    const MANY: u64 = 40_000;
    let output = in_child_with(prepare, || {
        let guard = builder().budget(8 << 20).init().unwrap();
        assert!(is_safe(&guard));
        let stalled = stall();
        log(MANY);
        assert!(!is_safe(&guard));
        drop(stalled);
        guard.flush(PATIENCE).unwrap();
        assert_eq!(guard.stats().lost(), 0);
        log(MANY);
        assert!(guard.shutdown(PATIENCE).is_complete());
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no room in"), "{said}");
    let lines = fs::read_to_string(log_directory.path().join("app.jsonl")).unwrap();
    let lines = json_lines(&lines);
    let records = lines.iter().filter(|line| line["target"] != "offloop");
    let numbers: Vec<_> = records
        .map(|line| line["number"].as_u64().unwrap())
        .collect();
    assert!(numbers.into_iter().eq((0..MANY).chain(0..MANY)));
}

#[test]
fn a_tmpfs_without_any_room_is_said_and_the_pipeline_starts() {
    if !can_mount() {
        return;
    }
    let log_directory = tempfile::tempdir().unwrap();
    let pages = tempfile::tempdir().unwrap();
    let prepare = |command: &mut Command| {
        tell(command, log_directory.path(), pages.path());
        with_small_tmpfs(command, pages.path());
    };
    let output = in_child_with(prepare, || {
        let hog = fs::write(told(PAGES).join("hog"), vec![1; 1 << 20]);
        assert!(hog.is_err(), "the tmpfs is full");
        let guard = builder().init().unwrap();
        assert!(!is_safe(&guard));
        log(RECORDS);
        assert!(guard.shutdown(PATIENCE).is_complete());
        assert_eq!(files_in(&told(PAGES)), [told(PAGES).join("hog")]);
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("make a file of pages in"), "{said}");
    let lines = fs::read_to_string(log_directory.path().join("app.jsonl")).unwrap();
    assert_eq!(json_lines(&lines).len() as u64, RECORDS);
}
