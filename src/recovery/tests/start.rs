//! What a start does about what was left.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::lines;
use super::made::Made;
use crate::channel::arena::ArenaPlan;
use crate::channel::arena::layout::End;
use crate::complaint::Complaints;
use crate::drain::batch::Batch;
use crate::recovery::recover::recover;
use crate::recovery::replay::{Next, Replay};
use crate::recovery::scan::Scan;
use crate::recovery::watch_torn_tails;
use crate::sink::{FilePlan, Target};

/// What a sink's writer does with what was left for it.
pub(super) fn replay(made: &Made, complaints: Complaints) -> Replay {
    let scan = scan(made, std::slice::from_ref(&made.log), complaints.clone());
    Replay::new(&made.log, scan, complaints)
}

/// The look of a start whose sinks have these files.
fn scan(made: &Made, logs: &[PathBuf], complaints: Complaints) -> Arc<Scan> {
    let directories = vec![made.directory.path().to_owned()];
    Arc::new(Scan::new(logs.to_vec(), directories, complaints))
}

/// What was complained of.
#[derive(Default)]
pub(super) struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub(super) fn complaints(&self) -> Complaints {
        let heard = Arc::clone(&self.0);
        Complaints::to(Arc::new(move |complaint: &str| {
            heard.lock().unwrap().push(complaint.to_owned());
        }))
    }

    pub(super) fn all(&self) -> Vec<String> {
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
    watch_torn_tails(&ArenaPlan::new(None, Some(directory)).directories());
    let mut sink = Target::File(FilePlan::new(made.log.clone()))
        .open()
        .unwrap();
    sink.write(b"{\"number\":9}\n").unwrap();
    assert_eq!(made.numbers(), [0, 1, 9]);
    assert!(recover(&made.path).unwrap().is_complete());
    assert_eq!(made.numbers(), [0, 1, 9, 2]);
}

#[test]
fn a_start_complains_of_no_process_that_ended_in_order() {
    for (end, complaints) in [(End::InOrder, 0), (End::Unknown, 1)] {
        let (mut made, heard) = (Made::new(), Heard::default());
        made.page(0, 1, &[1], 0);
        made.ended(end);
        let mut replay = replay(&made, heard.complaints());
        let (mut lines, mut batch) = (lines(), Batch::default());
        while replay.fill(&mut lines, &mut batch) == Next::Batch {
            batch.clear();
        }
        assert_eq!(replay.recovered(), 1);
        assert_eq!(heard.all().len(), complaints, "{:?}", heard.all());
    }
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
fn what_concerns_no_sink_in_particular_is_said_once_for_all_of_them() {
    let mut made = Made::new();
    made.page(0, 1, &[1], 0);
    let other_version = made.path.with_file_name("2-000000000000000b.pages");
    fs::copy(&made.path, &other_version).unwrap();
    made.put(8, &u32::MAX.to_ne_bytes());
    let heard = Heard::default();
    let logs = ["a", "b", "c"].map(|name| made.log.with_file_name(name));
    let logs = [&logs[..], std::slice::from_ref(&made.log)].concat();
    let scan = scan(&made, &logs, heard.complaints());
    let mut recovered = 0;
    for log in &logs {
        let mut replay = Replay::new(log, Arc::clone(&scan), heard.complaints());
        let mut batch = Batch::default();
        while replay.fill(&mut lines(), &mut batch) == Next::Batch {
            batch.clear();
        }
        recovered += replay.recovered();
    }
    assert_eq!(recovered, 1);
    let said = heard.all();
    let of_version = said.iter().filter(|said| said.contains("another version"));
    assert_eq!(of_version.count(), 1, "{said:?}");
}

#[test]
fn what_no_start_takes_up_is_said_after_a_while_and_kept() {
    for (age, is_said) in [(Duration::ZERO, false), (Duration::from_secs(3_700), true)] {
        let mut made = Made::new();
        made.page(0, 1, &[1], 0);
        made.was_alive_at(SystemTime::now() - age);
        let heard = Heard::default();
        let other = made.log.with_file_name("other.jsonl");
        let scan = scan(&made, std::slice::from_ref(&other), heard.complaints());
        let mut replay = Replay::new(&other, scan, heard.complaints());
        assert_eq!(
            replay.fill(&mut lines(), &mut Batch::default()),
            Next::Nothing
        );
        let said = heard.all();
        assert_eq!(said.len(), usize::from(is_said), "{said:?}");
        assert!(
            said.iter().all(|said| said.contains("offloop recover")),
            "{said:?}"
        );
        assert!(made.path.exists());
    }
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
