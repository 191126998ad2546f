//! Stands in for crossbeam's channel, which neither loom nor shuttle can see into. They prove what
//! is built around the queue, not the queue.

use std::collections::VecDeque;
use std::time::Duration;

#[cfg(offloop_loom)]
use loom::sync::Mutex;
#[cfg(offloop_shuttle)]
use shuttle::sync::Mutex;

use super::{AtomicUsize, Ordering, thread};

/// A queue with room for `capacity` values: many senders, many receivers.
///
/// As in crossbeam's, whoever has not been told of a value by other means may find the queue empty
/// after it came: the lock alone would tell everybody, and hide an ordering that is missing
/// elsewhere.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    capacity: usize,
    values: Mutex<VecDeque<T>>,
    count: AtomicUsize,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Queue {
            capacity,
            values: Mutex::new(VecDeque::new()),
            count: AtomicUsize::new(0),
        }
    }

    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        let mut values = self.values.lock().unwrap();
        if values.len() == self.capacity {
            return Err(value);
        }
        values.push_back(value);
        // Relaxed, here and below: it is a hint, the lock orders the values.
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<T> {
        if self.len() == 0 {
            return None;
        }
        let value = self.values.lock().unwrap().pop_front()?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(value)
    }

    /// A wait with a time-out may end at any moment: it is a pause.
    pub(crate) fn pop_within(&self, at_most: Duration) -> Option<T> {
        thread::park_timeout(at_most);
        self.pop()
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}
