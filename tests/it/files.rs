//! Files in trouble: real errors of the system, each of which ends again.
//!
//! In every case: the service goes on, every record is there once, none is torn, the figures add
//! up, and the log says how long it took.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use offloop::{Guard, OnHangup, Rotation, Sink};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{
    PATIENCE, Program, check_numbers, in_child, in_child_with, json_lines, log_numbers,
    say_unchecked, wait_until, wrap,
};

fn is_failing(guard: &Guard) -> bool {
    guard.stats().sinks[0].is_failing
}

fn path_of_child() -> PathBuf {
    PathBuf::from(std::env::var_os("LOG_PATH").unwrap())
}

fn start_child() -> Guard {
    let builder = offloop::builder().file(path_of_child());
    builder.on_error(|_| {}).init().unwrap()
}

/// Ends a child that logged so many records, all of which must be written.
fn end_child(guard: &Guard, records: u64) {
    let report = guard.shutdown(PATIENCE);
    assert_eq!(
        (report.written, report.lost, report.pending),
        (records, 0, 0)
    );
}

/// The notices that the sink takes records again.
fn recoveries(lines: &[Value]) -> Vec<&Value> {
    let is_recovery = |line: &&Value| line["message"] == "sink recovered";
    lines.iter().filter(is_recovery).collect()
}

/// Every record is there once, and the trouble is told of.
#[track_caller]
fn check_recovered(text: &str, records: u64, error: &str) {
    let lines = json_lines(text);
    check_numbers(&lines, 0..records);
    let recoveries = recoveries(&lines);
    assert!(!recoveries.is_empty(), "no word of the trouble");
    for recovery in recoveries {
        let told = recovery["error"].as_str().unwrap();
        assert!(told.contains(error), "{told}");
        assert!(recovery["failed_ms"].is_u64());
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_disk_that_is_full_for_a_while_costs_nothing() {
    let directory = tempdir().unwrap();
    let disk = directory.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs {disk:?}; \"$@\"; played=$?; cat {disk:?}/app.jsonl; exit $played"
    );
    let namespace = ["--user", "--map-root-user", "--mount"];
    let Some(output) = in_namespace(&namespace, &script, &disk.join("app.jsonl"), || {
        let filler = path_of_child().with_file_name("filler");
        fs::write(&filler, vec![b'x'; 900 << 10]).unwrap();
        let guard = start_child();
        log_numbers(0..5_000);
        wait_until(|| is_failing(&guard));
        // As long as it lasts, the file ends with a whole line.
        json_lines(&read(&path_of_child()));
        assert_ne!(guard.stats().written(), 0);
        fs::remove_file(&filler).unwrap();
        log_numbers(5_000..5_010);
        end_child(&guard, 5_010);
    }) else {
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let begin = text.find("{\"timestamp\"").unwrap();
    check_recovered(&text[begin..], 5_010, "No space left on device");
}

/// Plays a scenario in namespaces of its own. `None` if the system does not allow that.
fn in_namespace<F: FnOnce()>(
    namespaces: &[&str],
    script: &str,
    path: &Path,
    scenario: F,
) -> Option<Output> {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(namespaces);
        command
    };
    // The child is there already.
    let is_child = std::env::var_os("LOG_PATH").is_some();
    let is_allowed = || unshare().arg("true").status();
    if !is_child && !is_allowed().is_ok_and(|status| status.success()) {
        say_unchecked("the system does not allow namespaces of one's own");
        return None;
    }
    let prepare = |command: &mut Command| {
        let mut shell = unshare();
        shell.args(["sh", "-c", script, "sh"]);
        wrap(command, shell);
        command.env("LOG_PATH", path);
    };
    Some(in_child_with(prepare, scenario))
}

/// Plays a scenario with errors put in by strace. `None` without strace.
fn with_injected<F: FnOnce()>(inject: &[&str], path: &Path, scenario: F) -> Option<Output> {
    if Command::new("strace").arg("--version").output().is_err() {
        say_unchecked("strace is not installed");
        return None;
    }
    let prepare = |command: &mut Command| {
        let mut strace = Command::new("strace");
        strace.args(["--follow-forks", "--output", "/dev/null", "--trace-path"]);
        strace.arg(path).args(inject);
        wrap(command, strace);
        command.env("LOG_PATH", path);
    };
    Some(in_child_with(prepare, scenario))
}

/// Three writes fail, from the second on.
fn check_injected<F: FnOnce()>(error: &str, message: &str, scenario: F) {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let inject = format!("--inject=write:error={error}:when=2..4");
    if with_injected(&[&inject], &path, scenario).is_some() {
        check_recovered(&read(&path), 1_000, message);
    }
}

fn log_in_portions(guard: &Guard) {
    for portion in 0..10 {
        log_numbers(portion * 100..portion * 100 + 100);
        guard.flush(PATIENCE).unwrap();
    }
    end_child(guard, 1_000);
}

#[test]
fn an_error_of_the_disk_costs_nothing_once_it_is_over() {
    check_injected("EIO", "Input/output error", || {
        let guard = start_child();
        log_in_portions(&guard);
    });
}

#[test]
fn a_quota_that_is_exceeded_for_a_while_costs_nothing() {
    check_injected("EDQUOT", "quota exceeded", || {
        let guard = start_child();
        log_in_portions(&guard);
    });
}

#[test]
fn a_file_system_that_is_read_only_for_a_while_costs_nothing() {
    check_injected("EROFS", "Read-only file system", || {
        let guard = start_child();
        log_in_portions(&guard);
    });
}

#[test]
fn a_write_that_is_interrupted_is_no_failure() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let inject = ["--inject=write:error=EINTR:when=2..20"];
    if with_injected(&inject, &path, || {
        let guard = start_child();
        log_in_portions(&guard);
    })
    .is_some()
    {
        let lines = json_lines(&read(&path));
        check_numbers(&lines, 0..1_000);
        assert!(recoveries(&lines).is_empty());
    }
}

#[test]
fn a_file_system_without_locks_is_warned_of_and_written_to() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let scenario = || {
        let guard = offloop::builder().file(path_of_child()).init().unwrap();
        log_numbers(0..1_000);
        end_child(&guard, 1_000);
    };
    let inject = ["--inject=flock:error=ENOLCK"];
    if let Some(output) = with_injected(&inject, &path, scenario) {
        check_numbers(&json_lines(&read(&path)), 0..1_000);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.matches("the file system has no locks").count(), 1);
    }
}

fn limit(resource: Resource, current: Option<u64>) {
    let maximum = getrlimit(resource).maximum;
    let current = current.or(maximum);
    setrlimit(resource, Rlimit { current, maximum }).unwrap();
}

/// Beyond that limit a write would end the process by a signal, which the program has not ignored.
#[test]
fn a_limit_on_the_length_of_files_does_not_end_the_program() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    in_child_with(
        |command| {
            command.env("LOG_PATH", &path);
        },
        || {
            // In the middle of a line.
            limit(Resource::Fsize, Some(12_345));
            let guard = start_child();
            log_numbers(0..1_000);
            wait_until(|| is_failing(&guard));
            assert_ne!(guard.stats().written(), 0);
            json_lines(&read(&path_of_child()));
            limit(Resource::Fsize, None);
            end_child(&guard, 1_000);
        },
    );
    check_recovered(&read(&path), 1_000, "File too large");
}

#[test]
fn a_program_without_a_descriptor_left_opens_its_file_once_there_is_one() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let old = directory.path().join("app.1.jsonl");
    in_child_with(
        |command| {
            command.env("LOG_PATH", &path);
        },
        || {
            let guard = start_child();
            log_numbers(0..10);
            guard.flush(PATIENCE).unwrap();
            limit(Resource::Nofile, Some(0));
            rename_aside();
            log_numbers(10..20);
            wait_until(|| is_failing(&guard));
            limit(Resource::Nofile, None);
            end_child(&guard, 20);
        },
    );
    check_recovered(&(read(&old) + &read(&path)), 20, "Too many open files");
}

fn rename_aside() {
    let path = path_of_child();
    fs::rename(&path, path.with_file_name("app.1.jsonl")).unwrap();
}

#[test]
fn a_directory_that_is_removed_and_in_the_way_is_created_again() {
    let directory = tempdir().unwrap();
    let logs = directory.path().join("logs");
    let path = logs.join("app.jsonl");
    let program = Program::start(offloop::builder().file(&path).on_error(|_| {}));
    program.run(|| log_numbers(0..10));
    program.guard.flush(PATIENCE).unwrap();
    let before = read(&path);

    fs::remove_dir_all(&logs).unwrap();
    program.run(|| log_numbers(10..20));
    program.guard.flush(PATIENCE).unwrap();
    let between = read(&path);

    fs::remove_dir_all(&logs).unwrap();
    File::create(&logs).unwrap();
    program.run(|| log_numbers(20..30));
    wait_until(|| is_failing(&program.guard));
    fs::remove_file(&logs).unwrap();
    assert_eq!(program.end().written(), 30);
    check_recovered(&(before + &between + &read(&path)), 30, "");
}

#[test]
fn a_file_that_nobody_may_write_to_gets_the_records_once_somebody_may() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let program = Program::start(offloop::builder().file(&path).on_error(|_| {}));
    program.run(|| log_numbers(0..10));
    program.guard.flush(PATIENCE).unwrap();
    let before = read(&path);
    // Root may write to any file, but nobody to a directory.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    program.run(|| log_numbers(10..20));
    wait_until(|| is_failing(&program.guard));
    fs::remove_dir(&path).unwrap();
    assert_eq!(program.end().written(), 20);
    check_recovered(&(before + &read(&path)), 20, "Is a directory");
}

#[test]
fn a_file_that_another_process_keeps_locked_gets_the_records_after_that() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let program = Program::start(offloop::builder().file(&path).on_error(|_| {}));
    let lock = File::open(&path).unwrap();
    lock.lock().unwrap();
    program.run(|| log_numbers(0..10));
    wait_until(|| is_failing(&program.guard));
    drop(lock);
    assert_eq!(program.end().written(), 10);
    check_recovered(&read(&path), 10, "another process keeps the file locked");
}

#[test]
fn a_file_that_cannot_be_renamed_goes_on_and_that_is_said_once() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    File::create(&path).unwrap();
    fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o500)).unwrap();
    // There, root is as anybody else to this directory.
    let output = in_namespace(&["--user"], "exec \"$@\"", &path, || {
        let rotation = Rotation::on_demand().at_bytes(10_000);
        let sink = Sink::file(path_of_child()).rotation(rotation);
        let guard = offloop::builder().sink(sink).init().unwrap();
        log_numbers(0..1_000);
        end_child(&guard, 1_000);
    });
    fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o700)).unwrap();
    if let Some(output) = output {
        check_numbers(&json_lines(&read(&path)), 0..1_000);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            said.matches("Permission denied (os error 13); it goes on")
                .count(),
            1,
            "{said}"
        );
    }
}

#[test]
fn a_hangup_has_the_files_opened_anew_and_does_not_end_the_program() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    in_child_with(
        |command| {
            command.env("LOG_PATH", &path);
        },
        || {
            let builder = offloop::builder().file(path_of_child());
            let guard = builder.on_hangup(OnHangup::Reopen).init().unwrap();
            log_numbers(0..10);
            guard.flush(PATIENCE).unwrap();
            rename_aside();
            kill_process(rustix::process::getpid(), Signal::HUP).unwrap();
            // Without a record that would need it.
            wait_until(|| path_of_child().exists());
            log_numbers(10..20);
            end_child(&guard, 20);
        },
    );
    let old = read(&directory.path().join("app.1.jsonl"));
    check_numbers(&json_lines(&old), 0..10);
    check_numbers(&json_lines(&read(&path)), 10..20);
}

#[test]
fn a_new_file_has_the_mode_that_the_sink_was_given_and_its_owner_can_go_on_with_it() {
    for (given, expected) in [(0o600, 0o600), (0o700, 0o700), (0, 0o600)] {
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        Program::start(offloop::builder().sink(Sink::file(&path).mode(given))).end();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, expected, "{given:o}");
    }
}

#[test]
fn a_directory_where_everybody_may_replace_the_file_is_complained_of() {
    in_child(|| {
        let directory = tempdir().unwrap();
        fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let builder = offloop::builder().file(directory.path().join("app.jsonl"));
        let builder =
            builder.on_error(move |complaint| heard.lock().unwrap().push(complaint.to_owned()));
        let program = Program::start(builder);
        for round in 0..3 {
            program.run(|| log_numbers(round..round + 1));
            program.guard.reopen();
            program.guard.flush(PATIENCE).unwrap();
        }
        program.end();
        let said = said.lock().unwrap();
        // A start may have something to say of what others have left on this machine.
        let of_it = |said: &&String| said.contains("everybody may replace the file");
        assert_eq!(said.iter().filter(of_it).count(), 1, "{said:?}");
    });
}
