//! Networks that opsctl makes for its own containers.

use std::collections::HashMap;

use bollard::models::NetworkCreateRequest;

use super::error::DockerError;
use super::{Engine, LABEL_OPERATION};

impl Engine {
    /// Makes a network that leads nowhere but to the containers on it, and gives its id.
    ///
    /// # Errors
    /// If the name is taken, or the engine has no addresses left.
    pub async fn create_isolated_network(&self, name: &str, operation: &str) -> Result<String, DockerError> {
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            internal: Some(true),
            labels: Some(HashMap::from([(LABEL_OPERATION.to_owned(), operation.to_owned())])),
            ..NetworkCreateRequest::default()
        };
        Ok(self.ask(format!("create network {name}"), self.docker.create_network(request)).await?.id)
    }

    /// Removes a network by its id or name; that it is gone already counts as done.
    ///
    /// # Errors
    /// If containers are still on it.
    pub async fn remove_network(&self, network: &str) -> Result<(), DockerError> {
        match self.ask(format!("remove network {network}"), self.docker.remove_network(network)).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }
}
