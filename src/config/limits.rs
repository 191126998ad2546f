//! How much a record may hold.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::units;
use crate::capture::record::{Bounds, RECORD_BYTES_MAX, RECORD_BYTES_MIN};

const FIELD_BYTES: usize = 256 << 10;
const FIELDS: usize = 128;
const DEPTH: usize = 16;

/// No limit of depth is more than this.
pub(crate) const DEPTH_MAX: usize = 64;

/// What limits may be. A program's are brought into these ranges, a file's are refused.
pub(super) const RECORD_BYTES_ALLOWED: RangeInclusive<usize> = RECORD_BYTES_MIN..=RECORD_BYTES_MAX;
pub(super) const FIELD_BYTES_ALLOWED: RangeInclusive<usize> = 64..=RECORD_BYTES_MAX;
pub(super) const DEPTHS_ALLOWED: RangeInclusive<usize> = 1..=DEPTH_MAX;

/// How much a record may hold. What is beyond is cut where the record is made, so that one that is
/// too large takes neither memory nor space.
///
/// A record of which something was cut is marked: `"cut":true` in JSON. A text that was cut, and a value
/// that lies too deep, say so where it was: `…[cut]`.
///
/// ```
/// use offloop::Limits;
///
/// let limits = Limits::default().record_bytes(64 << 10).field_bytes(4 << 10);
/// let builder = offloop::builder().limits(limits);
/// # drop(builder);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
#[must_use = "limits do nothing before they are given to a builder"]
pub struct Limits {
    /// How many bytes a record takes at most while it waits: 1 KiB to 1 MiB.
    #[serde(with = "units")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::size")
    )]
    pub(super) record_bytes: usize,
    /// How many bytes of a text, of bytes, or of an error are kept: 64 B to 1 MiB.
    #[serde(with = "units")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::size")
    )]
    pub(super) field_bytes: usize,
    /// How many fields an event or a span may have.
    fields: usize,
    /// How deep lists and objects of a value that is JSON may lie within each other: 1 to 64.
    pub(super) depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            record_bytes: RECORD_BYTES_MAX,
            field_bytes: FIELD_BYTES,
            fields: FIELDS,
            depth: DEPTH,
        }
    }
}

impl Limits {
    /// Sets how many bytes a record takes at most while it waits, with the fields of all spans around
    /// it, which take half of it at most. Defaults to 1 MiB, which is also the most; at least 1 KiB.
    ///
    /// ```
    /// let limits = offloop::Limits::default().record_bytes(64 << 10);
    /// # drop(limits);
    /// ```
    pub fn record_bytes(mut self, bytes: usize) -> Self {
        self.record_bytes = bytes;
        self
    }

    /// Sets how many bytes of a text, of bytes, or of an error with its sources are kept. Defaults to
    /// 256 KiB; at least 64 bytes. The fields of one span take 64 KiB at most, all together.
    ///
    /// ```
    /// let limits = offloop::Limits::default().field_bytes(4 << 10);
    /// # drop(limits);
    /// ```
    pub fn field_bytes(mut self, bytes: usize) -> Self {
        self.field_bytes = bytes;
        self
    }

    /// Sets how many fields an event may have, with those that were added to a request where it is its
    /// record; and how many each span may have. The message is none of them. Defaults to 128.
    ///
    /// ```
    /// let limits = offloop::Limits::default().fields(32);
    /// # drop(limits);
    /// ```
    pub fn fields(mut self, count: usize) -> Self {
        self.fields = count;
        self
    }

    /// Sets how deep lists and objects of a value that is JSON may lie within each other. Defaults to
    /// 16; from 1 to 64.
    ///
    /// ```
    /// let limits = offloop::Limits::default().depth(4);
    /// # drop(limits);
    /// ```
    pub fn depth(mut self, levels: usize) -> Self {
        self.depth = levels;
        self
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            record_bytes: within(self.record_bytes, &RECORD_BYTES_ALLOWED),
            field_bytes: within(self.field_bytes, &FIELD_BYTES_ALLOWED),
        }
    }

    pub(crate) fn depth_max(&self) -> usize {
        within(self.depth, &DEPTHS_ALLOWED)
    }

    pub(crate) fn fields_max(&self) -> usize {
        self.fields
    }
}

fn within(value: usize, allowed: &RangeInclusive<usize>) -> usize {
    value.clamp(*allowed.start(), *allowed.end())
}
