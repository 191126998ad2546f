//! Results as Markdown tables that are aligned, so that a terminal shows them as well.

use crate::contenders::ALL;
use crate::results::{Figure, Results};

/// How a column's figures are written.
#[derive(Clone, Copy)]
pub enum Unit {
    Nanoseconds,
    Seconds,
    Bytes,
    Count,
    /// Millions a second.
    Millions,
    /// Parts of one processor core.
    Percent,
}

/// A column of a table.
pub enum Column {
    /// The median of a figure with the smallest and largest of the runs, such as
    /// `75 ns (70 ns–81 ns)`. It is judged: a row that beats offloop is listed at the end.
    Range(&'static str, String, Unit),
    /// The median alone.
    Median(&'static str, String, Unit),
    /// What the named contender's figure is, divided by this row's.
    Below(&'static str, String, &'static str),
    /// This row's figure, divided by that of the named contender.
    Times(&'static str, String, &'static str),
}

/// Prints rows that are offloop's alone, and which of its variants failed.
pub fn print_own(rows: &[Vec<String>], results: &Results, variants: &[&str]) {
    println!();
    align(rows);
    for variant in variants {
        if let Some(failure) = results.failure("offloop", variant) {
            println!("\n{variant}: {failure}");
        }
    }
}

/// Prints one row for each contender that has a result in this variant. Returns where offloop is
/// not the first, in words.
pub fn print(title: &str, results: &Results, variant: &str, columns: &[Column]) -> Vec<String> {
    let mut rows = vec![header(columns)];
    let mut notes = Vec::new();
    for contender in ALL {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| cell(results, contender.name, variant, column))
            .collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            rows.push([vec![contender.name.to_owned()], cells].concat());
        }
        if let Some(failure) = results.failure(contender.name, variant) {
            notes.push(format!("{}: {failure}", contender.name));
        }
    }
    println!("\n**{title}**\n");
    align(&rows);
    for note in notes {
        println!("\n{note}");
    }
    let lost = |column| lost(title, results, variant, column);
    columns.iter().filter_map(lost).collect()
}

/// Who beats offloop in a column, by more than the twentieth part that is noise.
fn lost(title: &str, results: &Results, variant: &str, column: &Column) -> Option<String> {
    let Column::Range(name, metric, unit) = column else {
        return None;
    };
    let median = |name| {
        results
            .figure(name, variant, metric)
            .map(|figure| figure.median)
    };
    let own = median("offloop")?;
    let beats = |other: f64| match unit {
        Unit::Millions => own * 1.05 < other,
        Unit::Nanoseconds => other.max(1.0) * 1.05 < own,
        _ => other * 1.05 < own,
    };
    let others = ALL.iter().filter(|other| other.is_rival());
    let ahead = others.filter_map(|other| Some((other.name, median(other.name)?)));
    let ahead: Vec<String> = ahead
        .filter(|(_, other)| beats(*other))
        .map(|(name, other)| format!("{name} {}", write(other, *unit)))
        .collect();
    let own = write(own, *unit);
    (!ahead.is_empty()).then(|| format!("{title}; {name}: {}; offloop {own}", ahead.join(", ")))
}

fn header(columns: &[Column]) -> Vec<String> {
    let title = |column: &Column| match column {
        Column::Range(title, ..) | Column::Median(title, ..) => (*title).to_owned(),
        Column::Below("", _, other) => format!("{other} ÷ this"),
        Column::Times("", _, other) => format!("this ÷ {other}"),
        Column::Below(title, _, other) => format!("{title}: {other} ÷ this"),
        Column::Times(title, _, other) => format!("{title}: this ÷ {other}"),
    };
    std::iter::once(String::new())
        .chain(columns.iter().map(title))
        .collect()
}

fn cell(results: &Results, contender: &str, variant: &str, column: &Column) -> String {
    let median = |name: &str, metric: &str| {
        results
            .figure(name, variant, metric)
            .map(|figure| figure.median)
    };
    let text = match column {
        Column::Range(_, metric, unit) => results
            .figure(contender, variant, metric)
            .map(|figure| range(figure, *unit)),
        Column::Median(_, metric, unit) => {
            median(contender, metric).map(|value| write(value, *unit))
        }
        Column::Below(_, metric, other) => median(other, metric)
            .zip(median(contender, metric))
            .map(|(other, this)| ratio(other / this)),
        Column::Times(_, metric, other) => median(other, metric)
            .zip(median(contender, metric))
            .map(|(other, this)| ratio(this / other)),
    };
    text.unwrap_or_default()
}

fn ratio(value: f64) -> String {
    match value {
        value if !value.is_finite() => "–".to_owned(),
        value if value < 0.1 => format!("{value:.3}"),
        value if value < 10.0 => format!("{value:.2}"),
        value => format!("{value:.0}"),
    }
}

fn range(figure: Figure, unit: Unit) -> String {
    let median = write(figure.median, unit);
    if figure.min == figure.max {
        return median;
    }
    format!(
        "{median} ({}–{})",
        write(figure.min, unit),
        write(figure.max, unit)
    )
}

fn write(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Nanoseconds => scaled(value, &[("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)]),
        Unit::Seconds => format!("{} s", digits(value)),
        Unit::Bytes => scaled(value, &[("B", 1.0), ("KiB", 1024.0), ("MiB", 1048576.0)]),
        Unit::Count => digits(value),
        Unit::Millions => format!("{} M/s", digits(value / 1e6)),
        Unit::Percent => format!("{:.3} %", value * 100.0),
    }
}

fn scaled(value: f64, units: &[(&str, f64)]) -> String {
    let fits = units
        .iter()
        .rev()
        .find(|(_, size)| value >= *size)
        .unwrap_or(&units[0]);
    format!("{} {}", digits(value / fits.1), fits.0)
}

/// About three significant digits.
fn digits(value: f64) -> String {
    match value {
        value if value == value.trunc() => format!("{value:.0}"),
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

pub fn align(rows: &[Vec<String>]) {
    let width = |index: usize| {
        rows.iter()
            .map(|row| row[index].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(index, (cell, width))| match index {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        println!("| {} |", cells.join(" | "));
    };
    line(&rows[0]);
    line(
        &widths
            .iter()
            .enumerate()
            .map(|(index, &width)| rule(index, width))
            .collect(),
    );
    rows[1..].iter().for_each(line);
}

fn rule(index: usize, width: usize) -> String {
    match index {
        0 => "-".repeat(width),
        _ => format!("{}:", "-".repeat(width.max(2) - 1)),
    }
}
