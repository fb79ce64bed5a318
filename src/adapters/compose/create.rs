//! Making containers from the model.

use std::path::PathBuf;
use std::time::Duration;

use super::{Compose, ComposeError};
use crate::adapters::docker::{ContainerId, LABEL_OPERATION, LABEL_ROLE};

/// What `up` brings up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Up {
    /// The services, and nothing else: what they depend on is left as it is.
    pub services: Vec<String>,
    /// How many instances of a service there are to be, where that is not what the files say.
    pub scale: Vec<(String, u32)>,
    /// What becomes of containers that are there already.
    pub recreate: Recreate,
    /// Files that are laid over the project's own, last one on top.
    pub overrides: Vec<PathBuf>,
    /// How long it may take.
    pub limit: Duration,
}

/// What becomes of containers that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recreate {
    /// They are replaced if the model or the image is another one.
    IfChanged,
    /// They are replaced.
    Always,
    /// They are started as they are.
    Never,
}

/// A container of a service that is made for one purpose, beside the service's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOff {
    /// The service whose settings it takes, published ports excepted.
    pub service: String,
    /// Its name.
    pub name: String,
    /// The operation it belongs to, by its id.
    pub operation: String,
    /// What it is for within the operation.
    pub role: String,
    /// What it runs in place of the service's command; empty means the service's command.
    pub command: Vec<String>,
    /// Files that are laid over the project's own, last one on top; they may give it another image.
    pub overrides: Vec<PathBuf>,
    /// How long making it may take.
    pub limit: Duration,
}

impl Compose {
    /// Brings services up and returns when their containers have been started, healthy or not. Nothing is pulled or
    /// built: an image that is not there is an error.
    ///
    /// # Errors
    /// If a container cannot be made or started in time.
    pub async fn up(&self, up: &Up) -> Result<(), ComposeError> {
        let mut arguments = vec!["up", "--detach", "--no-deps", "--no-build", "--pull", "never"];
        match up.recreate {
            Recreate::IfChanged => {}
            Recreate::Always => arguments.push("--force-recreate"),
            Recreate::Never => arguments.push("--no-recreate"),
        }
        let scale: Vec<String> =
            up.scale.iter().map(|(service, count)| format!("--scale={service}={count}")).collect();
        arguments.extend(scale.iter().map(String::as_str));
        arguments.push("--");
        arguments.extend(up.services.iter().map(String::as_str));
        self.change("bring services up", &up.overrides, arguments, up.limit).await.map(drop)
    }

    /// Makes and starts a one-off container, and gives its id without waiting for its end.
    ///
    /// The image must be there: Compose would pull a missing one. So an override names an image that was seen.
    ///
    /// # Errors
    /// If it cannot be made or started in time. A container of its name may be there all the same: look for it.
    pub async fn create_one_off(&self, one_off: &OneOff) -> Result<ContainerId, ComposeError> {
        let operation = format!("{LABEL_OPERATION}={}", one_off.operation);
        let role = format!("{LABEL_ROLE}={}", one_off.role);
        let mut arguments =
            vec!["run", "--detach", "--no-deps", "--no-TTY", "--quiet-pull", "--name", &one_off.name];
        arguments.extend(["--label", &operation, "--label", &role, "--", &one_off.service]);
        arguments.extend(one_off.command.iter().map(String::as_str));
        let output =
            self.change("make a one-off container", &one_off.overrides, arguments, one_off.limit).await?;
        String::from_utf8_lossy(&output)
            .lines()
            .rev()
            .find_map(|line| line.trim().parse().ok())
            .ok_or_else(|| ComposeError::NoContainerId { name: one_off.name.clone() })
    }
}
