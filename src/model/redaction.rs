//! Taking known secrets out of text before a person sees it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::conninfo::ConnInfo;

/// Names whose values are taken for secrets. The ends are compared without regard to case; `_PREVIOUS` and the like
/// are looked through.
const SECRET_WORDS: [&str; 10] =
    ["SECRET", "PASSWORD", "PASSWD", "TOKEN", "KEY", "CREDENTIALS", "LICENSE", "HEADER", "HEADERS", "DSN"];

/// Values shorter than this would mask too much that only looks like them.
const SHORTEST: usize = 6;

/// Knows the secrets of an install and masks them wherever they appear.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Each with the name of its variable.
    secrets: Vec<(String, String)>,
    /// Those that were made since, which every copy of it knows.
    made: Arc<RwLock<Vec<(String, String)>>>,
}

impl Redactor {
    /// Learns the secrets among variables: by their names, and the passwords in connection strings by their shape.
    pub fn learn<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut secrets: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in variables {
            if names_a_secret(name) {
                for line in value.lines().chain([value]) {
                    secrets.insert(line.trim().to_owned(), name.to_owned());
                }
            }
            for password in passwords_in(value) {
                secrets.insert(password, name.to_owned());
            }
        }
        let secrets = secrets.into_iter().filter(|(secret, _)| secret.len() >= SHORTEST).collect();
        Self { secrets, made: Arc::default() }
    }

    /// The same, and what was made since is known to both.
    #[must_use]
    pub fn and<'a>(&self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self { made: Arc::clone(&self.made), ..Self::learn(variables) }
    }

    /// Makes a new secret known, to every copy: before it is written anywhere.
    pub fn note(&self, name: &str, secret: &str) {
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        made.push((secret.to_owned(), name.to_owned()));
    }

    /// The text without secrets.
    pub fn redact(&self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut from = 0;
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        for (place, name) in places_in(text, self.secrets.iter().chain(made.iter())) {
            shown.push_str(&text[from..place.start]);
            let _ = write!(shown, "[REDACTED:{name}]");
            from = place.end;
        }
        shown.push_str(&text[from..]);
        without_url_passwords(&shown)
    }
}

/// Where the text holds secrets, in order. Those that overlap are one place: what is left of one behind another
/// would be most of it.
fn places_in<'s>(
    text: &str,
    secrets: impl Iterator<Item = &'s (String, String)>,
) -> Vec<(Range<usize>, &'s str)> {
    let mut found: Vec<(Range<usize>, &'s str)> = Vec::new();
    for (secret, name) in secrets {
        let step = secret.chars().next().map_or(1, char::len_utf8);
        let mut from = 0;
        while let Some(at) = text[from..].find(secret.as_str()) {
            found.push((from + at..from + at + secret.len(), name));
            from += at + step;
        }
    }
    found.sort_by_key(|(place, _)| (place.start, Reverse(place.end)));
    let mut places: Vec<(Range<usize>, &'s str)> = Vec::new();
    for (place, name) in found {
        match places.last_mut() {
            Some((last, _)) if place.start < last.end => last.end = last.end.max(place.end),
            _ => places.push((place, name)),
        }
    }
    places
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Redactor({} secrets)", self.secrets.len())
    }
}

/// Whether the value of a variable of this name is taken for a secret.
pub fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let name = ["_PREVIOUS", "_OLD", "_FILE", "_B64"]
        .iter()
        .fold(name.as_str(), |name, end| name.trim_end_matches(end));
    SECRET_WORDS.iter().any(|word| name.ends_with(word))
}

/// The password of a connection string, as it is written and as it is meant.
fn passwords_in(value: &str) -> Vec<String> {
    if !value.contains("://") && !value.contains("password") {
        return Vec::new();
    }
    // Whose password it is does not matter here.
    let meant = ConnInfo::parse(value, Some("anyone")).ok().and_then(|info| info.password);
    let written = value.split_once("://").and_then(|(_, rest)| {
        let (userinfo, _) = rest.rsplit_once('@')?;
        userinfo.split_once(':').map(|(_, password)| password.to_owned())
    });
    written.into_iter().chain(meant.map(|secret| secret.expose().to_owned())).collect()
}

/// Masks what stands between `:` and `@` in anything that looks like a URL, known or not.
fn without_url_passwords(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        result.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || "\"'`<>".contains(c)).unwrap_or(after.len());
        let (url, tail) = after.split_at(end);
        match url.rsplit_once('@').and_then(|(userinfo, host)| Some((userinfo.split_once(':')?.0, host))) {
            Some((user, host)) => {
                result.push_str(user);
                result.push_str(":[REDACTED]@");
                result.push_str(host);
            }
            None => result.push_str(url),
        }
        rest = tail;
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_made_later_is_masked_by_every_copy() {
        let first = Redactor::default();
        let (copy, more) = (first.clone(), first.and([("TOKEN", "abcdef-not-real")]));
        first.note("API_KEY_SECRET", "made-just-now-not-real");
        for redactor in [first, copy, more] {
            assert_eq!(redactor.redact("x made-just-now-not-real y"), "x [REDACTED:API_KEY_SECRET] y");
        }
    }

    #[test]
    fn known_secrets_are_masked_by_name() {
        let redactor = Redactor::learn([
            ("API_KEY_SECRET", "aaaa-not-real-bbbb"),
            ("API_KEY_SECRET_PREVIOUS", "older-not-real"),
            ("DATABASE_URL", "postgres://ledger:p%40ss-not-real@db:5432/ledger"),
            ("LOG_LEVEL", "information"),
        ]);
        let text = "aaaa-not-real-bbbb older-not-real p%40ss-not-real p@ss-not-real information";
        assert_eq!(
            redactor.redact(text),
            "[REDACTED:API_KEY_SECRET] [REDACTED:API_KEY_SECRET_PREVIOUS] [REDACTED:DATABASE_URL] [REDACTED:DATABASE_URL] information"
        );
    }

    #[test]
    fn secrets_that_overlap_leave_nothing_behind() {
        let redactor = Redactor::learn([("A_TOKEN", "one-not-real"), ("B_TOKEN", "real-two-not")]);
        assert_eq!(redactor.redact("<one-not-real-two-not>"), "<[REDACTED:A_TOKEN]>");
        let redactor = Redactor::learn([("A_TOKEN", "aabaab")]);
        assert_eq!(redactor.redact("aabaabaab-aabaab"), "[REDACTED:A_TOKEN]-[REDACTED:A_TOKEN]");
    }

    #[test]
    fn passwords_of_connection_strings_are_known_in_every_form() {
        for value in ["host=db user=u password='it\\'s not real'", "postgres://:it%27s%20not%20real@db/d"] {
            let shown = Redactor::learn([("DATABASE_URL", value)]).redact("<it's not real>");
            assert_eq!(shown, "<[REDACTED:DATABASE_URL]>", "{value}");
        }
    }

    #[test]
    fn passwords_in_urls_are_masked_though_nobody_knew_them() {
        let shown = Redactor::default()
            .redact("connect to \"postgres://u:x:y@z@host/db\" failed, see https://example.org/a");
        assert_eq!(shown, "connect to \"postgres://u:[REDACTED]@host/db\" failed, see https://example.org/a");
    }

    #[test]
    fn what_is_too_short_to_be_told_apart_is_left() {
        assert_eq!(Redactor::learn([("POSTGRES_PASSWORD", "admin")]).redact("admin"), "admin");
    }
}
