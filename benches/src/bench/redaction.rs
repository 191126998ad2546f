//! What it costs to look for secrets where there are none: the caller, and the writer.

use std::error::Error;

use offloop::Redaction;

use super::side::{self, PATIENCE, Side};
use super::{Bench, Job};
use crate::contenders::Contender;
use crate::machine;
use crate::results::{Metrics, Results};
use crate::table::Unit;

pub const BENCH: Bench = Bench {
    name: "redaction",
    about: "one record with the redaction that there is by default, and without any",
    runs_max: usize::MAX,
    variants: side::VARIANTS,
    includes: |contender: &Contender, _: &str| contender.name == "offloop",
    child,
    report,
};

const BURST: usize = 20_000;
const BURSTS: usize = 50;

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let start = |name, redaction| Side::start(job, name, |builder| builder.redaction(redaction));
    let sides = [
        start("off", Redaction::off())?,
        start("on", Redaction::default())?,
    ];
    // The time on a processor that each writer needed for a record, by bursts.
    let mut writers_ns = [Vec::new(), Vec::new()];
    let mut metrics = side::take_turns(job, sides, BURSTS, |place, side, call, values| {
        let before = machine::seconds_of_others();
        side.burst(BURST, call, values);
        side.guard.flush(PATIENCE)?;
        let needed = machine::seconds_of_others() - before;
        writers_ns[place].push(needed * 1e9 / BURST as f64);
        Ok(())
    })?;
    let [off, on] = writers_ns;
    let ratios = off.iter().zip(&on).map(|(off, on)| on / off);
    metrics.insert("ratio.writer".to_owned(), median(ratios.collect()));
    metrics.insert("off.writer".to_owned(), median(off));
    metrics.insert("on.writer".to_owned(), median(on));
    Ok(metrics)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn report(results: &Results) -> Vec<String> {
    let columns = [
        ("caller: p50 off", "off.p50", Unit::Nanoseconds),
        ("caller: p50 on", "on.p50", Unit::Nanoseconds),
        ("caller: on ÷ off", "ratio.p50", Unit::Count),
        ("writer: CPU off", "off.writer", Unit::Nanoseconds),
        ("writer: CPU on", "on.writer", Unit::Nanoseconds),
        ("writer: on ÷ off", "ratio.writer", Unit::Count),
    ];
    side::report(results, "20,000", columns)
}
