//! What a recovery promises, whatever it is given.

mod hostile;
mod kills;
mod made;
mod start;

use std::fs;
use std::sync::Arc;

use super::claim::{self, Claim};
use super::recover::recover;
use super::replay::Next;
use super::share::Share;
use crate::channel::arena::facts::{Fact, SinkFact};
use crate::channel::arena::layout::End;
use crate::channel::page::FRAME_HEADER_BYTES;
use crate::config::Format;
use crate::drain::batch::Batch;
use crate::drain::line::{Content, LineWriter};
use crate::filter::SinkFilter;
use crate::format;
use made::{Made, lines_of};
use start::{Heard, replay};

fn lines() -> LineWriter {
    LineWriter::new(
        Content::Records,
        format::make(&Format::json()),
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
fn an_end_in_order_is_told_as_such_and_is_no_warning_unless_time_ran_out() {
    for (end, ended, level) in [
        (End::InOrder, "in order, while threads were logging", "INFO"),
        (End::OutOfTime, "in order, before all was written", "WARN"),
        (End::Unknown, "killed, or aborted", "WARN"),
    ] {
        let mut made = Made::new();
        made.page(0, 1, &[1], 0);
        made.ended(end);
        recover(&made.path).unwrap();
        let notice = &made.notices()[0];
        assert_eq!(
            (&notice["ended"], &notice["level"]),
            (&ended.into(), &level.into())
        );
    }
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
fn a_sink_with_directives_by_span_gets_what_they_want_and_others_nothing_of_that() {
    let by_span = [
        ("off,[request{user=ada}]=info", vec![1, 2]),
        ("[request{user=eve}]=trace", vec![]),
    ];
    for (filter, expected) in by_span {
        let mut made = Made::new();
        made.page(0, 1, &[1, 2], 0);
        // The first record was let in for such sinks alone.
        let (page, _) = made.layout.page(0).unwrap();
        made.put(page + (FRAME_HEADER_BYTES + 8) as u64, &[4]);
        let log = made.log.with_file_name("other.jsonl");
        made.tell(&Fact::Sink(SinkFact {
            place: 1,
            path: log.as_os_str().as_encoded_bytes(),
            format: "json",
            filter: Some(filter),
        }));
        let report = recover(&made.path).unwrap();
        assert!(report.is_complete(), "{report:?}");
        assert_eq!(made.numbers(), [2]);
        let numbers = lines_of(&log).into_iter();
        let numbers = numbers.filter_map(|record| record["number"].as_u64());
        assert_eq!(numbers.collect::<Vec<_>>(), expected);
    }
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
