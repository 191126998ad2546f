//! What a call costs its caller when pages outlive the process, beside pages on the heap.
//!
//! Two pipelines in one process, whose bursts take turns: what disturbs one disturbs the other. Each
//! is a layer on a registry of its own, entered for the length of a burst, which costs both the same.

use std::error::Error;
use std::thread;
use std::time::Duration;

use offloop::Guard;
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{Bench, Job};
use crate::clock::{self, Timer};
use crate::contenders::Contender;
use crate::results::{Metrics, Results};
use crate::samples::Samples;
use crate::table::{self, Column, Unit};
use crate::values::Values;

pub const BENCH: Bench = Bench {
    name: "pages",
    about: "one call with pages on a tmpfs, which outlive the process, and with pages on the heap",
    runs_max: usize::MAX,
    variants: &["plain", "mixed"],
    includes: |contender: &Contender, _: &str| contender.name == "offloop",
    child,
    report,
};

const BURST: usize = 1000;
const BURSTS: usize = 200;
/// Between bursts the writers catch up: a burst measures the pages, not their lack.
const CATCH_UP: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(60);

struct Side {
    name: &'static str,
    dispatch: Dispatch,
    guard: Guard,
    samples: Vec<Samples>,
}

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let mut sides = [
        Side::start(job, "heap", false)?,
        Side::start(job, "mapped", true)?,
    ];
    let calls = (job.contender.calls)(&job.setup(false));
    let call = if job.variant == "plain" {
        calls.plain
    } else {
        calls.mixed
    };
    let (timer, values) = (Timer::calibrate(), Values::new());
    for turn in 0..job.samples(BURSTS) {
        // Each goes first every other time.
        let first = turn % 2;
        sides[first].burst(call, &values);
        sides[1 - first].burst(call, &values);
    }
    let mut metrics = Metrics::new();
    for side in sides {
        side.finish(&timer, &mut metrics)?;
    }
    let ratio = metrics["mapped.p50"] / metrics["heap.p50"];
    metrics.insert("ratio.p50".to_owned(), ratio);
    Ok(metrics)
}

impl Side {
    fn start(job: &Job, name: &'static str, is_mapped: bool) -> Result<Side, Box<dyn Error>> {
        let builder = offloop::builder()
            .file(job.directory.join(format!("{name}.log")))
            .filter("info")
            .crash_safe(is_mapped);
        let (layer, guard) = builder.build::<Registry>()?;
        let safety = guard.stats().sinks.swap_remove(0).crash_safety;
        if safety.is_safe() != is_mapped {
            return Err(format!("pages are not where they are to be: {safety:?}").into());
        }
        Ok(Side {
            name,
            dispatch: Dispatch::new(tracing_subscriber::registry().with(layer)),
            guard,
            samples: Vec::new(),
        })
    }

    fn burst(&mut self, call: fn(&Values), values: &Values) {
        let mut samples = Samples::with_capacity(BURST);
        tracing::dispatcher::with_default(&self.dispatch, || {
            (0..BURST).for_each(|_| samples.push(clock::measure(|| call(values))));
        });
        self.samples.push(samples);
        thread::sleep(CATCH_UP);
    }

    fn finish(self, timer: &Timer, metrics: &mut Metrics) -> Result<(), Box<dyn Error>> {
        let report = self.guard.shutdown(PATIENCE);
        if !report.is_complete() {
            return Err(format!("{}: not all records were written", self.name).into());
        }
        Samples::merge(self.samples).summarise(self.name, timer, metrics);
        Ok(())
    }
}

fn report(results: &Results) -> Vec<String> {
    let titles = [
        ("plain", "message and 6 fields that can be copied"),
        ("mixed", "message and 6 fields, one of them only `Display`"),
    ];
    let columns = [
        ("heap: p50", "heap.p50", Unit::Nanoseconds),
        ("mapped: p50", "mapped.p50", Unit::Nanoseconds),
        ("p50: mapped ÷ heap", "ratio.p50", Unit::Count),
        ("heap: p99", "heap.p99", Unit::Nanoseconds),
        ("mapped: p99", "mapped.p99", Unit::Nanoseconds),
        ("heap: p99.9", "heap.p99.9", Unit::Nanoseconds),
        ("mapped: p99.9", "mapped.p99.9", Unit::Nanoseconds),
    ]
    .map(|(title, metric, unit)| Column::Range(title, metric.to_owned(), unit));
    titles
        .iter()
        .flat_map(|(variant, title)| {
            let title = format!("{title}; bursts of 1,000, 1 thread, taking turns");
            table::print(&title, results, variant, &columns)
        })
        .collect()
}
