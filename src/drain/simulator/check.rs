//! What must hold, whatever went wrong.
//!
//! - I1: every record is in the files once, or counted as lost.
//! - I2: every line is whole, but for what others tore and what could not be cut off.
//! - I3: each lane's records are in order; what comes twice stands between two notices.
//! - I4: what was acknowledged is on the disk.
//! - I7: nothing panics.
//! - I9: losses and failures are said.

use std::collections::HashSet;
use std::ops::Range;

use serde_json::Value;

use super::chance::Chance;
use super::files::Files;
use super::world::World;
use crate::channel::overflow::LossReason;
use crate::sink::file::faults::{self, Call};

/// A record's line, which can be told by lane and number alone. Few are long.
pub(super) fn line_of(lane: usize, number: u32) -> String {
    let mut chance = Chance::new((lane as u64) << 32 | u64::from(number));
    let len_max = if chance.once_in(50) { 5_000 } else { 120 };
    let filling = "r".repeat(chance.below(len_max) as usize);
    format!("r {lane} {number} {filling}.\n")
}

/// The line of another process.
pub(super) fn other_line(number: u32) -> String {
    format!("o {number} of another process\n")
}

/// The beginning of a line that has no end.
pub(super) const TORN: &str = "torn;";

/// Several may have done so before anybody who knows better comes along.
fn is_torn_by_others(line: &str) -> bool {
    line.trim_end().replace(TORN, "").is_empty()
}

/// Lane and number of a record's line, if it is whole.
fn record_of(line: &str) -> Option<(usize, u32)> {
    let mut parts = line.strip_prefix("r ")?.split(' ');
    let lane = parts.next()?.parse().ok()?;
    let number = parts.next()?.parse().ok()?;
    (line_of(lane, number) == line).then_some((lane, number))
}

/// What was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Durables {
    /// Of each lane, numbers from and to.
    records: Vec<(usize, Range<u32>)>,
}

impl Durables {
    /// What was logged after the one moment and before the other.
    pub(super) fn acknowledge(&mut self, after: &[u32], before: &[u32]) {
        let lanes = after.iter().zip(before).enumerate();
        self.records
            .extend(lanes.map(|(lane, (&after, &before))| (lane, after..before)));
    }

    /// I4. Of what was acknowledged nothing is missing on the disk but what was lost before.
    pub(super) fn check(&self, files: &Files, lost: u64) -> Result<(), String> {
        let texts = files.texts_on_disk();
        // Where another process could not sync a line of its own there are zeros, its line break among them.
        let pieces = texts.iter().flat_map(|text| text.split(|&byte| byte == 0));
        let lines = pieces.flat_map(|piece| piece.split_inclusive(|&byte| byte == b'\n'));
        let there: HashSet<_> = lines
            .filter_map(|line| record_of(std::str::from_utf8(line).ok()?))
            .collect();
        let records = self.records.iter();
        let acknowledged: HashSet<_> = records
            .flat_map(|(lane, numbers)| numbers.clone().map(|number| (*lane, number)))
            .collect();
        let missing: Vec<_> = acknowledged.difference(&there).collect();
        if missing.len() as u64 <= lost {
            return Ok(());
        }
        Err(format!("I4: {lost} lost, but not on the disk: {missing:?}"))
    }
}

/// Checks everything but what is checked on the way, once nothing waits any more.
pub(super) fn everything(world: &World) -> Result<(), String> {
    world.durables.check(&world.files, world.stats().lost())?;
    let mut reader = Reader::new(world);
    for text in world.files.texts() {
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            reader.read(&String::from_utf8_lossy(line))?;
        }
    }
    reader.check_lines()?;
    check_counts(world, &reader)?;
    check_complaints(world, &reader)
}

/// I1 and I7.
fn check_counts(world: &World, reader: &Reader<'_>) -> Result<(), String> {
    let stats = world.stats();
    let logged: u32 = world.logged.iter().sum();
    let counts = [
        ("accepted", stats.accepted.total(), u64::from(logged)),
        ("waiting", stats.waiting(), 0),
        ("written", stats.written(), reader.records.len() as u64),
        (
            "written and lost",
            stats.written() + stats.lost(),
            u64::from(logged),
        ),
        ("lost to panics", stats.sinks[0].lost.by(LossReason::Io), 0),
    ];
    match counts
        .iter()
        .find(|(_, counted, expected)| counted != expected)
    {
        Some((name, counted, expected)) => Err(format!("I1: {name}: {counted}, not {expected}")),
        None => Ok(()),
    }
}

/// I9.
fn check_complaints(world: &World, reader: &Reader<'_>) -> Result<(), String> {
    let complaints = world.complaints.lock().unwrap();
    let has_said = |text: &str| complaints.iter().any(|said| said.contains(text));
    let lost = world.stats().lost();
    if reader.lost != lost {
        return Err(format!("I9: {lost} lost, {} by the log", reader.lost));
    }
    // Complaints are limited: then it is said how many were not passed on.
    let is_limited = 5 <= complaints.len();
    if lost != 0 && !has_said("lost") && !is_limited {
        return Err(format!("I9: {lost} lost, and nobody was told"));
    }
    let has_told = reader.recovered != 0 && (has_said("records wait in memory") || is_limited);
    if world.has_failed && !has_told {
        return Err(format!(
            "I9: the sink failed, and nobody was told: {complaints:?}"
        ));
    }
    Ok(())
}

/// Reads the lines of all files, in order.
struct Reader<'w> {
    world: &'w World,
    records: HashSet<(usize, u32)>,
    /// By lane, the number that may come next.
    next: Vec<u32>,
    others: HashSet<String>,
    /// How many lines that come are there for the second time.
    again: u64,
    torn: u32,
    lost: u64,
    recovered: u32,
}

impl<'w> Reader<'w> {
    fn new(world: &'w World) -> Reader<'w> {
        Reader {
            world,
            records: HashSet::new(),
            next: vec![0; world.logged.len()],
            others: HashSet::new(),
            again: 0,
            torn: 0,
            lost: 0,
            recovered: 0,
        }
    }

    fn read(&mut self, line: &str) -> Result<(), String> {
        if let Some(record) = record_of(line) {
            return self.read_record(record);
        }
        if line.starts_with('{')
            && line.ends_with('\n')
            && let Ok(notice) = serde_json::from_str(line)
        {
            return self.read_notice(&notice);
        }
        if (0..self.world.others).any(|number| other_line(number) == line) {
            let is_new = self.others.insert(line.to_owned());
            return is_new
                .then_some(())
                .ok_or_else(|| format!("I3: twice: {line:?}"));
        }
        if is_torn_by_others(line) {
            return Ok(());
        }
        self.torn += 1;
        // What could not be cut off, since that failed or nobody could tell the file or its length, and
        // what nobody could see the end of.
        let calls = [Call::Truncate, Call::Stat, Call::Read];
        if self.torn <= calls.map(faults::fired).iter().sum() {
            return Ok(());
        }
        Err(format!("I2: not a line: {line:?}"))
    }

    fn read_record(&mut self, record: (usize, u32)) -> Result<(), String> {
        let (lane, number) = record;
        if self.again != 0 {
            self.again -= 1;
            let is_known = self.records.contains(&record);
            return is_known
                .then_some(())
                .ok_or_else(|| format!("I3: written again, but not before: {record:?}"));
        }
        if !self.records.insert(record) {
            return Err(format!("I3: twice: {record:?}"));
        }
        if number < self.next[lane] {
            return Err(format!("I3: out of order: {record:?}"));
        }
        self.next[lane] = number + 1;
        Ok(())
    }

    fn read_notice(&mut self, notice: &Value) -> Result<(), String> {
        if self.again != 0 {
            self.again -= 1;
            return Ok(());
        }
        let number = |field: &str| {
            notice[field]
                .as_u64()
                .ok_or_else(|| format!("I2: {notice}"))
        };
        match notice["message"].as_str() {
            Some("sync failed") => self.again = number("lines")?,
            Some("records lost") => self.lost += number("lost")?,
            Some("sink recovered") => self.recovered += 1,
            Some("end of lines written again") => {}
            _ => return Err(format!("I2: unknown notice: {notice}")),
        }
        Ok(())
    }

    /// What is known only at the end.
    fn check_lines(&self) -> Result<(), String> {
        if self.others.len() != self.world.others as usize {
            return Err(format!(
                "I1: of {} lines of another process {} are there",
                self.world.others,
                self.others.len()
            ));
        }
        if self.again != 0 {
            return Err(format!("I3: {} lines were not written again", self.again));
        }
        Ok(())
    }
}
