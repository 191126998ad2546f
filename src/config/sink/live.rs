//! What of a sink no file can hold: a program's own writer, or its memory.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::sink::Memory;

pub(crate) type Writer = Box<dyn io::Write + Send>;

/// The thing itself. Clones share it.
#[derive(Clone)]
pub(super) enum Live {
    /// Gone once a pipeline has it.
    Writer(Arc<Mutex<Option<Writer>>>),
    Memory(Memory),
}

impl Live {
    pub(super) fn writer(writer: Writer) -> Self {
        Live::Writer(Arc::new(Mutex::new(Some(writer))))
    }
}

/// The same thing, not one like it.
impl PartialEq for Live {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Live::Writer(own), Live::Writer(other)) => Arc::ptr_eq(own, other),
            (Live::Memory(own), Live::Memory(other)) => own.is(other),
            _ => false,
        }
    }
}

/// Takes the writer, which serves one pipeline.
pub(super) fn take(writer: &Mutex<Option<Writer>>) -> Option<Writer> {
    // Taking it cannot panic half-way.
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    writer.take()
}
