//! What a record costs that the filter turns away.

use std::error::Error;
use std::hint::black_box;

use super::{Bench, Job};
use crate::clock::{self, Timer};
use crate::contenders::{Contender, Setup};
use crate::results::{Metrics, Results};
use crate::table::{self, Column, Unit};
use crate::values::Values;

pub const BENCH: Bench = Bench {
    name: "disabled",
    about: "a `debug!` that the filter turns away",
    runs_max: usize::MAX,
    variants: FILTERS,
    includes,
    child,
    report,
};

/// One directive; several; another target's DEBUG enabled; DEBUG enabled within a span by name.
const FILTERS: &[&str] = &[
    "info",
    "info,hyper=warn,h2=error,sqlx=warn",
    "info,offloop_benches::elsewhere=debug",
    "info,[elsewhere]=debug",
];

const ROUNDS: usize = 21;
const CALLS: usize = 100_000;

fn includes(contender: &Contender, filter: &str) -> bool {
    // The no-op subscriber takes no filter; it shows what `tracing` itself costs, beside the others.
    !matches!(contender.name, "plain-writes" | "copy-only")
        && (contender.tracing || filter == "info")
}

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let setup = Setup {
        directory: job.directory.clone(),
        lossless: false,
        filter: job.variant.clone(),
    };
    let running = (job.contender.start)(&setup)?;
    let disabled = (job.contender.calls)(&setup).disabled;
    let timer = Timer::calibrate();
    let nanoseconds = per_call(&timer, disabled) - per_call(&timer, empty);
    running.finish();
    Ok(Metrics::from([("call".to_owned(), nanoseconds.max(0.0))]))
}

/// The median round's cost of one call.
fn per_call(timer: &Timer, call: fn(&Values)) -> f64 {
    let values = Values::new();
    let call = black_box(call);
    let round = |_| clock::measure(|| (0..CALLS).for_each(|_| call(black_box(&values))));
    let mut rounds: Vec<u64> = (0..ROUNDS).map(round).collect();
    rounds.sort_unstable();
    timer.nanoseconds(rounds[ROUNDS / 2] as f64) / CALLS as f64
}

fn empty(_: &Values) {}

fn report(results: &Results) -> Vec<String> {
    let mut lost = Vec::new();
    for filter in FILTERS {
        let columns = [Column::Range(
            "per call",
            "call".to_owned(),
            Unit::Nanoseconds,
        )];
        lost.extend(table::print(
            &format!("filter `{filter}`"),
            results,
            filter,
            &columns,
        ));
    }
    lost
}
