//! What the pipeline itself has to say in the log: records lost, a sink that failed and came back.
//!
//! Notices are ordinary records with the target `offloop`, so that every format writes them in its
//! own way, and whoever reads the log finds them with the tools that he has.

use std::time::Duration;

use tracing::callsite::{Callsite, Identifier};
use tracing::field::FieldSet;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};

use crate::capture::buffer::Buffer;
use crate::capture::record::{Encoder, Name};
use crate::channel::arena::layout::End;
use crate::channel::overflow::{LossCounters, LossReason, LossTable, level_index};
use crate::channel::sync::Instant;
use crate::config::Changes;
use crate::drain::SinkState;
use crate::drain::line::Content;
use crate::filter::LimitedOrigin;
use crate::pipeline::Pipeline;

/// Losses that go on are reported at most this often.
const REPORT_PAUSE: Duration = Duration::from_secs(1);

/// What one sink has reported of the records lost on the way to it.
#[derive(Debug, Default)]
pub(crate) struct LossReport {
    reported: LossTable,
    reported_at: Option<Instant>,
    /// How many there were at the last look.
    seen: u64,
}

/// The losses since the last report: how many, and between when and when.
pub(crate) struct LossNews {
    pub(crate) table: LossTable,
    pub(crate) first_ticks: u64,
    pub(crate) last_ticks: u64,
}

impl LossReport {
    /// What there is to report to `reader`. Losses that go on are summed up, but for the last time.
    pub(crate) fn news<'c, I>(
        &mut self,
        losses: impl Fn() -> I,
        reader: usize,
        is_last: bool,
    ) -> Option<LossNews>
    where
        I: Iterator<Item = &'c LossCounters>,
    {
        let is_too_soon = self
            .reported_at
            .is_some_and(|at| at.elapsed() < REPORT_PAUSE);
        let seen = losses().map(LossCounters::total).sum();
        if seen == self.seen || (is_too_soon && !is_last) {
            return None;
        }
        self.seen = seen;
        let first = losses().filter_map(|lost| lost.take_first_ticks(reader));
        let first = first.min();
        let last = losses().map(LossCounters::last_ticks).max();
        let last_ticks = last.unwrap_or_default();
        let lost = losses().fold(LossTable::default(), |sum, lost| sum.plus(&lost.snapshot()));
        let table = lost.minus(&self.reported);
        if table.total() == 0 {
            // They were counted in the midst of the last look, and reported with it.
            return None;
        }
        self.reported = lost;
        self.reported_at = Some(Instant::now());
        Some(LossNews {
            table,
            first_ticks: first.unwrap_or(last_ticks),
            last_ticks,
        })
    }
}

static INFO: Metadata<'static> = metadata(Level::INFO);
static WARNING: Metadata<'static> = metadata(Level::WARN);
static ERROR: Metadata<'static> = metadata(Level::ERROR);

struct NoticeCallsite;

static CALLSITE: NoticeCallsite = NoticeCallsite;

impl Callsite for NoticeCallsite {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &WARNING
    }
}

const fn metadata(level: Level) -> Metadata<'static> {
    let fields = FieldSet::new(&["message"], Identifier(&CALLSITE));
    Metadata::new(
        "notice",
        "offloop",
        level,
        None,
        None,
        None,
        fields,
        Kind::EVENT,
    )
}

const LEVEL_NAMES: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

/// Encodes: so many records of each level were lost, why, and between when and when.
pub(crate) fn lost(record: &mut Buffer, table: &LossTable, first: &str, last: &str) {
    let level = if table.counts.iter().any(|levels| levels[4] != 0) {
        &ERROR
    } else {
        &WARNING
    };
    let mut encoder = Encoder::record(record, level, |_| true);
    encoder.str(Name::Index(0), "records lost");
    encoder.u64(Name::Inline("lost"), table.total());
    for (reason, levels) in LossReason::ALL.iter().zip(&table.counts) {
        for (level, count) in LEVEL_NAMES.iter().zip(levels) {
            if *count != 0 {
                let name = format!("lost.{}.{level}", reason.as_str().replace([' ', '/'], "_"));
                encoder.u64(Name::Inline(&name), *count);
            }
        }
    }
    encoder.str(Name::Inline("first"), first);
    encoder.str(Name::Inline("last"), last);
    encoder.finish();
}

/// Encodes: limits left out so many records of a callsite since the last report.
pub(crate) fn suppressed(record: &mut Buffer, count: u64, origin: &LimitedOrigin) {
    let mut encoder = Encoder::record(record, &WARNING, |_| true);
    encoder.str(Name::Index(0), "records suppressed");
    encoder.u64(Name::Inline("suppressed"), count);
    let level = LEVEL_NAMES[usize::from(level_index(origin.level))];
    encoder.str(Name::Inline("callsite.level"), level);
    encoder.str(Name::Inline("callsite.target"), &origin.target);
    if let Some(file) = &origin.file {
        encoder.str(Name::Inline("callsite.file"), file);
    }
    if let Some(line) = origin.line {
        encoder.u64(Name::Inline("callsite.line"), line.into());
    }
    encoder.finish();
}

/// Encodes: the sink did not take records for a while, and takes them again.
pub(crate) fn recovered(record: &mut Buffer, sink: &SinkState, error: &str, failed_ms: u64) {
    let mut encoder = Encoder::record(record, &WARNING, |_| true);
    encoder.str(Name::Index(0), "sink recovered");
    name(&mut encoder, sink);
    encoder.str(Name::Inline("error"), error);
    encoder.u64(Name::Inline("failed_ms"), failed_ms);
    encoder.finish();
}

/// Encodes: nobody can read another sink any more, and what was meant for it is lost.
pub(crate) fn lost_reader(record: &mut Buffer, sink: &SinkState) {
    let mut encoder = Encoder::record(record, &WARNING, |_| true);
    encoder.str(
        Name::Index(0),
        "sink without a reader, its records are lost",
    );
    name(&mut encoder, sink);
    encoder.finish();
}

/// Says which sink it is about, and where that writes.
fn name(encoder: &mut Encoder<'_>, sink: &SinkState) {
    encoder.str(Name::Inline("sink"), &sink.name);
    encoder.str(Name::Inline("sink_destination"), &sink.destination);
}

/// What is said of the records that another process left behind.
#[derive(Debug)]
pub(crate) struct Recovered<'a> {
    pub(crate) records: u64,
    pub(crate) unreadable: u64,
    pub(crate) process: u32,
    pub(crate) program: Option<&'a str>,
    pub(crate) started: &'a str,
    /// The panic that ended the process, if one did.
    pub(crate) panic: Option<&'a str>,
    /// How it ended otherwise.
    pub(crate) end: End,
}

/// Encodes: so many records of a process that died were recovered, and why it died.
pub(crate) fn recovered_records(record: &mut Buffer, recovered: &Recovered<'_>) {
    let level = match (recovered.unreadable, recovered.panic, recovered.end) {
        (0, None, End::InOrder) => &INFO,
        (0, ..) => &WARNING,
        _ => &ERROR,
    };
    let mut encoder = Encoder::record(record, level, |_| true);
    encoder.str(Name::Index(0), "records recovered");
    encoder.u64(Name::Inline("records"), recovered.records);
    encoder.u64(Name::Inline("unreadable"), recovered.unreadable);
    encoder.u64(Name::Inline("process"), recovered.process.into());
    if let Some(program) = recovered.program {
        encoder.str(Name::Inline("program"), program);
    }
    encoder.str(Name::Inline("started"), recovered.started);
    let ended = match (recovered.panic, recovered.end) {
        (Some(_), _) => "panic",
        (None, End::Unknown) => "killed, or aborted",
        (None, End::InOrder) => "in order, while threads were logging",
        (None, End::OutOfTime) => "in order, before all was written",
    };
    encoder.str(Name::Inline("ended"), ended);
    if let Some(panic) = recovered.panic {
        encoder.str(Name::Inline("panic"), panic);
    }
    encoder.finish();
}

/// Encodes: a sync failed, and so many lines that may be lost follow once more.
pub(crate) fn sync_failed(record: &mut Buffer, sink: &SinkState, error: &str, lines: u64) {
    let mut encoder = Encoder::record(record, &ERROR, |_| true);
    encoder.str(Name::Index(0), "sync failed");
    name(&mut encoder, sink);
    encoder.str(Name::Inline("error"), error);
    encoder.u64(Name::Inline("lines"), lines);
    encoder.finish();
}

/// Encodes: here end the lines that were written once more.
pub(crate) fn written_again(record: &mut Buffer, lines: u64) {
    let mut encoder = Encoder::record(record, &WARNING, |_| true);
    encoder.str(Name::Index(0), "end of lines written again");
    encoder.u64(Name::Inline("lines"), lines);
    encoder.finish();
}

/// Encodes: a line stands in for one that could not be formatted.
pub(crate) fn unreadable(record: &mut Buffer, why: &str) {
    let mut encoder = Encoder::record(record, &ERROR, |_| true);
    encoder.str(Name::Index(0), "record could not be formatted");
    encoder.str(Name::Inline("reason"), why);
    encoder.finish();
}

/// Has it in the log that the pipeline goes on otherwise, and in what.
pub(crate) fn say_reloaded(pipeline: &Pipeline, changes: &Changes) {
    say(pipeline, &INFO, |encoder| {
        encoder.str(Name::Index(0), "configuration reloaded");
        encoder.u64(Name::Inline("changes"), changes.len() as u64);
        for change in changes {
            let setting = change.setting();
            let both = [("before", change.before()), ("after", change.after())];
            for (when, value) in both {
                if let Some(value) = value {
                    encoder.str(Name::Inline(&format!("{setting}.{when}")), value);
                }
            }
        }
    });
}

/// The same for a change that could not be made.
pub(crate) fn say_refused(pipeline: &Pipeline, error: &str) {
    say(pipeline, &WARNING, |encoder| {
        encoder.str(
            Name::Index(0),
            "configuration not reloaded, nothing has changed",
        );
        encoder.str(Name::Inline("error"), error);
    });
}

/// The same for a change that was made, but without the thread that would look for later ones.
pub(crate) fn say_unfollowed(pipeline: &Pipeline, error: &str) {
    say(pipeline, &WARNING, |encoder| {
        encoder.str(
            Name::Index(0),
            "later changes of the configuration will not be noticed",
        );
        encoder.str(Name::Inline("error"), error);
    });
}

/// The same for directives that lie on top for a time, or do so no longer.
pub(crate) fn say_raised(pipeline: &Pipeline, directives: &str, at_most: Option<Duration>) {
    say(pipeline, &INFO, |encoder| {
        let message = at_most.map_or("raised level ended", |_| "level raised");
        encoder.str(Name::Index(0), message);
        encoder.str(Name::Inline("directives"), directives);
        if let Some(at_most) = at_most {
            encoder.f64(Name::Inline("seconds"), at_most.as_secs_f64());
        }
    });
}

/// Hands over a record as log calls do: it comes in order with theirs, and to the sinks that want it.
fn say(
    pipeline: &Pipeline,
    metadata: &'static Metadata<'static>,
    write: impl FnOnce(&mut Encoder<'_>),
) {
    if pipeline.content() == Content::Lines {
        return;
    }
    let mut record = Buffer::new();
    let mut encoder = Encoder::record(&mut record, metadata, |_| true);
    write(&mut encoder);
    encoder.finish();
    pipeline.push(level_index(*metadata.level()), record.as_slice());
}
