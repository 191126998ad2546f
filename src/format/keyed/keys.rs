//! What is prepared once per callsite, and how it is seen that a key comes twice.

use std::collections::{HashMap, HashSet};

use super::super::line::Piece;
use super::layout::{Step, Template};
use super::names::{Names, Role};
use super::syntax::Syntax;
use crate::capture::callsite::Callsite;
use crate::capture::record::is_log_origin;

/// A callsite as it is written.
#[derive(Debug)]
pub(super) struct Prepared {
    /// What its lines have, in their order.
    pub(super) steps: Box<[Step]>,
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
    pub(super) template: Template,
    prepared: Vec<Option<Box<Prepared>>>,
    numbers: HashMap<Box<str>, usize>,
}

impl<S: Syntax> Keys<S> {
    pub(super) fn new(syntax: S, names: Names, template: Template) -> Self {
        Keys {
            syntax,
            names,
            template,
            prepared: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    /// A callsite, if it was prepared.
    #[inline]
    pub(super) fn of(&self, callsite: &Callsite) -> Option<&Prepared> {
        self.at(callsite.index())
    }

    /// The same by its index.
    #[inline]
    pub(super) fn at(&self, index: usize) -> Option<&Prepared> {
        self.prepared.get(index)?.as_deref()
    }

    /// Prepares a callsite.
    #[cold]
    pub(super) fn prepare(&mut self, callsite: &Callsite) {
        if self.of(callsite).is_some() {
            return;
        }
        let prepared = self.prepared_of(callsite);
        if self.prepared.len() <= callsite.index() {
            self.prepared.resize_with(callsite.index() + 1, || None);
        }
        self.prepared[callsite.index()] = Some(Box::new(prepared));
    }

    fn prepared_of(&mut self, callsite: &Callsite) -> Prepared {
        let (facts, names) = (&callsite.facts, &self.names);
        let mut fields = facts.fields.iter();
        let message = fields.position(|name| facts.is_event && &**name == "message");
        let (syntax, numbers) = (self.syntax, &mut self.numbers);
        let mut number_of = |key: &str| {
            let next = numbers.len();
            *numbers.entry(key.into()).or_insert(next)
        };
        let role_of = |place, name: &str| match message {
            Some(message) if message == place => Role::Message,
            _ if callsite.is_log && is_log_origin(name) => Role::Origin,
            _ => names.role(name),
        };
        let key_of = |(place, name): (usize, &str)| {
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
        let names_of_fields = facts.fields.iter().map(|name| &**name);
        let keys: Vec<Key> = names_of_fields.enumerate().map(key_of).collect();
        Prepared {
            steps: self.template.steps_of(callsite),
            span_name: Piece::new(&syntax.span_name(&facts.name)),
            message,
            is_ambiguous: is_ambiguous(&facts.fields, names, &keys),
            keys: keys.into(),
        }
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
///
/// An event outside of all spans needs less: the keys of a callsite differ, and a field that is not
/// behind the one before, in the callsite's order, is the only one that may be there twice.
#[derive(Debug, Default)]
pub(super) struct Seen {
    last_scopes: Vec<u64>,
    record_start: u64,
    scope: u64,
    is_alone: bool,
    /// Of an event that is alone: behind its latest field.
    next_place: usize,
}

/// Where a key was met before in the current record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sighting {
    First,
    InInnerScope,
    InSameScope,
}

impl Seen {
    /// Begins with the event, which has no spans around it if it `is_alone`.
    #[inline]
    pub(super) fn begin_record(&mut self, is_alone: bool) {
        self.scope += 1;
        self.record_start = self.scope;
        self.is_alone = is_alone;
        self.next_place = 0;
    }

    pub(super) fn begin_scope(&mut self) {
        self.scope += 1;
    }

    /// Whether the current record, which is not alone, does not have the key yet.
    #[inline]
    pub(super) fn is_new(&self, number: usize) -> bool {
        let last = self.last_scopes.get(number);
        last.is_none_or(|last| *last < self.record_start)
    }

    /// Notes the key of the field at a place of the callsite.
    #[inline]
    pub(super) fn mark(&mut self, place: usize, key: &Key) -> Sighting {
        if !self.is_alone {
            return self.mark_key(key.number);
        }
        let is_behind = self.next_place <= place;
        self.next_place = place + 1;
        if is_behind {
            Sighting::First
        } else {
            Sighting::InSameScope
        }
    }

    #[inline]
    fn mark_key(&mut self, number: usize) -> Sighting {
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
