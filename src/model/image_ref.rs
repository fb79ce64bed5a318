//! References to container images, in the one form that Docker itself compares.
//!
//! The grammar is the one of the distribution project: `[registry/]repository[:tag][@digest]`, where the first
//! part is a registry only if it looks like a host (a dot, a port, or `localhost`).

mod digest;
mod tag;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use digest::{Digest, DigestError, ImageId};
pub use tag::{Tag, TagError};

const DEFAULT_REGISTRY: &str = "docker.io";
const OFFICIAL_PREFIX: &str = "library/";
const LONGEST_NAME: usize = 255;

/// A normalised image reference: the registry is always known, and official images carry `library/`.
///
/// It is shown, stored and compared in the short form that Docker prints: `postgres:17` stands for
/// `docker.io/library/postgres:17`, and both parse to the same value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef {
    registry: String,
    repository: String,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

/// Why a text is not an image reference, and what one looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageRefError {
    /// Nothing was given.
    #[error("an image reference is empty; expected something like example.com/team/product:1.2.3")]
    Empty,
    /// It is an image id, which names no repository.
    #[error("{0:?} is an image id, not a reference; name the repository too, as in team/product@sha256:...")]
    BareId(String),
    /// The repository breaks the naming rules.
    #[error(
        "{name:?} is not a repository name: {part:?} may hold only lower-case letters, digits and single separators (. _ __ -)"
    )]
    Repository {
        /// The whole name.
        name: String,
        /// The part between slashes that is wrong.
        part: String,
    },
    /// The registry is not a host with an optional port.
    #[error("{0:?} is not a registry; expected HOST or HOST:PORT")]
    Registry(String),
    /// The name is longer than registries accept.
    #[error("the image name is {0} characters long, and at most {LONGEST_NAME} are allowed")]
    TooLong(usize),
    /// The part after the colon is wrong.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// The part after the at sign is wrong.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl ImageRef {
    /// The registry's host, with its port if one is named, such as `docker.io` or `127.0.0.1:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository within its registry, such as `library/postgres`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one is named.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, if one is named.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The name without tag and digest in Docker's short form, such as `postgres` or `127.0.0.1:5000/team/product`;
    /// in the long form where the short one would name something else.
    pub fn name(&self) -> String {
        let long = format!("{}/{}", self.registry, self.repository);
        if self.registry != DEFAULT_REGISTRY {
            return long;
        }
        let short = self.repository.strip_prefix(OFFICIAL_PREFIX).unwrap_or(&self.repository);
        let reads_alike = split_registry(short)
            .is_ok_and(|(registry, repository)| registry == self.registry && repository == self.repository);
        // With a tag behind it, the name of an algorithm would read as a digest.
        let reads_as_id = is_bare_id(short) || short == "sha256";
        if reads_alike && !reads_as_id { short.to_owned() } else { long }
    }

    /// The same repository at another tag; a digest is dropped, since it would win over the tag.
    #[must_use]
    pub fn with_tag(&self, tag: Tag) -> Self {
        Self { tag: Some(tag), digest: None, ..self.clone() }
    }

    /// The same image pinned to `digest`; the tag stays, for people to read.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// `NAME@DIGEST`, as the engine lists it among an image's repository digests; none if no digest is named.
    pub fn repo_digest(&self) -> Option<String> {
        self.digest.as_ref().map(|digest| format!("{}@{digest}", self.name()))
    }

    /// Whether both name the same repository, whatever the tag or digest.
    pub fn same_repository(&self, other: &Self) -> bool {
        self.registry == other.registry && self.repository == other.repository
    }
}

impl FromStr for ImageRef {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<Self, ImageRefError> {
        if text.is_empty() {
            return Err(ImageRefError::Empty);
        }
        if text.parse::<ImageId>().is_ok() || is_bare_id(text) {
            return Err(ImageRefError::BareId(text.to_owned()));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        let (name, tag) = split_tag(rest);
        let tag = tag.map(str::parse).transpose()?;
        let (registry, repository) = split_registry(name)?;
        check_repository(&repository)?;
        let length = registry.len() + 1 + repository.len();
        if length > LONGEST_NAME {
            return Err(ImageRefError::TooLong(length));
        }
        Ok(Self { registry, repository, tag, digest })
    }
}

/// Docker refuses these as names too: 64 hexadecimal digits are taken for an id.
fn is_bare_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A colon behind the last slash starts the tag; one before it belongs to the registry's port.
fn split_tag(rest: &str) -> (&str, Option<&str>) {
    let last_part = rest.rfind('/').map_or(0, |slash| slash + 1);
    match rest[last_part..].find(':') {
        Some(colon) => (&rest[..last_part + colon], Some(&rest[last_part + colon + 1..])),
        None => (rest, None),
    }
}

fn split_registry(name: &str) -> Result<(String, String), ImageRefError> {
    let Some((first, rest)) = name.split_once('/') else {
        return Ok((DEFAULT_REGISTRY.to_owned(), format!("{OFFICIAL_PREFIX}{name}")));
    };
    let is_host = first == "localhost"
        || first.contains(['.', ':'])
        || first.bytes().any(|byte| byte.is_ascii_uppercase());
    if !is_host {
        return Ok((DEFAULT_REGISTRY.to_owned(), name.to_owned()));
    }
    check_registry(first)?;
    if first != DEFAULT_REGISTRY && first != "index.docker.io" {
        return Ok((first.to_owned(), rest.to_owned()));
    }
    let repository = if rest.contains('/') { rest.to_owned() } else { format!("{OFFICIAL_PREFIX}{rest}") };
    Ok((DEFAULT_REGISTRY.to_owned(), repository))
}

fn check_registry(registry: &str) -> Result<(), ImageRefError> {
    let wrong = || ImageRefError::Registry(registry.to_owned());
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !registry.ends_with(']') => (host, Some(port)),
        _ => (registry, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(wrong());
    }
    let is_ipv6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).is_some_and(|address| {
        !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
    });
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if is_ipv6 || host.split('.').all(is_label) { Ok(()) } else { Err(wrong()) }
}

fn check_repository(repository: &str) -> Result<(), ImageRefError> {
    for part in repository.split('/') {
        if !is_path_component(part) {
            let name = repository.strip_prefix(OFFICIAL_PREFIX).unwrap_or(repository).to_owned();
            return Err(ImageRefError::Repository { name, part: part.to_owned() });
        }
    }
    Ok(())
}

fn is_path_component(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    is_word(first)
        && is_word(last)
        && part.split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit()).all(
            |separator| {
                matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
            },
        )
}

impl fmt::Display for ImageRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name())?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ImageRef({self})")
    }
}

impl TryFrom<String> for ImageRef {
    type Error = ImageRefError;

    fn try_from(text: String) -> Result<Self, ImageRefError> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(reference: ImageRef) -> Self {
        reference.to_string()
    }
}

#[cfg(test)]
mod tests;
