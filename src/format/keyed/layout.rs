//! What stands where in a line: all by which one format with keys differs from another.

use tracing::Level;

use super::super::line::{Line, Piece};
use super::super::timestamp::TimeStyle;
use super::names::Names;
use crate::capture::callsite::Callsite;
use crate::capture::record::{Origin, Record};
use crate::config::SpanStyle;
use crate::request;

/// How a format's lines are laid out.
pub(in crate::format) struct Layout {
    /// In the order of the line.
    pub(in crate::format) parts: Vec<LayoutPart>,
    pub(in crate::format) names: Names,
    pub(in crate::format) time: TimeStyle,
    pub(in crate::format) spans: SpanStyle,
    /// What stands around the names of the spans.
    pub(in crate::format) span_names: [Vec<u8>; 2],
    /// The keys of spans in other styles: of the list, of the innermost and of its parent.
    pub(in crate::format) span_keys: [String; 3],
    pub(in crate::format) marks: Marks,
}

/// A part of a line.
pub(in crate::format) enum LayoutPart {
    /// The same in every line.
    Text(Vec<u8>),
    /// The same for each callsite.
    Made(Make),
    /// The time, without anything around it.
    Time,
    /// The message behind its key, or something else where there is none.
    Message { key: Vec<u8>, missing: Vec<u8> },
    /// The event's fields.
    Fields,
    /// The spans' fields and their names.
    Spans,
    /// Behind its key.
    Thread(Vec<u8>),
    /// The number of the line, behind its key.
    Sequence(Vec<u8>),
    /// The ids of the trace, which are found among the fields behind it.
    Ids,
    /// What the record of a request has beside its fields.
    Request(PushRequest),
}

/// Makes what is the same for each callsite.
pub(in crate::format) type Make = Box<dyn Fn(Level, &Origin<'_>) -> Vec<u8> + Send>;

pub(in crate::format) type PushRequest = fn(&Record<'_>, &mut Line);

/// What ends a line.
#[derive(Clone, Debug)]
pub(in crate::format) struct Marks {
    /// What says that part of the record did not fit.
    pub(in crate::format) cut: Vec<u8>,
    /// What says that a dead process left it behind.
    pub(in crate::format) recovered: Vec<u8>,
    /// The end itself, with the line break.
    pub(in crate::format) end: Vec<u8>,
}

/// A part, ready to be written.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Text(Piece),
    /// What is to be made for the origin of each record, by its number.
    Made(usize),
    Time,
    /// With the text that stands before it.
    Message {
        key: Piece,
        missing: Piece,
    },
    Fields,
    Spans,
    Thread(Piece),
    Sequence(Piece),
    Ids,
    Request(PushRequest),
}

/// The steps of any line.
pub(super) struct Template {
    steps: Vec<Step>,
    /// What is to be made, that of neighbouring parts in one piece.
    makes: Vec<Vec<Make>>,
}

impl Template {
    /// Makes the steps of a line, which begins with `begin` in place of the first separator.
    pub(super) fn new(mut parts: Vec<LayoutPart>, begin: &'static [u8]) -> Self {
        if let Some(first) = parts.first_mut() {
            first.begin(begin);
        }
        let mut template = Template {
            steps: Vec::new(),
            makes: Vec::new(),
        };
        let mut run = Vec::new();
        for part in parts {
            match part.into_step() {
                Ok(step) => {
                    template.end_run(&mut run);
                    template.steps.push(step);
                }
                Err(make) => run.push(make),
            }
        }
        template.end_run(&mut run);
        template
    }

    /// Makes one step of a run of parts that need nothing of the record.
    fn end_run(&mut self, run: &mut Vec<Make>) {
        if !run.is_empty() {
            self.steps.push(Step::Made(self.makes.len()));
            self.makes.push(std::mem::take(run));
        }
    }

    pub(super) fn make(&self, number: usize, level: Level, origin: &Origin<'_>) -> Vec<u8> {
        let makes = self.makes.get(number).map_or(&[][..], Vec::as_slice);
        makes.iter().flat_map(|make| make(level, origin)).collect()
    }

    /// The steps of a callsite's lines: what it decides is text by now.
    pub(super) fn steps_of(&self, callsite: &Callsite) -> Box<[Step]> {
        let (mut steps, mut text) = (Vec::new(), Vec::new());
        for step in &self.steps {
            match step {
                // One callsite stands for all targets of the `log` crate.
                Step::Made(number) if !callsite.is_log => {
                    text.extend(self.make(*number, callsite.facts.level, &callsite.origin()));
                }
                Step::Message { key, missing } => {
                    let [key, missing] = [key, missing].map(|piece| piece.behind(&text));
                    steps.push(Step::Message { key, missing });
                    text.clear();
                }
                Step::Request(_) if !request::is_record(&callsite.facts) => {}
                step => {
                    end_text(&mut text, &mut steps);
                    steps.push(step.clone());
                }
            }
        }
        end_text(&mut text, &mut steps);
        steps.into()
    }
}

fn end_text(text: &mut Vec<u8>, steps: &mut Vec<Step>) {
    if !text.is_empty() {
        steps.push(Step::Text(Piece::new(text)));
        text.clear();
    }
}

impl LayoutPart {
    /// Puts the begin of a line in place of the separator.
    pub(in crate::format) fn begin(&mut self, begin: &'static [u8]) {
        let begun = move |bytes: &[u8]| [begin, bytes.get(1..).unwrap_or_default()].concat();
        match self {
            LayoutPart::Text(text) | LayoutPart::Thread(text) | LayoutPart::Sequence(text) => {
                *text = begun(text);
            }
            LayoutPart::Message { key, missing } => {
                *key = begun(key);
                *missing = begun(missing);
            }
            LayoutPart::Made(make) => {
                let made = std::mem::replace(make, Box::new(|_, _| Vec::new()));
                *make = Box::new(move |level, origin| begun(&made(level, origin)));
            }
            LayoutPart::Time
            | LayoutPart::Fields
            | LayoutPart::Spans
            | LayoutPart::Ids
            | LayoutPart::Request(_) => {}
        }
    }

    /// What is to be done for each record; or for each callsite.
    fn into_step(self) -> Result<Step, Make> {
        Ok(match self {
            LayoutPart::Text(text) => return Err(Box::new(move |_, _| text.clone())),
            LayoutPart::Made(make) => return Err(make),
            LayoutPart::Time => Step::Time,
            LayoutPart::Message { key, missing } => Step::Message {
                key: Piece::new(&key),
                missing: Piece::new(&missing),
            },
            LayoutPart::Fields => Step::Fields,
            LayoutPart::Spans => Step::Spans,
            LayoutPart::Thread(key) => Step::Thread(Piece::new(&key)),
            LayoutPart::Sequence(key) => Step::Sequence(Piece::new(&key)),
            LayoutPart::Ids => Step::Ids,
            LayoutPart::Request(push) => Step::Request(push),
        })
    }
}
