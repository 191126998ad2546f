//! The names of secrets, wherever they stand.
//!
//! There are three lists since they mean three things. Those of fields are patterns, which a program
//! may add to, make exceptions from, or switch off. Those of headers and of the keys of a query hold
//! always, and are compared as they are: a header is known by its whole name, and in a query some
//! words are keys to something (`code`, `state`) that mean nothing of the kind elsewhere.

/// Of fields, as users would write them: what Sentry, Rails and Datadog leave out, less what is not
/// secret but personal. See [`Redaction`](crate::Redaction), which lists them.
pub(super) const FIELDS: [&str; 39] = [
    "*access_key*",
    "*api_key",
    "*authorization",
    "*credentials",
    "*passphrase*",
    "*passwd*",
    "*password*",
    "*private_key*",
    "*secret*",
    "*token",
    "*pwd",
    "auth",
    "bearer",
    "card_number",
    "connect.sid",
    "connection_string",
    "cookie",
    "cookies",
    "credential",
    "credit_card",
    "csrf",
    "cvc",
    "cvv",
    "cvv2",
    "encryption_key",
    "jsessionid",
    "jwt",
    "master_key",
    "otp",
    "phpsessid",
    "session_id",
    "set_cookie",
    "signing_key",
    "ssn",
    "totp",
    "x_amz_credential",
    "x_amz_signature",
    "x_goog_signature",
    "xsrf",
];

/// Headers whose values are keys to something.
pub(crate) const HEADERS: [&str; 7] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
];

/// Keys whose values are never shown: those of OpenTelemetry's conventions, then those that carry
/// tokens, passwords and the like. Without the hyphens and underscores, which do not count.
pub(crate) const QUERY_KEYS: [&str; 22] = [
    "xamzsignature",
    "xamzcredential",
    "xamzsecuritytoken",
    "awsaccesskeyid",
    "xgoogsignature",
    "signature",
    "sig",
    "token",
    "accesstoken",
    "idtoken",
    "refreshtoken",
    "apikey",
    "key",
    "password",
    "secret",
    "clientsecret",
    "code",
    "state",
    "jwt",
    "session",
    "sessionid",
    "auth",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Redaction;
    use crate::redaction::Names;

    /// Keys that are secrets in a query alone.
    const OF_QUERIES_ALONE: [&str; 6] = ["signature", "sig", "key", "code", "state", "session"];

    #[test]
    fn what_is_secret_in_a_header_or_a_query_is_so_in_a_field() {
        let names = Names::new(&Redaction::default());
        for name in HEADERS.iter().chain(&QUERY_KEYS) {
            let is_secret = names.style_of(name).is_some();
            assert_ne!(is_secret, OF_QUERIES_ALONE.contains(name), "{name}");
        }
    }
}
