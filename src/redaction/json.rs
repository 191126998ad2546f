//! Values that are JSON, as text: what of them is a secret by its name, lies too deep, or has a secret
//! in a text.
//!
//! Only what changes is copied: a value that is clean costs one look.

use std::fmt::Write;

use super::Redactor;
use super::mask::{Mask, REDACTED};
use super::name::Path;
use crate::config::{DEPTH_MAX, RedactionStyle};
use crate::json::{Reader, Token};

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
            reader: Reader::new(text, depth_max),
            redactor: self,
            is_cut: false,
        };
        if walk.all(&Path::of(name)).is_none() {
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
        let mut edits = Edits::of(text);
        let mut reader = Reader::new(text, DEPTH_MAX);
        let mut keys = 0;
        while let Some(token) = reader.next() {
            let clean = match token {
                Token::Text(content) => self.clean_content(content),
                Token::Integer(number) | Token::Float(number) => self.clean_content(number),
                Token::Key(key) => self.clean_content(key),
                _ => None,
            };
            let Some(clean) = clean else { continue };
            if matches!(token, Token::Key(_)) {
                keys += 1;
                // Two keys may not become the same.
                edits.replace(reader.latest(), &format!("\"{clean} {keys}\":"));
            } else {
                edits.replace(reader.latest(), &format!("\"{clean}\""));
            }
        }
        if reader.is_at_end() {
            return edits.finish();
        }
        // It is no JSON, and is written as a text.
        let clean = self.clean_text(text.as_bytes())?;
        Some(String::from_utf8_lossy(&clean).into_owned())
    }

    /// What is between the quotes of a string, without secrets. No escape is torn.
    fn clean_content(&self, content: &str) -> Option<String> {
        let mut found = self.values.find(content.as_bytes());
        let before_escape = |place| escape_around(content.as_bytes(), place).unwrap_or(place);
        for found in &mut found {
            let place = &mut found.place;
            (place.start, place.end) = (before_escape(place.start), before_escape(place.end));
        }
        let clean = self.without(content.as_bytes(), &found)?;
        Some(String::from_utf8_lossy(&clean).into_owned())
    }
}

/// Where the escape begins that `place` is within: behind its backslash, or among the digits of `\u001e`.
fn escape_around(content: &[u8], place: usize) -> Option<usize> {
    let begins_at = |start: usize| {
        let before = content[..=start].iter().rev();
        before.take_while(|byte| **byte == b'\\').count() % 2 == 1
    };
    let is_within = |start: usize| match content.get(start + 1) {
        Some(b'u') => place < start + 6,
        _ => place < start + 2,
    };
    let mut starts = place.saturating_sub(5)..place;
    starts.find(|start| begins_at(*start) && is_within(*start))
}

/// Goes through a value.
struct Walk<'w> {
    edits: Edits<'w>,
    reader: Reader<'w>,
    redactor: &'w Redactor,
    is_cut: bool,
}

impl Walk<'_> {
    /// Goes to the end of the text, which is a value of this name. `None` if it is none.
    fn all(&mut self, path: &Path) -> Option<()> {
        let first = self.reader.next()?;
        self.value(first, path)?;
        (self.reader.next().is_none() && self.reader.is_at_end()).then_some(())
    }

    /// Goes to the end of the value that begins with this token. `None` where it has none.
    fn value(&mut self, first: Token<'_>, path: &Path) -> Option<()> {
        match first {
            Token::TooDeep => {
                self.is_cut = true;
                self.edits.replace(self.reader.latest(), TOO_DEEP);
                Some(())
            }
            Token::Begin(_) => self.items(path),
            _ => Some(()),
        }
    }

    /// Goes to the end of a list or an object.
    fn items(&mut self, path: &Path) -> Option<()> {
        loop {
            match self.reader.next()? {
                Token::End(_) => return Some(()),
                Token::Comma => {}
                Token::Key(key) => self.member(key, path)?,
                item => self.value(item, path)?,
            }
        }
    }

    fn member(&mut self, key: &str, path: &Path) -> Option<()> {
        let mut path = path.clone();
        if let Some(style) = self.style_within(&mut path, key) {
            let mask = self.redactor.mask_of_json(style, self.reader.skip_value()?);
            let mask = serde_json::to_string(&*mask).ok()?;
            self.edits.replace(self.reader.latest(), &mask);
            return Some(());
        }
        let first = self.reader.next()?;
        self.value(first, &path)
    }

    /// Goes on to what is within. Says what stands in its place if it is a secret.
    fn style_within(&self, path: &mut Path, key: &str) -> Option<RedactionStyle> {
        let before = path.len();
        if key.contains('\\') {
            path.push(&serde_json::from_str::<String>(&format!("\"{key}\"")).unwrap_or_default());
        } else {
            path.push(key);
        }
        // A key may have dots of its own. One that found no room made all before it forgotten.
        let first = if before < path.len() { before + 1 } else { 1 };
        let mut ends = first..=path.len();
        ends.find_map(|end| self.redactor.names.style_at(path, end))
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

    const MII_TOKEN: &str = concat!(
        "eyJhbGciOiJIUzI1NiJ9",
        ".eyJNSUkiOiIwMTIzIn0",
        ".MIIc2lnbmF0dXJl"
    );

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
            // The last digit of an escape makes what follows look like a token.
            format!("\\u001{MII_TOKEN}"),
            format!("\\\\u001{MII_TOKEN}"),
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
