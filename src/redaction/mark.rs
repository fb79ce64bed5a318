//! What stands in the place of a secret.

use std::ops::Range;
use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use memchr::memmem::Finder;
use sha2::Sha256;

use super::place::{Place, Rule};

/// How each mark begins.
pub(super) const BEGIN: &[u8] = b"[REDACTED";

static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(BEGIN));

/// How many characters a fingerprint has: enough to match values within a bundle.
const DIGITS: usize = 4;

/// Longer names of variables are cut: they could be anything.
const LONGEST_NAME: usize = 48;

/// The key of one bundle's fingerprints: by them equal values can be matched in the bundle, and guessed by nobody. It has
/// no way out, so that it cannot be logged.
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

impl TokenKey {
    /// Takes a key into use, which is to be random and used for nothing else.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Hmac::new_from_slice(&key).expect("HMAC takes keys of any length"))
    }

    /// The fingerprint of a value, such as `k3f9`.
    pub fn fingerprint(&self, value: &[u8]) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut mac = self.0.clone();
        mac.update(value);
        let digest = mac.finalize().into_bytes();
        digest.iter().take(DIGITS).map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TokenKey(..)")
    }
}

/// How marks are made.
pub(super) enum Marks {
    /// `[REDACTED:NAME]`, or `[REDACTED]` for what has no name.
    Plain,
    /// `[REDACTED:NAME#k3f9]`.
    Keyed(TokenKey),
}

impl Marks {
    /// What stands in the place of `secret`.
    pub(super) fn mark(&self, place: &Place, secret: &[u8]) -> String {
        self.mark_with(place, |key| key.fingerprint(secret))
    }

    /// A mark that reads like the one that stands there in the end: its fingerprint is nobody's.
    pub(super) fn stand_in(&self, place: &Place) -> String {
        self.mark_with(place, |_| "a".repeat(DIGITS))
    }

    fn mark_with(&self, place: &Place, fingerprint: impl Fn(&TokenKey) -> String) -> String {
        let name = match &place.rule {
            Rule::Known(name) | Rule::Variable(name) => printable(name),
            Rule::Structure(name) | Rule::Pattern(name) => (*name).to_owned(),
            Rule::Entropy => "random".to_owned(),
        };
        match self {
            Self::Plain if matches!(place.rule, Rule::Known(_) | Rule::Variable(_)) => {
                format!("[REDACTED:{name}]")
            }
            Self::Plain => "[REDACTED]".to_owned(),
            Self::Keyed(key) => {
                let token = place.token.as_deref().map_or_else(|| fingerprint(key), str::to_owned);
                format!("[REDACTED:{name}#{token}]")
            }
        }
    }

    /// The fingerprint of a known secret.
    pub(super) fn fingerprint(&self, secret: &[u8]) -> String {
        match self {
            Self::Plain => String::new(),
            Self::Keyed(key) => key.fingerprint(secret),
        }
    }
}

/// Where marks stand in a text. What only begins like one is none: somebody's secret could stand in it.
pub(super) fn all_in(bytes: &[u8]) -> Vec<Range<usize>> {
    let mark = |start: usize| Some(start..start + BEGIN.len() + behind_name(&bytes[start + BEGIN.len()..])?);
    FINDER.find_iter(bytes).filter_map(mark).collect()
}

/// How long the rest of a mark is: `]`, `:NAME]`, `:NAME#k3f9]`, `:NAME#k3f9 len=64 hex]`.
fn behind_name(rest: &[u8]) -> Option<usize> {
    let length = |from: usize, belongs: fn(&u8) -> bool| {
        rest[from..].iter().take(LONGEST_NAME + 1).take_while(|byte| belongs(byte)).count()
    };
    let mut at = 0;
    if rest.first() == Some(&b':') {
        let name = length(1, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        at = 1 + name;
    }
    if rest.get(at) == Some(&b'#') {
        at += 1 + DIGITS;
    }
    if rest.get(at..)?.starts_with(b" len=") {
        let digits = length(at + 5, u8::is_ascii_digit);
        let kind = at + 5 + digits;
        at = kind
            + length(kind, |byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'-')
            });
    }
    (rest.get(at) == Some(&b']')).then_some(at + 1)
}

/// A name that says nothing but a name.
pub(super) fn printable(name: &str) -> String {
    let is_plain = |char: &char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '-');
    name.chars().filter(is_plain).take(LONGEST_NAME).collect()
}
