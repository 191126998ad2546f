//! A value of Python's becomes one of a record. Nothing here raises: what cannot be shown says so.

use offloop::frontend::Values;
use pyo3::exceptions::{PyBaseException, PyKeyboardInterrupt};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString};

use crate::exception::Chain;
use crate::json;

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
    match text.to_str() {
        Ok(text) => values.str(text),
        Err(_) => values.str(&text.to_string_lossy()),
    }
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
        values.json(&json::of(value));
    } else if let Ok(value) = value.cast::<PyBytes>() {
        values.bytes(value.as_bytes());
    } else if let Ok(error) = value.cast::<PyBaseException>() {
        values.error(&Chain::of(error));
    } else {
        values.str(&text_of(value));
    }
}

/// What `str()` makes of a value.
pub(crate) fn text_of(value: &Bound<'_, PyAny>) -> String {
    match value.str() {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(error) => failed(value, &error),
    }
}

/// Says what went wrong in a value's own code, as short as possible.
pub(crate) fn failed(value: &Bound<'_, PyAny>, error: &PyErr) -> String {
    let py = value.py();
    pass_on(py, error);
    let type_name = |value: &Bound<'_, PyAny>| match value.get_type().name() {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => "object".to_owned(),
    };
    let error = type_name(error.value(py).as_any());
    format!("[formatting {} failed: {error}]", type_name(value))
}

/// Sees to it that Ctrl+C is not lost where it came while a value wrote itself: it comes again once
/// the log call is over.
pub(crate) fn pass_on(py: Python<'_>, error: &PyErr) {
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        let thread = py.import("_thread");
        let _ = thread.and_then(|thread| thread.call_method0("interrupt_main"));
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
