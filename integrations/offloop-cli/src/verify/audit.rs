//! What was found in a log, so far.

use std::collections::BTreeSet;

use serde::Serialize;

use super::copies::{Bound, Copies};
use super::line::{Damage, Line, Notice, Record};
use super::sequence::{Sequences, Step};
use super::waiting::Waiting;
use crate::Outcome;
use crate::tell::count;

/// What was found, and where.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) file: String,
    pub(super) line: u64,
    #[serde(flatten)]
    pub(super) what: What,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum What {
    /// The file ends within a line.
    TornEnd,
    TornLine,
    NulBytes,
    NoRecord {
        reason: String,
    },
    Gap {
        pid: u64,
        before: u64,
        missing: u64,
    },
    Repeated {
        pid: u64,
        seq: u64,
    },
    ReportedLoss {
        lost: u64,
    },
}

/// What all files together hold.
#[derive(Debug, Default, Serialize)]
pub(super) struct Totals {
    pub(super) files: u64,
    pub(super) records: u64,
    pub(super) recovered: u64,
    /// Records with a sequence number.
    pub(super) numbered: u64,
    pub(super) empty_lines: u64,
    pub(super) damaged_lines: u64,
    /// JSON objects in no known format.
    pub(super) unknown_lines: u64,
    pub(super) missing: u64,
    pub(super) repeated: u64,
    /// Records that come a second time since a sync of the first file failed.
    pub(super) written_again: u64,
    pub(super) reported_lost: u64,
}

/// Looks at line after line, file after file.
#[derive(Debug, Default)]
pub(super) struct Audit {
    pub(super) totals: Totals,
    pub(super) sequences: Sequences,
    /// The first ones.
    pub(super) findings: Vec<Finding>,
    pub(super) findings_total: u64,
    /// Files that could not be read, or not be understood, and why.
    pub(super) troubles: Vec<String>,
    /// What dead processes left for these logs.
    pub(super) waiting: Vec<Waiting>,
    /// Files that were passed over, and why nothing is missing without them.
    pub(super) skipped: BTreeSet<String>,
    /// Whether an old file went away before it could be read.
    pub(super) is_stale: bool,
    /// Whether nothing less than all numbers will do.
    is_strict: bool,
    copies: Copies,
    findings_max: usize,
    file: FileSoFar,
}

/// What was seen of the file that is looked at.
#[derive(Debug, Default)]
struct FileSoFar {
    name: String,
    line: u64,
    /// Lines that are a JSON object, or begin like one.
    objects: u64,
    /// Lines that have nothing of JSON.
    texts: u64,
    /// JSON objects in no known format.
    unknown: u64,
    /// The first of them.
    unknown_line: u64,
    /// What all files before it came to.
    before: (usize, u64, u64),
}

impl Audit {
    /// An audit that lists so many findings.
    pub(super) fn new(findings_max: usize, is_strict: bool) -> Audit {
        Audit {
            findings_max,
            is_strict,
            ..Audit::default()
        }
    }

    pub(super) fn begin_file(&mut self, name: &str) {
        self.totals.files += 1;
        self.file = FileSoFar {
            name: name.to_owned(),
            before: self.damage(),
            ..FileSoFar::default()
        };
    }

    pub(super) fn add(&mut self, line: Line<'_>) {
        self.file.line += 1;
        match line {
            Line::Record(record) => self.add_record(&record),
            Line::Unknown => self.add_unknown(),
            Line::Empty => self.totals.empty_lines += 1,
            Line::Damaged(damage) => self.add_damage(damage),
        }
    }

    /// Says of a file that is in no known format that nothing is known of it.
    pub(super) fn end_file(&mut self) {
        let FileSoFar { name, unknown, .. } = &self.file;
        if self.file.objects == 0 && self.file.texts != 0 {
            self.troubles.push(format!(
                "{name} is no log of JSON lines: it holds text, of which nothing can be said"
            ));
            // Its lines are as they should be, for all that is known.
            let (listed, findings, damaged_lines) = self.file.before;
            self.findings.truncate(listed);
            self.findings_total = findings;
            self.totals.damaged_lines = damaged_lines;
        } else if *unknown != 0 {
            let (lines, first) = (count(*unknown, "line"), self.file.unknown_line);
            self.troubles.push(format!(
                "{name}: {lines} in a format that is not known, from line {first} on: whether losses \
                 are reported there, nobody can tell. If keys were given other names, say so with \
                 --config or --key"
            ));
        }
    }

    fn damage(&self) -> (usize, u64, u64) {
        let listed = self.findings.len();
        (listed, self.findings_total, self.totals.damaged_lines)
    }

    fn add_unknown(&mut self) {
        self.totals.unknown_lines += 1;
        self.file.objects += 1;
        if self.file.unknown == 0 {
            self.file.unknown_line = self.file.line;
        }
        self.file.unknown += 1;
    }

    fn add_record(&mut self, record: &Record<'_>) {
        self.totals.records += 1;
        self.file.objects += 1;
        self.totals.recovered += u64::from(record.is_recovered);
        if let Some(Notice::Lost(lost)) = record.notice {
            self.totals.reported_lost += lost;
            self.find(What::ReportedLoss { lost });
        }
        let Some((pid, number)) = record.sequence else {
            return;
        };
        self.totals.numbered += 1;
        if self.copies.are_due(pid) && self.sequences.have_passed(pid, number) {
            self.totals.written_again += 1;
            return;
        }
        match record.notice {
            Some(Notice::Copies(Bound::Begin)) => return self.copies.begin(pid, number),
            Some(Notice::Copies(Bound::End)) => {
                let begin = self.copies.end(pid);
                begin.into_iter().for_each(|begin| self.follow(pid, begin));
            }
            Some(Notice::Lost(_)) | None => {}
        }
        self.follow(pid, number);
    }

    fn follow(&mut self, pid: u64, number: u64) {
        match self.sequences.add(pid, number) {
            Step::Next => {}
            Step::Gap { missing } => {
                self.totals.missing += missing;
                let before = number;
                self.find(What::Gap {
                    pid,
                    before,
                    missing,
                });
            }
            Step::Repeated => {
                self.totals.repeated += 1;
                self.find(What::Repeated { pid, seq: number });
            }
        }
    }

    fn add_damage(&mut self, damage: Damage) {
        self.totals.damaged_lines += 1;
        match damage {
            Damage::NoObject => self.file.texts += 1,
            Damage::NoEnd | Damage::NulBytes => {}
            Damage::Torn | Damage::NoRecord(_) => self.file.objects += 1,
        }
        self.find(match damage {
            Damage::NoEnd => What::TornEnd,
            Damage::Torn => What::TornLine,
            Damage::NulBytes => What::NulBytes,
            Damage::NoObject => What::NoRecord {
                reason: "it does not begin with {".to_owned(),
            },
            Damage::NoRecord(reason) => What::NoRecord { reason },
        });
    }

    fn find(&mut self, what: What) {
        self.findings_total += 1;
        if self.findings.len() < self.findings_max {
            let (file, line) = (self.file.name.clone(), self.file.line);
            self.findings.push(Finding { file, line, what });
        }
    }

    /// Whether it can be known that nothing is missing.
    pub(super) fn are_all_numbered(&self) -> bool {
        self.totals.numbered != 0 && self.totals.numbered == self.totals.records
    }

    pub(super) fn outcome(&self) -> Outcome {
        let is_unsettled = self.is_strict && !self.are_all_numbered();
        if !self.troubles.is_empty() || (is_unsettled && self.findings_total == 0) {
            Outcome::Failed
        } else if self.findings_total != 0 || !self.waiting.is_empty() {
            Outcome::Wanting
        } else {
            Outcome::Whole
        }
    }
}
