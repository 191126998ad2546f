//! Where in a text there is a secret, by what secrets look like.
//!
//! One scan looks for the strings that most of them have (see [`MARKS`]), and one for long runs of
//! digits; each hit is looked at closely. Text without a secret costs these two scans and next to
//! nothing else. Nothing here depends on what stands before a text or behind it, so that the bytes of
//! a whole record can be searched at once.

mod card;
mod key;
mod pem;
#[cfg(test)]
mod tests;
mod web_token;

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind, Span, packed};

/// What a mark may be the beginning of.
#[derive(Clone, Copy, Debug)]
enum Kind {
    WebToken,
    Pem,
    Bearer,
    Basic,
    Key(key::Shape),
}

/// What is looked for, and what it may be a part of.
///
/// The searcher sorts the first three letters into eight buckets, and takes those of one bucket for
/// each other until it looks closely. A new beginning goes into the bucket that its place modulo
/// eight says, so those that share letters stand below each other here.
const MARKS: [(&str, Kind); 26] = [
    ("eyJ", Kind::WebToken),
    ("-----", Kind::Pem),
    ("rer ", Kind::Bearer),
    ("sic ", Kind::Basic),
    ("AKIA", Kind::Key(key::AWS)),
    ("ghp_", Kind::Key(key::GITHUB)),
    ("sk_live_", Kind::Key(key::STRIPE)),
    ("xox", Kind::Key(key::SLACK)),
    //
    ("github_pat_", Kind::Key(key::GITHUB)),
    ("glpat-", Kind::Key(key::GITLAB)),
    ("npm_", Kind::Key(key::NPM)),
    ("whsec_", Kind::Key(key::STRIPE)),
    ("ASIA", Kind::Key(key::AWS)),
    ("gho_", Kind::Key(key::GITHUB)),
    ("rk_live_", Kind::Key(key::STRIPE)),
    ("xapp-", Kind::Key(key::SLACK_APP)),
    //
    ("RER ", Kind::Bearer),
    ("SIC ", Kind::Basic),
    ("sk_test_", Kind::Key(key::STRIPE)),
    ("rk_test_", Kind::Key(key::STRIPE)),
    ("AIza", Kind::Key(key::GOOGLE)),
    ("ghu_", Kind::Key(key::GITHUB)),
    ("sk-ant-", Kind::Key(key::ANTHROPIC)),
    ("sk-proj-", Kind::Key(key::OPENAI)),
    //
    ("ghs_", Kind::Key(key::GITHUB)),
    ("ghr_", Kind::Key(key::GITHUB)),
];

/// Finds secrets.
#[derive(Debug)]
pub(super) struct Finder {
    marks: Marks,
}

/// Finds marks.
#[derive(Debug)]
enum Marks {
    /// Many bytes at a time, where the processor can.
    Packed(packed::Searcher),
    ByteByByte(AhoCorasick),
}

impl Finder {
    /// `None` where it cannot be made, which is never.
    pub(super) fn new() -> Option<Self> {
        let texts = || MARKS.iter().map(|(text, _)| text);
        let packed = packed::Config::new().builder().extend(texts()).build();
        let marks = match packed {
            Some(packed) => Marks::Packed(packed),
            None => {
                let mut builder = AhoCorasick::builder();
                builder.match_kind(MatchKind::LeftmostFirst);
                Marks::ByteByByte(builder.build(texts()).ok()?)
            }
        };
        Some(Finder { marks })
    }

    /// Whether there is any secret. To say no, it needs nothing but the two scans.
    #[inline]
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        let is_marked = match &self.marks {
            Marks::Packed(packed) => packed.find(text).is_some(),
            Marks::ByteByByte(slow) => slow.is_match(text),
        };
        is_marked && self.marked(text, 0).is_some() || card::first(text, 0).is_some()
    }

    /// How many bytes of a text come before the first sign of a secret: a mark, or digits enough for a
    /// card's number.
    ///
    /// A part of these bytes has no secret either, whatever stands around it here: nothing that stands
    /// beside a sign takes it away. So texts may be searched together that have nothing to do with each
    /// other.
    pub(super) fn clear_bytes(&self, text: &[u8]) -> usize {
        let marked = self.marks.first(text, 0);
        let end = marked.map_or(text.len(), |(mark, _)| mark.start);
        card::first_digits(&text[..end]).unwrap_or(end)
    }

    /// The first secret at `from` or behind it.
    pub(super) fn first(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        let marked = self.marked(text, from);
        // A card's number within a token is a part of that.
        let end = marked.as_ref().map_or(text.len(), |marked| marked.start);
        let card = card::first(&text[..end], from);
        card.or(marked)
    }

    #[inline(never)]
    fn marked(&self, text: &[u8], mut from: usize) -> Option<Range<usize>> {
        loop {
            let (place, mark) = self.marks.first(text, from)?;
            let start = place.start;
            if let Some(found) = look(text, place, mark, from) {
                return Some(found);
            }
            from = start + 1;
        }
    }
}

impl Marks {
    #[inline]
    fn first(&self, text: &[u8], from: usize) -> Option<(Range<usize>, Kind)> {
        let span = Span::from(from..text.len());
        let found = match self {
            Marks::Packed(packed) => packed.find_in(text, span)?,
            Marks::ByteByByte(slow) => slow.find(aho_corasick::Input::new(text).span(span))?,
        };
        let (_, kind) = *MARKS.get(found.pattern().as_usize())?;
        Some((found.range(), kind))
    }
}

/// Looks closely at a mark. What was found before ends at `from`.
#[inline(never)]
fn look(text: &[u8], mark: Range<usize>, kind: Kind, from: usize) -> Option<Range<usize>> {
    match kind {
        Kind::WebToken => web_token::at(text, mark.start),
        Kind::Pem => pem::at(text, mark.start, from),
        Kind::Bearer => key::bearer_at(text, mark),
        Kind::Basic => key::basic_at(text, mark),
        Kind::Key(shape) => shape.at(text, mark),
    }
}

/// Where a run of bytes that `is_part` accepts ends.
fn end_of_run(text: &[u8], start: usize, is_part: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let len = rest.iter().position(|byte| !is_part(*byte));
    start + len.unwrap_or(rest.len())
}
