//! What was merged, as serde's derived readers want it.
//!
//! A value of a file must be of the type that is wanted: `panic_hook = "yes"` is an error. The value
//! of a variable is text, and means what is wanted: see [`variables::meaning`].

use config_rs::{Map, Value, ValueKind};
use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};

use super::layer::Layers;
use super::refusal::{Refusal, quoted};
use super::variables::{self, Wanted};

/// A value, and what it takes to know whether it is that of a variable.
#[derive(Clone)]
pub(super) struct Strict<'l> {
    value: Value,
    layers: &'l Layers,
}

type Result<T> = std::result::Result<T, Refusal>;

impl<'l> Strict<'l> {
    pub(super) fn new(value: Value, layers: &'l Layers) -> Self {
        Strict { value, layers }
    }

    /// The value itself, or what a variable's text means.
    fn meaning(mut self, wanted: Wanted) -> Result<Self> {
        if let ValueKind::String(text) = &self.value.kind
            && self.layers.is_text(&self.value)
        {
            self.value = variables::meaning(text, wanted, self.value.origin())?;
        }
        Ok(self)
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value.kind {
            ValueKind::Nil => visitor.visit_unit(),
            ValueKind::Boolean(is_true) => visitor.visit_bool(is_true),
            ValueKind::I64(number) => visitor.visit_i64(number),
            ValueKind::I128(number) => visitor.visit_i128(number),
            ValueKind::U64(number) => visitor.visit_u64(number),
            ValueKind::U128(number) => visitor.visit_u128(number),
            ValueKind::Float(number) => visitor.visit_f64(number),
            ValueKind::String(text) => visitor.visit_string(text),
            ValueKind::Table(table) => visitor.visit_map(Table::new(table, self.layers)),
            ValueKind::Array(items) => visitor.visit_seq(Items {
                items: items.into_iter().enumerate(),
                layers: self.layers,
            }),
        }
    }
}

/// Readers that differ in nothing but what a variable's text means for them.
macro_rules! wanting {
    ($($wanted:ident: $($reader:ident)*;)*) => {$($(
        fn $reader<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.meaning(Wanted::$wanted)?.visit(visitor)
        }
    )*)*};
}

impl<'de> Deserializer<'de> for Strict<'_> {
    type Error = Refusal;

    wanting! {
        Any: deserialize_any deserialize_ignored_any;
        Boolean: deserialize_bool;
        Number: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
            deserialize_f32 deserialize_f64;
        Text: deserialize_char deserialize_str deserialize_string deserialize_bytes
            deserialize_byte_buf deserialize_identifier;
        List: deserialize_seq;
        Table: deserialize_map deserialize_unit;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value.kind {
            ValueKind::Nil => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let value = self.meaning(Wanted::Table)?;
        match value.value.kind {
            ValueKind::Table(_) => value.visit(visitor),
            kind => {
                let allowed = format!("a table with the keys {}", keys.join(", "));
                Err(Refusal::wrong(unexpected(&kind), allowed))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let layers = self.layers;
        match self.meaning(Wanted::Any)?.value.kind {
            ValueKind::String(word) => visitor.visit_enum(Choice {
                word,
                value: None,
                layers,
            }),
            ValueKind::Table(table) if table.len() == 1 => {
                let Some((word, value)) = table.into_iter().next() else {
                    return Err(Refusal::wrong(Unexpected::Map, quoted(words)));
                };
                let value = Some(value);
                visitor.visit_enum(Choice {
                    word,
                    value,
                    layers,
                })
            }
            ValueKind::Table(table) => {
                let found = format!("a table with {} keys", table.len());
                Err(Refusal::wrong(Unexpected::Other(&found), one_of(words)))
            }
            kind => Err(Refusal::wrong(unexpected(&kind), one_of(words))),
        }
    }
}

fn one_of(words: &[&str]) -> String {
    format!("one of {}", quoted(words))
}

pub(super) fn unexpected(kind: &ValueKind) -> Unexpected<'_> {
    match kind {
        ValueKind::Nil => Unexpected::Unit,
        ValueKind::Boolean(is_true) => Unexpected::Bool(*is_true),
        ValueKind::I64(number) => Unexpected::Signed(*number),
        ValueKind::U64(number) => Unexpected::Unsigned(*number),
        ValueKind::I128(_) | ValueKind::U128(_) => Unexpected::Other("a large number"),
        ValueKind::Float(number) => Unexpected::Float(*number),
        ValueKind::String(text) => Unexpected::Str(text),
        ValueKind::Table(_) => Unexpected::Map,
        ValueKind::Array(_) => Unexpected::Seq,
    }
}

struct Table<'l> {
    entries: <Map<String, Value> as IntoIterator>::IntoIter,
    /// The key whose value comes next, and that value.
    next: Option<(String, Value)>,
    layers: &'l Layers,
}

impl<'l> Table<'l> {
    fn new(table: Map<String, Value>, layers: &'l Layers) -> Self {
        Table {
            entries: table.into_iter(),
            next: None,
            layers,
        }
    }
}

impl<'de> MapAccess<'de> for Table<'_> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        self.next = self.entries.next();
        let Some((key, _)) = &self.next else {
            return Ok(None);
        };
        let reader: StringDeserializer<Refusal> = key.clone().into_deserializer();
        seed.deserialize(reader)
            .map(Some)
            .map_err(|refusal| refusal.at(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        let Some((key, value)) = self.next.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(Strict::new(value, self.layers))
            .map_err(|refusal| refusal.at(&key))
    }
}

struct Items<'l> {
    items: std::iter::Enumerate<std::vec::IntoIter<Value>>,
    layers: &'l Layers,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        // What was taken out left its place behind.
        let is_there = |(_, value): &(usize, Value)| value.kind != ValueKind::Nil;
        let Some((number, value)) = self.items.find(is_there) else {
            return Ok(None);
        };
        seed.deserialize(Strict::new(value, self.layers))
            .map(Some)
            .map_err(|refusal| refusal.at(&number.to_string()))
    }
}

/// A word, or a word with a value: `"never"`, `{ every = "1s" }`.
struct Choice<'l> {
    word: String,
    value: Option<Value>,
    layers: &'l Layers,
}

impl<'de, 'l> EnumAccess<'de> for Choice<'l> {
    type Error = Refusal;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let reader: StringDeserializer<Refusal> = self.word.clone().into_deserializer();
        let word = seed.deserialize(reader)?;
        Ok((word, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'_> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<()> {
        match self.value {
            None => Ok(()),
            Some(_) => {
                let allowed = format!("{:?} without a value", self.word);
                Err(Refusal::wrong(Unexpected::Map, allowed))
            }
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        match self.value {
            Some(value) => { seed.deserialize(Strict::new(value, self.layers)) }
                .map_err(|refusal| refusal.at(&self.word)),
            None => {
                let allowed = format!("{} with a value, as in {{ {0} = … }}", self.word);
                Err(Refusal::wrong(Unexpected::Str(&self.word), allowed))
            }
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.struct_variant(&[], visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let Some(value) = self.value else {
            let allowed = format!("{} with a table, as in {{ {0} = {{ … }} }}", self.word);
            return Err(Refusal::wrong(Unexpected::Str(&self.word), allowed));
        };
        { Strict::new(value, self.layers).deserialize_any(visitor) }
            .map_err(|refusal| refusal.at(&self.word))
    }
}
