//! What is to be done for all sinks is done whichever of them stalls.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc;

use offloop::Builder;
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use crate::support::{Gate, PATIENCE, Program, directory_for_pages, wait_until};

/// A log file whose pages outlive the process, and where both lie.
struct Directories {
    directory: TempDir,
    pages: TempDir,
}

impl Directories {
    fn new() -> Option<Directories> {
        Some(Directories {
            directory: tempfile::tempdir().unwrap(),
            pages: directory_for_pages()?,
        })
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("app.jsonl")
    }

    fn behind(&self, builder: Builder) -> Builder {
        builder.file(self.log()).crash_directory(self.pages.path())
    }

    /// Removes the file of pages, as somebody does who cleans up.
    fn remove_pages(&self) -> PathBuf {
        let mut files = fs::read_dir(self.pages.path()).unwrap();
        let file = files.next().unwrap().unwrap().path();
        fs::remove_file(&file).unwrap();
        file
    }
}

/// What is to be noticed while nobody but a stalled sink is there, or one beside it.
fn check_removal_is_noticed(
    directories: &Directories,
    builder: Builder,
    stall: impl FnOnce(&Program),
) {
    let (told, said) = mpsc::channel();
    let tell = move |why: &str| told.send(why.to_owned()).unwrap_or_default();
    let program = Program::start(directories.behind(builder).on_error(tell));
    let is_safe = || {
        let sinks = program.guard.stats().sinks;
        sinks.iter().any(|sink| sink.crash_safety.is_safe())
    };
    assert!(is_safe());
    stall(&program);
    let removed = directories.remove_pages();
    wait_until(|| !is_safe());
    let expected = format!("{} was removed", removed.display());
    let mut said = std::iter::from_fn(|| said.recv_timeout(PATIENCE).ok());
    assert!(said.any(|text| text.starts_with(&expected)));
}

#[test]
fn that_the_pages_are_gone_is_noticed_although_the_first_sink_stalls() {
    let Some(directories) = Directories::new() else {
        return;
    };
    let gate = Gate::default();
    let builder = offloop::builder().writer(gate.before(io::sink()));
    check_removal_is_noticed(&directories, builder, |program| {
        program.run(|| tracing::info!("stuck"));
        gate.wait_until_stalled();
    });
    gate.open();
}

#[test]
fn that_the_pages_are_gone_is_noticed_although_the_only_sink_stalls() {
    let Some(directories) = Directories::new() else {
        return;
    };
    let other = File::create(directories.log()).unwrap();
    check_removal_is_noticed(&directories, offloop::builder(), |program| {
        flock(&other, FlockOperation::LockExclusive).unwrap();
        program.run(|| tracing::info!("stuck"));
        // The lock is held for a second before that counts as a failure.
        wait_until(|| program.guard.stats().sinks[0].is_failing);
    });
    flock(&other, FlockOperation::Unlock).unwrap();
}
