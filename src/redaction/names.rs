//! Which names are those of secrets.

use std::collections::HashMap;

use super::name::{Path, Pattern};
use super::secret_names::FIELDS;
use crate::config::{Redaction, RedactionStyle};

/// All patterns of a [`Redaction`], made ready.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The first that fits counts.
    own: Vec<(Pattern, RedactionStyle)>,
    /// Those that are there by default: most are nothing but letters, which one look finds.
    letters: HashMap<Box<str>, RedactionStyle>,
    patterns: Vec<(Pattern, RedactionStyle)>,
    keep: Vec<Pattern>,
}

impl Names {
    pub(super) fn new(redaction: &Redaction) -> Self {
        let mut names = Names {
            keep: redaction
                .keep
                .iter()
                .map(|keep| Pattern::new(keep))
                .collect(),
            ..Names::default()
        };
        if !redaction.enabled {
            return names;
        }
        let style = redaction.style;
        let own = redaction.keys.iter();
        names.own = own
            .map(|rule| (Pattern::new(&rule.pattern), rule.style.unwrap_or(style)))
            .collect();
        for name in FIELDS.iter().filter(|_| redaction.default_keys) {
            let pattern = Pattern::new(name);
            match pattern.letters() {
                Some(letters) => {
                    names.letters.insert(letters.into(), style);
                }
                None => names.patterns.push((pattern, style)),
            }
        }
        names
    }

    /// What stands in place of the value of a field, if its name is that of a secret or of something
    /// within one.
    pub(crate) fn style_of(&self, name: &str) -> Option<RedactionStyle> {
        let path = Path::of(name);
        let mut ends = 1..=path.len();
        ends.find_map(|end| self.style_at(&path, end))
    }

    /// What stands in place of what has the first `end` parts of a path for a name, if that itself is
    /// the name of a secret.
    pub(crate) fn style_at(&self, path: &Path, end: usize) -> Option<RedactionStyle> {
        let (start, style) = self.fitting(path, end)?;
        let mut keeping = self.keep.iter().filter_map(|keep| keep.fits(path, end));
        let is_kept = keeping.any(|kept| kept <= start);
        (!is_kept).then_some(style)
    }

    /// Whether the last part of a path, of which it is not known what is within what, may be the name
    /// of a secret.
    pub(super) fn may_fit(&self, path: &Path) -> bool {
        let end = path.len();
        let ends_like = |(pattern, _): &(Pattern, RedactionStyle)| pattern.ends_like(path, end);
        self.own.iter().any(ends_like) || self.style_at(path, end).is_some()
    }

    fn fitting(&self, path: &Path, end: usize) -> Option<(usize, RedactionStyle)> {
        let first = |patterns: &[(Pattern, RedactionStyle)]| {
            let mut patterns = patterns.iter();
            patterns.find_map(|(pattern, style)| Some((pattern.fits(path, end)?, *style)))
        };
        first(&self.own)
            .or_else(|| {
                let mut tails = path.tails(end);
                tails.find_map(|(start, tail)| Some((start, *self.letters.get(tail)?)))
            })
            .or_else(|| first(&self.patterns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(redaction: &Redaction, secret: &[&str], others: &[&str]) {
        let names = Names::new(redaction);
        let is_secret = |name: &&&str| names.style_of(name).is_some();
        let shown: Vec<_> = secret.iter().filter(|name| !is_secret(name)).collect();
        assert_eq!(shown, [] as [&&str; 0], "should be secret");
        let hidden: Vec<_> = others.iter().filter(is_secret).collect();
        assert_eq!(hidden, [] as [&&str; 0], "should not be secret");
    }

    #[test]
    fn the_usual_secrets_are_secret_by_default_and_the_usual_fields_are_not() {
        check(
            &Redaction::default(),
            &[
                "password",
                "passwd",
                "secret",
                "authorization",
                "cookie",
                "set-cookie",
                "api_key",
                "apiKey",
                "access_token",
                "refresh_token",
                "client_secret",
                "private_key",
                "token",
                "user.password",
                "Password",
                "PASSWORD_HASH",
                "http.request.header.authorization",
                "http.request.header.x-api-key",
                "http.response.header.set-cookie",
                "card_number",
                "user.card.number",
                "db.credentials.user",
                "aws_secret_access_key",
                "sessionId",
                "connect.sid",
                "mysql_pwd",
                "pwd",
                "x-amz-security-token",
            ],
            &[
                "message",
                "user",
                "user.id",
                "path",
                "url.path",
                "tokens",
                "token_count",
                "max_tokens",
                "key",
                "author",
                "cookies_accepted",
                "monkey",
                "card",
                "request_id",
                "trace_id",
                "http.response.status_code",
                "passed",
                "compass",
                "session",
                "pin",
                "auth_method",
                "log.target",
            ],
        );
    }

    #[test]
    fn exceptions_are_not_secret_but_what_is_within_a_secret_is() {
        let redaction = Redaction::default()
            .key("*token*")
            .keep("token_count")
            .keep("page.token");
        check(
            &redaction,
            &[
                "access_token",
                "tokens",
                "token",
                "user.token",
                "secret.token_count",
            ],
            &["token_count", "llm.token_count", "page.token", "page_token"],
        );
    }

    #[test]
    fn the_first_pattern_that_fits_says_what_is_shown() {
        let redaction = Redaction::default()
            .style(RedactionStyle::LastFour)
            .key_as("user.token", RedactionStyle::Hash);
        let names = Names::new(&redaction);
        assert_eq!(names.style_of("user.token"), Some(RedactionStyle::Hash));
        assert_eq!(names.style_of("token"), Some(RedactionStyle::LastFour));
    }

    #[test]
    fn nothing_is_secret_where_redaction_is_off() {
        check(&Redaction::off().key("a"), &[], &["password", "a"]);
        let own = Redaction::default().default_keys(false).key("a");
        check(&own, &["a", "b.a"], &["password"]);
    }
}
