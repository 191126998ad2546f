//! A door to the formats for fuzzers, which no program has: it is there where all of a build is
//! instrumented.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use tracing::Level;

use crate::capture::callsite::{Callsite, Callsites, Facts};
use crate::capture::record::{Record, ThreadLabel};
use crate::config::{Colour, Format, Part, SpanStyle};
use crate::format;
use crate::format::shapes::{json_shapes, other_shapes};
use crate::request;

/// What there is to be written, as `capture/record` has it, but for the address of the callsite, in
/// place of which stands one byte.
const HEADER: [u8; 7] = [0; 7];

/// The lines that a format, chosen by the first byte, makes of a record, and the format. `None` where
/// the bytes are no record.
#[must_use]
pub fn lines(input: &[u8]) -> Option<(Format, Vec<u8>)> {
    let (choice, record) = input.split_first()?;
    let (callsite, rest) = record.split_first()?;
    let bytes = [&[callsite % CALLSITES], &HEADER[..], rest].concat();
    static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(formats);
    static CALLSITES_TOLD: LazyLock<Arc<HashMap<u64, Callsite>>> = LazyLock::new(callsites);
    let format = FORMATS.get(usize::from(*choice) % FORMATS.len())?;
    let callsites = Callsites::Told(Arc::clone(&CALLSITES_TOLD));
    let thread = ThreadLabel::default();
    let mut lines = Vec::new();
    let mut writer = format::make(format);
    let record = Record::decode(&bytes, i64::from(*choice), &thread, &callsites)?;
    // Twice, since what is kept of the first is used for the second.
    for _ in 0..2 {
        writer.format(&record, &callsites, &mut lines);
    }
    Some((format.clone(), lines))
}

/// How many callsites there are to choose from.
const CALLSITES: u8 = 5;

fn callsites() -> Arc<HashMap<u64, Callsite>> {
    let facts = |is_event, target: &str, name: &str, fields: &[&str]| Facts {
        is_event,
        level: Level::INFO,
        target: target.into(),
        name: name.into(),
        file: Some("src/app.rs".into()),
        line: Some(12),
        fields: fields.iter().map(|field| (*field).into()).collect(),
    };
    let facts: [Facts; CALLSITES as usize] = [
        facts(
            true,
            "app",
            "event",
            &["message", "user", "trace_id", "error"],
        ),
        facts(false, "app", "span", &["message", "name", "level", "a b"]),
        facts(
            true,
            "log",
            "log",
            &["message", "log.target", "log.file", "log.line"],
        ),
        facts(
            true,
            request::TARGET,
            "request",
            &["url.path", "duration_ms", "span_id"],
        ),
        facts(
            false,
            request::TARGET,
            "request",
            &["request_id", "trace_id", "span_id"],
        ),
    ];
    let callsites = (0..).zip(facts.map(Callsite::told));
    Arc::new(callsites.collect())
}

fn formats() -> Vec<Format> {
    let json = Format::json;
    let mut formats = vec![
        json().spans(SpanStyle::List).key("user", "level"),
        json()
            .spans(SpanStyle::Nested)
            .order([Part::Message, Part::Fields]),
        json().spans(SpanStyle::None),
        Format::pretty(),
        Format::common_log(),
        Format::combined_log(),
    ];
    let of_one_line = json_shapes().into_iter().chain(other_shapes());
    formats.extend(of_one_line.map(|(_, format)| format));
    let detailed = formats.iter().cloned().map(|format| {
        let format = format.with_thread().with_location().with_sequence();
        format.field("service", "api").colour(Colour::Never)
    });
    let detailed: Vec<_> = detailed.collect();
    formats.extend(detailed);
    formats
}
