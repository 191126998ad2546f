//! Processes that fork, and go on without `exec`.

use std::mem::ManuallyDrop;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Waker};
use std::thread;

use offloop::request::{Arrival, Options, Outcome, RequestId, RequestLog, TraceContext};
use offloop::{Guard, LossReason, Memory, Sink};
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;

use crate::system::{self, Side};
use crate::{IMPATIENCE, PATIENCE, builder, log, log_all, shut_down, tell_stats, with_own_pages};

const THREADS: u64 = 8;
const CHILD_RECORDS: u64 = 100;

/// Numbers of one thread are this far from those of the next.
const STRIDE: u64 = 1_000_000;

/// Forks again and again while eight threads log.
pub(crate) fn storm(directory: &Path, rounds: u64) {
    const BURST: u64 = 50;
    let guard = builder(directory).init().unwrap();
    let barrier = Arc::new(Barrier::new(THREADS as usize + 1));
    let threads = (0..THREADS).map(|thread| {
        let barrier = Arc::clone(&barrier);
        thread::spawn(move || {
            for round in 0..rounds {
                barrier.wait();
                let start = thread * STRIDE + round * BURST;
                log_all(start..start + BURST);
            }
        })
    });
    // The child has the handles, but not the threads.
    let mut threads = ManuallyDrop::new(threads.collect::<Vec<_>>());
    for round in 0..rounds {
        barrier.wait();
        let ending = ["flush and _exit", "_exit", "return", "exit"][round as usize % 4];
        match system::fork() {
            Side::Child => return end_child(ending, &guard),
            Side::Parent(child) => {
                let process = system::latest_child();
                println!("{}", json!({ "child": process, "ending": ending }));
                system::wait_for(child);
            }
        }
    }
    for thread in threads.drain(..) {
        thread.join().unwrap();
    }
    shut_down(&guard, PATIENCE);
    tell_stats(&guard.stats());
}

/// Forks while threads wait for receipts: the child is told no, and has receipts of its own. A flush that
/// was asked for before is none of its business.
pub(crate) fn audits(directory: &Path, rounds: u64) {
    let guard = builder(directory).init().unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let threads = (0..2).map(|_| {
        let is_over = Arc::clone(&is_over);
        thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                offloop::audit!("noise").wait(PATIENCE).unwrap();
            }
        })
    });
    let mut threads = ManuallyDrop::new(threads.collect::<Vec<_>>());
    for number in 0..rounds {
        let receipt = offloop::audit!(process = system::process(), number);
        let mut flushed = Box::pin(guard.flush_async());
        match system::fork() {
            Side::Child => {
                assert!(has_come(flushed.as_mut()));
                let inherited = receipt.wait(PATIENCE);
                let own = offloop::audit!(process = system::process(), number = 0).wait(PATIENCE);
                let answers = [inherited, own].map(|answer| format!("{answer:?}"));
                println!("{}", json!({ "receipts": answers }));
                return;
            }
            Side::Parent(child) => {
                system::wait_for(child);
                receipt.wait(PATIENCE).unwrap();
            }
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for thread in threads.drain(..) {
        thread.join().unwrap();
    }
}

/// Makes identifiers before each fork, and on both sides of it.
pub(crate) fn identifiers(rounds: u64) {
    tell_identifiers();
    for _ in 0..rounds {
        match system::fork() {
            Side::Child => return tell_identifiers(),
            Side::Parent(child) => {
                system::wait_for(child);
                tell_identifiers();
            }
        }
    }
}

/// The random part of a request's id, and all of a trace's.
fn tell_identifiers() {
    let id = RequestId::make();
    let (_, random) = id.as_str().split_at(19);
    let trace_id = *TraceContext::start().trace_id();
    println!(
        "{}",
        json!({ "random": random, "trace": trace_id.as_str() })
    );
}

fn end_child(ending: &str, guard: &Guard) {
    log_all(0..CHILD_RECORDS);
    match ending {
        "flush and _exit" => leave_after_flush(guard),
        "_exit" => system::leave(0),
        "exit" => std::process::exit(0),
        _ => {}
    }
}

fn leave_after_flush(guard: &Guard) -> ! {
    let flushed = guard.flush(PATIENCE);
    system::leave(i32::from(flushed.is_err()))
}

/// Four workers, as a server starts them, and their parent, all at once. Each tells its pid.
pub(crate) fn prefork(directory: &Path) {
    let sink = Sink::file(directory.join("app.jsonl"));
    let sink = sink.with_process().with_sequence();
    let _guard = with_own_pages().sink(sink).init().unwrap();
    let mut workers = Vec::new();
    for _ in 0..4 {
        match system::fork() {
            Side::Child => return tell_pid_and_log(),
            Side::Parent(worker) => workers.push(worker),
        }
    }
    tell_pid_and_log();
    workers.into_iter().for_each(system::wait_for);
}

/// A worker is killed before it has written anything, and its parent, which lives on, starts another one.
pub(crate) fn killed_worker(directory: &Path) {
    let guard = builder(directory).init().unwrap();
    log(0);
    guard.flush(PATIENCE).unwrap();
    match system::fork() {
        Side::Child => log_and_be_killed(directory),
        Side::Parent(worker) => assert_eq!(system::end_by(worker, 0), libc::SIGKILL),
    }
    match system::fork() {
        Side::Child => return log_all(0..CHILD_RECORDS),
        Side::Parent(worker) => system::wait_for(worker),
    }
    log(1);
    shut_down(&guard, PATIENCE);
}

/// Lines are written under the file's lock: none is there before the process dies, however slow it is.
fn log_and_be_killed(directory: &Path) -> ! {
    let held = std::fs::File::open(directory.join("app.jsonl")).unwrap();
    held.lock().unwrap();
    log_all(0..CHILD_RECORDS);
    system::send(std::process::id().cast_signed(), libc::SIGKILL);
    system::leave(1)
}

/// Tells how many log files a child that never logs has open.
pub(crate) fn silent(directory: &Path) {
    let guard = builder(directory).init().unwrap();
    log(0);
    guard.flush(PATIENCE).unwrap();
    match system::fork() {
        Side::Child => {
            let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
            let files = descriptors.filter_map(|descriptor| descriptor.path().read_link().ok());
            let open = files.filter(|file| file.extension() == Some("jsonl".as_ref()));
            println!("{}", json!({ "open": open.count() }));
        }
        Side::Parent(child) => {
            system::wait_for(child);
            log(1);
        }
    }
}

fn tell_pid_and_log() {
    println!("{}", json!({ "pid": std::process::id() }));
    log_all(0..1_000);
}

pub(crate) fn in_blocking_task(directory: &Path) {
    let guard = builder(directory).init().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        log_all(0..100);
        let in_task = guard.clone();
        let forking = tokio::task::spawn_blocking(move || match system::fork() {
            Side::Child => {
                log_all(0..CHILD_RECORDS);
                leave_after_flush(&in_task);
            }
            Side::Parent(child) => system::wait_for(child),
        });
        log_all(100..1_000);
        forking.await.unwrap();
    });
}

/// Forks with a sink beside the file that only the parent can use.
pub(crate) fn unusable_sink(directory: &Path) {
    let memory = Memory::new();
    let guard = builder(directory).memory(&memory).init().unwrap();
    log_all(0..100);
    match system::fork() {
        Side::Child => {
            log_all(0..CHILD_RECORDS);
            guard.flush(PATIENCE).unwrap();
            let stats = guard.stats();
            assert_eq!(stats.sinks[1].lost.by(LossReason::Fork), CHILD_RECORDS);
            tell_stats(&stats);
        }
        Side::Parent(child) => {
            system::wait_for(child);
            log_all(100..200);
            guard.flush(PATIENCE).unwrap();
            assert_eq!(memory.lines().len(), 200);
            tell_stats(&guard.stats());
        }
    }
}

/// Forks with the budget used up and a reader that does not read.
pub(crate) fn stalled(directory: &Path) {
    let fifo = directory.join("fifo");
    let _reader = system::stalled_fifo(&fifo);
    let builder = offloop::builder().file(fifo).budget(64 << 10);
    let guard = builder.exit_timeout(IMPATIENCE).init().unwrap();
    log_all(0..5_000);
    let side = system::fork();
    log_all(0..5_000);
    tell_stats(&guard.stats());
    if let Side::Parent(child) = side {
        system::wait_for(child);
    }
}

/// The first records of a child come from many of its threads at once.
pub(crate) fn threads(directory: &Path, rounds: u64) {
    let guard = builder(directory).init().unwrap();
    log(0);
    for _ in 0..rounds {
        match system::fork() {
            Side::Child => {
                let barrier = Barrier::new(THREADS as usize);
                thread::scope(|scope| {
                    for thread in 0..THREADS {
                        let barrier = &barrier;
                        scope.spawn(move || {
                            barrier.wait();
                            log_all(thread * STRIDE..thread * STRIDE + CHILD_RECORDS);
                        });
                    }
                });
                leave_after_flush(&guard);
            }
            Side::Parent(child) => system::wait_for(child),
        }
    }
}

macro_rules! log_from_many_callsites {
    ($($number:literal)*) => {
        $(tracing::info!(number = $number, "one of many callsites");)*
    };
}

/// Forks while writers of the parent meet callsites that are new to them.
pub(crate) fn while_learning(directory: &Path, rounds: u64) {
    let guard = builder(directory).init().unwrap();
    log(0);
    let is_over = Arc::new(AtomicBool::new(false));
    let threads = (0..2).map(|_| {
        let is_over = Arc::clone(&is_over);
        thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                log_to_new_pipeline();
            }
        })
    });
    let mut threads = ManuallyDrop::new(threads.collect::<Vec<_>>());
    for _ in 0..rounds {
        match system::fork() {
            Side::Child => {
                log(1);
                leave_after_flush(&guard);
            }
            Side::Parent(child) => system::wait_for(child),
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for thread in threads.drain(..) {
        thread.join().unwrap();
    }
}

/// Threads of the parent are just starting and ending at each moment at which a child is forked.
pub(crate) fn while_threads_start(directory: &Path, rounds: u64) {
    let guard = builder(directory).init().unwrap();
    log(0);
    for _ in 0..40 {
        // They end with the process.
        thread::spawn(|| {
            loop {
                thread::spawn(|| {}).join().unwrap();
            }
        });
    }
    for _ in 0..rounds {
        match system::fork() {
            Side::Child => {
                log(1);
                leave_after_flush(&guard);
            }
            Side::Parent(child) => system::wait_for(child),
        }
    }
}

fn log_to_new_pipeline() {
    let (layer, guard) = offloop::builder().memory(&Memory::new()).build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        log_from_many_callsites!(
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        );
        guard.flush(PATIENCE).unwrap();
    });
}

/// Forks within a request for which other threads work, too. The request fails in the end, so that
/// what was held back of it is written.
pub(crate) fn within_request(directory: &Path, rounds: u64) {
    let builder = builder(directory).filter("info").request_detail("debug");
    let guard = builder.init().unwrap();
    let options = Options::new().sample(0.0).detail_bytes(64 << 10);
    let mut request = RequestLog::new(options).begin(Arrival::default(), &());
    let is_over = Arc::new(AtomicBool::new(false));
    let threads = (0..2).map(|_| {
        let (context, is_over) = (request.context().clone(), Arc::clone(&is_over));
        thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                context.run(|| tracing::debug!("noise"));
                context.add("noise", 1);
            }
        })
    });
    let mut threads = ManuallyDrop::new(threads.collect::<Vec<_>>());
    for number in 1..=rounds {
        let side = request.run(|| {
            log(number);
            system::fork()
        });
        match side {
            Side::Child => {
                request.run(|| {
                    log(0);
                    tracing::debug!("noise");
                    offloop::request::add("child", 1);
                    tracing::warn!("to be written at once");
                });
                leave_after_flush(&guard);
            }
            Side::Parent(child) => system::wait_for(child),
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for thread in threads.drain(..) {
        thread.join().unwrap();
    }
    request.end(Outcome::ServiceError);
    log(rounds + 1);
    shut_down(&guard, PATIENCE);
}

/// A child that forks itself.
pub(crate) fn grandchild(directory: &Path) {
    let _guard = builder(directory).init().unwrap();
    for _generation in 0..3 {
        log_all(0..100);
        if let Side::Parent(child) = system::fork() {
            return system::wait_for(child);
        }
    }
    log_all(0..100);
}

/// Forks while the program waits for a signal that ends it. A child that does not is ended by one; a
/// child that does hears of it, and so does the parent.
pub(crate) fn signals(directory: &Path) {
    system::mind_interrupts();
    let guard = builder(directory).init().unwrap();
    let mut own = Box::pin(offloop::shutdown_signal());
    assert!(!has_come(own.as_mut()));
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let child = match system::fork() {
            Side::Child => loop {
                thread::park();
            },
            Side::Parent(child) => child,
        };
        let ended_by = system::end_by(child, signal);
        println!("{}", json!({ "ended": ended_by == signal }));
    }
    if let Side::Parent(child) = system::fork() {
        system::wait_for(child);
        assert!(!has_come(own.as_mut()), "it was the child's");
    } else {
        own = Box::pin(offloop::shutdown_signal());
        assert!(!has_come(own.as_mut()));
    }
    system::send(std::process::id() as libc::pid_t, libc::SIGTERM);
    while !has_come(own.as_mut()) {
        thread::yield_now();
    }
    log(0);
    shut_down(&guard, PATIENCE);
}

fn has_come(awaited: Pin<&mut impl Future>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    awaited.poll(&mut context).is_ready()
}
