//! Records with a receipt: [`audit!`](crate::audit!) answers once its record is on the disk.
//!
//! The record goes the way of all others, through whatever subscriber is there, so filters, layers
//! and spans do what they always do. While the macro runs, its thread has a list in which each
//! pipeline that is handed the record enters itself. What other records cost does not change: a
//! pipeline looks whether there is such a list, and there is none.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tracing::{Level, Metadata};

use crate::capture::callsite::Facts;
use crate::channel::overflow;
use crate::deadline;
use crate::drain::durable::{Mark, NotDurable, Synced};
use crate::pipeline::{Pipeline, Running};

/// The target of audit records.
pub(crate) const TARGET: &str = "audit";

/// Their level.
pub(crate) const LEVEL: Level = Level::INFO;

/// Whether events of this callsite are audit records, by whichever macro.
pub(crate) fn is_audit(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && is_audit_at(metadata.target(), *metadata.level())
}

/// The same of events with this target and level.
pub(crate) fn is_audit_at(target: &str, level: Level) -> bool {
    target == TARGET && level == LEVEL
}

/// The same of a record on its way to a sink.
pub(crate) fn is_record(facts: &Facts) -> bool {
    &*facts.target == TARGET
}

/// Logs a record, and returns a [`Receipt`] that is done once the record is on the disk.
///
/// It takes what the macros of `tracing` take: fields, a message, `name:` and `parent:`. The record
/// has the target `audit` and the level `INFO`.
///
/// The disk is waited for by the receipt, not by the macro. Many receipts share one
/// fdatasync, so a thousand requests that audit at once wait hardly longer than one. A receipt that
/// is dropped takes nothing back: its record is written as any other.
///
/// [`Redaction`](crate::Redaction) and [`Limits`](crate::Limits) hold for audit records as for others: a
/// value that must be in one needs a name that is not that of a secret, or an exception.
///
/// Nobody switches audit records off by accident: [`Builder::filter`](crate::Builder::filter) and
/// `RUST_LOG` leave them alone, unless a directive names their target (`audit=off`). The filter of
/// a sink holds for them as for others, so that one file can have them all and another none; other
/// layers of the subscriber may filter, too. A record that no file takes does not go unnoticed: its
/// receipt is an error.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("audit.jsonl");
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// let guard = offloop::builder()
///     .stdout()
///     .sink(offloop::Sink::file(&path).filter("audit"))
///     .init()?;
/// # runtime.block_on(async {
/// offloop::audit!(user = 42, account = "A-17", "deleted").await?;
/// # Ok::<_, offloop::AuditError>(())
/// # })?;
/// # assert!(std::fs::read_to_string(&path)?.contains(r#""message":"deleted","user":42,"account":"A-17""#));
/// # drop(guard);
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! audit {
    (target: $($rest:tt)*) => {
        ::core::compile_error!("the target of an audit record is always `audit`")
    };
    (name: $name:expr, parent: $parent:expr, $($rest:tt)+) => {
        $crate::__audit!(name: $name, target: "audit", parent: $parent, $($rest)+)
    };
    (name: $name:expr, $($rest:tt)+) => {
        $crate::__audit!(name: $name, target: "audit", $($rest)+)
    };
    (parent: $parent:expr, $($rest:tt)+) => {
        $crate::__audit!(target: "audit", parent: $parent, $($rest)+)
    };
    ($($rest:tt)+) => {
        $crate::__audit!(target: "audit", $($rest)+)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __audit {
    ($($event:tt)+) => {{
        let audit = $crate::__private::Audit::begin();
        $crate::__private::tracing::info!($($event)+);
        audit.end()
    }};
}

/// Why an audit record is not known to be on the disk.
///
/// ```
/// // Nothing is installed here, so nobody takes the record.
/// let refused = offloop::audit!("unheard").wait(std::time::Duration::from_secs(1));
/// assert_eq!(refused, Err(offloop::AuditError::NotTaken));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditError {
    /// No file was to get the record: there is no pipeline, or none with a sink that is a file, or
    /// filters leave the record out.
    NotTaken,
    /// The record is lost, or one of those that were lost with it might have been it: the memory
    /// budget was used up, or the pipeline has ended and its file takes nothing. It is counted
    /// and reported as every loss is.
    Lost,
    /// The record was written, but a sync of its file failed; what of it is on the disk cannot be
    /// known. See [`Sink::sync`](crate::Sink::sync). Also in a process that was forked from the one
    /// which logged the record.
    NotDurable,
    /// The time-out of [`Receipt::wait`] passed. The record is still on its way.
    TimedOut,
}

impl fmt::Display for AuditError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            AuditError::NotTaken => "write audit record: no log file takes it",
            AuditError::Lost => "write audit record: it was lost on the way to the log file",
            AuditError::NotDurable => "sync audit record: the disk failed, it may be lost",
            AuditError::TimedOut => "sync audit record: time ran out, it is still on its way",
        })
    }
}

impl Error for AuditError {}

impl From<NotDurable> for AuditError {
    fn from(why: NotDurable) -> Self {
        match why {
            NotDurable::Lost => AuditError::Lost,
            NotDurable::SyncFailed | NotDurable::Forked => AuditError::NotDurable,
        }
    }
}

/// Done once an audit record is on the disk: in every file that takes it, whichever pipelines these
/// belong to.
///
/// Made by [`audit!`](crate::audit!). To be awaited, on any executor, or waited for on a thread that
/// may block. Standard output, writers and the like do not count, a power cut is not their affair;
/// [`Memory`](crate::Memory) does count, so that a program's own tests need no disk.
///
/// ```
/// use std::time::Duration;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let memory = offloop::Memory::new();
/// let guard = offloop::builder().memory(&memory).init()?;
/// offloop::audit!(user = 42, "deleted").wait(Duration::from_secs(5))?;
/// assert!(memory.text().contains("deleted"));
/// # drop(guard);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the record may not reach the disk, and only the receipt would tell"]
pub struct Receipt {
    /// What is known already; the first no is the answer.
    answer: Result<(), AuditError>,
    open: Vec<Open>,
}

/// A pipeline that has the record, but has not answered.
#[derive(Debug)]
struct Open {
    running: Arc<Running>,
    synced: Synced,
    /// Whether the writers had ended, so that somebody else must write.
    is_late: bool,
}

impl Receipt {
    /// Blocks the thread until the record is on the disk.
    ///
    /// # Errors
    ///
    /// [`AuditError`]: if the record is not known to be on the disk, or is not by the end of
    /// `timeout`.
    ///
    /// ```
    /// let receipt = offloop::audit!(user = 42, "deleted");
    /// if let Err(error) = receipt.wait(std::time::Duration::from_secs(1)) {
    ///     println!("{error}");
    /// }
    /// ```
    pub fn wait(mut self, timeout: Duration) -> Result<(), AuditError> {
        let deadline = deadline::after(timeout);
        for open in std::mem::take(&mut self.open) {
            self.answer?;
            let answer = open.running.drain().finish(open.synced, deadline);
            self.answer = answer.map_or(Err(AuditError::TimedOut), |synced| Ok(synced?));
        }
        self.answer
    }
}

impl Future for Receipt {
    type Output = Result<(), AuditError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        while self.answer.is_ok()
            && let Some(open) = self.open.last_mut()
        {
            if std::mem::take(&mut open.is_late) {
                open.running.write_aside();
            }
            let Poll::Ready(synced) = Pin::new(&mut open.synced).poll(context) else {
                return Poll::Pending;
            };
            self.answer = synced.map_err(AuditError::from);
            self.open.pop();
        }
        Poll::Ready(self.answer)
    }
}

thread_local! {
    /// How many audit records this thread is in the midst of: more than one if a value of one
    /// audits when it is formatted.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Who has taken each of them.
    static TAKEN: RefCell<Vec<Vec<Taken>>> = const { RefCell::new(Vec::new()) };
}

/// A pipeline that was handed a record.
struct Taken {
    running: Arc<Running>,
    marks: Vec<(usize, Mark)>,
    is_lost: bool,
}

/// Whether a record of this thread may be an audit record.
#[inline]
pub(crate) fn is_under_way() -> bool {
    DEPTH.try_with(Cell::get).is_ok_and(|depth| depth != 0)
}

/// Lets `capture` hand an audit record to a pipeline, and notes what becomes of it.
pub(crate) fn take(pipeline: &Pipeline, capture: impl FnOnce()) {
    let running = Arc::clone(&pipeline.running());
    let marks = running.drain().marks();
    let lost_before = overflow::lost_by_this_thread();
    capture();
    let taken = Taken {
        running,
        marks,
        is_lost: lost_before != overflow::lost_by_this_thread(),
    };
    // If the sinks were changed meanwhile, the record may have gone to the new ones.
    let since = Arc::clone(&pipeline.running());
    let since = (!Arc::ptr_eq(&since, &taken.running)).then(|| Taken {
        marks: since.drain().marks_of_beginning(),
        is_lost: taken.is_lost,
        running: since,
    });
    let _ = TAKEN.try_with(|lists| {
        if let Some(list) = lists.borrow_mut().last_mut() {
            list.push(taken);
            list.extend(since);
        }
    });
}

/// An audit record that is being logged by this thread.
#[doc(hidden)]
#[derive(Debug)]
pub struct Audit {
    is_open: bool,
    /// It belongs to its thread.
    thread: PhantomData<*const ()>,
}

impl Audit {
    #[doc(hidden)]
    #[must_use]
    pub fn begin() -> Self {
        // A thread that is ending has no storage for a list any more.
        let begun = TAKEN.try_with(|lists| lists.borrow_mut().push(Vec::new()));
        let is_open = begun.is_ok();
        if is_open {
            let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
        }
        Audit {
            is_open,
            thread: PhantomData,
        }
    }

    #[doc(hidden)]
    pub fn end(mut self) -> Receipt {
        let mut receipt = Receipt {
            answer: Err(AuditError::NotTaken),
            open: Vec::new(),
        };
        for taken in self
            .close()
            .into_iter()
            .filter(|taken| !taken.marks.is_empty())
        {
            if receipt.open.is_empty() && receipt.answer == Err(AuditError::NotTaken) {
                receipt.answer = Ok(());
            }
            if taken.is_lost {
                receipt.answer = Err(AuditError::Lost);
            }
            receipt.open.push(taken.ask());
        }
        receipt
    }

    fn close(&mut self) -> Vec<Taken> {
        if !std::mem::take(&mut self.is_open) {
            return Vec::new();
        }
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
        let list = TAKEN.try_with(|lists| lists.borrow_mut().pop());
        list.ok().flatten().unwrap_or_default()
    }
}

impl Drop for Audit {
    /// A value may have panicked while it was formatted.
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl Taken {
    fn ask(self) -> Open {
        Open {
            synced: self.running.drain().flush_marked(&self.marks),
            is_late: self.running.channel().is_closed(),
            running: self.running,
        }
    }
}
