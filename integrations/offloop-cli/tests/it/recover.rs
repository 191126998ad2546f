//! `offloop recover`, with what a process left that really died.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tracing_subscriber::layer::SubscriberExt;

use crate::command::{Answer, offloop_with};

/// In a process that is to die: its log file.
const DIES: &str = "OFFLOOP_TEST_DIES";

/// A process that died, and what it left.
struct Dead {
    log: PathBuf,
    runtime: TempDir,
    _directory: TempDir,
}

impl Dead {
    fn new() -> Dead {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tempfile::tempdir_in("/dev/shm").unwrap();
        let log = directory.path().join("app.jsonl");
        let died = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "recover::a_process_dies_only_where_it_is_told_to",
            ])
            .env(DIES, &log)
            .env("XDG_RUNTIME_DIR", runtime.path())
            .env_remove("RUST_LOG")
            .output()
            .unwrap();
        assert!(!died.status.success());
        Dead {
            log,
            runtime,
            _directory: directory,
        }
    }

    fn offloop(&self, arguments: &[&str]) -> Answer {
        let runtime = self.runtime.path();
        offloop_with(arguments, |command| command.env("XDG_RUNTIME_DIR", runtime))
    }

    /// What is said of its leftover. Others may be there, of programs that this test does not know.
    fn listed(&self) -> Option<Value> {
        let listed = self.offloop(&["recover", "--list", "--json"]).json();
        let is_there =
            |leftover: &&Value| leftover["sinks"][0]["path"] == self.log.to_str().unwrap();
        listed.as_array().unwrap().iter().find(is_there).cloned()
    }

    /// The only leftover.
    fn leftover(&self) -> Option<PathBuf> {
        let mut entries = fs::read_dir(self.runtime.path().join("offloop")).unwrap();
        entries.next().map(|entry| entry.unwrap().path())
    }
}

/// How many lines there are, all of them whole, without notices.
fn records(log: &Path) -> Vec<u64> {
    let text = fs::read_to_string(log).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    { lines }
        .filter_map(|line| line["number"].as_u64())
        .collect()
}

#[test]
fn a_process_dies_only_where_it_is_told_to() {
    let Some(log) = std::env::var_os(DIES) else {
        return;
    };
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").unwrap();
    let builder = offloop::builder().crash_directory(Path::new(&runtime).join("offloop"));
    let (layer, _guard) = builder.file(&log).build().unwrap();
    // Lines are written under the file's lock: none is there before the process dies, however slow it is.
    let held = fs::File::open(&log).unwrap();
    held.lock().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        (0..100).for_each(|number| tracing::info!(number, "record"));
        std::process::abort();
    });
}

#[test]
fn what_a_dead_process_left_is_listed_recovered_once_and_gone() {
    let dead = Dead::new();
    let listed = dead.listed().unwrap();
    assert_eq!(listed["alive"], false);
    assert_eq!(listed["sinks"][0]["path"], dead.log.to_str().unwrap());
    let text = dead.offloop(&["recover", "--list"]).stdout;
    assert!(text.contains("dead, started"), "{text}");

    let waiting = listed["sinks"][0]["waiting"].as_u64().unwrap();
    let log = dead.log.to_str().unwrap();
    let verified = dead.offloop(&["verify", log]);
    assert_eq!(verified.code, Some(1));
    let how = format!("`offloop recover {log}` writes them");
    assert!(verified.stdout.contains(&how), "{}", verified.stdout);
    assert!(verified.stdout.contains("left to be recovered"));
    let verified = dead.offloop(&["verify", "--json", log]).json();
    assert_eq!(verified["whole"], false);
    assert_eq!(verified["waiting"][0]["process"], listed["process"]);
    assert_eq!(verified["waiting"][0]["records"], waiting);

    let directory = dead.runtime.path().join("offloop");
    let directory = directory.to_str().unwrap();
    let answer = dead.offloop(&["recover", "--json", directory]).json();
    assert_eq!(answer["whole"], true, "{answer}");
    // What was under way is counted in lines that were not there.
    assert!(
        answer["recovered"].as_u64().unwrap() <= waiting.max(100),
        "{answer}"
    );
    assert!(records(&dead.log).into_iter().eq(0..100));
    assert_eq!(dead.leftover(), None);
    assert_eq!(dead.offloop(&["verify", log]).code, Some(0));

    let again = dead.offloop(&["recover", directory]);
    assert_eq!(
        (again.code, &*again.stdout),
        (Some(0), "nothing to recover\n")
    );
    assert_eq!(dead.listed(), None);
}

#[test]
fn who_finds_nothing_hears_where_it_was_looked_for() {
    let runtime = tempfile::tempdir_in("/dev/shm").unwrap();
    let looked_into = runtime.path().join("offloop");
    let answer = offloop_with(["recover", "--list"], |command| {
        command.env("XDG_RUNTIME_DIR", runtime.path())
    });
    // Other programs may have left something.
    let is_empty = answer.stdout.starts_with("nothing left behind");
    let looked_into = looked_into.to_str().unwrap();
    assert!(
        !is_empty || answer.stdout.contains(looked_into),
        "{answer:?}"
    );
    assert!(
        !is_empty || answer.stdout.contains("/dev/shm/offloop-"),
        "{answer:?}"
    );
}

#[test]
fn a_log_file_or_a_leftover_may_be_named() {
    for names_leftover in [false, true] {
        let dead = Dead::new();
        let leftover = dead.leftover().unwrap();
        let named = if names_leftover { &leftover } else { &dead.log };
        let answer = dead.offloop(&["recover", named.to_str().unwrap()]);
        assert_eq!(answer.code, Some(0), "{answer:?}");
        assert!(records(&dead.log).into_iter().eq(0..100));
    }
}

#[test]
fn what_cannot_be_read_keeps_nothing_else_from_being_recovered() {
    let dead = Dead::new();
    let missing = dead.runtime.path().join("missing.pages");
    let paths = [missing.to_str().unwrap(), dead.log.to_str().unwrap()];
    let answer = dead.offloop(&["recover", paths[0], paths[1]]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("No such file"), "{answer:?}");
    assert!(
        answer
            .stdout
            .starts_with("100 records of 1 process recovered"),
        "{answer:?}"
    );
    assert!(records(&dead.log).into_iter().eq(0..100));
}

#[test]
fn a_damaged_leftover_is_said_and_set_aside() {
    let dead = Dead::new();
    let leftover = dead.leftover().unwrap();
    fs::write(&leftover, "no leftover").unwrap();
    let answer = dead.offloop(&["recover", leftover.to_str().unwrap()]);
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("is damaged; renamed"), "{answer:?}");
    assert!(leftover.with_extension("pages.damaged").exists());
    let missing = dead.offloop(&["recover", leftover.to_str().unwrap()]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("No such file"), "{missing:?}");
}
