//! The parts of a line, made of a shape and of what the user chose.

use super::super::keyed::layout::{LayoutPart, Make};
use super::super::keyed::syntax::Syntax;
use super::shape::{Location, OwnKeys, Shape, Time};
use crate::capture::record::{Origin, Value};
use crate::config::format::Options;
use crate::config::{FieldValue, Part};

/// Makes the parts of a line.
pub(super) struct PartMaker<'o, S> {
    pub(super) syntax: S,
    pub(super) shape: Shape,
    pub(super) keys: OwnKeys,
    pub(super) options: &'o Options,
}

impl<S: Syntax> PartMaker<'_, S> {
    pub(super) fn parts(&self) -> Vec<LayoutPart> {
        // Whatever a dead process told, a line begins with what it always has.
        let known = |place: &&Part| self.shape.order.contains(place);
        let chosen: Vec<_> = self.options.order.iter().filter(known).collect();
        let begins_well = chosen.first().is_none_or(|first| first.is_in_every_line());
        let chosen = if begins_well { &chosen[..] } else { &[] };
        let rest = self.shape.order.iter();
        let mut places: Vec<Part> = Vec::new();
        for place in chosen.iter().copied().chain(rest) {
            if !places.contains(place) {
                places.push(*place);
            }
        }
        let first = places.first().copied();
        let parts = places.into_iter();
        parts
            .flat_map(|place| self.parts_of(place, Some(place) == first))
            .collect()
    }

    fn parts_of(&self, place: Part, is_first: bool) -> Vec<LayoutPart> {
        let options = self.options;
        let key = |name| self.syntax.key(self.keys.of(name));
        match place {
            Part::Timestamp => self.time(),
            Part::Level => vec![LayoutPart::Made(self.level())],
            Part::Target => vec![LayoutPart::Made(self.target())],
            Part::Message => vec![self.message(is_first)],
            Part::Fields => {
                let request = self.shape.request.map(LayoutPart::Request);
                [LayoutPart::Fields, LayoutPart::Spans]
                    .into_iter()
                    .chain(request)
                    .collect()
            }
            Part::Thread if options.thread => vec![LayoutPart::Thread(key("thread"))],
            Part::Location if options.location => vec![LayoutPart::Made(self.location())],
            Part::Process if options.process || self.shape.has_process => {
                let process = Value::U64(std::process::id().into());
                vec![LayoutPart::Text(
                    self.syntax.field(self.keys.of("pid"), &process),
                )]
            }
            Part::Constants => vec![LayoutPart::Text(self.constants())],
            Part::Sequence if options.sequence => vec![LayoutPart::Sequence(key("seq"))],
            Part::Thread | Part::Location | Part::Process | Part::Sequence => Vec::new(),
        }
    }

    fn time(&self) -> Vec<LayoutPart> {
        let mut key = self.syntax.key(self.keys.of("timestamp"));
        let mut end = S::STRING_END;
        if matches!(self.shape.time, Time::Number(_)) {
            key.truncate(key.len() - end.len());
            end = b"";
        }
        vec![
            LayoutPart::Text(key),
            LayoutPart::Time,
            LayoutPart::Text(end.to_vec()),
        ]
    }

    fn level(&self) -> Make {
        let (syntax, level_of) = (self.syntax, self.shape.level);
        let key = self.keys.of("level").to_owned();
        Box::new(move |level, _| syntax.field(&key, &level_of(level)))
    }

    fn target(&self) -> Make {
        let (syntax, key) = (self.syntax, self.keys.of("target").to_owned());
        Box::new(move |_, origin| syntax.field(&key, &Value::Str(origin.target.into())))
    }

    /// What comes first in a line is always there.
    fn message(&self, is_first: bool) -> LayoutPart {
        let key = self.keys.of("message");
        let missing = if is_first || self.shape.has_message {
            self.syntax.field(key, &Value::Str("".into()))
        } else {
            Vec::new()
        };
        LayoutPart::Message {
            key: self.syntax.key(key),
            missing,
        }
    }

    fn location(&self) -> Make {
        let syntax = self.syntax;
        match self.shape.location {
            Location::Fields => {
                let [file, line] = ["file", "line"].map(|name| self.keys.of(name).to_owned());
                Box::new(move |_, origin| location_fields(syntax, &file, &line, origin))
            }
            Location::Object { key, is_text } => {
                let key = self.options.keys.get("file").map_or(key, String::as_str);
                let key = self.object_key(key);
                Box::new(move |_, origin| location_object(syntax, &key, is_text, origin))
            }
        }
    }

    fn constants(&self) -> Vec<u8> {
        let all = self.shape.constants(&self.keys, self.options);
        if let Some(key) = self.shape.constants_key {
            return self.constants_object(key, &all);
        }
        { all.iter() }
            .flat_map(|(name, value)| self.syntax.field(name, &value_of(value)))
            .collect()
    }

    fn constants_object(&self, key: &str, constants: &[(String, &FieldValue)]) -> Vec<u8> {
        let constants = constants.iter();
        let texts = constants.map(|(name, value)| (name, text_of(value)));
        let fields =
            texts.map(|(name, text)| self.syntax.field(name, &Value::Str((&*text).into())));
        let fields: Vec<u8> = fields.flatten().collect();
        enclosed(self.object_key(key), &fields)
    }

    /// An object is no string.
    fn object_key(&self, name: &str) -> Vec<u8> {
        let mut key = self.syntax.key(name);
        key.truncate(key.len() - S::STRING_END.len());
        key
    }
}

fn text_of(value: &FieldValue) -> String {
    match value {
        FieldValue::Bool(value) => value.to_string(),
        FieldValue::Integer(value) => value.to_string(),
        FieldValue::Float(value) => value.to_string(),
        FieldValue::Text(value) => value.clone(),
    }
}

/// An object of fields, of which the first has a separator too many. Nothing if there are none.
fn enclosed(key: Vec<u8>, fields: &[u8]) -> Vec<u8> {
    match fields.get(1..) {
        Some(fields) => [&*key, b"{", fields, b"}"].concat(),
        None => Vec::new(),
    }
}

fn location_fields<S: Syntax>(
    syntax: S,
    file_key: &str,
    line_key: &str,
    origin: &Origin<'_>,
) -> Vec<u8> {
    let file = origin.file.map(|file| Value::Str(file.into()));
    let line = origin.line.map(|line| Value::U64(line.into()));
    let file = file.map(|file| syntax.field(file_key, &file));
    let line = line.map(|line| syntax.field(line_key, &line));
    file.into_iter().chain(line).flatten().collect()
}

fn location_object<S: Syntax>(
    syntax: S,
    key: &[u8],
    is_text: bool,
    origin: &Origin<'_>,
) -> Vec<u8> {
    let number = origin.line.map(|line| line.to_string());
    let number = number.as_deref();
    let line = match origin.line {
        Some(_) if is_text => number.map(|number| Value::Str(number.into())),
        line => line.map(|line| Value::U64(line.into())),
    };
    let file = origin.file.map(|file| Value::Str(file.into()));
    let file = file.map(|file| syntax.field("file", &file));
    let line = line.map(|line| syntax.field("line", &line));
    let inner: Vec<u8> = file.into_iter().chain(line).flatten().collect();
    enclosed(key.to_vec(), &inner)
}

pub(in crate::format) fn value_of(value: &FieldValue) -> Value<'_> {
    match value {
        FieldValue::Bool(value) => Value::Bool(*value),
        FieldValue::Integer(value) => Value::I64(*value),
        FieldValue::Float(value) => Value::F64(*value),
        FieldValue::Text(value) => Value::Str(value.as_str().into()),
    }
}
