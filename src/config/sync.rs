//! [`SyncPolicy`] as text: `"never"`, `{ every = "1s" }`, `{ at_level = "error" }`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tracing::Level;

use super::units;
use crate::drain::sync::SyncPolicy;

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Text {
    Never,
    Every(
        #[serde(with = "units")]
        #[cfg_attr(
            feature = "schema",
            schemars(schema_with = "crate::config::schema::time")
        )]
        Duration,
    ),
    AtLevel(
        #[serde(with = "units")]
        #[cfg_attr(
            feature = "schema",
            schemars(schema_with = "crate::config::schema::level")
        )]
        Level,
    ),
}

impl Serialize for SyncPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = match *self {
            SyncPolicy::Never => Text::Never,
            SyncPolicy::Every(interval) => Text::Every(interval),
            SyncPolicy::AtLevel(level) => Text::AtLevel(level),
        };
        text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SyncPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Text::deserialize(deserializer)? {
            Text::Never => SyncPolicy::Never,
            Text::Every(interval) => SyncPolicy::Every(interval),
            Text::AtLevel(level) => SyncPolicy::AtLevel(level),
        })
    }
}
