//! A JSON object, as far as it must be understood to look for some of its keys.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The keys of an object, in order, with their values as they are written: other programs write
/// logs, too, so values may have any type. No key comes twice.
#[derive(Debug, Default)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Object<'a> {
    /// `None` if a key comes twice.
    pub(super) fn new(mut entries: Vec<(Cow<'a, str>, &'a str)>) -> Option<Self> {
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let comes_twice = entries.windows(2).any(|pair| pair[0].0 == pair[1].0);
        (!comes_twice).then_some(Object(entries))
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        let place = self.0.binary_search_by(|(known, _)| (**known).cmp(key));
        place.ok().map(|place| self.0[place].1)
    }

    /// The only value of an object with one key.
    pub(super) fn only(&self) -> Option<(&str, &'a str)> {
        match &*self.0 {
            [(key, value)] => Some((key, value)),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Object<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &RawValue>()? {
            entries.push((key, value.get()));
        }
        Object::new(entries).ok_or_else(|| A::Error::custom("a key comes twice"))
    }
}

/// Borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Whether it is that text, in which nothing needs to be escaped.
pub(super) fn text_is(value: &str, text: &str) -> bool {
    let quoted = value.strip_prefix('"');
    quoted.and_then(|rest| rest.strip_suffix('"')) == Some(text)
}
