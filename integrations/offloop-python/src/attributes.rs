//! A `LogRecord`, taken apart in one pass over its attributes.

#![expect(
    unsafe_code,
    reason = "a pass without counting references has no other interface than C's"
)]

use std::ptr;

use pyo3::ffi::{PyDict_Next, PyObject};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

use crate::fields::Fields;

/// The attributes of a `LogRecord`, in the order in which it sets them; behind them, those that other
/// formatters leave there.
const ATTRIBUTES: [&str; 24] = [
    "name",
    "msg",
    "args",
    "levelname",
    "levelno",
    "pathname",
    "filename",
    "module",
    "exc_info",
    "exc_text",
    "stack_info",
    "lineno",
    "funcName",
    "created",
    "msecs",
    "relativeCreated",
    "thread",
    "threadName",
    "processName",
    "process",
    "taskName",
    "message",
    "asctime",
    "color_message",
];

pub(crate) const NAME: usize = 0;
pub(crate) const MESSAGE: usize = 1;
pub(crate) const ARGUMENTS: usize = 2;
pub(crate) const LEVEL: usize = 4;
pub(crate) const FILE: usize = 5;
pub(crate) const EXCEPTION: usize = 8;
pub(crate) const EXCEPTION_TEXT: usize = 9;
pub(crate) const STACK: usize = 10;
pub(crate) const LINE: usize = 11;
pub(crate) const FUNCTION: usize = 12;
pub(crate) const THREAD: usize = 16;
pub(crate) const THREAD_NAME: usize = 17;
pub(crate) const TASK: usize = 20;

/// How many attributes each record has, in this order, unless it was made from something else.
const COMMON: usize = 20;

/// Which attributes are looked at; the others say the same in other words, or what nobody asks for.
const WANTED: [usize; 13] = [
    NAME,
    MESSAGE,
    ARGUMENTS,
    LEVEL,
    FILE,
    EXCEPTION,
    EXCEPTION_TEXT,
    STACK,
    LINE,
    FUNCTION,
    THREAD,
    THREAD_NAME,
    TASK,
];

/// The same, by place.
const IS_WANTED: [bool; ATTRIBUTES.len()] = {
    let mut is_wanted = [false; ATTRIBUTES.len()];
    let mut at = 0;
    while at < WANTED.len() {
        is_wanted[WANTED[at]] = true;
        at += 1;
    }
    is_wanted
};

/// Whether a field may not have this name, since a `LogRecord` has an attribute of it.
pub(crate) fn is_attribute(name: &str) -> bool {
    attribute_named(name).is_some_and(|place| place != ATTRIBUTES.len() - 1)
}

/// A `LogRecord`, taken apart.
pub(crate) struct Record<'py> {
    attributes: [Option<Bound<'py, PyAny>>; ATTRIBUTES.len()],
    pub(crate) extra: Fields<'py>,
}

impl<'py> Record<'py> {
    /// Takes references to what is wanted.
    pub(crate) fn read(attributes: &Bound<'py, PyDict>) -> Self {
        let py = attributes.py();
        let names = attribute_names(py);
        let mut record = Record {
            attributes: [const { None }; ATTRIBUTES.len()],
            extra: Fields::default(),
        };
        let (mut at, mut expected) = (0, 0);
        let (mut name, mut value) = (ptr::null_mut(), ptr::null_mut());
        let none = py.None().as_ptr();
        // SAFETY: it is a dict, the interpreter's lock is held, and nothing changes the dict before
        // the last call: between them only addresses and texts are compared and references counted,
        // which runs no code of Python's.
        while unsafe { PyDict_Next(attributes.as_ptr(), &mut at, &mut name, &mut value) } != 0 {
            match place_of(py, name, expected, names) {
                Some(place) => {
                    expected = place + 1;
                    // A message may be anything.
                    if IS_WANTED[place] && (value != none || place == MESSAGE) {
                        record.attributes[place] = Some(own(py, value));
                    }
                }
                None => {
                    if let Ok(name) = own(py, name).cast_into::<PyString>() {
                        record.extra.add(name, own(py, value));
                    }
                }
            }
        }
        record
    }

    /// An attribute that is not None; it is no longer here then.
    pub(crate) fn take(&mut self, place: usize) -> Option<Bound<'py, PyAny>> {
        self.attributes[place].take()
    }

    /// An attribute that is not None.
    pub(crate) fn get(&self, place: usize) -> Option<&Bound<'py, PyAny>> {
        self.attributes[place].as_ref()
    }

    pub(crate) fn string(&self, place: usize) -> Option<Bound<'py, PyString>> {
        self.attributes[place].clone()?.cast_into().ok()
    }

    pub(crate) fn integer(&self, place: usize) -> Option<i64> {
        self.get(place)?.extract().ok()
    }
}

/// A reference of our own to what the dict refers to.
fn own(py: Python<'_>, object: *mut PyObject) -> Bound<'_, PyAny> {
    // SAFETY: `PyDict_Next` has just given it, so it is an object that lives as long as the dict is
    // not changed.
    unsafe { Bound::from_borrowed_ptr(py, object) }
}

fn place_of(
    py: Python<'_>,
    name: *mut PyObject,
    expected: usize,
    names: &[Py<PyString>],
) -> Option<usize> {
    let is_name = |known: &Py<PyString>| known.as_ptr() == name;
    if names.get(expected).is_some_and(is_name) {
        return Some(expected);
    }
    if COMMON <= expected {
        // It has begun as all do, so its names are the interpreter's own.
        let rest = names.get(COMMON..)?.iter().position(is_name)?;
        return Some(COMMON + rest);
    }
    if let Some(place) = names.iter().position(is_name) {
        return Some(place);
    }
    // One that came by pickle or JSON has names of its own.
    let name = own(py, name).cast_into::<PyString>().ok()?;
    attribute_named(name.to_str().ok()?)
}

/// A bit for each pair of length and first byte that an attribute's name has, or shares with others.
const SHAPES: u64 = {
    let (mut shapes, mut at) = (0, 0);
    while at < ATTRIBUTES.len() {
        shapes |= shape(ATTRIBUTES[at]);
        at += 1;
    }
    shapes
};

const fn shape(name: &str) -> u64 {
    match name.as_bytes() {
        [] => 0,
        [first, ..] => 1 << ((name.len() * 11 + *first as usize) % 64),
    }
}

fn attribute_named(name: &str) -> Option<usize> {
    if SHAPES & shape(name) == 0 {
        return None;
    }
    ATTRIBUTES.iter().position(|known| *known == name)
}

/// The names as the interpreter has them: each only once, so that looking at the address will do.
fn attribute_names(py: Python<'_>) -> &'static [Py<PyString>] {
    static NAMES: PyOnceLock<Vec<Py<PyString>>> = PyOnceLock::new();
    NAMES.get_or_init(py, || {
        let names = ATTRIBUTES.iter();
        names
            .map(|name| PyString::intern(py, name).unbind())
            .collect()
    })
}
