//! Text on its way from the thread that logs to the line.

/// Text as it lies in a record: UTF-8, unless the record was damaged.
///
/// Whoever writes a line looks at each byte anyway and checks what it has to check in passing, so
/// decoding leaves that alone. Whatever the bytes are, the text is what stands before the first
/// damage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RawText<'a>(&'a [u8]);

impl<'a> RawText<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        RawText(bytes)
    }

    #[inline]
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text behind its first `plain` bytes, which are ASCII.
    pub(crate) fn behind(self, plain: usize) -> &'a str {
        valid(self.0.get(plain..).unwrap_or_default())
    }

    pub(crate) fn as_str(self) -> &'a str {
        valid(self.0)
    }
}

impl<'a> From<&'a str> for RawText<'a> {
    #[inline]
    fn from(text: &'a str) -> Self {
        RawText(text.as_bytes())
    }
}

/// The text before the first damage.
fn valid(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_else(|error| {
        std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
    })
}
