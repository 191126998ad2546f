//! Names of fields, and patterns of them.
//!
//! A name is read as a path: its parts lie between dots or brackets. Within a part `-` and `_` and
//! the difference of upper and lower case do not count. A pattern fits a path that ends with it: a
//! simple pattern fits the last part, or several last parts in a row that are its letters (`api.key`
//! is `api_key`), and a pattern with dots as many last parts as it has.

use arrayvec::{ArrayString, ArrayVec};

/// A name as patterns see it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    /// All parts, one behind the other.
    text: ArrayString<TEXT_BYTES_MAX>,
    /// Where each begins.
    starts: ArrayVec<u16, PARTS_MAX>,
}

/// Of longer paths only the last parts are known, and of a longer part the beginning. No pattern
/// that anybody would write is as long.
const TEXT_BYTES_MAX: usize = 256;
const PARTS_MAX: usize = 24;

impl Path {
    pub(crate) fn of(name: &str) -> Self {
        let mut path = Path::default();
        path.push(name);
        path
    }

    /// Goes on with the name of something within.
    pub(super) fn push(&mut self, name: &str) {
        for part in name.split(['.', '[', ']', '/']) {
            let is_full =
                self.starts.is_full() || TEXT_BYTES_MAX < self.text.len() + 2 * part.len();
            if is_full {
                self.text.clear();
                self.starts.clear();
            }
            self.push_part(part);
        }
    }

    fn push_part(&mut self, part: &str) {
        let start = self.text.len();
        let letters = part.chars();
        let letters = letters.filter(|letter| !matches!(letter, '-' | '_' | ' '));
        for letter in letters.flat_map(char::to_lowercase) {
            if self.text.try_push(letter).is_err() {
                break;
            }
        }
        if start < self.text.len() {
            self.starts.push(start as u16);
        }
    }

    /// Where a part begins; behind the last one, where that ends.
    fn start(&self, place: usize) -> usize {
        let start = self.starts.get(place);
        start.map_or(self.text.len(), |start| usize::from(*start))
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The first `end` parts from the place `start` on, in one piece.
    fn parts(&self, start: usize, end: usize) -> &str {
        let part = self.start(start)..self.start(end);
        self.text.get(part).unwrap_or_default()
    }

    /// What ends with part `end`, from the last part alone to all of them, with where it begins.
    pub(super) fn tails(&self, end: usize) -> impl Iterator<Item = (usize, &str)> {
        let starts = (0..end).rev();
        starts.map(move |start| (start, self.parts(start, end)))
    }
}

/// Whether nothing has a name that fits this pattern, since it has nothing that counts.
#[cfg(feature = "config")]
pub(crate) fn fits_no_name(pattern: &str) -> bool {
    Path::of(pattern).starts.is_empty()
}

/// A pattern of names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    parts: Vec<Glob>,
    /// Its letters, if there is no `*`: parts of a name in a row may have them.
    letters: Option<String>,
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> Self {
        let path = Path::of(pattern);
        let parts = (0..path.len()).map(|place| Glob::new(path.parts(place, place + 1)));
        let is_letters = !path.text.contains('*') && !path.text.is_empty();
        Pattern {
            parts: parts.collect(),
            letters: is_letters.then(|| path.text.to_string()),
        }
    }

    /// Its letters, if that is all there is to compare.
    pub(super) fn letters(&self) -> Option<&str> {
        self.letters.as_deref()
    }

    /// Whether it fits the first `end` parts of a path: then where it begins.
    pub(super) fn fits(&self, path: &Path, end: usize) -> Option<usize> {
        let by_letters = self.letters.as_deref().and_then(|letters| {
            let mut tails = path.tails(end);
            let tail = tails.find(|(_, tail)| *tail == letters);
            tail.map(|(start, _)| start)
        });
        by_letters.or_else(|| self.fits_by_parts(path, end))
    }

    /// Whether its last part fits part `end` of a path.
    pub(super) fn ends_like(&self, path: &Path, end: usize) -> bool {
        let part = end.checked_sub(1).map(|start| path.parts(start, end));
        part.zip(self.parts.last())
            .is_some_and(|(part, glob)| glob.fits(part))
    }

    fn fits_by_parts(&self, path: &Path, end: usize) -> Option<usize> {
        let start = end.checked_sub(self.parts.len())?;
        let mut parts = self.parts.iter().zip(start..);
        let is_fit = !self.parts.is_empty()
            && parts.all(|(glob, place)| glob.fits(path.parts(place, place + 1)));
        is_fit.then_some(start)
    }
}

/// A part of a pattern: pieces with anything between them.
#[derive(Clone, Debug, PartialEq)]
struct Glob(Vec<Box<str>>);

impl Glob {
    fn new(pattern: &str) -> Self {
        Glob(pattern.split('*').map(Into::into).collect())
    }

    fn fits(&self, part: &str) -> bool {
        let Some(((first, last), inner)) = self.0.split_first().and_then(|(first, rest)| {
            let (last, inner) = rest.split_last()?;
            Some(((first, last), inner))
        }) else {
            return self.0.first().is_some_and(|all| **all == *part);
        };
        let Some(rest) = part.strip_prefix(&**first) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(&**last) else {
            return false;
        };
        for piece in inner {
            let Some(place) = rest.find(&**piece) else {
                return false;
            };
            rest = &rest[place + piece.len()..];
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, fitting: &[&str], others: &[&str]) {
        let pattern = Pattern::new(pattern);
        let fits = |name: &&&str| {
            let path = Path::of(name);
            pattern.fits(&path, path.len()).is_some()
        };
        let strangers: Vec<_> = fitting.iter().filter(|name| !fits(name)).collect();
        assert_eq!(strangers, [] as [&&str; 0], "should fit");
        let strangers: Vec<_> = others.iter().filter(fits).collect();
        assert_eq!(strangers, [] as [&&str; 0], "should not fit");
    }

    #[test]
    fn case_and_separators_do_not_count() {
        check(
            "api_key",
            &[
                "api_key",
                "apiKey",
                "API-KEY",
                "api.key",
                "http.request.header.api-key",
                "a[api_key]",
            ],
            &["key", "api", "api_keys", "my_api_key", "api_key.size", ""],
        );
        check("API-Key", &["api_key"], &["ape_key"]);
        check(
            "größe",
            &["GRÖSSE".replace("SS", "ß").as_str()],
            &["grosse"],
        );
    }

    #[test]
    fn a_star_stands_for_anything_within_a_part() {
        check(
            "*token*",
            &["token", "access_token", "token_count", "a.tokens"],
            &["tok.en", "token.x"],
        );
        check("*_token", &["token", "x-token"], &["tokens"]);
        check("a*b*c", &["abc", "axxbxxc"], &["ab", "acb", "xabc"]);
        check("ab*ba", &["abba"], &["aba"]);
    }

    #[test]
    fn dots_make_a_path() {
        check(
            "user.card.number",
            &[
                "user.card.number",
                "request.user.card.number",
                "user_card_number",
            ],
            &["card.number", "user.number", "user.card.number.kind"],
        );
        check(
            "*.secret",
            &["a.secret", "a.b.secret"],
            &["secret", "a.secrets", "client_secret"],
        );
    }

    #[test]
    fn nothing_fits_a_pattern_without_letters() {
        check("", &[], &["", "a", "a.b"]);
        check("_-", &[], &["", "a", "_"]);
    }
}
