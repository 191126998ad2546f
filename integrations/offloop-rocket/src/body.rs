//! The response's body.

use std::io::{self, SeekFrom};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use offloop::request::{Outcome, Request, Value};
use rocket::Response;
use rocket::response::Body;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};

/// The response's body: its end is the request's, whichever way it ends.
pub(crate) struct Download<'r> {
    inner: Body<'r>,
    request: Request,
}

impl<'r> Download<'r> {
    /// Puts itself around the response's body, which is of this size.
    pub(crate) fn put(response: &mut Response<'r>, request: Request, size: Option<usize>) {
        let inner = response.body_mut().take();
        let chunk_bytes_max = inner.max_chunk_size();
        let download = Download { inner, request };
        match size {
            Some(_) => response.set_sized_body(size, download),
            None => response.set_streamed_body(download),
        }
        response.set_max_chunk_size(chunk_bytes_max);
    }
}

impl Drop for Download<'_> {
    fn drop(&mut self) {
        // What the body's destructor logs belongs to the request.
        let inner = mem::take(&mut self.inner);
        self.request.run(|| drop(inner));
    }
}

impl AsyncRead for Download<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let filled = buffer.filled().len();
        let inner = Pin::new(&mut this.inner);
        let polled = this.request.run(|| inner.poll_read(context, buffer));
        match &polled {
            Poll::Ready(Ok(())) if buffer.filled().len() == filled => this.request.body_ended(),
            Poll::Ready(Ok(())) => this.request.sent((buffer.filled().len() - filled) as u64),
            Poll::Ready(Err(error)) => this.request.fail(Outcome::BodyError, Value::Error(error)),
            Poll::Pending => {}
        }
        polled
    }
}

/// Rocket asks this of bodies of a known size, and never does it: it seeks where it has to find the
/// size out.
impl AsyncSeek for Download<'_> {
    fn start_seek(self: Pin<&mut Self>, _: SeekFrom) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
