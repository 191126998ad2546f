//! What a connection's record says of a handshake that failed.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

use super::*;

/// An error with a source, as libraries of TLS have them within that of the system.
#[derive(Debug)]
struct Refused(io::Error);

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("refused")
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_handshake_that_fails_is_a_warning_with_the_error_and_its_sources_and_the_only_record() {
    let lines = logged(|| {
        let connection = Connection::new(Some("192.0.2.7:1234".parse().unwrap()));
        connection.add_received(517);
        let cause = io::Error::other("no common cipher");
        connection.handshake_failed(&io::Error::other(Refused(cause)));
        connection.handshake_failed(&io::Error::other("once more"));
        connection.end();
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "WARN");
    assert_eq!(lines[0]["event.name"], "http.server.tls_error");
    assert_eq!(lines[0]["message"], "TLS handshake failed");
    let error = serde_json::json!(["refused", "no common cipher"]);
    assert_eq!(lines[0]["error"], error);
    assert_eq!(lines[0]["network.peer.address"], "192.0.2.7");
    assert_eq!(lines[0]["connection.received.size"], 517);
    assert_eq!(lines[0].get("suppressed"), None);
}

#[test]
fn a_client_that_goes_away_before_it_has_said_anything_has_failed_at_nothing() {
    for (kind, end) in [
        (ErrorKind::UnexpectedEof, "client_close"),
        (ErrorKind::ConnectionReset, "error"),
    ] {
        let lines = logged(|| {
            let connection = Connection::new(None);
            connection.handshake_failed(&io::Error::new(kind, "gone"));
            connection.end();
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0]["level"], "DEBUG");
        assert_eq!(lines[0]["connection.end"], end);
        assert_eq!(lines[0]["connection.error"], "gone");
    }
    let lines = logged(|| {
        let connection = Connection::new(None);
        connection.add_received(20);
        connection.handshake_failed(&io::Error::from(ErrorKind::UnexpectedEof));
    });
    assert_eq!(lines[0]["level"], "WARN");
}

#[cfg(feature = "tokio")]
mod streams {
    use std::cell::Cell;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::*;

    /// A stream that makes its handshake by itself: until that is done, nothing can be flushed.
    struct Lazy<'t> {
        is_done: bool,
        fails: &'t Cell<bool>,
    }

    impl Lazy<'_> {
        fn poll<T>(&self, is_ready: bool, ready: T) -> Poll<io::Result<T>> {
            match is_ready {
                _ if self.fails.get() => Poll::Ready(Err(ErrorKind::InvalidData.into())),
                true => Poll::Ready(Ok(ready)),
                false => Poll::Pending,
            }
        }
    }

    impl AsyncRead for Lazy<'_> {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.poll(false, ())
        }
    }

    impl AsyncWrite for Lazy<'_> {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll(self.is_done, bytes.len())
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll(self.is_done, ())
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Reads twice: before the handshake is done, or behind it, and then where the stream has failed.
    fn event_of_failure(is_done: bool) -> Json {
        let mut lines = logged(|| {
            let fails = Cell::new(false);
            let within = Lazy {
                is_done,
                fails: &fails,
            };
            let (stream, connection) = LoggedIo::new(within, None);
            let mut stream = stream.awaiting_handshake();
            let mut read = || {
                let (mut context, mut bytes) = (Context::from_waker(Waker::noop()), [0; 8]);
                let mut buffer = ReadBuf::new(&mut bytes);
                Pin::new(&mut stream).poll_read(&mut context, &mut buffer)
            };
            assert!(read().is_pending());
            fails.set(true);
            assert!(read().is_ready());
            drop((stream, connection));
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)["event.name"].take()
    }

    #[test]
    fn an_error_is_one_of_the_handshake_until_that_is_done() {
        assert_eq!(event_of_failure(false), "http.server.tls_error");
        assert_eq!(event_of_failure(true), "http.server.connection");
    }
}
