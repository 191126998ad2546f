//! One program, two loggers, every way to end: it logs 2,000 records and is gone.

use std::any::Any;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::system::{self, Side};
use crate::{builder, log_all};

const RECORDS: u64 = 2_000;

pub(crate) fn run(directory: &Path, logger: &str, ending: &str, disk: &str) {
    let guard = match logger {
        "offloop" if disk == "slow disk" => install_with_writer(directory),
        "offloop" => Box::new(builder(directory).init().unwrap()),
        "tracing-appender" => install_tracing_appender(directory, disk),
        _ => panic!("no such logger: {logger}"),
    };
    match ending {
        "return" => log_all(0..RECORDS),
        "guard dropped at once" => {
            drop(guard);
            log_all(0..RECORDS);
        }
        "exit" => {
            log_all(0..RECORDS);
            std::process::exit(0);
        }
        // Unwinds or aborts: that depends on how the program was built.
        "panic" | "panic=abort" => {
            log_all(0..RECORDS);
            panic!("this panic is part of the test");
        }
        "fork child" => match system::fork() {
            Side::Parent(child) => system::wait_for(child),
            Side::Child => log_all(0..RECORDS),
        },
        "fork parent" => match system::fork() {
            Side::Parent(child) => {
                log_all(0..RECORDS);
                system::wait_for(child);
            }
            Side::Child => system::leave(0),
        },
        _ => panic!("no such ending: {ending}"),
    }
}

fn open(directory: &Path) -> File {
    let mut options = OpenOptions::new();
    let options = options.create(true).append(true);
    options.open(directory.join("app.jsonl")).unwrap()
}

/// A file on a disk that takes its time.
struct SlowFile(File);

impl Write for SlowFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        thread::sleep(Duration::from_millis(1));
        self.0.write(lines)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn install_with_writer(directory: &Path) -> Box<dyn Any> {
    let writer = SlowFile(open(directory));
    Box::new(offloop::builder().writer(writer).init().unwrap())
}

/// As its documentation says: the guard lives as long as `main`.
fn install_tracing_appender(directory: &Path, disk: &str) -> Box<dyn Any> {
    let (writer, guard) = if disk == "slow disk" {
        tracing_appender::non_blocking(SlowFile(open(directory)))
    } else {
        tracing_appender::non_blocking(open(directory))
    };
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true);
    subscriber.with_writer(writer).init();
    Box::new(guard)
}
