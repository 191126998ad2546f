//! The end of a service by a signal, in order.

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
/// the future was polled, they do not end the process by themselves any more.
pub async fn shutdown_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminate, interrupt) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
        // No handler, no signal to wait for: the signals end the process, as they would without us.
        tracing::warn!(target: "offloop", "signal handlers could not be installed");
        return std::future::pending().await;
    };
    std::future::poll_fn(|context| {
        let received =
            terminate.poll_recv(context).is_ready() || interrupt.poll_recv(context).is_ready();
        if received {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
