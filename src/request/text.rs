//! The texts of a request that its record needs at the end, in one piece of memory.

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

/// Texts one behind the other.
#[derive(Debug, Default)]
pub(super) struct Text {
    all: Box<str>,
    /// Where each ends; one that is absent is empty.
    ends: [u32; PARTS],
    present: [bool; PARTS],
}

impl Text {
    /// Takes the parts in their order.
    pub(super) fn new(parts: [Option<&str>; PARTS]) -> Self {
        let bytes = parts.iter().flatten().map(|part| part.len()).sum();
        let mut all = String::with_capacity(bytes);
        let (mut ends, mut present) = ([0; PARTS], [false; PARTS]);
        for (place, part) in parts.iter().enumerate() {
            all.push_str(part.unwrap_or_default());
            ends[place] = all.len() as u32;
            present[place] = part.is_some();
        }
        Text {
            all: all.into_boxed_str(),
            ends,
            present,
        }
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
}
