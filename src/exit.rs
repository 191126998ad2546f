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

/// Writes whatever waits, now that nothing runs after this any more. Pipelines whose sinks are stuck
/// are waited for together, not one after the other.
pub(crate) fn write_all() {
    let began = Instant::now();
    write_each(RUNNING.load().iter().map(|running| &**running), began);
}

fn write_each<'r>(all: impl Iterator<Item = &'r Running>, began: Instant) {
    for running in all.filter(|running| running.is_current()) {
        running.end_with_process(began);
    }
}

#[cfg(all(test, not(any(offloop_loom, offloop_shuttle))))]
mod tests {
    use std::io::{self, Write};
    use std::sync::OnceLock;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::Memory;
    use crate::channel::sync::simulated::Simulated;
    use crate::drain::line::Content;
    use crate::pipeline::Pipeline;

    /// Stands still until nobody holds it back any more.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Ends the process, as it were, with the first line that it is given.
    struct Ending(Arc<OnceLock<Arc<Pipeline>>>, Sender<()>);

    impl Write for Ending {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let pipeline = self.0.wait();
            write_each([&**pipeline.running()].into_iter(), Instant::now());
            let _ = self.1.send(());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_writer_that_ends_the_process_waits_for_others_and_not_for_itself() {
        let ((ended, has_ended), memory) = (channel(), Memory::new());
        let started = Arc::new(OnceLock::new());
        let ending = Ending(Arc::clone(&started), ended);
        let builder = crate::builder().writer(ending).memory(&memory);
        let builder = builder.exit_timeout(Duration::MAX).on_error(|_| {});
        let pipeline = builder.start(Content::Lines).unwrap();
        pipeline.push(2, b"line\n");
        started.get_or_init(|| pipeline);
        let minute = Duration::from_secs(60);
        has_ended.recv_timeout(minute).expect("it waits for itself");
        assert_eq!(memory.lines(), ["line"]);
    }

    #[test]
    fn stuck_pipelines_are_waited_for_together() {
        let hour = Duration::from_secs(3600);
        let stuck = || {
            let (hold, held) = channel();
            let builder = crate::builder().writer(Stuck(held)).on_error(|_| {});
            let pipeline = builder.exit_timeout(hour).start(Content::Lines).unwrap();
            pipeline.push(2, b"line\n");
            (hold, Arc::clone(&pipeline.running()))
        };
        let ((_hold, one), (_hold_other, other)) = (stuck(), stuck());
        let time = Simulated::begin(SystemTime::UNIX_EPOCH);
        let began = Instant::now();
        time.advance(hour);
        // Would each be waited for from its turn on, this would take hours.
        write_each([&*one, &*other].into_iter(), began);
        assert_eq!((one.stats().waiting(), other.stats().waiting()), (1, 1));
    }
}
