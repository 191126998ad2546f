//! What a recovery promises, whatever it is given.

mod hostile;
mod made;

use std::fs;
use std::io;
use std::sync::{Arc, Mutex};

use super::claim::{self, Claim};
use super::recover::{recover, write};
use super::replay::{Next, Replay};
use super::share::Share;
use crate::channel::arena::ArenaPlan;
use crate::channel::arena::facts::{Fact, SinkFact};
use crate::complaint::Complaints;
use crate::drain::batch::Batch;
use crate::drain::line::{Content, LineWriter};
use crate::filter::SinkFilter;
use crate::format;
use crate::sink::{FilePlan, Sink, Target};
use made::{Made, lines_of};

fn lines() -> LineWriter {
    LineWriter::new(
        Content::Records,
        format::in_words("json"),
        SinkFilter::default(),
    )
}

fn claimed(made: &Made) -> Arc<super::leftover::LeftoverFile> {
    match claim::claim(&made.path).unwrap() {
        Claim::Ours(leftover) => leftover,
        other => panic!("{other:?}"),
    }
}

fn share(made: &Made) -> Share {
    let leftover = claimed(made);
    Share::take(&leftover, &leftover.sinks[0]).unwrap()
}

#[test]
fn records_are_written_in_order_of_time_marked_and_the_file_is_gone() {
    let mut made = Made::new();
    made.page(0, 1, &[1, 4, 5], 1);
    made.page(1, 2, &[2, 3, 8], 0);
    made.page(2, 1, &[6, 7], 0);
    made.tell(&Fact::Process {
        program: "./server",
    });
    let report = recover(&made.path).unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(
        (report.recovered, &report.processes[..]),
        (7, &[made::OWNER.pid][..])
    );
    assert_eq!(made.numbers(), [2, 3, 4, 5, 6, 7, 8]);
    let record = &lines_of(&made.log)[0];
    let expected = r#"{"timestamp":"2023-11-14T22:13:20.000000Z","level":"INFO","target":"app::module","message":"record","number":2,"user":"ada","spans":["request"],"recovered":true}"#;
    assert_eq!(
        record,
        &serde_json::from_str::<serde_json::Value>(expected).unwrap()
    );
    let [notice] = &made.notices()[..] else {
        panic!("{:?}", made.notices());
    };
    assert_eq!(notice["message"], "records recovered");
    assert_eq!(
        (&notice["records"], &notice["unreadable"]),
        (&7.into(), &0.into())
    );
    assert_eq!(
        (&notice["process"], &notice["program"]),
        (&made::OWNER.pid.into(), &"./server".into())
    );
    assert_eq!(notice["ended"], "killed, or aborted");
    assert!(!made.path.exists());
}

#[test]
fn why_a_process_ended_is_told_where_that_is_known() {
    let mut made = Made::new();
    made.tell(&Fact::Panic {
        message: "no way",
        location: Some("main.rs:1"),
    });
    made.page(0, 1, &[1], 0);
    recover(&made.path).unwrap();
    let notice = &made.notices()[0];
    assert_eq!(
        (&notice["ended"], &notice["panic"]),
        (&"panic".into(), &"no way at main.rs:1".into())
    );
}

#[test]
fn a_leftover_of_which_nothing_is_left_goes_without_a_word() {
    let mut made = Made::new();
    made.page(0, 1, &[1, 2], 2);
    let report = recover(made.directory.path()).unwrap();
    assert_eq!(report, super::RecoveryReport::default());
    assert!(!made.path.exists() && !made.log.exists());
}

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
        note: &mut dyn FnMut(crate::sink::Place),
    ) -> io::Result<usize> {
        if self.batches == 0 {
            let len = self.bytes.min(lines.len());
            // As a kill within the write leaves it: the sink itself would take a torn line back.
            let mut place = None;
            let mut kept = |at| place = Some(at);
            let _ = self.sink.write_noting(b"\n", &mut kept);
            let place = place.unwrap();
            note(place);
            let file = fs::File::options().write(true).open(self.path()).unwrap();
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

    fn name(&self) -> &str {
        self.sink.name()
    }
}

impl Killed {
    fn path(&self) -> &str {
        self.sink.name().strip_prefix("file ").unwrap()
    }
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

#[test]
fn a_damaged_record_ends_its_page_and_no_other() {
    let mut made = Made::new();
    made.page(0, 1, &[1, 2, 3], 0);
    made.page(1, 1, &[4], 0);
    let (page, _) = made.layout.page(0).unwrap();
    let first = u64::from(made.end_of(0).position / 3);
    // The length of the second record.
    made.put(page + first, &u32::MAX.to_le_bytes());
    let report = recover(&made.path).unwrap();
    assert_eq!((report.recovered, report.unreadable), (2, 1), "{report:?}");
    assert_eq!(made.numbers(), [1, 4]);
    assert_eq!(made.notices()[0]["level"], "ERROR");
    assert!(made.damaged().exists() && !made.path.exists());
}

#[test]
fn what_is_no_leftover_is_set_aside() {
    let made = Made::new();
    made.put_u64(0, u64::MAX);
    let report = recover(made.directory.path()).unwrap();
    assert_eq!(report.failures.len(), 1);
    assert!(made.damaged().exists());
    assert_eq!(recover(made.directory.path()).unwrap().failures.len(), 0);
}

#[test]
fn records_for_nobody_knows_which_file_are_kept_and_said() {
    for starts_pipeline in [false, true] {
        let mut made = Made::new();
        made.page(0, 1, &[1], 0);
        made.lose_sinks();
        let said = if starts_pipeline {
            let heard = Heard::default();
            let mut replay = replay(&made, heard.complaints());
            assert_eq!(
                replay.fill(&mut lines(), &mut Batch::default()),
                Next::Nothing
            );
            heard.all()
        } else {
            let report = recover(made.directory.path()).unwrap();
            assert!(!report.is_complete());
            report.failures
        };
        assert!(
            said.len() == 1 && said[0].contains("which files"),
            "{said:?}"
        );
        assert!(made.damaged().exists() && !made.path.exists());
    }
}

#[test]
fn without_records_it_does_not_matter_for_whom_they_are() {
    let mut made = Made::new();
    made.page(0, 1, &[1, 2], 0);
    for place in 0..2 {
        made.write_all(0, place);
    }
    made.lose_sinks();
    assert_eq!(
        recover(made.directory.path()).unwrap(),
        super::RecoveryReport::default()
    );
    assert!(!made.path.exists() && !made.damaged().exists());
}

#[test]
fn a_leftover_that_may_be_for_more_files_than_it_tells_is_kept_and_said() {
    for starts_pipeline in [false, true] {
        let mut made = Made::new();
        made.page(0, 1, &[1, 2], 0);
        made.add_damaged_sink();
        let said = if starts_pipeline {
            let heard = Heard::default();
            let mut replay = replay(&made, heard.complaints());
            let mut batch = Batch::default();
            assert_eq!(replay.fill(&mut lines(), &mut batch), Next::Batch);
            fs::write(&made.log, batch.rest()).unwrap();
            batch.clear();
            assert_eq!(replay.fill(&mut lines(), &mut batch), Next::Nothing);
            heard.all()
        } else {
            recover(made.directory.path()).unwrap().failures
        };
        assert!(
            said.iter().any(|said| said.contains("damaged in part")),
            "{said:?}"
        );
        assert_eq!(made.numbers(), [1, 2]);
        assert!(made.damaged().exists() && !made.path.exists());
    }
}

#[test]
fn what_another_version_wrote_is_left_to_it() {
    let made = Made::new();
    made.put(8, &u32::MAX.to_ne_bytes());
    let report = recover(made.directory.path()).unwrap();
    assert!(report.failures[0].contains("another version"), "{report:?}");
    assert!(made.path.exists());
}

#[test]
fn a_directory_that_is_gone_stays_so_and_nothing_is_lost() {
    let mut made = Made::new();
    made.page(0, 1, &[1], 0);
    let directory = made.log.with_file_name("gone");
    let log = directory.join("app.jsonl");
    made.tell(&Fact::Sink(SinkFact {
        place: 1,
        path: log.as_os_str().as_encoded_bytes(),
        format: "json",
        filter: None,
    }));
    let report = recover(&made.path).unwrap();
    assert!(
        report.failures[0].contains("its directory is gone"),
        "{report:?}"
    );
    assert_eq!((report.recovered, made.numbers()), (1, vec![1]));
    assert!(made.path.exists() && !directory.exists());
    fs::create_dir(directory).unwrap();
    assert_eq!(recover(&made.path).unwrap().recovered, 1);
    assert_eq!(lines_of(&log).len(), 2);
    assert!(!made.path.exists());
}

#[test]
fn nothing_but_leftovers_is_touched_in_a_directory() {
    let made = Made::new();
    let others = ["notes.new", ".notes.pages.new", "report.pages", "1-a.pages"];
    let others = others.map(|name| made.directory.path().join(name));
    for path in &others {
        fs::write(path, "somebody's").unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
    }
    let report = recover(made.directory.path()).unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert!(others.iter().all(|path| path.exists()));
    // Nor where somebody takes it for one.
    assert_eq!(recover(&others[2]).unwrap().failures.len(), 1);
    assert!(others[2].exists());
}

#[test]
fn what_a_process_left_while_it_started_goes_after_a_while() {
    let made = Made::new();
    let name = ".7-00000000000000aa.pages.new";
    let unfinished = made.directory.path().join(name);
    fs::write(&unfinished, "").unwrap();
    recover(made.directory.path()).unwrap();
    assert!(unfinished.exists());
    let file = fs::File::options().write(true).open(&unfinished).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    recover(made.directory.path()).unwrap();
    assert!(!unfinished.exists());
}

#[test]
fn nothing_is_looked_for_where_a_link_leads_to() {
    let made = Made::new();
    let other = tempfile::tempdir().unwrap();
    let link = other.path().join("offloop");
    std::os::unix::fs::symlink(made.directory.path(), &link).unwrap();
    assert_eq!(super::directory::files_in(&link).unwrap().len(), 0);
    // Unless its user says so.
    assert!(recover(&link).unwrap().is_complete());
    assert!(!made.path.exists());
}

#[test]
fn a_leftover_has_one_claim_by_whatever_path_it_is_found() {
    let made = Made::new();
    let leftover = claimed(&made);
    let directory = made.directory.path();
    let detour = directory.join("..").join(directory.file_name().unwrap());
    let detour = detour.join(made.path.file_name().unwrap());
    let Claim::Ours(same) = claim::claim(&detour).unwrap() else {
        panic!("it is ours");
    };
    assert!(Arc::ptr_eq(&leftover, &same));
}

/// What a sink's writer does with what was left for it.
fn replay(made: &Made, complaints: Complaints) -> Replay {
    let directories = vec![made.directory.path().to_owned()];
    Replay::new(&made.log, directories, complaints)
}

/// What was complained of.
#[derive(Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn complaints(&self) -> Complaints {
        let heard = Arc::clone(&self.0);
        Complaints::to(Arc::new(move |complaint: &str| {
            heard.lock().unwrap().push(complaint.to_owned());
        }))
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn a_torn_line_is_cut_off_wherever_the_pipeline_keeps_its_pages() {
    let mut made = Made::new();
    made.page(0, 1, &[1, 2], 0);
    fs::write(&made.log, "{\"number\":0}\n{\"number\":1}\n{\"num").unwrap();
    let batch = b"{\"number\":1}\n{\"number\":2}\n";
    made.under_way(batch, &[made.end_of(0)], Some(13));
    let directory = made.directory.path().to_owned();
    super::watch_torn_tails(&ArenaPlan::new(None, Some(directory)));
    let mut sink = Target::File(FilePlan::new(made.log.clone()))
        .open()
        .unwrap();
    sink.write(b"{\"number\":9}\n").unwrap();
    assert_eq!(made.numbers(), [0, 1, 9]);
    assert!(recover(&made.path).unwrap().is_complete());
    assert_eq!(made.numbers(), [0, 1, 9, 2]);
}

#[test]
fn who_recovers_a_share_does_so_alone() {
    let mut made = Made::new();
    made.page(0, 1, &[1, 2, 3], 0);
    let mut replay = replay(&made, Complaints::default());
    let (mut lines, mut batch) = (lines(), Batch::default());
    assert_eq!(replay.fill(&mut lines, &mut batch), Next::Batch);
    let report = recover(&made.path).unwrap();
    assert_eq!((report.recovered, report.in_use), (0, 1), "{report:?}");
    assert_eq!(replay.recovered(), 0);
    fs::write(&made.log, batch.rest()).unwrap();
    batch.clear();
    assert_eq!(replay.fill(&mut lines, &mut batch), Next::Nothing);
    assert_eq!(replay.recovered(), 3);
    assert_eq!(made.numbers(), [1, 2, 3]);
    assert!(!made.path.exists());
}

#[test]
fn a_writer_opens_one_leftover_after_the_other() {
    let mut made = Made::new();
    made.page(0, 1, &[1], 0);
    for number in 0..20 {
        let name = format!("2-{number:016x}.pages");
        fs::copy(&made.path, made.path.with_file_name(name)).unwrap();
    }
    let mut replay = replay(&made, Complaints::default());
    let mut batch = Batch::default();
    assert_eq!(replay.fill(&mut lines(), &mut batch), Next::Batch);
    let is_leftover = |open: fs::DirEntry| {
        let open = fs::read_link(open.path()).unwrap_or_default();
        open.starts_with(made.directory.path()) && open != made.path
    };
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    assert!(
        open.filter_map(|open| is_leftover(open).then_some(()))
            .count()
            <= 1
    );
}
