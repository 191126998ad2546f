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
mod url;
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
    Url,
    Key(key::Shape),
}

/// What is looked for, and what it may be a part of.
///
/// The searcher sorts the first three letters into eight buckets, and takes those of one bucket for
/// each other until it looks closely. A new beginning goes into the bucket that its place modulo
/// eight says, so those that share letters stand below each other here.
const MARKS: [(&str, Kind); 27] = [
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
    ("://", Kind::Url),
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
    ("RER ", Kind::Bearer),
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
        let is_certain = is_marked && self.search(text).next_marked().is_some();
        is_certain || card::first(text, 0).is_some()
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

    /// All secrets, in their order, of which no two overlap.
    pub(super) fn search<'s>(&'s self, text: &'s [u8]) -> Search<'s> {
        Search {
            marks: &self.marks,
            text,
            from: 0,
            marked: None,
            no_token_before: 0,
        }
    }
}

/// How far a text has been searched. What was looked at once is not looked at again for each secret or
/// mark that there is: whoever sends it must not be able to keep the writer busy.
pub(super) struct Search<'s> {
    marks: &'s Marks,
    text: &'s [u8],
    /// Where the secret before this one ended.
    from: usize,
    /// The next one that has a mark, if it is known, or that there is none.
    marked: Option<Option<Range<usize>>>,
    /// No web token begins before this place.
    no_token_before: usize,
}

impl Iterator for Search<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let marked = match self.marked.take() {
            Some(known) => known,
            None => self.next_marked(),
        };
        // A card's number within a token is a part of that.
        let end = marked
            .as_ref()
            .map_or(self.text.len(), |marked| marked.start);
        let found = match card::first(&self.text[..end], self.from) {
            Some(card) => {
                self.marked = Some(marked);
                card
            }
            None => marked?,
        };
        self.from = found.end;
        Some(found)
    }
}

impl Search<'_> {
    #[inline(never)]
    fn next_marked(&mut self) -> Option<Range<usize>> {
        let mut from = self.from;
        loop {
            let (place, kind) = self.marks.first(self.text, from)?;
            from = place.start + 1;
            if let Some(found) = self.look(place, kind) {
                return Some(found);
            }
        }
    }

    /// Looks closely at a mark.
    #[inline(never)]
    fn look(&mut self, mark: Range<usize>, kind: Kind) -> Option<Range<usize>> {
        let text = self.text;
        match kind {
            Kind::WebToken if mark.start < self.no_token_before => None,
            Kind::WebToken => web_token::at(text, mark.start)
                .map_err(|end| {
                    self.no_token_before = end;
                })
                .ok(),
            Kind::Pem => pem::at(text, mark.start, self.from),
            Kind::Bearer => key::bearer_at(text, mark),
            Kind::Basic => key::basic_at(text, mark),
            Kind::Url => self.look_at_url(mark.end),
            Kind::Key(shape) => shape.at(text, mark),
        }
    }

    /// The password in a URL, whose authority begins here. What stands for a user may be a secret by
    /// what it looks like; then it is one together with the password, since what comes before a secret is not
    /// looked at again.
    fn look_at_url(&self, start: usize) -> Option<Range<usize>> {
        let url::Credentials { user, password } = url::credentials_at(self.text, start)?;
        let mut user_alone = Search {
            text: &self.text[..user.end],
            from: user.start,
            marks: self.marks,
            marked: None,
            no_token_before: self.no_token_before,
        };
        let is_secret = user_alone.next_marked().is_some();
        let start = if is_secret {
            user.start
        } else {
            password.start
        };
        Some(start..password.end)
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

/// Where a run of bytes that `is_part` accepts ends.
fn end_of_run(text: &[u8], start: usize, is_part: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let len = rest.iter().position(|byte| !is_part(*byte));
    start + len.unwrap_or(rest.len())
}
