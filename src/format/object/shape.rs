//! Shapes as tables, and the layouts that are made of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use tracing::Level;

use super::super::keyed::layout::{Layout, Make, Marks, Part, PushRequest};
use super::super::keyed::names::{Ids, Names};
use super::super::keyed::syntax::Syntax;
use super::super::timestamp::{TimeStyle, Zone};
use crate::capture::record::{Origin, Value};
use crate::config::format::Options;
use crate::config::{FieldValue, Part as Place, Precision, SpanStyle};

/// Everything by which one flat shape differs from another.
pub(in crate::format) struct Shape {
    /// What its keys are called, where that is not what the default calls them.
    pub(in crate::format) keys: &'static [(&'static str, &'static str)],
    /// What it calls fields that others call otherwise.
    pub(in crate::format) fields: &'static [(&'static str, &'static str)],
    /// What it calls fields that are the same in every line.
    pub(in crate::format) constants: &'static [(&'static str, &'static str)],
    /// Where they stand together, as strings.
    pub(in crate::format) constants_key: Option<&'static str>,
    /// Other names that mean something of their own in it.
    pub(in crate::format) reserved: &'static [&'static str],
    /// Stands before a field's name that means something else.
    pub(in crate::format) prefix: &'static str,
    pub(in crate::format) ids: Ids,
    /// Makes a name of any text.
    pub(in crate::format) clean: fn(&str) -> Cow<'_, str>,
    pub(in crate::format) level: LevelOf,
    pub(in crate::format) location: Location,
    pub(in crate::format) time: Time,
    /// Whether a line has a message even if the record has none.
    pub(in crate::format) has_message: bool,
    /// What its lines have in any case, unless the user gives another value.
    pub(in crate::format) own: Vec<(String, FieldValue)>,
    pub(in crate::format) request: Option<PushRequest>,
    pub(in crate::format) order: &'static [Place],
}

pub(in crate::format) type LevelOf = fn(Level) -> Value<'static>;

/// How a place in the source code is written, from its keys.
pub(in crate::format) enum Location {
    /// Two fields.
    Fields,
    /// An object, and whether its line is a string.
    Object { key: &'static str, is_text: bool },
}

/// How a time is written, unless the user chose.
pub(in crate::format) enum Time {
    Text(Precision),
    Number(Precision),
}

/// The order of the parts by default.
const ORDER: [Place; 10] = [
    Place::Timestamp,
    Place::Level,
    Place::Target,
    Place::Message,
    Place::Fields,
    Place::Thread,
    Place::Location,
    Place::Process,
    Place::Constants,
    Place::Sequence,
];

impl Default for Shape {
    fn default() -> Self {
        Shape {
            keys: &[],
            fields: &[],
            constants: &[],
            constants_key: None,
            reserved: &[],
            prefix: "fields.",
            ids: Ids::Fields,
            clean: |name| Cow::Borrowed(name),
            level: |level| Value::Str(level.as_str().into()),
            location: Location::Fields,
            time: Time::Text(Precision::Microseconds),
            has_message: false,
            own: Vec::new(),
            request: None,
            order: &ORDER,
        }
    }
}

impl Shape {
    /// The layout of its lines with the user's options.
    pub(in crate::format) fn layout<S: Syntax>(
        self,
        syntax: S,
        options: &Options,
        enclose_names: impl FnOnce(Vec<u8>) -> [Vec<u8>; 2],
        end: &[u8],
    ) -> Layout {
        let keys = OwnKeys::new(self.keys, options);
        let time = self.time.style(options);
        let mark = |name| syntax.field(keys.of(name), &Value::Bool(true));
        let marks = Marks {
            cut: mark("cut"),
            recovered: mark("recovered"),
            end: end.to_vec(),
        };
        let span_keys = ["spans", "span", "parent"].map(|name| keys.of(name).to_owned());
        let names = self.names(&keys, options);
        let span_names = enclose_names(syntax.key(keys.of("spans")));
        let maker = PartMaker {
            syntax,
            shape: self,
            keys,
            options,
        };
        Layout {
            parts: maker.parts(),
            names,
            time,
            spans: options.spans,
            span_names,
            span_keys,
            marks,
        }
    }

    fn names(&self, keys: &OwnKeys, options: &Options) -> Names {
        let renames = self.fields.iter();
        let renames = renames.map(|(old, new)| ((*old).to_owned(), (*new).to_owned()));
        let mut renames: BTreeMap<_, _> = renames.collect();
        let others = options.keys.iter();
        let others = others.filter(|(old, _)| !keys.have(old));
        renames.extend(others.map(|(old, new)| (old.clone(), new.clone())));
        let mut reserved: BTreeSet<_> = keys.all(options.spans).collect();
        if self.constants_key.is_none() {
            let given = options.fields.keys();
            reserved.extend(given.map(|name| self.constant_name(name).to_owned()));
            reserved.extend(self.own.iter().map(|(name, _)| name.clone()));
        }
        reserved.extend(self.reserved.iter().map(|name| (*name).to_owned()));
        Names {
            renames,
            reserved,
            prefix: self.prefix,
            ids: self.ids,
            clean: self.clean,
        }
    }

    fn constant_name<'a>(&self, name: &'a str) -> &'a str {
        let known = self.constants.iter().find(|(known, _)| *known == name);
        known.map_or(name, |(_, here)| here)
    }
}

impl Time {
    pub(in crate::format) fn style(&self, options: &Options) -> TimeStyle {
        match self {
            Time::Number(precision) => TimeStyle::Number(*precision),
            Time::Text(precision) => {
                let zone = options.zone.as_deref().and_then(Zone::parse);
                let precision = options.precision.unwrap_or(*precision);
                TimeStyle::Text(precision, zone.unwrap_or_default())
            }
        }
    }
}

/// The keys of the format itself, by what the default shape calls them.
struct OwnKeys(BTreeMap<&'static str, String>);

/// They mean the same in every line.
const OWN_KEYS: [&str; 14] = [
    "timestamp",
    "level",
    "target",
    "message",
    "spans",
    "span",
    "parent",
    "thread",
    "file",
    "line",
    "pid",
    "seq",
    "cut",
    "recovered",
];

impl OwnKeys {
    fn new(shape: &[(&'static str, &'static str)], options: &Options) -> Self {
        let called = |own: &&'static str| {
            let here = shape.iter().find(|(name, _)| name == own);
            let here = here.map_or(*own, |(_, here)| here);
            let chosen = options.keys.get(*own).map(String::as_str);
            (*own, chosen.unwrap_or(here).to_owned())
        };
        OwnKeys(OWN_KEYS.iter().map(called).collect())
    }

    fn of(&self, own: &str) -> &str {
        self.0.get(own).map_or("", String::as_str)
    }

    fn have(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Those that lines with spans in this style may have.
    fn all(&self, style: SpanStyle) -> impl Iterator<Item = String> {
        let is_used = move |name: &str| match name {
            "span" => style == SpanStyle::Nested,
            "parent" => false,
            _ => true,
        };
        let own = self.0.iter().filter(move |(name, _)| is_used(name));
        own.map(|(_, key)| key.clone())
    }
}

/// Makes the parts of a line.
struct PartMaker<'o, S> {
    syntax: S,
    shape: Shape,
    keys: OwnKeys,
    options: &'o Options,
}

impl<S: Syntax> PartMaker<'_, S> {
    fn parts(&self) -> Vec<Part> {
        // Whatever a dead process told, a line begins with what it always has.
        let known = |place: &&Place| self.shape.order.contains(place);
        let chosen: Vec<_> = self.options.order.iter().filter(known).collect();
        let begins_well = chosen.first().is_none_or(|first| first.is_in_every_line());
        let chosen = if begins_well { &chosen[..] } else { &[] };
        let rest = self.shape.order.iter();
        let mut places: Vec<Place> = Vec::new();
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

    fn parts_of(&self, place: Place, is_first: bool) -> Vec<Part> {
        let options = self.options;
        let key = |name| self.syntax.key(self.keys.of(name));
        match place {
            Place::Timestamp => self.time(),
            Place::Level => vec![Part::Made(self.level())],
            Place::Target => vec![Part::Made(self.target())],
            Place::Message => vec![self.message(is_first)],
            Place::Fields => {
                let request = self.shape.request.map(Part::Request);
                [Part::Fields, Part::Spans]
                    .into_iter()
                    .chain(request)
                    .collect()
            }
            Place::Thread if options.thread => vec![Part::Thread(key("thread"))],
            Place::Location if options.location => vec![Part::Made(self.location())],
            Place::Process if options.process => {
                let process = Value::U64(std::process::id().into());
                vec![Part::Text(self.syntax.field(self.keys.of("pid"), &process))]
            }
            Place::Constants => vec![Part::Text(self.constants())],
            Place::Sequence if options.sequence => vec![Part::Sequence(key("seq"))],
            Place::Thread | Place::Location | Place::Process | Place::Sequence => Vec::new(),
        }
    }

    fn time(&self) -> Vec<Part> {
        let mut key = self.syntax.key(self.keys.of("timestamp"));
        let mut end = S::STRING_END;
        if matches!(self.shape.time, Time::Number(_)) {
            key.truncate(key.len() - end.len());
            end = b"";
        }
        vec![Part::Text(key), Part::Time, Part::Text(end.to_vec())]
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
    fn message(&self, is_first: bool) -> Part {
        let key = self.keys.of("message");
        let missing = if is_first || self.shape.has_message {
            self.syntax.field(key, &Value::Str("".into()))
        } else {
            Vec::new()
        };
        Part::Message {
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
        let given = self.options.fields.iter();
        let given = given.map(|(name, value)| (self.shape.constant_name(name), value));
        let given: Vec<_> = given.collect();
        let is_given = |name: &str| given.iter().any(|(known, _)| *known == name);
        let own = self.shape.own.iter();
        let own = own.filter(|(name, _)| !is_given(name));
        let own = own.map(|(name, value)| (name.as_str(), value));
        let all = own.chain(given.iter().copied());
        if let Some(key) = self.shape.constants_key {
            return self.constants_object(key, all);
        }
        all.flat_map(|(name, value)| self.syntax.field(name, &value_of(value)))
            .collect()
    }

    fn constants_object<'a>(
        &self,
        key: &str,
        constants: impl Iterator<Item = (&'a str, &'a FieldValue)>,
    ) -> Vec<u8> {
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
