//! JSON token by token, as strictly as the strictest reader takes it.
//!
//! Nothing is copied and nothing is kept but where the reader is: of brackets that are open one bit
//! each, so that no text, however deep, takes memory or stack.

use std::ops::Range;

use crate::config::DEPTH_MAX;

const _: () = assert!(
    DEPTH_MAX <= u64::BITS as usize,
    "a bit for each open bracket"
);

/// A part of JSON. Texts are as they stand there, with their escapes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'t> {
    Begin(List),
    End(List),
    Comma,
    /// What stands before a colon, between its quotes, with the colon taken.
    Key(&'t str),
    /// What stands between the quotes of a string.
    Text(&'t str),
    Integer(&'t str),
    Float(&'t str),
    Bool(&'t str),
    Null,
    /// A list or an object that lies too deep, to its end.
    TooDeep,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum List {
    Object,
    Array,
}

/// Reads one value, to its end and the text's.
#[derive(Debug)]
pub(crate) struct Reader<'t> {
    text: &'t str,
    /// Where what comes next is looked for.
    place: usize,
    /// Where the latest token begins.
    start: usize,
    expected: Expected,
    /// How many lists and objects are open, of which no more may be than so many.
    depth: usize,
    depth_max: usize,
    /// Which of them are objects, the innermost in the lowest bit.
    objects: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// An item of the list or object that has just begun, or its end.
    First,
    Item,
    Value,
    /// A comma or an end; the end of the text behind the outermost value.
    Behind,
}

impl<'t> Reader<'t> {
    /// `depth_max` is how many lists and objects may lie within each other: up to [`DEPTH_MAX`].
    pub(crate) fn new(text: &'t str, depth_max: usize) -> Self {
        Reader {
            text,
            place: 0,
            start: 0,
            expected: Expected::Value,
            depth: 0,
            depth_max: depth_max.min(DEPTH_MAX),
            objects: 0,
        }
    }

    /// Whether all of the text was one value.
    pub(crate) fn is_at_end(&self) -> bool {
        let is_behind = self.expected == Expected::Behind && self.depth == 0;
        is_behind && self.place == self.text.len()
    }

    /// Where the latest token lies.
    pub(crate) fn latest(&self) -> Range<usize> {
        self.start..self.place
    }

    /// Whether a value has just ended that belongs to a key.
    pub(crate) fn is_behind_member(&self) -> bool {
        self.expected == Expected::Behind && self.is_in_object()
    }

    /// The next value, whatever lies in it. `None` where none comes.
    pub(crate) fn skip_value(&mut self) -> Option<&'t str> {
        match self.skip_space()? {
            b'{' | b'[' => drop(self.take(brackets_len(self.rest())?)),
            byte => drop(self.value(byte)?),
        }
        self.expected = Expected::Behind;
        self.text.get(self.latest())
    }

    /// The next token. `None` at the end, and where what comes is no JSON.
    pub(crate) fn next(&mut self) -> Option<Token<'t>> {
        let byte = self.skip_space()?;
        match (self.expected, byte) {
            (Expected::Behind | Expected::First, b']' | b'}') => self.end(byte),
            (Expected::Behind, b',') if self.depth != 0 => {
                self.place += 1;
                self.expected = Expected::Item;
                Some(Token::Comma)
            }
            (Expected::Behind, _) => None,
            (Expected::First | Expected::Item, _) if self.is_in_object() => self.key(),
            _ => self.value(byte),
        }
    }

    fn end(&mut self, byte: u8) -> Option<Token<'t>> {
        let list = match byte {
            b'}' if self.is_in_object() => List::Object,
            b']' if self.depth != 0 && !self.is_in_object() => List::Array,
            _ => return None,
        };
        self.place += 1;
        self.depth -= 1;
        self.objects >>= 1;
        self.expected = Expected::Behind;
        Some(Token::End(list))
    }

    fn key(&mut self) -> Option<Token<'t>> {
        let start = self.place;
        let key = self.string()?;
        (self.skip_space()? == b':').then_some(())?;
        self.start = start;
        self.place += 1;
        self.expected = Expected::Value;
        Some(Token::Key(key))
    }

    fn value(&mut self, byte: u8) -> Option<Token<'t>> {
        let token = match byte {
            b'{' | b'[' if self.depth == self.depth_max => {
                self.skip_value().map(|_| Token::TooDeep)?
            }
            b'{' => return Some(self.begin(List::Object)),
            b'[' => return Some(self.begin(List::Array)),
            b'"' => Token::Text(self.string()?),
            b't' => Token::Bool(self.word("true")?),
            b'f' => Token::Bool(self.word("false")?),
            b'n' => self.word("null").map(|_| Token::Null)?,
            _ => self.number()?,
        };
        self.expected = Expected::Behind;
        Some(token)
    }

    fn begin(&mut self, list: List) -> Token<'t> {
        self.place += 1;
        self.depth += 1;
        self.objects = self.objects << 1 | u64::from(list == List::Object);
        self.expected = Expected::First;
        Token::Begin(list)
    }

    fn is_in_object(&self) -> bool {
        self.depth != 0 && self.objects & 1 == 1
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.place..).unwrap_or_default()
    }

    fn take(&mut self, len: usize) -> Option<&'t str> {
        let taken = self.text.get(self.place..self.place + len)?;
        self.place += len;
        Some(taken)
    }

    /// The first byte of what comes next.
    fn skip_space(&mut self) -> Option<u8> {
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.place += self.rest().iter().take_while(is_space).count();
        self.start = self.place;
        self.rest().first().copied()
    }

    fn string(&mut self) -> Option<&'t str> {
        self.rest().strip_prefix(b"\"")?;
        self.place += 1;
        let content = self.take(string_len(self.rest())?);
        self.place += 1;
        content
    }

    fn word(&mut self, word: &str) -> Option<&'t str> {
        self.rest().strip_prefix(word.as_bytes())?;
        self.take(word.len())
    }

    fn number(&mut self) -> Option<Token<'t>> {
        let (len, is_integer) = number_len(self.rest())?;
        let number = self.take(len)?;
        Some(match is_integer {
            true => Token::Integer(number),
            false => Token::Float(number),
        })
    }
}

/// How long a number is, and whether it is a whole one.
fn number_len(text: &[u8]) -> Option<(usize, bool)> {
    let mut end = usize::from(text.first() == Some(&b'-'));
    let digits = |from: usize| {
        let digits = text.get(from..).unwrap_or_default().iter();
        digits.take_while(|byte| byte.is_ascii_digit()).count()
    };
    let whole = digits(end);
    let has_leading_zero = text.get(end) == Some(&b'0') && whole != 1;
    if whole == 0 || has_leading_zero {
        return None;
    }
    end += whole;
    let mut is_integer = true;
    if text.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        end += 1 + (fraction != 0).then_some(fraction)?;
        is_integer = false;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        end += 1 + usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end);
        end += (exponent != 0).then_some(exponent)?;
        is_integer = false;
    }
    Some((end, is_integer))
}

/// How long a string is, up to its last quote. `None` where an escape or a control in it is none
/// that JSON has.
fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += escape_len(bytes.get(at..)?)?,
            0..b' ' => return None,
            _ => at += 1,
        }
    }
}

/// How long the escape is that the text begins with. Surrogates come in pairs.
fn escape_len(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => match code_unit(bytes.get(2..6)?)? {
            0xd800..=0xdbff => {
                let rest = bytes.get(6..)?.strip_prefix(b"\\u")?;
                let low = code_unit(rest.get(..4)?)?;
                (0xdc00..=0xdfff).contains(&low).then_some(12)
            }
            0xdc00..=0xdfff => None,
            _ => Some(6),
        },
        _ => None,
    }
}

fn code_unit(digits: &[u8]) -> Option<u32> {
    let are_digits = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| are_digits)?;
    u32::from_str_radix(text, 16).ok()
}

/// How long the list or the object is that the text begins with. What lies in it is looked at for
/// strings and brackets alone.
fn brackets_len(text: &[u8]) -> Option<usize> {
    let (mut place, mut depth) = (0, 0);
    loop {
        match text.get(place)? {
            b'"' => place += 1 + string_len(text.get(place + 1..)?)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        place += 1;
        if depth == 0 {
            return Some(place);
        }
    }
}
