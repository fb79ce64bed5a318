//! Servers that run beside the product for as long as opsctl needs them.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, HostConfigLogConfig, NetworkingConfig,
};
use bollard::query_parameters::CreateContainerOptionsBuilder;

use super::{ContainerId, DockerError, Engine, LABEL_OPERATION, LABEL_PROJECT, LABEL_ROLE};
use crate::model::image_ref::ImageId;
use crate::model::secret::Secret;

/// A server to run in a container of its own, started as its image starts it.
#[derive(Debug, Clone)]
pub struct ScratchServer {
    /// The image.
    pub image: ImageId,
    /// The container's name.
    pub name: String,
    /// The Compose project that it is made for.
    pub project: String,
    /// The operation it belongs to, by its id.
    pub operation: String,
    /// What it is for within the operation.
    pub role: String,
    /// What the image's entry point is given.
    pub arguments: Vec<String>,
    /// Its environment, on top of the image's.
    pub environment: Vec<(String, Secret)>,
    /// The only network it is on, by name or id.
    pub network: String,
    /// The names by which others on that network reach it, beside its own.
    pub aliases: Vec<String>,
}

impl Engine {
    /// Starts a server and returns at once. It has no published port, no volume with a name, and its container stays
    /// until it is removed: see [`super::ContainerFilter::Operation`].
    ///
    /// # Errors
    /// If the image is not there, the name is taken, or the container cannot start.
    pub async fn start_server(&self, server: ScratchServer) -> Result<ContainerId, DockerError> {
        let doing = format!("make the container {}", server.name);
        let options = CreateContainerOptionsBuilder::default().name(&server.name).build();
        let created =
            self.ask(doing.clone(), self.docker.create_container(Some(options), server.body())).await?;
        let id: ContainerId = created
            .id
            .parse()
            .map_err(|_| DockerError::Broken { doing, why: "docker's answer lacks its id".to_owned() })?;
        self.start(&id).await?;
        Ok(id)
    }
}

impl ScratchServer {
    fn body(self) -> ContainerCreateBody {
        let endpoint = EndpointSettings { aliases: Some(self.aliases), ..EndpointSettings::default() };
        ContainerCreateBody {
            image: Some(self.image.to_string()),
            cmd: Some(self.arguments),
            env: Some(
                self.environment.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect(),
            ),
            labels: Some(HashMap::from([
                (LABEL_OPERATION.to_owned(), self.operation),
                (LABEL_PROJECT.to_owned(), self.project),
                (LABEL_ROLE.to_owned(), self.role),
            ])),
            host_config: Some(HostConfig {
                network_mode: Some(self.network.clone()),
                // Its last lines say why it did not start.
                log_config: Some(HostConfigLogConfig { typ: Some("json-file".to_owned()), config: None }),
                ..HostConfig::default()
            }),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some(HashMap::from([(self.network, endpoint)])),
            }),
            ..ContainerCreateBody::default()
        }
    }
}
