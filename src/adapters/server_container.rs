//! The container of a bundled database server. It may get another address each time it is started, so that it is asked for
//! whenever a session is opened.

use std::net::SocketAddr;

use crate::adapters::compose_services::fault;
use crate::adapters::docker::{Container, ContainerFilter, ContainerKind, Engine};
use crate::error::Fault;

/// Which container it is, and where the server listens in it.
#[derive(Clone)]
pub struct ServerContainer {
    /// The engine that runs it.
    pub engine: Engine,
    /// The Compose project that it belongs to.
    pub project: String,
    /// Its service.
    pub service: String,
    /// The server's port within it.
    pub port: u16,
}

impl ServerContainer {
    /// The container, which runs.
    ///
    /// # Errors
    /// When it does not run, or the engine does not answer.
    pub async fn running(&self) -> Result<Container, Fault> {
        let filter = ContainerFilter::Project(&self.project);
        let containers = self.engine.containers(filter).await.map_err(|error| fault(&error))?;
        containers
            .into_iter()
            .find(|container| {
                container.service.as_deref() == Some(&self.service)
                    && matches!(container.kind, ContainerKind::Replica(_))
                    && container.is_running()
            })
            .ok_or_else(|| {
                Fault::new(format!("the bundled database ({}) is not running", self.service))
                    .hint(format!("start it: `docker compose up -d --no-deps {}`", self.service))
            })
    }

    /// Where the server is reached from this machine at the moment.
    ///
    /// # Errors
    /// As [`Self::running`]; or when it has no address.
    pub async fn address(&self) -> Result<SocketAddr, Fault> {
        let container = self.running().await?;
        container.address(self.port).ok_or_else(|| {
            Fault::new(format!("the container {} has no address that this machine can reach", container.name))
        })
    }
}
