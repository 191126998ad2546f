//! Stands in for crossbeam's channel, which neither loom nor shuttle can see into. They prove what
//! is built around the queue, not the queue.

use std::collections::VecDeque;
use std::time::Duration;

#[cfg(offloop_loom)]
use loom::sync::Mutex;
#[cfg(offloop_shuttle)]
use shuttle::sync::Mutex;

use super::thread;

/// A queue with room for `capacity` values: many senders, many receivers.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    capacity: usize,
    values: Mutex<VecDeque<T>>,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Queue {
            capacity,
            values: Mutex::new(VecDeque::new()),
        }
    }

    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        let mut values = self.values.lock().unwrap();
        if values.len() == self.capacity {
            return Err(value);
        }
        values.push_back(value);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.values.lock().unwrap().pop_front()
    }

    /// A wait with a time-out may end at any moment: it is a pause.
    pub(crate) fn pop_within(&self, at_most: Duration) -> Option<T> {
        thread::park_timeout(at_most);
        self.pop()
    }

    pub(crate) fn len(&self) -> usize {
        self.values.lock().unwrap().len()
    }
}
