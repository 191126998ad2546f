//! Taking stock: what waits is the difference of what others have counted.

use super::{Counts, CrashSafety, Lost, SinkStats, Stats};
use crate::channel::Channel;
use crate::channel::overflow::LossTable;
use crate::drain::SinkState;

/// Takes stock of a pipeline.
pub(crate) fn take(channel: &Channel, sinks: &[SinkState]) -> Stats {
    // What has ended is read before what has begun: no difference can be negative.
    let mut sinks: Vec<_> = sinks
        .iter()
        .map(|sink| SinkStats {
            name: sink.name.clone(),
            destination: sink.destination.clone(),
            crash_safety: crash_safety(channel, sink),
            ..sink.counters.snapshot()
        })
        .collect();
    let lost_before = lost_in(channel);
    let mut accepted = Counts::default();
    let mut lanes = 0;
    for lane in channel.lanes() {
        lanes += 1;
        accepted
            .0
            .iter_mut()
            .zip(lane.accepted())
            .for_each(|(sum, count)| *sum += count);
    }
    for sink in &mut sinks {
        sink.lost = Lost(sink.lost.0.plus(&lost_before));
        let ended = sink.written.total() + sink.filtered.total() + sink.lost.total();
        sink.waiting = accepted.total().saturating_sub(ended);
        sink.accepted = accepted;
    }
    Stats {
        accepted,
        suppressed: Counts::default(),
        sinks,
        removed: SinkStats::default(),
        used_bytes: channel.pool.used_bytes(),
        lanes: lanes - 1,
    }
}

/// How many records wait for a sink.
pub(crate) fn waiting_for(channel: &Channel, sink: &SinkState) -> u64 {
    // As in `take`.
    let own = sink.counters.snapshot();
    let lost = own.lost.total() + lost_in(channel).total();
    let ended = own.written.total() + own.filtered.total() + lost;
    channel.handed_over().saturating_sub(ended)
}

/// What was lost before it came to any sink.
fn lost_in(channel: &Channel) -> LossTable {
    channel.lanes().fold(LossTable::default(), |sum, lane| {
        sum.plus(&lane.lost.snapshot())
    })
}

fn crash_safety(channel: &Channel, sink: &SinkState) -> CrashSafety {
    match sink.crash_unsafe {
        Some(why) => CrashSafety::Unsafe(why.to_owned()),
        None => channel.arena().safety(),
    }
}
