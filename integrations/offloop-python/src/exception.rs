//! Python's exceptions, with their causes and frames.

use std::error::Error;
use std::fmt;

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;

use crate::json::push_string;
use crate::value::text_of;

/// How many exceptions of a chain are kept: each may have been raised while the one before was
/// handled, for ever.
const CHAIN_MAX: usize = 16;

/// How many frames of an exception are kept: the innermost, since that is where it happened.
const FRAMES_MAX: usize = 32;

/// How many exceptions of a group are kept.
const GROUP_MAX: usize = 16;

/// The messages of an exception and of those that it came from.
#[derive(Debug)]
pub(crate) struct Chain {
    message: String,
    source: Option<Box<Chain>>,
}

impl Chain {
    pub(crate) fn of(exception: &Bound<'_, PyBaseException>) -> Self {
        let messages = links(exception).into_iter().map(|link| {
            let (name, message) = (type_name(&link), text_of(link.as_any()));
            if message.is_empty() {
                name
            } else {
                format!("{name}: {message}")
            }
        });
        let chain = messages.rev().fold(None, |source, message| {
            let source = source.map(Box::new);
            Some(Chain { message, source })
        });
        chain.unwrap_or(Chain {
            message: String::new(),
            source: None,
        })
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Chain {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

/// The name of an exception's type, with its module unless that is Python's own.
pub(crate) fn type_name(exception: &Bound<'_, PyBaseException>) -> String {
    let own = exception.get_type();
    let name = own.qualname().map(|name| name.to_string());
    let name = name.unwrap_or_else(|_| "BaseException".to_owned());
    match own.module().map(|module| module.to_string()) {
        Ok(module) if module != "builtins" => format!("{module}.{name}"),
        _ => name,
    }
}

/// An exception with its causes and frames, as JSON: the outermost first.
pub(crate) fn json_of(exception: &Bound<'_, PyBaseException>) -> String {
    let mut text = String::new();
    push_links(exception, true, &mut text);
    text
}

/// The exception, what it came from, what that came from, and so on.
fn links<'py>(exception: &Bound<'py, PyBaseException>) -> Vec<Bound<'py, PyBaseException>> {
    let mut links = vec![exception.clone()];
    while let Some(next) = links.last().and_then(origin)
        && links.len() < CHAIN_MAX
        // A chain may be a circle.
        && !links.iter().any(|link| link.is(&next))
    {
        links.push(next);
    }
    links
}

/// What an exception was raised from, or what was being handled when it was raised.
fn origin<'py>(exception: &Bound<'py, PyBaseException>) -> Option<Bound<'py, PyBaseException>> {
    let at = |name| {
        let value = exception.getattr(name).ok()?;
        value.cast_into::<PyBaseException>().ok()
    };
    if let Some(cause) = at("__cause__") {
        return Some(cause);
    }
    let is_suppressed = exception.getattr("__suppress_context__");
    let is_suppressed = is_suppressed.and_then(|value| value.is_truthy());
    if is_suppressed.unwrap_or(false) {
        return None;
    }
    at("__context__")
}

fn push_links(exception: &Bound<'_, PyBaseException>, with_group: bool, text: &mut String) {
    text.push('[');
    for (index, link) in links(exception).iter().enumerate() {
        if index != 0 {
            text.push(',');
        }
        text.push_str("{\"type\":");
        push_string(&type_name(link), text);
        text.push_str(",\"message\":");
        push_string(&text_of(link.as_any()), text);
        text.push_str(",\"frames\":");
        push_frames(link, text);
        if with_group {
            push_group(link, text);
        }
        text.push('}');
    }
    text.push(']');
}

/// The exceptions that a group is made of.
fn push_group(exception: &Bound<'_, PyBaseException>, text: &mut String) {
    let is_group = type_name(exception).ends_with("ExceptionGroup");
    let Ok(members) = exception.getattr("exceptions") else {
        return;
    };
    let Ok(members) = members.extract::<Vec<Bound<'_, PyBaseException>>>() else {
        return;
    };
    if !is_group || members.is_empty() {
        return;
    }
    text.push_str(",\"exceptions\":[");
    for (index, member) in members.iter().take(GROUP_MAX).enumerate() {
        if index != 0 {
            text.push(',');
        }
        push_links(member, false, text);
    }
    text.push(']');
}

fn push_frames(exception: &Bound<'_, PyBaseException>, text: &mut String) {
    let frames = frames(exception);
    let left_out = frames.len().saturating_sub(FRAMES_MAX);
    text.push('[');
    for (index, (file, line, function)) in frames[left_out..].iter().enumerate() {
        if index != 0 {
            text.push(',');
        }
        text.push_str("{\"file\":");
        push_string(file, text);
        text.push_str(&format!(",\"line\":{line},\"function\":"));
        push_string(function, text);
        text.push('}');
    }
    text.push(']');
}

/// File, line and function of each frame, the outermost first.
fn frames(exception: &Bound<'_, PyBaseException>) -> Vec<(String, u32, String)> {
    let mut frames = Vec::new();
    let mut next = exception.getattr("__traceback__").ok();
    while let Some(entry) = next.take().filter(|entry| !entry.is_none()) {
        let frame = || -> PyResult<_> {
            let code = entry.getattr("tb_frame")?.getattr("f_code")?;
            let line = entry.getattr("tb_lineno")?.extract().unwrap_or(0);
            let text = |name| code.getattr(name)?.extract::<String>();
            let function = text("co_qualname").or_else(|_| text("co_name"))?;
            Ok((text("co_filename")?, line, function))
        };
        frames.extend(frame());
        next = entry.getattr("tb_next").ok();
    }
    frames
}
