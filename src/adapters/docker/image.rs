//! Images that the engine has.

use std::collections::BTreeMap;

use bollard::query_parameters::{RemoveImageOptionsBuilder, TagImageOptionsBuilder};

use super::Engine;
use super::error::DockerError;
use crate::model::image_ref::{Digest, ImageId, ImageRef, Tag};

/// An image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id at this engine.
    pub id: ImageId,
    /// The tags that lead to it.
    pub tags: Vec<ImageRef>,
    /// The digests by which registries know it, one for each repository it was pulled from or pushed to.
    pub repo_digests: Vec<ImageRef>,
    /// The architecture it was built for, such as `amd64`.
    pub architecture: String,
    /// Its size in bytes, unpacked.
    pub size: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// What became of a reference that was to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageRemoval {
    /// It is gone; the image too, if it was the last reference and nothing uses it.
    Removed,
    /// There was no such reference.
    Absent,
    /// A container uses the image, so it stays.
    InUse,
}

impl Image {
    /// Whether the repository of `reference` knows this image by `digest`.
    pub fn is_known_as(&self, reference: &ImageRef, digest: &Digest) -> bool {
        self.repo_digests
            .iter()
            .any(|known| known.same_repository(reference) && known.digest() == Some(digest))
    }

    /// A digest by which the repository of `reference` knows this image; it may know it by several.
    pub fn digest_in(&self, reference: &ImageRef) -> Option<&Digest> {
        self.repo_digests.iter().find(|known| known.same_repository(reference))?.digest()
    }
}

impl Engine {
    /// The image that a reference leads to at this engine; a digest wins over a tag. None if it does not have it.
    ///
    /// # Errors
    /// If the engine does not answer, or answers something unreadable.
    pub async fn image(&self, reference: &ImageRef) -> Result<Option<Image>, DockerError> {
        self.inspect_image(&lookup_form(reference)).await
    }

    /// The image with an id; none if the engine does not have it.
    ///
    /// # Errors
    /// If the engine does not answer, or answers something unreadable.
    pub async fn image_by_id(&self, id: &ImageId) -> Result<Option<Image>, DockerError> {
        self.inspect_image(id.as_str()).await
    }

    async fn inspect_image(&self, name: &str) -> Result<Option<Image>, DockerError> {
        let doing = format!("inspect image {name}");
        let raw = match self.ask(doing.clone(), self.docker.inspect_image(name)).await {
            Ok(raw) => raw,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let id = raw.id.and_then(|id| id.parse().ok());
        let Some(id) = id else {
            return Err(DockerError::Broken { doing, why: "docker's answer lacks its id".to_owned() });
        };
        let references = |texts: Option<Vec<String>>| {
            texts.unwrap_or_default().iter().filter_map(|text| text.parse().ok()).collect()
        };
        Ok(Some(Image {
            id,
            tags: references(raw.repo_tags),
            repo_digests: references(raw.repo_digests),
            architecture: raw.architecture.unwrap_or_default(),
            size: raw.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            labels: raw.config.and_then(|config| config.labels).unwrap_or_default().into_iter().collect(),
        }))
    }

    /// Makes `NAME:TAG` lead to an image, taking the name away from whatever had it.
    ///
    /// # Errors
    /// If there is no such image.
    pub async fn tag(&self, image: &ImageId, name: &ImageRef, tag: &Tag) -> Result<(), DockerError> {
        let options = TagImageOptionsBuilder::default().repo(&name.name()).tag(tag.as_str()).build();
        let doing = format!("tag image {} as {}:{tag}", image.short(), name.name());
        self.ask(doing, self.docker.tag_image(image.as_str(), Some(options))).await
    }

    /// Removes one reference, and the image with it if that was the last and no container uses it.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn remove_image(&self, reference: &ImageRef) -> Result<ImageRemoval, DockerError> {
        let options = RemoveImageOptionsBuilder::default().force(false).build();
        let name = lookup_form(reference);
        let call = self.docker.remove_image(&name, Some(options), None);
        match self.ask(format!("remove image {name}"), call).await {
            Ok(_) => Ok(ImageRemoval::Removed),
            Err(DockerError::NotFound { .. }) => Ok(ImageRemoval::Absent),
            Err(DockerError::Conflict { .. }) => Ok(ImageRemoval::InUse),
            Err(error) => Err(error),
        }
    }
}

/// The engine looks up `NAME:TAG` or `NAME@DIGEST`; of a reference with both, only the digest is exact.
fn lookup_form(reference: &ImageRef) -> String {
    reference.repo_digest().unwrap_or_else(|| reference.to_string())
}
