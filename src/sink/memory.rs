//! Lines kept in memory, for tests.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Sink;

/// Keeps the lines that are written to it, so that a test can look at them. Clones share the lines.
///
/// A record reaches its sinks some time after the call that logs it, so a test flushes before it
/// looks. So that it sees the same records in whatever shell it runs, it refuses `RUST_LOG`, by
/// [`Builder::rust_log`](crate::Builder::rust_log). Nothing is ever removed except by [`clear`](Memory::clear): in a program that runs for
/// long, log to a file.
///
/// ```
/// let memory = offloop::Memory::new();
/// assert_eq!(memory.text(), "");
/// assert!(memory.lines().is_empty());
/// ```
#[derive(Clone, Default)]
pub struct Memory {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Memory {
    /// Makes an empty memory.
    #[must_use]
    pub fn new() -> Memory {
        Memory::default()
    }

    /// All lines so far, as they were written, each with its line break.
    ///
    /// ```
    /// let memory = offloop::Memory::new();
    /// assert!(!memory.text().contains("password"));
    /// ```
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock()).into_owned()
    }

    /// All lines so far, without their line breaks.
    ///
    /// ```
    /// let memory = offloop::Memory::new();
    /// assert_eq!(memory.lines().len(), 0);
    /// ```
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }

    /// Forgets all lines so far.
    ///
    /// ```
    /// let memory = offloop::Memory::new();
    /// memory.clear();
    /// assert_eq!(memory.text(), "");
    /// ```
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Whether these are the very same lines, not only like ones.
    pub(crate) fn is(&self, other: &Memory) -> bool {
        Arc::ptr_eq(&self.bytes, &other.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        // No panic can leave bytes half changed, so a poisoned lock means nothing.
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Memory")
            .field(&self.lines())
            .finish()
    }
}

#[derive(Debug)]
pub(super) struct MemorySink {
    memory: Memory,
}

impl MemorySink {
    pub(super) fn new(memory: &Memory) -> MemorySink {
        MemorySink {
            memory: memory.clone(),
        }
    }
}

impl Sink for MemorySink {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.memory.lock().extend_from_slice(lines);
        Ok(lines.len())
    }

    fn wait_for_room(&mut self, _at_most: Duration) {}

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::sink::Target;

    use super::*;

    #[test]
    fn clones_share_the_lines() {
        let memory = Memory::new();
        let mut target = Target::Memory(memory.clone());
        let mut sink = target.open().unwrap();
        assert_eq!(sink.write("a\nß\n".as_bytes()).unwrap(), 5);
        assert_eq!(memory.text(), "a\nß\n");
        assert_eq!(memory.lines(), ["a", "ß"]);
        assert_eq!(format!("{memory:?}"), r#"Memory(["a", "ß"])"#);
    }

    #[test]
    fn cleared_lines_are_forgotten_and_later_ones_kept() {
        let memory = Memory::new();
        let mut sink = MemorySink::new(&memory);
        sink.write(b"a\n").unwrap();
        memory.clear();
        sink.write(b"b\n").unwrap();
        assert_eq!(memory.text(), "b\n");
    }

    #[test]
    fn a_forked_child_has_no_memory_of_its_own() {
        let target = Target::Memory(Memory::new());
        assert!(target.open_in_child().is_none());
    }
}
