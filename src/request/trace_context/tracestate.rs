//! The header `tracestate`: what each tracing system on the way has to say, in its own words.
//!
//! Nothing of it is understood here. It is checked, since a list with one bad member is passed on by
//! nobody, and its lines are combined into one.

use std::str;
use std::sync::Arc;

use crate::request::header::without_whitespace;

/// A list that has more members is not passed on.
const MEMBERS_MAX: usize = 32;
/// A key has at most so many bytes, and so has a value.
const KEY_BYTES_MAX: usize = 256;
const VALUE_BYTES_MAX: usize = 256;

/// Combines the lines of the header into one. `None` if a member is bad, if there are too many, or
/// if there is none: an empty header is never sent.
///
/// Keys that come twice stay, as does the order. With 32 members of 513 bytes, the result has at most
/// 16 KiB.
pub(super) fn combine<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<Arc<str>> {
    let mut combined = String::new();
    let mut count = 0;
    for line in lines {
        combined.reserve(line.len() + 1);
        for member in line.split(|byte| *byte == b',').map(without_whitespace) {
            // Proxies that combine lines leave empty members behind, so these mean nothing.
            if member.is_empty() {
                continue;
            }
            count += 1;
            if MEMBERS_MAX < count {
                return None;
            }
            if 1 < count {
                combined.push(',');
            }
            combined.push_str(checked(member)?);
        }
    }
    (0 < count).then(|| combined.into())
}

/// The member as text, if it is one: `key=value`.
fn checked(member: &[u8]) -> Option<&str> {
    let equals = member.iter().position(|byte| *byte == b'=')?;
    let (key, value) = member.split_at(equals);
    let value = value.strip_prefix(b"=")?;
    let is_member = is_key(key) && is_value(value);
    is_member.then(|| str::from_utf8(member).ok()).flatten()
}

fn is_key(key: &[u8]) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_allowed = |byte: &u8| is_first(byte) || b"_-*/@".contains(byte);
    key.len() <= KEY_BYTES_MAX && key.first().is_some_and(is_first) && key.iter().all(is_allowed)
}

/// The comma is gone already, and so are spaces at the end; those at the front belong to the value.
fn is_value(value: &[u8]) -> bool {
    let is_allowed = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'=';
    (1..=VALUE_BYTES_MAX).contains(&value.len()) && value.iter().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: Option<&str>) {
        let combined = combine(lines.iter().map(|line| line.as_bytes()));
        assert_eq!(combined.as_deref(), expected, "{lines:?}");
    }

    #[test]
    fn lines_are_combined_in_their_order() {
        check(&["a=1"], Some("a=1"));
        check(&["a=1,b=2", "c=3"], Some("a=1,b=2,c=3"));
        check(&[" a=1 ,\tb=2\t", "", ",,", "c=3,"], Some("a=1,b=2,c=3"));
        check(&["a=1,a=2"], Some("a=1,a=2"));
    }

    #[test]
    fn an_empty_list_is_none() {
        check(&[], None);
        check(&["", " ,\t,"], None);
    }

    #[test]
    fn spaces_within_a_value_stay() {
        check(&["a= 1 2 "], Some("a= 1 2"));
    }

    #[test]
    fn one_bad_member_spoils_the_list() {
        for bad in [
            "a",
            "a=",
            "=1",
            "a =1",
            "A=1",
            "_a=1",
            "@a=1",
            "a.b=1",
            "a=1=2",
            "a=\u{e9}",
            "a=\t1",
            "a=1\u{7f}2",
            "a=1\r\n2",
        ] {
            check(&[bad], None);
            check(&["b=2", bad, "c=3"], None);
        }
    }

    #[test]
    fn keys_and_values_have_at_most_256_bytes() {
        let (whole, long) = ("a".repeat(256), "a".repeat(257));
        let fits = format!("{whole}={whole}");
        check(&[&fits], Some(&fits));
        check(&[&format!("{long}=1")], None);
        check(&[&format!("a={long}")], None);
    }

    #[test]
    fn there_are_at_most_32_members() {
        check(&["a=1,,"; 32], Some(&vec!["a=1"; 32].join(",")));
        check(&["a=1"; 33], None);
    }

    proptest! {
        #[test]
        fn what_the_grammar_allows_is_passed_on(
            member in "[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+--<>-~]{0,255}[!-+--<>-~]"
        ) {
            let combined = combine([member.as_bytes()]);
            prop_assert_eq!(combined.as_deref(), Some(member.as_str()));
        }

        #[test]
        fn what_is_passed_on_would_be_passed_on_again(
            lines in proptest::collection::vec("([a-zA@]{1,2}=?[ -~]{0,4}[,\t]){0,6}", 0..4)
        ) {
            if let Some(once) = combine(lines.iter().map(|line| line.as_bytes())) {
                prop_assert_eq!(combine([once.as_bytes()]), Some(once));
            }
        }

        #[test]
        fn any_bytes_are_survived(lines in any::<Vec<Vec<u8>>>()) {
            let _ = combine(lines.iter().map(Vec::as_slice));
        }
    }
}
