//! One program, two loggers, every way to end: it logs 2,000 records and is gone.

use std::any::Any;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

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
        "abort" => {
            log_all(0..RECORDS);
            std::process::abort();
        }
        "SIGTERM" => end_by(Signal::TERM, Duration::ZERO),
        "SIGINT" => {
            system::mind_interrupts();
            end_by(Signal::INT, Duration::ZERO);
        }
        "SIGSEGV" => end_by(Signal::SEGV, Duration::ZERO),
        "SIGKILL at once" => end_by(Signal::KILL, Duration::ZERO),
        "SIGKILL after 0.3 s" => end_by(Signal::KILL, Duration::from_millis(300)),
        "SIGKILL after 1.5 s" => end_by(Signal::KILL, Duration::from_millis(1_500)),
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

/// Logs everything, and is gone after a while.
fn end_by(signal: Signal, after: Duration) {
    log_all(0..RECORDS);
    // Not to wait for anything: how long it lives is what the scenario is about.
    thread::sleep(after);
    // More than once: the standard library takes the first SIGSEGV, and lets the fault come again.
    loop {
        kill_process(getpid(), signal).unwrap();
        thread::yield_now();
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
