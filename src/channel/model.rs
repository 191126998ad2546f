//! Every interleaving of the channel's own atomics, checked with loom.
//!
//! `RUSTFLAGS="--cfg offloop_loom" cargo test --release --lib channel::model`
//!
//! crossbeam's queues are stood in for by a locked one (see [`super::sync`]): what is proved is
//! what is built around them.

use std::sync::Arc;

use loom::thread;

use super::lane::Lane;
use super::overflow::{LossTable, Overflow};
use super::page::{FRAME_HEADER_BYTES, IdlePage, PageReader, frame_bytes};
use super::pool::Pool;
use super::sync::{AtomicBool, Ordering};
use super::{Channel, Sleeper, barrier};

const RECORD: [u8; 4] = *b"abcd";

/// Room for exactly two records.
const PAGE_BYTES: usize = 2 * frame_bytes(RECORD.len());

fn read_all(page: &mut PageReader) -> Vec<u64> {
    let mut ticks = Vec::new();
    while let Some(frame) = page.next() {
        assert_eq!(*frame.record(), RECORD);
        ticks.push(frame.ticks);
        let len = frame.record().len();
        page.advance(len);
    }
    ticks
}

#[test]
fn a_reader_sees_whole_records_in_order_while_they_are_appended() {
    loom::model(|| {
        let mut reader = None;
        let mut writer = IdlePage::new(PAGE_BYTES).open(1, |page| reader = Some(page));
        let mut reader = reader.unwrap();
        let appending = thread::spawn(move || {
            assert!(writer.append(1, 1, &RECORD));
            assert!(writer.append(1, 2, &RECORD));
            assert!(!writer.append(1, 3, &RECORD), "the page is full");
            assert!(writer.seal().is_none(), "the reader still holds the page");
        });
        let mut seen = read_all(&mut reader);
        appending.join().unwrap();
        seen.extend(read_all(&mut reader));
        assert_eq!(seen, [1, 2]);
        assert!(reader.is_finished());
        assert!(reader.release().is_some(), "the last holder gets the page");
    });
}

#[test]
fn a_page_is_used_anew_only_after_writer_and_all_readers_let_go() {
    loom::model(|| {
        let mut readers = Vec::new();
        let mut writer = IdlePage::new(PAGE_BYTES).open(2, |page| readers.push(page));
        let pool = loom::sync::Arc::new(loom::sync::Mutex::new(Vec::new()));
        let reading: Vec<_> = readers
            .into_iter()
            .map(|mut page| {
                let pool = loom::sync::Arc::clone(&pool);
                thread::spawn(move || {
                    read_all(&mut page);
                    if let Some(idle) = page.release() {
                        // Whoever gets the page writes to all of it at once: loom would see a race.
                        let mut again = idle.open(0, |_| ());
                        assert!(again.append(1, 7, &RECORD));
                        assert!(again.append(1, 8, &RECORD));
                        pool.lock().unwrap().extend(again.seal());
                    }
                })
            })
            .collect();
        assert!(writer.append(1, 1, &RECORD));
        let own = writer.seal();
        reading
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        let count = pool.lock().unwrap().len() + usize::from(own.is_some());
        assert_eq!(count, 1, "exactly one holder was the last");
    });
}

#[test]
fn two_threads_cannot_take_more_than_the_budget() {
    loom::model(|| {
        let pool = loom::sync::Arc::new(Pool::new(PAGE_BYTES, PAGE_BYTES));
        let other = loom::sync::Arc::clone(&pool);
        let taking = thread::spawn(move || other.take(RECORD.len(), true).is_some());
        let own = pool.take(RECORD.len(), true).is_some();
        let others = taking.join().unwrap();
        assert_ne!(own, others, "exactly one of them gets the page");
        assert_eq!(pool.used_bytes(), PAGE_BYTES);
    });
}

#[test]
fn whoever_may_have_a_page_because_one_came_back_gets_that_one() {
    loom::model(|| {
        let pool = loom::sync::Arc::new(Pool::new(PAGE_BYTES, PAGE_BYTES));
        let page = pool.take(RECORD.len(), true);
        let other = loom::sync::Arc::clone(&pool);
        let putting = thread::spawn(move || other.put(page));
        let taken = pool.take(RECORD.len(), true);
        putting.join().unwrap();
        let idle = usize::from(taken.is_none());
        assert_eq!(pool.idle.len(), idle, "a page was made beside an idle one");
    });
}

#[test]
fn a_lane_that_ends_loses_nothing_and_what_finds_no_room_is_counted() {
    const RECORDS: u64 = 3;
    loom::model(|| {
        // Pages of 64 bytes hold two records; the budget is one page.
        let channel = Arc::new(Channel::new(64, Overflow::DropNewest, 1));
        let lanes = Arc::clone(&channel);
        let logging = thread::spawn(move || {
            let mut lane = Lane::new(lanes, Arc::default());
            for _ in 0..RECORDS {
                lane.push(2, &RECORD);
            }
        });
        let mut pages = Vec::new();
        let inlet = &channel.inlets()[0];
        let mut read = read_inlet(&channel, &mut pages);
        logging.join().unwrap();
        read += read_inlet(&channel, &mut pages);
        let lost = channel.lanes().fold(LossTable::default(), |sum, lane| {
            sum.plus(&lane.lost.snapshot())
        });
        let accepted: u64 = channel.lanes().flat_map(|lane| lane.accepted()).sum();
        assert_eq!(accepted, RECORDS);
        assert_eq!(read + lost.total(), RECORDS);
        assert!(pages.is_empty() && inlet.announced.len() == 0);
        assert_eq!(channel.pool.used_bytes(), 0, "an ended lane holds no page");
    });
}

fn read_inlet(channel: &Channel, pages: &mut Vec<PageReader>) -> u64 {
    let inlet = &channel.inlets()[0];
    while let Some(announcement) = inlet.announced.pop() {
        pages.push(announcement.page);
    }
    let mut read = 0;
    for mut page in std::mem::take(pages) {
        read += read_all(&mut page).len() as u64;
        if page.is_finished() {
            channel.put(page.release());
        } else {
            pages.push(page);
        }
    }
    read
}

#[test]
fn a_wake_is_never_missed() {
    loom::model(|| {
        let sleeper = loom::sync::Arc::new(Sleeper::default());
        let work = loom::sync::Arc::new(AtomicBool::new(false));
        let (waking, has_work) = (
            loom::sync::Arc::clone(&sleeper),
            loom::sync::Arc::clone(&work),
        );
        let other = thread::spawn(move || {
            has_work.store(true, Ordering::Relaxed);
            waking.wake();
        });
        // Under loom a sleep has no time-out: a missed wake is a deadlock, which loom reports.
        sleeper.sleep(std::time::Duration::MAX, || work.load(Ordering::Relaxed));
        other.join().unwrap();
    });
}

#[test]
fn frames_of_the_models_have_the_size_they_count_on() {
    assert_eq!(frame_bytes(RECORD.len()), FRAME_HEADER_BYTES + 8);
}

#[test]
fn what_a_channel_takes_although_it_is_left_is_counted_behind_the_barrier() {
    loom::model(|| {
        let channel = Arc::new(Channel::new(64, Overflow::DropNewest, 1));
        let lanes = Arc::clone(&channel);
        let logging = thread::spawn(move || {
            let mut lane = Lane::new(lanes, Arc::default());
            u64::from(lane.try_push(2, &RECORD))
        });
        channel.leave();
        barrier::heavy();
        let counted = channel.handed_over();
        let taken = logging.join().unwrap();
        assert!(taken <= counted);
    });
}

#[test]
fn a_reader_that_dozes_wakes_for_a_record() {
    loom::model(|| {
        let channel = Arc::new(Channel::new(64, Overflow::DropNewest, 1));
        let lanes = Arc::clone(&channel);
        let logging = thread::spawn(move || {
            let mut lane = Lane::new(lanes, Arc::default());
            assert!(lane.try_push(2, &RECORD));
        });
        channel.let_doze();
        // Under loom a sleep has no time-out: a missed wake is a deadlock, which loom reports.
        let forever = std::time::Duration::MAX;
        let sleeper = &channel.inlets()[0].sleeper;
        sleeper.sleep(forever, || channel.handed_over() != 0);
        logging.join().unwrap();
    });
}
