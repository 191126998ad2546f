//! Counts what each thread allocates, and calls whom a thread wants called then.

#![expect(unsafe_code, reason = "an allocator is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with a count.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    // Neither made at first use nor dropped: it can be used wherever an allocator is.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HOOK: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// How often the current thread allocates in `part`. Giving memory back does not count.
pub(crate) fn allocations_in(part: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    part();
    ALLOCATIONS.get() - before
}

/// Has `hook` called whenever the current thread allocates in `part`, unless it is the hook that does.
#[allow(dead_code, reason = "not all who share this file have hooks")]
pub(crate) fn with_hook(hook: fn(), part: impl FnOnce()) {
    HOOK.set(Some(hook));
    part();
    HOOK.set(None);
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    if let Some(hook) = HOOK.take() {
        hook();
        HOOK.set(Some(hook));
    }
}

// SAFETY: every call is passed on to the system's allocator as it came, which keeps the contract.
// The count does not allocate, and what a hook allocates is an allocation of its own, done before.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of this very function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: as in `alloc`; the memory came from the system's allocator.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}
