//! What is kept out of the log: secrets, by the names of fields and by what values look like.

mod hash_key;
mod rule;

use serde::{Deserialize, Serialize};

use self::hash_key::HashKey;
pub(crate) use self::rule::RedactionRule;

/// What stands in place of a secret.
///
/// ```
/// use offloop::{Redaction, RedactionStyle};
///
/// let redaction = Redaction::default().style(RedactionStyle::Hash);
/// # drop(redaction);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RedactionStyle {
    /// `[redacted]`. The value is not looked at: where its field says that it is a secret, it is not
    /// even formatted.
    #[default]
    Redacted,
    /// `[hash:1a2b3c4d5e6f]`: the first 48 bits of an HMAC-SHA-256 of the value's text. Equal values
    /// have equal hashes, so that records can be brought together; without the
    /// [key](Redaction::hash_key) nobody can try out what the value was.
    Hash,
    /// `[last4:1111]`: the last four characters. `[redacted]` where the value has fewer than twelve.
    LastFour,
}

/// What of records is kept out of the log. On by default.
///
/// **By name.** The value of a field whose name is that of a secret never enters the memory in which
/// records wait, and so no sink, no file that outlives the process, and no core dump of these. That
/// holds for the fields of events and spans, for those that [`Span::record`] adds later, and for
/// those that are added to a [request](crate::request::add). A pattern is compared with each part of
/// a name between dots, and with parts in a row, in any case; `-`, `_` and `.` do not count:
/// `api_key` means `apiKey`, `API-KEY` and `http.request.header.api-key`, too. `*` stands for
/// anything: `*_token`. A pattern with dots is a path: `card.number` means `user.card.number` and
/// `user.card.number.text`, and `*.pin` any `pin` within something. What is within a secret is one:
/// `credentials` means `credentials.user`, too. A message has no name, and is looked at by value
/// alone.
///
/// By default these are secrets: `auth`, `bearer`, `card_number`, `connection_string`,
/// `connect.sid`, `cookie`, `cookies`, `credential`, `credit_card`, `csrf`, `cvc`,
/// `cvv`, `cvv2`, `encryption_key`, `jsessionid`, `jwt`, `master_key`, `otp`, `phpsessid`,
/// `session_id`, `set_cookie`, `signing_key`, `ssn`, `totp`, `x_amz_credential`, `x_amz_signature`,
/// `x_goog_signature`, `xsrf`, and what is like `*access_key*`, `*api_key`, `*authorization`,
/// `*credentials`, `*passphrase*`, `*passwd*`, `*password*`, `*private_key*`, `*secret*`, `*token`
/// and `*pwd`. An exception is made by [`keep`](Redaction::keep).
///
/// **By value.** Before a record is formatted, whatever text it has (the message, strings, what
/// `Display` and `Debug` wrote, the messages of errors, values that are JSON, bytes, the fields of
/// spans) is searched for credentials behind `Bearer` and `Basic`, JSON Web Tokens, private keys in
/// PEM (with line breaks escaped, or cut, too), passwords in URLs (`postgres://user:secret@host`), card
/// numbers of the known issuers with the right checksum (13 to 19 digits, with single spaces or dashes or
/// without), and keys that can be told by how they begin: those of AWS, Anthropic, GitHub, GitLab, Google,
/// npm, OpenAI, Slack and Stripe. Only they are replaced, not the text around them. Numbers that were
/// logged as numbers are left alone. A name with a password behind it in a sentence, as in `password=secret`,
/// looks like any other words: it belongs into a field.
///
/// What was given to [`non_blocking`](crate::non_blocking) is lines that others have formatted:
/// nothing is looked at there. Audit records are records like any other.
///
/// ```
/// use offloop::{Redaction, RedactionStyle};
///
/// let redaction = Redaction::default()
///     .key("iban")
///     .key_as("user.email", RedactionStyle::Hash)
///     .keep("page_token")
///     .value("ACME-[0-9]{8}");
/// let builder = offloop::builder().redaction(redaction);
/// # drop(builder);
/// ```
///
/// [`Span::record`]: tracing::Span::record
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
#[must_use = "a redaction does nothing before it is given to a builder"]
pub struct Redaction {
    /// Whether anything is kept out of the log.
    pub(crate) enabled: bool,
    /// Whether the usual names are those of secrets: password, authorization, api_key.
    pub(crate) default_keys: bool,
    /// Whether values are searched for the usual secrets: bearer tokens, private keys, card numbers.
    pub(crate) default_values: bool,
    /// What stands in place of secrets whose rule says nothing else.
    pub(crate) style: RedactionStyle,
    /// More names of secrets, as patterns: "iban", "*_pin", "card.number".
    pub(crate) keys: Vec<RedactionRule>,
    /// Names that are not those of secrets, though they may look like some, as patterns.
    pub(crate) keep: Vec<String>,
    /// What else in values is a secret, as regular expressions.
    pub(crate) values: Vec<RedactionRule>,
    /// The key of hashes. It belongs in a variable: OFFLOOP__REDACTION__HASH_KEY.
    #[serde(skip_serializing)]
    pub(crate) hash_key: HashKey,
}

impl Default for Redaction {
    fn default() -> Self {
        Redaction {
            enabled: true,
            default_keys: true,
            default_values: true,
            style: RedactionStyle::default(),
            keys: Vec::new(),
            keep: Vec::new(),
            values: Vec::new(),
            hash_key: HashKey::default(),
        }
    }
}

impl Redaction {
    /// Keeps nothing out of the log.
    ///
    /// ```
    /// let builder = offloop::builder().redaction(offloop::Redaction::off());
    /// # drop(builder);
    /// ```
    pub fn off() -> Self {
        Redaction {
            enabled: false,
            ..Redaction::default()
        }
    }

    /// Sets whether the names that are secrets by default are. Defaults to `true`.
    ///
    /// ```
    /// let redaction = offloop::Redaction::default().default_keys(false).key("password");
    /// # drop(redaction);
    /// ```
    pub fn default_keys(mut self, are_wanted: bool) -> Self {
        self.default_keys = are_wanted;
        self
    }

    /// Sets whether values are searched for what is a secret by default. Defaults to `true`.
    ///
    /// ```
    /// let redaction = offloop::Redaction::default().default_values(false);
    /// # drop(redaction);
    /// ```
    pub fn default_values(mut self, are_wanted: bool) -> Self {
        self.default_values = are_wanted;
        self
    }

    /// Sets what stands in place of secrets whose rule says nothing else. Defaults to
    /// [`RedactionStyle::Redacted`].
    ///
    /// ```
    /// let redaction = offloop::Redaction::default().style(offloop::RedactionStyle::LastFour);
    /// # drop(redaction);
    /// ```
    pub fn style(mut self, style: RedactionStyle) -> Self {
        self.style = style;
        self
    }

    /// Adds a pattern of names that are those of secrets.
    ///
    /// ```
    /// let redaction = offloop::Redaction::default().key("iban").key("*_pin");
    /// # drop(redaction);
    /// ```
    pub fn key(mut self, pattern: impl Into<String>) -> Self {
        self.keys.push(RedactionRule::new(pattern.into(), None));
        self
    }

    /// The same, with what stands in place of the values. The first pattern that fits counts; those
    /// that are there by default come last.
    ///
    /// ```
    /// use offloop::{Redaction, RedactionStyle};
    ///
    /// let redaction = Redaction::default().key_as("session_id", RedactionStyle::Hash);
    /// # drop(redaction);
    /// ```
    pub fn key_as(mut self, pattern: impl Into<String>, style: RedactionStyle) -> Self {
        self.keys
            .push(RedactionRule::new(pattern.into(), Some(style)));
        self
    }

    /// Adds a pattern of names that are not those of secrets, though they may look like some. It
    /// holds for what has such a name itself, not for what is within something that is redacted.
    ///
    /// ```
    /// let redaction = offloop::Redaction::default().keep("page_token");
    /// # drop(redaction);
    /// ```
    pub fn keep(mut self, pattern: impl Into<String>) -> Self {
        self.keep.push(pattern.into());
        self
    }

    /// Adds a pattern of values that are secrets: a regular expression in the syntax of the crate
    /// [regex](https://docs.rs/regex/latest/regex/#syntax). What it finds is replaced.
    ///
    /// Every text of every record is searched for it, one by one, which costs the writer thread more
    /// than all that is searched for by default.
    ///
    /// ```
    /// let redaction = offloop::Redaction::default().value(r"ACME-[0-9]{8}");
    /// # drop(redaction);
    /// ```
    pub fn value(mut self, pattern: impl Into<String>) -> Self {
        self.values.push(RedactionRule::new(pattern.into(), None));
        self
    }

    /// The same, with what stands in place of what is found.
    ///
    /// ```
    /// use offloop::{Redaction, RedactionStyle};
    ///
    /// let redaction = Redaction::default().value_as(r"ACME-[0-9]{8}", RedactionStyle::LastFour);
    /// # drop(redaction);
    /// ```
    pub fn value_as(mut self, pattern: impl Into<String>, style: RedactionStyle) -> Self {
        self.values
            .push(RedactionRule::new(pattern.into(), Some(style)));
        self
    }

    /// Sets the key of hashes. Whoever has it can try out which value has a hash; without one, each
    /// process makes up its own, and hashes of different processes cannot be compared.
    ///
    /// It is neither shown nor serialised. What [`recover`](crate::recover) writes for a dead process
    /// has `[redacted]` in place of hashes, since nothing that outlives a process holds its key; the
    /// next start of the program uses its own.
    ///
    /// ```
    /// let redaction = offloop::Redaction::default()
    ///     .style(offloop::RedactionStyle::Hash)
    ///     .hash_key("a long secret, from wherever the service has its secrets");
    /// assert!(!format!("{redaction:?}").contains("a long secret"));
    /// ```
    pub fn hash_key(mut self, key: impl Into<String>) -> Self {
        self.hash_key = HashKey(Some(key.into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_reads_as_it_was() {
        let redaction = Redaction::default()
            .default_values(false)
            .style(RedactionStyle::LastFour)
            .key("iban")
            .key_as("email", RedactionStyle::Hash)
            .keep("page_token")
            .value("ACME-[0-9]+");
        let text = serde_json::to_string(&redaction).unwrap();
        let read: Redaction = serde_json::from_str(&text).unwrap();
        assert_eq!(read, redaction);
        assert!(text.contains(r#"["iban",{"pattern":"email","style":"hash"}]"#));
    }

    #[test]
    fn a_key_that_is_not_known_is_refused() {
        assert!(serde_json::from_str::<Redaction>(r#"{"kyes":[]}"#).is_err());
        let nested = r#"{"keys":[{"pattern":"a","stile":"hash"}]}"#;
        assert!(serde_json::from_str::<Redaction>(nested).is_err());
    }
}
