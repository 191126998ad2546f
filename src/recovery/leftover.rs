//! A file of pages whose owner is dead, parsed as bytes that nobody vouches for.
//!
//! Whatever a figure in it says, no more is read than the file has, and no more kept than the
//! bounds of [`layout`](crate::channel::arena::layout) allow.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::bytes::Bytes;
use super::clock::DeadClock;
use super::directory::Identity;
use super::ending::Foreign;
use super::journal::Journal;
use super::lanes::{Lanes, LeftPage};
use crate::capture::callsite::{Callsite, Facts as CallsiteFacts};
use crate::capture::record::ThreadLabel;
use crate::channel::arena::facts::{CallsiteFact, Fact, Facts, SinkFact};
use crate::channel::arena::layout::{
    ClockCopy, End, FACTS_BYTES_MAX, HEADER_BYTES, JOURNALS_MAX, Layout, Owner, Position, Slot,
    header, read_u64, slot,
};
use crate::channel::overflow::level_at;
use crate::config::Format;
use crate::redaction::Redactor;

/// How many slots are read at once.
const SLOTS_AT_ONCE: u64 = 256;

/// What a process left behind when it died.
#[derive(Debug)]
pub(crate) struct LeftoverFile {
    pub(super) path: PathBuf,
    pub(super) bytes: Bytes,
    pub(super) layout: Layout,
    pub(super) owner: Owner,
    pub(super) clock: DeadClock,
    /// When the owner was seen alive last, by its own clock: in nanoseconds since the Unix epoch.
    pub(super) last_alive_ns: i64,
    pub(super) callsites: Arc<HashMap<u64, Callsite>>,
    pub(super) sinks: Vec<ToldSink>,
    pub(super) program: Option<String>,
    /// What the owner kept out of its log, as it told.
    redaction: Option<String>,
    /// The panic that ended the process.
    pub(super) panic: Option<String>,
    /// How it ended otherwise, as it told.
    pub(super) end: End,
    /// How many slots of each class were ever used.
    made: Vec<u64>,
    /// Whether something in it could not be read.
    is_damaged: AtomicBool,
    /// As what it is on the list of what this process has open, see `claim`.
    pub(super) claimed: Option<Identity>,
    /// One bit for each sink whose share somebody in this process is writing.
    taken: AtomicU32,
}

/// There is a bit for each of them.
const _: () = assert!(JOURNALS_MAX <= 32);

/// A sink of the dead process.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ToldSink {
    pub(super) place: u32,
    /// Canonical.
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) filter: Option<String>,
}

impl LeftoverFile {
    /// Reads what does not depend on a sink.
    pub(super) fn read(path: PathBuf, file: File) -> io::Result<Result<Self, Foreign>> {
        let bytes = Bytes::new(file);
        let header = bytes.read(0, HEADER_BYTES)?;
        let (Some(layout), Some(owner)) = (Layout::parse(&header), Owner::parse(&header)) else {
            return Ok(Err(Foreign::new(&header)));
        };
        let made = (0..layout.classes()).map(|class| {
            let made = read_u64(&header, header::MADE + 8 * class as usize);
            made.unwrap_or_default().min(layout.slots_of(class))
        });
        let clock = ClockCopy::parse(&header);
        let mut leftover = LeftoverFile {
            made: made.collect(),
            clock: DeadClock::new(clock, &owner),
            last_alive_ns: clock.map_or(owner.started_ns, |clock| clock.wall_ns),
            callsites: Arc::default(),
            sinks: Vec::new(),
            program: None,
            redaction: None,
            panic: None,
            end: End::parse(&header),
            is_damaged: AtomicBool::new(false),
            claimed: None,
            taken: AtomicU32::new(0),
            path,
            bytes,
            layout,
            owner,
        };
        let used = read_u64(&header, header::FACTS_USED).unwrap_or_default();
        leftover.read_facts(used.min(FACTS_BYTES_MAX))?;
        Ok(Ok(leftover))
    }

    /// What was said last of a sink holds: it may have been written to otherwise before.
    fn learn_of(&mut self, sink: ToldSink) {
        match self
            .sinks
            .iter_mut()
            .find(|known| known.place == sink.place)
        {
            Some(known) => *known = sink,
            None => self.sinks.push(sink),
        }
    }

    fn read_facts(&mut self, used: u64) -> io::Result<()> {
        let facts = self.bytes.read(self.layout.facts(), used)?;
        let mut callsites = HashMap::new();
        let mut told = Facts::in_bytes(&facts);
        for fact in &mut told {
            match fact {
                Fact::Callsite(fact) => {
                    callsites
                        .entry(fact.number)
                        .or_insert_with(|| callsite(&fact));
                }
                Fact::Sink(fact) => match sink(&fact, &self.layout) {
                    Some(sink) => self.learn_of(sink),
                    None => self.note_damage(),
                },
                Fact::Process { program } => self.program = Some(program.to_owned()),
                Fact::Rules { redaction } => self.redaction = Some(redaction.to_owned()),
                Fact::Panic { message, location } => {
                    let location = location.map(|location| format!(" at {location}"));
                    self.panic = Some(format!("{message}{}", location.unwrap_or_default()));
                }
            }
        }
        self.panic = self
            .panic
            .take()
            .map(|panic| self.redactor().clean_line(panic));
        if (facts.len() as u64) < used || !told.were_sound() {
            self.note_damage();
        }
        self.sinks
            .retain(|sink| sink.place < self.layout.journals());
        self.sinks.sort_by_key(|sink| sink.place);
        self.sinks.dedup_by_key(|sink| sink.place);
        self.callsites = Arc::new(callsites);
        Ok(())
    }

    /// Whether nothing has gone wrong: threads were logging while the process ended.
    pub(super) fn ended_in_order(&self) -> bool {
        self.panic.is_none() && self.end == End::InOrder
    }

    /// Keeps out of the log what the owner would have kept out of it.
    pub(super) fn redactor(&self) -> Redactor {
        Redactor::of_another(self.redaction.as_deref())
    }

    /// Says no if somebody in this process is writing that sink's share.
    pub(super) fn take_share(&self, place: u32) -> bool {
        let bit = 1 << place;
        // Acquire: pairs with the Release below. What the former one has written is in the file.
        self.taken.fetch_or(bit, Ordering::Acquire) & bit == 0
    }

    pub(super) fn give_share_back(&self, place: u32) {
        self.taken.fetch_and(!(1 << place), Ordering::Release);
    }

    /// The sinks that wrote to `path`, which is canonical.
    pub(super) fn sinks_at<'l>(&'l self, path: &'l Path) -> impl Iterator<Item = &'l ToldSink> {
        self.sinks.iter().filter(move |sink| sink.path == path)
    }

    /// The pages of which the sink at `place` has not written all.
    pub(super) fn pages_left(&self, place: u32) -> io::Result<Vec<LeftPage>> {
        let mut pages = Vec::new();
        self.for_each_slot(|number, slot| pages.extend(self.left_in(number, slot, place)))?;
        Ok(pages)
    }

    /// The page of a slot, if the sink at `place` has not written all of it.
    fn left_in(&self, number: u64, slot: &Slot<'_>, place: u32) -> Option<LeftPage> {
        let written = slot.written.get(place as usize);
        let position = written.copied().unwrap_or_default();
        let (offset, page_bytes) = self.layout.page(number)?;
        let committed = slot.committed.min(page_bytes).min(u32::MAX.into()) as u32;
        if slot.number == 0 || committed <= position {
            return None;
        }
        Some(LeftPage {
            slot: number as u32,
            number: slot.number,
            lane: slot.lane,
            thread: ThreadLabel {
                name: slot.thread_name.map(Into::into),
                id: slot.thread,
            },
            offset,
            position,
            committed,
        })
    }

    /// How many records the sink at `place` has not written.
    pub(super) fn records_left(&self, place: u32) -> io::Result<u64> {
        let mut lanes = Lanes::new(self.pages_left(place)?, &self.bytes)?;
        let mut count = 0;
        while lanes.next(&self.bytes, |_, _| count += 1)?.is_some() {}
        Ok(count)
    }

    fn for_each_slot(&self, mut use_slot: impl FnMut(u64, &Slot<'_>)) -> io::Result<()> {
        for (class, made) in (0..).zip(&self.made) {
            let first = self.layout.first_slot_of(class);
            for start in (0..*made).step_by(SLOTS_AT_ONCE as usize) {
                let count = SLOTS_AT_ONCE.min(made - start);
                let offset = self.layout.slot(first + start);
                let bytes = self.bytes.read(offset, count * slot::SLOT_BYTES)?;
                let slots = bytes.chunks_exact(slot::SLOT_BYTES as usize);
                if slots.len() == 0 {
                    // The file was cut here.
                    break;
                }
                for (number, slot) in (first + start..).zip(slots) {
                    if let Some(slot) = Slot::parse(slot) {
                        use_slot(number, &slot);
                    }
                }
            }
        }
        Ok(())
    }

    /// Notes how far a sink has written. Positions of slots that are used otherwise by now mean
    /// nothing.
    pub(super) fn apply(&self, place: u32, positions: &[Position]) -> io::Result<()> {
        for position in positions {
            if self.layout.slots() <= position.slot.into() {
                continue;
            }
            let offset = self.layout.slot(position.slot.into());
            let bytes = self.bytes.read(offset, slot::SLOT_BYTES)?;
            if Slot::parse(&bytes).is_some_and(|slot| slot.number == position.number) {
                let written = offset + (slot::WRITTEN as u64) + 4 * u64::from(place);
                self.bytes
                    .write(written, &position.position.to_ne_bytes())?;
            }
        }
        Ok(())
    }

    /// Notes that something in it could not be read.
    pub(super) fn note_damage(&self) {
        // Relaxed: read under no other condition than that all is done, which the file tells.
        self.is_damaged.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// Whether one of these sinks has something left to write.
    pub(super) fn is_left_for(
        &self,
        places: impl Iterator<Item = u32> + Clone,
    ) -> io::Result<bool> {
        for place in places.clone() {
            if Journal::new(self, place).pending()?.is_some() {
                return Ok(true);
            }
        }
        let mut is_left = false;
        self.for_each_slot(|number, slot| {
            is_left |= places
                .clone()
                .any(|place| self.left_in(number, slot, place).is_some());
        })?;
        Ok(is_left)
    }
}

/// `None` if no pipeline has written that: the paths of its sinks are absolute.
fn sink(fact: &SinkFact<'_>, layout: &Layout) -> Option<ToldSink> {
    let path = Path::new(OsStr::from_bytes(fact.path));
    let is_sound = path.is_absolute() && fact.place < layout.journals();
    is_sound.then(|| ToldSink {
        place: fact.place,
        path: path.to_owned(),
        format: Format::from_told(fact.format),
        filter: fact.filter.map(ToOwned::to_owned),
    })
}

fn callsite(fact: &CallsiteFact<'_>) -> Callsite {
    Callsite::told(CallsiteFacts {
        is_event: !fact.is_span,
        level: level_at(fact.level),
        target: fact.target.into(),
        name: fact.name.into(),
        file: fact.file.map(Into::into),
        line: fact.line,
        fields: fact.fields.clone().map(Into::into).collect(),
    })
}
