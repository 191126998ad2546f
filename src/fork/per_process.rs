//! What each process in a line of forks has for itself.

use once_cell::race::OnceBox;

use super::generation;

/// A value that a forked child begins anew: its parent's may be locked by a thread that does not
/// exist there.
///
/// There is no moment at which a fork could leave it half made: nobody waits for anybody who makes
/// it. Who looks for it takes a load for each process in the line that has one.
pub(crate) struct PerProcess<T>(OnceBox<Entry<T>>);

struct Entry<T> {
    generation: u64,
    value: T,
    /// Those of the processes further down the line.
    descendants: PerProcess<T>,
}

impl<T: Default> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        PerProcess(OnceBox::new())
    }

    #[inline]
    pub(crate) fn get(&self) -> &T {
        let generation = generation();
        let mut entry = self.first(generation);
        while entry.generation != generation {
            entry = entry.descendants.first(generation);
        }
        &entry.value
    }

    /// That of the process which was the first to ask.
    #[inline]
    fn first(&self, generation: u64) -> &Entry<T> {
        self.0.get_or_init(|| {
            Box::new(Entry {
                generation,
                value: T::default(),
                descendants: PerProcess::new(),
            })
        })
    }
}
