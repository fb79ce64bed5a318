//! Images of releases: fetched by digest, named for Compose, kept for going back.

use std::time::Duration;

use super::{ComposeServices, fault};
use crate::adapters::docker::{Credentials, Image, PullLimits};
use crate::error::Fault;
use crate::model::image_ref::ImageRef;
use crate::plan::step::Release;
use crate::ports::ProgressSink;
use crate::report::{Progress, Unit, quantity};

/// A registry that sends nothing for this long is given up.
const STALL: Duration = Duration::from_mins(1);

impl ComposeServices {
    /// Fetches an image by digest, unless the engine has it, and lets the release's tag lead to it.
    pub(super) async fn fetch(&self, release: &Release, progress: ProgressSink<'_>) -> Result<String, Fault> {
        let note = if let Some(image) = self.find_image(release).await? {
            format!("{} is there already", image.id.short())
        } else {
            let image = self.download(release, progress).await?;
            format!("{} ({})", image.id.short(), quantity::bytes(image.size))
        };
        self.point_tag_at(release).await?;
        Ok(note)
    }

    async fn download(&self, release: &Release, progress: ProgressSink<'_>) -> Result<Image, Fault> {
        let reference = pinned(release)?;
        let credentials = Credentials::given_or_configured(&self.engine_settings, reference.registry())
            .await
            .map_err(|error| Fault::caused_by("could not read the registry's credentials", &error))?;
        let limits = PullLimits { stall: STALL, attempts: 4, first_wait: Duration::from_secs(1) };
        let sink = |at: crate::adapters::docker::PullProgress| {
            progress(Progress {
                doing: "downloading".into(),
                done: at.bytes_done,
                total: Some(at.bytes_total),
                unit: Unit::Bytes,
            });
        };
        self.engine.pull(&reference, &credentials, limits, sink).await.map_err(|error| {
            let fault = Fault::caused_by("the image could not be pulled", &error);
            error.hint().into_iter().fold(fault, Fault::hint)
        })
    }

    /// The engine's image of a release; fails when it does not have it.
    pub(super) async fn local_image(&self, release: &Release) -> Result<Image, Fault> {
        self.find_image(release).await?.ok_or_else(|| {
            Fault::new(format!("the image of {release} is not on this machine"))
                .hint(format!("`docker pull {}` fetches it", release.image))
        })
    }

    /// By the engine's own identifier if it is known, else by digest, and only without both by tag: a tag can move.
    async fn find_image(&self, release: &Release) -> Result<Option<Image>, Fault> {
        let found = match (&release.image_id, &release.digest) {
            (Some(id), _) => {
                let id = id.parse().map_err(|error| Fault::caused_by("not an image identifier", &error))?;
                self.engine.image_by_id(&id).await
            }
            (None, Some(_)) => self.engine.image(&pinned(release)?).await,
            (None, None) => self.engine.image(&reference(release)?).await,
        };
        found.map_err(|error| fault(&error))
    }

    /// Lets the release's tag lead to its image, whatever was tagged since.
    pub(super) async fn point_tag_at(&self, release: &Release) -> Result<(), Fault> {
        let (image, reference) = (self.local_image(release).await?, reference(release)?);
        let Some(tag) = reference.tag() else { return Ok(()) };
        self.engine.tag(&image.id, &reference, tag).await.map_err(|error| fault(&error))
    }

    /// Tags an image so that neither a person nor a clean-up removes the last name that it has.
    pub(super) async fn tag_for_keeping(&self, release: &Release) -> Result<(), Fault> {
        let (image, reference) = (self.local_image(release).await?, reference(release)?);
        let version: String = release.version.as_str().chars().take(100).collect();
        let tag = format!("opsctl-keep-{version}")
            .parse()
            .map_err(|error| Fault::caused_by("not an image tag", &error))?;
        self.engine.tag(&image.id, &reference, &tag).await.map_err(|error| fault(&error))
    }
}

/// A name that leads to this very image: its digest in a registry, or the engine's own identifier.
pub(super) fn exact_reference(release: &Release, image: &Image) -> Result<String, Fault> {
    let known = match &release.digest {
        Some(_) => Some(pinned(release)?)
            .filter(|pinned| pinned.digest().is_some_and(|digest| image.is_known_as(pinned, digest))),
        None => None,
    };
    Ok(known.and_then(|pinned| pinned.repo_digest()).unwrap_or_else(|| image.id.to_string()))
}

/// The release's image by tag.
fn reference(release: &Release) -> Result<ImageRef, Fault> {
    release.image.parse().map_err(|error| Fault::caused_by("not an image reference", &error))
}

/// The release's image by digest.
fn pinned(release: &Release) -> Result<ImageRef, Fault> {
    let digest = release
        .digest
        .as_deref()
        .ok_or_else(|| {
            Fault::new(format!("the image of {release} was never in a registry and is not on this machine"))
        })?
        .parse()
        .map_err(|error| Fault::caused_by("not a digest", &error))?;
    Ok(reference(release)?.with_digest(digest))
}
