//! The end of the process: whatever still waits is written, however the program ends, short of
//! being killed.

#![expect(
    unsafe_code,
    reason = "an exit handler is registered with the C library"
)]

use std::sync::{Arc, LazyLock, Once};

use arc_swap::ArcSwap;

use crate::channel::sync::Instant;
use crate::pipeline::Running;

/// The pipelines that may have something to write. Lock-free: a forked child must be able to end
/// too, whatever the parent's threads were doing at that moment.
static RUNNING: LazyLock<ArcSwap<Vec<Arc<Running>>>> = LazyLock::new(ArcSwap::default);

/// Sees to it that what waits in `running` is written before the process ends.
pub(crate) fn register(running: &Arc<Running>) {
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| {
        // SAFETY: the handler is called once, on the thread that calls `exit`, while the program
        // is still whole. It does not unwind: see `at_exit`.
        #[cfg(not(miri))]
        unsafe {
            libc::atexit(at_exit);
        }
    });
    RUNNING.rcu(|list| {
        // What belongs to the parent process is never torn down in a child, see `crate::fork`.
        let parents = list.iter().filter(|other| !other.is_current());
        parents.cloned().for_each(std::mem::forget);
        let own = list.iter().filter(|other| other.is_current());
        let (done, alive): (Vec<_>, Vec<_>) = own.partition(|other| is_done_with(other));
        done.into_iter().for_each(|other| other.discard_arena());
        let alive = alive.into_iter();
        alive.chain([running]).cloned().collect::<Vec<_>>()
    });
}

/// Undoes that for one that has nothing to write, and never will.
pub(crate) fn forget(running: &Arc<Running>) {
    RUNNING.rcu(|list| {
        let others = list.iter().filter(|other| !Arc::ptr_eq(other, running));
        others.cloned().collect::<Vec<_>>()
    });
}

/// Whether nothing waits in a pipeline and nothing can come: its owner has let go of it.
fn is_done_with(running: &Arc<Running>) -> bool {
    // The list holds it, too.
    Arc::strong_count(running) == 1 && running.has_stopped()
}

/// Runs after `main` has returned, and inside of `std::process::exit`.
#[cfg_attr(miri, expect(dead_code, reason = "Miri runs no exit handlers"))]
extern "C" fn at_exit() {
    // A panic must not cross into C.
    let _ = std::panic::catch_unwind(write_all);
}

/// Lets whoever finds the pages of a pipeline know why the process ended.
pub(crate) fn note_panic(message: &str, location: Option<&str>) {
    for running in RUNNING.load().iter().filter(|running| running.is_current()) {
        running.note_panic(message, location);
    }
}

/// Writes whatever waits, now that nothing runs after this any more. The time that each pipeline may
/// take begins now for all of them, so that several dead sinks hold up the end no longer than one.
pub(crate) fn write_all() {
    let began = Instant::now();
    for running in RUNNING.load().iter().filter(|running| running.is_current()) {
        running.end_with_process(began);
    }
}
