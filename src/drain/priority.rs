//! How a writer's thread shares the processors with the program's own.

/// Has the calling thread push nobody aside when it wakes.
///
/// Linux lets a thread that wakes take the processor of one that is running, and a writer wakes up to
/// two hundred times a second: each time in the middle of some request. A *batch* thread waits until a
/// processor is free, or the one that runs has had its slice, a few milliseconds. Its share is no
/// smaller for that.
pub(super) fn wake_politely() {
    // Models know no system, and Miri knows no such call.
    #[cfg(all(target_os = "linux", not(any(miri, offloop_loom, offloop_shuttle))))]
    linux::become_batch();
}

#[cfg(all(target_os = "linux", not(any(miri, offloop_loom, offloop_shuttle))))]
mod linux {
    #![expect(
        unsafe_code,
        reason = "a thread's policy is chosen through the C library"
    )]

    use libc::{SCHED_BATCH, SCHED_OTHER, SYS_sched_getscheduler, SYS_sched_setscheduler};

    const CALLING_THREAD: libc::pid_t = 0;

    pub(super) fn become_batch() {
        // Anything else was chosen: a real-time policy, say, which the program's threads have as well.
        if policy() == SCHED_OTHER {
            // Where it is forbidden, all is as it was.
            let _ = choose(SCHED_BATCH);
        }
    }

    // The system is asked directly, because musl's functions of these names only refuse.
    fn policy() -> libc::c_int {
        // SAFETY: it takes one number, and writes nothing.
        let policy = unsafe { libc::syscall(SYS_sched_getscheduler, CALLING_THREAD) };
        policy as libc::c_int
    }

    fn choose(policy: libc::c_int) -> bool {
        // The only one there is for a policy without priorities.
        let priority: libc::c_int = 0;
        // SAFETY: it takes two numbers and the address of a third, which it only reads.
        let result = unsafe {
            libc::syscall(
                SYS_sched_setscheduler,
                CALLING_THREAD,
                policy,
                &raw const priority,
            )
        };
        result == 0
    }

    #[cfg(test)]
    mod tests {
        use std::thread;

        use super::*;

        #[test]
        fn only_the_thread_itself_becomes_polite() {
            let before = policy();
            let polite = thread::spawn(|| {
                become_batch();
                policy()
            });
            assert_eq!(polite.join().unwrap(), SCHED_BATCH);
            assert_eq!(policy(), before);
        }

        #[test]
        fn a_policy_that_was_chosen_stays() {
            let idle = thread::spawn(|| {
                assert!(choose(libc::SCHED_IDLE));
                become_batch();
                policy()
            });
            assert_eq!(idle.join().unwrap(), libc::SCHED_IDLE);
        }
    }
}
