//! A program of few steps, and every single call of it fails.

use std::time::Duration;

use super::programs::{CALLS, FLAWS};
use super::world::{Settings, World};
use crate::drain::sync::SyncPolicy;
use crate::sink::file::faults::{self, Call, Fault, Flaw};
use crate::sink::{Every, RotationRules, Schedule, Zone};

/// How long a step tries.
const PATIENCE: Duration = Duration::from_millis(30);

#[test]
fn no_call_that_fails_costs_a_record_a_line_or_the_log() {
    let mut points = 0;
    for call in CALLS {
        for flaw in FLAWS.into_iter().filter(|flaw| flaw.may_be_of(call)) {
            points += fail_each(call, flaw, 1);
            if flaw.may_last() {
                points += fail_each(call, flaw, u32::MAX);
            }
        }
    }
    // Nobody has taken the calls away.
    assert!(500 < points, "{points}");
}

/// Has the first call of that kind fail, then the second, until the program makes no more of them.
/// Says how many there were.
fn fail_each(call: Call, flaw: Flaw, times: u32) -> u32 {
    for after in 0.. {
        let fault = Fault {
            call,
            flaw,
            after,
            times,
        };
        let outcome = run(fault);
        assert!(outcome.is_ok(), "{fault:?}: {}", outcome.unwrap_err());
        if faults::fired(call) == 0 {
            return after;
        }
    }
    0
}

fn run(fault: Fault) -> Result<(), String> {
    let mut world = World::new(&Settings {
        lanes: 2,
        budget_bytes: 1 << 20,
        rotation: RotationRules {
            schedule: Some(Schedule {
                every: Every::Hour,
                zone: Zone::Utc,
            }),
            bytes_max: Some(1_500),
            at_start: false,
        },
        sync: SyncPolicy::Every(Duration::from_secs(1)),
    });
    faults::plan(fault);
    write_and_sync(&mut world)?;
    // Ends by time, then on request.
    world.time.advance(Duration::from_secs(3_600));
    world.log(1, 1);
    world.flush(PATIENCE);
    world.rotate();
    world.flush(PATIENCE);
    world.files.rename_active(1);
    write_and_sync(&mut world)?;
    world.plan.control.ask_to_reopen();
    world.write_as_other();
    world.flush(PATIENCE);
    world.end()
}

/// Enough for the file to end by its size.
fn write_and_sync(world: &mut World) -> Result<(), String> {
    world.log(0, 2);
    world.flush(PATIENCE);
    world.tear();
    world.log(1, 30);
    world.flush(PATIENCE);
    world.flush_durably(PATIENCE).map(drop)
}
