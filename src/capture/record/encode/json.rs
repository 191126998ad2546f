//! Values that are JSON, or have some in them.

use super::{Encoder, NAME_ROOM};
use crate::capture::record::{Name, TAG_JSON, TAG_TEXT};
use crate::capture::screen::Screen;
use crate::json::Written;

/// Where the field begins that was encoded last, and its text, which is JSON or has some in it.
#[derive(Debug)]
pub(crate) struct JsonField {
    field: usize,
    start: usize,
    /// Whether all of the text is one value.
    is_whole: bool,
}

impl Encoder<'_> {
    /// Encodes what is JSON already. Where it does not fit, a part of it is kept as a string.
    pub(crate) fn json(&mut self, name: Name<'_>, text: &str) {
        // Room for the name, too, lest it be begun in vain.
        let name_len = match name {
            Name::Index(_) => 0,
            Name::Inline(name) => name.len(),
        };
        let fits = text.len() <= self.field_bytes;
        if !fits || !self.bytes.reserve(NAME_ROOM + name_len + text.len()) {
            return self.str(name, text);
        }
        if let Some(start) = self.begin_block(TAG_JSON, name) {
            self.bytes.put(text.as_bytes());
            self.end_block(start);
        }
    }

    #[cold]
    pub(super) fn json_field(
        &mut self,
        field: usize,
        start: usize,
        written: Written,
        len: usize,
    ) -> JsonField {
        let is_whole = written == Written::Whole && len <= self.field_bytes;
        if is_whole {
            self.bytes.set_u8(field, TAG_JSON);
        }
        JsonField {
            field,
            start,
            is_whole,
        }
    }

    /// Takes out of a field that is JSON, the last one so far, what a screen has something against.
    #[cold]
    #[inline(never)]
    pub(crate) fn screen_json(&mut self, name: &str, json: &JsonField, screen: &Screen) {
        let text = self.bytes.as_slice().get(json.start..).unwrap_or_default();
        let text = str::from_utf8(text).unwrap_or_default();
        let screened = if json.is_whole {
            screen.screen_json(name, text)
        } else {
            screen.screen_part(name, text)
        };
        let Some(screened) = screened else {
            return;
        };
        let text = &screened.text;
        self.cut |= screened.is_cut;
        self.bytes.truncate(json.start);
        if text.len() <= self.field_bytes && self.bytes.reserve(text.len()) {
            self.bytes.put(text.as_bytes());
        } else {
            self.put_cut(text);
            self.bytes.set_u8(json.field, TAG_TEXT);
        }
        self.end_block(json.start);
    }
}
