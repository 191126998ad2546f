//! Logs that the library wrote.

use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use offloop::{Builder, Format, Sink};
use tracing_subscriber::layer::SubscriberExt;

/// Longer than anything here takes. Only a hang gets there.
const PATIENCE: Duration = Duration::from_secs(60);

/// Logs `count` records to a pipeline, and ends it once all are written or lost.
pub(crate) fn write(builder: Builder, count: u64, before_the_end: impl FnOnce()) {
    let (layer, guard) = builder.build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..count {
            tracing::info!(number, "record");
        }
    });
    before_the_end();
    assert_eq!(guard.shutdown(PATIENCE).pending, 0);
}

pub(crate) fn write_file(path: &Path, count: u64) {
    write(offloop::builder().file(path), count, || {});
}

/// Logs to a file in a format.
pub(crate) fn write_formatted(path: &Path, format: Format, count: u64) {
    let sink = Sink::file(path).format(format);
    write(offloop::builder().sink(sink), count, || {});
}

/// Logs so many records to a file that stalls that some find no room.
pub(crate) fn write_with_losses(path: &Path, format: Format) {
    let (open, is_open) = mpsc::channel();
    let writer = Stalled {
        is_open,
        file: std::fs::File::create(path).unwrap(),
    };
    let sink = Sink::writer(writer).format(format);
    let builder = offloop::builder().sink(sink).budget(64 << 10);
    let builder = builder.on_error(|_| {});
    write(builder, 10_000, || drop(open));
}

/// A file that takes nothing until the other end of the channel is dropped.
struct Stalled {
    is_open: Receiver<()>,
    file: std::fs::File,
}

impl Write for Stalled {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let _ = self.is_open.recv();
        self.file.write(lines)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
