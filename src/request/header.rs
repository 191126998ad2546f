//! What headers have in common.

use crate::redaction::secret_names;

/// Whether a header's value must not be logged, whatever a list of headers to log says:
/// `authorization`, `cookie`, `proxy-authorization`, `set-cookie`, `x-amz-security-token`, `x-api-key`
/// and `x-auth-token`, in any case.
///
/// ```
/// use offloop::request::is_secret_header;
///
/// assert!(is_secret_header("Authorization"));
/// assert!(!is_secret_header("accept"));
/// ```
#[must_use]
pub fn is_secret_header(name: &str) -> bool {
    secret_names::HEADERS
        .iter()
        .any(|secret| secret.eq_ignore_ascii_case(name))
}

/// A header's value without the spaces and tabs that HTTP allows around it.
pub(super) fn without_whitespace(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
