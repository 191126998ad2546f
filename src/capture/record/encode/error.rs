//! Errors and their sources.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Encoder;
use crate::capture::record::{Messages, Name, TAG_ERROR};

/// How many links of an error's source chain are kept: a chain may be a circle.
const ERROR_SOURCES_MAX: usize = 64;

impl Encoder<'_> {
    /// Encodes an error: its message and those of its sources.
    pub(crate) fn error(&mut self, name: Name<'_>, error: &(dyn Error + 'static)) {
        if let Some(start) = self.begin_block(TAG_ERROR, name) {
            self.put_messages(error);
            self.end_block(start);
        }
    }

    fn put_messages(&mut self, error: &(dyn Error + 'static)) {
        let mut next = Some(error);
        let end_max = self.bytes.len() + self.field_bytes;
        for _ in 0..ERROR_SOURCES_MAX {
            let Some(error) = next else { break };
            if end_max <= self.bytes.len() || !self.bytes.reserve(4) {
                self.cut = true;
                break;
            }
            self.bytes.put(&[0; 4]);
            let start = self.bytes.len();
            self.put_formatted(format_args!("{error}"));
            self.end_text(start, end_max.saturating_sub(start));
            next = catch_unwind(AssertUnwindSafe(|| error.source())).unwrap_or(None);
        }
    }

    /// Encodes an error again, as much of it as fits.
    pub(super) fn error_again(&mut self, name: Name<'_>, messages: Messages<'_>) {
        if let Some(start) = self.begin_block(TAG_ERROR, name) {
            self.put_again(messages);
            self.end_block(start);
        }
    }

    fn put_again(&mut self, messages: Messages<'_>) {
        for message in messages {
            if self.cut || !self.bytes.reserve(4) {
                self.cut = true;
                break;
            }
            self.bytes.put(&[0; 4]);
            let start = self.bytes.len();
            if self.bytes.reserve(message.bytes().len()) {
                self.bytes.put(message.bytes());
            } else {
                self.put_cut(message.as_str());
            }
            self.end_block(start);
        }
    }
}
