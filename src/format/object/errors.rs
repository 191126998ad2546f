//! Errors, which have a chain of causes, as the different shapes want them.

use super::super::escape;
use super::super::line::Line;
use super::value::push_string;
use crate::capture::record::Messages;

/// How an error is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::format) enum ErrorStyle {
    /// `["outer","root"]`
    List,
    /// `"outer: root"`
    Joined,
    /// `{"type":"Error","message":"outer","stack":"outer\n    caused by: root"}`, by the name of its
    /// first key.
    Object(&'static str),
}

impl ErrorStyle {
    #[inline(never)]
    pub(super) fn push(self, messages: Messages<'_>, line: &mut Line) {
        match self {
            ErrorStyle::List => push_list(messages, line),
            ErrorStyle::Joined => {
                line.push(b'"');
                push_joined(messages, b": ", line);
                line.push(b'"');
            }
            ErrorStyle::Object(kind) => push_object(kind, messages, line),
        }
    }
}

fn push_list(messages: Messages<'_>, line: &mut Line) {
    line.push(b'[');
    for (index, message) in messages.enumerate() {
        if index != 0 {
            line.push(b',');
        }
        push_string(message, line);
    }
    line.push(b']');
}

fn push_joined(messages: Messages<'_>, between: &[u8], line: &mut Line) {
    for (index, message) in messages.enumerate() {
        if index != 0 {
            line.push_slice(between);
        }
        escape::push_json(message, line);
    }
}

fn push_object(kind: &str, messages: Messages<'_>, line: &mut Line) {
    line.push_array(b"{\"");
    line.push_slice(kind.as_bytes());
    line.push_array(b"\":\"Error\",\"message\":\"");
    push_joined(messages.clone(), b": ", line);
    line.push_array(b"\",\"stack\":\"Error: ");
    push_joined(messages, b"\\n    caused by: ", line);
    line.push_array(b"\"}");
}
