//! The table at the end, and what it shows.

use std::time::Duration;

use crate::Row;
use crate::contest::Measured;
use crate::logger::Contender;
use crate::schedule::STALL;

const COLUMNS: [&str; 8] = [
    "p50", "p99", "p99.9", "max", "accepted", "written", "lost", "memory",
];

pub(crate) fn print(rows: &[Row]) {
    println!(
        "{:32}{:>36}{:>31}{:>9}",
        "", "request latency, ms", "records", "peak"
    );
    print_line("", COLUMNS);
    for (contender, row) in rows {
        match row {
            Ok(measured) => print_line(contender.title(), cells(*contender, measured)),
            Err(error) => println!("{}: failed: {error}", contender.title()),
        }
    }
    println!();
    for (contender, row) in rows {
        if let Ok(measured) = row {
            print_notes(*contender, measured);
        }
    }
    println!("{}", conclusion(rows));
    if let Some(measured) = find(rows, Contender::Offloop) {
        println!("\noffloop's log, {}, ends with", measured.log.display());
        measured
            .lines
            .last
            .iter()
            .for_each(|line| println!("{line}"));
    }
}

fn print_line(title: &str, cells: [impl AsRef<str>; 8]) {
    let [p50, p99, p99_9, max, accepted, written, lost, memory] =
        cells.each_ref().map(AsRef::as_ref);
    println!(
        "{title:32}{p50:>9}{p99:>9}{p99_9:>9}{max:>9}{accepted:>11}{written:>10}{lost:>10}{memory:>9}"
    );
}

fn cells(contender: Contender, measured: &Measured) -> [String; 8] {
    let latency = Latency::of(measured);
    let count = |records| match contender {
        Contender::Off => "-".to_owned(),
        _ => thousands(records),
    };
    [
        milliseconds(latency.p50),
        milliseconds(latency.p99),
        milliseconds(latency.p99_9),
        milliseconds(latency.max),
        count(measured.accepted),
        count(measured.lines.records),
        count(measured.lost()),
        mebibytes(measured.memory_kib_max),
    ]
}

/// Says what does not fit the table, and should not have happened.
fn print_notes(contender: Contender, measured: &Measured) {
    let title = contender.title();
    if measured.answers.failed != 0 {
        println!(
            "{title}: {} requests got no answer.",
            thousands(measured.answers.failed)
        );
    }
    if measured.lines.broken != 0 {
        println!(
            "{title}: {} lines are not JSON.",
            thousands(measured.lines.broken)
        );
    }
    if measured.lost_reported != measured.lost() {
        let (reported, lost) = (measured.lost_reported, measured.lost());
        println!(
            "{title}: itself counts {} records lost, not {}.",
            thousands(reported),
            thousands(lost)
        );
    }
}

/// One sentence, made of what was measured and nothing else.
fn conclusion(rows: &[Row]) -> String {
    let stall_s = (STALL.end - STALL.start).as_secs();
    let mut parts: Vec<String> = Vec::new();
    if let Some((contender, max)) = slowest_peer(rows) {
        parts.push(format!(
            "up to {} ms with {}",
            milliseconds(max),
            contender.title()
        ));
    }
    for contender in [Contender::Offloop, Contender::Off] {
        if let Some(measured) = find(rows, contender) {
            let max = milliseconds(Latency::of(measured).max);
            parts.push(format!("up to {max} ms with {}", contender.title()));
        }
    }
    let requests = format!(
        "The log's reader stood still for {stall_s} s, and requests took {}",
        parts.join(", ")
    );
    match find(rows, Contender::Offloop) {
        Some(measured) => format!(
            "{requests}; offloop lost {} of its {} records.",
            thousands(measured.lost()),
            thousands(measured.accepted)
        ),
        None => format!("{requests}."),
    }
}

/// The contender beside offloop whose slowest request was the slowest of all.
fn slowest_peer(rows: &[Row]) -> Option<(Contender, Duration)> {
    rows.iter()
        .filter(|(contender, _)| !matches!(contender, Contender::Off | Contender::Offloop))
        .filter_map(|(contender, row)| Some((*contender, Latency::of(row.as_ref().ok()?).max)))
        .max_by_key(|(_, max)| *max)
}

fn find(rows: &[Row], contender: Contender) -> Option<&Measured> {
    let (_, row) = rows.iter().find(|(candidate, _)| *candidate == contender)?;
    row.as_ref().ok()
}

impl Measured {
    /// Records that were handed to the logger and are not in the log.
    fn lost(&self) -> u64 {
        self.accepted.saturating_sub(self.lines.records)
    }
}

#[derive(Default)]
struct Latency {
    p50: Duration,
    p99: Duration,
    p99_9: Duration,
    max: Duration,
}

impl Latency {
    fn of(measured: &Measured) -> Self {
        let mut sorted = measured.answers.latencies.clone();
        sorted.sort_unstable();
        // The smallest latency that so many requests of a thousand did not exceed.
        let per_mille = |share: usize| {
            let rank = (sorted.len() * share).div_ceil(1000);
            sorted
                .get(rank.saturating_sub(1))
                .copied()
                .unwrap_or_default()
        };
        Self {
            p50: per_mille(500),
            p99: per_mille(990),
            p99_9: per_mille(999),
            max: per_mille(1000),
        }
    }
}

/// Three digits are enough to compare.
fn milliseconds(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 {
        format!("{ms:.2}")
    } else if ms < 100.0 {
        format!("{ms:.1}")
    } else {
        thousands(ms.round() as u64)
    }
}

fn mebibytes(kib: u64) -> String {
    match kib {
        0 => "-".to_owned(),
        _ => format!("{} MiB", kib.div_ceil(1024)),
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
