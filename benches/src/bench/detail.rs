//! What a debug record costs its caller that a request keeps as detail and forgets in the end, beside
//! one that is written at once: counted as the [`instructions`](super::instructions) are.
//!
//! What the request itself costs is counted as well, and taken off.

use std::error::Error;

use offloop::request::{Arrival, Options, RequestLog, ResponseHead};

use super::instructions::{CALLER, counted};
use super::{Bench, Job};
use crate::contenders::{Calls, Contender};
use crate::results::{Metrics, Results};
use crate::table;
use crate::values::Values;

pub const BENCH: Bench = Bench {
    name: "detail",
    about: "instructions of a record that its request forgets, by callgrind",
    runs_max: 1,
    variants: VARIANTS,
    includes: |contender: &Contender, _: &str| contender.name == "offloop",
    child,
    report,
};

/// What the requests log.
const VARIANTS: &[&str] = &[
    NONE,
    PLAIN_WRITTEN,
    PLAIN_FORGOTTEN,
    MIXED_WRITTEN,
    MIXED_FORGOTTEN,
];
const NONE: &str = "no records";
const PLAIN_WRITTEN: &str = "plain records, written";
const PLAIN_FORGOTTEN: &str = "plain records, forgotten";
const MIXED_WRITTEN: &str = "mixed records, written";
const MIXED_FORGOTTEN: &str = "mixed records, forgotten";

const TITLES: [(&str, [&str; 2]); 2] = [
    (
        "message and 6 fields that can be copied",
        [PLAIN_WRITTEN, PLAIN_FORGOTTEN],
    ),
    (
        "the same, one of them only `Display`",
        [MIXED_WRITTEN, MIXED_FORGOTTEN],
    ),
];

const RECORDS_EACH: usize = 10;
const FEW: usize = 1_000;
const MANY: usize = 3_000;

pub fn is_variant(name: &str) -> bool {
    VARIANTS.contains(&name)
}

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let per_request = counted(job, [FEW, MANY])?;
    let caller = per_request[CALLER] / RECORDS_EACH as f64;
    Ok(Metrics::from([("caller".to_owned(), caller)]))
}

/// Runs in callgrind: has so many requests go well.
pub fn log(calls: Calls, variant: &str, values: &Values, requests: usize) {
    let requests_log = RequestLog::new(Options::new());
    let call = match variant {
        PLAIN_WRITTEN => calls.plain,
        PLAIN_FORGOTTEN => plain,
        MIXED_WRITTEN => calls.mixed,
        MIXED_FORGOTTEN => calls.disabled,
        _ => |_: &Values| {},
    };
    let arrival = Arrival {
        method: "GET",
        path: "/users/42",
        protocol: "1.1",
        ..Arrival::default()
    };
    let head = ResponseHead {
        status: 200,
        is_body_ended: true,
        ..ResponseHead::default()
    };
    for _ in 0..requests {
        let mut request = requests_log.begin(arrival.clone(), &());
        request.run(|| (0..RECORDS_EACH).for_each(|_| call(values)));
        request.head(head, &());
    }
}

/// The record that the contenders log at INFO.
fn plain(values: &Values) {
    tracing::debug!(
        user = values.user,
        delta = values.delta,
        ratio = values.ratio,
        cached = values.cached,
        path = values.path,
        id = values.id.0,
        "request handled"
    );
}

fn report(results: &Results) -> Vec<String> {
    let caller = |variant| results.figure("offloop", variant, "caller");
    let caller = |variant| caller(variant).map_or(f64::NAN, |figure| figure.median);
    let head = [
        "",
        "caller: written",
        "caller: forgotten",
        "forgotten ÷ written",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (title, variants) in TITLES {
        let [written, forgotten] = variants.map(|variant| caller(variant) - caller(NONE));
        rows.push(vec![
            title.to_owned(),
            format!("{written:.0}"),
            format!("{forgotten:.0}"),
            format!("{:.2}", forgotten / written),
        ]);
    }
    table::print_own(&rows, results, VARIANTS);
    Vec::new()
}
