//! A directory that nobody may change, root included.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, Mutex};

use offloop::{Rotation, Sink};
use rustix::fs::{IFlags, ioctl_setflags};
use tempfile::tempdir;

use crate::log_files::LogFiles;
use crate::support::{PATIENCE, Program, log_numbers, say_unchecked, wait_until};

/// As `chattr +i` has it: nobody may create, rename or remove anything there until this is dropped.
struct Immutable(File);

impl Immutable {
    /// `None` where the file system or the user cannot do that.
    fn make(directory: &Path) -> Option<Immutable> {
        let directory = File::open(directory).unwrap();
        match ioctl_setflags(&directory, IFlags::IMMUTABLE) {
            Ok(()) => Some(Immutable(directory)),
            Err(error) => {
                say_unchecked(&format!("no directory can be made immutable: {error}"));
                None
            }
        }
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        ioctl_setflags(&self.0, IFlags::empty()).unwrap();
    }
}

#[test]
fn a_directory_that_is_immutable_for_a_while_costs_nothing() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let sink = Sink::file(&path)
        .with_process()
        .rotation(Rotation::on_demand().at_bytes(10_000));
    let builder =
        offloop::builder().on_error(move |said| heard.lock().unwrap().push(said.to_owned()));
    let program = Program::start(builder.sink(sink));
    let log = |numbers| {
        program.run(|| log_numbers(numbers));
        program.guard.flush(PATIENCE).unwrap();
    };
    log(0..10);
    let Some(immutable) = Immutable::make(directory.path()) else {
        return;
    };
    log(10..1_000);
    assert!(10_000 < fs::metadata(&path).unwrap().len());
    let told = said.lock().unwrap().join("\n");
    assert_eq!(told.matches("it goes on").count(), 1, "{told}");
    drop(immutable);
    // It is tried again after a while.
    let logged = Cell::new(1_000);
    wait_until(|| {
        let first = logged.replace(logged.get() + 10);
        log(first..first + 10);
        1 < fs::read_dir(directory.path()).unwrap().count()
    });
    let stats = program.end();
    assert_eq!((stats.written(), stats.lost()), (logged.get(), 0));
    LogFiles::read(directory.path()).assert_once(1, logged.get());
}
