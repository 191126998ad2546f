//! Records with any names, inline ones and repeated ones among them.

use std::collections::HashMap;

use super::super::keys::{self, PREFIX};
use super::super::line::Line;
use super::value;
use crate::capture::record::{Fields, Value};

/// The fields of a record, each name once.
#[derive(Default)]
pub(super) struct Resolved<'a> {
    fields: Vec<(&'a str, Value<'a>)>,
    places: HashMap<&'a str, usize>,
}

impl<'a> Resolved<'a> {
    /// Adds what inner scopes do not have.
    pub(super) fn add_scope(&mut self, fields: Fields<'a>) {
        let scope_start = self.fields.len();
        for (name, value) in fields {
            match self.places.get(name) {
                None => {
                    self.places.insert(name, self.fields.len());
                    self.fields.push((name, value));
                }
                Some(place) if scope_start <= *place => self.fields[*place].1 = value,
                Some(_) => {}
            }
        }
    }

    /// Takes the event's message out, so that a span's field of that name stays a field.
    pub(super) fn take_message(&mut self) -> Option<Value<'a>> {
        let place = self.places.get("message").copied()?;
        let (_, message) = self.fields.remove(place);
        self.places.clear();
        let names = self.fields.iter().map(|(name, _)| *name);
        self.places.extend(names.zip(0..));
        Some(message)
    }

    pub(super) fn write(&self, line: &mut Line) {
        for (name, value) in &self.fields {
            let key = if keys::is_reserved(name) {
                keys::key(&self.free_name(name))
            } else {
                keys::key(name)
            };
            line.push_slice(&key);
            value::push_behind_key(value, line);
        }
    }

    fn free_name(&self, name: &str) -> String {
        let mut free = format!("{PREFIX}{name}");
        while self.places.contains_key(free.as_str()) {
            free.insert_str(0, PREFIX);
        }
        free
    }
}
