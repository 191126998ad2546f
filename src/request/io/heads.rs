//! What a server writes without any request.

use std::io;

use crate::request::Connection;

/// The heads of HTTP/1 that are written. Among them are those by which the server refuses by itself:
/// it answers although no request has begun.
///
/// Such an answer has one of three statuses and no body. (A service outside of the layer that answers
/// just so would be taken for one.) With HTTP/2 the server closes the connection or the stream
/// without a status.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// How many requests had begun when the latest was written.
    answered: u64,
    /// How much had been written with it.
    pub(super) sent: u64,
    /// Whether anything has been read since.
    pub(super) has_read: bool,
}

impl Heads {
    /// Notes what has been written.
    pub(super) fn note(
        &mut self,
        connection: &Connection,
        bytes: &[u8],
        written: &io::Result<usize>,
    ) {
        if let Ok(written) = written {
            connection.add_sent(*written as u64);
        }
        let Some(status) = status_of_head(bytes).filter(|_| self.has_read) else {
            return;
        };
        let begun = connection.requests();
        if begun == self.answered && matches!(status, 400 | 414 | 431) && is_bodyless(bytes) {
            connection.refuse(status);
        }
        *self = Self {
            answered: begun,
            sent: connection.sent(),
            has_read: false,
        };
    }
}

/// The status, if these bytes begin with the head of HTTP/1 that answers a request for good.
fn status_of_head(bytes: &[u8]) -> Option<u16> {
    let rest = bytes.strip_prefix(b"HTTP/1.")?;
    let digits = std::str::from_utf8(rest.get(2..5)?).ok()?;
    let status = digits.parse().ok();
    status.filter(|status| *status == 101 || 200 <= *status)
}

fn is_bodyless(head: &[u8]) -> bool {
    let wanted = b"content-length: 0\r\n";
    head.windows(wanted.len()).any(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_head_that_answers_for_good_has_a_status() {
        assert_eq!(status_of_head(b"HTTP/1.1 431 Too Large\r\n"), Some(431));
        assert_eq!(status_of_head(b"HTTP/1.0 200 OK\r\n"), Some(200));
        assert_eq!(status_of_head(b"HTTP/1.1 101 Switching\r\n"), Some(101));
        assert_eq!(status_of_head(b"HTTP/1.1 100 Continue\r\n"), None);
        assert_eq!(status_of_head(b"HTTP/1.1 4"), None);
        assert_eq!(status_of_head(b"\0\0\x12\x04"), None);
        assert_eq!(status_of_head(b""), None);
    }
}
