//! The end of a service by a signal, in order.

use std::future::{pending, poll_fn};
use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

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
/// Must be polled inside a tokio runtime with I/O enabled. The handler of the signals stays: once
/// the future was polled, they do not end the process by themselves any more. One whose handler cannot
/// be installed still does.
pub async fn shutdown_signal() {
    let terminate = signal(SignalKind::terminate());
    first_of([terminate, signal(SignalKind::interrupt())]).await;
}

/// Waits for the first of those that there is a handler for.
async fn first_of(signals: [io::Result<Signal>; 2]) {
    for cause in signals.iter().filter_map(|signal| signal.as_ref().err()) {
        tracing::warn!(target: "offloop", %cause, "a signal handler could not be installed");
    }
    let mut signals = signals.into_iter().flatten().collect::<Vec<_>>();
    if signals.is_empty() {
        return pending().await;
    }
    poll_fn(|context| {
        let mut received = signals.iter_mut().map(|signal| signal.poll_recv(context));
        if received.any(|received| received.is_ready()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    #[test]
    fn a_signal_without_a_handler_does_not_keep_the_other_from_being_noticed() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_io().build().unwrap();
        runtime.block_on(async {
            let handled = signal(SignalKind::user_defined2());
            let refused = Err(io::Error::other("no handler"));
            kill_process(getpid(), Signal::USR2).unwrap();
            first_of([refused, handled]).await;
        });
    }
}
