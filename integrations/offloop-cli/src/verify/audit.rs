//! What was found in a log, so far.

use serde::Serialize;

use super::copies::{Bound, Copies};
use super::line::{Damage, Line, Record};
use super::sequence::{Sequences, Step};
use crate::Outcome;

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
    /// Files that could not be read, and why.
    pub(super) troubles: Vec<String>,
    copies: Copies,
    findings_max: usize,
    file: String,
    line: u64,
}

impl Audit {
    /// An audit that lists so many findings.
    pub(super) fn new(findings_max: usize) -> Audit {
        Audit {
            findings_max,
            ..Audit::default()
        }
    }

    pub(super) fn begin_file(&mut self, name: &str) {
        name.clone_into(&mut self.file);
        self.line = 0;
        self.totals.files += 1;
    }

    pub(super) fn add(&mut self, line: Line<'_>) {
        self.line += 1;
        match line {
            Line::Record(record) => self.add_record(&record),
            Line::Empty => self.totals.empty_lines += 1,
            Line::Damaged(damage) => self.add_damage(damage),
        }
    }

    fn add_record(&mut self, record: &Record<'_>) {
        self.totals.records += 1;
        self.totals.recovered += u64::from(record.is_recovered());
        if let Some(lost) = record.lost() {
            self.totals.reported_lost += lost;
            self.find(What::ReportedLoss { lost });
        }
        let Some((pid, number)) = record.sequence() else {
            return;
        };
        self.totals.numbered += 1;
        if self.copies.are_due(pid) && self.sequences.have_passed(pid, number) {
            self.totals.written_again += 1;
            return;
        }
        match record.bound_of_copies() {
            Some(Bound::Begin) => return self.copies.begin(pid, number),
            Some(Bound::End) => {
                let begin = self.copies.end(pid);
                begin.into_iter().for_each(|begin| self.follow(pid, begin));
            }
            None => {}
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
        self.find(match damage {
            Damage::NoEnd => What::TornEnd,
            Damage::Torn => What::TornLine,
            Damage::NulBytes => What::NulBytes,
            Damage::NoRecord(reason) => What::NoRecord { reason },
        });
    }

    fn find(&mut self, what: What) {
        self.findings_total += 1;
        if self.findings.len() < self.findings_max {
            let (file, line) = (self.file.clone(), self.line);
            self.findings.push(Finding { file, line, what });
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        if !self.troubles.is_empty() {
            Outcome::Failed
        } else if self.findings_total != 0 {
            Outcome::Wanting
        } else {
            Outcome::Whole
        }
    }
}
