//! What the redactor knows does not come through, and everything else does.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Values of few letters, so that they overlap and hold one another.
fn secrets() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let names = vec!["API_KEY_SECRET", "POSTGRES_PASSWORD", "LICENSE_KEY", "ALERT_TOKEN_PREVIOUS"];
    vec((select(names), "[ab1 ]{0,3}[ab1]{4,8}"), 0..5)
}

fn without_marks(text: &str) -> String {
    let mut parts = text.split("[REDACTED:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + part.split_once(']').expect("a whole mark").1)
}

proptest! {
    #[test]
    fn nothing_of_a_known_secret_comes_through_and_all_else_does(
        secrets in secrets(),
        pieces in vec((0..5_usize, 0..4_usize, "[ab1xé \n]{0,5}"), 0..8),
    ) {
        let mut text = String::new();
        for (which, cut, other) in &pieces {
            if let Some((_, secret)) = secrets.get(*which) {
                text.push_str(&secret[..secret.len() - cut]);
            }
            text.push_str(other);
        }
        let redactor = Redactor::learn(secrets.iter().map(|(name, value)| (*name, value.as_str())));
        let mut hidden = vec![false; text.len()];
        for secret in secrets.iter().map(|(_, value)| value.trim()).filter(|value| value.len() >= SHORTEST) {
            for at in 0..text.len() {
                if text.as_bytes()[at..].starts_with(secret.as_bytes()) {
                    hidden[at..at + secret.len()].fill(true);
                }
            }
        }
        let expected: String =
            text.char_indices().filter(|(at, _)| !hidden[*at]).map(|(_, char)| char).collect();
        let shown = redactor.redact(&text);
        prop_assert_eq!(without_marks(&shown), expected, "{:?}", shown);
        if !hidden.contains(&true) {
            prop_assert_eq!(shown, text);
        }
    }

    #[test]
    fn passwords_of_connection_strings_are_known_however_they_are_written(
        password in "[a-zé@:/ '\\\\%?#&=]{6,12}".prop_filter("libpq trims", |text| text.trim() == text),
        user in prop::option::of("[a-z]{1,4}"),
        is_url in any::<bool>(),
    ) {
        let escaped = password.replace('\\', "\\\\").replace('\'', "\\'");
        let encoded = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC);
        let value = match (is_url, &user) {
            (true, user) => format!("postgres://{}:{encoded}@db:5432/d", user.as_deref().unwrap_or_default()),
            (false, Some(user)) => format!("host=db user={user} password='{escaped}' dbname=d"),
            (false, None) => format!("host=db password='{escaped}'"),
        };
        let redactor = Redactor::learn([("DATABASE_URL", value.as_str())]);
        let shown = redactor.redact(&format!("FATAL: {password} is wrong, in <{value}>"));
        prop_assert!(!shown.contains(&password), "{}", shown);
        prop_assert!(!is_url || !shown.contains(&encoded.to_string()), "{}", shown);
    }

    #[test]
    fn any_text_is_redacted_twice_as_it_is_once(text in "([a-c:/@\"' é\\[\\]]|://){0,24}") {
        let redactor = Redactor::learn([("A_TOKEN", "abcabc"), ("DATABASE_URL", "postgres://a:bbbbbb@c/a")]);
        let once = redactor.redact(&text);
        prop_assert_eq!(redactor.redact(&once), once);
    }
}
