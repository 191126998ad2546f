//! What of a text is a secret by what it looks like, and what stands in its place.

use std::ops::Range;

use regex::Regex;

use super::find::Finder;
use crate::config::{Redaction, RedactionStyle};
use crate::error::Error;

/// Finds secrets in texts.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// Those that are secrets by default.
    finder: Option<Finder>,
    style: RedactionStyle,
    own: Vec<(Regex, RedactionStyle)>,
}

/// A secret within a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) place: Range<usize>,
    pub(super) style: RedactionStyle,
}

impl Values {
    pub(super) fn new(redaction: &Redaction) -> Result<Self, Error> {
        let style = redaction.style;
        if !redaction.enabled {
            return Ok(Values::default());
        }
        let own = redaction.values.iter().map(|rule| {
            let regex = Regex::new(&rule.pattern);
            let regex = regex.map_err(|cause| Error::redaction(&rule.pattern, cause))?;
            Ok((regex, rule.style.unwrap_or(style)))
        });
        Ok(Values {
            finder: redaction.default_values.then(Finder::new).flatten(),
            style,
            own: own.collect::<Result<_, Error>>()?,
        })
    }

    /// Whether fields that are encoded like this may have a secret in one of their texts. A quick
    /// look, which clears nearly all.
    #[inline]
    pub(super) fn suspect(&self, fields: &[u8]) -> bool {
        let is_found = |finder: &Finder| finder.is_in(fields);
        self.finder.as_ref().is_some_and(is_found) || !self.own.is_empty()
    }

    /// How many of these bytes come before the first sign of a secret: no record that ends there has
    /// one in its texts.
    pub(super) fn clear_bytes(&self, bytes: &[u8]) -> usize {
        match &self.finder {
            _ if !self.own.is_empty() => 0,
            Some(finder) => finder.clear_bytes(bytes),
            None => bytes.len(),
        }
    }

    /// Whether nothing is looked for.
    pub(super) fn are_none(&self) -> bool {
        self.finder.is_none() && self.own.is_empty()
    }

    /// The secrets in a text, in their order, of which no two overlap.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Found> {
        let style = self.style;
        let found = self.finder.iter().flat_map(|finder| finder.search(text));
        let mut found: Vec<_> = found.map(|place| Found { place, style }).collect();
        if !self.own.is_empty() {
            self.find_own(text, &mut found);
        }
        found
    }

    fn find_own(&self, text: &[u8], found: &mut Vec<Found>) {
        let Ok(text) = str::from_utf8(text) else {
            return;
        };
        for (regex, style) in &self.own {
            let places = regex.find_iter(text).map(|place| place.range());
            let places = places.filter(|place| !place.is_empty());
            found.extend(places.map(|place| Found {
                place,
                style: *style,
            }));
        }
        // Where two overlap, all that either covers is one secret.
        found.sort_by_key(|found| found.place.start);
        found.dedup_by(|next, last| {
            let overlap = next.place.start < last.place.end;
            if overlap {
                last.place.end = last.place.end.max(next.place.end);
            }
            overlap
        });
    }
}
