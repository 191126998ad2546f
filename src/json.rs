//! Values of a program's own types, logged as JSON.
//!
//! `tracing` hands over such a value as something that implements `Debug`, and nothing else of it can
//! be asked. So a [`Json`] writes JSON as its `Debug`, and notes in its thread how much that was:
//! a value whose whole text it wrote is JSON. A writer that puts the text into a line checks it all
//! the same.

mod reader;

use std::cell::Cell;
use std::fmt;
use std::io;

use serde::Serialize;

pub(crate) use self::reader::{List, Reader, Token};

thread_local! {
    /// How many bytes the latest `Json` has written, if it came to its end. Else [`PART`], or [`NONE`]
    /// if there was none: one word, since every value that is formatted passes by here.
    static WRITTEN: Cell<usize> = const { Cell::new(NONE) };
}

/// No text is as long as these.
const NONE: usize = usize::MAX;
const PART: usize = NONE - 1;

/// What of a value's text a [`Json`] has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Nothing,
    /// Some of it, or not to its end.
    Part,
    Whole,
}

/// Logs anything that implements [`Serialize`] as what it is: a structure, not a string.
///
/// In JSON lines it is a JSON value, with OpenTelemetry a list of typed values; logfmt and lines for
/// people have it as compact JSON. With other subscribers it prints as JSON, too.
///
/// It is serialised on the thread that logs, without allocating, and only if the record is wanted. A
/// value that fails half-way, or panics, is a string that says so, and what is cut is a string, too. So
/// is a text of which a `Json` is but a part: where there is a key in it that is a secret's name, all of it
/// is `[redacted]`, since nobody can say where the secret ends. What is nested deeper than
/// [`Limits::depth`](crate::Limits::depth) says is cut; with OpenTelemetry, which takes several levels for
/// one, what is nested more than 24 deep is a string of JSON, since a reader may refuse it otherwise. As a
/// message it is text.
///
/// Numbers that readers would round or refuse are strings, as they are elsewhere: integers beyond 64
/// bits, floats beyond `f64`.
///
/// ([`valuable`](https://docs.rs/valuable) would do the same, but in `tracing` it is behind
/// `--cfg tracing_unstable`, which every program would have to be built with.)
///
/// ```
/// use offloop::Json;
///
/// #[derive(serde::Serialize)]
/// struct User<'a> {
///     id: u64,
///     roles: &'a [&'a str],
/// }
///
/// let user = User { id: 42, roles: &["admin"] };
/// tracing::info!(user = ?Json(&user), "signed in");
/// // {…,"message":"signed in","user":{"id":42,"roles":["admin"]}}
/// # assert_eq!(format!("{:?}", Json(&user)), r#"{"id":42,"roles":["admin"]}"#);
/// ```
#[derive(Clone, Copy)]
pub struct Json<'a, T: ?Sized>(pub &'a T);

impl<T: Serialize + ?Sized> fmt::Debug for Json<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = WRITTEN.try_with(|written| written.set(PART));
        let mut text = Text {
            formatter,
            len: 0,
            is_full: false,
        };
        let outcome = serde_json::to_writer(&mut text, self.0);
        let (len, is_full) = (text.len, text.is_full);
        match outcome {
            Ok(()) => {
                let _ = WRITTEN.try_with(|written| written.set(len));
                Ok(())
            }
            // Nobody takes any more.
            Err(_) if is_full => Err(fmt::Error),
            Err(error) => write!(formatter, "[not serialised: {error}]"),
        }
    }
}

impl<T: Serialize + ?Sized> fmt::Display for Json<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// Begins a value that may be a `Json`.
#[inline]
pub(crate) fn forget() {
    // A thread that is ending has no mark, and its values are text.
    let _ = WRITTEN.try_with(|written| written.set(NONE));
}

/// What a `Json` has to do with the text of a value, which has so many bytes.
#[inline]
pub(crate) fn written(len: usize) -> Written {
    match WRITTEN.try_with(Cell::get) {
        Ok(NONE) | Err(_) => Written::Nothing,
        Ok(written) if written == len => Written::Whole,
        Ok(_) => Written::Part,
    }
}

/// Says that so many bytes are JSON, which a test knows better.
#[cfg(test)]
pub(crate) fn claim(len: usize) {
    WRITTEN.set(len);
}

/// Takes the bytes of JSON for text, which they are.
struct Text<'f, 'w> {
    formatter: &'f mut fmt::Formatter<'w>,
    len: usize,
    is_full: bool,
}

impl io::Write for Text<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.formatter.write_str(text).map_err(|error| {
            self.is_full = true;
            io::Error::other(error)
        })?;
        self.len += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::ser::{Error, SerializeSeq, Serializer};

    use super::*;

    /// Fails once it has written something.
    struct Failing;

    impl Serialize for Failing {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(None)?;
            list.serialize_element(&1)?;
            Err(S::Error::custom("no more"))
        }
    }

    fn text_of(value: &dyn fmt::Debug) -> (String, Written) {
        forget();
        let text = format!("{value:?}");
        let written = written(text.len());
        (text, written)
    }

    #[test]
    fn only_what_one_json_wrote_as_a_whole_is_json() {
        let one = Json(&[1, 2]);
        assert_eq!(text_of(&one), ("[1,2]".to_owned(), Written::Whole));
        assert_eq!(
            text_of(&Some(one)),
            ("Some([1,2])".to_owned(), Written::Part)
        );
        assert_eq!(
            text_of(&format_args!("{one}{one}")),
            ("[1,2][1,2]".to_owned(), Written::Part)
        );
        assert_eq!(text_of(&"text"), ("\"text\"".to_owned(), Written::Nothing));
    }

    #[test]
    fn what_cannot_be_serialised_is_text_that_says_so() {
        let expected = "[1[not serialised: no more]".to_owned();
        assert_eq!(text_of(&Json(&Failing)), (expected, Written::Part));
    }
}
