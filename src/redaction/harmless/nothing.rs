//! Values that say that there is none, and ones that everybody chooses.

use super::super::mark;
use super::is_number;
use super::random::is_wordlike;

/// Values that stand where a secret could and are none, in small letters.
const NOTHING: [&str; 66] = [
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "null",
    "nil",
    "none",
    "undefined",
    "empty",
    "unset",
    "missing",
    "present",
    "set",
    "redacted",
    "filtered",
    "hidden",
    "masked",
    "secret",
    "password",
    "token",
    "string",
    "str",
    "text",
    "varchar",
    "bytes",
    "int",
    "integer",
    "number",
    "bool",
    "boolean",
    "any",
    "object",
    "required",
    "optional",
    "invalid",
    "expired",
    "valid",
    "unknown",
    "failed",
    "failure",
    "denied",
    "rejected",
    "ok",
    "error",
    "changed",
    "enabled",
    "disabled",
    "default",
    "is",
    "was",
    "must",
    "cannot",
    "not",
    "has",
    "should",
    "the",
    "for",
    "in",
    "from",
    "to",
    "of",
    "and",
    "or",
    "incorrect",
];

/// The longest of them.
const LONGEST_NOTHING: usize = 9;

/// Values that everybody chooses and that are words besides.
const COMMON: [&str; 40] = [
    "password",
    "passwort",
    "changeme",
    "change-me",
    "change_me",
    "secret",
    "admin",
    "administrator",
    "postgres",
    "postgresql",
    "root",
    "default",
    "example",
    "test",
    "testing",
    "letmein",
    "welcome",
    "qwerty",
    "supersecret",
    "production",
    "development",
    "staging",
    "localhost",
    "agledger",
    "ledger",
    "database",
    "username",
    "undefined",
    "disabled",
    "required",
    "security",
    "monitoring",
    "container",
    "service",
    "services",
    "internal",
    "external",
    "unknown",
    "replaceme",
    "replace-me",
];

/// Whether a value says that there is none, or only names one: nothing is lost with it.
pub(in crate::redaction) fn is_nothing(value: &str) -> bool {
    let value = value.trim().trim_matches(|char| matches!(char, '"' | '\'' | '`' | ',' | ';'));
    let word = value.trim_start_matches('<').trim_end_matches([':', '.', '!', '?']);
    value.is_empty()
        || word.len() <= LONGEST_NOTHING && NOTHING.iter().any(|nothing| word.eq_ignore_ascii_case(nothing))
        || is_mask(value)
        || is_reference(value)
}

/// Whether something stands in the place of a value that was taken out.
fn is_mask(value: &str) -> bool {
    let inner = value.trim_matches(|char: char| "<>[](){}*_-.•#%".contains(char));
    inner.is_empty()
        || value.contains('[') && memchr::memmem::find(value.as_bytes(), mark::BEGIN).is_some()
        || inner.bytes().all(|byte| matches!(byte, b'x' | b'X'))
        || (value.starts_with(['<', '[', '(']) && value.ends_with(['>', ']', ')']) && is_words(inner))
}

fn is_words(text: &str) -> bool {
    text.len() <= 80
        && text.bytes().all(|byte| {
            byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'_' | b'-' | b':' | b'\'' | b'.')
        })
        && (text.len() <= 40 || text.contains(' '))
}

/// Whether a value is the name of one: `${NAME}`, `$1`, `{{ name }}`, `%s`, `?`.
fn is_reference(value: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if let Some(rest) = value.strip_prefix("${") {
        return rest
            .strip_suffix('}')
            .is_some_and(|name| is_name(name.split([':', '-', '?']).next().unwrap_or_default()))
            && !rest.contains(":-");
    }
    if let Some(name) = value.strip_prefix('$') {
        return is_name(name) && name.bytes().all(|byte| !byte.is_ascii_lowercase());
    }
    (value.starts_with("{{") && value.ends_with("}}"))
        || value.starts_with("%s")
        || matches!(value, "{}" | "?" | "%v" | "%q" | "{:?}")
}

/// Whether a value is one that everybody chooses, or a word: it would mask too much if it were searched for.
pub(in crate::redaction) fn is_common(value: &str) -> bool {
    let small = value.to_ascii_lowercase();
    let stem = small.trim_end_matches(|char: char| char.is_ascii_digit() || char == '!');
    COMMON.contains(&small.as_str())
        || COMMON.contains(&stem)
        || (value.len() < 12
            && small == value
            && value.bytes().all(|byte| byte.is_ascii_lowercase())
            && is_wordlike(value))
        || value.bytes().all(|byte| byte == value.as_bytes()[0])
        || is_number(value)
}
