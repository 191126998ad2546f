//! Python's exceptions, with their causes and frames.

use std::collections::{HashSet, VecDeque};
use std::error::Error;
use std::fmt;

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::json::{Json, JsonText};
use crate::value::text_of;

/// How many exceptions of a chain are kept: each may have been raised while the one before was
/// handled, for ever.
const CHAIN_MAX: usize = 16;

/// How many frames of an exception are kept: the innermost, since that is where it happened.
const FRAMES_MAX: usize = 32;

/// How many exceptions of a group are kept, each with its own chain.
const GROUP_MAX: usize = 16;

/// How deep groups within groups go.
const DEPTH_MAX: usize = 8;

/// How many exceptions of a record are kept in all.
const EXCEPTIONS_MAX: usize = 64;

/// How many messages of them are kept beside that.
const MESSAGES_MAX: usize = 32;

/// How many notes of an exception are kept.
const NOTES_MAX: usize = 32;

/// How far exceptions are counted that are left out.
const LEFT_OUT_MAX: usize = 10_000;

/// What all that takes at most.
const BYTES_MAX: usize = 128 * 1024;

/// The messages of an exception and of those that it came from.
#[derive(Debug)]
pub(crate) struct Chain {
    message: String,
    source: Option<Box<Chain>>,
}

impl Chain {
    pub(crate) fn of(exception: &Bound<'_, PyBaseException>) -> Self {
        let mut messages = Messages::default();
        messages.add(exception, DEPTH_MAX);
        if messages.left_out != 0 {
            let left_out = format!("[{} more left out]", messages.left_out);
            messages.texts.push(left_out);
        }
        let texts = messages.texts.into_iter().rev();
        let chain = texts.fold(None, |source, message| {
            let source = source.map(Box::new);
            Some(Chain { message, source })
        });
        chain.unwrap_or(Chain {
            message: String::new(),
            source: None,
        })
    }
}

/// Messages of exceptions: each is followed by those of the group that it is, then of its causes.
#[derive(Default)]
struct Messages {
    texts: Vec<String>,
    left_out: usize,
}

impl Messages {
    fn add(&mut self, exception: &Bound<'_, PyBaseException>, depth_left: usize) {
        if self.texts.len() == MESSAGES_MAX {
            self.left_out += 1;
            return;
        }
        let (links, left_out) = links(exception);
        self.left_out += left_out;
        for link in &links {
            self.add_one(link);
            let Some(members) = members(link) else {
                continue;
            };
            let shown = if depth_left == 0 { 0 } else { GROUP_MAX };
            for member in members.iter().take(shown) {
                if let Ok(member) = member.cast::<PyBaseException>() {
                    self.add(member, depth_left - 1);
                }
            }
            self.left_out += members.len().saturating_sub(shown);
        }
    }

    fn add_one(&mut self, exception: &Bound<'_, PyBaseException>) {
        if self.texts.len() == MESSAGES_MAX {
            self.left_out += 1;
            return;
        }
        let (name, message) = (type_name(exception), text_of(exception.as_any()));
        self.texts.push(if message.is_empty() {
            name
        } else {
            format!("{name}: {message}")
        });
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
pub(crate) fn json_of(exception: &Bound<'_, PyBaseException>) -> Json {
    let mut exceptions = Exceptions {
        text: JsonText::new(BYTES_MAX),
        exceptions_left: EXCEPTIONS_MAX,
    };
    exceptions.push_links(exception, DEPTH_MAX);
    exceptions.text.finish()
}

/// The exception, what it came from, what that came from, and so on, and how many there are besides.
fn links<'py>(
    exception: &Bound<'py, PyBaseException>,
) -> (Vec<Bound<'py, PyBaseException>>, usize) {
    let mut links = vec![exception.clone()];
    let mut left_out = 0;
    let mut last = exception.clone();
    // A chain may be a circle.
    let mut known = HashSet::from([exception.as_ptr()]);
    while let Some(next) = origin(&last)
        && left_out < LEFT_OUT_MAX
        && known.insert(next.as_ptr())
    {
        if links.len() < CHAIN_MAX {
            links.push(next.clone());
        } else {
            left_out += 1;
        }
        last = next;
    }
    (links, left_out)
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

/// Exceptions on their way into a record, all of them within one budget.
struct Exceptions {
    text: JsonText,
    exceptions_left: usize,
}

impl Exceptions {
    /// An exception and what it came from.
    fn push_links(&mut self, exception: &Bound<'_, PyBaseException>, depth_left: usize) {
        let (links, mut left_out) = links(exception);
        self.text.push("[");
        for (index, link) in links.iter().enumerate() {
            if self.has_no_room() {
                left_out += links.len() - index;
                break;
            }
            if index != 0 {
                self.text.push(",");
            }
            self.exceptions_left -= 1;
            self.push_exception(link, depth_left);
        }
        self.push_left_out(left_out);
        self.text.push("]");
    }

    fn has_no_room(&self) -> bool {
        self.exceptions_left == 0 || self.text.is_full()
    }

    fn push_exception(&mut self, exception: &Bound<'_, PyBaseException>, depth_left: usize) {
        self.text.push("{\"type\":");
        self.text.push_string(&type_name(exception));
        self.text.push(",\"message\":");
        self.text.push_string(&text_of(exception.as_any()));
        self.push_notes(exception);
        self.text.push(",\"frames\":");
        self.push_frames(exception);
        self.push_group(exception, depth_left);
        self.text.push("}");
    }

    /// What `add_note` has added.
    fn push_notes(&mut self, exception: &Bound<'_, PyBaseException>) {
        let notes = exception.getattr("__notes__").ok();
        let Some(notes) = notes.and_then(|notes| notes.cast_into::<PyList>().ok()) else {
            return;
        };
        if notes.is_empty() {
            return;
        }
        self.text.push(",\"notes\":[");
        for (index, note) in notes.iter().take(NOTES_MAX).enumerate() {
            if index != 0 {
                self.text.push(",");
            }
            self.text.push_string(&text_of(&note));
        }
        self.push_left_out(notes.len().saturating_sub(NOTES_MAX));
        self.text.push("]");
    }

    fn push_frames(&mut self, exception: &Bound<'_, PyBaseException>) {
        let (frames, left_out) = frames(exception);
        self.text.push("[");
        // The outermost are missing.
        self.push_left_out(left_out);
        for (index, (file, line, function)) in frames.iter().enumerate() {
            if index != 0 || left_out != 0 {
                self.text.push(",");
            }
            if self.text.is_full() {
                self.push_left_out(frames.len() - index);
                break;
            }
            self.text.push("{\"file\":");
            self.text.push_string(file);
            self.text.push(",\"line\":");
            self.text.push_number(line);
            self.text.push(",\"function\":");
            self.text.push_string(function);
            self.text.push("}");
        }
        self.text.push("]");
    }

    /// The exceptions that a group is made of, each with what it came from.
    fn push_group(&mut self, exception: &Bound<'_, PyBaseException>, depth_left: usize) {
        let Some(members) = members(exception) else {
            return;
        };
        let mut shown = 0;
        self.text.push(",\"exceptions\":[");
        for member in members.iter().take(GROUP_MAX) {
            let Ok(member) = member.cast_into::<PyBaseException>() else {
                continue;
            };
            if depth_left == 0 || self.has_no_room() {
                break;
            }
            if shown != 0 {
                self.text.push(",");
            }
            self.push_links(&member, depth_left - 1);
            shown += 1;
        }
        self.push_left_out(members.len() - shown);
        self.text.push("]");
    }

    /// Says in a list how many are missing there.
    fn push_left_out(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        self.text.separate();
        self.text.push("{\"left_out\":");
        self.text.push_number(count);
        self.text.push("}");
        self.text.mark_cut();
    }
}

/// What a group is made of.
fn members<'py>(exception: &Bound<'py, PyBaseException>) -> Option<Bound<'py, PyTuple>> {
    let members = exception.getattr("exceptions").ok()?;
    let members = members.cast_into::<PyTuple>().ok()?;
    let first = members.get_item(0).ok()?;
    first.is_instance_of::<PyBaseException>().then_some(members)
}

/// File, line and function of a frame.
type Frame = (String, u32, String);

/// The innermost frames, the outermost of them first, and how many there are besides.
fn frames(exception: &Bound<'_, PyBaseException>) -> (VecDeque<Frame>, usize) {
    let mut entries = VecDeque::new();
    let mut left_out = 0;
    let mut next = exception.getattr("__traceback__").ok();
    while let Some(entry) = next.take().filter(|entry| !entry.is_none()) {
        next = entry.getattr("tb_next").ok();
        if entries.len() == FRAMES_MAX {
            entries.pop_front();
            left_out += 1;
        }
        entries.push_back(entry);
    }
    let frame = |entry: Bound<'_, PyAny>| -> PyResult<Frame> {
        let code = entry.getattr("tb_frame")?.getattr("f_code")?;
        let line = entry.getattr("tb_lineno")?.extract().unwrap_or(0);
        let text = |name| code.getattr(name)?.extract::<String>();
        let function = text("co_qualname").or_else(|_| text("co_name"))?;
        Ok((text("co_filename")?, line, function))
    };
    let frames = entries.into_iter().filter_map(|entry| frame(entry).ok());
    (frames.collect(), left_out)
}
