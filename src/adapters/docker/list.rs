//! Finding containers.

use std::collections::HashMap;

use bollard::query_parameters::ListContainersOptionsBuilder;

use super::error::DockerError;
use super::{Container, ContainerId, Engine, LABEL_OPERATION};

/// Which containers are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerFilter<'a> {
    /// All of a Compose project, one-off ones too.
    Project(&'a str),
    /// Those made for an operation, by its id.
    Operation(&'a str),
    /// Those that carry a label with a value.
    Label(&'a str, &'a str),
    /// All that run, whoever made them.
    Running,
}

impl Engine {
    /// The containers that match, running or not, in the order of their names.
    ///
    /// One that vanishes while they are being read is left out.
    ///
    /// # Errors
    /// If the engine does not answer, or answers something unreadable.
    pub async fn containers(&self, filter: ContainerFilter<'_>) -> Result<Vec<Container>, DockerError> {
        let (key, value) = match filter {
            ContainerFilter::Project(name) => ("label", format!("com.docker.compose.project={name}")),
            ContainerFilter::Operation(id) => ("label", format!("{LABEL_OPERATION}={id}")),
            ContainerFilter::Label(name, value) => ("label", format!("{name}={value}")),
            ContainerFilter::Running => ("status", "running".to_owned()),
        };
        let filters = HashMap::from([(key, vec![value])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let listed = self.ask("list containers", self.docker.list_containers(Some(options))).await?;
        let mut containers = Vec::with_capacity(listed.len());
        for id in listed.into_iter().filter_map(|summary| summary.id) {
            match self.inspect(&id).await {
                Ok(container) => containers.push(container),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        containers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(containers)
    }

    /// A container as it is now; none if there is none with this id.
    ///
    /// # Errors
    /// If the engine does not answer, or answers something unreadable.
    pub async fn container(&self, id: &ContainerId) -> Result<Option<Container>, DockerError> {
        match self.inspect(id.as_str()).await {
            Ok(container) => Ok(Some(container)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A container by its name; none if nothing bears it.
    ///
    /// # Errors
    /// If the engine does not answer, or answers something unreadable.
    pub async fn container_named(&self, name: &str) -> Result<Option<Container>, DockerError> {
        match self.inspect(name).await {
            Ok(container) => Ok(Some(container).filter(|container| container.name == name)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn inspect(&self, id: &str) -> Result<Container, DockerError> {
        let doing = format!("inspect container {}", id.get(..12).unwrap_or(id));
        let raw = self.ask(doing.clone(), self.docker.inspect_container(id, None)).await?;
        Container::from_engine(raw).map_err(|missing| DockerError::Broken {
            doing,
            why: format!("docker's answer lacks its {missing}"),
        })
    }
}
