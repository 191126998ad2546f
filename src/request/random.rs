//! Random numbers for identifiers: unlikely to come twice, anywhere; not secret.
//!
//! Each thread has a generator of its own, seeded by the operating system when the thread first
//! needs a number. From then on a number costs a nanosecond and no system call. Who has seen some of
//! the numbers can compute the next ones, so they are for names and never for keys.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::SystemTime;

use rand::rngs::{SmallRng, SysRng};
use rand::{Rng, SeedableRng};

use crate::fork;

thread_local! {
    static LOCAL: RefCell<Option<Seeded>> = const { RefCell::new(None) };
}

/// A generator, and which process seeded it.
struct Seeded {
    generation: u64,
    generator: SmallRng,
}

/// Random numbers that are not 0, as the identifiers of traces and spans must not be.
#[inline]
pub(super) fn nonzero<const N: usize>() -> [u64; N] {
    with_generator(|generator| {
        std::array::from_fn(|_| {
            loop {
                let number = generator.next_u64();
                if number != 0 {
                    return number;
                }
            }
        })
    })
}

/// Random bytes.
#[inline]
pub(super) fn bytes<const N: usize>() -> [u8; N] {
    with_generator(|generator| {
        let mut bytes = [0; N];
        generator.fill_bytes(&mut bytes);
        bytes
    })
}

/// Lends the thread's generator to `draw`. Where it is out of reach, one is made on the spot: while
/// the thread ends, and in a signal handler that came in between.
#[inline]
fn with_generator<T>(draw: impl Fn(&mut SmallRng) -> T) -> T {
    let drawn = LOCAL.try_with(|local| {
        let mut kept = local.try_borrow_mut().ok()?;
        let generation = fork::generation();
        // A forked child has a copy of its parent's, which would repeat the parent's numbers.
        if !matches!(&*kept, Some(seeded) if seeded.generation == generation) {
            *kept = Some(seed());
        }
        Some(draw(&mut kept.as_mut()?.generator))
    });
    let drawn = drawn.ok().flatten();
    drawn.unwrap_or_else(|| draw(&mut seed().generator))
}

#[cold]
fn seed() -> Seeded {
    // Before the generation is read: only a fork that is watched for changes it.
    fork::watch();
    let generator = SmallRng::try_from_rng(&mut SysRng);
    Seeded {
        generation: fork::generation(),
        generator: generator.unwrap_or_else(|_| seed_alone()),
    }
}

/// Seeds a generator where the operating system has no random bytes to give: in a sandbox that
/// forbids the call. What tells this thread from any other goes into it, and the time.
fn seed_alone() -> SmallRng {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Relaxed: only that no two calls get the same number matters.
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let place = &raw const count as usize;
    let seed = std::array::from_fn(|index| {
        let mut hasher = DefaultHasher::new();
        let who = (process::id(), thread::current().id(), place);
        (who, SystemTime::now(), count, index).hash(&mut hasher);
        hasher.finish().to_le_bytes()[0]
    });
    SmallRng::from_seed(seed)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_do_not_come_twice_in_a_thread_or_across_threads() {
        let draw = || (0..1000).flat_map(|_| nonzero::<1>()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..8).map(|_| thread::spawn(draw)).collect();
        let mut numbers: Vec<u64> = draw();
        for thread in threads {
            numbers.extend(thread.join().unwrap());
        }
        let distinct: HashSet<_> = numbers.iter().collect();
        assert_eq!(distinct.len(), 9000);
    }

    #[test]
    fn a_generator_of_another_generation_is_not_used() {
        let copy = SmallRng::from_seed([7; 32]);
        let expected = copy.clone().next_u64();
        let of_the_parent = Seeded {
            generation: fork::generation() + 1,
            generator: copy.clone(),
        };
        LOCAL.set(Some(of_the_parent));
        assert_ne!(nonzero(), [expected]);

        let own = Seeded {
            generation: fork::generation(),
            generator: copy,
        };
        LOCAL.set(Some(own));
        assert_eq!(nonzero(), [expected]);
    }

    #[test]
    fn a_thread_that_is_ending_gets_numbers_too() {
        struct AtTheEnd(std::sync::mpsc::Sender<[u64; 1]>);
        impl Drop for AtTheEnd {
            fn drop(&mut self) {
                self.0.send(nonzero::<1>()).unwrap();
            }
        }
        thread_local!(static AT_THE_END: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) });
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || AT_THE_END.set(Some(AtTheEnd(sender))));
        thread.join().unwrap();
        assert_ne!(receiver.recv().unwrap(), [0]);
    }

    #[test]
    fn without_the_operating_system_generators_differ() {
        let numbers: HashSet<u64> = (0..1000).map(|_| seed_alone().next_u64()).collect();
        assert_eq!(numbers.len(), 1000);
    }
}
