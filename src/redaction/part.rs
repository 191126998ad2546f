//! Texts that have JSON in them, though they are none: cut ones, ones that failed half-way, ones with
//! more around it.

use super::json::Screened;
use super::mask::REDACTED;
use super::name::Path;
use super::{Names, Redactor};

impl Redactor {
    /// What stands in place of the text of a field of this name, if a key in it may be the name of a
    /// secret: then all of the text is one, since nobody can say where the value ends.
    pub(crate) fn screen_part(&self, name: &str, text: &str) -> Option<Screened> {
        may_hide_secret(&self.names, name, text).then(|| Screened {
            text: REDACTED.to_owned(),
            is_cut: false,
        })
    }
}

/// Nothing is known of what lies within what, nor of the quotes of the text around it. So whatever stands
/// before `":` is a key, and lies within all that came before it.
fn may_hide_secret(names: &Names, name: &str, text: &str) -> bool {
    let mut path = Path::of(name);
    text.match_indices("\":").any(|(end, _)| {
        let key = text[..end].rsplit('"').next().unwrap_or_default();
        path.push(key);
        names.may_fit(&path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Redaction;

    #[track_caller]
    fn check(text: &str, is_secret: bool) {
        let redaction = Redaction::default().key("account.number");
        let redactor = Redactor::new(&redaction).unwrap();
        let screened = redactor.screen_part("user", text);
        let expected = is_secret.then_some("[redacted]");
        assert_eq!(
            screened.as_ref().map(|screened| &*screened.text),
            expected,
            "{text}"
        );
    }

    #[test]
    fn a_text_with_the_key_of_a_secret_is_one() {
        check(r#"{"password":"hun"#, true);
        check(r#"{"password":"#, true);
        check(r#"Some({"id":1,"user":{"card":{"number":1}}})"#, true);
        check(r#"5" wide: {"id":1,"token":7}"#, true);
        check(r#"{"account":{"id":1,"number":2"#, true);
        check(r#"{"user.token":{"a":"b"}}{"#, true);
    }

    #[test]
    fn a_text_without_one_stays() {
        check(r#"Some({"id":1,"name":"a password"})"#, false);
        check(r#"{"tokens":[1,2],"pass"#, false);
        check("", false);
        check("\":", false);
    }
}
