//! The headers that a record takes in.

use serde::{Deserialize, Serialize};

use crate::request::is_secret_header;

/// A header to take into the record: its name as headers are looked up by. Never one that holds a
/// secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(in crate::request) struct Header(pub(in crate::request) Box<str>);

impl TryFrom<String> for Header {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if is_secret_header(&name) {
            return Err(format!(
                "the header {name:?} holds a secret, and is never logged"
            ));
        }
        Ok(Header(name.to_ascii_lowercase().into()))
    }
}

impl From<Header> for String {
    fn from(header: Header) -> String {
        header.0.into()
    }
}
