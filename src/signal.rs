//! The end of a service by a signal, in order.

mod handler;
mod watch;

use std::future::pending;

#[cfg(not(miri))]
pub(crate) use handler::restore_in_child;
use watch::Signals;

/// Waits for the first SIGTERM or SIGINT.
///
/// Give it to the server's graceful shutdown, and shut the log down after that: then everything
/// that requests logged on their way out is written too.
///
/// ```no_run
/// # async fn serve(_: impl Future<Output = ()>) {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), offloop::Error> {
/// let guard = offloop::init()?;
/// serve(offloop::shutdown_signal()).await; // axum::serve(…).with_graceful_shutdown(…)
/// guard.shutdown_async(std::time::Duration::from_secs(5)).await;
/// # Ok(())
/// # }
/// ```
///
/// All who wait at the same time hear of the same signal. One that comes after it, a second Ctrl-C
/// while a request does not come to its end, ends the process: what waits in the log is written, for
/// no longer than the [exit time-out](crate::Builder::exit_timeout), and then the signal does what it
/// does without a handler, so that whoever started the process sees that status. Whoever wants to do
/// something else about the second one waits for it, by calling this again. A first signal that
/// comes while nobody waits, because the future was dropped, is kept for the next call.
///
/// The handlers are installed when the first such future is polled, on any executor, and stay. A thread
/// of its own watches for the signals, so that the second one ends a process whose runtime hangs, too.
/// A signal whose handler cannot be installed ends the process as ever. In a forked child the signals do
/// what they did before, so that they can end it, until it calls this itself.
pub async fn shutdown_signal() {
    match Signals::watched() {
        Some(signals) => signals.next().await,
        None => pending().await,
    }
}
