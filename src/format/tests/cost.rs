//! What a line costs in each shape. Run by hand, since time is no promise:
//!
//! ```text
//! cargo test --release --lib -- --ignored --nocapture what_a_line_costs
//! ```

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::capture::callsite::Callsites;
use crate::capture::record::Record;
use crate::capture::sample::{Sample, SampleValue, field, message, str_field};
use crate::config::Format;
use crate::format::make;
use crate::format::shapes::{json_shapes, other_shapes};

const LINES: u32 = 20_000;
const ROUNDS: u32 = 50;

/// Six fields, within two spans.
fn record() -> Sample {
    let user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)";
    let fields = vec![
        message("order placed"),
        field("user", SampleValue::U64(42)),
        str_field("order", "01a1f2b3-7c4d"),
        field("items", SampleValue::I64(3)),
        field("total", SampleValue::F64(129.95)),
        field("is_new", SampleValue::Bool(true)),
        str_field("user_agent", user_agent),
    ];
    let route = vec![
        str_field("method", "POST"),
        field("path", SampleValue::Text("/orders".to_owned())),
    ];
    Sample::new(fields)
        .inside("query", vec![field("rows", SampleValue::U64(3))])
        .inside("handler", route)
}

/// The shortest of many rounds: what else the machine did is in the longer ones.
fn cost(format: &Format) -> Duration {
    let (sample, callsites) = (record(), Callsites::default());
    let bytes = sample.encode();
    let (mut format, mut lines) = (make(format), Vec::new());
    let mut round = || {
        let start = Instant::now();
        for number in 0..LINES {
            lines.clear();
            let time_ns = sample.time_ns + i64::from(number) * 1000;
            let record = Record::decode(black_box(&bytes), time_ns, &sample.thread, &callsites);
            format.format(&record.expect("a record"), &callsites, &mut lines);
            black_box(&lines);
        }
        start.elapsed()
    };
    let rounds = (0..ROUNDS).map(|_| round());
    rounds.min().unwrap_or_default() / LINES
}

#[test]
#[ignore = "measures"]
fn what_a_line_costs() {
    let json = cost(&Format::json());
    let pretty = [("pretty", Format::pretty())];
    let shapes = json_shapes().into_iter().chain(other_shapes());
    for (name, format) in shapes.chain(pretty) {
        let cost = cost(&format);
        let ratio = cost.as_secs_f64() / json.as_secs_f64();
        eprintln!("{name:15} {:4} ns  {ratio:.2}", cost.as_nanos());
    }
}
