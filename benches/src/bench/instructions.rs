//! How many instructions a record costs, its caller and the writer: the same on any machine, however
//! busy it is. Needs valgrind.
//!
//! Callgrind counts for each thread. A process is counted twice, with few records and with many;
//! what the latter needed more is divided by the records that it logged more, so that starting and
//! ending are none of it.

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use offloop::Redaction;

use super::{Bench, Job, detail, layers};
use crate::contenders::{self, Calls, Contender};
use crate::results::{Metrics, Results};
use crate::table;
use crate::values::Values;

pub const BENCH: Bench = Bench {
    name: "instructions",
    about: "instructions a record, by callgrind: those of the caller, and those of the writer",
    runs_max: 1,
    variants: VARIANTS,
    includes: |contender: &Contender, _: &str| contender.name == "offloop",
    child,
    report,
};

/// The record, and whether secrets are looked for.
const VARIANTS: &[&str] = &[
    "plain, off",
    "plain, on",
    "mixed, off",
    "mixed, on",
    "spans, off",
    "spans, on",
];

const TITLES: [(&str, &str); 3] = [
    ("plain", "message and 6 fields that can be copied"),
    ("mixed", "the same, one of them only `Display`"),
    ("spans", "the latter within two spans of 2 fields each"),
];

const FEW: usize = 10_000;
const MANY: usize = 30_000;
/// Logged before, so that what is done once is done.
const WARM_UP: usize = 1_000;
/// Records wait for the writer as long as they like: callgrind runs one thread at a time.
pub const BUDGET_BYTES: usize = 256 << 20;

/// Threads, as callgrind numbers them, counted from 1.
const THREADS: usize = 2;
pub const CALLER: usize = 0;
const WRITER: usize = 1;

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let per_record = counted(job, [FEW, MANY])?;
    Ok(Metrics::from([
        ("caller".to_owned(), per_record[CALLER]),
        ("writer".to_owned(), per_record[WRITER]),
    ]))
}

/// What one time more costs caller and writer, by a process that does it a few times and one that
/// does it many times.
pub fn counted(job: &Job, [few, many]: [usize; 2]) -> Result<[f64; THREADS], Box<dyn Error>> {
    let (of_few, of_many) = (count(job, few)?, count(job, many)?);
    let each = |thread: usize| (of_many[thread] - of_few[thread]) / (many - few) as f64;
    Ok([each(CALLER), each(WRITER)])
}

/// What caller and writer needed for so many times.
fn count(job: &Job, times: usize) -> Result<[f64; THREADS], Box<dyn Error>> {
    let output = job.directory.join(format!("callgrind-{times}"));
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--separate-threads=yes", "-q"])
        .arg(format!("--callgrind-out-file={}", output.display()))
        .arg(std::env::current_exe()?)
        .args(["counted-child", &job.variant, &times.to_string()])
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("start valgrind: {error}"))?;
    if !status.success() {
        return Err(format!("valgrind: {status}").into());
    }
    Ok([total(&output, CALLER)?, total(&output, WRITER)?])
}

/// What callgrind has written of a thread.
fn total(output: &Path, thread: usize) -> Result<f64, Box<dyn Error>> {
    let path = format!("{}-{:02}", output.display(), 1 + thread);
    let text = fs::read_to_string(&path).map_err(|error| format!("read {path}: {error}"))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("callgrind tells no total")?.trim().parse()?)
}

/// Runs in callgrind: logs into nothing.
pub fn counted_child(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [variant, records] = arguments else {
        return Err("counted-child: wrong number of arguments".into());
    };
    if layers::is_variant(variant) {
        return layers::run(variant, records.parse()?);
    }
    let redaction = match variant.ends_with("off") {
        true => Redaction::off(),
        false => Redaction::default(),
    };
    let mut builder = offloop::builder()
        .writer(io::sink())
        .budget(BUDGET_BYTES)
        .filter("info")
        .redaction(redaction);
    if detail::is_variant(variant) {
        builder = builder.request_detail("debug");
    }
    let guard = builder.init()?;
    let (calls, values) = (contenders::TRACING_CALLS, Values::new());
    for records in [WARM_UP, records.parse()?] {
        log(calls, variant, &values, records);
        guard.flush(layers::PATIENCE)?;
    }
    match guard.shutdown(layers::PATIENCE).is_complete() {
        true => Ok(()),
        false => Err("not all records were written".into()),
    }
}

fn log(calls: Calls, variant: &str, values: &Values, records: usize) {
    if detail::is_variant(variant) {
        return detail::log(calls, variant, values, records);
    }
    let many = |call: fn(&Values)| (0..records).for_each(|_| call(values));
    match variant.split_once(',') {
        Some(("plain", _)) => many(calls.plain),
        Some(("spans", _)) => (calls.within_spans)(values, &mut || many(calls.mixed_in_spans)),
        _ => many(calls.mixed),
    }
}

fn report(results: &Results) -> Vec<String> {
    let head = [
        "",
        "caller: redaction off",
        "caller: on",
        "writer: redaction off",
        "writer: on",
        "writer: on ÷ off",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (record, title) in TITLES {
        let count = |redaction: &str, who: &str| {
            let variant = format!("{record}, {redaction}");
            let figure = results.figure("offloop", &variant, who);
            figure.map_or(f64::NAN, |figure| figure.median)
        };
        let (off, on) = (count("off", "writer"), count("on", "writer"));
        let counts = [count("off", "caller"), count("on", "caller"), off, on];
        let mut row = vec![title.to_owned()];
        row.extend(counts.map(|count| format!("{count:.0}")));
        row.push(format!("{:.2}", on / off));
        rows.push(row);
    }
    table::print_own(&rows, results, VARIANTS);
    Vec::new()
}
