//! Allocators that log, and threads that stop in the middle of a log call: nobody waits for what they
//! were just making.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use offloop::request::{Arrival, Options, Outcome, Request, RequestContext, RequestLog};
use offloop::{Guard, Memory};
use serde_json::Value;

use crate::allocator::with_hook;
use crate::support::{PATIENCE, in_child};

/// More than one chunk of a request's detail has room for.
const RECORDS: usize = 200;

fn start(memory: &Memory) -> Guard {
    let builder = offloop::builder().memory(memory).filter("info");
    builder.request_detail("debug").init().unwrap()
}

/// A request whose records are all held back until it fails.
fn begin() -> Request {
    let options = Options::new().sample(0.0).detail_bytes(1 << 20);
    RequestLog::new(options).begin(Arrival::default(), &())
}

/// Runs `part` in another thread. Only a hang takes as long as this waits.
fn in_time(part: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        part();
        done.send(()).unwrap();
    });
    let result = is_done.recv_timeout(PATIENCE);
    assert_ne!(result, Err(RecvTimeoutError::Timeout), "it hangs");
    thread.join().unwrap();
}

/// How many records of requests have a message that begins so.
fn count(memory: &Memory, message: &str) -> usize {
    let lines = memory.lines();
    let records = lines.iter().map(|line| serde_json::from_str(line).unwrap());
    let is_one = |record: &Value| {
        let text = record["message"].as_str().unwrap_or_default();
        text.starts_with(message) && record["request_id"].is_string()
    };
    records.filter(is_one).count()
}

#[test]
fn what_an_allocator_logs_while_a_request_takes_a_record_is_taken_as_well() {
    in_child(|| {
        let memory = Memory::new();
        let guard = start(&memory);
        in_time(|| {
            let mut request = begin();
            let log_all = || (0..RECORDS).for_each(|number| tracing::debug!("detail {number}"));
            let log_allocation = || tracing::debug!("allocated");
            // `tracing` locks what it notes of a callsite that is new.
            log_all();
            log_allocation();
            request.run(|| with_hook(log_allocation, log_all));
            request.end(Outcome::ServiceError);
        });
        guard.flush(PATIENCE).unwrap();
        assert_eq!(count(&memory, "detail "), RECORDS);
        // What the ids of the request take, and the chunks.
        assert!(3 <= count(&memory, "allocated"));
        assert_eq!(count(&memory, "request"), 1);
    });
}

/// At which of its allocations a thread stops.
static STOPS_AT: AtomicI64 = AtomicI64::new(0);
static HAS_STOPPED: AtomicBool = AtomicBool::new(false);
static MAY_GO_ON: AtomicBool = AtomicBool::new(false);

fn stop() {
    if STOPS_AT.fetch_sub(1, Ordering::Relaxed) == 1 {
        HAS_STOPPED.store(true, Ordering::Relaxed);
        while !MAY_GO_ON.load(Ordering::Relaxed) {
            thread::yield_now();
        }
    }
}

/// Logs within the request, so that its ids are made, and memory for its detail.
fn log_a_chunkful(request: &RequestContext) {
    request.run(|| (0..RECORDS).for_each(|_| tracing::debug!("detail")));
}

/// One thread stops at an allocation, and others log for the same request meanwhile. Says whether it
/// came to so many.
fn stop_at(allocation: i64) -> bool {
    STOPS_AT.store(allocation, Ordering::Relaxed);
    HAS_STOPPED.store(false, Ordering::Relaxed);
    MAY_GO_ON.store(false, Ordering::Relaxed);
    let mut request = begin();
    let context = request.context().clone();
    let stopping = thread::spawn(move || {
        // What a thread makes for itself is made.
        tracing::info!("warm");
        with_hook(stop, || log_a_chunkful(&context));
    });
    while !HAS_STOPPED.load(Ordering::Relaxed) && !stopping.is_finished() {
        thread::yield_now();
    }
    let context = request.context().clone();
    in_time(move || log_a_chunkful(&context));
    MAY_GO_ON.store(true, Ordering::Relaxed);
    stopping.join().unwrap();
    request.end(Outcome::ServiceError);
    HAS_STOPPED.load(Ordering::Relaxed)
}

/// A forked child is such a case, for ever: it has none of the other threads.
#[test]
fn no_thread_waits_for_another_that_stops_where_it_makes_what_a_request_needs() {
    in_child(|| {
        let memory = Memory::new();
        let guard = start(&memory);
        // `tracing` locks what it notes of a callsite that is new.
        assert!(!stop_at(i64::MAX));
        let stops = (1..).take_while(|allocation| stop_at(*allocation)).count();
        assert!(3 <= stops, "{stops}");
        guard.flush(PATIENCE).unwrap();
        assert_eq!(count(&memory, "detail"), (stops + 2) * 2 * RECORDS);
    });
}
