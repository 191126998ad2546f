//! What each process in a line of forks has for itself.

use std::ops::Deref;
use std::sync::LazyLock;

use arc_swap::ArcSwapOption;

use super::generation;

/// A value that a forked child begins anew: its parent's may be locked by a thread that does not
/// exist there.
pub(crate) struct PerProcess<T: 'static>(LazyLock<ArcSwapOption<Entry<T>>>);

struct Entry<T: 'static> {
    generation: u64,
    /// Never given back: there is one for each process in a line of forks.
    value: &'static T,
}

impl<T: Default + Send + Sync> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        PerProcess(LazyLock::new(ArcSwapOption::empty))
    }

    fn begin(&self) -> &'static T {
        let generation = generation();
        let value: &'static T = Box::leak(Box::default());
        let fresh = std::sync::Arc::new(Entry { generation, value });
        self.0.rcu(|entry| match entry {
            // Another thread was faster.
            Some(entry) if entry.generation == generation => Some(std::sync::Arc::clone(entry)),
            _ => Some(std::sync::Arc::clone(&fresh)),
        });
        self.0.load().as_ref().map_or(value, |entry| entry.value)
    }
}

impl<T: Default + Send + Sync> Deref for PerProcess<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &*self.0.load() {
            Some(entry) if entry.generation == generation() => entry.value,
            _ => self.begin(),
        }
    }
}
