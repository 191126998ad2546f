//! `offloop recover`: what dead processes left behind goes into their log files.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use offloop::{Error, Leftover, RecoveryReport};
use serde_json::{Value, json};

use crate::arguments::Recover;
use crate::tell::{count, harmless};
use crate::{Outcome, tell};

pub(crate) fn run(arguments: &Recover) -> Outcome {
    let outcome = if arguments.list {
        list(arguments)
    } else {
        recover(arguments)
    };
    outcome.unwrap_or_else(|error| {
        tell::trouble(error);
        Outcome::Failed
    })
}

fn list(arguments: &Recover) -> Result<Outcome, Error> {
    let leftovers = offloop::leftovers()?;
    if arguments.json {
        tell::answer(Value::from_iter(leftovers.iter().map(leftover_as_json)));
    } else if leftovers.is_empty() {
        tell::answer(nothing_found(&offloop::leftover_directories()));
    } else {
        leftovers
            .iter()
            .for_each(|leftover| tell::answer(leftover_as_text(leftover)));
    }
    let is_left = leftovers
        .iter()
        .any(|leftover| !leftover.is_alive && 0 < waiting(leftover));
    Ok(if is_left {
        Outcome::Wanting
    } else {
        Outcome::Whole
    })
}

fn nothing_found(directories: &[PathBuf]) -> String {
    let mut text = "nothing left behind, and no process that could leave something".to_owned();
    if !directories.is_empty() {
        let places = directories.iter().map(|path| path.display().to_string());
        text += &format!("; looked into {}", places.collect::<Vec<_>>().join(", "));
    }
    text
}

fn waiting(leftover: &Leftover) -> u64 {
    leftover.sinks.iter().map(|sink| sink.waiting).sum()
}

fn leftover_as_json(leftover: &Leftover) -> Value {
    let started = leftover
        .started
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let sinks = leftover
        .sinks
        .iter()
        .map(|sink| json!({ "path": sink.path.to_string_lossy(), "waiting": sink.waiting }));
    json!({
        "path": leftover.path.to_string_lossy(),
        "process": leftover.process,
        "program": leftover.program,
        "alive": leftover.is_alive,
        "panic": leftover.panic,
        "started_ms": started.as_millis() as u64,
        "sinks": Vec::from_iter(sinks),
    })
}

fn leftover_as_text(leftover: &Leftover) -> String {
    let state = if leftover.is_alive { "alive" } else { "dead" };
    let program = leftover.program.as_deref().unwrap_or("unknown program");
    let program = harmless(program);
    let mut text = format!(
        "{}\n  process {} ({program}), {state}, started {}",
        leftover.path.display(),
        leftover.process,
        ago(leftover.started)
    );
    if let Some(panic) = &leftover.panic {
        text += &format!("\n  ended by a panic: {}", harmless(panic));
    }
    for sink in &leftover.sinks {
        let waiting = count(sink.waiting, "record");
        text += &format!("\n  {waiting} for {}", sink.path.display());
    }
    text
}

fn ago(time: SystemTime) -> String {
    let seconds = time.elapsed().unwrap_or_default().as_secs();
    let (number, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{} ago", count(number, unit))
}

/// One path that cannot be read does not keep the others from being recovered.
fn recover(arguments: &Recover) -> Result<Outcome, Error> {
    let mut sum = RecoveryReport::default();
    let mut is_all_read = true;
    for path in paths(arguments)? {
        match offloop::recover(&path) {
            Ok(report) => add(&mut sum, report),
            // Listed a moment ago, and recovered since by somebody else.
            Err(_) if arguments.paths.is_empty() && !path.exists() => {}
            Err(error) => {
                tell::trouble(error);
                is_all_read = false;
            }
        }
    }
    sum.failures.iter().for_each(tell::trouble);
    if arguments.json {
        tell::answer(report_as_json(&sum));
    } else {
        tell::answer(report_as_text(&sum));
    }
    Ok(match (is_all_read, sum.is_complete()) {
        (false, _) => Outcome::Failed,
        (true, false) => Outcome::Wanting,
        (true, true) => Outcome::Whole,
    })
}

fn add(sum: &mut RecoveryReport, report: RecoveryReport) {
    sum.recovered += report.recovered;
    sum.unreadable += report.unreadable;
    sum.in_use += report.in_use;
    sum.processes.extend(report.processes);
    sum.failures.extend(report.failures);
}

fn paths(arguments: &Recover) -> Result<Vec<PathBuf>, Error> {
    if !arguments.paths.is_empty() {
        return Ok(arguments.paths.clone());
    }
    let dead = offloop::leftovers()?
        .into_iter()
        .filter(|leftover| !leftover.is_alive);
    Ok(dead.map(|leftover| leftover.path).collect())
}

fn report_as_json(report: &RecoveryReport) -> Value {
    json!({
        "whole": report.is_complete(),
        "recovered": report.recovered,
        "unreadable": report.unreadable,
        "processes": report.processes,
        "in_use": report.in_use,
        "failures": report.failures,
    })
}

fn report_as_text(report: &RecoveryReport) -> String {
    let mut text = if report.recovered == 0 && report.is_complete() {
        "nothing to recover".to_owned()
    } else {
        let processes = count(report.processes.len() as u64, "process");
        format!(
            "{} of {processes} recovered",
            count(report.recovered, "record")
        )
    };
    if report.unreadable != 0 {
        text += &format!("; {} unreadable", count(report.unreadable, "record"));
    }
    if report.in_use != 0 {
        let in_use = count(report.in_use, "process");
        text += &format!("; {in_use} left alone: alive, or being recovered");
    }
    text
}
