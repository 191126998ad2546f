//! The request's id: accepted from the client if it is harmless, made otherwise.

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::{NoContext, Timestamp, Uuid};

pub(crate) const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ids are not accepted.
const ID_LENGTH_MAX: usize = 128;

/// The id of a request. Handlers find it in the request's extensions.
///
/// It consists of 1 to 128 characters out of `A-Z a-z 0-9 . _ -`. Cloning it does not allocate.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Both constructors let visible ASCII through only, so this is always text.
        self.0.to_str().unwrap_or_default()
    }

    /// Takes the id that the client sent, if it sent exactly one that is harmless.
    pub(crate) fn accept_or_make(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(REQUEST_ID_HEADER).iter();
        match (values.next(), values.next()) {
            (Some(value), None) if is_harmless(value.as_bytes()) => Self(value.clone()),
            _ => Self::make(),
        }
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Makes a new id.
    ///
    /// Without a context, which `Uuid::now_v7` would lock: ids of one millisecond come in no
    /// particular order, and no thread waits for another one.
    fn make() -> Self {
        let uuid = Uuid::new_v7(Timestamp::now(NoContext));
        let mut buffer = Uuid::encode_buffer();
        let text = uuid.hyphenated().encode_lower(&mut buffer);
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown")))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("RequestId")
            .field(&self.as_str())
            .finish()
    }
}

/// Whether an id can travel through headers, logs and shells without meaning anything there.
fn is_harmless(id: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=ID_LENGTH_MAX).contains(&id.len()) && id.iter().all(is_allowed)
}
