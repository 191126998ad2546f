//! The texts of a request that its record needs at the end, in one piece of memory.

use std::fmt::Write;

use super::privacy::{Capped, capped};
use super::spare;

/// Which text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Method,
    Path,
    Query,
    Scheme,
    Host,
    UserAgent,
    Route,
    RefusedId,
}

const PARTS: usize = 8;

/// Texts one behind the other.
#[derive(Debug)]
pub(super) struct Text {
    all: String,
    ranges: [TextRange; PARTS],
}

/// Where a text begins and ends. One that is absent ends before it begins.
#[derive(Clone, Copy, Debug)]
struct TextRange {
    start: u32,
    end: u32,
}

const ABSENT: TextRange = TextRange { start: 1, end: 0 };

impl Text {
    pub(super) fn new() -> Self {
        Text {
            all: String::from_utf8(spare::take(&spare::TEXTS)).unwrap_or_default(),
            ranges: [ABSENT; PARTS],
        }
    }

    /// Adds a part, which is taken as it is if it fits, without a look at its bytes.
    pub(super) fn put(&mut self, part: Part, text: &str, bytes_max: usize) {
        if bytes_max < text.len() {
            return self.put_capped(part, capped(text.as_bytes(), bytes_max));
        }
        let start = self.all.len();
        self.all.push_str(text);
        self.note(part, start);
    }

    /// Adds the first line of a header, if there is one.
    pub(super) fn put_first<'v>(
        &mut self,
        part: Part,
        mut values: impl Iterator<Item = &'v [u8]>,
        bytes_max: usize,
    ) {
        if let Some(value) = values.next() {
            self.put_capped(part, capped(value, bytes_max));
        }
    }

    /// Adds a part that may need a change.
    pub(super) fn put_capped(&mut self, part: Part, text: Capped<'_>) {
        let start = self.all.len();
        match text.as_str() {
            Some(text) => self.all.push_str(text),
            // Strings take whatever is written.
            None => _ = write!(self.all, "{text}"),
        }
        self.note(part, start);
    }

    fn note(&mut self, part: Part, start: usize) {
        self.ranges[part as usize] = TextRange {
            start: start as u32,
            end: self.all.len() as u32,
        };
    }

    pub(super) fn get(&self, part: Part) -> Option<&str> {
        let TextRange { start, end } = self.ranges[part as usize];
        self.all.get(start as usize..end as usize)
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        spare::give_back(&spare::TEXTS, std::mem::take(&mut self.all).into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_differs_from_what_is_empty() {
        let mut text = Text::new();
        text.put(Part::Host, "", 10);
        text.put(Part::Method, "GET", 10);
        text.put_capped(Part::Path, capped("/ä".as_bytes(), 10));
        assert_eq!(text.get(Part::Method), Some("GET"));
        assert_eq!(text.get(Part::Path), Some("/ä"));
        assert_eq!(text.get(Part::Query), None);
        assert_eq!(text.get(Part::Host), Some(""));
        assert_eq!(text.get(Part::Route), None);
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_and_one_that_is_none_is_escaped() {
        let mut text = Text::new();
        text.put(Part::Path, "/users/42", 6);
        text.put_capped(Part::UserAgent, capped(b"\xff", 10));
        assert_eq!(text.get(Part::Path), Some("/users…(+3)"));
        assert_eq!(text.get(Part::UserAgent), Some(r"\xff"));
    }

    #[test]
    fn what_is_in_memory_used_again_is_that_of_the_new_request() {
        let mut text = Text::new();
        text.put(Part::Method, "a long method, from before", 100);
        drop(text);
        let mut text = Text::new();
        text.put(Part::Method, "GET", 100);
        assert_eq!(text.get(Part::Method), Some("GET"));
        assert_eq!(text.get(Part::Path), None);
    }
}
