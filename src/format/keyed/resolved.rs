//! Records with any names, inline ones and repeated ones among them.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::line::Line;
use super::ids;
use super::names::{Names, Role};
use super::syntax::Syntax;
use crate::capture::record::{Fields, Value};

/// The fields of a record, each name once.
pub(super) struct Resolved<'a> {
    names: &'a Names,
    fields: Vec<(Cow<'a, str>, Role, Value<'a>)>,
    places: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Resolved<'a> {
    /// Begins with the event's fields. Gives its message, so that a span's field of that name stays
    /// a field.
    pub(super) fn of_event(fields: Fields<'a>, names: &'a Names) -> (Self, Option<Value<'a>>) {
        let mut resolved = Resolved {
            names,
            fields: Vec::new(),
            places: HashMap::new(),
        };
        let mut message = None;
        let others = fields.filter_map(|(name, value)| {
            if name == "message" {
                message = Some(value);
                return None;
            }
            Some((name, value))
        });
        resolved.add_scope(others);
        (resolved, message)
    }

    /// Adds what inner scopes do not have.
    pub(super) fn add_scope(&mut self, fields: impl Iterator<Item = (&'a str, Value<'a>)>) {
        let scope_start = self.fields.len();
        for (name, value) in fields {
            let (role, name) = (self.names.role(name), self.names.renamed(name));
            match self.places.get(&name) {
                None => {
                    self.places.insert(name.clone(), self.fields.len());
                    self.fields.push((name, role, value));
                }
                Some(place) if scope_start <= *place => self.fields[*place].2 = value,
                Some(_) => {}
            }
        }
    }

    pub(super) fn write<S: Syntax>(&self, syntax: S, line: &mut Line, outside: &mut Line) {
        for (name, role, value) in &self.fields {
            let key = if self.names.is_reserved(name) {
                syntax.key(&self.free_name(name))
            } else {
                syntax.key(name)
            };
            match role {
                Role::Id(digits) => {
                    let id = ids::Id::of(value, *digits, self.names.ids);
                    id.push(syntax, value, &key, line, outside);
                }
                _ => {
                    line.push_slice(&key);
                    syntax.push_value(value, line);
                }
            }
        }
    }

    fn free_name(&self, name: &str) -> String {
        let mut free = format!("{}{name}", self.names.prefix);
        while self.places.contains_key(free.as_str()) || self.names.is_reserved(&free) {
            free.insert_str(0, self.names.prefix);
        }
        free
    }
}
