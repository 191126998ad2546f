//! The channel with real threads; small enough for Miri. Every interleaving is for the models.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::lane::Lane;
use super::overflow::{LossReason, LossTable, Overflow};
use super::page::{IdlePage, PageReader, frame_bytes};
use super::pool::{Pool, page_bytes_for};
use super::sync::Instant;
use super::{Announcement, Channel, may_wait_until, waiting_until, without_waiting};

const INFO: u8 = 2;
const WARN: u8 = 3;
const ERROR: u8 = 4;

/// Everything that one reader finds at the moment, page by page.
#[derive(Default)]
struct Reader(Vec<PageReader>);

impl Reader {
    fn read(&mut self, channel: &Channel, place: usize) -> Vec<Vec<u8>> {
        while let Some(Announcement { page, .. }) = channel.inlets()[place].announced.pop() {
            self.0.push(page);
        }
        let mut records = Vec::new();
        for mut page in std::mem::take(&mut self.0) {
            while let Some(frame) = page.next() {
                records.push(frame.record().to_vec());
                let len = frame.record().len();
                page.advance(len);
            }
            if page.is_finished() {
                channel.put(page.release());
            } else {
                self.0.push(page);
            }
        }
        records
    }
}

fn lost(channel: &Channel) -> LossTable {
    channel.lanes().fold(LossTable::default(), |sum, lane| {
        sum.plus(&lane.lost.snapshot())
    })
}

#[test]
fn records_arrive_whole_and_in_order_while_the_reader_watches() {
    let channel = Arc::new(Channel::new(1 << 20, Overflow::DropNewest, 1));
    let threads = 3;
    let count = if cfg!(miri) { 50 } else { 20_000 };
    let logging: Vec<_> = (0..threads)
        .map(|thread| {
            let channel = Arc::clone(&channel);
            thread::spawn(move || {
                let mut lane = Lane::new(channel, Arc::default());
                for number in 0..count {
                    let record = format!("{thread} {number} {}", "x".repeat(number % 100));
                    lane.push(INFO, record.as_bytes());
                }
            })
        })
        .collect();
    let mut reader = Reader::default();
    let mut records = Vec::new();
    while !logging.iter().all(thread::JoinHandle::is_finished) {
        records.extend(reader.read(&channel, 0));
        thread::yield_now();
    }
    records.extend(reader.read(&channel, 0));
    let mut latest = vec![None; threads];
    for record in &records {
        let text = std::str::from_utf8(record).unwrap();
        let mut words = text.split(' ');
        let thread: usize = words.next().unwrap().parse().unwrap();
        let number: usize = words.next().unwrap().parse().unwrap();
        assert_eq!(words.next().unwrap(), "x".repeat(number % 100));
        assert!(latest[thread] < Some(number), "in order, and none twice");
        latest[thread] = Some(number);
    }
    let total = records.len() as u64 + lost(&channel).total();
    assert_eq!(total, (threads * count) as u64);
    assert_eq!(channel.pool.used_bytes(), 0, "ended threads hold no pages");
}

#[test]
fn every_reader_gets_every_record_and_the_last_one_frees_the_page() {
    let channel = Arc::new(Channel::new(64 << 10, Overflow::DropNewest, 2));
    let mut lane = Lane::new(Arc::clone(&channel), Arc::default());
    lane.push(INFO, b"one");
    lane.push(INFO, b"two");
    drop(lane);
    let expected = [b"one".to_vec(), b"two".to_vec()];
    assert_eq!(Reader::default().read(&channel, 0), expected);
    assert_ne!(channel.pool.used_bytes(), 0);
    assert_eq!(Reader::default().read(&channel, 1), expected);
    assert_eq!(channel.pool.used_bytes(), 0);
}

#[test]
fn the_last_eighth_of_the_budget_is_for_warnings_and_errors() {
    let budget = 128 << 10;
    let channel = Arc::new(Channel::new(budget, Overflow::DropNewest, 1));
    let mut lane = Lane::new(Arc::clone(&channel), Arc::default());
    let record = [b'x'; 400];
    while lost(&channel).total() == 0 {
        lane.push(INFO, &record);
    }
    let used = channel.pool.used_bytes();
    assert!(used <= budget / 8 * 7);
    lane.push(ERROR, &record);
    lane.push(INFO, &record);
    lane.push(WARN, &record);
    let table = lost(&channel);
    assert_eq!(
        table.counts[LossReason::QueueFull as usize],
        [0, 0, 2, 0, 0]
    );
    while lost(&channel).counts[0][WARN as usize] == 0 {
        lane.push(WARN, &record);
    }
    assert_eq!(channel.pool.used_bytes(), budget);
    // Once there is room again, everything is taken again.
    Reader::default().read(&channel, 0);
    lane.push(INFO, &record);
    assert_eq!(lost(&channel).counts[0][INFO as usize], 2);
}

#[test]
fn a_record_larger_than_a_page_gets_a_page_of_its_own() {
    let channel = Arc::new(Channel::new(1 << 20, Overflow::DropNewest, 1));
    let mut lane = Lane::new(Arc::clone(&channel), Arc::default());
    let large = vec![b'x'; 300 << 10];
    lane.push(INFO, b"before");
    lane.push(INFO, &large);
    lane.push(INFO, b"after");
    drop(lane);
    let records = Reader::default().read(&channel, 0);
    assert_eq!(records, [b"before".to_vec(), large, b"after".to_vec()]);
    assert_eq!(channel.pool.used_bytes(), 0);
}

#[test]
fn a_large_record_without_a_lane_holds_its_page_no_longer_than_any_other() {
    let channel = Channel::new(1 << 20, Overflow::DropNewest, 1);
    channel.push_alone(INFO, &vec![b'x'; 300 << 10]);
    assert_eq!(Reader::default().read(&channel, 0).len(), 1);
    assert_eq!(channel.pool.used_bytes(), 0);
}

#[test]
fn a_record_larger_than_the_budget_is_counted_as_oversize() {
    let channel = Arc::new(Channel::new(64 << 10, Overflow::DropNewest, 1));
    let mut lane = Lane::new(Arc::clone(&channel), Arc::default());
    lane.push(ERROR, &vec![b'x'; 65 << 10]);
    assert_eq!(
        lost(&channel).counts[LossReason::Oversize as usize][ERROR as usize],
        1
    );
    assert_eq!(channel.pool.used_bytes(), 0);
}

#[test]
fn back_pressure_gives_up_in_the_end() {
    let at_most = Duration::from_millis(1);
    let channel = Arc::new(Channel::new(64 << 10, Overflow::Block { at_most }, 1));
    let mut lane = Lane::new(Arc::clone(&channel), Arc::default());
    while lost(&channel).total() == 0 {
        lane.push(INFO, &[b'x'; 400]);
    }
}

#[test]
fn back_pressure_ends_where_the_callers_time_does() {
    let at_most = Duration::MAX;
    let channel = Arc::new(Channel::new(64 << 10, Overflow::Block { at_most }, 1));
    let mut lane = Lane::new(Arc::clone(&channel), Arc::default());
    let later = Instant::now() + Duration::from_secs(3600);
    waiting_until(Instant::now(), || {
        // Who has more time within less has no more.
        waiting_until(later, || {
            while lost(&channel).total() == 0 {
                lane.push(INFO, &[b'x'; 400]);
            }
        });
    });
    without_waiting(|| {
        waiting_until(later, || assert_eq!(may_wait_until(later), None));
    });
    assert_eq!(may_wait_until(later), Some(later));
}

#[test]
fn back_pressure_waits_for_room() {
    const RECORDS: usize = 1000;
    let at_most = Duration::MAX;
    let channel = Arc::new(Channel::new(64 << 10, Overflow::Block { at_most }, 1));
    let logging = Arc::clone(&channel);
    let logging = thread::spawn(move || {
        let mut lane = Lane::new(logging, Arc::default());
        (0..RECORDS).for_each(|_| lane.push(INFO, &[b'x'; 400]));
    });
    let mut reader = Reader::default();
    let mut count = 0;
    while count < RECORDS {
        count += reader.read(&channel, 0).len();
        thread::yield_now();
    }
    logging.join().unwrap();
    assert_eq!(lost(&channel).total(), 0);
}

#[test]
fn a_pool_whose_readers_have_ended_hands_out_pages_and_keeps_none() {
    let pool = Pool::new(8 << 10, 1 << 10);
    pool.tend(Duration::ZERO);
    assert_ne!(pool.idle(), 0);
    let page = pool.take(10, true);
    pool.close();
    pool.put(page);
    pool.tend(Duration::ZERO);
    assert_eq!((pool.idle(), pool.used_bytes()), (0, 0));
    let page = pool.take(10, true);
    assert!(page.is_some());
    pool.put(page);
    assert_eq!((pool.idle(), pool.used_bytes()), (0, 0));
}

#[test]
fn a_pool_has_as_many_pages_ready_as_were_taken_since_it_was_tended() {
    let pool = Pool::new(1 << 20, 1 << 10);
    let take = |count| (0..count).map(|_| pool.take(10, true)).collect::<Vec<_>>();
    pool.tend(Duration::ZERO);
    let few = pool.idle();
    let burst = take(10 * few);
    assert_eq!(pool.idle(), 0);
    pool.tend(Duration::ZERO);
    assert_eq!(pool.idle(), 10 * few);
    let more = take(10 * few);
    pool.tend(Duration::ZERO);
    // Nothing more is taken, and what was is still in use.
    (0..1_000).for_each(|_| pool.tend(Duration::from_millis(50)));
    assert_eq!(pool.idle(), few);
    assert!(burst.iter().chain(&more).all(Option::is_some));
}

#[test]
fn a_pool_never_exceeds_its_budget_and_keeps_what_it_made() {
    let pool = Pool::new(8 << 10, 1 << 10);
    let mut pages = Vec::new();
    while let Some(page) = pool.take(10, true) {
        pages.push(page);
    }
    assert_eq!(pages.len(), 8);
    assert_eq!(pool.used_bytes(), 8 << 10);
    pages.drain(..).for_each(|page| pool.put(Some(page)));
    assert_eq!(pool.used_bytes(), 0);
    // A large page takes the place of idle ones.
    let large = pool.take(6 << 10, true);
    assert!(large.is_some_and(|page| frame_bytes(6 << 10) <= page.capacity()));
}

#[test]
fn a_full_page_refuses_a_record_and_keeps_what_it_has() {
    let mut reader = None;
    let mut writer =
        IdlePage::new(frame_bytes(3) + frame_bytes(8)).open(1, |page| reader = Some(page));
    let mut reader = reader.unwrap();
    assert!(writer.append(INFO, 1, b"abc"));
    assert!(!writer.append(INFO, 2, &[0; 9]));
    assert!(writer.append(ERROR, 3, &[7; 8]));
    assert!(!writer.append(INFO, 4, b""));
    let first = reader.next().unwrap();
    assert_eq!(
        (first.level, first.ticks, first.record()),
        (INFO, 1, &b"abc"[..])
    );
    reader.advance(3);
    let second = reader.next().unwrap();
    assert_eq!(
        (second.level, second.ticks, second.record()),
        (ERROR, 3, &[7; 8][..])
    );
    reader.advance(8);
    assert!(reader.next().is_none());
    assert!(!reader.is_finished(), "more could come");
    assert!(writer.seal().is_none());
    assert!(reader.is_finished());
    assert!(reader.release().is_some());
}

#[test]
fn pages_are_powers_of_two_and_a_budget_has_many() {
    for (budget, expected) in [
        (64 << 20, 32 << 10),
        (1 << 20, 8 << 10),
        (64 << 10, 1 << 10),
        (1 << 30, 32 << 10),
        (4 << 30, 32 << 10),
        (64 << 30, 512 << 10),
    ] {
        assert_eq!(page_bytes_for(budget), expected);
    }
}

#[test]
fn a_record_wakes_readers_that_doze_and_the_next_one_nobody() {
    let channel = Arc::new(channel_for(2));
    let readers = channel.inlets().iter().map(Arc::clone);
    let readers: Vec<_> = readers
        .map(|inlet| {
            let channel = Arc::clone(&channel);
            thread::spawn(move || {
                channel.let_doze();
                let has_record = || channel.handed_over() != 0;
                while !has_record() {
                    inlet.sleeper.sleep(Duration::MAX, has_record);
                }
            })
        })
        .collect();
    while !channel.is_out_of_the_ordinary() {
        thread::yield_now();
    }
    let mut lane = Lane::new(Arc::clone(&channel), Arc::default());
    assert!(lane.try_push(INFO, b"first"));
    readers
        .into_iter()
        .for_each(|reader| reader.join().unwrap());
    // The other one may have said so after the record came.
    channel.rouse();
    assert!(lane.try_push(INFO, b"second"));
    assert!(!channel.is_out_of_the_ordinary() && !channel.has_ended());
}

#[test]
fn a_record_without_a_lane_wakes_readers_that_doze() {
    let channel = channel_for(1);
    channel.let_doze();
    assert!(channel.push_alone(INFO, b"alone"));
    assert!(!channel.is_out_of_the_ordinary());
}

fn channel_for(readers: usize) -> Channel {
    Channel::new(1 << 16, Overflow::DropNewest, readers)
}

#[test]
fn one_look_ahead_passes_many_records_and_none_that_it_has_something_against() {
    let mut readers = Vec::new();
    let mut writer = IdlePage::new(4096).open(1, |reader| readers.push(reader));
    for number in 0..20 {
        let record = if number == 7 { "flawed!" } else { "flawless" };
        assert!(writer.append(INFO, number, record.as_bytes()));
    }
    let mut page = readers.remove(0);
    let (mut looks, mut refused) = (0, Vec::new());
    while let Some(frame) = page.next() {
        let is_passed = frame.is_passed(|bytes| {
            looks += 1;
            assert!(bytes.starts_with(frame.record()));
            bytes
                .iter()
                .position(|byte| *byte == b'!')
                .unwrap_or(bytes.len())
        });
        if !is_passed {
            refused.push(frame.ticks);
        }
        let len = frame.record().len();
        page.advance(len);
    }
    // The first record, the one that is refused, and the one behind it.
    assert_eq!((looks, refused), (3, vec![7]));
}
