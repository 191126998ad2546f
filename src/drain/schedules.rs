//! Channel, writers, flushes and the shutdown together, under thousands of random schedules.
//!
//! `RUSTFLAGS="--cfg offloop_shuttle" cargo test --release --lib drain::schedules`
//!
//! Everything here is real but the clock, crossbeam's queue (see [`crate::channel::sync`]) and the
//! sink, which is memory. A schedule that fails is printed, and `shuttle::replay` runs it again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread;

use super::Delays;
use super::line::Content;
use super::sync::SyncPolicy;
use crate::Memory;
use crate::channel::arena::ArenaPlan;
use crate::channel::lane::Lane;
use crate::channel::overflow::Overflow;
use crate::channel::sync::Instant;
use crate::complaint::Complaints;
use crate::config::{Config, Format, Limits, OnHangup, Rates, Redaction};
use crate::filter::{Directives, Gate, SinkFilter};
use crate::guard::Guard;
use crate::pipeline::{Pipeline, Plan, SinkPlan};
use crate::redaction::Redactor;
use crate::sink::Target;

/// Schedules of each kind that are tried of each program, unless the environment says otherwise.
const SCHEDULES: usize = 5_000;
const SCHEDULES_VARIABLE: &str = "OFFLOOP_SCHEDULES";

/// How often a schedule of the second kind takes the turn from a thread that could go on.
const PREEMPTIONS_MAX: usize = 4;

const PRODUCERS: usize = 3;
const LINES: usize = 6;
const INFO: u8 = 2;

/// Nobody's patience ends.
const ENDLESS: Duration = Duration::MAX;

/// Writers that sleep until somebody wakes them: a wake that is missed is a deadlock, which shuttle
/// reports.
const SLEEPY: Delays = Delays {
    busy: Duration::from_secs(24 * 3600),
    idle: Duration::from_secs(24 * 3600),
};

/// Writers that look by themselves, at any moment.
const RESTLESS: Delays = Delays {
    busy: Duration::from_millis(5),
    idle: Duration::from_millis(50),
};

/// A pipeline that logs lines to memory.
struct Program {
    pipeline: Arc<Pipeline>,
    memory: Memory,
}

#[derive(Clone, Copy)]
struct Settings {
    pages: usize,
    overflow: Overflow,
    delays: Delays,
}

impl Program {
    fn start(settings: Settings) -> Self {
        let memory = Memory::new();
        // The process ends after the schedule, where none of shuttle's types can be used.
        let pipeline = Pipeline::start_unregistered(
            plan(settings, &memory),
            Gate::new(Directives::everything(), Rates::default(), Arc::default()).unwrap(),
        )
        .unwrap();
        Program { pipeline, memory }
    }

    fn guard(&self) -> Guard {
        Guard::new(Arc::clone(&self.pipeline))
    }

    /// A thread that logs numbered lines through a lane of its own.
    fn log_on_thread(&self, producer: usize) -> thread::JoinHandle<()> {
        let pipeline = Arc::clone(&self.pipeline);
        thread::spawn(move || {
            let channel = Arc::clone(pipeline.running().channel());
            let mut lane = Lane::new(channel, Arc::default());
            for number in 0..LINES {
                log(&pipeline, &mut lane, producer, number);
            }
        })
    }

    /// The same for all producers.
    fn log_on_threads(&self) -> Vec<thread::JoinHandle<()>> {
        let producers = 0..PRODUCERS;
        producers.map(|one| self.log_on_thread(one)).collect()
    }

    /// What was written, by producer and in order. Notices of the pipeline's own are left out.
    fn written(&self) -> HashMap<usize, Vec<usize>> {
        let mut written: HashMap<usize, Vec<usize>> = HashMap::new();
        for line in self.memory.lines() {
            if let Some((producer, number)) = line.split_once(' ')
                && let (Ok(producer), Ok(number)) = (producer.parse(), number.parse())
            {
                written.entry(producer).or_default().push(number);
            }
        }
        written
    }

    /// What must hold once nobody logs any more: each line is written once and in order, or counted
    /// as lost.
    fn end(&self) {
        // Records that slipped past the shutdown are written at the end of the process.
        self.pipeline.running().end_with_process(Instant::now());
        let stats = self.guard().stats();
        assert_eq!(stats.accepted.total(), (PRODUCERS * LINES) as u64);
        assert_eq!(stats.waiting(), 0, "{stats:?}");
        let written = self.written();
        let lines: usize = written.values().map(Vec::len).sum();
        assert_eq!(stats.written(), lines as u64, "{stats:?}");
        assert_eq!(stats.written() + stats.lost(), stats.accepted.total());
        for (producer, numbers) in written {
            assert!(
                numbers.is_sorted_by(|a, b| a < b),
                "{producer}: {numbers:?}"
            );
        }
    }
}

/// As [`crate::capture::thread`] does, but for the thread-local storage.
fn log(pipeline: &Pipeline, lane: &mut Lane, producer: usize, number: usize) {
    let running = pipeline.running();
    let is_late = running.channel().is_closed();
    lane.push(INFO, format!("{producer} {number}\n").as_bytes());
    if is_late {
        running.write_if_late();
    }
}

fn plan(settings: Settings, memory: &Memory) -> Plan {
    let sink = SinkPlan {
        name: "memory".to_owned(),
        target: Target::Memory(memory.clone()),
        format: Format::json(),
        filter: SinkFilter::default(),
        sync: SyncPolicy::Never,
        directives: None,
    };
    Plan {
        sinks: vec![sink],
        content: Content::Lines,
        budget_bytes: settings.pages * 64,
        overflow: settings.overflow,
        delays: settings.delays,
        exit_timeout: ENDLESS,
        complaints: Complaints::to(Arc::new(|_| ())),
        arena: ArenaPlan::new(Some(false), None),
        on_hangup: OnHangup::Unhandled,
        redactor: Arc::new(Redactor::new(&Redaction::off()).unwrap()),
        limits: Limits::default(),
        limiter: Arc::default(),
        settings: Config::default(),
    }
}

fn join_all(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Runs `program` under both kinds of schedules: at random, and with few preemptions.
fn explore(program: impl Fn() + Send + Sync + Copy + 'static) {
    let schedules = std::env::var(SCHEDULES_VARIABLE).ok();
    let schedules = schedules.map_or(SCHEDULES, |count| count.parse().unwrap());
    run(RandomScheduler::new(schedules), program);
    run(PctScheduler::new(PREEMPTIONS_MAX, schedules), program);
}

fn run(scheduler: impl Scheduler + 'static, program: impl Fn() + Send + Sync + 'static) {
    shuttle::Runner::new(scheduler, shuttle::Config::new()).run(program);
}

#[test]
fn every_line_is_written_once_and_in_order_or_counted_whatever_the_shutdown_meets() {
    explore(|| {
        let program = Program::start(Settings {
            pages: 128,
            overflow: Overflow::DropNewest,
            delays: SLEEPY,
        });
        let logging = program.log_on_threads();
        let report = program.guard().shutdown(ENDLESS);
        assert_eq!(report.lost, 0);
        join_all(logging);
        program.end();
        assert_eq!(program.guard().stats().lost(), 0);
    });
}

#[test]
fn a_flush_returns_after_what_was_logged_before_it_is_written_and_others_may_go_on() {
    explore(|| {
        let program = Program::start(Settings {
            pages: 128,
            overflow: Overflow::DropNewest,
            delays: SLEEPY,
        });
        let mut logging: Vec<_> = (1..PRODUCERS)
            .map(|one| program.log_on_thread(one))
            .collect();
        let running = Arc::clone(&program.pipeline.running());
        let mut lane = Lane::new(Arc::clone(running.channel()), Arc::default());
        for number in 0..LINES {
            log(&program.pipeline, &mut lane, 0, number);
            program.guard().flush(ENDLESS).unwrap();
            assert_eq!(program.written()[&0].last(), Some(&number));
        }
        // What a thread logged that has ended comes before this flush, too.
        logging.pop().unwrap().join().unwrap();
        program.guard().flush(ENDLESS).unwrap();
        assert_eq!(program.written()[&(PRODUCERS - 1)].len(), LINES);
        assert_eq!(program.guard().shutdown(ENDLESS).lost, 0);
        join_all(logging);
        drop(lane);
        program.end();
    });
}

#[test]
fn a_durable_flush_comes_to_an_end_whatever_the_shutdown_meets() {
    explore(|| {
        let program = Program::start(Settings {
            pages: 128,
            overflow: Overflow::DropNewest,
            delays: SLEEPY,
        });
        let mut threads = program.log_on_threads();
        let logged = threads.pop();
        threads.extend((0..2).map(|_| {
            let guard = program.guard();
            thread::spawn(move || guard.flush_durable(ENDLESS).unwrap())
        }));
        logged.into_iter().for_each(|thread| thread.join().unwrap());
        program.guard().flush_durable(ENDLESS).unwrap();
        assert_eq!(program.written()[&(PRODUCERS - 1)].len(), LINES);
        let _ = program.guard().shutdown(ENDLESS);
        join_all(threads);
        program.end();
    });
}

#[test]
fn a_budget_that_is_used_up_loses_only_what_it_counts() {
    explore(|| {
        let program = Program::start(Settings {
            pages: 4,
            overflow: Overflow::DropNewest,
            delays: RESTLESS,
        });
        let logging = program.log_on_threads();
        let flushing = program.guard();
        let flushing = thread::spawn(move || flushing.flush(ENDLESS).unwrap());
        let _ = program.guard().shutdown(ENDLESS);
        join_all(logging);
        flushing.join().unwrap();
        program.end();
    });
}

#[test]
fn callers_that_wait_for_room_get_it_and_nothing_is_lost() {
    explore(|| {
        let program = Program::start(Settings {
            pages: 4,
            overflow: Overflow::Block { at_most: ENDLESS },
            delays: SLEEPY,
        });
        let logging = program.log_on_threads();
        join_all(logging);
        let report = program.guard().shutdown(ENDLESS);
        assert!(report.is_complete(), "{report:?}");
        program.end();
    });
}

#[test]
fn a_shutdown_that_runs_out_of_time_says_what_waits_and_loses_nothing() {
    explore(|| {
        let program = Program::start(Settings {
            pages: 128,
            overflow: Overflow::DropNewest,
            delays: RESTLESS,
        });
        let logging = program.log_on_threads();
        let report = program.guard().shutdown(Duration::from_millis(20));
        assert_eq!(report.lost, 0);
        join_all(logging);
        program.end();
        assert_eq!(program.guard().stats().lost(), 0);
    });
}
