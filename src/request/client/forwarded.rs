//! The header `Forwarded` of RFC 7239: `for=192.0.2.1;proto=https, for="[2001:db8::1]:80"`.
//!
//! It is taken apart from the right, quotes and all. So what a client has put at the left, an open
//! quote, say, cannot change how the part that a proxy has added is read.

use std::borrow::Cow;
use std::net::IpAddr;

use super::address;
use crate::request::header::without_whitespace;

/// The elements of a line, the last one first; empty ones are left out.
pub(super) fn elements_from_the_right(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    parts_from_the_right(line, b',')
}

/// The address in an element's one `for`.
pub(super) fn address_of(element: &[u8]) -> Option<IpAddr> {
    let mut address = None;
    for pair in parts_from_the_right(element, b';') {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at(equals);
        if !name.eq_ignore_ascii_case(b"for") {
            continue;
        }
        if address.is_some() {
            return None;
        }
        let value = unquoted(value.strip_prefix(b"=")?)?;
        address = Some(address::parse(&value)?);
    }
    address
}

/// What stands between separators that are not quoted.
fn parts_from_the_right(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    let parts = std::iter::from_fn(move || {
        let (before, last) = split_last(rest?, separator);
        rest = before;
        Some(without_whitespace(last))
    });
    parts.filter(|part| !part.is_empty())
}

/// Splits at the last separator outside of quotes.
fn split_last(text: &[u8], separator: u8) -> (Option<&[u8]>, &[u8]) {
    let mut is_quoted = false;
    for (index, byte) in text.iter().enumerate().rev() {
        let (before, from) = text.split_at(index);
        match byte {
            // Seen from the right, the first quote ends a string and cannot be escaped.
            b'"' if !is_quoted => is_quoted = true,
            b'"' if !is_escaped(before) => is_quoted = false,
            _ if *byte == separator && !is_quoted => return (Some(before), &from[1..]),
            _ => {}
        }
    }
    (None, text)
}

/// Whether what comes next is escaped: by a backslash that is not escaped itself.
fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    backslashes.count() % 2 == 1
}

/// A value without its quotes, if they end where it ends. IPv6 addresses must have them, but are read without, too.
fn unquoted(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    match value {
        [b'"', quoted @ .., b'"'] if is_escaped(quoted) => None,
        [b'"', quoted @ .., b'"'] if !quoted.contains(&b'\\') => Some(quoted.into()),
        [b'"', quoted @ .., b'"'] => Some(unescaped(quoted).into()),
        _ => Some(value.into()),
    }
}

fn unescaped(quoted: &[u8]) -> Vec<u8> {
    let mut bytes = quoted.iter().copied();
    let next = || match bytes.next() {
        Some(b'\\') => bytes.next(),
        byte => byte,
    };
    std::iter::from_fn(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(element: &str, expected: Option<&str>) {
        let address = address_of(element.as_bytes()).map(|address| address.to_string());
        assert_eq!(address.as_deref(), expected, "{element:?}");
    }

    #[track_caller]
    fn check_elements(line: &str, expected: &[&str]) {
        let elements = elements_from_the_right(line.as_bytes());
        assert!(elements.eq(expected.iter().map(|element| element.as_bytes())));
    }

    #[test]
    fn elements_come_from_the_right() {
        check_elements("for=a, for=b", &["for=b", "for=a"]);
        check_elements(
            r#"for="a,b" , for="\",c""#,
            &[r#"for="\",c""#, r#"for="a,b""#],
        );
        check_elements(r#"for="a\\",for=b"#, &["for=b", r#"for="a\\""#]);
        check_elements(" ,, for=a,\t", &["for=a"]);
        check_elements("", &[]);
    }

    #[test]
    fn an_open_quote_at_the_left_changes_nothing_at_the_right() {
        check_elements(r#"for=", for=b"#, &["for=b", r#"for=""#]);
        check_elements(r#"for="\, for="[::1]""#, &[r#"for="[::1]""#, r#"for="\"#]);
    }

    #[test]
    fn the_one_address_is_found_among_the_pairs() {
        check("for=192.0.2.1", Some("192.0.2.1"));
        check("For=192.0.2.1:80", Some("192.0.2.1"));
        check("proto=http;for=192.0.2.1;by=203.0.113.1", Some("192.0.2.1"));
        check(r#"host="a;for=b";for="192.0.2.1""#, Some("192.0.2.1"));
        check(r#"for="[2001:db8::1]:4711""#, Some("2001:db8::1"));
        check(r#"for="\[2001:db8::\1]""#, Some("2001:db8::1"));
        check("for=[2001:db8::1]", Some("2001:db8::1"));
        check("for=2001:db8::1", Some("2001:db8::1"));
        check(";for=192.0.2.1; ;proto=https;", Some("192.0.2.1"));
    }

    #[test]
    fn an_element_without_exactly_one_address_has_none() {
        check("proto=http", None);
        check("for=unknown", None);
        check("for=_hidden", None);
        check("for=", None);
        check("for", None);
        check("for=192.0.2.1;for=192.0.2.1", None);
        check("for=192.0.2.1;proto", None);
        check(r#"for="192.0.2.1"#, None);
        check(r#"for=192.0.2.1""#, None);
        check(r#"for=""192.0.2.1"""#, None);
        check(r#"for="192.0.2.1\""#, None);
        check("for = 192.0.2.1", None);
        check("xfor=192.0.2.1", None);
        check(r#"for=""#, None);
    }
}
