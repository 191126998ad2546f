//! Nested values as JSON: lists, dicts, and whatever they hold.

use std::fmt::Write;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PySet, PyString, PyTuple};

use crate::value::{integer_text, text_of};

/// Deeper values are written as text.
const DEPTH_MAX: usize = 8;

/// A nested value is cut off behind so many bytes.
const BYTES_MAX: usize = 64 * 1024;

/// Whether a value is nested.
pub(crate) fn is_nested(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || value.is_instance_of::<PySet>()
}

/// A nested value as JSON.
pub(crate) fn of(value: &Bound<'_, PyAny>) -> String {
    let mut text = String::new();
    push(value, DEPTH_MAX, &mut text);
    text
}

fn push(value: &Bound<'_, PyAny>, depth_left: usize, text: &mut String) {
    if BYTES_MAX < text.len() {
        text.push_str("\"…[cut]\"");
        return;
    }
    if value.is_none() {
        text.push_str("null");
    } else if let Ok(value) = value.cast::<PyString>() {
        push_string(&value.to_string_lossy(), text);
    } else if let Ok(value) = value.cast::<PyBool>() {
        text.push_str(if value.is_true() { "true" } else { "false" });
    } else if value.is_instance_of::<PyInt>() {
        push_integer(value, text);
    } else if let Ok(value) = value.cast::<PyFloat>() {
        push_float(value.extract().unwrap_or(f64::NAN), text);
    } else if depth_left == 0 || !is_nested(value) {
        push_string(&text_of(value), text);
    } else if let Ok(value) = value.cast::<PyDict>() {
        push_dict(value, depth_left - 1, text);
    } else {
        push_list(value, depth_left - 1, text);
    }
}

fn push_dict(dict: &Bound<'_, PyDict>, depth_left: usize, text: &mut String) {
    text.push('{');
    // A copy: what writes a value of itself may change the dict.
    for (index, item) in dict.items().iter().enumerate() {
        let Ok((key, value)) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() else {
            continue;
        };
        if index != 0 {
            text.push(',');
        }
        push_string(&text_of(&key), text);
        text.push(':');
        push(&value, depth_left, text);
        if BYTES_MAX < text.len() {
            break;
        }
    }
    text.push('}');
}

fn push_list(list: &Bound<'_, PyAny>, depth_left: usize, text: &mut String) {
    text.push('[');
    let items: Vec<_> = match list.try_iter() {
        Ok(items) => items.map_while(Result::ok).collect(),
        Err(_) => Vec::new(),
    };
    for (index, value) in items.iter().enumerate() {
        if index != 0 {
            text.push(',');
        }
        push(value, depth_left, text);
        if BYTES_MAX < text.len() {
            break;
        }
    }
    text.push(']');
}

fn push_integer(value: &Bound<'_, PyAny>, text: &mut String) {
    match value.extract::<i64>() {
        Ok(number) => {
            let _ = write!(text, "{number}");
        }
        // No reader rounds a string.
        Err(_) => push_string(&integer_text(value), text),
    }
}

fn push_float(number: f64, text: &mut String) {
    // JSON has no word for the others.
    let _ = if number.is_finite() {
        write!(text, "{number:?}")
    } else {
        write!(text, "\"{number}\"")
    };
}

/// Appends a string with its quotes.
pub(crate) fn push_string(value: &str, text: &mut String) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\0'..='\u{1f}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            _ => text.push(c),
        }
    }
    text.push('"');
}
