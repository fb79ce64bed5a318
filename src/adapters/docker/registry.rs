//! Asking a registry, through the engine.

mod failure;

use std::str::FromStr;
use std::time::Duration;

use bollard::errors::Error as EngineError;

use super::error::DockerError;
use super::{Credentials, Engine};
use crate::model::image_ref::{Digest, ImageRef};

pub use failure::RegistryFailure;

/// What a registry says of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It has it.
    Found {
        /// The digest that the reference stands for now.
        digest: Digest,
        /// The platforms that it is built for.
        platforms: Vec<Platform>,
    },
    /// It could not be asked, or does not have it.
    Failed(RegistryFailure),
}

/// What an image is built for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The operating system, such as `linux`.
    pub os: String,
    /// The architecture, such as `amd64`.
    pub architecture: String,
}

impl Engine {
    /// Asks the registry what a reference stands for, without pulling it. A registry that hangs counts as
    /// unreachable after `limit`.
    ///
    /// # Errors
    /// If the engine itself does not answer.
    pub async fn resolve(
        &self,
        reference: &ImageRef,
        credentials: &Credentials,
        limit: Duration,
    ) -> Result<Resolution, DockerError> {
        let doing = format!("ask the registry for {reference}");
        let login = credentials.for_engine(reference.registry());
        // The library's own limit must not be the shorter one.
        let patient = self.docker.clone().with_timeout(limit.saturating_add(Duration::from_secs(1)));
        let name = reference.repo_digest().unwrap_or_else(|| reference.to_string());
        let Ok(answer) = tokio::time::timeout(limit, patient.inspect_registry_image(&name, login)).await
        else {
            let why = format!("no answer within {} s", limit.as_secs());
            return Ok(Resolution::Failed(RegistryFailure::Unreachable { why }));
        };
        let found = match answer {
            Ok(found) => found,
            Err(EngineError::DockerResponseServerError { status_code, message }) => {
                return Ok(Resolution::Failed(RegistryFailure::from_answer(status_code, &message)));
            }
            Err(error) => return Err(self.failed(doing, &error)),
        };
        let digest = found.descriptor.digest.as_deref().and_then(|digest| Digest::from_str(digest).ok());
        let Some(digest) = digest else {
            return Err(DockerError::Broken { doing, why: "docker's answer lacks a digest".to_owned() });
        };
        let platforms = found
            .platforms
            .into_iter()
            .map(|platform| Platform {
                os: platform.os.unwrap_or_default(),
                architecture: platform.architecture.unwrap_or_default(),
            })
            .collect();
        Ok(Resolution::Found { digest, platforms })
    }
}
