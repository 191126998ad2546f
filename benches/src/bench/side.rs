//! Two pipelines in one process, whose bursts take turns: what disturbs one disturbs the other. Each
//! is a layer on a registry of its own, entered for the length of a burst, which costs both the same.

use std::error::Error;
use std::time::Duration;

use offloop::{Builder, Guard};
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::Job;
use crate::clock::{self, Timer};
use crate::results::{Metrics, Results};
use crate::samples::Samples;
use crate::table::{self, Column, Unit};
use crate::values::Values;

pub const VARIANTS: &[&str] = &["plain", "mixed"];
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One of the two.
pub struct Side {
    name: &'static str,
    dispatch: Dispatch,
    pub guard: Guard,
    samples: Vec<Samples>,
}

impl Side {
    /// Starts what `describe` makes of a builder that logs to a file.
    pub fn start(
        job: &Job,
        name: &'static str,
        describe: impl FnOnce(Builder) -> Builder,
    ) -> Result<Side, Box<dyn Error>> {
        let file = job.directory.join(format!("{name}.log"));
        let builder = describe(offloop::builder().file(file).filter("info"));
        let (layer, guard) = builder.build::<Registry>()?;
        Ok(Side {
            name,
            dispatch: Dispatch::new(tracing_subscriber::registry().with(layer)),
            guard,
            samples: Vec::new(),
        })
    }

    pub fn burst(&mut self, calls: usize, call: fn(&Values), values: &Values) {
        let mut samples = Samples::with_capacity(calls);
        tracing::dispatcher::with_default(&self.dispatch, || {
            (0..calls).for_each(|_| samples.push(clock::measure(|| call(values))));
        });
        self.samples.push(samples);
    }

    pub fn finish(self, timer: &Timer, metrics: &mut Metrics) -> Result<(), Box<dyn Error>> {
        let report = self.guard.shutdown(PATIENCE);
        if !report.is_complete() {
            return Err(format!("{}: not all records were written", self.name).into());
        }
        Samples::merge(self.samples).summarise(self.name, timer, metrics);
        Ok(())
    }
}

/// Has both log in turn, `bursts` times, each of them first every other time. Returns what their calls
/// cost, and by how much the second's median is that of the first.
pub fn take_turns(
    job: &Job,
    sides: [Side; 2],
    bursts: usize,
    mut burst: impl FnMut(usize, &mut Side, fn(&Values), &Values) -> Result<(), Box<dyn Error>>,
) -> Result<Metrics, Box<dyn Error>> {
    let mut sides = sides;
    let calls = (job.contender.calls)(&job.setup(false));
    let call = match job.variant.as_str() {
        "plain" => calls.plain,
        _ => calls.mixed,
    };
    let (timer, values) = (Timer::calibrate(), Values::new());
    for turn in 0..job.samples(bursts) {
        for place in [turn % 2, 1 - turn % 2] {
            burst(place, &mut sides[place], call, &values)?;
        }
    }
    let [first, second] = [0, 1].map(|place: usize| format!("{}.p50", sides[place].name));
    let mut metrics = Metrics::new();
    for side in sides {
        side.finish(&timer, &mut metrics)?;
    }
    let ratio = metrics[&second] / metrics[&first];
    metrics.insert("ratio.p50".to_owned(), ratio);
    Ok(metrics)
}

/// The tables of both variants.
pub fn report<const N: usize>(
    results: &Results,
    bursts: &str,
    columns: [(&'static str, &'static str, Unit); N],
) -> Vec<String> {
    let columns =
        columns.map(|(title, metric, unit)| Column::Range(title, metric.to_owned(), unit));
    let titles = [
        "message and 6 fields that can be copied",
        "message and 6 fields, one of them only `Display`",
    ];
    let tables = VARIANTS.iter().zip(titles);
    tables
        .flat_map(|(variant, title)| {
            let title = format!("{title}; bursts of {bursts}, 1 thread, taking turns");
            table::print(&title, results, variant, &columns)
        })
        .collect()
}
