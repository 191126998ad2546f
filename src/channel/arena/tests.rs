//! The file of pages, looked at from outside: as bytes, by its name.

#![allow(
    clippy::disallowed_methods,
    reason = "a test looks at files, and waits for nobody"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::facts::{CallsiteFact, Fact, Facts, SinkFact};
use super::layout::{
    ClockCopy, FACTS_BYTES_MAX, HEADER_BYTES, JOURNALS_MAX, Layout, Owner, PlaceCopy, Position,
    Slot, header, journal, read_u64, slot,
};
use super::{Arena, ArenaPlan, is_own};
use crate::capture::known;
use crate::capture::record::ThreadLabel;
use crate::channel::Channel;
use crate::channel::lane::Lane;
use crate::channel::overflow::Overflow;
use crate::channel::page::{PageReader, frame_bytes};
use crate::channel::pool::page_bytes_for;
use crate::sink::PlaceInFile;

const INFO: u8 = 2;
const BUDGET_BYTES: usize = 2 << 20;

/// A directory on a tmpfs; `None`, and said, where there is none.
fn tmpfs() -> Option<TempDir> {
    let private = fs::Permissions::from_mode(0o700);
    let mut builder = tempfile::Builder::new();
    let directory = builder.permissions(private).tempdir_in("/dev/shm").ok();
    if directory.is_none() {
        eprintln!("skipped: there is no tmpfs at /dev/shm");
    }
    directory
}

fn plan(directory: &Path) -> ArenaPlan {
    ArenaPlan::new(Some(true), Some(directory.to_owned()))
}

fn arena(directory: &Path, journals: usize) -> Arena {
    let page_bytes = page_bytes_for(BUDGET_BYTES);
    let arena = Arena::in_file(&plan(directory), page_bytes, BUDGET_BYTES, journals);
    assert_eq!(arena.refusal(), None);
    arena
}

fn channel(directory: &Path, readers: usize) -> Arc<Channel> {
    let arena = arena(directory, readers);
    let channel = Channel::in_arena(BUDGET_BYTES, Overflow::DropNewest, readers, arena);
    Arc::new(channel)
}

fn thread(name: &str) -> Arc<ThreadLabel> {
    Arc::new(ThreadLabel {
        name: Some(name.into()),
        id: 7,
    })
}

fn files_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// What stands in the only file of a directory.
struct Found {
    file: File,
    header: Vec<u8>,
    layout: Layout,
}

impl Found {
    fn in_directory(directory: &Path) -> Found {
        let files = files_in(directory);
        assert_eq!(files.len(), 1, "{files:?}");
        let file = File::open(&files[0]).unwrap();
        let mut header = vec![0; HEADER_BYTES as usize];
        file.read_exact_at(&mut header, 0).unwrap();
        let layout = Layout::parse(&header).unwrap();
        Found {
            file,
            header,
            layout,
        }
    }

    fn read(&self, offset: u64, len: u64) -> Vec<u8> {
        let mut bytes = vec![0; len as usize];
        self.file.read_exact_at(&mut bytes, offset).unwrap();
        bytes
    }

    fn facts(&self) -> Vec<u8> {
        let used = read_u64(&self.header, header::FACTS_USED).unwrap();
        self.read(self.layout.facts(), used)
    }

    /// Bytes of all slots that were ever used, with their numbers.
    fn slots(&self) -> BTreeMap<u64, Vec<u8>> {
        let classes = 0..self.layout.classes();
        let numbers = classes.flat_map(|class| {
            let first = self.layout.first_slot_of(class);
            first..first + read_u64(&self.header, header::MADE + 8 * class as usize).unwrap()
        });
        numbers
            .map(|number| {
                (
                    number,
                    self.read(self.layout.slot(number), slot::SLOT_BYTES),
                )
            })
            .collect()
    }

    /// The records that wait for the sink at `place`: with the name of their thread.
    fn waiting(&self, place: usize) -> Vec<(String, Vec<u8>)> {
        let mut records = Vec::new();
        for (number, bytes) in self.slots() {
            let slot = Slot::parse(&bytes).unwrap();
            let (start, capacity) = self.layout.page(number).unwrap();
            assert!(slot.committed <= capacity);
            let page = self.read(start, slot.committed);
            let mut rest = page.get(slot.written[place] as usize..).unwrap_or_default();
            while let Some(len) = super::layout::read_u32(rest, 0) {
                let name = slot.thread_name.unwrap_or_default().to_owned();
                records.push((name, rest[16..16 + len as usize].to_vec()));
                rest = &rest[frame_bytes(len as usize)..];
            }
        }
        records
    }

    fn journal(&self, place: u32) -> Vec<u8> {
        self.read(self.layout.journal(place), journal::LIST)
    }
}

/// Everything that one reader finds in the pages announced to it.
fn read_all(channel: &Channel, place: usize) -> Vec<PageReader> {
    let inlet = &channel.inlets()[place];
    let announced = std::iter::from_fn(|| inlet.announced.pop());
    let mut pages: Vec<_> = announced.map(|announcement| announcement.page).collect();
    for page in &mut pages {
        while let Some(len) = page.next().map(|frame| frame.record().len()) {
            page.advance(len);
        }
    }
    pages
}

#[test]
fn a_file_says_what_it_is_and_whose_and_nobody_else_may_read_it() {
    let Some(directory) = tmpfs() else { return };
    let inner = directory.path().join("offloop");
    let arena = arena(&inner, 3);
    let found = Found::in_directory(&inner);
    assert_eq!(found.layout.journals(), 3);
    assert_eq!(found.layout.budget_bytes(), BUDGET_BYTES as u64);
    assert_eq!(
        found.layout.page_bytes(),
        page_bytes_for(BUDGET_BYTES) as u64
    );
    let owner = Owner::parse(&found.header).unwrap();
    assert_eq!(owner.pid, std::process::id());
    assert_ne!(owner.boot_id, [0; 16]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&inner), 0o700);
    assert_eq!(mode(&files_in(&inner)[0]), 0o600);
    arena.discard();
    assert_eq!(files_in(&inner), [] as [PathBuf; 0]);
}

#[test]
fn records_stand_in_the_file_once_they_are_pushed_and_until_they_are_settled() {
    let Some(directory) = tmpfs() else { return };
    let channel = channel(directory.path(), 2);
    let mut lane = Lane::new(Arc::clone(&channel), thread("logging"));
    lane.push(INFO, b"one");
    lane.push(INFO, b"two");
    let large = vec![b'x'; 300 << 10];
    lane.push(INFO, &large);
    lane.push(INFO, b"three");
    let by = |record: &[u8]| ("logging".to_owned(), record.to_vec());
    let mut expected = [by(b"one"), by(b"two"), by(b"three"), by(&large)];
    expected.sort();
    let sorted = |place| {
        let mut waiting = Found::in_directory(directory.path()).waiting(place);
        waiting.sort();
        waiting
    };
    assert_eq!(sorted(0), expected);

    let mut pages = read_all(&channel, 0);
    assert_eq!(sorted(0), expected, "what is read is not written yet");
    pages.iter_mut().for_each(PageReader::settle);
    assert_eq!(sorted(0), []);
    assert_eq!(sorted(1), expected, "the other sink has written nothing");
    channel.arena().discard();
}

#[test]
fn a_page_that_is_used_anew_shows_nothing_of_its_former_use() {
    let Some(directory) = tmpfs() else { return };
    let channel = channel(directory.path(), 1);
    for (name, records) in [("first", 100), ("second", 3)] {
        let mut lane = Lane::new(Arc::clone(&channel), thread(name));
        (0..records).for_each(|_| lane.push(INFO, name.as_bytes()));
        let waiting = Found::in_directory(directory.path()).waiting(0);
        assert_eq!(waiting, vec![(name.to_owned(), name.into()); records]);
        drop(lane);
        for mut page in read_all(&channel, 0) {
            page.settle();
            channel.put(page.release());
        }
        assert_eq!(Found::in_directory(directory.path()).waiting(0), []);
    }
    let found = Found::in_directory(directory.path());
    let slots = found.slots();
    assert_eq!(slots.len(), 1, "the slot was used twice");
    assert_eq!(Slot::parse(&slots[&0]).unwrap().number, 2);
    channel.arena().discard();
}

#[test]
fn a_page_that_is_used_anew_is_new_to_every_sink_and_leaves_its_neighbours_alone() {
    let Some(directory) = tmpfs() else { return };
    // The last sink has no place in a slot any more.
    let readers = JOURNALS_MAX + 1;
    let channel = channel(directory.path(), readers);
    let lane = |name: &str| {
        let mut lane = Lane::new(Arc::clone(&channel), thread(name));
        lane.push(INFO, name.as_bytes());
        lane
    };
    let (former, _neighbour) = (lane("former"), lane("neighbour"));
    drop(former);
    for place in 0..readers {
        for mut page in read_all(&channel, place) {
            // Only the first sink and the last have written what the neighbour has.
            let is_formers = page.position().unwrap().slot == 0;
            if is_formers || [0, JOURNALS_MAX].contains(&place) {
                page.settle();
            }
            channel.put(page.release());
        }
    }
    let _anew = lane("anew");
    let found = Found::in_directory(directory.path());
    assert_eq!(found.slots().len(), 2, "the first one was used twice");
    let waits = |name: &str| (name.to_owned(), name.as_bytes().to_vec());
    assert_eq!(found.waiting(0), [waits("anew")]);
    for place in 1..JOURNALS_MAX {
        assert_eq!(found.waiting(place), [waits("anew"), waits("neighbour")]);
    }
    channel.arena().discard();
}

#[test]
fn uses_of_slots_are_numbered_in_the_order_in_which_pages_begin() {
    let Some(directory) = tmpfs() else { return };
    let channel = channel(directory.path(), 1);
    let mut lane = Lane::new(Arc::clone(&channel), thread(""));
    let records: Vec<_> = (0..200_u32)
        .map(|number| number.to_ne_bytes().repeat(100))
        .collect();
    records.iter().for_each(|record| lane.push(INFO, record));
    let found = Found::in_directory(directory.path());
    let slots = found.slots();
    let mut order: Vec<_> = slots
        .iter()
        .map(|(number, bytes)| (Slot::parse(bytes).unwrap().number, *number))
        .collect();
    order.sort_unstable();
    let first_of = |number: u64| {
        let (start, _) = found.layout.page(number).unwrap();
        read_u64(&found.read(start, 32), 16).unwrap() & u64::from(u32::MAX)
    };
    assert!(1 < order.len());
    assert!(
        order
            .iter()
            .map(|(_, number)| first_of(*number))
            .is_sorted()
    );
    channel.arena().discard();
}

#[test]
fn a_slot_that_is_given_back_costs_no_memory() {
    let Some(directory) = tmpfs() else { return };
    let arena = arena(directory.path(), 1);
    let path = &files_in(directory.path())[0];
    let taken_bytes = || fs::metadata(path).unwrap().blocks() * 512;
    let before = taken_bytes();
    let block = arena.block(1 << 20);
    assert!(before + (1 << 20) <= taken_bytes());
    drop(block);
    // The slot itself has been described.
    assert!(taken_bytes() <= before + 4096);
    // And the file is still one of pages.
    assert_eq!(Found::in_directory(directory.path()).waiting(0), []);
    arena.discard();
}

#[test]
fn callsites_are_told_before_a_record_refers_to_them() {
    let Some(directory) = tmpfs() else { return };
    let channel = channel(directory.path(), 1);
    let mut lane = Lane::new(Arc::clone(&channel), thread(""));
    lane.push(INFO, b"");
    let span = tracing::Span::none();
    drop(span);
    use tracing::Callsite;
    let late = tracing::callsite! {
        name: "met late", kind: tracing::metadata::Kind::SPAN, fields: alpha, beta
    };
    let number = known::note(late.metadata()).number.to_u64();
    lane.push(INFO, b"");
    let facts = Found::in_directory(directory.path()).facts();
    let callsite = Facts::in_bytes(&facts).find_map(|fact| match fact {
        Fact::Callsite(callsite) if callsite.number == number => Some(callsite),
        _ => None,
    });
    let CallsiteFact { name, fields, .. } = callsite.unwrap();
    assert_eq!(name, "met late");
    assert!(fields.eq(["alpha", "beta"]));
    channel.arena().discard();
}

#[test]
fn facts_beyond_the_room_for_them_are_left_out_and_that_is_told() {
    let Some(directory) = tmpfs() else { return };
    let arena = arena(directory.path(), 1);
    let message = "x".repeat(10 << 10);
    let panic = Fact::Panic {
        message: &message,
        location: None,
    };
    let fact_bytes = message.len() as u64;
    assert!(arena.safety().is_safe());
    // More than half of the budget.
    for _ in 0..BUDGET_BYTES as u64 / fact_bytes {
        arena.tell(&panic);
    }
    assert!(!arena.safety().is_safe());
    let found = Found::in_directory(directory.path());
    let used = read_u64(&found.header, header::FACTS_USED).unwrap();
    assert!(used <= FACTS_BYTES_MAX);
    assert!(arena.overhead_bytes() <= BUDGET_BYTES / 2);
    let facts = found.facts();
    let count = Facts::in_bytes(&facts)
        .filter(|fact| *fact == panic)
        .count() as u64;
    assert_eq!(count, used / (fact_bytes + 16));
    arena.discard();
}

#[test]
fn sinks_and_clocks_are_told() {
    let Some(directory) = tmpfs() else { return };
    let arena = arena(directory.path(), 1);
    let sink = Fact::Sink(SinkFact {
        place: 0,
        path: b"/srv/app.jsonl",
        format: "json",
        filter: Some("warn"),
    });
    arena.tell(&sink);
    assert_eq!(
        ClockCopy::parse(&Found::in_directory(directory.path()).header),
        None
    );
    let without_clock = |found: &Found| found.header[header::MADE..].to_vec();
    let before = without_clock(&Found::in_directory(directory.path()));
    for ticks in 1..=100 {
        let clock = ClockCopy {
            ticks,
            wall_ns: -(ticks as i64),
            ns_per_tick: 0.5,
        };
        arena.note_clock(clock);
        let found = Found::in_directory(directory.path());
        assert_eq!(ClockCopy::parse(&found.header), Some(clock));
        assert!(Facts::in_bytes(&found.facts()).eq([sink.clone()]));
        assert_eq!(without_clock(&found), before);
    }
    arena.discard();
}

#[test]
fn what_several_threads_tell_at_once_is_told() {
    let Some(directory) = tmpfs() else { return };
    let arena = arena(directory.path(), 1);
    let rules = Fact::Rules { redaction: "keys" };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| arena.tell(&rules)));
        }
    });
    let facts = Found::in_directory(directory.path()).facts();
    let told = Facts::in_bytes(&facts).filter(|fact| *fact == rules);
    assert_eq!(told.count(), 2_000);
    arena.discard();
}

#[test]
fn a_journal_holds_the_batch_its_places_and_the_positions_after_it() {
    let Some(directory) = tmpfs() else { return };
    let arena = arena(directory.path(), 2);
    let mut kept = arena.journal(1).unwrap();
    assert!(arena.journal(2).is_none());
    let state = |found: &Found| read_u64(&found.journal(1), journal::STATE).unwrap();
    assert_eq!(
        state(&Found::in_directory(directory.path())),
        journal::EMPTY
    );
    let position = |slot| Position {
        number: 5,
        slot,
        position: 96,
    };
    // Larger than what is reserved at first.
    let batch = b"line\n".repeat(100 << 10);
    assert!(kept.stage(&batch, (0..300).map(position)));
    let place = |offset| PlaceInFile {
        device: 1,
        inode: 2,
        offset,
    };
    for note in 0..300 {
        let (offset, accepted) = (note * 50, note);
        kept.note(place(offset), accepted);
        let head = Found::in_directory(directory.path()).journal(1);
        let copy = PlaceCopy::parse(&head).unwrap();
        assert_eq!((copy.offset, copy.accepted), (offset, accepted));
    }
    let found = Found::in_directory(directory.path());
    let head = found.journal(1);
    assert_ne!(state(&found), journal::EMPTY);
    let start = found.layout.journal(1);
    let batch_bytes = read_u64(&head, journal::BATCH_BYTES).unwrap();
    assert!(found.read(start + found.layout.batch_in_journal(), batch_bytes) == batch);
    let count = read_u64(&head, journal::POSITIONS).unwrap();
    let list = found.read(start + journal::LIST, count * journal::POSITION_BYTES);
    let positions = list
        .chunks(journal::POSITION_BYTES as usize)
        .map(Position::parse);
    assert!(positions.eq((0..300).map(|slot| Some(position(slot)))));

    kept.clear();
    assert_eq!(
        state(&Found::in_directory(directory.path())),
        journal::EMPTY
    );
    assert!(kept.stage(b"next\n", std::iter::empty()));
    let head = Found::in_directory(directory.path()).journal(1);
    assert_eq!(
        PlaceCopy::parse(&head),
        None,
        "it was offered to no file yet"
    );
    let too_large = vec![0; BUDGET_BYTES];
    kept.clear();
    assert!(!kept.stage(&too_large, std::iter::empty()));
    assert_eq!(
        state(&Found::in_directory(directory.path())),
        journal::EMPTY
    );
    arena.discard();
}

/// Where a tmpfs is full, touching what is not reserved ends the process.
#[test]
fn a_journal_and_facts_touch_nothing_but_what_is_reserved_for_them() {
    let Some(directory) = tmpfs() else { return };
    let arena = arena(directory.path(), 2);
    let path = &files_in(directory.path())[0];
    let assert_reserved = || {
        let taken_bytes = fs::metadata(path).unwrap().blocks() * 512;
        assert_eq!(taken_bytes, arena.overhead_bytes() as u64);
    };
    let position = |slot| Position {
        number: 1,
        slot,
        position: 1,
    };
    let mut kept = arena.journal(1).unwrap();
    let layout = Found::in_directory(directory.path()).layout;
    let most = (layout.batch_in_journal() - journal::LIST) / journal::POSITION_BYTES;
    let most = most as u32;
    for (batch_bytes, positions) in [(80 << 10, 256), (144 << 10, 257), (300_000, most)] {
        assert!(kept.stage(&vec![b'x'; batch_bytes], (0..positions).map(position)));
        assert_reserved();
        kept.clear();
    }
    let too_many = (0..=most).map(position);
    assert!(
        !kept.stage(b"", too_many),
        "they would reach into the batch"
    );
    let rules = Fact::Rules { redaction: "keys" };
    for _ in 0..10_000 {
        arena.tell(&rules);
    }
    assert_reserved();
    arena.discard();
}

#[test]
fn a_file_that_nobody_discards_stays() {
    let Some(directory) = tmpfs() else { return };
    let arena = arena(directory.path(), 1);
    let path = files_in(directory.path()).remove(0);
    assert!(is_own(&path));
    drop(arena);
    assert!(!is_own(&path), "others may look at it now");
    assert!(path.exists());
}

#[test]
fn pages_stay_usable_after_their_file_was_discarded() {
    let Some(directory) = tmpfs() else { return };
    let channel = channel(directory.path(), 1);
    channel.arena().discard();
    let mut lane = Lane::new(Arc::clone(&channel), thread(""));
    for _ in 0..100 {
        lane.push(INFO, &[7; 1000]);
    }
    drop(lane);
    let pages = read_all(&channel, 0);
    assert!(1 < pages.len());
    pages
        .into_iter()
        .for_each(|page| channel.put(page.release()));
    assert_eq!(channel.pool.used_bytes(), 0);
}

#[test]
fn what_does_not_fit_the_wishes_is_refused_with_a_reason() {
    let Some(directory) = tmpfs() else { return };
    let page_bytes = page_bytes_for(BUDGET_BYTES);
    let refusal = |directory: &Path, budget_bytes| {
        let arena = Arena::in_file(&plan(directory), page_bytes, budget_bytes, 1);
        assert!(!arena.is_in_file() && !arena.safety().is_safe());
        arena.refusal().unwrap().why.clone()
    };
    let on_disk = Path::new("/proc");
    assert!(refusal(on_disk, BUDGET_BYTES).contains("not on a tmpfs"));
    assert!(refusal(directory.path(), 64 << 10).contains("below 1 MiB"));
    let open = directory.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(refusal(&open, BUDGET_BYTES).contains("0700"));
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(directory.path(), &link).unwrap();
    assert!(refusal(&link, BUDGET_BYTES).contains("open"));
    let names = files_in(directory.path());
    assert!(names.iter().all(|path| path.is_dir()), "{names:?}");
}

#[test]
fn a_running_pipelines_file_is_known_by_whatever_path() {
    let Some(directory) = tmpfs() else { return };
    let arena = arena(directory.path(), 1);
    let path = files_in(directory.path()).remove(0);
    let name = path.file_name().unwrap();
    let detour = directory.path().join("..");
    let detour = detour.join(directory.path().file_name().unwrap());
    assert!(is_own(&detour.join(name)));
    assert!(is_own(Path::new(name)));
    arena.discard();
}

#[test]
fn a_directory_is_the_same_wherever_the_program_goes() {
    let plan = ArenaPlan::new(None, Some("pages".into()));
    assert!(plan.directory.unwrap().is_absolute());
}

#[test]
fn pages_idle_pages_and_what_surrounds_them_fit_the_budget_together() {
    let Some(directory) = tmpfs() else { return };
    let channel = channel(directory.path(), 1);
    let _journal = channel.arena().journal(0).unwrap();
    channel.arena().tell(&Fact::Process { program: "it" });
    let mut lane = Lane::new(Arc::clone(&channel), thread(""));
    const ERROR: u8 = 4;
    let budget_bytes = BUDGET_BYTES as u64;
    let small = vec![0; 1000];
    (0..budget_bytes / 1000).for_each(|_| lane.push(ERROR, &small));
    for mut page in read_all(&channel, 0) {
        page.settle();
        channel.put(page.release());
    }
    let large = vec![0; 100 << 10];
    (0..budget_bytes / 100_000).for_each(|_| lane.push(ERROR, &large));
    let file = fs::metadata(&files_in(directory.path())[0]).unwrap();
    assert!(
        file.blocks() * 512 <= budget_bytes,
        "{}",
        file.blocks() * 512
    );
    channel.arena().discard();
}
