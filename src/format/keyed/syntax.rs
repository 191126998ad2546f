//! What keys and values look like.

use super::super::line::Line;
use crate::capture::record::Value;

/// How keys and values are written. Everything else is the same for all formats with keys.
pub(in crate::format) trait Syntax: Copy + Send + 'static {
    /// What a line begins with, in place of the separator, of one byte, that a key begins with.
    const BEGIN: &'static [u8];

    /// What ends a string whose key was prepared.
    const STRING_END: &'static [u8];

    /// Separator, key, and whatever stands before a value of any type.
    fn key(self, name: &str) -> Vec<u8>;

    /// Appends a value behind its key, and what ends both.
    fn push_value(self, value: &Value<'_>, line: &mut Line);

    /// The same for the message, whose key is the layout's own.
    fn push_message(self, value: &Value<'_>, line: &mut Line);

    /// A span's name in the list of names, with one byte that parts it from the next.
    fn span_name(self, name: &str) -> Vec<u8>;

    /// Appends a field whose key was not prepared.
    fn push_field(self, name: &str, value: &Value<'_>, line: &mut Line) {
        line.push_slice(&self.key(name));
        self.push_value(value, line);
    }

    /// A whole field, to be prepared.
    fn field(self, name: &str, value: &Value<'_>) -> Vec<u8> {
        let mut line = Line::default();
        self.push_field(name, value, &mut line);
        line.as_bytes().to_vec()
    }
}
