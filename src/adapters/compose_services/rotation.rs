//! What a rotation needs of the containers: that they are made anew, what they were made with, and that keys are taken.

use std::collections::BTreeSet;

use super::{COMPOSE_LIMIT, ComposeServices, compose_fault, fault};
use crate::adapters::compose::{Recreate, Up};
use crate::adapters::docker::{ContainerFilter, NetworkAccess};
use crate::error::Fault;
use crate::model::image_ref::ImageRef;
use crate::model::secret::Secret;
use crate::plan::rotation::{DualSecret, Held, Replicas, Which};
use crate::plan::step::Release;
use crate::profile::{HttpPath, ServiceName};

/// Where Compose notes what it made a container from.
const LABEL_CONFIG_HASH: &str = "com.docker.compose.config-hash";

impl ComposeServices {
    pub(super) async fn make_anew(
        &self,
        replicas: &[Replicas],
        release: &Release,
        which: Which,
    ) -> Result<(), Fault> {
        self.point_tag_at(release).await?;
        let services: Vec<ServiceName> = replicas.iter().map(|replicas| replicas.service.clone()).collect();
        let up = Up {
            services: services.iter().map(ToString::to_string).collect(),
            scale: replicas.iter().map(|replicas| (replicas.service.to_string(), replicas.count)).collect(),
            recreate: match which {
                Which::Changed => Recreate::IfChanged,
                Which::All => Recreate::Always,
            },
            overrides: Vec::new(),
            limit: COMPOSE_LIMIT,
        };
        // Nobody waits: the replicas that are not yet made anew serve.
        self.bring_up(&up, &services, release, |_| true).await?;
        self.start_with_engine(&services).await
    }

    /// The engine knows what a container was made with. An empty value counts as none, as it does for the product.
    pub(super) async fn held_by(
        &self,
        service: &ServiceName,
        secret: &DualSecret,
    ) -> Result<Vec<Held>, Fault> {
        let mut held = Vec::new();
        for container in self.replicas(service).await?.iter().filter(|container| container.is_running()) {
            held.push(self.recognised(secret, |name| container.environment.get(name)));
        }
        Ok(held)
    }

    /// What Compose hands to a container of the service that is made now.
    pub(super) async fn given_to(
        &self,
        service: &ServiceName,
        secret: &DualSecret,
    ) -> Result<Vec<Held>, Fault> {
        let model = self.compose.resolve().await.map_err(|error| compose_fault(&error))?;
        let given = model.services.get(service.as_str());
        let given = given.ok_or_else(|| Fault::new(format!("Compose knows no service {service}")))?;
        Ok(vec![self.recognised(secret, |name| given.environment.get(name).and_then(Option::as_ref))])
    }

    fn recognised<'v>(&self, secret: &DualSecret, value: impl Fn(&str) -> Option<&'v Secret>) -> Held {
        let given = |name: &str| value(name).map(Secret::expose).filter(|value| !value.is_empty());
        let previous = secret.previous.as_ref().and_then(|name| given(name.as_str()));
        Held {
            current: secret.value_in(given).map(|value| self.fingerprints.fingerprint(value.expose())),
            previous: previous.map(|value| self.fingerprints.fingerprint(value)),
        }
    }

    /// In what a container of a service that is made now would be another one than the one that runs, its environment apart;
    /// `None` if in nothing.
    pub async fn made_anew_as_another(&self, service: &ServiceName) -> Result<Option<String>, Fault> {
        let wanted = self.compose.hash_of(service.as_str()).await.map_err(|error| compose_fault(&error))?;
        for container in self.replicas(service).await?.iter().filter(|container| container.is_running()) {
            if container.labels.get(LABEL_CONFIG_HASH) != Some(&wanted) {
                return Ok(Some(format!("the Compose files describe {service} otherwise")));
            }
            let reference = container.image.parse::<ImageRef>().ok();
            let Some(reference) = reference else { continue };
            let found = self.engine.image(&reference).await.map_err(|error| fault(&error))?;
            if found.is_none_or(|image| image.id != container.image_id) {
                return Ok(Some(format!("{} is another image by now, or gone", container.image)));
            }
        }
        Ok(None)
    }

    /// The addresses of the project's containers in the engine's networks.
    pub async fn addresses(&self) -> Result<BTreeSet<String>, Fault> {
        let filter = ContainerFilter::Project(&self.project);
        let containers = self.engine.containers(filter).await.map_err(|error| fault(&error))?;
        let each = containers.iter().flat_map(|container| match &container.network {
            NetworkAccess::Networks(networks) => {
                networks.values().flatten().map(ToString::to_string).collect()
            }
            _ => Vec::new(),
        });
        Ok(each.collect())
    }

    pub(super) async fn ask_with_key(&self, path: &HttpPath) -> Result<String, Fault> {
        let key = self.platform_key.as_ref().ok_or_else(|| {
            Fault::new("there is no key to try").hint("set OPSCTL_PLATFORM_KEY to a key of the platform")
        })?;
        let (name, service) = self.profile.api();
        let port = service.http.as_ref().map(|http| http.port.get());
        let replicas = self.replicas(name).await?;
        let mut asked = 0;
        for container in replicas.iter().filter(|container| container.is_running()) {
            let unreachable = || Fault::new(format!("{} cannot be asked: it has no address", container.name));
            let address = port.and_then(|port| container.address(port)).ok_or_else(unreachable)?;
            let url = format!("http://{address}{path}");
            let reply = self.http.get(&url, Some(key), self.profile.health.request_timeout).await.map_err(
                |error| Fault::caused_by(format!("{} could not be asked", container.name), &error),
            )?;
            match reply.status {
                200..300 => asked += 1,
                401 | 403 => {
                    return Err(Fault::new(format!(
                        "{} refuses the platform key ({} at {path})",
                        container.name, reply.status
                    ))
                    .hint("is OPSCTL_PLATFORM_KEY a key of the platform, and not one of an enterprise or an agent?"));
                }
                status => {
                    return Err(Fault::new(format!("{} answers {status} at {path}", container.name)));
                }
            }
        }
        match asked {
            0 => Err(Fault::new(format!("no replica of {name} runs"))),
            1 => Ok("1 replica took it".to_owned()),
            asked => Ok(format!("{asked} replicas took it")),
        }
    }
}
