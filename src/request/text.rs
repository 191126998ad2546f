//! The texts of a request that its record needs at the end, in one piece of memory.

use std::cell::RefCell;

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
}

const PARTS: usize = 7;

/// A thread keeps so many pieces of memory for its next requests, none larger than this.
const SPARE_MAX: usize = 32;
const SPARE_BYTES_MAX: usize = 4 * 1024;

thread_local! {
    static SPARE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Texts one behind the other.
#[derive(Debug, Default)]
pub(super) struct Text {
    all: String,
    /// Where each ends; one that is absent is empty.
    ends: [u32; PARTS],
    present: [bool; PARTS],
}

impl Text {
    /// Takes the parts in their order.
    pub(super) fn new(parts: [Option<&str>; PARTS]) -> Self {
        let bytes = parts.iter().flatten().map(|part| part.len()).sum();
        let mut all = spare().unwrap_or_default();
        all.reserve(bytes);
        let (mut ends, mut present) = ([0; PARTS], [false; PARTS]);
        for (place, part) in parts.iter().enumerate() {
            all.push_str(part.unwrap_or_default());
            ends[place] = all.len() as u32;
            present[place] = part.is_some();
        }
        Text { all, ends, present }
    }

    pub(super) fn get(&self, part: Part) -> Option<&str> {
        let place = part as usize;
        if !self.present[place] {
            return None;
        }
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.all.get(start as usize..self.ends[place] as usize)
    }
}

fn spare() -> Option<String> {
    let spare = SPARE.try_with(|spare| spare.try_borrow_mut().ok()?.pop());
    spare.ok().flatten()
}

impl Drop for Text {
    fn drop(&mut self) {
        if !(1..=SPARE_BYTES_MAX).contains(&self.all.capacity()) {
            return;
        }
        let mut all = std::mem::take(&mut self.all);
        all.clear();
        // A thread that is ending keeps nothing.
        let _ = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.len() < SPARE_MAX
            {
                spare.push(all);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_differs_from_what_is_empty() {
        let parts = [
            Some("GET"),
            Some("/ä"),
            None,
            None,
            Some(""),
            Some("x"),
            None,
        ];
        let text = Text::new(parts);
        assert_eq!(text.get(Part::Method), Some("GET"));
        assert_eq!(text.get(Part::Path), Some("/ä"));
        assert_eq!(text.get(Part::Query), None);
        assert_eq!(text.get(Part::Host), Some(""));
        assert_eq!(text.get(Part::UserAgent), Some("x"));
        assert_eq!(text.get(Part::Route), None);
    }

    #[test]
    fn what_is_in_memory_used_again_is_that_of_the_new_request() {
        let mut parts = [None; PARTS];
        parts[Part::Method as usize] = Some("a long method, from before");
        drop(Text::new(parts));
        parts[Part::Method as usize] = Some("GET");
        let text = Text::new(parts);
        assert_eq!(text.get(Part::Method), Some("GET"));
        assert_eq!(text.get(Part::Path), None);
    }
}
