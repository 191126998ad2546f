//! Headers, as the records read them.

use offloop::request::Headers;
use rocket::http::HeaderMap;

/// The headers of a message.
pub(crate) struct Fields<'a, 'r>(pub(crate) &'a HeaderMap<'r>);

impl Headers for Fields<'_, '_> {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.0.get(name).map(str::as_bytes)
    }
}
