//! The door through which the channel's atomics and cells come: the standard library's, or loom's
//! where the channel is being model-checked.

#[cfg(not(offloop_loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};

#[cfg(offloop_loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};

#[cfg(not(offloop_loom))]
pub(crate) use std::thread::{Thread, current, park_timeout};

#[cfg(offloop_loom)]
pub(crate) use loom::thread::{Thread, current};

/// Loom's threads know no time.
#[cfg(offloop_loom)]
pub(crate) fn park_timeout(_: std::time::Duration) {
    loom::thread::park();
}

/// A queue with room for `capacity` values: many senders, many receivers.
#[cfg(not(offloop_loom))]
#[derive(Debug)]
pub(crate) struct Queue<T> {
    sender: crossbeam_channel::Sender<T>,
    receiver: crossbeam_channel::Receiver<T>,
}

#[cfg(not(offloop_loom))]
impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        Queue { sender, receiver }
    }

    /// Hands the value back where the queue is full.
    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        self.sender
            .try_send(value)
            .map_err(crossbeam_channel::TrySendError::into_inner)
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.receiver.try_recv().ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.receiver.len()
    }
}

/// Stands in for crossbeam's channel, which loom cannot see into. The models prove what is built
/// around the queue, not the queue.
#[cfg(offloop_loom)]
#[derive(Debug)]
pub(crate) struct Queue<T> {
    capacity: usize,
    values: loom::sync::Mutex<std::collections::VecDeque<T>>,
}

#[cfg(offloop_loom)]
impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Queue {
            capacity,
            values: loom::sync::Mutex::new(std::collections::VecDeque::new()),
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

    pub(crate) fn len(&self) -> usize {
        self.values.lock().unwrap().len()
    }
}
