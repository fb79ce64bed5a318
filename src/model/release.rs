//! Releases: a version of the product and the exact image that carries it.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A release's name, which is also the image's tag: `1.3.0`, `v2.1`, `2026-03`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

/// Why a text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be a version: an image tag has 1 to 128 letters, digits, `_`, `.` and `-`, and does not begin with `.` or `-`"
)]
pub struct InvalidVersion(String);

impl Version {
    /// Checks a version by the rules of image tags (OCI distribution specification).
    pub fn parse(text: &str) -> Result<Self, InvalidVersion> {
        let begins_well =
            text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let sound = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if begins_well && sound && text.len() <= 128 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidVersion(text.to_owned()))
        }
    }

    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which of two releases is the newer one; `None` where the names do not tell (`latest`, a date against a number).
    ///
    /// A leading `v` and missing minor or patch numbers do not matter: `v2.1` is `2.1.0`.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        if self == other {
            return Some(Ordering::Equal);
        }
        Some(self.numbers()?.cmp_precedence(&other.numbers()?))
    }

    fn numbers(&self) -> Option<semver::Version> {
        let text = self.0.strip_prefix('v').unwrap_or(&self.0);
        let end_of_core = text.find(['-', '+']).unwrap_or(text.len());
        let (core, rest) = text.split_at(end_of_core);
        let missing = match core.split('.').count() {
            1 => ".0.0",
            2 => ".0",
            _ => "",
        };
        semver::Version::parse(&format!("{core}{missing}{rest}")).ok()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Version {
    type Error = InvalidVersion;

    fn try_from(text: String) -> Result<Self, InvalidVersion> {
        Self::parse(&text)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn releases_are_ordered_as_people_read_them() {
        for (older, newer) in
            [("1.9.0", "1.10.0"), ("1.0", "1.0.1"), ("v1.2.3", "2"), ("2.0.0-rc.1", "2.0.0"), ("1", "1.1")]
        {
            assert_eq!(version(older).order(&version(newer)), Some(Ordering::Less), "{older} {newer}");
            assert_eq!(version(newer).order(&version(older)), Some(Ordering::Greater), "{newer} {older}");
        }
        assert_eq!(version("v1.2").order(&version("1.2.0")), Some(Ordering::Equal));
        assert_eq!(version("latest").order(&version("latest")), Some(Ordering::Equal));
    }

    #[test]
    fn names_without_numbers_have_no_order() {
        assert_eq!(version("latest").order(&version("1.0.0")), None);
        assert_eq!(version("1.0.0").order(&version("stable")), None);
    }

    #[test]
    fn what_cannot_be_a_tag_is_refused() {
        for text in ["", ".1", "-x", "1 2", "a/b", "1:2", &"1".repeat(129)] {
            assert!(Version::parse(text).is_err(), "{text:?}");
        }
    }
}
