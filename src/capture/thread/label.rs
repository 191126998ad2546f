//! What a thread is called in its records.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::with_local;
use crate::capture::record::ThreadLabel;

thread_local! {
    /// What the thread is called where Rust does not know its name.
    static NAME: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

pub(super) fn label() -> ThreadLabel {
    static IDS: AtomicU64 = AtomicU64::new(1);
    thread_local!(static ID: u64 = IDS.fetch_add(1, Ordering::Relaxed));
    let id = ID
        .try_with(|id| *id)
        .unwrap_or_else(|_| IDS.fetch_add(1, Ordering::Relaxed));
    let name = NAME.try_with(|name| name.try_borrow().ok()?.clone());
    let name = name.ok().flatten();
    ThreadLabel {
        name: name.or_else(|| std::thread::current().name().map(Into::into)),
        id,
    }
}

/// Has the records of this thread tell another name from now on than the one that Rust knows it by:
/// what other languages call their threads.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let memory = offloop::Memory::new();
/// # let sink = offloop::Sink::memory(&memory).with_thread();
/// let (frontend, guard) = offloop::builder().sink(sink).build_frontend()?;
/// offloop::frontend::name_thread("worker 7");
/// frontend.within(|| tracing::info!("hello"));
/// guard.flush(std::time::Duration::from_secs(1))?;
/// assert!(memory.text().contains("worker 7"));
/// # Ok(())
/// # }
/// ```
pub fn name_thread(name: &str) {
    // Gone, or in use, only where the thread is ending or a hand-over logs: then it keeps its name.
    let _ = NAME.try_with(|own| own.try_borrow_mut().map(|mut own| *own = Some(name.into())));
    // A lane is labelled once.
    let lanes = with_local(|local| Some(local.lanes.try_borrow_mut().ok()?.take()));
    drop(lanes);
}
