//! Passwords in URLs: `postgres://user:secret@db/x`.

use std::ops::Range;

use super::end_of_run;

/// Who a URL names before its host.
pub(super) struct Credentials {
    /// Nobody, perhaps.
    pub(super) user: Range<usize>,
    pub(super) password: Range<usize>,
}

/// What a URL, whose authority begins here, has of a user and a password.
///
/// A password that was written down as it is may have a colon or an `@` in it. One with a slash ends
/// the authority, as does that of `http://host:80/@x`, and so is none.
pub(super) fn credentials_at(text: &[u8], start: usize) -> Option<Credentials> {
    let end = end_of_run(text, start, is_in_authority);
    let authority = &text[start..end];
    let at = authority.iter().rposition(|byte| *byte == b'@')?;
    let colon = authority[..at].iter().position(|byte| *byte == b':')?;
    let password = start + colon + 1..start + at;
    (!password.is_empty()).then_some(Credentials {
        user: start..start + colon,
        password,
    })
}

/// What ends it, and what stands around URLs and in none: where such a byte is meant, it is encoded.
fn is_in_authority(byte: u8) -> bool {
    b' ' < byte && byte != 0x7f && !b"/?#\"<>\\`".contains(&byte)
}
