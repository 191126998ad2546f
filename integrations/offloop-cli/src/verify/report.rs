//! The answer, to people and to machines.

use std::fmt::{self, Display};

use serde_json::json;

use super::audit::{Audit, Finding, What};
use super::sequence::Sequence;
use super::waiting::Waiting;
use crate::Outcome;
use crate::tell::count;

/// One JSON object.
pub(super) fn json(audit: &Audit) -> String {
    json!({
        "whole": audit.outcome() == Outcome::Whole,
        "totals": audit.totals,
        "sequences": audit.sequences.as_slice(),
        "findings": audit.findings,
        "findings_total": audit.findings_total,
        "waiting": audit.waiting,
        "unreadable": audit.troubles,
        "skipped": audit.skipped,
    })
    .to_string()
}

/// Some lines for people: what was found, then what it comes to.
pub(super) fn text(audit: &Audit) -> String {
    let mut lines: Vec<String> = audit.findings.iter().map(Finding::to_string).collect();
    let unlisted = audit.findings_total - lines.len() as u64;
    if unlisted != 0 {
        lines.push(format!(
            "and {} more (see --list)",
            count(unlisted, "finding")
        ));
    }
    lines.extend(audit.waiting.iter().map(Waiting::to_string));
    lines.extend(audit.skipped.iter().cloned());
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(holdings(audit));
    let sequences = audit.sequences.as_slice();
    lines.extend(sequences.iter().filter_map(late_beginning));
    lines.push(verdict(audit));
    lines.join("\n")
}

/// What is there.
fn holdings(audit: &Audit) -> String {
    let totals = &audit.totals;
    let mut text = format!(
        "{} in {}",
        count(totals.records, "record"),
        count(totals.files, "file")
    );
    if totals.recovered != 0 {
        text += &format!(", {} recovered after a crash", totals.recovered);
    }
    if totals.written_again != 0 {
        text += &format!(
            ", {} of them written again after a failed sync",
            totals.written_again
        );
    }
    if totals.empty_lines != 0 {
        text += &format!(", {}", count(totals.empty_lines, "empty line"));
    }
    let processes = audit.sequences.as_slice().len() as u64;
    if processes != 0 {
        text += &format!(", numbered by {}", count(processes, "process"));
    }
    text
}

fn late_beginning(sequence: &Sequence) -> Option<String> {
    let Sequence { pid, first, .. } = sequence;
    sequence.begins_late().then(|| {
        format!(
            "process {pid} begins with number {first}: what it logged before is not in these files"
        )
    })
}

/// What it comes to.
fn verdict(audit: &Audit) -> String {
    let totals = &audit.totals;
    let waiting = audit.waiting.iter().map(|waiting| waiting.records).sum();
    let parts = [
        (totals.damaged_lines, "damaged line", ""),
        (totals.missing, "record", " missing"),
        (totals.repeated, "record", " doubled"),
        (totals.reported_lost, "record", " reported lost"),
        (waiting, "record", " left to be recovered"),
    ];
    let parts = parts.iter().filter(|(number, ..)| *number != 0);
    let parts: Vec<String> = parts
        .map(|(number, noun, fate)| count(*number, noun) + fate)
        .collect();
    let is_unknown = !audit.troubles.is_empty();
    match audit.outcome() {
        Outcome::Failed if is_unknown && parts.is_empty() => {
            "it cannot be known: not everything could be read".to_owned()
        }
        Outcome::Failed if is_unknown => format!(
            "not whole, and not everything could be read: {}",
            parts.join(", ")
        ),
        Outcome::Wanting => format!("not whole: {}", parts.join(", ")),
        Outcome::Failed | Outcome::Whole => knowledge(audit),
    }
}

/// How much can be known of a log in which nothing is wrong.
fn knowledge(audit: &Audit) -> String {
    let totals = &audit.totals;
    if totals.numbered == 0 {
        "nothing torn, no loss reported; without sequence numbers more cannot be known".to_owned()
    } else if audit.are_all_numbered() {
        "all records are there".to_owned()
    } else {
        let unnumbered = count(totals.records - totals.numbered, "record");
        format!("all numbers are there; {unnumbered} without one")
    }
}

impl Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: ", self.file, self.line)?;
        match &self.what {
            What::TornEnd => {
                formatter.write_str("the file ends within a line (or is being written to just now)")
            }
            What::TornLine => formatter.write_str("a record that breaks off"),
            What::NulBytes => formatter.write_str("NUL bytes: another program cut the file"),
            What::NoRecord { reason } => write!(formatter, "not a JSON object: {reason}"),
            What::Gap {
                pid,
                before,
                missing,
            } => {
                let records = count(*missing, "record");
                write!(
                    formatter,
                    "{records} of process {pid} missing before number {before}"
                )
            }
            What::Repeated { pid, seq } => {
                write!(
                    formatter,
                    "number {seq} of process {pid} for the second time, or out of order"
                )
            }
            What::ReportedLoss { lost } => {
                write!(formatter, "the log reports {} lost", count(*lost, "record"))
            }
        }
    }
}
