//! The standard library's, and crossbeam's queue.

use std::time::Duration;

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::thread_local;

pub(crate) use crate::fork::spawn;

#[cfg(test)]
pub(crate) use super::simulated::{Instant, thread};
#[cfg(not(test))]
pub(crate) use std::{thread, time::Instant};

/// A queue with room for `capacity` values: many senders, many receivers.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    sender: crossbeam_channel::Sender<T>,
    receiver: crossbeam_channel::Receiver<T>,
}

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

    /// The same, but waits for a value.
    pub(crate) fn pop_within(&self, at_most: Duration) -> Option<T> {
        self.receiver.recv_timeout(at_most).ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.receiver.len()
    }
}
