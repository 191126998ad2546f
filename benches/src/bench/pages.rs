//! What a call costs its caller when pages outlive the process, beside pages on the heap.

use std::error::Error;
use std::thread;
use std::time::Duration;

use super::side::{self, Side};
use super::{Bench, Job};
use crate::contenders::Contender;
use crate::results::{Metrics, Results};
use crate::table::Unit;

pub const BENCH: Bench = Bench {
    name: "pages",
    about: "one call with pages on a tmpfs, which outlive the process, and with pages on the heap",
    runs_max: usize::MAX,
    variants: side::VARIANTS,
    includes: |contender: &Contender, _: &str| contender.name == "offloop",
    child,
    report,
};

const BURST: usize = 1000;
const BURSTS: usize = 200;
/// Between bursts the writers catch up: a burst measures the pages, not their lack.
const CATCH_UP: Duration = Duration::from_millis(5);

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let sides = [start(job, "heap", false)?, start(job, "mapped", true)?];
    side::take_turns(job, sides, BURSTS, |_, side, call, values| {
        side.burst(BURST, call, values);
        thread::sleep(CATCH_UP);
        Ok(())
    })
}

fn start(job: &Job, name: &'static str, is_mapped: bool) -> Result<Side, Box<dyn Error>> {
    let side = Side::start(job, name, |builder| builder.crash_safe(is_mapped))?;
    let safety = side.guard.stats().sinks.swap_remove(0).crash_safety;
    if safety.is_safe() != is_mapped {
        return Err(format!("pages are not where they are to be: {safety:?}").into());
    }
    Ok(side)
}

fn report(results: &Results) -> Vec<String> {
    let columns = [
        ("heap: p50", "heap.p50", Unit::Nanoseconds),
        ("mapped: p50", "mapped.p50", Unit::Nanoseconds),
        ("p50: mapped ÷ heap", "ratio.p50", Unit::Count),
        ("heap: p99", "heap.p99", Unit::Nanoseconds),
        ("mapped: p99", "mapped.p99", Unit::Nanoseconds),
        ("heap: p99.9", "heap.p99.9", Unit::Nanoseconds),
        ("mapped: p99.9", "mapped.p99.9", Unit::Nanoseconds),
    ];
    side::report(results, "1,000", columns)
}
