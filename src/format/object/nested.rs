//! Structures within a line: JSON that a value wrote of itself, and that nobody vouches for.
//!
//! It is read as strictly as the strictest reader would, and written anew, token by token. What
//! is no JSON, or would be refused or rounded by somebody, is written as a string instead: the whole
//! of it, or a number.

use super::super::escape;
use super::super::line::Line;
use super::value;
use crate::capture::record::RawText;
use crate::config::DEPTH_MAX;
use crate::json::{List, Reader, Token};

/// What stands around values.
pub(super) struct Style {
    /// Parsers refuse what is nested too deep: serde_json beyond 128 levels.
    depth_max: usize,
    object: [&'static [u8]; 2],
    pair: [&'static [u8]; 3],
    array: [&'static [u8]; 2],
    string: [&'static [u8]; 2],
    integer: [&'static [u8]; 2],
    float: [&'static [u8]; 2],
    boolean: [&'static [u8]; 2],
    null: &'static [u8],
}

const PLAIN: Style = Style {
    depth_max: DEPTH_MAX,
    object: [b"{", b"}"],
    pair: [b"\"", b"\":", b""],
    array: [b"[", b"]"],
    string: [b"\"", b"\""],
    integer: [b"", b""],
    float: [b"", b""],
    boolean: [b"", b""],
    null: b"null",
};

/// The type `AnyValue` of OpenTelemetry.
pub(super) const ANY_VALUE: Style = Style {
    // An object within an object takes four levels.
    depth_max: 24,
    object: [b"{\"kvlistValue\":{\"values\":[", b"]}}"],
    pair: [b"{\"key\":\"", b"\",\"value\":", b"}"],
    array: [b"{\"arrayValue\":{\"values\":[", b"]}}"],
    string: [b"{\"stringValue\":\"", b"\"}"],
    integer: [b"{\"intValue\":\"", b"\"}"],
    float: [b"{\"doubleValue\":", b"}"],
    boolean: [b"{\"boolValue\":", b"}"],
    null: b"{}",
};

/// Appends it as JSON.
#[inline(never)]
pub(super) fn push(text: RawText<'_>, line: &mut Line) {
    if !push_styled(text, &PLAIN, line) {
        value::push_string(text, line);
    }
}

/// Appends it in a style. Says no, and appends nothing, where it is no JSON.
pub(super) fn push_styled(text: RawText<'_>, style: &Style, line: &mut Line) -> bool {
    let start = line.len();
    let whole = text.as_str();
    let mut reader = Reader::new(whole, style.depth_max);
    while let Some(token) = reader.next() {
        if token == Token::TooDeep {
            break;
        }
        push_token(token, style, line);
        if reader.is_behind_member() {
            line.push_slice(style.pair[2]);
        }
    }
    let is_json = reader.is_at_end() && whole.len() == text.bytes().len();
    if !is_json {
        line.take_back(line.len() - start);
    }
    is_json
}

fn push_token(token: Token<'_>, style: &Style, line: &mut Line) {
    match token {
        Token::Begin(List::Object) => line.push_slice(style.object[0]),
        Token::Begin(List::Array) => line.push_slice(style.array[0]),
        Token::End(List::Object) => line.push_slice(style.object[1]),
        Token::End(List::Array) => line.push_slice(style.array[1]),
        Token::Comma => line.push(b','),
        Token::Key(key) => push_text(key, [style.pair[0], style.pair[1]], line),
        Token::Text(text) => push_text(text, style.string, line),
        Token::Integer(number) if is_safe_integer(number, style) => {
            push_around(number, style.integer, line);
        }
        Token::Float(number) if number.parse().is_ok_and(f64::is_finite) => {
            push_around(number, style.float, line);
        }
        Token::Integer(number) | Token::Float(number) => push_around(number, style.string, line),
        Token::Bool(word) => push_around(word, style.boolean, line),
        Token::Null | Token::TooDeep => line.push_slice(style.null),
    }
}

/// Text with its escapes, in which nothing is left to be escaped but what is harmless to JSON alone.
fn push_text(text: &str, around: [&[u8]; 2], line: &mut Line) {
    line.push_slice(around[0]);
    escape::push_escaped_json(text, line);
    line.push_slice(around[1]);
}

fn push_around(text: &str, around: [&[u8]; 2], line: &mut Line) {
    line.push_slice(around[0]);
    line.push_slice(text.as_bytes());
    line.push_slice(around[1]);
}

/// OpenTelemetry has no integers above those of `i64`.
fn is_safe_integer(text: &str, style: &Style) -> bool {
    let is_wide = style.integer == PLAIN.integer && text.parse::<u64>().is_ok();
    is_wide || text.parse::<i64>().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Parsed;

    use super::*;

    fn pushed(text: &str) -> String {
        let mut line = Line::default();
        push(text.into(), &mut line);
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn json_is_written_compactly_with_its_numbers_and_escapes_as_they_are() {
        for (text, expected) in [
            ("null", "null"),
            (" [ ] ", "[]"),
            ("{ }", "{}"),
            (
                "{ \"a\" : [ 1 , -0.50e+3 , true, false ,null ] }\n",
                r#"{"a":[1,-0.50e+3,true,false,null]}"#,
            ),
            (r#""\u00e9\ud83d\ude00\/""#, r#""\u00e9\ud83d\ude00\/""#),
            ("\"a\u{7f}\u{202e}é\"", "\"a\\u007f\\u202eé\""),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "\"18446744073709551616\""),
            ("-9223372036854775809", "\"-9223372036854775809\""),
            ("1e999", "\"1e999\""),
        ] {
            assert_eq!(pushed(text), expected);
        }
    }

    #[test]
    fn what_is_no_json_is_a_string() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\"}",
            "{a:1}",
            "01",
            "1.",
            "-",
            "1e",
            "+1",
            "NaN",
            "nul",
            "[1] 2",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"a\nb\"",
            "\"\\u+123\"",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
            "[",
            "]",
        ] {
            assert_eq!(
                pushed(text),
                serde_json::to_string(text).unwrap(),
                "{text:?}"
            );
        }
        let deep = "[".repeat(DEPTH_MAX + 1) + &"]".repeat(DEPTH_MAX + 1);
        assert_eq!(pushed(&deep), format!("\"{deep}\""));
        let shallow = "[".repeat(DEPTH_MAX) + &"]".repeat(DEPTH_MAX);
        assert_eq!(pushed(&shallow), shallow);
    }

    #[test]
    fn opentelemetry_has_its_own_types() {
        let mut line = Line::default();
        let text = r#"{"a":[1,1.5,"x",true,null,18446744073709551615]}"#;
        assert!(push_styled(text.into(), &ANY_VALUE, &mut line));
        let expected = concat!(
            r#"{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":["#,
            r#"{"intValue":"1"},{"doubleValue":1.5},{"stringValue":"x"},{"boolValue":true},{},"#,
            r#"{"stringValue":"18446744073709551615"}]}}}]}}"#
        );
        assert_eq!(std::str::from_utf8(line.as_bytes()), Ok(expected));
    }

    fn any_json() -> impl Strategy<Value = Parsed> {
        let leaf = prop_oneof![
            Just(Parsed::Null),
            any::<bool>().prop_map(Parsed::from),
            any::<i64>().prop_map(Parsed::from),
            any::<u64>().prop_map(Parsed::from),
            any::<String>().prop_map(Parsed::from),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..8).prop_map(Parsed::from),
                proptest::collection::hash_map(any::<String>(), inner, 0..8)
                    .prop_map(|map| Parsed::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_value_reads_back_equal(value in any_json()) {
            let shown = pushed(&value.to_string());
            let read: Parsed = serde_json::from_str(&shown).unwrap();
            prop_assert_eq!(&read, &value);
            prop_assert_eq!(pushed(&format!("{value:#}")), shown);
        }

        #[test]
        fn any_text_is_one_value(text in "[\\[\\]{}\",:\\\\0-9eEu.tnx \\-+]{0,24}") {
            let shown = pushed(&text);
            let read: Parsed = serde_json::from_str(&shown).unwrap();
            let is_string = read == text.as_str();
            prop_assert!(is_string || serde_json::from_str::<Parsed>(&text).is_ok(), "{}", shown);
        }
    }
}
