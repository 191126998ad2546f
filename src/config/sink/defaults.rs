//! What holds for a sink of which nothing more is said than what it is.

use serde::Serialize;

use super::file::Mode;
use super::{Kind, Sink};
use crate::config::format::Defaults as OfFormat;
use crate::config::{Rotation, units};
use crate::drain::sync::SyncPolicy;

#[derive(Serialize)]
pub(in crate::config) struct Defaults {
    enabled: bool,
    format: OfFormat,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    file: Option<OfFile>,
}

#[derive(Default, Serialize)]
struct OfFile {
    #[serde(with = "units")]
    mode: Mode,
    rotation: Rotation,
    sync: SyncPolicy,
}

impl Sink {
    pub(in crate::config) fn defaults(&self) -> Defaults {
        Defaults {
            enabled: super::enabled(),
            format: self.format.defaults(),
            file: (self.kind == Kind::File).then(OfFile::default),
        }
    }
}
