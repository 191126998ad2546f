//! A `LogRecord`, taken apart in one pass over its attributes.

#![expect(
    unsafe_code,
    reason = "a pass without counting references has no other interface than C's"
)]

use std::ptr;

use pyo3::ffi::{PyDict_Next, PyObject};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyInt, PyString};

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

const NAME: usize = 0;
const MESSAGE: usize = 1;
const ARGUMENTS: usize = 2;
const LEVEL: usize = 4;
const FILE: usize = 5;
const EXCEPTION: usize = 8;
const EXCEPTION_TEXT: usize = 9;
const STACK: usize = 10;
const LINE: usize = 11;
const FUNCTION: usize = 12;
const THREAD_NAME: usize = 17;
const TASK: usize = 20;

/// How many attributes each record has, in this order, unless it was made from something else.
const COMMON: usize = 20;

/// Whether it is the same message once more, in colours: uvicorn adds that to its own.
pub(crate) fn is_for_terminals(name: &Bound<'_, PyString>) -> bool {
    let names = attribute_names(name.py());
    names.last().is_some_and(|known| name.is(known))
}

/// Whether a field may not have this name, since a `LogRecord` has an attribute of it.
pub(crate) fn is_attribute(name: &str) -> bool {
    attribute_named(name).is_some_and(|place| place != ATTRIBUTES.len() - 1)
}

/// What of a `LogRecord` is looked at; its other attributes say the same in other words, or what
/// nobody asks for. An attribute that is None, or not what it should be, is not there.
pub(crate) struct Record<'py> {
    pub(crate) name: Option<Bound<'py, PyString>>,
    /// May be anything, None as well.
    pub(crate) message: Option<Bound<'py, PyAny>>,
    pub(crate) arguments: Option<Bound<'py, PyAny>>,
    pub(crate) level: i64,
    pub(crate) file: Option<Bound<'py, PyString>>,
    pub(crate) line: Option<i64>,
    pub(crate) function: Option<Bound<'py, PyString>>,
    pub(crate) exception: Option<Bound<'py, PyAny>>,
    pub(crate) exception_text: Option<Bound<'py, PyAny>>,
    pub(crate) stack: Option<Bound<'py, PyAny>>,
    pub(crate) thread_name: Option<Bound<'py, PyString>>,
    pub(crate) task: Option<Bound<'py, PyAny>>,
}

impl<'py> Record<'py> {
    /// Takes references to what is wanted; attributes that are none of a record's own go to `extra`.
    pub(crate) fn read(attributes: &Bound<'py, PyDict>, extra: &mut Fields<'py>) -> Self {
        let py = attributes.py();
        let names = attribute_names(py);
        let mut values = [ptr::null_mut(); ATTRIBUTES.len()];
        let (mut at, mut expected) = (0, 0);
        let (mut name, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: it is a dict, the interpreter's lock is held, and nothing changes the dict before
        // the last call: between them only addresses and texts are compared and references counted,
        // which runs no code of Python's.
        while unsafe { PyDict_Next(attributes.as_ptr(), &mut at, &mut name, &mut value) } != 0 {
            if let Some(place) = place_of(py, name, expected, names) {
                expected = place + 1;
                values[place] = value;
            } else if let Ok(name) = own(py, name).cast_into::<PyString>() {
                extra.add(name, own(py, value));
            }
        }
        Self::of(py, &values)
    }

    /// Runs no code of Python's, so the dict still holds all of them.
    fn of(py: Python<'py>, values: &[*mut PyObject; ATTRIBUTES.len()]) -> Self {
        let none = py.None().as_ptr();
        let any = |place: usize| Some(values[place]).filter(|value| !value.is_null());
        let some = |place| any(place).filter(|value| *value != none);
        let object = |place| some(place).map(|value| own(py, value));
        let text = |place| object(place)?.cast_into::<PyString>().ok();
        let number = |place| object(place)?.cast::<PyInt>().ok()?.extract().ok();
        Record {
            name: text(NAME),
            message: any(MESSAGE).map(|value| own(py, value)),
            arguments: object(ARGUMENTS),
            level: number(LEVEL).unwrap_or(0),
            file: text(FILE),
            line: number(LINE),
            function: text(FUNCTION),
            exception: object(EXCEPTION),
            exception_text: object(EXCEPTION_TEXT),
            stack: object(STACK),
            thread_name: text(THREAD_NAME),
            task: object(TASK),
        }
    }

    /// Where nobody wants to know from which line of the program it came.
    pub(crate) fn forget_place(&mut self) {
        (self.file, self.line, self.function) = (None, None, None);
    }
}

/// A reference of our own to what the dict refers to.
fn own(py: Python<'_>, object: *mut PyObject) -> Bound<'_, PyAny> {
    // SAFETY: `PyDict_Next` has given it, so it is an object that lives as long as the dict is not
    // changed; it has not been since.
    unsafe { Bound::from_borrowed_ptr(py, object) }
}

#[inline]
fn place_of(py: Python<'_>, name: *mut PyObject, expected: usize, names: &Names) -> Option<usize> {
    let is_name = |known: &Py<PyString>| known.as_ptr() == name;
    if names.get(expected).is_some_and(is_name) {
        return Some(expected);
    }
    place_elsewhere(py, name, expected, names)
}

/// Where the name is not the one that comes next.
fn place_elsewhere(
    py: Python<'_>,
    name: *mut PyObject,
    expected: usize,
    names: &Names,
) -> Option<usize> {
    let is_name = |known: &Py<PyString>| known.as_ptr() == name;
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

type Names = [Py<PyString>; ATTRIBUTES.len()];

/// The names as the interpreter has them: each only once, so that looking at the address will do.
fn attribute_names(py: Python<'_>) -> &'static Names {
    static NAMES: PyOnceLock<Names> = PyOnceLock::new();
    NAMES.get_or_init(py, || {
        ATTRIBUTES.map(|name| PyString::intern(py, name).unbind())
    })
}
