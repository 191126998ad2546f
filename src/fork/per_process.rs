//! What each process in a line of forks has for itself.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::generation;

/// A value that a forked child begins anew: its parent's may be locked by a thread that does not
/// exist there.
///
/// There is no moment at which a fork could leave it half made: nobody waits for anybody who makes
/// it.
pub(crate) struct PerProcess<T: 'static>(ArcSwapOption<Entry<T>>);

struct Entry<T: 'static> {
    generation: u64,
    /// Never given back: there is one for each process in a line of forks, and one for each thread
    /// that began it at the same moment and was slower.
    value: &'static T,
}

impl<T: Default + Send + Sync> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        PerProcess(ArcSwapOption::const_empty())
    }

    #[inline]
    pub(crate) fn get(&self) -> &'static T {
        match &*self.0.load() {
            Some(entry) if entry.generation == generation() => entry.value,
            _ => self.begin(),
        }
    }

    #[cold]
    fn begin(&self) -> &'static T {
        let generation = generation();
        let value: &'static T = Box::leak(Box::default());
        let fresh = Arc::new(Entry { generation, value });
        self.0.rcu(|entry| match entry {
            // Another thread was faster.
            Some(entry) if entry.generation == generation => Some(Arc::clone(entry)),
            _ => Some(Arc::clone(&fresh)),
        });
        self.0.load().as_ref().map_or(value, |entry| entry.value)
    }
}
