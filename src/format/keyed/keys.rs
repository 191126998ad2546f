//! What is prepared once per callsite, and how it is seen that a key comes twice.

use std::collections::{HashMap, HashSet};

use super::super::line::Piece;
use super::layout::Makes;
use super::names::{Names, Role};
use super::syntax::Syntax;
use crate::capture::callsite::Callsite;
use crate::capture::record::is_log_origin;
use crate::request;

/// A callsite as it is written.
#[derive(Debug)]
pub(super) struct Prepared {
    /// What the layout makes of it.
    pub(super) made: Box<[Piece]>,
    pub(super) span_name: Piece,
    /// One for each declared field.
    pub(super) keys: Box<[Key]>,
    /// The place of an event's message among the fields.
    pub(super) message: Option<usize>,
    /// Whether its names may collide in ways that a look at single keys does not show.
    pub(super) is_ambiguous: bool,
    /// Whether its events are the records of requests.
    pub(super) is_request: bool,
}

#[derive(Debug)]
pub(super) struct Key {
    /// As [`Syntax::key`] makes it.
    pub(super) piece: Piece,
    /// The same for equal keys of all callsites.
    pub(super) number: usize,
    pub(super) role: Role,
}

/// The prepared callsites, by the callsite's index.
pub(super) struct Keys<S> {
    syntax: S,
    pub(super) names: Names,
    pub(super) makes: Makes,
    prepared: Vec<Option<Box<Prepared>>>,
    numbers: HashMap<Box<str>, usize>,
}

impl<S: Syntax> Keys<S> {
    pub(super) fn new(syntax: S, names: Names, makes: Makes) -> Self {
        Keys {
            syntax,
            names,
            makes,
            prepared: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    #[inline]
    pub(super) fn of(&mut self, callsite: &Callsite) -> &Prepared {
        if self.prepared.len() <= callsite.index {
            self.prepared.resize_with(callsite.index + 1, || None);
        }
        let (syntax, names, makes) = (self.syntax, &self.names, &self.makes);
        let numbers = &mut self.numbers;
        self.prepared[callsite.index]
            .get_or_insert_with(|| Box::new(prepare(callsite, syntax, names, makes, numbers)))
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
fn prepare<S: Syntax>(
    callsite: &Callsite,
    syntax: S,
    names: &Names,
    makes: &Makes,
    numbers: &mut HashMap<Box<str>, usize>,
) -> Prepared {
    let facts = &callsite.facts;
    let fields = &facts.fields;
    let message = fields
        .iter()
        .position(|name| facts.is_event && &**name == "message");
    let mut number_of = |key: &str| {
        let next = numbers.len();
        *numbers.entry(key.into()).or_insert(next)
    };
    let role_of = |place, name: &str| match message {
        Some(message) if message == place => Role::Message,
        _ if callsite.is_log && is_log_origin(name) => Role::Origin,
        _ => names.role(name),
    };
    let mut key_of = |(place, name): (usize, &str)| {
        let role = role_of(place, name);
        let name = match role {
            Role::Message => name.to_owned(),
            _ => names.shown(name),
        };
        Key {
            piece: Piece::new(&syntax.key(&name)),
            number: number_of(&name),
            role,
        }
    };
    let keys: Vec<Key> = { fields.iter() }
        .map(|name| &**name)
        .enumerate()
        .map(&mut key_of)
        .collect();
    let origin = callsite.origin();
    let made = (0..makes.len()).map(|number| makes.make(number, facts.level, &origin));
    Prepared {
        made: made.map(|made| Piece::new(&made)).collect(),
        span_name: Piece::new(&syntax.span_name(&facts.name)),
        message,
        is_ambiguous: is_ambiguous(fields, names, &keys),
        is_request: request::is_record(facts),
        keys: keys.into(),
    }
}

/// Whether a name looks like a renamed one, which it may meet, or is declared twice.
fn is_ambiguous(fields: &[Box<str>], names: &Names, keys: &[Key]) -> bool {
    let distinct: HashSet<_> = fields.iter().collect();
    let shown: HashSet<_> = keys.iter().map(|key| key.number).collect();
    distinct.len() < keys.len()
        || shown.len() < keys.len()
        || fields.iter().any(|name| name.starts_with(names.prefix))
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
