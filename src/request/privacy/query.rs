//! The query string: where tokens, passwords and signatures end up that were never meant for a log.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::str;

use percent_encoding::percent_decode;
use serde::{Deserialize, Serialize};

use super::cap::Cap;
use crate::capture::screen;
use crate::redaction::secret_names::QUERY_KEYS;

/// What stands in place of a value.
const REDACTED: &[u8] = b"REDACTED";

/// What records show of query strings. By default nothing.
///
/// Otherwise keys are shown, and values where the policy says so; the others are `REDACTED`. A key
/// is compared as a server would read it: percent-decoded, in any case. A value whose key is one of
/// these is never shown, whatever the policy says: `X-Amz-Signature`, `X-Amz-Credential`,
/// `X-Amz-Security-Token`, `AWSAccessKeyId`, `X-Goog-Signature`, `signature`, `sig`, `token`,
/// `access_token`, `id_token`, `refresh_token`, `api_key`, `key`, `password`, `secret`,
/// `client_secret`, `code`, `state`, `jwt`, `session`, `session_id`, `auth`; so it is within `[...]` or
/// behind a dot (`user[password]`), and written as one word (`accessToken`). The same holds for keys
/// that the [`Redaction`](crate::Redaction) of a pipeline in this process takes for those of secrets.
///
/// ```
/// use offloop::request::QueryPolicy;
///
/// let policy = QueryPolicy::values_of(["page"]);
/// let query = policy.redact(b"page=2&q=secret+plans&token=abc", 1024).unwrap();
/// assert_eq!(query.to_string(), "page=2&q=REDACTED&token=REDACTED");
///
/// assert!(QueryPolicy::default().redact(b"page=2", 1024).is_none());
/// ```
///
/// In a file it is `"off"`, `{ values_of = ["page"] }` or `{ all_except = ["email"] }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct QueryPolicy(Rule);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Rule {
    #[default]
    Off,
    ValuesOf(Box<[Box<str>]>),
    AllExcept(Box<[Box<str>]>),
}

impl QueryPolicy {
    /// Shows nothing of query strings.
    ///
    /// ```
    /// # use offloop::request::QueryPolicy;
    /// assert!(QueryPolicy::off().redact(b"page=2", 1024).is_none());
    /// ```
    #[must_use]
    pub fn off() -> Self {
        Self(Rule::Off)
    }

    /// Shows the values of these keys, and of the others the key alone. A part without a value, which may
    /// be a token as well as a key, is shown if it is one of these keys.
    ///
    /// ```
    /// # use offloop::request::QueryPolicy;
    /// let policy = QueryPolicy::values_of(["page", "sort"]);
    /// let query = policy.redact(b"page=2&email=a@b.example&eyJhbGciOi", 1024).unwrap();
    /// assert_eq!(query.to_string(), "page=2&email=REDACTED&REDACTED");
    /// ```
    #[must_use]
    pub fn values_of<T: Into<String>>(keys: impl IntoIterator<Item = T>) -> Self {
        Self(Rule::ValuesOf(boxed(keys)))
    }

    /// Shows all values except those of the keys that are never shown, and of these. For servers
    /// whose queries are known to hold nothing personal.
    ///
    /// ```
    /// # use offloop::request::QueryPolicy;
    /// let policy = QueryPolicy::all_except(["email"]);
    /// let query = policy.redact(b"q=logs&email=a@b.example&code=1234", 1024).unwrap();
    /// assert_eq!(query.to_string(), "q=logs&email=REDACTED&code=REDACTED");
    /// ```
    #[must_use]
    pub fn all_except<T: Into<String>>(keys: impl IntoIterator<Item = T>) -> Self {
        Self(Rule::AllExcept(boxed(keys)))
    }

    /// What a record may show of a query string, in at most `bytes_max` bytes, as [`capped`] has it.
    /// `None` if that is nothing at all.
    ///
    /// [`capped`]: super::capped
    ///
    /// ```
    /// # use offloop::request::QueryPolicy;
    /// let policy = QueryPolicy::values_of(["page"]);
    /// let query = policy.redact(b"page=12345", 7).unwrap();
    /// assert_eq!(query.to_string(), "page=12…(+3)");
    /// ```
    #[must_use]
    pub fn redact<'a>(&'a self, query: &'a [u8], bytes_max: usize) -> Option<RedactedQuery<'a>> {
        let is_shown = !matches!(self.0, Rule::Off);
        is_shown.then_some(RedactedQuery {
            policy: self,
            query,
            bytes_max,
        })
    }

    fn shows(&self, key: &[u8]) -> bool {
        let is_listed = |keys: &[Box<str>]| keys.iter().any(|listed| is_key(key, listed));
        match &self.0 {
            Rule::Off => false,
            Rule::ValuesOf(keys) => is_listed(keys) && !is_secret(key) && !is_masked(key),
            Rule::AllExcept(keys) => !is_listed(keys) && !is_secret(key) && !is_masked(key),
        }
    }
}

fn boxed<T: Into<String>>(keys: impl IntoIterator<Item = T>) -> Box<[Box<str>]> {
    keys.into_iter().map(|key| key.into().into()).collect()
}

/// Whether a key, as it stands in a query, is the listed one.
fn is_key(key: &[u8], listed: &str) -> bool {
    let key = percent_decode(key).map(|byte| byte.to_ascii_lowercase());
    key.eq(listed.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// Whether a key, or a part of a nested one, is among those whose values are never shown.
fn is_secret(key: &[u8]) -> bool {
    let mut word = Word::default();
    for byte in percent_decode(key) {
        match byte {
            b'[' | b']' | b'.' if word.is_secret() => return true,
            b'[' | b']' | b'.' => word = Word::default(),
            b'-' | b'_' => {}
            _ => word.push(byte.to_ascii_lowercase()),
        }
    }
    word.is_secret()
}

/// Whether the redaction of a pipeline in this process takes a key for that of a secret.
fn is_masked(key: &[u8]) -> bool {
    let key: Vec<u8> = percent_decode(key).collect();
    screen::masking(&String::from_utf8_lossy(&key)).is_some()
}

/// A part of a key. One that has no room is too long to be secret.
#[derive(Default)]
struct Word {
    bytes: [u8; 24],
    len: usize,
}

impl Word {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
        }
        self.len += 1;
    }

    fn is_secret(&self) -> bool {
        let word = self.bytes.get(..self.len);
        word.is_some_and(|word| QUERY_KEYS.iter().any(|key| key.as_bytes() == word))
    }
}

/// What a record may show of a query string. See [`QueryPolicy::redact`].
///
/// ```
/// use offloop::request::QueryPolicy;
///
/// let policy = QueryPolicy::values_of(["page"]);
/// let mut url = String::from("/list?");
/// if let Some(query) = policy.redact(b"page=2", 1024) {
///     url += &query.to_cow();
/// }
/// assert_eq!(url, "/list?page=2");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RedactedQuery<'a> {
    policy: &'a QueryPolicy,
    query: &'a [u8],
    bytes_max: usize,
}

impl<'a> RedactedQuery<'a> {
    /// The query as it came, if all of it may be shown.
    ///
    /// ```
    /// # use offloop::request::QueryPolicy;
    /// let policy = QueryPolicy::values_of(["page"]);
    /// assert_eq!(policy.redact(b"page=2", 1024).unwrap().as_str(), Some("page=2"));
    /// assert_eq!(policy.redact(b"q=2", 1024).unwrap().as_str(), None);
    /// ```
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        if self.bytes_max < self.query.len() {
            return None;
        }
        let mut parts = parts(self.query);
        let is_shown = parts.all(|part| part.is_empty() || self.policy.shows(part.key));
        is_shown.then(|| str::from_utf8(self.query).ok()).flatten()
    }

    /// The query as text, borrowed if all of it may be shown.
    ///
    /// ```
    /// # use offloop::request::QueryPolicy;
    /// let policy = QueryPolicy::values_of(["page"]);
    /// assert_eq!(policy.redact(b"q=2", 1024).unwrap().to_cow(), "q=REDACTED");
    /// ```
    #[must_use]
    pub fn to_cow(&self) -> Cow<'a, str> {
        self.as_str()
            .map_or_else(|| self.to_string().into(), Cow::from)
    }

    fn write_part(&self, part: &Part<'_>, cap: &mut Cap<'_>) -> fmt::Result {
        if part.is_empty() || self.policy.shows(part.key) {
            cap.write(part.all)
        } else if part.has_value() {
            cap.write(part.key)?;
            cap.write(b"=")?;
            cap.write(REDACTED)
        } else {
            // What stands alone may be a key as well as a token.
            cap.write(REDACTED)
        }
    }
}

impl Display for RedactedQuery<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cap = Cap::new(self.bytes_max, formatter);
        for part in parts(self.query) {
            if cap.is_full() {
                // Nobody sees the rest, so nobody looks at what is in it.
                cap.omit(part.all.len() + part.separator.len());
                continue;
            }
            self.write_part(&part, &mut cap)?;
            cap.write(part.separator)?;
        }
        cap.finish()
    }
}

/// What stands between separators: `key=value`.
struct Part<'a> {
    all: &'a [u8],
    key: &'a [u8],
    /// What comes behind the first `=`.
    value: &'a [u8],
    /// Nothing, behind the last part.
    separator: &'a [u8],
}

impl Part<'_> {
    fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The `=` that base64 ends with do not make a key of it.
    fn has_value(&self) -> bool {
        self.value.iter().any(|byte| *byte != b'=')
    }
}

/// The parts of a query. Some servers take a semicolon for a separator, too, so what stands behind
/// one may be a key of its own.
fn parts(query: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let is_separator = |byte: &u8| matches!(byte, b'&' | b';');
    query.split_inclusive(is_separator).map(move |part| {
        let end = part.len() - part.last().is_some_and(is_separator) as usize;
        let (all, separator) = part.split_at(end);
        let equals = all.iter().position(|byte| *byte == b'=');
        let (key, value) = all.split_at(equals.unwrap_or(end));
        let value = value.strip_prefix(b"=").unwrap_or_default();
        Part {
            all,
            key,
            value,
            separator,
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redact(policy: &QueryPolicy, query: &[u8]) -> String {
        let redacted = policy.redact(query, 1024).unwrap();
        let text = redacted.to_string();
        assert_eq!(redacted.to_cow(), text);
        text
    }

    #[track_caller]
    fn check_values_of_page(query: &str, expected: &str) {
        let policy = QueryPolicy::values_of(["page", "token", "user[name]"]);
        assert_eq!(redact(&policy, query.as_bytes()), expected);
    }

    #[track_caller]
    fn check_all(query: &str, expected: &str) {
        let policy = QueryPolicy::all_except(["email"]);
        assert_eq!(redact(&policy, query.as_bytes()), expected);
    }

    #[test]
    fn values_are_shown_for_listed_keys_only() {
        check_values_of_page("", "");
        check_values_of_page("page=2", "page=2");
        check_values_of_page("PAGE=2&p%61ge=3", "PAGE=2&p%61ge=3");
        check_values_of_page("page=a=b", "page=a=b");
        check_values_of_page("user%5Bname%5D=x", "user%5Bname%5D=x");
        check_values_of_page("q=a&page=2&r=b", "q=REDACTED&page=2&r=REDACTED");
        check_values_of_page("pages=1&pag=2&=3", "pages=REDACTED&pag=REDACTED&=REDACTED");
        check_values_of_page("&&page=2&", "&&page=2&");
    }

    #[test]
    fn a_semicolon_does_not_hide_a_key() {
        check_values_of_page("page=1;q=secret", "page=1;q=REDACTED");
    }

    #[test]
    fn what_stands_alone_is_shown_if_it_is_a_listed_key() {
        check_values_of_page("page", "page");
        check_values_of_page("eyJhbGciOi", "REDACTED");
        check_values_of_page("dGVzdA==&page=1", "REDACTED&page=1");
        check_values_of_page("q=", "REDACTED");
    }

    #[test]
    fn a_secret_is_not_shown_though_it_is_listed() {
        check_values_of_page("token=abc", "token=REDACTED");
        check_values_of_page("%54oken=abc", "%54oken=REDACTED");
    }

    #[test]
    fn all_values_are_shown_except_secrets_and_listed_keys() {
        check_all("q=a&b", "q=a&b");
        check_all("e%6Dail=a@b.example", "e%6Dail=REDACTED");
        for key in [
            "X-Amz-Signature",
            "X-Amz-Credential",
            "X-Amz-Security-Token",
            "AWSAccessKeyId",
            "Signature",
            "sig",
            "X-Goog-Signature",
            "token",
            "access_token",
            "id_token",
            "refresh_token",
            "api_key",
            "apikey",
            "key",
            "password",
            "secret",
            "code",
            "state",
            "jwt",
            "session",
            "accessToken",
            "ACCESS-TOKEN",
            "user[password]",
            "user.password",
            "user%5Bpassword%5D",
            "a[token][b]",
            "pass%77ord",
            "_token",
            "session_id",
        ] {
            check_all(
                &format!("a=1&{key}=x&b=2"),
                &format!("a=1&{key}=REDACTED&b=2"),
            );
        }
        for key in [
            "monkey",
            "keys",
            "tokens",
            "zip",
            "stateless",
            "a[b]",
            "decode",
        ] {
            check_all(&format!("{key}=x"), &format!("{key}=x"));
        }
    }

    #[test]
    fn what_is_shown_is_bounded_and_text() {
        let policy = QueryPolicy::values_of(["page"]);
        let capped = |query: &[u8], bytes_max| policy.redact(query, bytes_max).unwrap().to_string();
        assert_eq!(capped(b"page=12345&q=1", 7), "page=12…(+7)");
        assert_eq!(capped(b"q=1&page=1", 6), "q=REDA…(+11)");
        assert_eq!(redact(&policy, b"page=\xff"), r"page=\xff");
        assert_eq!(redact(&policy, b"\xff=1"), r"\xff=REDACTED");
    }

    proptest! {
        #[test]
        fn no_value_is_shown_that_is_not_listed(
            keys in proptest::collection::vec(r"[a-p%=;&\[\]]{0,6}", 0..8),
        ) {
            let policy = QueryPolicy::values_of(["zzz"]);
            let query: Vec<String> = keys.iter().map(|key| format!("{key}=SECRET")).collect();
            let shown = redact(&policy, query.join("&").as_bytes());
            prop_assert!(!shown.contains("SECRET"), "{}", shown);
        }

        #[test]
        fn any_bytes_are_survived(query in any::<Vec<u8>>(), bytes_max in 0..60_usize) {
            for policy in [QueryPolicy::values_of(["a"]), QueryPolicy::all_except(["a"])] {
                let shown = policy.redact(&query, bytes_max).unwrap();
                let text = shown.to_string();
                prop_assert_eq!(shown.to_cow(), &text[..]);
                prop_assert!(text.len() <= bytes_max + "…(+1234)".len());
            }
        }
    }
}
