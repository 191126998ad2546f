//! Nested values as JSON: lists, dicts, and whatever they hold.

mod text;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PySet, PyString, PyTuple};

use self::text::CUT_MARK;
pub(crate) use self::text::{Json, JsonText};
use crate::value::{failed_at, index_of, integer_text, lossy, text_of};

/// Deeper values are written as text.
const DEPTH_MAX: usize = 8;

/// Whether a value is nested.
pub(crate) fn is_nested(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || value.is_instance_of::<PySet>()
}

/// A nested value as JSON, of so many bytes at most.
pub(crate) fn of(value: &Bound<'_, PyAny>, bytes_max: usize) -> Json {
    let mut text = JsonText::new(bytes_max);
    push(value, DEPTH_MAX, &mut text);
    text.finish()
}

fn push(value: &Bound<'_, PyAny>, depth_left: usize, text: &mut JsonText) {
    if value.is_none() {
        text.push("null");
    } else if let Ok(value) = value.cast::<PyString>() {
        text.push_string(&lossy(value));
    } else if let Ok(value) = value.cast::<PyBool>() {
        text.push(if value.is_true() { "true" } else { "false" });
    } else if value.is_instance_of::<PyInt>() {
        push_integer(value, text);
    } else if let Ok(value) = value.cast::<PyFloat>() {
        push_float(value.extract().unwrap_or(f64::NAN), text);
    } else if depth_left != 0 && is_nested(value) {
        push_nested(value, depth_left - 1, text);
    } else if let Some(number) = index_of(value) {
        push_integer(&number, text);
    } else {
        text.push_string(&text_of(value));
    }
}

fn push_nested(value: &Bound<'_, PyAny>, depth_left: usize, text: &mut JsonText) {
    if let Ok(dict) = value.cast::<PyDict>() {
        push_dict(dict, depth_left, text);
        return;
    }
    text.push("[");
    if let Ok(list) = value.cast_exact::<PyList>() {
        push_items(list.iter().map(Ok), value, depth_left, text);
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        push_items(tuple.iter().map(Ok), value, depth_left, text);
    } else {
        match value.try_iter() {
            Ok(items) => push_items(items, value, depth_left, text),
            Err(error) => push_failure(value, &error, text),
        }
    }
    text.push("]");
}

fn push_dict(dict: &Bound<'_, PyDict>, depth_left: usize, text: &mut JsonText) {
    text.push("{");
    // A copy: what writes a value of itself may change the dict.
    for (index, item) in dict.items().iter().enumerate() {
        let Ok((key, value)) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() else {
            continue;
        };
        if index != 0 {
            text.push(",");
        }
        if text.is_full() {
            text.push_string(CUT_MARK);
            text.push(":true");
            text.mark_cut();
            break;
        }
        text.push_string(&text_of(&key));
        text.push(":");
        push(&value, depth_left, text);
    }
    text.push("}");
}

/// The items of a list, which may have an iterator of its own.
fn push_items<'py>(
    items: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
    list: &Bound<'py, PyAny>,
    depth_left: usize,
    text: &mut JsonText,
) {
    for (index, item) in items.enumerate() {
        if index != 0 {
            text.push(",");
        }
        if text.is_full() {
            text.push_string(CUT_MARK);
            text.mark_cut();
            break;
        }
        match item {
            Ok(item) => push(&item, depth_left, text),
            Err(error) => {
                push_failure(list, &error, text);
                break;
            }
        }
    }
}

/// In place of the items that an iterator would have given.
fn push_failure(list: &Bound<'_, PyAny>, error: &PyErr, text: &mut JsonText) {
    text.push_string(&failed_at("iterating", list, error));
}

fn push_integer(value: &Bound<'_, PyAny>, text: &mut JsonText) {
    match value.extract::<i64>() {
        Ok(number) => text.push_number(number),
        // No reader rounds a string.
        Err(_) => text.push_string(&integer_text(value)),
    }
}

fn push_float(number: f64, text: &mut JsonText) {
    // JSON has no word for the others.
    if number.is_finite() {
        text.push_number(format_args!("{number:?}"));
    } else {
        text.push_number(format_args!("\"{number}\""));
    }
}
