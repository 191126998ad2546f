//! Shapes as tables, and the layouts that are made of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use tracing::Level;

use super::super::keyed::layout::{Layout, Marks, PushRequest};
use super::super::keyed::names::{Ids, Names};
use super::super::keyed::syntax::Syntax;
use super::super::timestamp::{DisplayZone, TimeStyle};
use super::parts::PartMaker;
use crate::capture::record::Value;
use crate::config::format::Options;
use crate::config::{FieldValue, Part, Precision, SpanStyle};

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
    /// Whether a line has the process in any case.
    pub(in crate::format) has_process: bool,
    /// Whether a line has a message even if the record has none.
    pub(in crate::format) has_message: bool,
    /// What its lines have in any case, unless the user gives another value.
    pub(in crate::format) own: Vec<(String, FieldValue)>,
    pub(in crate::format) request: Option<PushRequest>,
    pub(in crate::format) order: &'static [Part],
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
const ORDER: [Part; 10] = [
    Part::Timestamp,
    Part::Level,
    Part::Target,
    Part::Message,
    Part::Fields,
    Part::Thread,
    Part::Location,
    Part::Process,
    Part::Constants,
    Part::Sequence,
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
            has_process: false,
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
        let mut reserved: BTreeSet<_> = keys.all(options.spans, self.order).collect();
        if self.constants_key.is_none() {
            let constants = self.constants(keys, options);
            reserved.extend(constants.into_iter().map(|(name, _)| name));
        }
        reserved.extend(self.reserved.iter().map(|name| (*name).to_owned()));
        Names {
            own: keys.by_place(self.order),
            renames,
            reserved,
            prefix: self.prefix,
            ids: self.ids,
            clean: self.clean,
        }
    }

    /// What each line has, whatever its record. A name that is taken gets the prefix of fields.
    pub(super) fn constants<'a>(
        &'a self,
        keys: &OwnKeys,
        options: &'a Options,
    ) -> Vec<(String, &'a FieldValue)> {
        let given = options.fields.iter();
        let given = given.map(|(name, value)| (self.constant_name(name), value));
        let given: Vec<_> = given.collect();
        let is_given = |name: &str| given.iter().any(|(known, _)| *known == name);
        let own = self.own.iter().filter(|(name, _)| !is_given(name));
        let own = own.map(|(name, value)| (name.as_str(), value));
        let mut taken: BTreeSet<String> = match self.constants_key {
            None => keys.all(options.spans, self.order).collect(),
            // They are among themselves.
            Some(_) => BTreeSet::new(),
        };
        let all = own.chain(given.iter().copied());
        all.map(|(name, value)| {
            let mut name = name.to_owned();
            while !taken.insert(name.clone()) {
                name.insert_str(0, self.prefix);
            }
            (name, value)
        })
        .collect()
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
                let zone = options.zone.as_deref().and_then(DisplayZone::parse);
                let precision = options.precision.unwrap_or(*precision);
                TimeStyle::Text(precision, zone.unwrap_or_default())
            }
        }
    }
}

/// The keys of the format itself, by what the default shape calls them.
pub(super) struct OwnKeys(BTreeMap<&'static str, String>);

/// They mean the same in every line.
pub(super) const OWN_KEYS: [&str; 14] = [
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
    pub(super) fn new(shape: &[(&'static str, &'static str)], options: &Options) -> Self {
        let called = |own: &&'static str| {
            let here = shape.iter().find(|(name, _)| name == own);
            let here = here.map_or(*own, |(_, here)| here);
            let chosen = options.keys.get(*own).map(String::as_str);
            (*own, chosen.unwrap_or(here).to_owned())
        };
        OwnKeys(OWN_KEYS.iter().map(called).collect())
    }

    pub(super) fn of(&self, own: &str) -> &str {
        self.0.get(own).map_or("", String::as_str)
    }

    fn have(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Those that lines may have whose spans are in this style, and whose parts are these.
    fn all(&self, style: SpanStyle, places: &[Part]) -> impl Iterator<Item = String> {
        let is_used = move |name: &str| match name {
            "span" => style == SpanStyle::Nested,
            "parent" => false,
            _ => is_keyed(name, places),
        };
        let own = self.0.iter().filter(move |(name, _)| is_used(name));
        own.map(|(_, key)| key.clone())
    }

    /// Each with its key, where lines of these parts have it behind one.
    fn by_place(&self, places: &[Part]) -> BTreeMap<&'static str, Option<String>> {
        let key_of = |key: &String, name| is_keyed(name, places).then(|| key.clone());
        let all = self.0.iter();
        all.map(|(name, key)| (*name, key_of(key, name))).collect()
    }
}

/// Whether lines of these parts have it behind a key, if they have it.
fn is_keyed(name: &str, places: &[Part]) -> bool {
    match name {
        "timestamp" => places.contains(&Part::Timestamp),
        "level" => places.contains(&Part::Level),
        "message" => places.contains(&Part::Message),
        _ => true,
    }
}
