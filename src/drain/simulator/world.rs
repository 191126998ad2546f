//! One pipeline with one file, and what else there is: others who write to it, people who move it.

use std::fs::OpenOptions;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::check::{self, Durables, TORN, line_of, other_line};
use super::files::Files;
use crate::channel::Channel;
use crate::channel::lane::Lane;
use crate::channel::overflow::Overflow;
use crate::channel::sync::Instant;
use crate::channel::sync::simulated::Simulated;
use crate::complaint::Complaints;
use crate::config::Format;
use crate::deadline;
use crate::drain::line::{Content, LineWriter};
use crate::drain::sync::SyncPolicy;
use crate::drain::worker::{Common, Worker};
use crate::drain::{Drain, SinkState};
use crate::filter::SinkFilter;
use crate::format;
use crate::sink::file::faults;
use crate::sink::{FilePlan, RotationRules, Sink, Target};
use crate::stats::{self, Stats};

/// How long the writer's thread would sleep between two looks.
const DELAY: Duration = Duration::from_millis(5);

/// How soon everything works again after a failure has ended.
const RECOVERY_MAX: Duration = Duration::from_secs(1);

/// Longer than the disk is left alone after failed syncs.
const SYNC_PAUSE: Duration = Duration::from_secs(11);

const INFO: u8 = 2;

/// What a world begins with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) lanes: usize,
    pub(super) budget_bytes: usize,
    pub(super) rotation: RotationRules,
    pub(super) sync: SyncPolicy,
}

pub(super) struct World {
    pub(super) files: Files,
    pub(super) time: Simulated,
    pub(super) plan: FilePlan,
    /// How many records were logged through each lane.
    pub(super) logged: Vec<u32>,
    pub(super) complaints: Arc<Mutex<Vec<String>>>,
    /// Whether the sink was ever seen to fail.
    pub(super) has_failed: bool,
    /// How many lines of another process are in the files.
    pub(super) others: u32,
    pub(super) durables: Durables,
    /// What was logged before the last sync that failed, if it is not written again.
    doubtful: Vec<u32>,
    keeps_lines: bool,
    syncs_failed: u64,
    lanes: Vec<Lane>,
    channel: Arc<Channel>,
    drain: Drain,
    other: Box<dyn Sink>,
    _directory: TempDir,
}

impl World {
    pub(super) fn new(settings: &Settings) -> World {
        faults::renew();
        let directory = directory();
        let files = Files::new(directory.path());
        let time = Simulated::begin(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let mut plan = FilePlan::new(files.active());
        plan.rotation = settings.rotation.clone();
        let mut other = plan.clone();
        other.control = Default::default();
        let mut target = Target::File(plan.clone());
        let sink = target.open().unwrap();
        let channel = Channel::new(settings.budget_bytes, Overflow::DropNewest, 1);
        let channel = Arc::new(channel);
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let drain = drain(&channel, sink, settings.sync, &complaints);
        let lane = || Lane::new(Arc::clone(&channel), Arc::default());
        let mut world = World {
            files,
            time,
            plan,
            logged: vec![0; settings.lanes],
            complaints,
            has_failed: false,
            others: 0,
            durables: Durables::default(),
            doubtful: vec![0; settings.lanes],
            keeps_lines: settings.sync != SyncPolicy::Never,
            syncs_failed: 0,
            lanes: std::iter::repeat_with(lane).take(settings.lanes).collect(),
            channel,
            drain,
            other: Target::File(other).open().unwrap(),
            _directory: directory,
        };
        world.look();
        world
    }

    pub(super) fn log(&mut self, lane: usize, records: u32) {
        for _ in 0..records {
            let line = line_of(lane, self.logged[lane]);
            self.logged[lane] += 1;
            self.lanes[lane].push(INFO, line.as_bytes());
        }
    }

    pub(super) fn stats(&self) -> Stats {
        stats::take(&self.channel, self.drain.sinks())
    }

    /// The writer's thread looks around once.
    pub(super) fn run_writer(&mut self) {
        {
            let mut parked = super::super::lock(&self.drain.parked[0]);
            let worker = parked.as_mut().unwrap();
            if faults::is_lasting() {
                // It would try for ever.
                worker.run_until(deadline::after(DELAY));
            } else {
                worker.round();
            }
        }
        self.look();
    }

    fn look(&mut self) {
        let stats = &self.stats().sinks[0];
        self.has_failed |= stats.is_failing;
        if self.syncs_failed < stats.syncs_failed && !self.keeps_lines {
            self.doubtful.clone_from(&self.logged);
        }
        self.syncs_failed = stats.syncs_failed;
        self.files.look();
    }

    /// Has the writer look around until what was asked is done, or time runs out.
    fn wait<F: Future + Unpin>(&mut self, mut asked: F, at_most: Duration) -> Option<F::Output> {
        let end = Instant::now() + at_most;
        let mut context = Context::from_waker(Waker::noop());
        loop {
            self.time.advance(DELAY);
            self.run_writer();
            if let Poll::Ready(done) = Pin::new(&mut asked).poll(&mut context) {
                return Some(done);
            }
            if end <= Instant::now() {
                return None;
            }
        }
    }

    /// Says whether everything was written in time.
    pub(super) fn flush(&mut self, at_most: Duration) -> bool {
        let asked = self.drain.flush();
        self.wait(asked, at_most).is_some()
    }

    /// The same for the disk. Checks that it holds, should the answer be yes.
    pub(super) fn flush_durably(&mut self, at_most: Duration) -> Result<bool, String> {
        let logged = self.logged.clone();
        let asked = self.drain.flush_durable(std::iter::empty());
        let is_durable = self.wait(asked, at_most) == Some(Ok(()));
        if is_durable {
            self.durables.acknowledge(&self.doubtful, &logged);
            self.durables.check(&self.files, self.stats().lost())?;
        }
        Ok(is_durable)
    }

    pub(super) fn rotate(&mut self) {
        self.plan.control.ask_to_rotate(Drain::ticket());
    }

    /// Another process writes a line.
    pub(super) fn write_as_other(&mut self) {
        let line = other_line(self.others);
        if self.other.write(line.as_bytes()).is_ok() {
            self.others += 1;
        }
        self.look();
    }

    /// Somebody who knows of no rules writes the beginning of a line.
    pub(super) fn tear(&mut self) {
        let active = OpenOptions::new().append(true).open(self.files.active());
        if let Ok(mut active) = active {
            active.write_all(TORN.as_bytes()).unwrap();
        }
    }

    /// Everything works again: checks that the pipeline does, too, ends it, and checks what is left.
    pub(super) fn end(mut self) -> Result<(), String> {
        faults::heal();
        if !self.flush(RECOVERY_MAX) {
            return Err("I10: what waited is not written soon after the fault has ended".into());
        }
        self.log(0, 1);
        if !self.flush(RECOVERY_MAX) {
            return Err("I10: a fresh record is not written soon".into());
        }
        self.time.advance(SYNC_PAUSE);
        // The first may have to tell of a file that could not be synced when it was left.
        if !self.flush_durably(RECOVERY_MAX)? {
            self.time.advance(SYNC_PAUSE);
            if !self.flush_durably(RECOVERY_MAX)? {
                return Err("I10: a sync does not succeed after the fault has ended".into());
            }
        }
        let stop = self.drain.stop();
        if self
            .drain
            .finish(stop, deadline::after(RECOVERY_MAX))
            .is_none()
        {
            return Err("I8: the shutdown does not come to an end".into());
        }
        // A record that comes after that is written by its caller.
        self.log(0, 1);
        if !self.drain.flush_until(deadline::after(RECOVERY_MAX)) {
            return Err("I8: a late record is not written".into());
        }
        self.look();
        check::everything(&self)
    }
}

/// In memory where the system has some for that.
fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn drain(
    channel: &Arc<Channel>,
    sink: Box<dyn Sink>,
    sync: SyncPolicy,
    complaints: &Arc<Mutex<Vec<String>>>,
) -> Drain {
    let inlet = Arc::clone(&channel.inlets()[0]);
    let (name, destination) = ("main".to_owned(), "simulated files".to_owned());
    let states: Arc<[SinkState]> = [SinkState::new(name, destination, inlet, 1)].into();
    let heard = Arc::clone(complaints);
    let complain = move |text: &str| heard.lock().unwrap().push(text.to_owned());
    let format = format::make(&Format::json());
    let complaints = Complaints::to(Arc::new(complain));
    let worker = Worker::new(
        Common::new(channel, &states, complaints.clone()),
        0,
        Some(sink),
        LineWriter::new(Content::Lines, format, SinkFilter::default()),
        complaints,
    );
    Drain::new(Arc::clone(channel), states, vec![worker.syncing(sync)])
}
