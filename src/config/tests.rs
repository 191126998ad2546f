#[cfg(all(feature = "config", feature = "time-zones"))]
mod keys;
mod round_trip;

use std::time::Duration;

use super::Builder;
use crate::Memory;
use crate::channel::overflow::Overflow;
use crate::channel::sync::Instant;
use crate::drain::line::Content;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Logs a line and ends as the process would.
fn check(describe: impl FnOnce(Builder) -> Builder) {
    let memory = Memory::new();
    let builder = describe(crate::builder().memory(&memory));
    let pipeline = builder.start(Content::Lines).unwrap();
    pipeline.push(2, b"line\n");
    pipeline.running().end_with_process(Instant::now());
    assert_eq!(memory.text(), "line\n");
}

#[test]
fn no_setting_is_too_small() {
    check(|builder| builder.budget(0));
    check(|builder| builder.write_delay(Duration::ZERO));
    check(|builder| {
        builder.overflow(Overflow::Block {
            at_most: Duration::ZERO,
        })
    });
}

#[test]
fn no_setting_is_too_large() {
    check(|builder| builder.exit_timeout(Duration::MAX));
    check(|builder| builder.write_delay(Duration::MAX));
    check(|builder| {
        builder.overflow(Overflow::Block {
            at_most: Duration::MAX,
        })
    });
    // Its queues alone would keep Miri busy for minutes.
    if !cfg!(miri) {
        check(|builder| builder.budget(usize::MAX));
    }
}

#[test]
fn no_time_out_of_a_guard_is_too_long() {
    let (writer, guard) = crate::builder().non_blocking(std::io::sink()).unwrap();
    guard.flush(Duration::MAX).unwrap();
    assert!(guard.shutdown(Duration::MAX).is_complete());
    drop(writer);
    assert!(guard.flush(TIMEOUT).is_ok(), "it can be asked again");
}
