//! What a reader of the pages cannot know by itself, one fact after the other.
//!
//! ```text
//! fact     := len:u32 kind:u8 zero:[u8;3] body:[u8;len] padding to 8
//! callsite := number:u64 line:u32 level:u8 is_span:u8 fields:u16
//!             name target module? file? field*          (each a text; `fields` of the last)
//! sink     := place:u32 path format filter?             (the path is bytes, the rest texts)
//! process  := program                                   (as it was called)
//! panic    := message location?
//! rules    := redaction                                 (what is kept out of the log)
//! text     := len:u32 bytes                             (optional: len is NONE where there is none)
//! ```
//!
//! A kind that a reader does not know is passed over. Of a sink, what was said last holds. The same callsite may come twice, and says the
//! same both times.

use tracing::Metadata;

use super::layout::{read_u32, read_u64};
use crate::channel::overflow::level_index;

const FACT_HEADER_BYTES: usize = 8;
const ALIGN: usize = 8;

const CALLSITE: u8 = 1;
const SINK: u8 = 2;
const PROCESS: u8 = 3;
const PANIC: u8 = 4;
const RULES: u8 = 5;

/// Those that are known here.
const KINDS: std::ops::RangeInclusive<u8> = CALLSITE..=RULES;

/// The length of a text that is not there.
const NONE: u32 = u32::MAX;

/// One thing that is good to know.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fact<'a> {
    Callsite(CallsiteFact<'a>),
    Sink(SinkFact<'a>),
    /// How the program was called.
    Process {
        program: &'a str,
    },
    /// A panic that ends the process.
    Panic {
        message: &'a str,
        location: Option<&'a str>,
    },
    /// What is to be kept out of the log, as a [`crate::Redaction`] is written down.
    Rules {
        redaction: &'a str,
    },
}

/// The static part of what one macro writes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CallsiteFact<'a> {
    /// By what records refer to it.
    pub(crate) number: u64,
    /// From 0 for `TRACE` to 4 for `ERROR`.
    pub(crate) level: u8,
    pub(crate) is_span: bool,
    pub(crate) name: &'a str,
    pub(crate) target: &'a str,
    pub(crate) module: Option<&'a str>,
    pub(crate) file: Option<&'a str>,
    pub(crate) line: Option<u32>,
    pub(crate) fields: Texts<'a>,
}

/// A sink that can be written to after the owner's death.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SinkFact<'a> {
    /// Which journal is its own, and which of the slots' `written`.
    pub(crate) place: u32,
    /// Canonical.
    pub(crate) path: &'a [u8],
    /// How its lines look, in words: `json`, `text thread location`.
    pub(crate) format: &'a str,
    /// The directives of its own filter, if it has one.
    pub(crate) filter: Option<&'a str>,
}

/// Texts that lie one behind the other, and were checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Texts<'a> {
    rest: &'a [u8],
    count: u16,
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.count = self.count.checked_sub(1)?;
        take_text(&mut self.rest)?
    }
}

/// Reads facts off the region that holds them, as far as they are whole and sound.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    rest: &'a [u8],
    was_sound: bool,
}

impl<'a> Facts<'a> {
    /// The facts in `bytes`, which is as much of the region as the header calls used.
    pub(crate) fn in_bytes(bytes: &'a [u8]) -> Self {
        Facts {
            rest: bytes,
            was_sound: true,
        }
    }

    /// Whether all of them could be read, now that there are no more.
    pub(crate) fn were_sound(&self) -> bool {
        self.was_sound && self.rest.is_empty()
    }

    fn next_of_any_kind(&mut self) -> Option<(u8, &'a [u8])> {
        let len = read_u32(self.rest, 0)? as usize;
        let kind = *self.rest.get(4)?;
        let end = FACT_HEADER_BYTES.checked_add(len)?;
        let body = self.rest.get(FACT_HEADER_BYTES..end)?;
        self.rest = self
            .rest
            .get(end.next_multiple_of(ALIGN)..)
            .unwrap_or_default();
        Some((kind, body))
    }
}

impl<'a> Iterator for Facts<'a> {
    type Item = Fact<'a>;

    fn next(&mut self) -> Option<Fact<'a>> {
        loop {
            let (kind, body) = self.next_of_any_kind()?;
            if let Some(fact) = parse(kind, body) {
                return Some(fact);
            }
            self.was_sound &= !KINDS.contains(&kind);
        }
    }
}

fn parse(kind: u8, mut body: &[u8]) -> Option<Fact<'_>> {
    let body = &mut body;
    Some(match kind {
        CALLSITE => Fact::Callsite(parse_callsite(body)?),
        SINK => Fact::Sink(SinkFact {
            place: take_u32(body)?,
            path: take_bytes(body)??,
            format: take_text(body)??,
            filter: take_text(body)?,
        }),
        PROCESS => Fact::Process {
            program: take_text(body)??,
        },
        PANIC => Fact::Panic {
            message: take_text(body)??,
            location: take_text(body)?,
        },
        RULES => Fact::Rules {
            redaction: take_text(body)??,
        },
        _ => return None,
    })
}

fn parse_callsite<'a>(body: &mut &'a [u8]) -> Option<CallsiteFact<'a>> {
    let number = take_u64(body)?;
    let line = take_u32(body)?;
    let [level, is_span, low, high] = *take(body, 4)?.first_chunk()?;
    let count = u16::from_ne_bytes([low, high]);
    let callsite = CallsiteFact {
        number,
        level: (level < 5).then_some(level)?,
        is_span: is_span != 0,
        name: take_text(body)??,
        target: take_text(body)??,
        module: take_text(body)?,
        file: take_text(body)?,
        line: (line != NONE).then_some(line),
        fields: Texts { rest: body, count },
    };
    let all_there = callsite.fields.clone().count() == usize::from(count);
    all_there.then_some(callsite)
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    read_u32(take(rest, 4)?, 0)
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    read_u64(take(rest, 8)?, 0)
}

/// `Some(None)` where there is none.
fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    match take_u32(rest)? {
        NONE => Some(None),
        len => take(rest, len as usize).map(Some),
    }
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a str>> {
    match take_bytes(rest)? {
        None => Some(None),
        Some(bytes) => str::from_utf8(bytes).ok().map(Some),
    }
}

/// Writes a callsite to the beginning of `room`, without allocating: an allocator may log.
/// Returns how many bytes it took; `None`, and nothing useful in `room`, where it does not fit.
pub(crate) fn write_callsite(
    room: &mut [u8],
    number: u64,
    metadata: &Metadata<'_>,
) -> Option<usize> {
    let fields = metadata.fields();
    let count = u16::try_from(fields.len()).unwrap_or(u16::MAX);
    write(room, CALLSITE, |body| {
        body.put(&number.to_ne_bytes())?;
        body.put(&metadata.line().unwrap_or(NONE).to_ne_bytes())?;
        body.put(&[level_index(*metadata.level()), metadata.is_span().into()])?;
        body.put(&count.to_ne_bytes())?;
        body.put_text(Some(metadata.name()))?;
        body.put_text(Some(metadata.target()))?;
        body.put_text(metadata.module_path())?;
        body.put_text(metadata.file())?;
        let mut names = fields.iter().take(count.into());
        names.try_for_each(|field| body.put_text(Some(field.name())))
    })
}

/// The same for a fact of any other kind.
pub(crate) fn write_fact(room: &mut [u8], fact: &Fact<'_>) -> Option<usize> {
    match fact {
        Fact::Sink(sink) => write(room, SINK, |body| {
            body.put(&sink.place.to_ne_bytes())?;
            body.put_bytes(Some(sink.path))?;
            body.put_text(Some(sink.format))?;
            body.put_text(sink.filter)
        }),
        Fact::Process { program } => write(room, PROCESS, |body| body.put_text(Some(program))),
        Fact::Panic { message, location } => write(room, PANIC, |body| {
            body.put_text(Some(message))?;
            body.put_text(*location)
        }),
        Fact::Rules { redaction } => write(room, RULES, |body| body.put_text(Some(redaction))),
        Fact::Callsite(_) => None,
    }
}

/// What is put into a room that may be too small.
struct Body<'r> {
    room: &'r mut [u8],
    len: usize,
}

impl Body<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len.checked_add(bytes.len())?;
        self.room.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }

    fn put_bytes(&mut self, bytes: Option<&[u8]>) -> Option<()> {
        let Some(bytes) = bytes else {
            return self.put(&NONE.to_ne_bytes());
        };
        let len = u32::try_from(bytes.len()).ok().filter(|len| *len != NONE)?;
        self.put(&len.to_ne_bytes())?;
        self.put(bytes)
    }

    fn put_text(&mut self, text: Option<&str>) -> Option<()> {
        self.put_bytes(text.map(str::as_bytes))
    }
}

fn write(
    room: &mut [u8],
    kind: u8,
    write_body: impl FnOnce(&mut Body<'_>) -> Option<()>,
) -> Option<usize> {
    let mut body = Body {
        room: room.get_mut(FACT_HEADER_BYTES..)?,
        len: 0,
    };
    write_body(&mut body)?;
    let end = (FACT_HEADER_BYTES + body.len).next_multiple_of(ALIGN);
    let len = u32::try_from(body.len).ok()?;
    // The padding must fit, too.
    room.get_mut(..end)?;
    room[..4].copy_from_slice(&len.to_ne_bytes());
    room[4..FACT_HEADER_BYTES].copy_from_slice(&[kind, 0, 0, 0]);
    Some(end)
}

#[cfg(test)]
mod tests {
    use tracing::callsite::{Callsite, Identifier};
    use tracing::field::FieldSet;
    use tracing::metadata::Kind;
    use tracing::subscriber::Interest;
    use tracing::{Level, Metadata};

    use super::*;

    struct Anywhere;

    impl Callsite for Anywhere {
        fn set_interest(&self, _: Interest) {}

        fn metadata(&self) -> &Metadata<'_> {
            &METADATA
        }
    }

    static METADATA: Metadata<'static> = Metadata::new(
        "span of ours",
        "target",
        Level::WARN,
        Some("file.rs"),
        None,
        Some("module"),
        FieldSet::new(&["message", "größe", ""], Identifier(&Anywhere)),
        Kind::SPAN,
    );

    fn written() -> Vec<u8> {
        let mut bytes = vec![0xAA; 4096];
        let mut used = write_callsite(&mut bytes, 77, &METADATA).unwrap();
        for fact in other_facts() {
            used += write_fact(&mut bytes[used..], &fact).unwrap();
        }
        bytes.truncate(used);
        bytes
    }

    fn other_facts() -> [Fact<'static>; 5] {
        [
            Fact::Rules { redaction: "{}" },
            Fact::Process {
                program: "./server",
            },
            Fact::Sink(SinkFact {
                place: 3,
                path: b"/srv/\xFF.jsonl",
                format: "json",
                filter: None,
            }),
            Fact::Panic {
                message: "no",
                location: Some("main.rs:1"),
            },
            Fact::Panic {
                message: "",
                location: None,
            },
        ]
    }

    #[test]
    fn facts_are_read_as_they_were_written() {
        let bytes = written();
        let mut facts = Facts::in_bytes(&bytes);
        let Some(Fact::Callsite(callsite)) = facts.next() else {
            panic!("the callsite came first");
        };
        assert_eq!((callsite.number, callsite.level), (77, 3));
        assert!(callsite.is_span);
        assert_eq!((callsite.name, callsite.target), ("span of ours", "target"));
        assert_eq!(callsite.module, Some("module"));
        assert_eq!((callsite.file, callsite.line), (Some("file.rs"), None));
        assert!(callsite.fields.eq(["message", "größe", ""]));
        assert!(facts.eq(other_facts()));
    }

    #[test]
    fn what_is_whole_is_read_wherever_the_bytes_end() {
        let bytes = written();
        let all: Vec<_> = Facts::in_bytes(&bytes).collect();
        for end in 0..bytes.len() {
            let some: Vec<_> = Facts::in_bytes(&bytes[..end]).collect();
            assert!(all.starts_with(&some));
        }
    }

    #[test]
    fn no_byte_that_changes_makes_a_reader_fall() {
        let bytes = written();
        let stride = if cfg!(miri) { 13 } else { 1 };
        for place in (0..bytes.len()).step_by(stride) {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut damaged = bytes.clone();
                damaged[place] = value;
                let _ = Facts::in_bytes(&damaged).count();
            }
        }
    }

    #[test]
    fn a_fact_that_does_not_fit_is_refused() {
        let whole = written().len();
        let mut needed = 0;
        for room in 0..whole {
            let mut bytes = vec![0; room];
            if let Some(used) = write_callsite(&mut bytes, 77, &METADATA) {
                needed = used;
                break;
            }
        }
        assert!(0 < needed && needed.is_multiple_of(ALIGN));
    }
}
