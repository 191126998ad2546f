//! The fields of a record on their way: names first, since the place is made of these, then values.

use offloop::frontend::Values;
use pyo3::prelude::*;
use pyo3::types::PyString;
use smallvec::SmallVec;

use crate::value;

/// A value that a field has.
#[derive(Debug)]
pub(crate) enum Field<'py> {
    Python(Bound<'py, PyAny>),
    Text(String),
    Json(String),
    Integer(i64),
    Error(crate::exception::Chain),
}

/// The name of a field.
#[derive(Debug)]
pub(crate) enum Name<'py> {
    Python(Bound<'py, PyString>),
    Own(&'static str),
}

/// Names and values in their order.
#[derive(Debug, Default)]
pub(crate) struct Fields<'py>(SmallVec<[(Name<'py>, Field<'py>); 8]>);

impl<'py> Fields<'py> {
    pub(crate) fn add(&mut self, name: Bound<'py, PyString>, value: Bound<'py, PyAny>) {
        self.0.push((Name::Python(name), Field::Python(value)));
    }

    pub(crate) fn add_own(&mut self, name: &'static str, value: Field<'py>) {
        self.0.push((Name::Own(name), value));
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
                Field::Json(text) => values.json(text),
                Field::Integer(number) => values.i64(*number),
                Field::Error(chain) => values.error(chain),
            }
        }
    }
}

impl Name<'_> {
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
