//! What it costs to look for secrets where there are none: the caller, and the writer.
//!
//! Two pipelines in one process, whose bursts take turns: what disturbs one disturbs the other. Each
//! is a layer on a registry of its own, entered for the length of a burst, which costs both the same.

use std::error::Error;
use std::time::Duration;

use offloop::{Guard, Redaction};
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{Bench, Job};
use crate::clock::{self, Timer};
use crate::contenders::Contender;
use crate::machine;
use crate::results::{Metrics, Results};
use crate::samples::Samples;
use crate::table::{self, Column, Unit};
use crate::values::Values;

pub const BENCH: Bench = Bench {
    name: "redaction",
    about: "one record with the redaction that there is by default, and without any",
    runs_max: usize::MAX,
    variants: &["plain", "mixed"],
    includes: |contender: &Contender, _: &str| contender.name == "offloop",
    child,
    report,
};

const BURST: usize = 20_000;
const BURSTS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(60);

struct Side {
    name: &'static str,
    dispatch: Dispatch,
    guard: Guard,
    samples: Vec<Samples>,
    /// The time on a processor that the writer needed for each record, by bursts.
    writer_ns: Vec<f64>,
}

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let mut sides = [
        Side::start(job, "off", Redaction::off())?,
        Side::start(job, "on", Redaction::default())?,
    ];
    let calls = (job.contender.calls)(&job.setup(false));
    let call = match job.variant.as_str() {
        "plain" => calls.plain,
        _ => calls.mixed,
    };
    let (timer, values) = (Timer::calibrate(), Values::new());
    for turn in 0..job.samples(BURSTS) {
        // Each goes first every other time.
        let first = turn % 2;
        sides[first].burst(call, &values)?;
        sides[1 - first].burst(call, &values)?;
    }
    let [off, on] = &sides;
    let ratios = off.writer_ns.iter().zip(&on.writer_ns);
    let writer_ratio = median(ratios.map(|(off, on)| on / off).collect());
    let mut metrics = Metrics::new();
    for side in sides {
        side.finish(&timer, &mut metrics)?;
    }
    let caller_ratio = metrics["on.p50"] / metrics["off.p50"];
    metrics.insert("ratio.p50".to_owned(), caller_ratio);
    metrics.insert("ratio.writer".to_owned(), writer_ratio);
    Ok(metrics)
}

impl Side {
    fn start(job: &Job, name: &'static str, redaction: Redaction) -> Result<Side, Box<dyn Error>> {
        let builder = offloop::builder()
            .file(job.directory.join(format!("{name}.log")))
            .filter("info")
            .redaction(redaction);
        let (layer, guard) = builder.build::<Registry>()?;
        Ok(Side {
            name,
            dispatch: Dispatch::new(tracing_subscriber::registry().with(layer)),
            guard,
            samples: Vec::new(),
            writer_ns: Vec::new(),
        })
    }

    fn burst(&mut self, call: fn(&Values), values: &Values) -> Result<(), Box<dyn Error>> {
        let mut samples = Samples::with_capacity(BURST);
        let before = machine::seconds_of_others();
        tracing::dispatcher::with_default(&self.dispatch, || {
            (0..BURST).for_each(|_| samples.push(clock::measure(|| call(values))));
        });
        self.guard.flush(PATIENCE)?;
        let needed = machine::seconds_of_others() - before;
        self.writer_ns.push(needed * 1e9 / BURST as f64);
        self.samples.push(samples);
        Ok(())
    }

    fn finish(self, timer: &Timer, metrics: &mut Metrics) -> Result<(), Box<dyn Error>> {
        let report = self.guard.shutdown(PATIENCE);
        if !report.is_complete() {
            return Err(format!("{}: not all records were written", self.name).into());
        }
        Samples::merge(self.samples).summarise(self.name, timer, metrics);
        metrics.insert(format!("{}.writer", self.name), median(self.writer_ns));
        Ok(())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn report(results: &Results) -> Vec<String> {
    let titles = [
        ("plain", "message and 6 fields that can be copied"),
        ("mixed", "message and 6 fields, one of them only `Display`"),
    ];
    let columns = [
        ("caller: p50 off", "off.p50", Unit::Nanoseconds),
        ("caller: p50 on", "on.p50", Unit::Nanoseconds),
        ("caller: on ÷ off", "ratio.p50", Unit::Count),
        ("writer: CPU off", "off.writer", Unit::Nanoseconds),
        ("writer: CPU on", "on.writer", Unit::Nanoseconds),
        ("writer: on ÷ off", "ratio.writer", Unit::Count),
    ]
    .map(|(title, metric, unit)| Column::Range(title, metric.to_owned(), unit));
    titles
        .iter()
        .flat_map(|(variant, title)| {
            let title = format!("{title}; bursts of 20,000, 1 thread, taking turns");
            table::print(&title, results, variant, &columns)
        })
        .collect()
}
