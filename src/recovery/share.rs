//! What one sink has to write of what a dead process left behind.
//!
//! First the batch that was under way, as far as it is not in the file; then the records that were
//! never formatted, batch by batch. Each batch is put into the leftover's journal before it is
//! written, and the positions into the slots after it: who is killed meanwhile leaves the next
//! reader where the dead process had left this one.
//!
//! The lines of the batch under way are marked as they are written. In the journal they stay as they
//! are, which says of each place whether the lines are marked there: it cannot be changed and hold
//! at the same time. Of a batch of its own, whose lines are marked from the beginning, the journal says
//! that.

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use super::journal::{Journal, Note};
use super::lanes::Lanes;
use super::leftover::{LeftoverFile, ToldSink};
use super::marked::MarkedLines;
use crate::capture::callsite::Callsites;
use crate::capture::record;
use crate::channel::arena::layout::Position;
use crate::channel::ticks;
use crate::config::Format;
use crate::drain::batch::Batch;
use crate::drain::line::{self, LineWriter, Written};
use crate::drain::notice::{self, Recovered};
use crate::sink::PlaceInFile;
use crate::sink::file::settle;

/// One sink's share of a leftover.
#[derive(Debug)]
pub(crate) struct Share {
    leftover: Arc<LeftoverFile>,
    callsites: Callsites,
    place: u32,
    path: PathBuf,
    /// How the dead process wrote, in words.
    format: Format,
    stage: Stage,
    /// How far the batch at hand brings the sink in each slot.
    moved: BTreeMap<u32, Position>,
    journaled: Journaled,
    counts: ShareCounts,
}

#[derive(Debug)]
enum Stage {
    /// It is not known what became of the batch that was under way.
    Unsettled,
    /// The rest of that batch is written, but not one record more.
    Settled,
    Records(Lanes),
    Done,
}

/// What the journal holds of the batch at hand.
#[derive(Debug)]
enum Journaled {
    Nothing,
    All,
    /// The lines without their marks, behind `there` bytes that the file has already.
    Unmarked {
        there: usize,
        rest: MarkedLines,
    },
}

/// What became of the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShareCounts {
    /// Lines that were written.
    pub(crate) recovered: u64,
    /// Records that are none any more, and pages whose rest is none.
    pub(crate) unreadable: u64,
}

impl Share {
    /// The share of a sink. `None` as long as somebody in this process is writing it: the lock on
    /// the leftover keeps out other processes alone.
    pub(super) fn take(leftover: &Arc<LeftoverFile>, sink: &ToldSink) -> Option<Self> {
        leftover.take_share(sink.place).then(|| Share {
            callsites: Callsites::Told(Arc::clone(&leftover.callsites)),
            leftover: Arc::clone(leftover),
            place: sink.place,
            path: sink.path.clone(),
            format: sink.format.clone(),
            stage: Stage::Unsettled,
            moved: BTreeMap::new(),
            journaled: Journaled::Nothing,
            counts: ShareCounts::default(),
        })
    }

    pub(super) fn leftover(&self) -> &Arc<LeftoverFile> {
        &self.leftover
    }

    /// Whether a batch was under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.journal()
            .pending()
            .is_ok_and(|pending| pending.is_some())
    }

    pub(crate) fn counts(&self) -> ShareCounts {
        self.counts
    }

    /// Fills `batch`, which is empty, with what comes next. It must be accepted by the sink, and
    /// then [completed](Self::complete). Says no if there is nothing left.
    ///
    /// # Errors
    ///
    /// It is not to be found out what became of the batch that was under way, or the leftover cannot
    /// be read.
    pub(crate) fn fill(&mut self, lines: &mut LineWriter, batch: &mut Batch) -> io::Result<bool> {
        loop {
            match &self.stage {
                Stage::Unsettled => {
                    self.settle(batch)?;
                    self.stage = Stage::Settled;
                }
                Stage::Settled => {
                    let pages = self.leftover.pages_left(self.place)?;
                    self.stage = Stage::Records(Lanes::new(pages, &self.leftover.bytes)?);
                }
                Stage::Records(_) => self.fill_with_records(lines, batch)?,
                Stage::Done => return Ok(false),
            }
            if !batch.is_empty() {
                return Ok(true);
            }
            // Nothing of it is to be written.
            self.complete()?;
        }
    }

    /// Notes where the batch, of which `accepted` bytes were accepted, is about to be written.
    pub(crate) fn note(&self, place: PlaceInFile, accepted: usize) {
        let (accepted, is_marked) = match &self.journaled {
            Journaled::Nothing => return,
            Journaled::All => (accepted, false),
            Journaled::Unmarked { there, rest } => (there + rest.unmarked_len(accepted), true),
        };
        let note = Note {
            place,
            accepted,
            is_marked,
        };
        // The journal lies in memory that it has already. Should it fail all the same, a kill
        // at this very moment would double lines, or tear one.
        let _ = self.journal().note(&note);
    }

    /// Notes that the batch was accepted to its end.
    pub(crate) fn complete(&mut self) -> io::Result<()> {
        // Forgotten once it is noted: it may take a second attempt.
        let moved: Vec<Position> = self.moved.values().copied().collect();
        self.leftover.apply(self.place, &moved)?;
        self.moved.clear();
        if !matches!(self.journaled, Journaled::Nothing) {
            self.journal().clear()?;
            self.journaled = Journaled::Nothing;
        }
        Ok(())
    }

    /// Takes up the batch that was under way.
    fn settle(&mut self, batch: &mut Batch) -> io::Result<()> {
        let Some(pending) = self.journal().pending()? else {
            return Ok(());
        };
        let there = pending.there_already(&self.format, |place, lines| {
            settle(&self.path, place, lines)
        })?;
        let rest = pending.rest(&self.format, there);
        let positions = pending.positions.into_iter();
        self.moved
            .extend(positions.map(|position| (position.slot, position)));
        for record in rest.records() {
            batch.push(None, ticks::now(), |lines| lines.extend_from_slice(record));
            self.counts.recovered += 1;
        }
        self.journaled = Journaled::Unmarked { there, rest };
        Ok(())
    }

    fn fill_with_records(&mut self, lines: &mut LineWriter, batch: &mut Batch) -> io::Result<()> {
        let Stage::Records(lanes) = &mut self.stage else {
            return Ok(());
        };
        let (leftover, callsites, counts) = (&self.leftover, &self.callsites, &mut self.counts);
        while !batch.is_full() {
            let reached = lanes.next(&leftover.bytes, |record, source| {
                let time_ns = match record::own_ticks(record.bytes) {
                    Some(ticks) => leftover.clock.wall_ns(ticks),
                    None => source.date(leftover.clock.wall_ns(record.ticks)),
                };
                match lines.write_recovered(record.bytes, time_ns, &source.thread, callsites, batch)
                {
                    Written::Line => counts.recovered += 1,
                    Written::Filtered => {}
                    Written::Unreadable => counts.unreadable += 1,
                }
            })?;
            let Some(reached) = reached else {
                let damaged = mem::take(&mut lanes.damaged);
                self.end(&damaged, lines, batch);
                break;
            };
            self.moved.insert(reached.slot, reached);
        }
        if !batch.is_empty() {
            let moved: Vec<Position> = self.moved.values().copied().collect();
            // Where memory is short it goes without: see `note`.
            let prepared = self.journal().prepare(batch.rest(), &moved);
            self.journaled = prepared.map_or(Journaled::Nothing, |()| Journaled::All);
        }
        Ok(())
    }

    /// Says what there was.
    fn end(&mut self, damaged: &[Position], lines: &mut LineWriter, batch: &mut Batch) {
        self.stage = Stage::Done;
        self.counts.unreadable += damaged.len() as u64;
        self.moved
            .extend(damaged.iter().map(|page| (page.slot, *page)));
        if self.counts.unreadable != 0 {
            self.leftover.note_damage();
        }
        if self.counts == ShareCounts::default() && self.leftover.panic.is_none() {
            return;
        }
        let leftover = &self.leftover;
        let recovered = Recovered {
            records: self.counts.recovered,
            unreadable: self.counts.unreadable,
            process: leftover.owner.pid,
            program: leftover.program.as_deref(),
            started: &line::time_text(leftover.owner.started_ns),
            panic: leftover.panic.as_deref(),
            end: leftover.end,
        };
        lines.write_notice(ticks::now(), batch, |record| {
            notice::recovered_records(record, &recovered);
        });
    }

    fn journal(&self) -> Journal<'_> {
        Journal::new(&self.leftover, self.place)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.leftover.give_share_back(self.place);
    }
}
