//! What the JSON format prepares once per callsite, and how it sees that a key comes twice.

use std::collections::{HashMap, HashSet};

use crate::capture::callsite::Callsite;
use crate::capture::record::is_log_origin;

use super::escape;
use super::line::{Line, Piece};

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
    pub(super) head: Piece,
    /// `"request",`
    pub(super) span_name: Piece,
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
    pub(super) piece: Piece,
    /// The same for equal keys of all callsites.
    pub(super) number: usize,
    pub(super) role: Role,
}

/// Where a field's value stands in the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Role {
    /// Among the fields.
    Field,
    /// Before them.
    Message,
    /// It is the true target or place of a record of the `log` crate, and no field.
    Origin,
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

    /// The numbers of the keys of a callsite, of that index, that was prepared.
    pub(super) fn numbers(&self, index: usize) -> impl Iterator<Item = usize> {
        let prepared = self.prepared.get(index).and_then(Option::as_deref);
        let keys = prepared.map_or(&[][..], |prepared| &prepared.keys);
        keys.iter().map(|key| key.number)
    }

    /// The name of a span whose callsite, of that index, was prepared.
    #[inline]
    pub(super) fn span_name(&self, index: usize) -> Option<&Piece> {
        let prepared = self.prepared.get(index)?.as_deref()?;
        Some(&prepared.span_name)
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
    let role_of = |place, name: &str| match message {
        Some(message) if message == place => Role::Message,
        _ if callsite.is_log && is_log_origin(name) => Role::Origin,
        _ => Role::Field,
    };
    let mut key_of = |(place, name): (usize, &str)| {
        let is_renamed = is_reserved(name) && message != Some(place);
        let name = if is_renamed {
            format!("{PREFIX}{name}")
        } else {
            name.to_owned()
        };
        Key {
            piece: Piece::new(&key(&name)),
            role: role_of(place, &name),
            number: number_of(name),
        }
    };
    let keys = names.iter().map(|name| &**name);
    let keys = keys.enumerate().map(&mut key_of).collect();
    Prepared {
        head: Piece::new(&head(callsite.facts.level.as_str(), &callsite.facts.target)),
        span_name: Piece::new(&[quoted(&callsite.facts.name), b",".to_vec()].concat()),
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
        head.extend([b",", &*quoted(name), b":", &*quoted(text)].concat());
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
    let mut quoted = Line::default();
    quoted.push(b'"');
    escape::push_json(text.into(), &mut quoted);
    quoted.push(b'"');
    quoted.as_bytes().to_vec()
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

    /// Whether the current record does not have the key yet.
    #[inline]
    pub(super) fn is_new(&self, number: usize) -> bool {
        let last = self.last_scopes.get(number);
        last.is_none_or(|last| *last < self.record_start)
    }

    #[inline]
    pub(super) fn mark(&mut self, number: usize) -> Sighting {
        let Some(last) = self.last_scopes.get_mut(number) else {
            return self.mark_new(number);
        };
        if *last < self.record_start {
            *last = self.scope;
            return Sighting::First;
        }
        if *last == self.scope {
            Sighting::InSameScope
        } else {
            Sighting::InInnerScope
        }
    }

    #[cold]
    fn mark_new(&mut self, number: usize) -> Sighting {
        self.last_scopes.resize(number + 1, 0);
        self.last_scopes[number] = self.scope;
        Sighting::First
    }
}
