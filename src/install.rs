//! What there is once in a program: the global subscriber, the bridge from `log`, the panic hook.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::sync::{Arc, OnceLock};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Subscriber};

use crate::error::Error;
use crate::exit;
use crate::filter;
use crate::pipeline::Pipeline;
use crate::request;
use crate::stats::Stats;

static PIPELINE: OnceLock<Arc<Pipeline>> = OnceLock::new();

/// Says early, before files are made, that there is a subscriber already.
pub(crate) fn check() -> Result<(), Error> {
    // Asking whether any was ever set would count those that were only the default of a scope.
    let is_set = tracing::dispatcher::get_default(|current| !current.is::<NoSubscriber>());
    if is_set {
        Err(Error::AlreadyInstalled)
    } else {
        Ok(())
    }
}

pub(crate) fn subscriber(
    subscriber: impl Subscriber + Send + Sync,
    level_max: LevelFilter,
) -> Result<(), Error> {
    // The bridge comes first: alone it does no harm, should the other fail.
    log_bridge(level_max)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| Error::AlreadyInstalled)
}

#[cfg(feature = "log")]
fn log_bridge(level_max: LevelFilter) -> Result<(), Error> {
    use tracing_log::AsLog;
    tracing_log::LogTracer::builder()
        .with_max_level(level_max.as_log())
        .init()
        .map_err(|_| Error::LoggerInstalled)
}

#[cfg(not(feature = "log"))]
fn log_bridge(_: LevelFilter) -> Result<(), Error> {
    Ok(())
}

/// Has all callsites, the bridge from `log`, and loggers of other languages ask anew what this pipeline
/// wants of them.
pub(crate) fn ask_anew(pipeline: &Arc<Pipeline>) {
    ask_callsites(pipeline);
    // Not while others are kept from changing anything: it may take its time.
    pipeline.tell_of_levels();
}

fn ask_callsites(pipeline: &Arc<Pipeline>) {
    // Of two who do so at once, neither puts back in place what the other's change has overtaken.
    let _changing = filter::change();
    // A single subscriber is asked as that of the current thread, and this one may have none. The
    // second one is gone by the time at which it matters; what is left of it is that all are asked.
    drop(Dispatch::new(NoSubscriber::default()));
    tracing::callsite::rebuild_interest_cache();
    if is_installed(pipeline) {
        set_log_level(pipeline.gate().level_max());
    }
}

#[cfg(feature = "log")]
fn set_log_level(level_max: LevelFilter) {
    use tracing_log::AsLog;
    tracing_log::log::set_max_level(level_max.as_log());
}

#[cfg(not(feature = "log"))]
fn set_log_level(_: LevelFilter) {}

/// Makes a pipeline the one whose figures [`stats`] tells.
pub(crate) fn pipeline(pipeline: &Arc<Pipeline>) {
    let _ = PIPELINE.set(Arc::clone(pipeline));
}

/// Whether a pipeline is that one.
pub(crate) fn is_installed(pipeline: &Arc<Pipeline>) -> bool {
    PIPELINE
        .get()
        .is_some_and(|installed| Arc::ptr_eq(installed, pipeline))
}

/// The figures of the pipeline that [`init`](crate::init) installed; all zero without one.
///
/// ```
/// let stats = offloop::stats();
/// println!("{} accepted, {} waiting, {} lost", stats.accepted.total(), stats.waiting(), stats.lost());
/// ```
#[must_use]
pub fn stats() -> Stats {
    PIPELINE
        .get()
        .map(|pipeline| pipeline.stats())
        .unwrap_or_default()
}

/// Logs panics before whatever the hook so far does.
pub(crate) fn panic_hook() {
    if std::thread::panicking() {
        // The standard library would panic once more, and abort.
        return;
    }
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        log_panic(panic);
        if aborts(panic) {
            request::log_available();
            note_panic(panic);
            exit::write_all();
        }
        before(panic);
    }));
}

/// Whether the process aborts as soon as the hooks have run.
fn aborts(panic: &PanicHookInfo<'_>) -> bool {
    // A panic in a destructor during another panic, or on its way into C, cannot unwind either. The
    // standard library knows, but on stable Rust it says so only here.
    cfg!(panic = "abort") || format!("{panic:?}").contains("can_unwind: false")
}

fn note_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    exit::note_panic(message_of(panic), location.as_deref());
}

fn message_of<'p>(panic: &'p PanicHookInfo<'_>) -> &'p str {
    panic
        .payload_as_str()
        .unwrap_or("panic with a payload that is no text")
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = message_of(panic);
    let location = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let backtrace = match backtrace.status() {
        BacktraceStatus::Captured => Some(tracing::field::display(backtrace)),
        _ => None,
    };
    tracing::error!(
        target: "panic",
        location,
        thread.name = thread.name(),
        backtrace,
        "{message}"
    );
}
