//! What fields are called in a line.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// How a format calls fields.
#[derive(Clone, Debug)]
pub(in crate::format) struct Names {
    /// The keys of the format itself, by what the default calls them. `None` for what has a place
    /// without a key.
    pub(in crate::format) own: BTreeMap<&'static str, Option<String>>,
    /// New names by the old ones.
    pub(in crate::format) renames: BTreeMap<String, String>,
    /// Names that mean something else in this format. They are reserved also in lines that do not
    /// show them.
    pub(in crate::format) reserved: BTreeSet<String>,
    /// Stands before a field's name where the name itself is reserved.
    pub(in crate::format) prefix: &'static str,
    pub(in crate::format) ids: Ids,
    /// Makes a name of any text.
    pub(in crate::format) clean: fn(&str) -> Cow<'_, str>,
}

/// What becomes of fields that hold the ids of a trace and a span.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::format) enum Ids {
    /// They are fields as others.
    #[default]
    Fields,
    /// Their last 64 bits are written as a decimal number.
    Decimal,
    /// They stand outside of the fields, if they are what they are called.
    Outside,
}

/// Where a field's value stands in the line, and as what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Role {
    /// Among the fields.
    Field,
    /// Before them.
    Message,
    /// It is the true target or place of a record of the `log` crate, and no field.
    Origin,
    /// An id, of so many hexadecimal digits.
    Id(usize),
}

impl Names {
    pub(super) fn renamed<'a>(&'a self, name: &'a str) -> Cow<'a, str> {
        (self.clean)(self.renames.get(name).map_or(name, String::as_str))
    }

    pub(super) fn is_reserved(&self, name: &str) -> bool {
        self.reserved.contains(name)
    }

    /// What a field is called where no other field has that name.
    pub(super) fn shown(&self, name: &str) -> String {
        let mut name = self.renamed(name).into_owned();
        while self.is_reserved(&name) {
            name.insert_str(0, self.prefix);
        }
        name
    }

    /// What a part of a record is called, or a field that the event has.
    pub(super) fn key_of(&self, name: &str) -> Option<String> {
        match self.own.get(name) {
            Some(own) => own.as_deref().map(|own| (self.clean)(own).into_owned()),
            None => Some(self.shown(name)),
        }
    }

    /// The role of a field that is neither an event's message nor of the bridge from `log`.
    pub(super) fn role(&self, name: &str) -> Role {
        match name {
            _ if self.ids == Ids::Fields => Role::Field,
            "trace_id" | "trace.id" => Role::Id(32),
            "span_id" | "span.id" => Role::Id(16),
            _ => Role::Field,
        }
    }
}
