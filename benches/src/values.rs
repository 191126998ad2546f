//! What every contender logs: one message and six fields, and two spans of two fields each.

use std::fmt;
use std::hint::black_box;

/// The six fields of a record, and the four of its spans.
///
/// The values pass through `black_box` once, so that no contender's encoding is folded at compile time.
pub struct Values {
    pub user: u64,
    pub delta: i64,
    pub ratio: f64,
    pub cached: bool,
    pub path: &'static str,
    pub id: Identifier,
    /// Fields of the outer span, `request`.
    pub method: &'static str,
    pub peer: u64,
    /// Fields of the inner span, `query`.
    pub table: &'static str,
    pub attempt: u64,
}

impl Values {
    pub fn new() -> Values {
        black_box(Values {
            user: 1_234_567,
            delta: -42,
            ratio: 0.731_25,
            cached: true,
            path: "/api/v1/accounts",
            id: Identifier(0x1f3a_5577_90ab_cdef),
            method: "GET",
            peer: 3_232_235_777,
            table: "accounts",
            attempt: 1,
        })
    }
}

/// A value that offers `Display` only: the logger must format it on the spot or box it.
#[derive(Clone, Copy)]
pub struct Identifier(pub u64);

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}
