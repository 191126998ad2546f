//! Ways for a process to end, or to go on where it might have ended.

use std::cell::RefCell;
use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use offloop::{Memory, Overflow};
use serde_json::json;

use crate::system;
use crate::{IMPATIENCE, PATIENCE, builder, log, log_all, shut_down, tell_stats};

const THREADS: u64 = 8;

/// Numbers of one thread are this far from those of the next.
const STRIDE: u64 = 10_000;

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

pub(crate) fn task_panics(directory: &Path) {
    let guard = builder(directory).init().unwrap();
    runtime().block_on(async {
        log(0);
        let outcome = tokio::spawn(async { panic!("the handler failed") }).await;
        assert!(outcome.is_err());
        log(1);
    });
    shut_down(&guard, PATIENCE);
    tell_stats(&guard.stats());
}

/// A value whose text begins well.
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("so far so good")?;
        panic!("this panic is part of the test");
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

pub(crate) fn value_panics(directory: &Path) {
    let guard = builder(directory).init().unwrap();
    tracing::info!(number = 0, value = %Broken, "displayed");
    tracing::info!(number = 1, value = ?Broken, "debugged");
    let _in_span = tracing::info_span!("span", span_value = ?Broken).entered();
    tracing::info!(number = 2, "in a span");
    shut_down(&guard, PATIENCE);
    tell_stats(&guard.stats());
}

/// Panics, or logs a value that does, while it is dropped.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        // This one is caught, and the record kept.
        tracing::info!(number = 1_000, value = ?Broken, "logged while unwinding");
        panic!("the second of two panics");
    }
}

pub(crate) fn double_panic(directory: &Path) {
    let _guard = builder(directory).init().unwrap();
    log_all(0..1_000);
    let _bomb = PanicsOnDrop;
    panic!("the first of two panics");
}

pub(crate) fn abort(directory: &Path) {
    let _guard = builder(directory).init().unwrap();
    log_all(0..1_000);
    std::process::abort();
}

pub(crate) fn signal(directory: &Path) {
    let guard = builder(directory).init().unwrap();
    runtime().block_on(async {
        let is_over = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..THREADS)
            .map(|task| tokio::spawn(log_until(Arc::clone(&is_over), task * STRIDE * 100)))
            .collect();
        let mut signal = std::pin::pin!(offloop::shutdown_signal());
        // Its handlers are in place once it was polled.
        assert!(!is_ready(signal.as_mut()).await);
        println!("{}", json!("ready"));
        signal.await;
        is_over.store(true, Ordering::Relaxed);
        let mut logged = 0;
        for task in tasks {
            logged += task.await.unwrap();
        }
        let report = guard.shutdown_async(PATIENCE).await;
        assert_eq!((report.lost, report.pending), (0, 0));
        println!("{}", json!({ "logged": logged }));
    });
    tell_stats(&guard.stats());
}

/// A server of which a request never ends, and holds up all others.
pub(crate) fn signal_twice(directory: &Path) {
    let _guard = builder(directory).init().unwrap();
    runtime().block_on(async {
        let mut signal = std::pin::pin!(offloop::shutdown_signal());
        assert!(!is_ready(signal.as_mut()).await);
        println!("{}", json!("ready"));
        signal.await;
        log_all(0..1_000);
        println!("{}", json!("asked"));
        loop {
            thread::park();
        }
    });
}

async fn is_ready(mut future: std::pin::Pin<&mut impl Future>) -> bool {
    std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_ready()))
        .await
}

async fn log_until(is_over: Arc<AtomicBool>, start: u64) -> u64 {
    let mut logged = 0;
    while !is_over.load(Ordering::Relaxed) {
        log(start + logged);
        logged += 1;
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    logged
}

pub(crate) fn guard_dropped_while_threads_log(directory: &Path) {
    let guard = builder(directory).init().unwrap();
    let barrier = Arc::new(Barrier::new(THREADS as usize + 1));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || {
                let start = thread * STRIDE;
                log_all(start..start + 1_000);
                barrier.wait();
                log_all(start + 1_000..start + 2_000);
            })
        })
        .collect();
    barrier.wait();
    drop(guard);
    for thread in threads {
        thread.join().unwrap();
    }
}

pub(crate) fn log_after_shutdown(directory: &Path) {
    let guard = builder(directory).init().unwrap();
    log_all(0..100);
    shut_down(&guard, PATIENCE);
    for number in 100..200 {
        log(number);
        // Written by the log call itself: it is there at once.
        let text = fs::read_to_string(directory.join("app.jsonl")).unwrap();
        assert_eq!(text.lines().count() as u64, number + 1);
    }
    let other = thread::spawn(|| log_all(200..300));
    other.join().unwrap();
    shut_down(&guard, PATIENCE);
    tell_stats(&guard.stats());
}

pub(crate) fn log_after_shutdown_with_stalled_reader(directory: &Path) {
    let fifo = directory.join("fifo");
    let _reader = system::stalled_fifo(&fifo);
    let builder = offloop::builder().file(fifo).exit_timeout(IMPATIENCE);
    let guard = builder.init().unwrap();
    log_all(0..5_000);
    shut_down(&guard, IMPATIENCE);
    let other = thread::spawn(|| log_all(5_000..6_000));
    log_all(6_000..7_000);
    other.join().unwrap();
    tell_stats(&guard.stats());
}

/// A file that fails when it is told to.
struct Failing(fs::File, Arc<AtomicBool>);

impl Write for Failing {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.1.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write(lines)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn late_record_that_waits_for_the_exit(directory: &Path) {
    let file = fs::File::create(directory.join("app.jsonl")).unwrap();
    let fails = Arc::new(AtomicBool::new(false));
    let writer = Failing(file, Arc::clone(&fails));
    // So long the late record holds up its caller, and so long it has at the exit.
    let builder = offloop::builder().writer(writer);
    let guard = builder.exit_timeout(IMPATIENCE * 5).init().unwrap();
    log(0);
    shut_down(&guard, PATIENCE);
    // Another pipeline must not push the first one out of sight.
    let other = offloop::non_blocking(io::sink()).unwrap();
    fails.store(true, Ordering::Relaxed);
    log(1);
    fails.store(false, Ordering::Relaxed);
    tell_stats(&guard.stats());
    drop(other);
}

static HANDLER_RECORDS: AtomicU64 = AtomicU64::new(0);

extern "C" fn registered_before() {
    log_all(2 * STRIDE..2 * STRIDE + HANDLER_RECORDS.load(Ordering::Relaxed));
    tell_stats(&offloop::stats());
}

extern "C" fn registered_after() {
    log_all(STRIDE..STRIDE + HANDLER_RECORDS.load(Ordering::Relaxed));
}

pub(crate) fn exit_handlers(directory: &Path, count: u64) {
    HANDLER_RECORDS.store(count, Ordering::Relaxed);
    // Handlers run in the reverse order: this one after offloop's own.
    system::at_exit(registered_before);
    // Their records fit the budget, but not if each of them takes a page.
    let _guard = builder(directory).budget(256 << 10).init().unwrap();
    system::at_exit(registered_after);
    log_all(0..100);
}

/// Logs as its thread ends.
struct LogsOnDrop(u64);

impl Drop for LogsOnDrop {
    fn drop(&mut self) {
        log_all(self.0..self.0 + 10);
    }
}

thread_local! {
    static BEFORE: RefCell<Option<LogsOnDrop>> = const { RefCell::new(None) };
    static AFTER: RefCell<Option<LogsOnDrop>> = const { RefCell::new(None) };
}

/// Storage is destroyed in the reverse order of its first use: `BEFORE` when offloop's own is gone.
fn log_between_destructors(start: u64) {
    BEFORE.set(Some(LogsOnDrop(start + 100)));
    log_all(start..start + 10);
    AFTER.set(Some(LogsOnDrop(start + 200)));
}

pub(crate) fn thread_destructors(directory: &Path) {
    let _guard = builder(directory).init().unwrap();
    let threads =
        (1..=4).map(|thread| thread::spawn(move || log_between_destructors(thread * STRIDE)));
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
    log_between_destructors(0);
}

/// Ends the process as it is formatted.
struct Exits;

impl fmt::Debug for Exits {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::process::exit(0)
    }
}

pub(crate) fn exit_in_value(directory: &Path) {
    let _guard = builder(directory).init().unwrap();
    log_all(0..100);
    tracing::info!(value = ?Exits, "never ends");
}

impl Write for Exits {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        std::process::exit(0)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn exit_in_writer() {
    let guard = offloop::builder().writer(Exits).exit_timeout(IMPATIENCE);
    let guard = guard.init().unwrap();
    log(0);
    let _ = guard.flush(PATIENCE);
    panic!("the process should have ended");
}

pub(crate) fn exit_in_thread(directory: &Path) {
    let _guard = builder(directory).init().unwrap();
    let logged = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            log_all(0..1_000);
            while logged.load(Ordering::Relaxed) < 1_000 {
                thread::yield_now();
            }
            std::process::exit(0);
        });
        for number in STRIDE.. {
            log(number);
            logged.fetch_add(1, Ordering::Relaxed);
        }
    });
}

/// Logs as it is formatted.
struct Chatty(u32);

impl fmt::Debug for Chatty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if 0 < self.0 {
            tracing::info!(inner = ?Chatty(self.0 - 1), "nested");
        }
        write!(formatter, "depth {}", self.0)
    }
}

pub(crate) fn reentrant_with_full_budget(directory: &Path, overflow: &str) {
    let fifo = directory.join("fifo");
    let _reader = system::stalled_fifo(&fifo);
    let overflow = match overflow {
        "drop" => Overflow::DropNewest,
        _ => Overflow::Block {
            at_most: Duration::from_micros(10),
        },
    };
    let guard = offloop::builder()
        .file(fifo)
        .budget(64 << 10)
        .overflow(overflow)
        .exit_timeout(IMPATIENCE)
        .init()
        .unwrap();
    for _ in 0..2_000 {
        tracing::info!(value = ?Chatty(3), "outermost");
    }
    shut_down(&guard, IMPATIENCE);
    tell_stats(&guard.stats());
}

pub(crate) fn stalled_shutdown(directory: &Path, then: &str) {
    let fifo = directory.join("fifo");
    let mut reader = system::stalled_fifo(&fifo);
    let builder = offloop::builder().file(fifo);
    let builder = match then {
        "recovers" => builder.exit_timeout(PATIENCE),
        _ => builder.exit_timeout(IMPATIENCE),
    };
    let guard = builder.init().unwrap();
    log_all(0..5_000);
    shut_down(&guard, IMPATIENCE);
    tell_stats(&guard.stats());
    if then == "recovers" {
        // What was pending is written as the process ends, now that somebody reads.
        let mut file = fs::File::create(directory.join("app.jsonl")).unwrap();
        let written = guard.stats().written();
        thread::spawn(move || copy_for_ever(&mut reader, &mut file));
        while guard.stats().written() == written {
            thread::yield_now();
        }
    }
}

fn copy_for_ever(reader: &mut impl Read, file: &mut impl Write) {
    let mut bytes = [0; 4096];
    loop {
        match reader.read(&mut bytes) {
            Ok(count) => file.write_all(&bytes[..count]).unwrap(),
            Err(_) => thread::yield_now(),
        }
    }
}

pub(crate) fn full_disk() {
    let memory = Memory::new();
    let guard = offloop::builder()
        .file("/dev/full")
        .memory(&memory)
        .budget(1 << 20)
        .exit_timeout(IMPATIENCE)
        .init()
        .unwrap();
    log_all(0..1_000);
    // It is the other sink that the shutdown has no time for.
    while guard.stats().sinks[1].written.total() < 1_000 {
        thread::yield_now();
    }
    shut_down(&guard, IMPATIENCE);
    assert_eq!(memory.lines().len(), 1_000);
    tell_stats(&guard.stats());
}
