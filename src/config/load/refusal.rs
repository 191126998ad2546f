//! Why a value cannot be taken, and where it is.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::key::KeyPath;
use crate::config::sink::Kind;
use crate::nearest;

/// Why reading a configuration stopped at a value.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// Complete once it has come all the way up.
    pub(super) path: KeyPath,
    pub(super) reason: Reason,
}

#[derive(Clone, Debug)]
pub(super) enum Reason {
    /// The key itself.
    UnknownKey {
        key: String,
        allowed: &'static [&'static str],
    },
    /// A key that has to be in the table that the path leads to.
    MissingKey(&'static str),
    UnknownWord {
        word: String,
        allowed: &'static [&'static str],
    },
    Wrong {
        found: String,
        allowed: String,
    },
    Other(String),
}

impl Refusal {
    pub(super) fn new(reason: Reason) -> Self {
        Refusal {
            path: KeyPath::default(),
            reason,
        }
    }

    pub(super) fn wrong(found: Unexpected<'_>, allowed: impl Into<String>) -> Self {
        Refusal::new(Reason::Wrong {
            found: in_words(found),
            allowed: allowed.into(),
        })
    }

    /// The same, as seen from the table or list that has the value at this key.
    pub(super) fn at(mut self, key: &str) -> Self {
        self.path.prepend(key.to_owned());
        self
    }
}

impl Reason {
    /// The same, and nothing of what stands in the place of what is allowed.
    pub(super) fn without_found(self) -> Self {
        match self {
            Reason::Wrong { allowed, .. } => Reason::Wrong {
                found: "something else".to_owned(),
                allowed,
            },
            other => other,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::UnknownKey { key, allowed } => {
                let question = nearest::question(key, allowed.iter().copied());
                let allowed = allowed.join(", ");
                write!(
                    formatter,
                    "there is no such key{question} Allowed: {allowed}"
                )
            }
            Reason::MissingKey("kind") => {
                let allowed = quoted(&Kind::OF_FILES);
                write!(formatter, "the key `kind` is missing. Allowed: {allowed}")
            }
            Reason::MissingKey(key) => write!(formatter, "the key `{key}` is missing"),
            Reason::UnknownWord { word, allowed } => {
                let question = nearest::question(word, allowed.iter().copied());
                let allowed = quoted(allowed);
                write!(
                    formatter,
                    "there is no such word as {word:?}{question} Allowed: {allowed}"
                )
            }
            Reason::Wrong { found, allowed } => {
                write!(formatter, "found {found}. Allowed: {allowed}")
            }
            Reason::Other(message) => formatter.write_str(message),
        }
    }
}

/// Words as they stand in a file.
pub(super) fn quoted(words: &[&str]) -> String {
    let words = words.iter().map(|word| format!("{word:?}"));
    words.collect::<Vec<_>>().join(", ")
}

fn in_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(is_true) => is_true.to_string(),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Float(number) => format!("the number {number}"),
        Unexpected::Str(text) => format!("the text {text:?}"),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        Unexpected::Unit => "nothing".to_owned(),
        other => other.to_string(),
    }
}

/// What serde's own visitors expect, in the words of a file.
fn allowed_in_words(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "a boolean" => "true, false".to_owned(),
        "a string" | "path string" => "a text in quotes".to_owned(),
        "a map" => "a table".to_owned(),
        "a sequence" => "a list".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a number, at least 0".to_owned(),
        _ if text.starts_with("struct ") => "a table".to_owned(),
        _ => text,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.reason)
    }
}

impl std::error::Error for Refusal {}

impl de::Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Refusal::new(Reason::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let mut allowed = allowed_in_words(expected);
        if let (Unexpected::Str(text), "a list") = (found, &*allowed) {
            allowed += &format!(", such as [{text:?}]");
        }
        Refusal::wrong(found, allowed)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Refusal::wrong(found, allowed_in_words(expected))
    }

    fn unknown_field(key: &str, allowed: &'static [&'static str]) -> Self {
        let key = key.to_owned();
        Refusal::new(Reason::UnknownKey { key, allowed })
    }

    fn unknown_variant(word: &str, allowed: &'static [&'static str]) -> Self {
        let word = word.to_owned();
        Refusal::new(Reason::UnknownWord { word, allowed })
    }

    fn missing_field(key: &'static str) -> Self {
        Refusal::new(Reason::MissingKey(key))
    }
}
