//! A leftover, made by the book.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use crate::capture::known;
use crate::capture::sample::{Sample, SampleValue, field, message, str_field};
use crate::channel::arena::facts::{Fact, SinkFact, write_callsite, write_fact};
use crate::channel::arena::layout::{
    ClockCopy, End, HEADER_BYTES, Layout, Owner, PlaceCopy, Position, TICKS_OF_PROCESS, header,
    journal, slot,
};
use crate::channel::page::{FRAME_HEADER_BYTES, frame_bytes};
use crate::config::Format;

pub(super) const OWNER: Owner = Owner {
    // No process has this number.
    pid: 99_999_999,
    started_ns: 1_700_000_000_000_000_000,
    boot_id: [0; 16],
    ticks_kind: TICKS_OF_PROCESS,
};

/// A leftover and the log file that it is meant for.
pub(super) struct Made {
    pub(super) directory: Arc<TempDir>,
    pub(super) path: PathBuf,
    pub(super) log: PathBuf,
    pub(super) file: File,
    pub(super) layout: Layout,
    facts_used: u64,
    used: BTreeMap<u32, u64>,
}

/// Where pieces of it lie that are in use: what is worth to be damaged.
pub(super) type Ranges = Vec<std::ops::Range<u64>>;

impl Made {
    /// An empty one, for the sink at place 0.
    pub(super) fn new() -> Self {
        Made::named(
            "1-000000000000000a.pages",
            Arc::new(tempfile::tempdir().unwrap()),
        )
    }

    /// Another one for the same log.
    pub(super) fn beside(other: &Made) -> Self {
        Made::named("2-000000000000000b.pages", Arc::clone(&other.directory))
    }

    fn named(name: &str, directory: Arc<TempDir>) -> Self {
        let path = directory.path().join(name);
        let log = directory.path().join("app.jsonl");
        let layout = Layout::new(1 << 10, 1 << 20, 2).unwrap();
        let file = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let mut header = [0; HEADER_BYTES as usize];
        layout.write_header(&mut header, &OWNER);
        file.write_all_at(&header, 0).unwrap();
        file.set_len(layout.file_bytes()).unwrap();
        let mut made = Made {
            directory,
            path,
            log,
            file,
            layout,
            facts_used: 0,
            used: BTreeMap::new(),
        };
        made.is_written_as(&Format::json());
        for metadata in sample(0).callsites() {
            let mut room = [0; 4096];
            let number = known::note(metadata).number.to_u64();
            let len = write_callsite(&mut room, number, metadata).unwrap();
            made.add_fact(&room[..len]);
        }
        made
    }

    /// Tells in which format the log is written from now on.
    pub(super) fn is_written_as(&mut self, format: &Format) {
        let log = self.log.clone();
        self.tell(&Fact::Sink(SinkFact {
            place: 0,
            path: log.as_os_str().as_encoded_bytes(),
            format: &format.told(),
            filter: None,
        }));
    }

    pub(super) fn tell(&mut self, fact: &Fact<'_>) {
        let mut room = [0; 4096];
        let len = write_fact(&mut room, fact).unwrap();
        self.add_fact(&room[..len]);
    }

    fn add_fact(&mut self, fact: &[u8]) {
        self.put(self.layout.facts() + self.facts_used, fact);
        self.facts_used += fact.len() as u64;
        self.put_u64(header::FACTS_USED as u64, self.facts_used);
    }

    /// A page of the lane with records of these numbers, which are their ticks as well, of which
    /// the first `written` are written.
    pub(super) fn page(&mut self, slot: u32, lane: u64, numbers: &[u64], written: usize) {
        let (offset, _) = self.layout.page(slot.into()).unwrap();
        let (mut end, mut written_end) = (0, 0);
        for (index, number) in numbers.iter().enumerate() {
            let record = sample(*number).encode();
            let mut frame = vec![0; FRAME_HEADER_BYTES];
            frame[..4].copy_from_slice(&(record.len() as u32).to_le_bytes());
            frame[4] = 2;
            frame[8..].copy_from_slice(&number.to_le_bytes());
            frame.extend(&record);
            self.put(offset + end, &frame);
            end += frame_bytes(record.len()) as u64;
            if index + 1 == written {
                written_end = end;
            }
        }
        let at = self.layout.slot(slot.into());
        self.put_u64(at + slot::STATE as u64, end);
        self.put_u64(at + slot::LANE as u64, lane);
        self.put_u64(at + slot::THREAD as u64, lane);
        self.put_u64(at + slot::USE as u64, u64::from(slot) + 1);
        self.put(
            at + slot::WRITTEN as u64,
            &(written_end as u32).to_ne_bytes(),
        );
        self.put(at + slot::NAME as u64, b"\x06thread");
        let class = self.layout.class_of(slot.into()).unwrap();
        let made = u64::from(slot) - self.layout.first_slot_of(class) + 1;
        self.put_u64(header::MADE as u64 + 8 * u64::from(class), made);
        self.used.insert(slot, end);
    }

    /// Notes that a sink has written all of a slot.
    pub(super) fn write_all(&self, slot: u32, place: u64) {
        let written = self.layout.slot(slot.into()) + slot::WRITTEN as u64 + 4 * place;
        self.put(written, &self.end_of(slot).position.to_ne_bytes());
    }

    /// Notes when the owner was alive.
    pub(super) fn was_alive_at(&self, time: SystemTime) {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap();
        let copy = ClockCopy {
            ticks: 1,
            wall_ns: since_epoch.as_nanos() as i64,
            ns_per_tick: 1.0,
        };
        for (word, value) in [1].into_iter().chain(copy.words()).enumerate() {
            self.put_u64((header::CLOCK + 8 * word) as u64, value);
        }
    }

    /// Notes how the owner ended.
    pub(super) fn ended(&self, end: End) {
        self.put_u64(header::END as u64, end.word());
    }

    /// Makes the fact of the sink at place 0, which is the first one, something else.
    pub(super) fn lose_sinks(&self) {
        self.put(self.layout.facts() + 4, &[u8::MAX]);
    }

    /// Adds the fact of a sink whose format is no text.
    pub(super) fn add_damaged_sink(&mut self) {
        let start = self.layout.facts() + self.facts_used;
        self.tell(&Fact::Sink(SinkFact {
            place: 1,
            path: b"/a",
            format: "json",
            filter: None,
        }));
        let format = 8 + 4 + (4 + 2) + 4;
        self.put(start + format, b"\xff");
    }

    /// Where it is put if it cannot be read.
    pub(super) fn damaged(&self) -> PathBuf {
        self.path.with_extension("pages.damaged")
    }

    /// How far a slot is filled.
    pub(super) fn end_of(&self, slot: u32) -> Position {
        Position {
            number: u64::from(slot) + 1,
            slot,
            position: self.used[&slot] as u32,
        }
    }

    /// A batch that was under way, which was going to the log, at its end.
    pub(super) fn under_way(&self, lines: &[u8], positions: &[Position], offset: Option<u64>) {
        let at = self.layout.journal(0);
        self.put(at + self.layout.batch_in_journal(), lines);
        let list: Vec<u8> = positions.iter().flat_map(Position::encode).collect();
        self.put(at + journal::LIST, &list);
        self.put_u64(at + journal::BATCH_BYTES as u64, lines.len() as u64);
        self.put_u64(at + journal::POSITIONS as u64, positions.len() as u64);
        if let Some(offset) = offset {
            let log = fs::metadata(&self.log).unwrap();
            let copy = PlaceCopy {
                device: log.dev(),
                inode: log.ino(),
                offset,
                accepted: 0,
                is_marked: false,
            };
            for (word, value) in (1..).zip(copy.words()) {
                self.put_u64(at + journal::PLACE as u64 + 8 * word, value);
            }
            self.put_u64(at + journal::PLACE as u64, 1);
        }
        self.put_u64(at + journal::STATE as u64, 5);
    }

    /// The pieces that are in use.
    pub(super) fn used(&self) -> Ranges {
        let slots = self.layout.slot(0);
        let journal = self.layout.journal(0);
        let batch = journal + self.layout.batch_in_journal();
        let mut ranges = vec![
            0..400,
            self.layout.facts()..self.layout.facts() + self.facts_used,
            journal..journal + 192,
            journal + journal::LIST..journal + journal::LIST + 64,
            batch..batch + 256,
        ];
        for (slot, end) in &self.used {
            let at = slots + u64::from(*slot) * slot::SLOT_BYTES;
            ranges.push(at..at + slot::SLOT_BYTES);
            let (page, _) = self.layout.page(u64::from(*slot)).unwrap();
            ranges.push(page..page + end);
        }
        ranges
    }

    pub(super) fn put(&self, offset: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, offset).unwrap();
    }

    pub(super) fn put_u64(&self, offset: u64, number: u64) {
        self.put(offset, &number.to_ne_bytes());
    }

    /// The lines of the log, each of them whole, without the notices.
    pub(super) fn numbers(&self) -> Vec<u64> {
        let records = lines_of(&self.log);
        records
            .iter()
            .filter_map(|record| record["number"].as_u64())
            .collect()
    }

    /// The numbers of the lines that say of themselves that they were recovered.
    pub(super) fn marked(&self) -> Vec<u64> {
        let mut records = lines_of(&self.log);
        records.retain(|record| record["recovered"] == true);
        records
            .iter()
            .filter_map(|record| record["number"].as_u64())
            .collect()
    }

    pub(super) fn notices(&self) -> Vec<serde_json::Value> {
        let is_notice = |record: &serde_json::Value| record["target"] == "offloop";
        lines_of(&self.log).into_iter().filter(is_notice).collect()
    }
}

/// The record with a number: inside a span, so that the callsites of spans matter, too.
pub(super) fn sample(number: u64) -> Sample {
    let number = field("number", SampleValue::U64(number));
    let user = str_field("user", "ada");
    Sample::new(vec![message("record"), number]).inside("request", vec![user])
}

pub(super) fn lines_of(log: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(log).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "torn: {text}");
    let parsed = text.lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().unwrap()
}
