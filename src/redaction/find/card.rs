//! Card numbers: 13 to 19 digits, in groups or not, of an issuer that there is, with the right check
//! digit.
//!
//! A run of 13 bytes or more has one of them at each thirteenth place, so only these are looked at
//! first; and it goes on for half of its length before such a place or behind it.

use std::ops::Range;

const DIGITS_MIN: usize = 13;
const DIGITS_MAX: usize = 19;

/// How far a run of digits and what divides them is followed, which is twice as far as a number may
/// be long. One that has more of them beside it is found from another place within it.
const RUN_BYTES_MAX: usize = 4 * DIGITS_MAX;

/// How far apart the places are that are looked at.
const STRIDE: usize = DIGITS_MIN;

/// Four places are looked at in one go.
const STRIDES: usize = 4 * STRIDE;

/// Half of a run of digits, if that is no longer than it has to be, and the place itself.
const HALF: usize = DIGITS_MIN / 2 + 1;

/// The first card's number at `from` or behind it.
#[inline]
pub(super) fn first(text: &[u8], from: usize) -> Option<Range<usize>> {
    first_of_runs(text, from, |run| first_in(text, run))
}

/// Where the first run of digits begins that are enough for a number, whatever stands around the
/// text.
pub(super) fn first_digits(text: &[u8]) -> Option<usize> {
    first_of_runs(text, 0, |run| {
        let digits = text[run.clone()]
            .iter()
            .filter(|byte| byte.is_ascii_digit());
        (DIGITS_MIN <= digits.count()).then_some(run.start)
    })
}

/// The first thing that `look` finds in runs of digits and what may divide them.
#[inline(always)]
fn first_of_runs<T>(
    text: &[u8],
    from: usize,
    look: impl Fn(Range<usize>) -> Option<T>,
) -> Option<T> {
    let look_at = |place| match is_in_long_run(text, place) {
        true => look(run_around(text, place, from)),
        false => None,
    };
    let mut place = from + STRIDE - 1;
    while let Some(step) = text.get(place..place + STRIDES) {
        let are_parts = [
            is_part(step[0]),
            is_part(step[STRIDE]),
            is_part(step[2 * STRIDE]),
            is_part(step[3 * STRIDE]),
        ];
        // Most steps have none: no short circuits.
        if are_parts.iter().fold(false, |any, is_part| any | is_part) {
            for (stride, is_part) in are_parts.into_iter().enumerate() {
                if is_part && let Some(found) = look_at(place + stride * STRIDE) {
                    return Some(found);
                }
            }
        }
        place += STRIDES;
    }
    while let Some(byte) = text.get(place) {
        if is_part(*byte)
            && let Some(found) = look_at(place)
        {
            return Some(found);
        }
        place += STRIDE;
    }
    None
}

#[inline(never)]
fn is_in_long_run(text: &[u8], place: usize) -> bool {
    let are_parts = |bytes: &[u8]| bytes.iter().all(|byte| is_part(*byte));
    text.get(place..place + HALF).is_some_and(are_parts)
        || are_parts(&text[place + 1 - HALF..=place])
}

#[inline(always)]
fn is_part(byte: u8) -> bool {
    IS_PART[usize::from(byte)]
}

/// The digits and what may divide them around a place.
fn run_around(text: &[u8], place: usize, from: usize) -> Range<usize> {
    let is_part = |byte: &&u8| IS_PART[usize::from(**byte)];
    let before = &text[from.max(place.saturating_sub(RUN_BYTES_MAX))..place];
    let behind = &text[place..text.len().min(place + RUN_BYTES_MAX)];
    let start = place - before.iter().rev().take_while(is_part).count();
    let end = place + behind.iter().take_while(is_part).count();
    start..end
}

static IS_PART: [bool; 256] = {
    let mut is_part = [false; 256];
    is_part[b' ' as usize] = true;
    is_part[b'-' as usize] = true;
    let mut digit = b'0';
    while digit <= b'9' {
        is_part[digit as usize] = true;
        digit += 1;
    }
    is_part
};

/// The first number within a run: whole groups of digits, with one space or dash between them.
#[inline(never)]
fn first_in(text: &[u8], run: Range<usize>) -> Option<Range<usize>> {
    let mut start = run.start;
    while start < run.end {
        if is_group_start(text, start)
            && let Some(end) = number_from(text, start, run.end)
        {
            return Some(start..end);
        }
        start += 1;
    }
    None
}

fn is_group_start(text: &[u8], start: usize) -> bool {
    let is_digit = |place: usize| text.get(place).is_some_and(u8::is_ascii_digit);
    // Digits of an escaped character, `\u0001`, are none of a number.
    let is_behind_escape = |place: usize| {
        let escape = place
            .checked_sub(6)
            .and_then(|start| text.get(start..start + 2));
        escape == Some(b"\\u")
    };
    let before = start.checked_sub(1);
    is_digit(start) && (!before.is_some_and(is_digit) || is_behind_escape(start))
}

/// Where the number ends that begins at `start`.
fn number_from(text: &[u8], start: usize, end_max: usize) -> Option<usize> {
    let mut digits = [0; DIGITS_MAX];
    let (mut count, mut place) = (0, start);
    let mut found = None;
    while place < end_max && count < DIGITS_MAX {
        match text[place] {
            digit @ b'0'..=b'9' => {
                digits[count] = digit - b'0';
                count += 1;
            }
            // One at a time.
            _ if text[place - 1].is_ascii_digit() => {}
            _ => break,
        }
        place += 1;
        let ends_group =
            text[place - 1].is_ascii_digit() && !text.get(place).is_some_and(u8::is_ascii_digit);
        if ends_group && is_number(&digits[..count]) && !is_in_identifier(text, start..place) {
            // The longest one.
            found = Some(place);
        }
    }
    found
}

fn is_number(digits: &[u8]) -> bool {
    DIGITS_MIN <= digits.len() && is_of_issuer(digits) && has_check_digit(digits)
}

/// Whether there is an issuer whose numbers begin like this and are as long. Without that, one of ten
/// time stamps in nanoseconds would be a card's number.
fn is_of_issuer(digits: &[u8]) -> bool {
    let lead = digits.iter().take(4);
    let lead = lead.fold(0, |lead, digit| lead * 10 + u32::from(*digit));
    match lead {
        // American Express.
        3400..=3499 | 3700..=3799 => digits.len() == 15,
        // Diners Club.
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&digits.len()),
        // JCB, Mir.
        3528..=3589 | 2200..=2204 => 16 <= digits.len(),
        // Visa.
        4000..=4999 => matches!(digits.len(), 13 | 16 | 18 | 19),
        // Mastercard, Troy.
        5100..=5599 | 2221..=2720 | 9792 => digits.len() == 16,
        // Maestro, and with it Discover, UnionPay and RuPay.
        5000..=5099 | 5600..=6999 | 8100..=8299 => true,
        _ => false,
    }
}

/// The algorithm of Luhn.
fn has_check_digit(digits: &[u8]) -> bool {
    let digits = digits.iter().rev().enumerate();
    let sum: u32 = digits
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (1, digit @ 5..) => 2 * digit - 9,
            (1, digit) => 2 * digit,
            (_, digit) => digit,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether the digits are part of an identifier in hexadecimal digits, as those of traces are.
fn is_in_identifier(text: &[u8], number: Range<usize>) -> bool {
    const LENGTHS: [usize; 6] = [16, 24, 32, 36, 40, 64];
    let is_part = |byte: &&u8| byte.is_ascii_hexdigit() || **byte == b'-';
    let before = text[..number.start].iter().rev().take(64);
    let behind = text[number.end..].iter().take(64);
    let start = number.start - before.take_while(is_part).count();
    let end = number.end + behind.take_while(is_part).count();
    let has_letters = text[start..end].iter().any(u8::is_ascii_alphabetic);
    has_letters && LENGTHS.contains(&(end - start))
}

#[cfg(test)]
pub(super) mod tests {
    /// Whether the digits have the right check digit and an issuer.
    pub(crate) fn is_valid(number: &str) -> bool {
        let digits: Vec<u8> = number.bytes().map(|digit| digit - b'0').collect();
        super::is_number(&digits)
    }
}
