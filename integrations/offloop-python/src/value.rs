//! A value of Python's becomes one of a record. Nothing here raises: what cannot be shown says so.

use std::borrow::Cow;

use offloop::frontend::Values;
use pyo3::exceptions::{PyBaseException, PyKeyboardInterrupt};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString};

use crate::exception::Chain;
use crate::json::{self, Json};
use crate::modules::{Modules, modules};

/// Writes a value as the next of a record.
pub(crate) fn write(value: &Bound<'_, PyAny>, values: &mut Values<'_, '_>) {
    if let Ok(text) = value.cast::<PyString>() {
        write_text(text, values);
    } else if let Ok(value) = value.cast_exact::<PyBool>() {
        values.bool(value.is_true());
    } else if value.is_instance_of::<PyInt>() {
        write_integer(value, values);
    } else if let Ok(value) = value.cast::<PyFloat>() {
        values.f64(value.extract().unwrap_or(f64::NAN));
    } else if value.is_none() {
        values.json("null");
    } else {
        write_other(value, values);
    }
}

/// Writes a string. Half of a surrogate pair, which is no character, is replaced.
pub(crate) fn write_text(text: &Bound<'_, PyString>, values: &mut Values<'_, '_>) {
    values.str(&lossy(text));
}

/// A string's text. Each half of a surrogate pair is replaced.
pub(crate) fn lossy<'a>(text: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    match text.to_str() {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(without_surrogates(text)),
    }
}

#[cold]
fn without_surrogates(text: &Bound<'_, PyString>) -> String {
    let bytes = text.call_method1("encode", ("utf-8", "surrogatepass"));
    let bytes = bytes.and_then(|bytes| Ok(bytes.cast_into::<PyBytes>()?));
    let Ok(bytes) = bytes else {
        return text.to_string_lossy().into_owned();
    };
    let mut replaced = String::new();
    for chunk in bytes.as_bytes().utf8_chunks() {
        replaced.push_str(chunk.valid());
        // Such a half is this byte, and two that go on.
        if chunk.invalid().first() == Some(&0xED) {
            replaced.push(char::REPLACEMENT_CHARACTER);
        }
    }
    replaced
}

fn write_integer(value: &Bound<'_, PyAny>, values: &mut Values<'_, '_>) {
    if let Ok(number) = value.extract::<i64>() {
        values.i64(number);
    } else if let Ok(number) = value.extract::<u64>() {
        values.u64(number);
    } else {
        values.str(&integer_text(value));
    }
}

fn write_other(value: &Bound<'_, PyAny>, values: &mut Values<'_, '_>) {
    if json::is_nested(value) {
        write_json(&json::of(value, values.bytes_max()), values);
    } else if let Ok(value) = value.cast::<PyBytes>() {
        values.bytes(value.as_bytes());
    } else if let Ok(error) = value.cast::<PyBaseException>() {
        values.error(&Chain::of(error));
    } else if let Some(number) = index_of(value) {
        write_integer(&number, values);
    } else {
        values.str(&text_of(value));
    }
}

/// Writes JSON as the next value.
pub(crate) fn write_json(json: &Json, values: &mut Values<'_, '_>) {
    values.json(&json.text);
    if json.is_cut {
        values.mark_cut();
    }
}

/// The integer that a value says it is, as those of numpy do.
pub(crate) fn index_of<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let py = value.py();
    // Asked of the type first: an error would have to be made for each value that is none.
    let index = value
        .get_type()
        .getattr_opt(intern!(py, "__index__"))
        .ok()??;
    let number = index.call1((value,)).ok()?;
    number.is_instance_of::<PyInt>().then_some(number)
}

/// What `str()` makes of a value.
pub(crate) fn text_of(value: &Bound<'_, PyAny>) -> String {
    match value.str() {
        Ok(text) => lossy(&text).into_owned(),
        Err(error) => failed(value, &error),
    }
}

/// Says that a value could not be formatted.
pub(crate) fn failed(value: &Bound<'_, PyAny>, error: &PyErr) -> String {
    failed_at("formatting", value, error)
}

/// Says what went wrong in a value's own code, as short as possible.
pub(crate) fn failed_at(what: &str, value: &Bound<'_, PyAny>, error: &PyErr) -> String {
    let py = value.py();
    pass_on(py, error);
    let type_name = |value: &Bound<'_, PyAny>| match value.get_type().name() {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => "object".to_owned(),
    };
    let error = type_name(error.value(py).as_any());
    format!("[{what} {} failed: {error}]", type_name(value))
}

/// Sees to it that Ctrl+C is not lost where it came while a value wrote itself: it comes again once
/// the log call is over.
pub(crate) fn pass_on(py: Python<'_>, error: &PyErr) {
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        let interrupt = |modules: &Modules| modules.thread.call_method0(py, "interrupt_main");
        let _ = modules(py).and_then(interrupt);
    }
}

/// An integer that fits nowhere: its digits. Python refuses those of a very large one, and gives it in
/// hexadecimal.
pub(crate) fn integer_text(value: &Bound<'_, PyAny>) -> String {
    if let Ok(text) = value.str() {
        return text.to_string_lossy().into_owned();
    }
    match value.call_method1("__format__", ("x",)) {
        Ok(digits) => format!("0x{digits}"),
        Err(error) => failed(value, &error),
    }
}
