//! The parts of a request's work: whatever runs for it, polls and destructors, and may panic or hold
//! up the thread meanwhile.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use tracing::Level;

use super::TARGET;
use super::context::RequestContext;
use super::life::Request;
use super::outcome::Outcome;
use super::text::Part;

impl Request {
    /// Runs a part of its work: a poll of the handler or of the response's body. It is the thread's
    /// current request meanwhile. Should the part panic, the request's outcome is
    /// [`Outcome::Panic`], the record says what the panic said, and the panic goes on.
    ///
    /// ```
    /// use offloop::request::{Arrival, RequestLog};
    ///
    /// let mut request = RequestLog::default().begin(Arrival::default(), &());
    /// let answer = request.run(|| "hello");
    /// assert_eq!(answer, "hello");
    /// ```
    pub fn run<T>(&mut self, part: impl FnOnce() -> T) -> T {
        match self.try_run(part) {
            Ok(result) => result,
            Err(payload) => {
                self.end(Outcome::Panic);
                resume_unwind(payload)
            }
        }
    }

    /// The same for an adapter that answers after a panic: it gets what the panic left behind. If
    /// nothing else is reported but an answer, the request's outcome is [`Outcome::Panic`] all the
    /// same. What the part left half done must not be used any more.
    ///
    /// ```
    /// use offloop::request::{Arrival, RequestLog, ResponseHead};
    ///
    /// let mut request = RequestLog::default().begin(Arrival::default(), &());
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// let status = match request.try_run(|| panic!("no such table")) {
    ///     Ok(status) => status,
    ///     Err(_) => 500,
    /// };
    /// request.head(ResponseHead { status, is_body_ended: true, ..ResponseHead::default() }, &());
    /// ```
    ///
    /// # Errors
    ///
    /// The payload of the panic, if the part panicked.
    #[inline]
    pub fn try_run<T>(&mut self, part: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
        let stall_after = self.context().0.options.stall_after;
        let began = stall_after.map(|_| Instant::now());
        let result = catch_unwind(AssertUnwindSafe(|| self.lend(part)));
        if let Err(payload) = &result {
            self.context().note_panic(&**payload);
        }
        if let Some((stall_after, began)) = stall_after.zip(began) {
            self.context().note_stall(stall_after, began.elapsed());
        }
        result
    }

    /// A future whose polls, and destructors, are parts of the request's work: that of its handler.
    /// It is ready with what a panic left behind, as [`try_run`](Request::try_run).
    ///
    /// ```
    /// use offloop::request::{Arrival, RequestLog};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let mut request = RequestLog::default().begin(Arrival::default(), &());
    /// let handler = async { "hello" };
    /// let answer = request.handle(handler).await.unwrap_or("sorry");
    /// # assert_eq!(answer, "hello");
    /// # });
    /// ```
    pub fn handle<F: Future>(&mut self, handler: F) -> Handling<'_, F> {
        Handling {
            handler: Some(handler),
            request: self,
        }
    }
}

impl RequestContext {
    /// Notes that a part of the request's work panicked, where that is seen by other means than
    /// [`Request::run`]: the record says what the panic said, and if the request is answered now, its
    /// outcome is [`Outcome::Panic`].
    ///
    /// ```
    /// if let Some(request) = offloop::request::RequestContext::current() {
    ///     request.note_panic(&"index out of bounds");
    /// }
    /// ```
    pub fn note_panic(&self, payload: &(dyn Any + Send)) {
        self.add_error(&Panicked::of(payload));
        // What goes wrong behind the head does not decide of the answer.
        if self.0.progress.status.load(Ordering::Relaxed) == 0 {
            self.decide(Outcome::Panic);
        }
    }

    fn note_stall(&self, stall_after: Duration, lasted: Duration) {
        if lasted < stall_after {
            return;
        }
        let text = |part| self.0.text.get(part);
        self.run(|| {
            tracing::event!(
                name: "request held up the thread",
                target: TARGET,
                parent: None,
                Level::WARN,
                event.name = "http.server.stall",
                http.request.method = text(Part::Method),
                http.route = self.route(),
                url.path = text(Part::Path),
                duration_ms = lasted.as_micros() as f64 / 1000.0,
                "request held up the thread"
            );
        });
    }
}

/// What a handler said when it panicked.
#[derive(Debug)]
struct Panicked(String);

impl Panicked {
    fn of(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Panicked(text.unwrap_or("a panic without a text").to_owned())
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Panicked {}

pin_project! {
    /// A future whose polls work for a request, and its destructors as well. Made by
    /// [`Request::handle`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Handling<'r, F> {
        #[pin]
        handler: Option<F>,
        request: &'r mut Request,
    }

    impl<F> PinnedDrop for Handling<'_, F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut handler = this.handler;
            this.request.context().run(|| handler.set(None));
        }
    }
}

impl<F: Future> Future for Handling<'_, F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(handler) = this.handler.as_pin_mut() else {
            // Only this future's own destructor takes the handler away.
            return Poll::Pending;
        };
        match this.request.try_run(|| handler.poll(context)) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }
}
