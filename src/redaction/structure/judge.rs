//! Whether a value that has a secret's name is one.

use super::cursor::holds;
use super::key_value::{Binding, Name};
use super::value::Value;
use crate::redaction::forms;
use crate::redaction::harmless::{
    is_digest, is_harmless, is_identifier, is_nothing, is_number, is_place, is_wordlike, looks_random,
};
use crate::redaction::names::{self, Names};
use crate::redaction::place::{merged, without};

/// Values of names that say little are secrets from this length on.
const SHORTEST_RANDOM: usize = 16;

/// Hexadecimal digits from this length on are a key, where they are called one.
const SHORTEST_HEX: usize = 32;

/// What the places are called that a name gives away.
pub(super) fn rule(judged: Names) -> &'static str {
    match judged {
        Names::Password => "password",
        Names::Secret => "secret",
        _ => "key",
    }
}

/// Whether the value is to be masked.
pub(super) fn is_secret(bytes: &[u8], name: &Name, judged: Names, binding: Binding, found: &Value) -> bool {
    let Some(text) = bytes.get(found.start..found.end).map(String::from_utf8_lossy) else { return false };
    let text = text.trim();
    if is_nothing(text) || (text.starts_with(['{', '[']) && !found.is_quoted) {
        return false;
    }
    let name_text = String::from_utf8_lossy(&bytes[name.range.clone()]);
    if (is_place(text) && names::is_of_path(&name_text))
        || (is_number(text) && text.len() <= 4 && name_text == "pass")
        || (names::is_of_parts(&name_text) && is_harmless_but_for_parts(text))
    {
        return false;
    }
    let shouted = bytes[name.range.clone()].iter().all(|byte| !byte.is_ascii_lowercase());
    match judged {
        _ if binding == Binding::Login => true,
        _ if !found.is_quoted && is_prose(bytes, binding, found, text) => false,
        Names::Password => {
            let is_listed_word = matches!(binding, Binding::Listed) && is_word(text);
            !(is_listed_word || is_type(text))
        }
        Names::Secret => {
            let is_short_number = || is_number(text) && text.len() <= 6;
            let says_a_word =
                || (!shouted || matches!(binding, Binding::Spoken | Binding::Listed)) && is_word(text);
            !(is_type(text) || is_digest(text) || is_place(text) || is_short_number() || says_a_word())
        }
        _ => could_be(bytes, name, text),
    }
}

/// Whether a value is harmless once what is found in it by itself is masked, and something is.
fn is_harmless_but_for_parts(text: &str) -> bool {
    let mut places = Vec::new();
    super::find(text.as_bytes(), &mut places);
    let places = merged(places);
    !places.is_empty() && is_harmless(&without(text.as_bytes(), 0..text.len(), &places))
}

fn could_be(bytes: &[u8], name: &Name, text: &str) -> bool {
    if is_type(text) {
        return false;
    }
    let name_text = &bytes[name.range.clone()];
    let is_hex = text.len() >= SHORTEST_HEX && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex {
        let in_query =
            name.range.start.checked_sub(1).is_some_and(|before| matches!(bytes[before], b'?' | b'&'));
        return in_query
            || ["key", "auth", "sig", "signature", "salt", "seed"]
                .iter()
                .any(|word| name_text.eq_ignore_ascii_case(word.as_bytes()));
    }
    if name_text.eq_ignore_ascii_case(b"auth") && is_basic(text) {
        return true;
    }
    text.len() >= SHORTEST_RANDOM
        && !is_identifier(text)
        && !is_digest(text)
        && !is_place(text)
        && !is_harmless(text)
        && looks_random(text.as_bytes())
}

/// Whether text is the base64 of `user:password`.
pub(super) fn is_basic(text: &str) -> bool {
    text.len() >= 4
        && forms::decoded(text.as_bytes()).is_some_and(|pair| {
            pair.contains(&b':') && pair.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte >= 0x80)
        })
}

/// A value that is one of a sentence's words.
fn is_prose(bytes: &[u8], binding: Binding, found: &Value, text: &str) -> bool {
    let spaced = matches!(
        binding,
        Binding::Assigned { is_colon: true, is_spaced: true, .. } | Binding::Flag | Binding::Spoken
    );
    let word = text.trim_end_matches([',', '.', ':', ';', '!', '?', ')']);
    spaced
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'\'' | b'-'))
        && bytes.get(found.end) == Some(&b' ')
        && bytes.get(found.end + 1).is_some_and(|next| next.is_ascii_lowercase() || *next == b'[')
}

fn is_word(text: &str) -> bool {
    text.len() <= 11
        && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && is_wordlike(&text.replace('_', ""))
}

/// Types of the languages that values are printed in; what ends in a bracket goes on.
const TYPES: [&[u8]; 12] = [
    b"string",
    b"str",
    b"option<",
    b"vec<",
    b"secretstring",
    b"secretstr",
    b"secret<",
    b"box<",
    b"[]byte",
    b"*string",
    b"varchar(",
    b"char(",
];

fn is_type(text: &str) -> bool {
    if text.starts_with("(*") && text.ends_with(')') {
        return true;
    }
    let text = text.trim_start_matches('&').trim_end_matches([',', ';', '>', ')', '?']);
    TYPES.iter().any(|name| {
        text.len() < 40
            && holds(text.as_bytes(), 0, name)
            && (name.ends_with(b"<") || name.ends_with(b"(") || text.len() == name.len())
    })
}
