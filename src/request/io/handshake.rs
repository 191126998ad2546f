//! The handshake of a stream that makes it by itself, when it is first read or written.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use crate::request::Connection;

/// Whether a stream has yet to begin to encrypt what it carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Handshake {
    /// It carries what is read and written, encrypted or not.
    #[default]
    Done,
    /// An error now is one of the handshake.
    Awaited,
}

impl Handshake {
    /// Finds out whether it is done, of a stream that has nothing to read: only one that is behind its
    /// handshake can be flushed. It fails where the handshake does, and is never ready else.
    pub(super) fn poll_done<T: AsyncWrite>(
        &mut self,
        stream: Pin<&mut T>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if *self == Handshake::Awaited {
            ready!(stream.poll_flush(context))?;
            *self = Handshake::Done;
        }
        Poll::Pending
    }

    /// Notes what has become of a read or a write.
    pub(super) fn note<R>(&mut self, result: &io::Result<R>) {
        if result.is_ok() {
            *self = Handshake::Done;
        }
    }

    /// Notes an error of a read or a write.
    pub(super) fn note_failure(self, connection: &Connection, error: &io::Error) {
        match self {
            Handshake::Done => connection.fail_by(error),
            Handshake::Awaited => connection.handshake_failed(error),
        }
    }
}
