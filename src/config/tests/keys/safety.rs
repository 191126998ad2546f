//! What is kept out of the log, and how much a record may hold.

use super::{Cases, Change};
use crate::{Limits, Redaction, RedactionStyle};

pub(super) const KEYS_OF_REDACTION: Cases<Change<Redaction>> = &[
    ("enabled", "enabled = false", |_| Redaction::off()),
    ("default_keys", "default_keys = false", |redaction| {
        redaction.default_keys(false)
    }),
    ("default_values", "default_values = false", |redaction| {
        redaction.default_values(false)
    }),
    ("style", r#"style = "redacted""#, |redaction| redaction),
    ("style", r#"style = "hash""#, |redaction| {
        redaction.style(RedactionStyle::Hash)
    }),
    ("style", r#"style = "last_four""#, |redaction| {
        redaction.style(RedactionStyle::LastFour)
    }),
    (
        "keys",
        r#"keys = ["iban", { pattern = "email", style = "hash" }]"#,
        |redaction| redaction.key("iban").key_as("email", RedactionStyle::Hash),
    ),
    ("keep", r#"keep = ["page_token"]"#, |redaction| {
        redaction.keep("page_token")
    }),
    (
        "values",
        r#"values = ['ACME-\d+', { pattern = "IBAN.*", style = "last_four" }]"#,
        |redaction| {
            redaction
                .value(r"ACME-\d+")
                .value_as("IBAN.*", RedactionStyle::LastFour)
        },
    ),
    ("hash_key", r#"hash_key = "canary""#, |redaction| {
        redaction.hash_key("canary")
    }),
];

pub(super) const KEYS_OF_LIMITS: Cases<Change<Limits>> = &[
    ("record_bytes", r#"record_bytes = "64 KiB""#, |limits| {
        limits.record_bytes(64 << 10)
    }),
    ("field_bytes", r#"field_bytes = "4 KiB""#, |limits| {
        limits.field_bytes(4 << 10)
    }),
    ("fields", "fields = 32", |limits| limits.fields(32)),
    ("depth", "depth = 4", |limits| limits.depth(4)),
];
