//! Fingerprints of secrets: they tell two values apart, and nothing of either.
//!
//! A plain hash of a password could be tried against a list of likely ones. A fingerprint is an HMAC under a key that
//! stays on the install's machine, so that one in a journal is of no use to who has only the journal.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// How many hexadecimal digits are kept: enough to tell the values of an install apart, short enough to compare by eye.
const DIGITS: usize = 12;

/// How many bytes a key has.
pub const KEY_LENGTH: usize = 32;

/// What a value is recognised by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(String);

/// A text that is no fingerprint.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has {DIGITS} lower-case hexadecimal digits")]
pub struct InvalidFingerprint;

/// The key of an install's fingerprints. It has no way out, so that it cannot be logged.
#[derive(Clone)]
pub struct FingerprintKey([u8; KEY_LENGTH]);

impl FingerprintKey {
    /// Takes a key into use.
    pub fn new(key: [u8; KEY_LENGTH]) -> Self {
        Self(key)
    }

    /// The fingerprint of a value.
    pub fn fingerprint(&self, value: &str) -> Fingerprint {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(value.as_bytes());
        let mut digits = hex::encode(mac.finalize().into_bytes());
        digits.truncate(DIGITS);
        Fingerprint(digits)
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FingerprintKey(..)")
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = InvalidFingerprint;

    fn try_from(text: String) -> Result<Self, InvalidFingerprint> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == DIGITS && text.bytes().all(is_digit) {
            Ok(Self(text))
        } else {
            Err(InvalidFingerprint)
        }
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_values_apart_and_depends_on_the_key() {
        let (one, other) = (FingerprintKey::new([1; KEY_LENGTH]), FingerprintKey::new([2; KEY_LENGTH]));
        let fingerprint = one.fingerprint("not-a-real-secret");
        assert_eq!(fingerprint, one.fingerprint("not-a-real-secret"));
        assert_ne!(fingerprint, one.fingerprint("not-a-real-secrets"));
        assert_ne!(fingerprint, other.fingerprint("not-a-real-secret"));
        let text = String::from(fingerprint.clone());
        assert_eq!(text.len(), DIGITS);
        assert_eq!(Fingerprint::try_from(text), Ok(fingerprint));
    }

    #[test]
    fn nothing_else_is_taken_for_one() {
        for text in ["", "0123456789a", "0123456789abc", "0123456789aB", "0123456789ag"] {
            assert_eq!(Fingerprint::try_from(text.to_owned()), Err(InvalidFingerprint), "{text}");
        }
    }
}
