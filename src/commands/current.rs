//! What really runs, what is selected, and where the two differ.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::adapters::compose_services::{ComposeServices, fault};
use crate::adapters::docker::{Container, ContainerFilter, ContainerKind, Image};
use crate::commands::install::Install;
use crate::error::{Failure, Fault};
use crate::gates::{self, Subject};
use crate::model::image_ref::{ImageId, ImageRef};
use crate::model::manifest;
use crate::model::release::Version;
use crate::operations::{MigrateBy, Wellness};
use crate::plan::step::Release;
use crate::profile::{MigrationRun, ServiceName};

/// The product as it was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The release that runs, or that is selected where nothing runs.
    pub release: Release,
    /// Where the release's name was read.
    pub source: Source,
    /// The services that run, in the order in which they are stopped.
    pub running: Vec<ServiceName>,
    /// What does not hold at the moment; `None` if everything is well.
    pub trouble: Option<String>,
    /// What the environment file selects.
    pub selected: Option<Version>,
    /// Where what runs, what is selected and what is noted differ.
    pub drift: Vec<String>,
}

/// Where a release's name was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// From the image that the API's container was made from.
    Image,
    /// From the environment file: nothing runs that would tell.
    Environment,
    /// From the version file.
    VersionFile,
}

/// Looks at what runs. Nothing is changed.
pub async fn look(install: &Install, services: &ComposeServices) -> Result<Found, Failure> {
    let containers = containers(install).await?;
    let repository = repository(install)?;
    let (api, _) = install.profile.api();
    let of = |service: &ServiceName| {
        containers
            .iter()
            .filter(|container| container.service.as_deref() == Some(service.as_str()))
            .collect::<Vec<_>>()
    };
    let made_from = match of(api).first() {
        Some(container) => {
            install.engine.image_by_id(&container.image_id).await.map_err(|error| fault(&error))?
        }
        None => None,
    };
    let selected = selected_version(install);
    let noted = noted_version(install);
    let by_image =
        of(api).first().and_then(|container| version_of(container, made_from.as_ref(), &repository));
    let (version, source) = match (by_image, selected.clone(), noted.clone()) {
        (Some(version), _, _) => (version, Source::Image),
        (None, Some(version), _) => (version, Source::Environment),
        (None, None, Some(version)) => (version, Source::VersionFile),
        (None, None, None) => return Err(unknown_release(install)),
    };
    let release = release(install, &repository, version, made_from.as_ref())?;
    let running: Vec<ServiceName> = install
        .profile
        .stop_order()
        .into_iter()
        .filter(|name| of(name).iter().any(|container| container.is_running()))
        .cloned()
        .collect();
    let drift = drift(install, &release, source, selected.as_ref(), noted.as_ref(), &containers);
    let all: Vec<ServiceName> =
        install.profile.stop_order().into_iter().filter(|name| install.is_there(name)).cloned().collect();
    let trouble = if running.is_empty() {
        Some("it is not running".to_owned())
    } else {
        gates::glance(services, Subject::Services(&all, &release))
            .await
            .unwrap_or_else(|fault| Some(fault.to_string()))
    };
    Ok(Found { release, source, running, trouble, selected, drift })
}

impl Found {
    /// Whether everything is well, as plans have it.
    pub fn wellness(&self) -> Wellness {
        if self.trouble.is_none() { Wellness::Well } else { Wellness::Unwell }
    }

    /// The release as a backup's manifest names it.
    pub fn for_manifest(&self) -> manifest::Release {
        let release = &self.release;
        let repository = release.image.rsplit_once(':').map_or(release.image.as_str(), |(name, _)| name);
        manifest::Release {
            version: Some(release.version.clone()),
            image: Some(release.image.clone()),
            image_id: release.image_id.clone(),
            repo_digest: release.digest.as_ref().map(|digest| format!("{repository}@{digest}")),
        }
    }
}

async fn containers(install: &Install) -> Result<Vec<Container>, Fault> {
    let all = install
        .engine
        .containers(ContainerFilter::Project(&install.model.project))
        .await
        .map_err(|error| fault(&error))?;
    Ok(all.into_iter().filter(|container| matches!(container.kind, ContainerKind::Replica(_))).collect())
}

/// The repository of the product's image: as the resolved model has it, or, where that is pinned to an image's bare
/// identifier, as it would be without the pin.
pub fn repository(install: &Install) -> Result<ImageRef, Fault> {
    let api = install.profile.api().0.as_str();
    let settings = &install.profile.release;
    let image = install.model.services.get(api).and_then(|service| service.image.clone());
    let named = settings.image_variable.as_ref().and_then(|name| install.variable(name)).map(str::to_owned);
    let image = image
        .filter(|image| image.parse::<ImageId>().is_err())
        .or(named)
        .unwrap_or_else(|| settings.image.to_string());
    image
        .parse()
        .map_err(|error| Fault::caused_by(format!("the image of {api} cannot be understood"), &error))
}

/// The release as a whole: its version, and the image that carries it, as far as it is known here.
fn release(
    install: &Install,
    repository: &ImageRef,
    version: Version,
    image: Option<&Image>,
) -> Result<Release, Fault> {
    let reference = tagged(repository, &version)?;
    let pin = install.profile.release.pin_variable.as_ref().and_then(|name| install.variable(name));
    Ok(Release {
        image: reference.to_string(),
        digest: image.and_then(|image| image.digest_in(repository)).map(ToString::to_string),
        image_id: image.map(|image| image.id.to_string()),
        pin: pin.map(str::to_owned),
        version,
    })
}

/// The product's image with a version as its tag.
pub fn tagged(repository: &ImageRef, version: &Version) -> Result<ImageRef, Fault> {
    let tag = version
        .as_str()
        .parse()
        .map_err(|error| Fault::caused_by(format!("{version} cannot be an image's tag"), &error))?;
    Ok(repository.with_tag(tag))
}

/// The version of the image that a container was made from: as it was named then, as the image names itself, or as it
/// is tagged now.
fn version_of(container: &Container, image: Option<&Image>, repository: &ImageRef) -> Option<Version> {
    let named = container.image.parse::<ImageRef>().ok();
    let as_named =
        named.filter(|named| named.same_repository(repository)).and_then(|named| named.tag().cloned());
    let labelled = || image?.labels.get("org.opencontainers.image.version").cloned();
    let tagged = || {
        let tags = image?.tags.iter().filter(|tag| tag.same_repository(repository)).filter_map(ImageRef::tag);
        tags.map(ToString::to_string).find(|tag| !tag.starts_with("opsctl-keep-"))
    };
    let name = as_named.map(|tag| tag.to_string()).or_else(labelled).or_else(tagged)?;
    Version::parse(&name).ok()
}

/// The version that the environment file selects.
pub fn selected_version(install: &Install) -> Option<Version> {
    install.variable(&install.profile.release.version_variable).and_then(|text| Version::parse(text).ok())
}

fn noted_version(install: &Install) -> Option<Version> {
    let file = install.profile.release.version_file.as_ref()?;
    let text = std::fs::read_to_string(install.place.dir.join(file)).ok()?;
    Version::parse(text.trim()).ok()
}

fn unknown_release(install: &Install) -> Failure {
    Failure::refused(
        Fault::new("it cannot be told which release is installed: nothing runs, and no version is selected")
            .hint(format!(
                "set {} in {}",
                install.profile.release.version_variable,
                install.env_file.display()
            )),
    )
}

fn drift(
    install: &Install,
    release: &Release,
    source: Source,
    selected: Option<&Version>,
    noted: Option<&Version>,
    containers: &[Container],
) -> Vec<String> {
    let mut drift = Vec::new();
    if source == Source::Image {
        let variable = &install.profile.release.version_variable;
        match selected {
            Some(selected) if *selected != release.version => {
                drift.push(format!("{release} runs, and {variable} selects {selected}"));
            }
            None => drift.push(format!("{release} runs, and {variable} is not set")),
            Some(_) => {}
        }
    }
    if let Some(noted) = noted.filter(|noted| **noted != release.version) {
        drift.push(format!("the version file says {noted}, and it is {release}"));
    }
    let writers = install.profile.stop_order();
    let images: BTreeSet<&str> = containers
        .iter()
        .filter(|container| container.is_running())
        .filter(|container| writers.iter().any(|name| container.service.as_deref() == Some(name.as_str())))
        .map(|container| container.image_id.as_str())
        .collect();
    if images.len() > 1 {
        drift.push("the product's containers do not all run the same image".to_owned());
    }
    drift
}

/// How the product migrates its database.
pub fn migrate_by(install: &Install) -> Option<MigrateBy> {
    install.profile.migrate.as_ref().map(|migrate| match &migrate.run {
        MigrationRun::Service(service) => MigrateBy { service: service.clone(), command: None },
        MigrationRun::Command { service, command } => {
            MigrateBy { service: service.clone(), command: Some(command.clone()) }
        }
    })
}
