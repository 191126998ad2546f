//! Headers, as the records read them.

use offloop::request::Headers;
use salvo_core::http::HeaderMap;

/// The headers or trailers of a message.
pub(crate) struct Fields<'a>(pub(crate) &'a HeaderMap);

impl Headers for Fields<'_> {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        let values = self.0.get_all(name).into_iter();
        values.map(|value| value.as_bytes())
    }
}
