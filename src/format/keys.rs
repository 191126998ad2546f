//! What the JSON format prepares once per callsite, and how it sees that a key comes twice.

use std::collections::{HashMap, HashSet};

use crate::capture::callsite::Callsite;

use super::escape;

/// Stands before a field's name where the name itself is taken.
pub(super) const PREFIX: &str = "fields.";

/// The keys that the format itself writes. They mean the same in every line, so they are reserved
/// also in lines that do not show them.
const RESERVED: [&str; 12] = [
    "timestamp",
    "level",
    "target",
    "message",
    "spans",
    "thread",
    "file",
    "line",
    "pid",
    "seq",
    "cut",
    "recovered",
];

pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// A callsite as the JSON format writes it.
#[derive(Debug)]
pub(super) struct Prepared {
    /// `","level":"INFO","target":"app::module"`, where the quote ends the time stamp.
    pub(super) head: Box<[u8]>,
    /// `"request"`
    pub(super) span_name: Box<[u8]>,
    /// One for each declared field.
    pub(super) keys: Box<[Key]>,
    /// The place of an event's message among the fields.
    pub(super) message: Option<usize>,
    /// Whether its names may collide in ways that a look at single keys does not show.
    pub(super) is_ambiguous: bool,
}

#[derive(Debug)]
pub(super) struct Key {
    /// `,"name":"`, as [`key`] makes it.
    pub(super) bytes: Box<[u8]>,
    /// The same for equal keys of all callsites.
    pub(super) number: usize,
}

/// The prepared callsites, by the callsite's index.
#[derive(Debug, Default)]
pub(super) struct Keys {
    prepared: Vec<Option<Box<Prepared>>>,
    numbers: HashMap<Box<str>, usize>,
}

impl Keys {
    #[inline]
    pub(super) fn of(&mut self, callsite: &Callsite) -> &Prepared {
        if self.prepared.len() <= callsite.index {
            self.prepared.resize_with(callsite.index + 1, || None);
        }
        let numbers = &mut self.numbers;
        self.prepared[callsite.index].get_or_insert_with(|| Box::new(prepare(callsite, numbers)))
    }

    /// The name of a span whose callsite, of that index, was prepared.
    #[inline]
    pub(super) fn span_name(&self, index: usize) -> &[u8] {
        let prepared = self.prepared.get(index).and_then(Option::as_deref);
        prepared.map_or(b"\"\"", |prepared| &prepared.span_name)
    }
}

#[cold]
fn prepare(callsite: &Callsite, numbers: &mut HashMap<Box<str>, usize>) -> Prepared {
    let names = &callsite.facts.fields;
    let is_event = callsite.facts.is_event;
    let message = names
        .iter()
        .position(|name| is_event && &**name == "message");
    let mut number_of = |key: String| {
        let next = numbers.len();
        *numbers.entry(key.into()).or_insert(next)
    };
    let mut key_of = |(place, name): (usize, &str)| {
        let is_renamed = is_reserved(name) && message != Some(place);
        let name = if is_renamed {
            format!("{PREFIX}{name}")
        } else {
            name.to_owned()
        };
        Key {
            bytes: key(&name).into(),
            number: number_of(name),
        }
    };
    let keys = names.iter().map(|name| &**name);
    let keys = keys.enumerate().map(&mut key_of).collect();
    Prepared {
        head: head(callsite.facts.level.as_str(), &callsite.facts.target).into(),
        span_name: quoted(&callsite.facts.name).into(),
        keys,
        message,
        is_ambiguous: is_ambiguous(names),
    }
}

/// Whether a name looks like a renamed one, which it may meet, or is declared twice.
fn is_ambiguous(names: &[Box<str>]) -> bool {
    let distinct: HashSet<_> = names.iter().collect();
    distinct.len() < names.len() || names.iter().any(|name| name.starts_with(PREFIX))
}

/// `","level":"INFO","target":"app::module"`
pub(super) fn head(level: &str, target: &str) -> Vec<u8> {
    let mut head = Vec::from(b"\"");
    for (name, text) in [("level", level), ("target", target)] {
        head.extend(key(name));
        escape::push_json(text, &mut head);
        head.push(b'"');
    }
    head
}

/// `,"name":"`, with the quote of a string: most values are strings, and one append is quicker than
/// two. Other values leave it out.
pub(super) fn key(name: &str) -> Vec<u8> {
    let mut key = Vec::from(b",");
    key.extend(quoted(name));
    key.extend(b":\"");
    key
}

fn quoted(text: &str) -> Vec<u8> {
    let mut quoted = Vec::from(b"\"");
    escape::push_json(text, &mut quoted);
    quoted.push(b'"');
    quoted
}

/// Which keys the current record has so far.
///
/// Scopes (the event, then each span, innermost first) are numbered without end, and each key keeps
/// the number of the scope that wrote it last: nothing needs clearing between records.
#[derive(Debug, Default)]
pub(super) struct Seen {
    last_scopes: Vec<u64>,
    record_start: u64,
    scope: u64,
}

/// Where a key was met before in the current record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sighting {
    First,
    InInnerScope,
    InSameScope,
}

impl Seen {
    pub(super) fn begin_record(&mut self) {
        self.scope += 1;
        self.record_start = self.scope;
    }

    pub(super) fn begin_scope(&mut self) {
        self.scope += 1;
    }

    #[inline]
    pub(super) fn mark(&mut self, number: usize) -> Sighting {
        if self.last_scopes.len() <= number {
            self.last_scopes.resize(number + 1, 0);
        }
        let last = self.last_scopes[number];
        if last == self.scope {
            return Sighting::InSameScope;
        }
        if self.record_start <= last {
            return Sighting::InInnerScope;
        }
        self.last_scopes[number] = self.scope;
        Sighting::First
    }
}
