//! JSON as it is written, up to a limit.

use std::fmt::Write;

/// Says where something was cut.
pub(crate) const CUT_MARK: &str = "…[cut]";

/// What the marks and brackets take that are written once the limit is reached.
const CLOSING_BYTES: usize = 512;

/// JSON, and whether it is less than was to be told.
#[derive(Debug)]
pub(crate) struct Json {
    pub(crate) text: String,
    pub(crate) is_cut: bool,
}

/// JSON that comes to be. Whoever writes it asks whether it is full before each item of a list or of an
/// object, and tells that it was cut.
#[derive(Debug)]
pub(crate) struct JsonText {
    text: String,
    bytes_max: usize,
    is_cut: bool,
}

impl JsonText {
    /// One that is about so long in the end, and no longer.
    pub(crate) fn new(bytes_max: usize) -> Self {
        JsonText {
            text: String::new(),
            bytes_max: bytes_max.saturating_sub(CLOSING_BYTES),
            is_cut: false,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes_max <= self.text.len()
    }

    pub(crate) fn mark_cut(&mut self) {
        self.is_cut = true;
    }

    /// Appends what belongs to no string.
    pub(crate) fn push(&mut self, json: &str) {
        self.text.push_str(json);
    }

    /// Appends a comma, unless a list has just begun or has one.
    pub(crate) fn separate(&mut self) {
        if !self.text.ends_with(['[', ',']) {
            self.text.push(',');
        }
    }

    /// Appends a number.
    pub(crate) fn push_number(&mut self, number: impl std::fmt::Display) {
        // Writing to a string does not fail.
        let _ = write!(self.text, "{number}");
    }

    /// Appends a string with its quotes, as much of it as there is room for.
    pub(crate) fn push_string(&mut self, value: &str) {
        self.text.push('"');
        for c in value.chars() {
            if self.is_full() {
                self.text.push_str(CUT_MARK);
                self.is_cut = true;
                break;
            }
            self.push_escaped(c);
        }
        self.text.push('"');
    }

    fn push_escaped(&mut self, c: char) {
        match c {
            '"' => self.text.push_str("\\\""),
            '\\' => self.text.push_str("\\\\"),
            '\n' => self.text.push_str("\\n"),
            '\r' => self.text.push_str("\\r"),
            '\t' => self.text.push_str("\\t"),
            '\0'..='\u{1f}' => {
                let _ = write!(self.text, "\\u{:04x}", u32::from(c));
            }
            _ => self.text.push(c),
        }
    }

    pub(crate) fn finish(self) -> Json {
        Json {
            text: self.text,
            is_cut: self.is_cut,
        }
    }
}
