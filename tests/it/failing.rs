//! Sinks that fail.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing_subscriber::layer::SubscriberExt;

/// Refuses everything, and counts how often it was asked.
struct Refusing(Arc<AtomicU64>);

impl Write for Refusing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_fails_is_left_alone_for_a_while_however_many_records_find_no_room() {
    let attempts = Arc::new(AtomicU64::new(0));
    let (layer, guard) = offloop::builder()
        .writer(Refusing(Arc::clone(&attempts)))
        .on_error(|_| {})
        .budget(64 << 10)
        .exit_timeout(Duration::from_millis(10))
        .build()
        .unwrap();
    let began = Instant::now();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        for number in 0..200_000 {
            tracing::info!(number, "record");
        }
    });
    let stats = guard.stats();
    assert_eq!(stats.accepted.total(), stats.waiting() + stats.lost());
    // Ten milliseconds, doubled until it is half a second: six pauses, and two a second from then on.
    let attempts = attempts.load(Ordering::Relaxed);
    let attempts_max = 8 + began.elapsed().as_millis() as u64 / 500;
    assert!(attempts <= attempts_max, "{attempts} attempts");
}
