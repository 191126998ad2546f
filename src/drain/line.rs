//! One record becomes one line of a batch.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::Level;

use super::batch::Batch;
use super::clock::Clock;
use super::merge::Source;
use super::notice;
use crate::audit;
use crate::capture::buffer::Buffer;
use crate::capture::callsite::Callsites;
use crate::capture::record::{self, Record, ThreadLabel};
use crate::channel::page::Frame;
use crate::channel::ticks;
use crate::filter::SinkFilter;
use crate::format::LineFormat;
use crate::format::timestamp::Timestamps;
use crate::redaction::{Cleaner, Redactor};
use crate::stats::SinkCounters;

/// Decodes, filters and formats for one sink.
pub(crate) struct LineWriter {
    pub(crate) clock: Clock,
    content: Content,
    format: Box<dyn LineFormat>,
    filter: SinkFilter,
    callsites: Callsites,
    cleaner: Cleaner,
    scratch: Buffer,
}

/// What the pages hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Content {
    /// Records of events.
    Records,
    /// Bytes that are lines already.
    Lines,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Line,
    Filtered,
    Unreadable,
}

impl LineWriter {
    pub(crate) fn new(content: Content, format: Box<dyn LineFormat>, filter: SinkFilter) -> Self {
        let (callsites, scratch) = (Callsites::default(), Buffer::new());
        LineWriter {
            clock: Clock::new(),
            content,
            format,
            filter,
            callsites,
            cleaner: Cleaner::new(Arc::new(Redactor::none())),
            scratch,
        }
    }

    /// Writes otherwise from now on. Lines that are numbered go on with the next number.
    pub(super) fn change(
        &mut self,
        mut format: Box<dyn LineFormat>,
        filter: SinkFilter,
        redactor: Arc<Redactor>,
    ) {
        self.cleaner = Cleaner::new(redactor);
        format.go_on_after(self.format.lines());
        self.format = format;
        self.filter = filter;
    }

    /// Whether the sink wants records of this target and level.
    pub(super) fn wants_of(&self, target: &str, level: Level) -> bool {
        self.filter.would_want(target, level)
    }

    /// How many lines were numbered so far.
    pub(super) fn lines(&self) -> u64 {
        self.format.lines()
    }

    /// Lines are numbered from the next one on.
    pub(super) fn go_on_after(&mut self, lines: u64) {
        self.format.go_on_after(lines);
    }

    /// Keeps secrets out of the lines.
    pub(crate) fn redacting(mut self, redactor: Arc<Redactor>) -> Self {
        self.cleaner = Cleaner::new(redactor);
        self
    }

    /// Appends the line of a record to `batch`, if the sink wants it. Says whether to go on.
    #[inline]
    pub(crate) fn write(
        &mut self,
        frame: &Frame<'_>,
        source: &mut Source,
        batch: &mut Batch,
        counters: &SinkCounters,
    ) -> ControlFlow<()> {
        let bytes = frame.record();
        if self.content == Content::Lines {
            batch.push(Some(frame.level), frame.ticks, |lines| {
                lines.extend_from_slice(bytes)
            });
            return flow(batch);
        }
        let time_ns = match record::own_ticks(bytes) {
            Some(ticks) => self.clock.wall_ns(ticks),
            None => source.date(self.clock.wall_ns(frame.ticks)),
        };
        let record = Record::decode(bytes, time_ns, &source.thread, &self.callsites);
        let Some(mut record) = record else {
            self.write_unreadable(frame, batch);
            return flow(batch);
        };
        if !self.filter.wants(&record, &self.callsites) {
            counters.count_filtered(frame.level);
            if audit::is_record(&record.callsite.facts) {
                counters.count_audit_left_out();
            }
            return ControlFlow::Continue(());
        }
        let is_clean =
            self.cleaner.is_idle() || frame.is_passed(|bytes| self.cleaner.clear_bytes(bytes));
        if !is_clean && let Some(clean) = self.cleaner.clean(bytes, &record, &self.callsites) {
            let clean = Record::decode(clean, time_ns, &source.thread, &self.callsites);
            let Some(clean) = clean else {
                self.write_unreadable(frame, batch);
                return flow(batch);
            };
            record = clean;
        }
        let (format, callsites) = (&mut *self.format, &self.callsites);
        batch.push(Some(frame.level), frame.ticks, |lines| {
            push_line(format, &record, (callsites, callsites), lines);
        });
        flow(batch)
    }

    /// Appends the line of a record that another process left behind, if the sink wants it.
    pub(crate) fn write_recovered(
        &mut self,
        bytes: &[u8],
        time_ns: i64,
        thread: &ThreadLabel,
        callsites: &Callsites,
        batch: &mut Batch,
    ) -> Written {
        let Some(mut record) = Record::decode(bytes, time_ns, thread, callsites) else {
            return Written::Unreadable;
        };
        if !self.filter.wants(&record, callsites) {
            return Written::Filtered;
        }
        if let Some(clean) = self.cleaner.clean(bytes, &record, callsites) {
            let Some(clean) = Record::decode(clean, time_ns, thread, callsites) else {
                return Written::Unreadable;
            };
            record = clean;
        }
        record.is_recovered = true;
        // Neither counted nor timed: it was accepted by another process.
        let (format, own) = (&mut *self.format, &self.callsites);
        batch.push(None, ticks::now(), |lines| {
            push_line(format, &record, (callsites, own), lines);
        });
        Written::Line
    }

    /// Appends a line of the pipeline's own.
    pub(crate) fn write_notice(
        &mut self,
        ticks: u64,
        batch: &mut Batch,
        encode: impl FnOnce(&mut Buffer),
    ) {
        if self.filter.wants_requests_alone() {
            // A web server's access log has no place for it; it is reported elsewhere, too.
            return;
        }
        self.push_notice(None, ticks, batch, encode);
    }

    /// A wall-clock time as notices write it.
    pub(crate) fn timestamp(&self, ticks: u64) -> String {
        time_text(self.clock.wall_ns(ticks))
    }

    /// A record that is none: it is counted as any other, and its line says so.
    #[cold]
    fn write_unreadable(&mut self, frame: &Frame<'_>, batch: &mut Batch) {
        self.push_notice(Some(frame.level), frame.ticks, batch, |record| {
            notice::unreadable(record, "damaged in memory");
        });
    }

    fn push_notice(
        &mut self,
        level: Option<u8>,
        ticks: u64,
        batch: &mut Batch,
        encode: impl FnOnce(&mut Buffer),
    ) {
        let mut bytes = std::mem::take(&mut self.scratch);
        encode(&mut bytes);
        let thread = ThreadLabel::default();
        let time_ns = self.clock.wall_ns(ticks);
        let own = |bytes| Record::decode(bytes, time_ns, &thread, &self.callsites);
        let record = own(bytes.as_slice()).and_then(|record| {
            match self
                .cleaner
                .clean(bytes.as_slice(), &record, &self.callsites)
            {
                Some(clean) => own(clean),
                None => Some(record),
            }
        });
        if let Some(record) = record {
            let (format, callsites) = (&mut *self.format, &self.callsites);
            batch.push(level, ticks, |lines| {
                push_line(format, &record, (callsites, callsites), lines);
            });
        }
        self.scratch = bytes;
    }
}

/// A time, in nanoseconds since the Unix epoch, as notices write it.
pub(crate) fn time_text(time_ns: i64) -> String {
    let mut timestamps = Timestamps::default();
    String::from_utf8_lossy(timestamps.text(time_ns, 0)).into_owned()
}

/// Whether the batch has room for more.
fn flow(batch: &Batch) -> ControlFlow<()> {
    if batch.is_full() {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// Writes the line of a record, or one that stands for it: it is looked up among the callsites of the
/// process that logged it, and what stands for it among this one's.
fn push_line(
    format: &mut dyn LineFormat,
    record: &Record<'_>,
    (callsites, own): (&Callsites, &Callsites),
    lines: &mut Vec<u8>,
) {
    if !format_safely(format, record, callsites, lines) {
        push_stand_in(format, record, own, lines);
    }
}

/// A formatter that panics costs the text of one record, not the writer. Says no if it did; then there
/// is no line, and its number is that of the next one.
fn format_safely(
    format: &mut dyn LineFormat,
    record: &Record<'_>,
    callsites: &Callsites,
    lines: &mut Vec<u8>,
) -> bool {
    let (start, before) = (lines.len(), format.lines());
    let outcome = catch_unwind(AssertUnwindSafe(|| format.format(record, callsites, lines)));
    if outcome.is_err() {
        lines.truncate(start);
        format.go_on_after(before);
    }
    outcome.is_ok()
}

/// Says in the format's own way that a record is missing, so that its reader goes on reading.
#[cold]
fn push_stand_in(
    format: &mut dyn LineFormat,
    record: &Record<'_>,
    callsites: &Callsites,
    lines: &mut Vec<u8>,
) {
    let mut bytes = Buffer::new();
    notice::unreadable(&mut bytes, "the formatter panicked");
    let thread = ThreadLabel::default();
    let stand_in = Record::decode(bytes.as_slice(), record.time_ns, &thread, callsites);
    let is_written = stand_in.is_some_and(|mut stand_in| {
        stand_in.is_recovered = record.is_recovered;
        format_safely(format, &stand_in, callsites, lines)
    });
    if !is_written {
        // Nothing is known of a format that cannot even do that.
        lines.extend_from_slice(b"record could not be formatted\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::sample::{Sample, message, str_field};
    use crate::channel::page::{IdlePage, PageReader};
    use crate::config::{Format, Redaction};

    const PAGE_BYTES: usize = 64 << 10;

    /// The lines of all records of a page.
    fn lines_of(page: PageReader) -> Vec<String> {
        lines_in(crate::format::make(&Format::json()), page)
    }

    fn lines_in(format: Box<dyn LineFormat>, mut page: PageReader) -> Vec<String> {
        let redactor = Redactor::new(&Redaction::default()).unwrap();
        let mut writer = LineWriter::new(Content::Records, format, SinkFilter::default())
            .redacting(Arc::new(redactor));
        let mut source = Source {
            thread: Arc::default(),
            latest_ns: i64::MIN,
        };
        let (mut batch, counters) = (Batch::default(), SinkCounters::new(1));
        while let Some(frame) = page.next() {
            let _ = writer.write(&frame, &mut source, &mut batch, &counters);
            let len = frame.record().len();
            page.advance(len);
        }
        let text = String::from_utf8(batch.lines().to_vec()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_secret_is_kept_out_wherever_in_a_page_its_record_lies() {
        let secrets = [
            "card 4111 1111 1111 1111",
            "Bearer abc123def456",
            concat!("sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"),
        ];
        let mut pages = Vec::new();
        let writer = &mut IdlePage::new(PAGE_BYTES).open(1, |page| pages.push(page));
        let mut count = 0;
        loop {
            let text = match count % 7 {
                3 => secrets[count % secrets.len()].to_owned(),
                // Of many lengths, so that texts begin and end anywhere.
                _ => "harmless 123 ".repeat(count % 40),
            };
            let sample = Sample::new(vec![message("one of many"), str_field("text", &text)]);
            if !writer.append(2, count as u64, &sample.encode()) {
                break;
            }
            count += 1;
        }
        let lines = lines_of(pages.remove(0));
        assert_eq!(lines.len(), count);
        assert!(100 < count);
        for (number, line) in lines.iter().enumerate() {
            assert_eq!(line.contains("[redacted]"), number % 7 == 3, "{line}");
            // Not the time before it, in which any digits may stand.
            let (_, text) = line.split_once("one of many").unwrap();
            assert!(!text.contains("1111") && !text.contains("abc123"), "{line}");
            assert!(!text.contains("sk_live"), "{line}");
        }
    }

    /// A format with a flaw: it panics in the midst of every other line.
    struct Flawed {
        format: Box<dyn LineFormat>,
        is_next: bool,
    }

    impl LineFormat for Flawed {
        fn format(&mut self, record: &Record<'_>, callsites: &Callsites, lines: &mut Vec<u8>) {
            self.format.format(record, callsites, lines);
            self.is_next = !self.is_next;
            assert!(!self.is_next, "this panic is part of the test");
        }

        fn lines(&self) -> u64 {
            self.format.lines()
        }

        fn go_on_after(&mut self, lines: u64) {
            self.format.go_on_after(lines);
        }

        fn push_marked(&self, line: &[u8], lines: &mut Vec<u8>) {
            self.format.push_marked(line, lines);
        }
    }

    #[test]
    fn a_record_whose_format_panics_leaves_a_line_of_that_format_with_the_next_number() {
        for (format, line) in [
            (
                Format::json(),
                r#""message":"record could not be formatted""#,
            ),
            (Format::logfmt(), r#"msg="record could not be formatted""#),
            (Format::text(), "record could not be formatted"),
        ] {
            let numbered = crate::format::make(&format.with_sequence());
            let flawed = Flawed {
                format: numbered,
                is_next: false,
            };
            let mut pages = Vec::new();
            let page = &mut IdlePage::new(PAGE_BYTES).open(1, |page| pages.push(page));
            for ticks in 1..=3 {
                let sample = Sample::new(vec![message("of which nothing may be left")]);
                assert!(page.append(2, ticks, &sample.encode()));
            }
            let lines = lines_in(Box::new(flawed), pages.remove(0));
            assert_eq!(lines.len(), 3);
            for (number, text) in (1..).zip(&lines) {
                assert!(text.contains(line), "{text}");
                assert!(!text.contains("nothing may be left"), "{text}");
                assert!(text.contains(&number.to_string()), "{text}");
            }
        }
    }
}
