//! Whatever was under way when a process was killed, or a recovery, is completed once.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::made::Made;
use super::{lines, share};
use crate::config::Format;
use crate::drain::batch::Batch;
use crate::recovery::recover::{recover, write};
use crate::sink::{FilePlan, Sink, Target};

#[test]
fn a_batch_under_way_is_completed_wherever_the_kill_cut_it() {
    let batch = b"{\"number\":1}\n{\"number\":2}\n{\"number\":3}\n";
    for written in 0..=batch.len() {
        let mut made = Made::new();
        made.page(0, 1, &[1, 2, 3], 0);
        made.page(1, 1, &[4], 0);
        fs::write(&made.log, [b"{\"number\":0}\n", &batch[..written]].concat()).unwrap();
        made.under_way(batch, &[made.end_of(0)], Some(13));
        let report = recover(&made.path).unwrap();
        assert!(report.is_complete(), "{report:?}");
        assert_eq!(made.numbers(), [0, 1, 2, 3, 4], "{written}");
        // What the dead process had written whole is as it wrote it.
        let whole = written as u64 / 13;
        assert!(made.marked().into_iter().eq(whole + 1..=4), "{written}");
        assert!(!made.path.exists());
    }
}

#[test]
fn a_batch_that_was_never_offered_is_written_whole() {
    let mut made = Made::new();
    made.page(0, 1, &[1, 2], 0);
    made.under_way(b"{\"number\":1}\n{\"number\":2}\n", &[made.end_of(0)], None);
    assert_eq!(recover(&made.path).unwrap().recovered, 2);
    assert_eq!(made.numbers(), [1, 2]);
    assert_eq!(made.marked(), [1, 2]);
}

#[test]
fn who_is_killed_while_it_completes_a_batch_leaves_it_to_the_next_one() {
    let batch = b"{\"number\":1}\n{\"number\":2}\n{\"number\":3}\n";
    for written in [0, 5, 13, 20] {
        let marked_max = batch.len() + 3 * 17;
        for bytes in 0..marked_max {
            let mut made = Made::new();
            made.page(0, 1, &[1, 2, 3], 0);
            made.page(1, 1, &[4], 0);
            fs::write(&made.log, [b"{\"number\":0}\n", &batch[..written]].concat()).unwrap();
            made.under_way(batch, &[made.end_of(0)], Some(13));
            for kill_at in [bytes, marked_max - bytes] {
                let mut sink = Target::File(FilePlan::new(made.log.clone()));
                let mut sink = Killed {
                    path: made.log.clone(),
                    sink: sink.open().unwrap(),
                    batches: 0,
                    bytes: kill_at,
                };
                write(&mut share(&made), &mut lines(), &mut sink).unwrap_err();
            }
            assert!(recover(&made.path).unwrap().is_complete());
            assert_eq!(made.numbers(), [0, 1, 2, 3, 4], "{written} {bytes}");
            let whole = written as u64 / 13;
            assert!(
                made.marked().into_iter().eq(whole + 1..=4),
                "{written} {bytes}"
            );
        }
    }
}

/// A sink that is killed once it has written so many bytes, and so many batches before.
struct Killed {
    path: PathBuf,
    sink: Box<dyn Sink>,
    batches: usize,
    bytes: usize,
}

impl Sink for Killed {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.sink.write(lines)
    }

    fn write_noting(
        &mut self,
        lines: &[u8],
        note: &mut dyn FnMut(crate::sink::PlaceInFile),
    ) -> io::Result<usize> {
        if self.batches == 0 {
            let len = self.bytes.min(lines.len());
            // As a kill within the write leaves it: the sink itself would take a torn line back.
            let mut place = None;
            let mut kept = |at| place = Some(at);
            let _ = self.sink.write_noting(b"\n", &mut kept);
            let place = place.unwrap();
            note(place);
            let file = fs::File::options().write(true).open(&self.path).unwrap();
            file.set_len(place.offset).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, &lines[..len], place.offset).unwrap();
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.batches -= 1;
        self.sink.write_noting(lines, note)
    }

    fn wait_for_room(&mut self, at_most: std::time::Duration) {
        self.sink.wait_for_room(at_most);
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[test]
fn a_line_that_another_dead_process_tore_is_cut_off_before_more_is_written() {
    let made = Made::new();
    fs::write(&made.log, "{\"number\":0}\n{\"num").unwrap();
    let batch = b"{\"number\":1}\n{\"number\":2}\n";
    let mut older = Made::beside(&made);
    older.page(0, 1, &[3], 0);
    let mut torn = made;
    torn.page(0, 1, &[1, 2], 0);
    torn.under_way(batch, &[torn.end_of(0)], Some(13));
    assert!(recover(&older.path).unwrap().is_complete());
    assert_eq!(torn.numbers(), [0, 3]);
    assert!(recover(&torn.path).unwrap().is_complete());
    assert_eq!(torn.numbers(), [0, 3, 1, 2]);
}

#[test]
fn a_recovery_that_is_killed_is_taken_up_where_it_was() {
    for bytes in [0, 1, 100, 199, 200, 1_000, 30_000, 100_000] {
        let mut made = Made::new();
        for slot in 0..400 {
            let first = u64::from(slot) * 4;
            made.page(
                slot,
                slot.into(),
                &[first, first + 1, first + 2, first + 3],
                0,
            );
        }
        let mut kills = 0;
        // Killed in its first batch, then in the next one, and so on.
        for batches in [0, 0, 1, 0, 2] {
            let mut share = share(&made);
            let sink = Target::File(FilePlan::new(made.log.clone()))
                .open()
                .unwrap();
            let mut sink = Killed {
                path: made.log.clone(),
                sink,
                batches,
                bytes,
            };
            kills += usize::from(write(&mut share, &mut lines(), &mut sink).is_err());
        }
        assert!(3 <= kills);
        let report = recover(&made.path).unwrap();
        assert!(report.is_complete(), "{report:?}");
        assert!(made.numbers().into_iter().eq(0..1_600), "{bytes}");
        assert!(!made.path.exists());
    }
}

#[test]
fn a_recovery_in_another_format_that_is_killed_is_completed_in_that_one() {
    for bytes in [0, 1, 100, 200, 400, 600] {
        let mut made = Made::new();
        made.is_written_as(&Format::text());
        made.page(0, 1, &[1, 2, 3, 4], 0);
        for kill_at in [bytes, 2 * bytes] {
            let mut sink = Target::File(FilePlan::new(made.log.clone()));
            let mut sink = Killed {
                path: made.log.clone(),
                sink: sink.open().unwrap(),
                batches: 0,
                bytes: kill_at,
            };
            write(&mut share(&made), &mut lines(), &mut sink).unwrap_err();
        }
        let mut sink = Target::File(FilePlan::new(made.log.clone()));
        write(&mut share(&made), &mut lines(), &mut *sink.open().unwrap()).unwrap();
        assert_eq!(made.marked(), [1, 2, 3, 4], "{bytes}");
    }
}

#[test]
fn a_kill_after_the_write_and_before_the_positions_doubles_nothing() {
    let mut made = Made::new();
    made.page(0, 1, &[1, 2, 3], 0);
    for _ in 0..3 {
        let mut share = share(&made);
        let mut sink = Target::File(FilePlan::new(made.log.clone()))
            .open()
            .unwrap();
        let mut batch = Batch::default();
        if share.fill(&mut lines(), &mut batch).unwrap() {
            let mut note = |place| share.note(place, 0);
            let accepted = sink.write_noting(batch.rest(), &mut note).unwrap();
            assert_eq!(accepted, batch.rest().len());
        }
    }
    recover(&made.path).unwrap();
    assert_eq!(made.numbers(), [1, 2, 3]);
}
