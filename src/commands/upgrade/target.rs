//! Which image a release's name stands for, asked of the registry before anything is changed.

use std::time::Duration;

use crate::adapters::compose_services::fault as docker_fault;
use crate::adapters::docker::{Credentials, Image, RegistryFailure, Resolution};
use crate::commands::context::Context;
use crate::commands::current::{repository, tagged};
use crate::commands::install::Install;
use crate::error::{Failure, Fault};
use crate::explain::Topic;
use crate::model::image_ref::ImageRef;
use crate::model::release::Version;
use crate::plan::step::Release;

/// How long a registry may take to answer.
const LIMIT: Duration = Duration::from_secs(20);

/// The release with the digest that its tag stands for now. An image that is on this machine will do where no registry
/// answers: that is how installs without a network are upgraded.
pub async fn resolve(context: &Context, install: &Install, version: &Version) -> Result<Release, Failure> {
    let repository = repository(install)?;
    let reference = tagged(&repository, version)?;
    let local = install.engine.image(&reference).await.map_err(|error| docker_fault(&error))?;
    let credentials = Credentials::given_or_configured(&install.engine_settings, reference.registry())
        .await
        .map_err(|error| Fault::caused_by("the registry's credentials cannot be read", &error))?;
    let answer = install
        .engine
        .resolve(&reference, &credentials, LIMIT)
        .await
        .map_err(|error| docker_fault(&error))?;
    match (answer, local) {
        (Resolution::Found { digest, platforms }, _) => {
            let facts = install.engine.facts().await.map_err(|error| docker_fault(&error))?;
            let fits = |architecture: &str| canonical(architecture) == canonical(&facts.architecture);
            if !platforms.is_empty() && !platforms.iter().any(|platform| fits(&platform.architecture)) {
                return Err(Failure::refused(Fault::new(format!(
                    "{reference} is not built for this machine ({})",
                    facts.architecture
                ))));
            }
            let pinned = reference.with_digest(digest);
            let image = install.engine.image(&pinned).await.map_err(|error| docker_fault(&error))?;
            Ok(release(install, version, &reference, Some(&pinned), image.as_ref()))
        }
        (Resolution::Failed(failure), Some(image)) => {
            context.warn(format!(
                "the registry was asked in vain ({failure}); the image on this machine is used"
            ));
            Ok(release(install, version, &reference, None, Some(&image)))
        }
        (Resolution::Failed(failure), None) => {
            let fault = Fault::new(format!("{reference} cannot be had: {failure}"));
            let hint = failure.hint(reference.registry());
            let fault = hint.into_iter().fold(fault, Fault::hint).hint("nothing was changed");
            Err(Failure::refused(match failure {
                RegistryFailure::Unauthorized { .. } => fault.explained(Topic::RegistryDenied),
                _ => fault,
            }))
        }
    }
}

fn release(
    install: &Install,
    version: &Version,
    reference: &ImageRef,
    pinned: Option<&ImageRef>,
    image: Option<&Image>,
) -> Release {
    let held = || reference.with_digest(image?.digest_in(reference)?.clone()).repo_digest();
    let known = pinned
        .and_then(ImageRef::repo_digest)
        .or_else(held)
        .or_else(|| image.map(|image| image.id.to_string()));
    let pins =
        install.profile.release.pin_variable.as_ref().and_then(|name| install.variable(name)).is_some();
    Release {
        version: version.clone(),
        image: reference.to_string(),
        digest: pinned.and_then(ImageRef::digest).map(ToString::to_string),
        image_id: image.map(|image| image.id.to_string()),
        // An install that pins goes on pinning: the pin overrides the version, so that the two move together.
        pin: if pins { known } else { None },
    }
}

/// Registries and kernels name architectures differently.
fn canonical(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
