//! What is wrong with limits: those that are out of their ranges.

use std::ops::RangeInclusive;

use super::check::{Complaint, out_of_range};
use super::key::KeyPath;
use crate::config::Limits;
use crate::config::limits::{DEPTHS_ALLOWED, FIELD_BYTES_ALLOWED, RECORD_BYTES_ALLOWED};
use crate::config::units::Written;

pub(super) fn complaints(limits: &Limits) -> Vec<Complaint> {
    let of = |key: &str, value: usize, allowed: &RangeInclusive<usize>, to_text| {
        let path = KeyPath::new(["limits", key]);
        out_of_range(path, &value, allowed, to_text)
    };
    let bytes: fn(&usize) -> String = usize::to_text;
    let number: fn(&usize) -> String = ToString::to_string;
    let complaints = [
        of(
            "record_bytes",
            limits.record_bytes,
            &RECORD_BYTES_ALLOWED,
            bytes,
        ),
        of(
            "field_bytes",
            limits.field_bytes,
            &FIELD_BYTES_ALLOWED,
            bytes,
        ),
        of("depth", limits.depth, &DEPTHS_ALLOWED, number),
    ];
    complaints.into_iter().flatten().collect()
}
