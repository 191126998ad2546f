//! What is kept out of the log.
//!
//! Two rules, at two places:
//!
//! - **By name**, on the thread that logs, before a value is put anywhere. Whether a callsite has such
//!   a name is decided once (see [`crate::capture::screen`]); all others pay nothing. Values that are
//!   JSON are looked through then, too.
//! - **By value**, on the writer thread, between the sink's filter and its format. One quick scan of what
//!   waits in a page clears nearly all of its records, many at once (see
//!   [`Frame::is_passed`](crate::channel::page::Frame::is_passed)); others are looked at one by one,
//!   and one with a secret is copied without it.
//!
//! Nothing is told to other processes but the rules themselves, without the key of hashes: see
//! [`Redactor::told`].

mod find;
mod json;
mod mask;
mod name;
mod names;
mod part;
mod record;
pub(crate) mod secret_names;
mod values;

pub(crate) use self::json::Screened as ScreenedJson;
pub(crate) use self::mask::Mask;
#[cfg(feature = "config")]
pub(crate) use self::name::fits_no_name;
pub(crate) use self::names::Names;
pub(crate) use self::record::Cleaner;

use std::fmt::{self, Write};

use self::mask::Masks;
use self::values::Values;
use crate::config::{Redaction, RedactionStyle};
use crate::error::Error;

/// A [`Redaction`] made ready.
#[derive(Debug)]
pub(crate) struct Redactor {
    names: Names,
    values: Values,
    masks: Masks,
    /// The rules, for who writes what this process leaves behind.
    told: String,
}

impl Redactor {
    pub(crate) fn new(redaction: &Redaction) -> Result<Self, Error> {
        Ok(Redactor {
            names: Names::new(redaction),
            values: Values::new(redaction)?,
            masks: Masks::new(redaction),
            told: serde_json::to_string(redaction).unwrap_or_default(),
        })
    }

    /// By rules that a dead process has told. What cannot be understood stands for the rules that
    /// there are by default, which is safe.
    pub(crate) fn of_another(told: Option<&str>) -> Self {
        let read = |told| serde_json::from_str::<Redaction>(told).ok();
        let redaction = told.and_then(read).unwrap_or_default();
        let redactor = Redactor::new(&redaction).or_else(|_| Redactor::new(&Redaction::default()));
        let redactor = redactor.unwrap_or_else(|_| Redactor::none());
        Redactor {
            masks: Masks::without_hash(),
            ..redactor
        }
    }

    /// Keeps nothing out.
    pub(crate) fn none() -> Self {
        Redactor {
            names: Names::default(),
            values: Values::default(),
            masks: Masks::without_hash(),
            told: String::new(),
        }
    }

    /// The rules as another process can read them.
    pub(crate) fn told(&self) -> &str {
        &self.told
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// What stands in place of whatever `write` writes.
    pub(crate) fn mask(
        &self,
        style: RedactionStyle,
        write: impl FnOnce(&mut dyn Write) -> fmt::Result,
    ) -> Mask {
        self.masks.of(style, write)
    }
}
