//! Control over a pipeline: flush it, end it, ask it.

mod completion;
mod outcome;
mod raise;
mod reload;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::channel;
use crate::channel::sync::{Instant, thread};
use crate::deadline;
use crate::drain::Drain;
use crate::fork;
use crate::install;
use crate::pipeline::Pipeline;
use crate::request;
use crate::sink::Control;
use crate::stats::Stats;
use completion::Completion;
pub use outcome::{FlushError, FlushFailure, Report};
pub use raise::Raise;

/// How often a shutdown looks whether the writers have ended, once everything is written.
const END_POLL: Duration = Duration::from_micros(200);

/// Control over a pipeline. Losing it loses nothing: the pipeline belongs to the process, and what
/// waits is written when the process ends.
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let memory = offloop::Memory::new();
/// let guard = offloop::builder().memory(&memory).init()?;
/// tracing::info!("ready");
/// guard.flush(Duration::from_secs(1))?;
/// assert_eq!(memory.lines().len(), 1);
/// let report = guard.shutdown(Duration::from_secs(5));
/// assert_eq!((report.written, report.lost, report.pending), (1, 0, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Guard {
    pipeline: Arc<Pipeline>,
}

impl Guard {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        Guard { pipeline }
    }

    /// Returns once everything that was logged before the call is written: handed to the system by
    /// each sink. Other threads may go on logging, that does not put it off.
    ///
    /// What the system has survives the end of the process, whatever ends it, but not a power cut:
    /// for that there is [`flush_durable`](Guard::flush_durable).
    ///
    /// To be called before `exec` ([`CommandExt::exec`](std::os::unix::process::CommandExt::exec)), which
    /// ends this program without another word, as a kill does: what waits is then left to the next start
    /// with the same file, or lost where it does not [outlive the process](crate::Builder::crash_safe).
    ///
    /// It blocks the thread; async code uses [`flush_async`](Guard::flush_async).
    ///
    /// # Errors
    ///
    /// [`FlushError`] if that takes longer than `timeout`. Nothing is lost by that.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let memory = offloop::Memory::new();
    /// # let (_layer, guard) = offloop::builder().memory(&memory).build::<tracing_subscriber::Registry>()?;
    /// guard.flush(std::time::Duration::from_secs(1))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let running = self.pipeline.running();
        if running.flush_until(deadline::after(timeout)) {
            return Ok(());
        }
        Err(FlushError::timed_out(&running))
    }

    /// Returns once everything that was logged before the call is on the disk, so that it survives
    /// a power cut: written, and then synced (fdatasync) by each sink that is a file. Other sinks
    /// have no disk of their own: they are flushed, as by [`flush`](Guard::flush).
    ///
    /// All who wait at the same time share one sync of each file. It blocks the thread; async code
    /// uses [`flush_durable_async`](Guard::flush_durable_async).
    ///
    /// # Errors
    ///
    /// [`FlushError`] if that takes longer than `timeout`, or if the sync of a file fails. Then
    /// some of what was written to the file since its last sync may never be on the disk; what
    /// the pipeline does about that depends on the [`SyncPolicy`](crate::SyncPolicy). A
    /// later call that succeeds speaks for what was logged since the failure, and for what was
    /// written again because of it.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("app.jsonl");
    /// # let (_layer, guard) = offloop::builder().file(path).build::<tracing_subscriber::Registry>()?;
    /// guard.flush_durable(std::time::Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn flush_durable(&self, timeout: Duration) -> Result<(), FlushError> {
        let running = self.pipeline.running();
        let drain = running.drain();
        let outcome = drain.finish(running.flush_durable(), deadline::after(timeout));
        match outcome {
            Some(Ok(())) => Ok(()),
            Some(Err(why)) => Err(FlushError::not_durable(&running, why)),
            None => Err(FlushError::timed_out(&running)),
        }
    }

    /// The same without blocking the thread, on any executor. There is no deadline: a sink that
    /// stalls for good makes it wait for good, so wrap it in a time-out where that matters. A forked
    /// child that inherits the future finds it done: what was logged before the fork is its parent's to
    /// write.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// # let memory = offloop::Memory::new();
    /// # let (_layer, guard) = offloop::builder().memory(&memory).build::<tracing_subscriber::Registry>().unwrap();
    /// guard.flush_async().await;
    /// # });
    /// ```
    pub fn flush_async(&self) -> impl Future<Output = ()> + Send + 'static {
        let running = Arc::clone(&self.pipeline.running());
        let flushed = running.flush();
        // Once the writers have been told to end, what comes later is written by whoever wants it
        // written. That may take long, and this must not.
        if running.channel().is_closed() {
            running.write_aside();
        }
        flushed
    }

    /// The same as [`flush_durable`](Guard::flush_durable) without blocking the thread, on any
    /// executor. There is no deadline: a disk that stalls for good makes it wait for good.
    ///
    /// # Errors
    ///
    /// [`FlushError`] if the sync of a file fails, or if the process has forked meanwhile and this is
    /// the child.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// # let memory = offloop::Memory::new();
    /// # let (_layer, guard) = offloop::builder().memory(&memory).build::<tracing_subscriber::Registry>().unwrap();
    /// guard.flush_durable_async().await?;
    /// # Ok::<_, offloop::FlushError>(())
    /// # }).unwrap();
    /// ```
    pub fn flush_durable_async(
        &self,
    ) -> impl Future<Output = Result<(), FlushError>> + Send + 'static {
        let running = Arc::clone(&self.pipeline.running());
        let synced = running.flush_durable();
        if running.channel().is_closed() {
            running.write_aside();
        }
        async move {
            let synced = synced.await;
            synced.map_err(|why| FlushError::not_durable(&running, why))
        }
    }

    /// Writes everything and ends the writers. Returns after `timeout` at the latest, with what
    /// became of the records.
    ///
    /// Records that are logged after that are still taken: their callers write them, and wait for
    /// that for no longer than the exit time-out all together; what finds that time used up is
    /// counted as lost.
    ///
    /// [`Builder::exit_timeout`](crate::Builder::exit_timeout) does not come on top of `timeout`: for a sink
    /// that has not got everything by then, and that takes nothing afterwards, the end of the process waits
    /// for no more than what is left of it. Where pages [outlive the
    /// process](crate::Builder::crash_safe), the next start writes the rest.
    ///
    /// Requests that are still in flight get their records now, see
    /// [`request::end_in_flight`](crate::request::end_in_flight).
    ///
    /// It blocks the thread; async code uses [`shutdown_async`](Guard::shutdown_async).
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// # let memory = offloop::Memory::new();
    /// # let (_layer, guard) = offloop::builder().memory(&memory).build::<tracing_subscriber::Registry>()?;
    /// let report = guard.shutdown(std::time::Duration::from_secs(5));
    /// if !report.is_complete() {
    ///     eprintln!("{} records lost, {} not written", report.lost, report.pending);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn shutdown(&self, timeout: Duration) -> Report {
        let began = Instant::now();
        let deadline = deadline::counted_from(began, timeout);
        if install::is_installed(&self.pipeline) {
            // What has not ended by now is not going to be logged any more.
            channel::waiting_until(deadline, request::end_in_flight);
        }
        let (running, stopped) = self.pipeline.stop();
        let drain = running.drain();
        let mut is_written = true;
        if let Some(retiring) = running.retiring() {
            is_written = retiring.drain().flush_until(deadline);
            if !is_written {
                retiring.drain().give_up(began.elapsed());
            }
        }
        if drain.finish(stopped, deadline).is_none() {
            is_written = false;
            drain.give_up(began.elapsed());
        } else {
            // What others have logged meanwhile, as requests do that end together with their server.
            is_written &= drain.flush_until(deadline);
        }
        while !drain.has_stopped() && Instant::now() < deadline {
            thread::sleep(END_POLL);
        }
        let stats = self.stats();
        Report {
            written: stats.written(),
            lost: stats.lost(),
            // What waits else was logged since, and its callers write it.
            pending: if is_written { 0 } else { stats.waiting() },
        }
    }

    /// The same without blocking the thread, on any executor. The deadline is kept by a helper
    /// thread.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// # let memory = offloop::Memory::new();
    /// # let (_layer, guard) = offloop::builder().memory(&memory).build::<tracing_subscriber::Registry>().unwrap();
    /// let report = guard.shutdown_async(std::time::Duration::from_secs(5)).await;
    /// assert!(report.is_complete());
    /// # });
    /// ```
    pub async fn shutdown_async(&self, timeout: Duration) -> Report {
        let guard = self.clone();
        let done = Arc::new(Completion::default());
        let helper = Arc::clone(&done);
        let shutdown = move || helper.complete(guard.shutdown(timeout));
        match fork::spawn("offloop-shutdown".to_owned(), shutdown) {
            Ok(()) => done.wait().await,
            // No thread to be had: better late than lost.
            Err(_) => self.shutdown(timeout),
        }
    }

    /// Has every log file closed, and opened anew by its path, before anything else is written to
    /// it. Returns at once.
    ///
    /// A file that was renamed, removed or replaced is noticed without that, with the next record;
    /// this is for who wants to be sure of it at a certain point, and see the new file appear. See
    /// also [`OnHangup::Reopen`](crate::OnHangup::Reopen).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let (path, old) = (directory.path().join("app.jsonl"), directory.path().join("app.1.jsonl"));
    /// # let (_layer, guard) = offloop::builder().file(&path).build::<tracing_subscriber::Registry>()?;
    /// std::fs::rename(&path, &old)?;
    /// guard.reopen();
    /// # Ok(())
    /// # }
    /// ```
    pub fn reopen(&self) {
        self.pipeline.ask_files(Control::ask_to_reopen);
    }

    /// Ends every log file that is not empty, whatever its [`Rotation`](crate::Rotation): it gets
    /// the name of an old one, and the next record goes to a new file. What was logged before the
    /// call is in the old one.
    ///
    /// Returns at once; [`flush`](Guard::flush) returns once it is done, unless another process has
    /// the lock of the file at that moment: then it is done a little later.
    ///
    /// Where processes share a file, one of them asks for it.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("app.jsonl");
    /// # let (_layer, guard) = offloop::builder().file(&path).build::<tracing_subscriber::Registry>()?;
    /// guard.rotate();
    /// # Ok(())
    /// # }
    /// ```
    pub fn rotate(&self) {
        let ticket = Drain::ticket();
        self.pipeline
            .ask_files(|control| control.ask_to_rotate(ticket));
    }

    /// What became of the records so far.
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// # let memory = offloop::Memory::new();
    /// # let (_layer, guard) = offloop::builder().memory(&memory).build::<tracing_subscriber::Registry>()?;
    /// assert_eq!(guard.stats().lost(), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.pipeline.stats()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn threads_that_go_on_logging_do_not_put_off_a_shutdown() {
        let endless = Duration::MAX;
        let builder = crate::builder().exit_timeout(endless);
        let (writer, guard) = builder.non_blocking(std::io::sink()).unwrap();
        let has_ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for mut writer in [writer.clone(), writer.clone(), writer.clone(), writer] {
                let has_ended = &has_ended;
                scope.spawn(move || {
                    while !has_ended.load(Ordering::Relaxed) {
                        writer.write_all(b"line\n").unwrap();
                    }
                });
            }
            let report = guard.shutdown(endless);
            has_ended.store(true, Ordering::Relaxed);
            assert!(report.is_complete(), "{report:?}");
        });
    }
}
