//! Which paths something is said of.
//!
//! A client's path is compared as a router would: segment by segment, percent-decoded. Empty segments
//! count for nothing on either side, so that `//users/42/` is no way past `/users/{id}`.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Paths, by what stands in their segments: `/users/{id}`, `/internal/*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub(super) struct Pattern(Box<str>);

/// Stands for any segments, at the end.
const ALL_BELOW: &str = "*";

impl Pattern {
    /// # Errors
    ///
    /// [`Error::PathPattern`] if it would not mean what somebody may have meant.
    pub(super) fn parse(pattern: String) -> Result<Self, Error> {
        let is_one = pattern.starts_with('/') && {
            let mut segments = segments(&pattern).rev();
            segments
                .next()
                .is_none_or(|last| last == ALL_BELOW || is_clear(last))
                && segments.all(is_clear)
        };
        match is_one {
            true => Ok(Pattern(pattern.into_boxed_str())),
            false => Err(Error::PathPattern { pattern }),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        let mut given = segments(path);
        for wanted in segments(&self.0) {
            if wanted == ALL_BELOW {
                return true;
            }
            match given.next() {
                Some(given) if is_any(wanted) || is_same(wanted, given) => {}
                _ => return false,
            }
        }
        given.next().is_none()
    }
}

fn segments(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// Whether a segment of a pattern stands for any one segment.
fn is_any(wanted: &str) -> bool {
    wanted.starts_with('{')
}

/// Whether a segment of a pattern is a name in braces, or a text that is none in some framework's
/// own notation.
fn is_clear(wanted: &str) -> bool {
    let name = wanted
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let text = name.unwrap_or(wanted);
    let is_foreign = wanted.starts_with([':', '<', '*']);
    !text.is_empty() && !text.contains(['{', '}', '*']) && !is_foreign
}

fn is_same(wanted: &str, given: &str) -> bool {
    percent_decode_str(given).eq(percent_decode_str(wanted))
}

impl TryFrom<String> for Pattern {
    type Error = Error;

    fn try_from(pattern: String) -> Result<Self, Error> {
        Pattern::parse(pattern)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, path: &str, is_match: bool) {
        let pattern = Pattern::parse(pattern.to_owned()).unwrap();
        assert_eq!(pattern.matches(path), is_match, "{path}");
    }

    #[test]
    fn a_name_in_braces_stands_for_one_segment_and_a_star_for_all_below() {
        check("/users/{id}", "/users/42", true);
        check("/users/{id}", "/users", false);
        check("/users/{id}", "/users/42/avatar", false);
        check("/users/{id}/avatar", "/users/42/avatar", true);
        check("/internal/*", "/internal/metrics/all", true);
        check("/internal/*", "/internal", true);
        check("/internal/*", "/internals", false);
        check("/", "/", true);
        check("/", "/users", false);
        check("/*", "/users", true);
    }

    #[test]
    fn no_spelling_of_a_path_is_a_way_past_a_pattern() {
        check("/reset/{token}", "/%72eset/s3cret", true);
        check("/reset/{token}", "//reset//s3cret/", true);
        check("/reset/{token}", "/reset/s3%2Fcret", true);
        check("/caf%C3%A9/{id}", "/café/1", true);
        check("/reset/{token}", "/Reset/s3cret", false);
    }

    #[test]
    fn what_stands_for_something_else_than_it_seems_to_is_refused() {
        let refused = [
            "",
            "users",
            "*",
            "/users/:id",
            "/users/<id>",
            "/users/{}",
            "/users/{id",
            "/users/{id}.json",
            "/users/{*rest}",
            "/*/users",
            "/users*",
        ];
        for pattern in refused {
            let error = Pattern::parse(pattern.to_owned()).unwrap_err();
            assert!(error.to_string().starts_with("match paths by "), "{error}");
        }
    }
}
