//! The fields of a record on their way: names first, since the place is made of these, then values.

use offloop::frontend::Values;
use pyo3::prelude::*;
use pyo3::types::PyString;
use smallvec::SmallVec;

use crate::attributes::is_attribute;
use crate::json::Json;
use crate::value;

/// A value that a field has.
#[derive(Debug)]
pub(crate) enum Field<'py> {
    Python(Bound<'py, PyAny>),
    Text(String),
    Json(Json),
    Integer(i64),
    Float(f64),
    Error(crate::exception::Chain),
}

/// The name of a field.
#[derive(Debug)]
pub(crate) enum Name<T> {
    Python(T),
    Own(&'static str),
}

impl Name<Bound<'_, PyString>> {
    /// The name to be kept beyond the log call.
    pub(crate) fn kept(&self) -> Name<Py<PyString>> {
        match self {
            Name::Python(name) => Name::Python(name.clone().unbind()),
            Name::Own(name) => Name::Own(name),
        }
    }

    /// Whether it is the very same object.
    pub(crate) fn is(&self, kept: &Name<Py<PyString>>) -> bool {
        match (self, kept) {
            (Name::Python(name), Name::Python(kept)) => name.is(kept),
            (Name::Own(name), Name::Own(kept)) => std::ptr::eq(*name, *kept),
            _ => false,
        }
    }

    fn as_str(&self) -> &str {
        match self {
            // The message has a place of its own.
            Name::Python(name) => match name.to_str() {
                Ok("message") => "fields.message",
                Ok(name) => name,
                Err(_) => "[name is no text]",
            },
            Name::Own(name) => name,
        }
    }
}

/// Names and values in their order.
#[derive(Debug, Default)]
pub(crate) struct Fields<'py>(SmallVec<[(Name<Bound<'py, PyString>>, Field<'py>); 8]>);

impl<'py> Fields<'py> {
    pub(crate) fn add(&mut self, name: Bound<'py, PyString>, value: Bound<'py, PyAny>) {
        self.0.push((Name::Python(name), Field::Python(value)));
    }

    pub(crate) fn add_own(&mut self, name: &'static str, value: Field<'py>) {
        self.0.push((Name::Own(name), value));
    }

    /// Takes out a field of Python's.
    pub(crate) fn take(&mut self, wanted: &str) -> Option<Bound<'py, PyAny>> {
        let place = self
            .0
            .iter()
            .position(|(name, _)| name.as_str() == wanted)?;
        match self.0.remove(place) {
            (_, Field::Python(value)) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn each_name(&self) -> impl Iterator<Item = &Name<Bound<'py, PyString>>> {
        self.0.iter().map(|(name, _)| name)
    }

    /// Whether a `LogRecord` has no attributes of these names.
    pub(crate) fn are_free(&self) -> bool {
        let mut names = self.each_name();
        names.all(|name| match name {
            Name::Python(name) => name.to_str().is_ok_and(|name| !is_attribute(name)),
            Name::Own(_) => true,
        })
    }

    /// The names, for a place.
    pub(crate) fn names(&self) -> SmallVec<[&str; 8]> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Writes the values, behind the message.
    pub(crate) fn write(&self, values: &mut Values<'_, '_>) {
        for (_, field) in &self.0 {
            match field {
                Field::Python(value) => value::write(value, values),
                Field::Text(text) => values.str(text),
                Field::Json(json) => value::write_json(json, values),
                Field::Integer(number) => values.i64(*number),
                Field::Float(number) => values.f64(*number),
                Field::Error(chain) => values.error(chain),
            }
        }
    }
}
