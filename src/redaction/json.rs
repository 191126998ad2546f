//! Values that are JSON, as text: what of them is a secret by its name, lies too deep, or has a secret
//! in a text.
//!
//! Nothing is parsed but where strings, numbers, lists and objects begin and end, and only what changes is
//! copied: a value that is clean costs one look.

use std::fmt::Write;

use super::mask::{Mask, REDACTED};
use super::name::Path;
use super::{Names, Redactor};
use crate::config::RedactionStyle;

/// What stands in place of a list or an object that lies too deep.
const TOO_DEEP: &str = "\"…[cut]\"";

/// A value without what must not enter a page.
#[derive(Debug, PartialEq)]
pub(crate) struct Screened {
    pub(crate) text: String,
    /// Whether something lay too deep.
    pub(crate) is_cut: bool,
}

impl Redactor {
    /// The value of a field of this name without what is a secret by its name and what lies more than
    /// `depth_max` deep. `None` if all of it may stay.
    pub(crate) fn screen_json(&self, name: &str, text: &str, depth_max: usize) -> Option<Screened> {
        let mut walk = Walk {
            edits: Edits::of(text),
            place: 0,
            names: &self.names,
            mask: &|style, value| self.mask_of_json(style, value),
            depth_max,
            is_cut: false,
        };
        if walk.value(&Path::of(name), 0).is_none() {
            // It is no JSON, and nobody knows what it is.
            let text = format!("\"{REDACTED}\"");
            return Some(Screened {
                text,
                is_cut: false,
            });
        }
        let is_cut = walk.is_cut;
        let text = walk.edits.finish()?;
        Some(Screened { text, is_cut })
    }

    fn mask_of_json(&self, style: RedactionStyle, value: &str) -> Mask {
        // Of a string its content, so that its mask is that of a field with this value.
        self.mask(style, |out| match serde_json::from_str::<String>(value) {
            Ok(content) => out.write_str(&content),
            Err(_) => out.write_str(value),
        })
    }

    /// The value without secrets in its texts, numbers and keys; if there are any.
    pub(super) fn clean_json(&self, text: &str) -> Option<String> {
        let bytes = text.as_bytes();
        let mut edits = Edits::of(text);
        let (mut place, mut keys) = (0, 0);
        while let Some(byte) = bytes.get(place) {
            match byte {
                b'"' => {
                    let end = string_end(bytes, place).unwrap_or(bytes.len());
                    let content = text
                        .get(place + 1..end.saturating_sub(1))
                        .unwrap_or_default();
                    let is_key = bytes.get(end) == Some(&b':');
                    if let Some(clean) = self.clean_content(content) {
                        keys += usize::from(is_key);
                        // Two keys may not become the same.
                        let number = if is_key {
                            format!(" {keys}")
                        } else {
                            String::new()
                        };
                        edits.replace(place..end, &format!("\"{clean}{number}\""));
                    }
                    place = end;
                }
                b'-' | b'0'..=b'9' => {
                    let end = place + number_len(&bytes[place..]);
                    if let Some(clean) = self.clean_text(&bytes[place..end]) {
                        edits.replace(
                            place..end,
                            &format!("\"{}\"", String::from_utf8_lossy(&clean)),
                        );
                    }
                    place = end;
                }
                _ => place += 1,
            }
        }
        edits.finish()
    }

    /// What is between the quotes of a string, without secrets. No escape is torn.
    fn clean_content(&self, content: &str) -> Option<String> {
        let mut found = self.values.find(content.as_bytes());
        let is_within_escape = |place: usize| {
            let before = content.as_bytes()[..place].iter().rev();
            before.take_while(|byte| **byte == b'\\').count() % 2 == 1
        };
        for found in &mut found {
            let place = &mut found.place;
            place.start -= usize::from(is_within_escape(place.start));
            place.end -= usize::from(is_within_escape(place.end));
        }
        let clean = self.without(content.as_bytes(), &found)?;
        Some(String::from_utf8_lossy(&clean).into_owned())
    }
}

/// Goes through a value.
struct Walk<'w> {
    edits: Edits<'w>,
    place: usize,
    names: &'w Names,
    mask: &'w dyn Fn(RedactionStyle, &str) -> Mask,
    depth_max: usize,
    is_cut: bool,
}

impl Walk<'_> {
    /// Goes to the end of the value at hand, which has this name. `None` where it has none.
    fn value(&mut self, path: &Path, depth: usize) -> Option<()> {
        match self.next()? {
            b'{' | b'[' if depth == self.depth_max => {
                self.is_cut = true;
                self.replace(TOO_DEEP)
            }
            b'{' => self.members(path, depth),
            b'[' => self.elements(path, depth),
            _ => {
                self.place = value_end(self.edits.text.as_bytes(), self.place)?;
                Some(())
            }
        }
    }

    fn members(&mut self, path: &Path, depth: usize) -> Option<()> {
        self.place += 1;
        while self.next()? != b'}' {
            let start = self.place;
            self.place = string_end(self.edits.text.as_bytes(), start)?;
            let key = self.edits.text.get(start..self.place)?;
            let mut path = path.clone();
            let style = self.style_within(&mut path, key);
            (self.next()? == b':').then(|| self.place += 1)?;
            match style {
                Some(style) => {
                    self.next()?;
                    let end = value_end(self.edits.text.as_bytes(), self.place)?;
                    let mask = (self.mask)(style, self.edits.text.get(self.place..end)?);
                    self.replace(&serde_json::to_string(&*mask).ok()?)?;
                }
                None => self.value(&path, depth + 1)?,
            }
            self.skip_comma()?;
        }
        self.place += 1;
        Some(())
    }

    /// Goes on to what is within. Says what stands in its place if it is a secret.
    fn style_within(&self, path: &mut Path, key: &str) -> Option<RedactionStyle> {
        let before = path.len();
        match serde_json::from_str::<&str>(key) {
            Ok(key) => path.push(key),
            Err(_) => path.push(&serde_json::from_str::<String>(key).unwrap_or_default()),
        }
        // A key may have dots of its own. One that found no room made all before it forgotten.
        let first = if before < path.len() { before + 1 } else { 1 };
        let mut ends = first..=path.len();
        ends.find_map(|end| self.names.style_at(path, end))
    }

    fn elements(&mut self, path: &Path, depth: usize) -> Option<()> {
        self.place += 1;
        while self.next()? != b']' {
            self.value(path, depth + 1)?;
            self.skip_comma()?;
        }
        self.place += 1;
        Some(())
    }

    fn skip_comma(&mut self) -> Option<()> {
        match self.next()? {
            b',' => self.place += 1,
            b'}' | b']' => {}
            _ => return None,
        }
        Some(())
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        let bytes = self.edits.text.as_bytes();
        while bytes.get(self.place)?.is_ascii_whitespace() {
            self.place += 1;
        }
        bytes.get(self.place).copied()
    }

    fn replace(&mut self, with: &str) -> Option<()> {
        let end = value_end(self.edits.text.as_bytes(), self.place)?;
        self.edits.replace(self.place..end, with);
        self.place = end;
        Some(())
    }
}

/// A text of which parts are replaced, from its beginning to its end.
struct Edits<'t> {
    text: &'t str,
    copied: usize,
    new: String,
}

impl<'t> Edits<'t> {
    fn of(text: &'t str) -> Self {
        Edits {
            text,
            copied: 0,
            new: String::new(),
        }
    }

    fn replace(&mut self, place: std::ops::Range<usize>, with: &str) {
        self.new += self.text.get(self.copied..place.start).unwrap_or_default();
        self.new += with;
        self.copied = place.end;
    }

    /// The new text. `None` if it is the old one.
    fn finish(mut self) -> Option<String> {
        if self.copied == 0 {
            return None;
        }
        let _ = self
            .new
            .write_str(self.text.get(self.copied..).unwrap_or_default());
        Some(self.new)
    }
}

/// Where the string ends that begins at `start`.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    if text.get(start) != Some(&b'"') {
        return None;
    }
    let mut place = start + 1;
    loop {
        match text.get(place)? {
            b'"' => return Some(place + 1),
            b'\\' => place += 2,
            _ => place += 1,
        }
    }
}

/// Where the value ends that begins at `start`.
fn value_end(text: &[u8], start: usize) -> Option<usize> {
    let mut place = start;
    let mut depth = 0_usize;
    loop {
        match text.get(place)? {
            b'"' => place = string_end(text, place)?,
            b'{' | b'[' => {
                depth += 1;
                place += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                place += 1;
            }
            b',' | b':' if depth != 0 => place += 1,
            b',' | b':' => return None,
            _ => {
                let is_end = |byte: &u8| b",:{}[]\"".contains(byte);
                let len = text[place..].iter().position(is_end);
                place = len.map_or(text.len(), |len| place + len);
            }
        }
        if depth == 0 {
            return Some(place);
        }
    }
}

fn number_len(text: &[u8]) -> usize {
    let is_end = |byte: &u8| !byte.is_ascii_digit() && !b".eE+-".contains(byte);
    text.iter().position(is_end).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::config::Redaction;

    fn redactor() -> Redactor {
        Redactor::new(&Redaction::default().key("user.card.pin").keep("page_token")).unwrap()
    }

    #[track_caller]
    fn check_names(text: &str, expected: &str) {
        let screened = redactor().screen_json("user", text, 4);
        assert_eq!(
            screened.map_or(text.to_owned(), |screened| screened.text),
            expected
        );
    }

    #[test]
    fn what_is_secret_by_its_name_is_replaced_whatever_it_is() {
        check_names(
            r#"{"a":1,"b":["x",{}],"c":null}"#,
            r#"{"a":1,"b":["x",{}],"c":null}"#,
        );
        check_names(
            r#"{"password":"x","b":[{"apiKey":{"a":[1,"}"]}},2],"token":3.5}"#,
            r#"{"password":"[redacted]","b":[{"apiKey":"[redacted]"},2],"token":"[redacted]"}"#,
        );
        check_names(
            r#"{"card":{"pin":1},"pin":2}"#,
            r#"{"card":{"pin":"[redacted]"},"pin":2}"#,
        );
        check_names(
            r#"{"pass\u0077ord":"\"x","page_token":"y"}"#,
            r#"{"pass\u0077ord":"[redacted]","page_token":"y"}"#,
        );
        check_names(
            r#"{ "secret" : [1, 2] , "b" : true }"#,
            r#"{ "secret" : "[redacted]" , "b" : true }"#,
        );
    }

    #[test]
    fn what_lies_too_deep_is_cut_and_says_so() {
        let screened = redactor()
            .screen_json("a", r#"[[{"a":[[1],{"b":{}},7]}],{}]"#, 4)
            .unwrap();
        assert_eq!(screened.text, r#"[[{"a":["…[cut]","…[cut]",7]}],{}]"#);
        assert!(screened.is_cut);
        assert_eq!(redactor().screen_json("a", "[[[[1]]]]", 4), None);
        let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
        assert_eq!(
            redactor().screen_json("a", &deep, 2).unwrap().text,
            "[[\"…[cut]\"]]"
        );
    }

    #[test]
    fn what_is_no_json_is_not_let_through() {
        for text in ["", "{", "{\"a\"}", "[1", "{\"a\":1,", "\"x", "{1:2}", "}"] {
            let screened = redactor().screen_json("a", text, 4);
            assert_eq!(screened.unwrap().text, "\"[redacted]\"", "{text}");
        }
    }

    #[test]
    fn secrets_in_strings_numbers_and_keys_are_replaced() {
        let token = concat!("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiI0MiJ9", ".c2ln");
        let text = format!(
            r#"{{"a":"x {token}\n","b":4111111111111111,"c":-1.5,"{token}":1,"4111 1111 1111 1111":2}}"#
        );
        let clean = redactor().clean_json(&text).unwrap();
        assert_eq!(
            clean,
            r#"{"a":"x [redacted]\n","b":"[redacted]","c":-1.5,"[redacted] 1":1,"[redacted] 2":2}"#
        );
        assert_eq!(redactor().clean_json(&clean), None);
    }

    #[test]
    fn no_escape_is_torn() {
        let end = concat!("-----END PRIVATE", " KEY-----");
        let begin = concat!("-----BEGIN PRIVATE", " KEY-----");
        let npm = concat!("npm_", "0123456789abcdefghijABCDEFGHIJ012345");
        for content in [
            format!("{begin}\\nMII\\\""),
            format!("\\\"MII\\n{end}\\\""),
            format!("\\{npm}\\n"),
            format!("\\u0001{begin}\\nMII\\u001f\\\\"),
        ] {
            let text = format!("[\"{content}\"]");
            let clean = redactor().clean_json(&text);
            let Some(clean) = clean else { continue };
            let parsed: Vec<String> = serde_json::from_str(&clean).unwrap();
            assert!(
                !parsed[0].contains("MII") && !parsed[0].contains("0123"),
                "{clean}"
            );
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            Just(Value::from("\n-----BEGIN PRIVATE KEY-----\nMII\"\\")),
            Just(Value::from(4_111_111_111_111_111_u64)),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            let key = prop_oneof!["[a-z]{1,4}", Just("password".to_owned()), "\\PC{1,4}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_json_stays_json(value in any_value(), depth_max in 1..6_usize) {
            let text = value.to_string();
            let screened = redactor().screen_json("a", &text, depth_max);
            let text = screened.map_or(text, |screened| screened.text);
            let screened: Value = serde_json::from_str(&text).unwrap();
            prop_assert!(!has_password(&screened));
            let clean = redactor().clean_json(&text).unwrap_or(text);
            let clean: Result<Value, _> = serde_json::from_str(&clean);
            prop_assert!(clean.is_ok());
            let clean = clean.unwrap().to_string();
            prop_assert!(!clean.contains("MII") && !clean.contains("4111111111111111"));
        }

        #[test]
        fn whatever_comes_is_survived(text in "([{}\\[\\],:\"\\\\a1 ]|eyJ){0,30}") {
            let redactor = redactor();
            let _ = redactor.screen_json("a", &text, 3);
            let _ = redactor.clean_json(&text);
        }
    }

    fn has_password(value: &Value) -> bool {
        match value {
            Value::Object(map) => map.iter().any(|(key, value)| {
                (key == "password" && *value != REDACTED) || has_password(value)
            }),
            Value::Array(list) => list.iter().any(has_password),
            _ => false,
        }
    }
}
