//! Structures within a line: JSON that a value wrote of itself, and that nobody vouches for.
//!
//! It is read as strictly as the strictest reader would, and written anew, token by token. What
//! is no JSON, or would be refused or rounded by somebody, is written as a string instead: the whole
//! of it, or a number.

use super::super::escape;
use super::super::line::Line;
use super::value;
use crate::capture::record::RawText;

/// Parsers refuse what is nested too deep: serde_json beyond 128 levels, of which OpenTelemetry's
/// encoding needs four for one.
const DEPTH_MAX: usize = 24;

/// What stands around values.
pub(super) struct Style {
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
    let mut copier = Copier {
        rest: whole.as_bytes(),
        style,
        line,
    };
    let is_json = whole.len() == text.bytes().len()
        && copier.copy_value(0).is_some()
        && copier.next_token().is_none();
    if !is_json {
        line.take_back(line.len() - start);
    }
    is_json
}

/// Copies values. Each part is `None` where there is none.
struct Copier<'t, 'l> {
    rest: &'t [u8],
    style: &'l Style,
    line: &'l mut Line,
}

impl<'t> Copier<'t, '_> {
    fn copy_value(&mut self, depth: usize) -> Option<()> {
        if DEPTH_MAX < depth {
            return None;
        }
        let style = self.style;
        match self.next_token()? {
            b'{' => self.copy_list(b'}', &style.object, |copier| copier.copy_pair(depth)),
            b'[' => self.copy_list(b']', &style.array, |copier| copier.copy_value(depth + 1)),
            b'"' => {
                self.take(b'"')?;
                self.copy_string(&style.string)
            }
            b't' => self.copy_word(b"true", &style.boolean),
            b'f' => self.copy_word(b"false", &style.boolean),
            b'n' => {
                self.rest = self.rest.strip_prefix(b"null")?;
                self.line.push_slice(style.null);
                Some(())
            }
            _ => self.copy_number(),
        }
    }

    /// Copies what stands between two brackets.
    fn copy_list(
        &mut self,
        end: u8,
        around: &[&[u8]; 2],
        mut copy_item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.rest = self.rest.get(1..)?;
        self.line.push_slice(around[0]);
        if self.next_token()? == end {
            self.take(end)?;
            self.line.push_slice(around[1]);
            return Some(());
        }
        loop {
            copy_item(self)?;
            if self.next_token()? == end {
                break;
            }
            self.take(b',')?;
            self.line.push(b',');
        }
        self.take(end)?;
        self.line.push_slice(around[1]);
        Some(())
    }

    fn copy_pair(&mut self, depth: usize) -> Option<()> {
        let [before, between, behind] = self.style.pair;
        self.take(b'"')?;
        self.copy_string(&[before, between])?;
        self.take(b':')?;
        self.copy_value(depth + 1)?;
        self.line.push_slice(behind);
        Some(())
    }

    /// Copies a string whose first quote was taken.
    fn copy_string(&mut self, around: &[&[u8]; 2]) -> Option<()> {
        let len = string_len(self.rest)?;
        let (content, rest) = self.rest.split_at_checked(len)?;
        self.line.push_slice(around[0]);
        escape::push_escaped_json(std::str::from_utf8(content).ok()?, self.line);
        self.line.push_slice(around[1]);
        self.rest = rest.strip_prefix(b"\"")?;
        Some(())
    }

    fn copy_word(&mut self, word: &[u8], around: &[&[u8]; 2]) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        self.push_around(word, around);
        Some(())
    }

    fn copy_number(&mut self) -> Option<()> {
        let (number, is_integer) = take_number(&mut self.rest)?;
        let style = self.style;
        let around = match std::str::from_utf8(number).ok()? {
            text if is_integer && is_safe_integer(text, style) => &style.integer,
            text if !is_integer && text.parse().is_ok_and(f64::is_finite) => &style.float,
            _ => &style.string,
        };
        self.push_around(number, around);
        Some(())
    }

    fn push_around(&mut self, bytes: &[u8], around: &[&[u8]; 2]) {
        self.line.push_slice(around[0]);
        self.line.push_slice(bytes);
        self.line.push_slice(around[1]);
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next_token()? == byte).then_some(())?;
        self.rest = self.rest.get(1..)?;
        Some(())
    }

    /// The first byte of what comes next.
    fn next_token(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }
}

/// OpenTelemetry has no integers above those of `i64`.
fn is_safe_integer(text: &str, style: &Style) -> bool {
    let is_wide = style.integer == PLAIN.integer && text.parse::<u64>().is_ok();
    is_wide || text.parse::<i64>().is_ok()
}

/// The number that the text begins with, and whether it is a whole one.
fn take_number<'t>(rest: &mut &'t [u8]) -> Option<(&'t [u8], bool)> {
    let start = *rest;
    let mut end = usize::from(start.first() == Some(&b'-'));
    let digits = |from: usize| {
        let digits = start.get(from..).unwrap_or_default().iter();
        digits.take_while(|byte| byte.is_ascii_digit()).count()
    };
    let whole = digits(end);
    let has_leading_zero = start.get(end) == Some(&b'0') && whole != 1;
    if whole == 0 || has_leading_zero {
        return None;
    }
    end += whole;
    let mut is_integer = true;
    if start.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        end += 1 + (fraction != 0).then_some(fraction)?;
        is_integer = false;
    }
    if matches!(start.get(end), Some(b'e' | b'E')) {
        end += 1 + usize::from(matches!(start.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end);
        end += (exponent != 0).then_some(exponent)?;
        is_integer = false;
    }
    let (number, left) = start.split_at_checked(end)?;
    *rest = left;
    Some((number, is_integer))
}

/// How long a string is, up to its last quote. `None` where an escape or a control in it is none
/// that JSON has.
fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += escape_len(bytes.get(at..)?)?,
            0..b' ' => return None,
            _ => at += 1,
        }
    }
}

/// How long the escape is that the text begins with. Surrogates come in pairs.
fn escape_len(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => match code_unit(bytes.get(2..6)?)? {
            0xd800..=0xdbff => {
                let rest = bytes.get(6..)?.strip_prefix(b"\\u")?;
                let low = code_unit(rest.get(..4)?)?;
                (0xdc00..=0xdfff).contains(&low).then_some(12)
            }
            0xdc00..=0xdfff => None,
            _ => Some(6),
        },
        _ => None,
    }
}

fn code_unit(digits: &[u8]) -> Option<u32> {
    let are_digits = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| are_digits)?;
    u32::from_str_radix(text, 16).ok()
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
        let deep = "[".repeat(26) + &"]".repeat(26);
        assert_eq!(pushed(&deep), format!("\"{deep}\""));
        let shallow = "[".repeat(25) + &"]".repeat(25);
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
