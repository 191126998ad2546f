//! The door from other languages' loggers, whose targets, places and fields are known only as the
//! program runs.
//!
//! Behind it, their records are like those of `tracing`: [`place`] makes a callsite of each place
//! that records come from, once, so filters decide once and formats prepare keys once. The request
//! that a record belongs to is passed along, since other languages' tasks have their own ways to
//! carry it, and threads know nothing of those.

mod place;
mod values;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;
use tracing::dispatcher::{self, Dispatch};
use tracing::level_filters::LevelFilter;

pub(crate) use self::place::Spot;
pub use self::place::{Callsite, Place};
use self::values::Screened;
pub use self::values::Values;

use super::buffer::Buffer;
use super::record::Encoder;
use super::subscriber::OffloopSubscriber;
use super::thread::{self, Pushed};
use super::{event, known};
use crate::channel;
use crate::channel::overflow::level_index;
use crate::filter::Wish;
use crate::pipeline::Pipeline;
use crate::request::{Held, RequestContext};

/// Takes the records of another language's loggers. Cloning it costs next to nothing.
///
/// Made by [`Builder::build_frontend`](crate::Builder::build_frontend).
///
/// ```
/// use offloop::frontend::{Place, Taken};
/// use tracing::Level;
///
/// # fn main() -> Result<(), offloop::Error> {
/// # let memory = offloop::Memory::new();
/// let (frontend, guard) = offloop::builder().memory(&memory).build_frontend()?;
/// let place = Place { fields: &["user"], ..Place::of("app.views", Level::INFO) };
/// let taken = frontend.record(&place, None, |values| {
///     values.str("signed in");
///     values.i64(42);
/// });
/// assert_eq!(taken, Taken::InTime);
/// # guard.flush(std::time::Duration::from_secs(10)).unwrap();
/// # let text = memory.text();
/// # assert!(text.contains(r#""target":"app.views","message":"signed in","user":42"#), "{text}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Frontend {
    pipeline: Arc<Pipeline>,
    dispatch: Dispatch,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "late records are written by their callers, see `Frontend::write_late`"]
#[non_exhaustive]
pub enum Taken {
    /// It is on its way, or it is counted as lost.
    InTime,
    /// The writers have ended: [`Frontend::write_late`] writes it.
    Late,
    /// No filter wants it.
    Unwanted,
}

impl Frontend {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        let subscriber = OffloopSubscriber::new(Arc::clone(&pipeline));
        Frontend {
            pipeline,
            dispatch: Dispatch::new(subscriber),
        }
    }

    /// Whether records of this target and level may be wanted, at once or as a request's detail; whether
    /// one is may hang on its fields, too.
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// # let memory = offloop::Memory::new();
    /// let (frontend, _guard) = offloop::builder().memory(&memory).filter("warn").build_frontend()?;
    /// assert!(!frontend.wants("app.views", tracing::Level::INFO));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn wants(&self, target: &str, level: Level) -> bool {
        self.pipeline.gate().may_want(target, level)
    }

    /// The most verbose level of which any records may be wanted.
    ///
    /// ```
    /// use tracing::level_filters::LevelFilter;
    ///
    /// # fn main() -> Result<(), offloop::Error> {
    /// # let memory = offloop::Memory::new();
    /// let builder = offloop::builder().memory(&memory).filter("info,app.db=debug").rust_log(false);
    /// let (frontend, _guard) = builder.build_frontend()?;
    /// assert_eq!(frontend.level_max(), LevelFilter::DEBUG);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn level_max(&self) -> LevelFilter {
        self.pipeline.gate().level_max()
    }

    /// Has `listener` called each time that other levels may be wanted than before, on the thread that
    /// changes that: after a reload, and where directives [come to lie](crate::Guard::level_for) on top of
    /// the filter, or go. A later listener of the same pipeline is not heard.
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let memory = offloop::Memory::new();
    /// let builder = || offloop::builder().memory(&memory).rust_log(false);
    /// let (frontend, guard) = builder().build_frontend()?;
    /// let (tell, told) = mpsc::channel();
    /// frontend.on_other_levels(move || tell.send(()).unwrap_or_default());
    /// guard.reload(builder().filter("debug"))?;
    /// told.recv()?;
    /// assert!(frontend.wants("app", tracing::Level::DEBUG));
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_other_levels(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.pipeline.listen(listener);
    }

    /// Takes a record: `write` writes the message, then the value of each field of `place`, in their
    /// order. It is not called where no filter wants the record.
    ///
    /// Never waits, whatever the [`Overflow`](crate::Overflow): who calls it may hold what others
    /// wait for. What `write` itself logs meanwhile is taken, too.
    pub fn record(
        &self,
        place: &Place<'_>,
        request: Option<&RequestContext>,
        write: impl FnOnce(&mut Values<'_, '_>),
    ) -> Taken {
        self.take(&place.spot(), request, write)
    }

    /// The same for a place that was looked up before.
    pub fn record_at(
        &self,
        callsite: Callsite,
        request: Option<&RequestContext>,
        write: impl FnOnce(&mut Values<'_, '_>),
    ) -> Taken {
        self.take(&Spot::of(callsite), request, write)
    }

    #[inline]
    fn take(
        &self,
        spot: &Spot<'_>,
        request: Option<&RequestContext>,
        write: impl FnOnce(&mut Values<'_, '_>),
    ) -> Taken {
        let callsite = known::note(spot.metadata);
        let wish = self.pipeline.gate().wish_at(spot, callsite.number);
        let keeps_detail = || request.is_some_and(RequestContext::keeps_detail);
        if wish == Wish::Never || (wish == Wish::Detail && !keeps_detail()) {
            return Taken::Unwanted;
        }
        let held = Held {
            pipeline: &self.pipeline,
            metadata: spot.metadata,
            target: spot.place.target,
            level: level_index(spot.place.level),
            is_detail: wish == Wish::Detail,
        };
        let encode = |bytes: &mut Buffer| {
            let screening = self.pipeline.screening();
            let screen = (!callsite.is_plain).then(|| screening.current());
            let screen = screen.as_deref().map(Arc::as_ref);
            let screened = Screened::by(screening, screen, spot, callsite.number);
            let write_request = |bytes: &mut Buffer| request.is_none_or(|own| own.write(bytes));
            let bounds = screening.bounds();
            let mut encoder = Encoder::record_within(bytes, bounds, callsite.number, write_request);
            write(&mut Values::new(&mut encoder, spot, &screened));
            if wish != Wish::Now {
                event::note(wish, &self.pipeline, held.level, &mut encoder);
            }
            encoder.finish();
        };
        match channel::without_waiting(|| self.hand_over(&held, request, encode)) {
            Pushed::InTime => Taken::InTime,
            Pushed::Late => Taken::Late,
        }
    }

    /// Writes records that came after the writers had ended, on the caller's thread; waits for that
    /// no longer than the exit time-out, all such calls together.
    ///
    /// Not to be called while holding what other threads wait for, such as an interpreter's lock.
    pub fn write_late(&self) {
        self.pipeline.see_to(Pushed::Late);
        let running = self.pipeline.running();
        if running.is_to_go_on() {
            self.pipeline.go_on();
        }
    }

    /// Whether records that are logged now are to be written by [`write_late`](Self::write_late).
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.pipeline.running().channel().is_closed()
    }

    /// Prepares for an end of the process that no exit handler sees, such as that by a signal which
    /// nobody handles: writes what waits, and leaves no file of pages behind. From then on records are
    /// [`Taken::Late`], until [`go_on`](Self::go_on) is called.
    ///
    /// Waits for `patience` at most, and has later callers of `write_late` wait for no longer than
    /// that, all together: if that time is used up the process has not ended, and the pipeline goes
    /// on by itself. Says whether all is written; where a sink stalls, nothing has changed.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), offloop::Error> {
    /// # let memory = offloop::Memory::new();
    /// let (frontend, _guard) = offloop::builder().memory(&memory).build_frontend()?;
    /// assert!(frontend.expect_end(Duration::from_secs(2)));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "where a sink stalls, nothing has changed"]
    pub fn expect_end(&self, patience: Duration) -> bool {
        self.pipeline.expect_end(patience)
    }

    /// The process goes on after all, and so does the pipeline, as if no end had been expected. Waits
    /// for nobody: while a configuration is being reloaded, it is the next late record that has the
    /// pipeline go on.
    pub fn go_on(&self) {
        self.pipeline.go_on();
    }

    /// Runs `part` so that what it logs by `tracing` comes here, too: the records of requests do. Never
    /// waits; where [`is_late`](Self::is_late) holds after that, `write_late` is to be called.
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// # let memory = offloop::Memory::new();
    /// let (frontend, _guard) = offloop::builder().memory(&memory).build_frontend()?;
    /// frontend.within(|| tracing::info!("hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn within<T>(&self, part: impl FnOnce() -> T) -> T {
        channel::without_waiting(|| dispatcher::with_default(&self.dispatch, part))
    }

    fn hand_over(
        &self,
        held: &Held<'_>,
        request: Option<&RequestContext>,
        encode: impl FnOnce(&mut Buffer),
    ) -> Pushed {
        let hold_back = |record: &[u8]| match request {
            Some(request) => request.hold_back(held, record),
            None => held.is_detail,
        };
        let mut encode = Some(encode);
        let mut encode = |bytes: &mut Buffer| {
            if let Some(encode) = encode.take() {
                encode(bytes);
            }
        };
        let pushed = thread::with_local(|local| {
            local.with_scratch(|bytes| {
                encode(bytes);
                if hold_back(bytes.as_slice()) {
                    return Pushed::InTime;
                }
                local.push(&self.pipeline, held.level, bytes.as_slice())
            })
        });
        pushed.unwrap_or_else(|| {
            // The thread is ending, its storage is gone.
            let mut bytes = Buffer::new();
            encode(&mut bytes);
            thread::push_alone(&self.pipeline, held.level, bytes.as_slice())
        })
    }
}

impl fmt::Debug for Frontend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Frontend")
            .field("pipeline", &self.pipeline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
