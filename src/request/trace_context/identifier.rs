//! The identifiers of traces and spans, kept as the text that headers and records show.

use std::fmt;

use arrayvec::ArrayString;

use crate::request::random;

/// The identifier of a trace: 32 lowercase hexadecimal digits, not all of them 0.
///
/// All requests that one request at the edge has led to share it, in every service.
///
/// ```
/// use offloop::request::TraceContext;
///
/// let trace_id = *TraceContext::start().trace_id();
/// assert_eq!(trace_id.as_str().len(), 32);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(ArrayString<32>);

/// The identifier of a span, one step of a trace: 16 lowercase hexadecimal digits, not all of them 0.
///
/// ```
/// use offloop::request::TraceContext;
///
/// let span_id = *TraceContext::start().span_id();
/// assert_eq!(span_id.as_str().len(), 16);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(ArrayString<16>);

impl TraceId {
    fn of(numbers: [u64; 2]) -> Self {
        let mut digits = [0; 32];
        let (left, right) = digits.split_at_mut(16);
        left.copy_from_slice(&digits_of(numbers[0]));
        right.copy_from_slice(&digits_of(numbers[1]));
        Self(text_of(&digits))
    }

    /// `None` if `digits` is no identifier of a trace.
    pub(super) fn parse(digits: &[u8; 32]) -> Option<Self> {
        is_identifier(digits).then(|| Self(text_of(digits)))
    }

    /// The identifier as text.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// let context = TraceContext::start();
    /// println!("trace {}", context.trace_id().as_str());
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The rightmost 56 bits. They are random if [`TraceContext::is_random`] says so, and the same
    /// in each service, so that a decision made from them (to keep 1 trace of 100, say) is, too.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// let context = TraceContext::start();
    /// let is_one_of_a_hundred = context.trace_id().rightmost_56_bits() % 100 == 0;
    /// # let _ = is_one_of_a_hundred;
    /// ```
    ///
    /// [`TraceContext::is_random`]: super::TraceContext::is_random
    #[must_use]
    pub fn rightmost_56_bits(&self) -> u64 {
        let digits = self.0.bytes().skip(32 - 14);
        digits.fold(0, |bits, digit| bits << 4 | u64::from(value_of(digit)))
    }
}

impl SpanId {
    pub(super) fn make() -> Self {
        let [number] = random::nonzero();
        Self(text_of(&digits_of(number)))
    }

    /// `None` if `digits` is no identifier of a span.
    pub(super) fn parse(digits: &[u8; 16]) -> Option<Self> {
        is_identifier(digits).then(|| Self(text_of(digits)))
    }

    /// The identifier as text.
    ///
    /// ```
    /// # use offloop::request::TraceContext;
    /// let context = TraceContext::start();
    /// println!("span {}", context.span_id().as_str());
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Makes the identifiers of a trace and of its first span.
pub(super) fn make_both() -> (TraceId, SpanId) {
    let [left, right, span] = random::nonzero();
    (
        TraceId::of([left, right]),
        SpanId(text_of(&digits_of(span))),
    )
}

/// Reads two lowercase hexadecimal digits.
pub(super) fn byte_of(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits;
    let is_hex = is_digit(high) && is_digit(low);
    is_hex.then(|| value_of(high) << 4 | value_of(low))
}

/// Digits are ASCII, so they are always text.
fn text_of<const LEN: usize>(digits: &[u8; LEN]) -> ArrayString<LEN> {
    ArrayString::from_byte_string(digits).unwrap_or_default()
}

fn digits_of(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    let (left, right) = digits.split_at_mut(8);
    left.copy_from_slice(&digits_of_half((number >> 32) as u32));
    right.copy_from_slice(&digits_of_half(number as u32));
    digits
}

/// All eight digits at once: each gets a byte of a word.
fn digits_of_half(number: u32) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const BEHIND_NINE: u64 = (b'a' - b'0' - 10) as u64;
    let mut word = u64::from(number);
    word = (word << 16 | word) & 0x0000_ffff_0000_ffff;
    word = (word << 8 | word) & 0x00ff_00ff_00ff_00ff;
    word = (word << 4 | word) & 0x0f0f_0f0f_0f0f_0f0f;
    // With 6 more, those that are letters carry into the upper half of their byte.
    let letters = (word + ONES * 6) >> 4 & ONES;
    (word + ONES * u64::from(b'0') + letters * BEHIND_NINE).to_be_bytes()
}

/// Looks at all digits, whatever the first ones are: so it is vector code.
fn is_identifier(digits: &[u8]) -> bool {
    let are_digits = digits
        .iter()
        .fold(true, |all, digit| all & is_digit(*digit));
    let bits = digits.iter().fold(0, |bits, digit| bits | (digit ^ b'0'));
    are_digits && bits != 0
}

/// Uppercase digits are none, by the specification.
fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// What a digit stands for.
fn value_of(digit: u8) -> u8 {
    match digit {
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit & 0xf,
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TraceId({self})")
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SpanId({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_rightmost_56_bits_are_those_of_the_number() {
        let trace_id = TraceId::parse(b"fffffffffffffffffffedcba98765432").unwrap();
        assert_eq!(trace_id.rightmost_56_bits(), 0xfe_dcba_9876_5432);
    }

    proptest! {
        #[test]
        fn digits_are_those_that_the_standard_library_writes(number: u64) {
            let expected = format!("{number:016x}");
            prop_assert_eq!(&digits_of(number)[..], expected.as_bytes());
        }
    }

    #[test]
    fn only_lowercase_digits_are_read() {
        let all = (0..=u16::MAX).map(u16::to_le_bytes);
        let read: Vec<_> = all
            .filter_map(|digits| Some((digits, byte_of(digits)?)))
            .collect();
        assert_eq!(read.len(), 256);
        for (digits, byte) in read {
            assert_eq!(digits, format!("{byte:02x}").as_bytes());
        }
    }
}
