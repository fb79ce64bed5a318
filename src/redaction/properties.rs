//! Nothing of a known secret comes through, wherever and however it stands.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn any_text_is_redacted_twice_as_it_is_once(text in "([a-c:/@\"' é\\[\\]=]|://|password|token|: |\\\\|[A-Z0-9]{3}){0,24}") {
        let mut known = KnownSecrets::default();
        known.learn_variable("A_TOKEN", "abcabcabc1", None);
        let redaction = Redaction::new(&known, TokenKey::new([3; 32]));
        let once = redaction.redact_text(&text);
        prop_assert_eq!(redaction.redact_text(&once), once);
    }
}
