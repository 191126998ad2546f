//! One program, two loggers, every way to end: it logs 2,000 records and is gone.

use std::any::Any;
use std::fs::OpenOptions;
use std::path::Path;

use crate::system::{self, Side};
use crate::{builder, log_all};

const RECORDS: u64 = 2_000;

pub(crate) fn run(directory: &Path, logger: &str, ending: &str) {
    let guard = match logger {
        "offloop" => Box::new(builder(directory).init().unwrap()),
        "tracing-appender" => install_tracing_appender(directory),
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

/// As its documentation says: the guard lives as long as `main`.
fn install_tracing_appender(directory: &Path) -> Box<dyn Any> {
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true);
    let file = file.open(directory.join("app.jsonl")).unwrap();
    let (writer, guard) = tracing_appender::non_blocking(file);
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true);
    subscriber.with_writer(writer).init();
    Box::new(guard)
}
