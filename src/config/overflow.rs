//! [`Overflow`] as text: `"drop_newest"`, `{ block = "1s" }`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::units;
use crate::channel::overflow::Overflow;

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Text {
    DropNewest,
    Block(
        #[serde(with = "units")]
        #[cfg_attr(
            feature = "schema",
            schemars(schema_with = "crate::config::schema::time")
        )]
        Duration,
    ),
}

impl Serialize for Overflow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = match *self {
            Overflow::DropNewest => Text::DropNewest,
            Overflow::Block { at_most } => Text::Block(at_most),
        };
        text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Overflow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Text::deserialize(deserializer)? {
            Text::DropNewest => Overflow::DropNewest,
            Text::Block(at_most) => Overflow::Block { at_most },
        })
    }
}
