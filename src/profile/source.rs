//! Where the releases of a product that runs as a process come from, and what shows that they are genuine.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use crate::model::release::Version;

/// What stands for the version in an address.
const VERSION: &str = "{version}";

/// Where releases come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Source {
    /// A folder with a folder for each release, named by its version, as seen from the install.
    Folder(PathBuf),
    /// Archives (`.tar.gz`), one for each release.
    Archives(Address),
}

/// An address over HTTP or HTTPS, with `{version}` for the version of a release. It has no login, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(String);

/// Why a text is not a source or an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSource {
    /// Nothing is written down.
    #[error(
        "a source is a folder with a folder for each release, or the address of archives: leave it out without one"
    )]
    Empty,
    /// Something other than the version stands to be filled in.
    #[error("nothing but `{{version}}` is filled in, and that in an address: write the rest as it is")]
    Placeholder,
    /// Neither HTTP nor HTTPS.
    #[error("an address begins with `https://` or `http://`, and a host follows")]
    Scheme,
    /// A login would be shown wherever the address is.
    #[error("an address of releases holds no login, no `?`, no `#` and no space")]
    Login,
    /// It would be one release for all versions.
    #[error("an address of releases holds `{{version}}`: `https://example.org/collector-{{version}}.tar.gz`")]
    NoVersion,
}

impl TryFrom<String> for Source {
    type Error = InvalidSource;

    fn try_from(text: String) -> Result<Self, InvalidSource> {
        if text.trim().is_empty() {
            return Err(InvalidSource::Empty);
        }
        if !text.contains("://") {
            let is_filled = text.contains("${") || text.contains(VERSION);
            return if is_filled { Err(InvalidSource::Placeholder) } else { Ok(Self::Folder(text.into())) };
        }
        if !text.contains(VERSION) {
            return Err(InvalidSource::NoVersion);
        }
        Address::try_from(text).map(Self::Archives)
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidSource;

    fn try_from(text: String) -> Result<Self, InvalidSource> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let (host, path) = rest.and_then(|rest| rest.split_once('/')).ok_or(InvalidSource::Scheme)?;
        if host.is_empty() || path.is_empty() {
            return Err(InvalidSource::Scheme);
        }
        let bad =
            |char: char| matches!(char, '?' | '#' | '@' | '\\') || char.is_whitespace() || char.is_control();
        if text.contains(bad) {
            return Err(InvalidSource::Login);
        }
        if text.replace(VERSION, "").contains(['{', '}']) {
            return Err(InvalidSource::Placeholder);
        }
        Ok(Self(text))
    }
}

impl Address {
    /// The address for a version.
    pub fn of(&self, version: &Version) -> String {
        self.0.replace(VERSION, version.as_str())
    }

    /// The name of the file that the address for a version leads to.
    pub fn file_name(&self, version: &Version) -> String {
        let address = self.of(version);
        address.rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// The address of another file in the same place.
    #[must_use]
    pub fn sibling(&self, name: &str) -> Self {
        let folder = self.0.rsplit_once('/').map_or(self.0.as_str(), |(folder, _)| folder);
        Self(format!("{folder}/{name}"))
    }

    /// Whether nobody on the way can change what comes from there.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The public key of minisign that releases are signed with: the second line of `minisign.pub`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SigningKey(String);

/// Why a text is not such a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not a public key of minisign: take the second line of `minisign.pub`, which begins with `RW`")]
pub struct InvalidKey;

impl TryFrom<String> for SigningKey {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        match minisign_verify::PublicKey::from_base64(text.trim()) {
            Ok(_) => Ok(Self(text.trim().to_owned())),
            Err(_) => Err(InvalidKey),
        }
    }
}

impl SigningKey {
    /// The key, to verify with.
    pub fn key(&self) -> minisign_verify::PublicKey {
        minisign_verify::PublicKey::from_base64(&self.0).expect("it was read once already")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<Source, InvalidSource> {
        Source::try_from(text.to_owned())
    }

    #[test]
    fn a_source_is_a_folder_or_an_address_with_a_version() {
        assert_eq!(source("/srv/releases").unwrap(), Source::Folder("/srv/releases".into()));
        let Ok(Source::Archives(address)) = source("https://example.org/c/v{version}/c-{version}.tar.gz")
        else {
            panic!("it is an address")
        };
        let version = Version::parse("1.2.0").unwrap();
        assert_eq!(address.of(&version), "https://example.org/c/v1.2.0/c-1.2.0.tar.gz");
        assert_eq!(address.file_name(&version), "c-1.2.0.tar.gz");
        assert_eq!(address.sibling("SHA256SUMS").of(&version), "https://example.org/c/v1.2.0/SHA256SUMS");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert_eq!(source("https://example.org/c.tar.gz"), Err(InvalidSource::NoVersion));
        for text in ["ftp://example.org/{version}", "https://{version}", "https:///{version}"] {
            assert_eq!(source(text), Err(InvalidSource::Scheme), "{text}");
        }
        assert_eq!(source(" "), Err(InvalidSource::Empty));
        for text in ["https://example.org/{arch}/{version}", "${INSTALL}/releases", "/srv/{version}"] {
            assert_eq!(source(text), Err(InvalidSource::Placeholder), "{text}");
        }
        for text in ["https://me:secret@example.org/{version}", "https://example.org/{version}?token=x"] {
            assert_eq!(source(text), Err(InvalidSource::Login), "{text}");
        }
    }

    #[test]
    fn a_key_is_checked_when_it_is_read() {
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        assert!(SigningKey::try_from(format!("{key}\n")).is_ok());
        assert!(SigningKey::try_from("RWQf6LRCGA9i".to_owned()).is_err());
    }
}
