//! What the layers of [`middleware`] add to a request, counted as the [`instructions`](super::instructions) are:
//! those of the thread that serves. What is written goes nowhere.

use std::error::Error;
use std::io;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::NonBlockingBuilder;

use super::instructions::{BUDGET_BYTES, CALLER, counted};
use super::middleware::{NOTHING, ONE_LINE, RECORD, TWO_LINES, VARIANTS, request, router, serve};
use super::{Bench, Job};
use crate::contenders::{Contender, QUEUED_MAX};
use crate::results::{Metrics, Results};
use crate::table;

pub const BENCH: Bench = Bench {
    name: "layers",
    about: "instructions that a layer with its records adds to a request, by callgrind",
    runs_max: 1,
    variants: VARIANTS,
    includes: |contender: &Contender, _: &str| contender.name == "offloop",
    child,
    report,
};

const FEW: usize = 1_000;
const MANY: usize = 3_000;
/// Served before, so that what is done once is done.
const WARM_UP: usize = 500;
/// For the log of a process in callgrind.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub fn is_variant(name: &str) -> bool {
    VARIANTS.contains(&name)
}

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let per_request = counted(job, [FEW, MANY])?;
    Ok(Metrics::from([("caller".to_owned(), per_request[CALLER])]))
}

/// Runs in callgrind: serves so many requests.
pub fn run(variant: &str, requests: usize) -> Result<(), Box<dyn Error>> {
    match variant {
        ONE_LINE | TWO_LINES => {
            let builder = NonBlockingBuilder::default().buffered_lines_limit(QUEUED_MAX);
            let (writer, _guard) = builder.finish(io::sink());
            let lines = tracing_subscriber::fmt().json().with_writer(writer);
            let lines = lines.with_max_level(LevelFilter::INFO);
            tracing::subscriber::set_global_default(lines.finish())?;
            serve_all(variant, requests)
        }
        _ => {
            let log = offloop::builder().writer(io::sink()).budget(BUDGET_BYTES);
            let guard = log.filter("info").init()?;
            serve_all(variant, requests)?;
            match guard.shutdown(PATIENCE).is_complete() {
                true => Ok(()),
                false => Err("not all records were written".into()),
            }
        }
    }
}

fn serve_all(variant: &str, requests: usize) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut router = router(variant).with_state(());
    for _ in 0..WARM_UP + requests {
        let Ok(()) = runtime.block_on(serve(&mut router, request()));
    }
    Ok(())
}

fn report(results: &Results) -> Vec<String> {
    let count = |variant| {
        let figure = results.figure("offloop", variant, "caller");
        figure.map_or(f64::NAN, |figure| figure.median)
    };
    let added = |variant| count(variant) - count(NOTHING);
    let head = ["", "instructions of a request", "added", "÷ RequestLayer"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for variant in VARIANTS {
        rows.push(vec![
            (*variant).to_owned(),
            format!("{:.0}", count(variant)),
            format!("{:.0}", added(variant)),
            format!("{:.1}", added(variant) / added(RECORD)),
        ]);
    }
    table::print_own(&rows, results, VARIANTS);
    Vec::new()
}
