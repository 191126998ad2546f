//! Programs that nobody would write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rustix::io::Errno;
use tracing::Level;

use super::chance::Chance;
use super::world::{Settings, World};
use crate::channel::sync::wall_clock;
use crate::drain::sync::SyncPolicy;
use crate::sink::file::faults::{self, Call, Fault, Flaw};
use crate::sink::{Every, RotationRules, Schedule, Zone};

/// How many programs are tried, unless the environment says otherwise.
const SEEDS: u64 = 600;
const SEEDS_VARIABLE: &str = "OFFLOOP_SEEDS";

/// The first of them; alone, if this is all that the environment says.
const SEED_VARIABLE: &str = "OFFLOOP_SEED";

const STEPS_MAX: u64 = 60;

pub(super) const CALLS: [Call; 10] = [
    Call::List,
    Call::Lock,
    Call::MakeDirectory,
    Call::Open,
    Call::Read,
    Call::Rename,
    Call::Stat,
    Call::Sync,
    Call::Truncate,
    Call::Write,
];

pub(super) const FLAWS: [Flaw; 9] = [
    Flaw::Error(Errno::IO),
    Flaw::Error(Errno::NOSPC),
    Flaw::Error(Errno::INTR),
    Flaw::Error(Errno::AGAIN),
    Flaw::Error(Errno::DQUOT),
    Flaw::Error(Errno::ROFS),
    Flaw::Error(Errno::MFILE),
    Flaw::Short,
    Flaw::Nothing,
];

#[test]
fn whatever_happens_to_a_log_its_records_are_written_once_and_whole_or_counted() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let first: Option<u64> = number(SEED_VARIABLE);
    let count = number(SEEDS_VARIABLE).unwrap_or(if first.is_some() { 1 } else { SEEDS });
    let first = first.unwrap_or_default();
    for seed in first..first + count {
        let (settings, steps) = program(&mut Chance::new(seed));
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&settings, &steps)));
        let outcome = outcome.unwrap_or_else(|_| Err("I7: panicked".to_owned()));
        assert!(
            outcome.is_ok(),
            "{}\n{settings:#?}\n{steps:#?}\nreplay with {SEED_VARIABLE}={seed}",
            outcome.unwrap_err()
        );
    }
}

/// Something that happens to a log.
#[derive(Clone, Debug)]
enum Step {
    Log { lane: usize, records: u32 },
    RunWriter,
    Flush(Duration),
    FlushDurably(Duration),
    Advance(Duration),
    SetClockForwards(Duration),
    SetClockBack(Duration),
    RestartCounter,
    Fail(Fault),
    Heal,
    Remove,
    Truncate,
    Rename(usize),
    Tear,
    WriteAsOther,
    Rotate,
    Reopen,
}

fn run(settings: &Settings, steps: &[Step]) -> Result<(), String> {
    let mut world = World::new(settings);
    for step in steps {
        step.perform(&mut world)?;
    }
    world.end()
}

impl Step {
    fn perform(&self, world: &mut World) -> Result<(), String> {
        match *self {
            Step::Log { lane, records } => world.log(lane, records),
            Step::RunWriter => world.run_writer(),
            Step::Flush(at_most) => drop(world.flush(at_most)),
            Step::FlushDurably(at_most) => drop(world.flush_durably(at_most)?),
            Step::Advance(time) => world.time.advance(time),
            Step::SetClockForwards(time) => world.time.set_wall(wall_clock() + time),
            Step::SetClockBack(time) => world.time.set_wall(wall_clock() - time),
            Step::RestartCounter => world.time.restart_counter(),
            Step::Fail(fault) => faults::plan(fault),
            Step::Heal => faults::heal(),
            Step::Remove => world.files.remove_active(),
            Step::Truncate => world.files.truncate_active(),
            Step::Rename(number) => world.files.rename_active(number),
            Step::Tear => world.tear(),
            Step::WriteAsOther => world.write_as_other(),
            Step::Rotate => world.rotate(),
            Step::Reopen => world.plan.control.ask_to_reopen(),
        }
        Ok(())
    }
}

fn program(chance: &mut Chance) -> (Settings, Vec<Step>) {
    let settings = settings(chance);
    let count = chance.below(STEPS_MAX);
    let steps = (0..count).map(|_| step(&settings, chance)).collect();
    (settings, steps)
}

fn settings(chance: &mut Chance) -> Settings {
    let every = chance.one_of(&[None, Some(Every::Minute), Some(Every::Hour)]);
    Settings {
        lanes: 1 + chance.below(3) as usize,
        budget_bytes: chance.one_of(&[16 << 10, 256 << 10, 4 << 20]),
        rotation: RotationRules {
            schedule: every.map(|every| Schedule {
                every,
                zone: Zone::Utc,
            }),
            bytes_max: chance.one_of(&[None, Some(200), Some(1_000), Some(20_000)]),
            at_start: chance.once_in(4),
        },
        sync: chance.one_of(&[
            SyncPolicy::Never,
            SyncPolicy::Every(Duration::from_millis(20)),
            SyncPolicy::AtLevel(Level::INFO),
            SyncPolicy::AtLevel(Level::ERROR),
        ]),
    }
}

fn step(settings: &Settings, chance: &mut Chance) -> Step {
    match chance.below(29) {
        0..=6 => Step::Log {
            lane: chance.below(settings.lanes as u64) as usize,
            records: chance.one_of(&[1, 2, 5, 20, 100]),
        },
        // Briefly, so that records are old enough to be written in the next round.
        7..=9 => Step::Advance(Duration::from_millis(1)),
        10 => Step::Advance(some_time(chance, &[100, 11_000, 60_000, 3_600_000])),
        11..=14 => Step::RunWriter,
        15 | 16 => Step::Flush(some_time(chance, &[200])),
        17 | 18 => Step::FlushDurably(some_time(chance, &[200])),
        19 => Step::SetClockForwards(some_time(chance, &[1_000, 60_000, 3_600_000, 200_000_000])),
        20 => Step::SetClockBack(some_time(chance, &[1_000, 60_000, 3_600_000, 200_000_000])),
        21 | 22 => Step::Fail(fault(chance)),
        23 => Step::Heal,
        24 => meddling(chance),
        25 => Step::WriteAsOther,
        26 => Step::Rotate,
        27 => Step::RestartCounter,
        _ => Step::Reopen,
    }
}

fn some_time(chance: &mut Chance, scales_ms: &[u64]) -> Duration {
    let scale_ms = chance.one_of(scales_ms);
    Duration::from_millis(chance.below(scale_ms))
}

fn fault(chance: &mut Chance) -> Fault {
    let flaw = chance.one_of(&FLAWS);
    let call = match flaw {
        Flaw::Short | Flaw::Nothing => Call::Write,
        Flaw::Error(_) if chance.once_in(3) => Call::Write,
        Flaw::Error(_) => chance.one_of(&CALLS),
    };
    let times = chance.one_of(&[1, 2, 5, 30, u32::MAX]);
    Fault {
        call,
        flaw,
        after: chance.below(6) as u32,
        times: if flaw.may_last() {
            times
        } else {
            times.min(30)
        },
    }
}

/// What people do with files.
fn meddling(chance: &mut Chance) -> Step {
    match chance.below(4) {
        0 => Step::Remove,
        1 => Step::Truncate,
        2 => Step::Rename(chance.number() as usize),
        _ => Step::Tear,
    }
}
