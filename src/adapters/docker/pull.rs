//! Pulling an image by its digest.

mod progress;

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bollard::errors::Error as EngineError;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::{StreamExt, pin_mut};

use super::{CredentialSource, Credentials, DockerError, Engine, Image, RegistryFailure};
use crate::model::image_ref::{Digest, ImageRef};

pub use progress::PullProgress;

use progress::Layers;

/// How patient a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullLimits {
    /// Given up when nothing has moved for this long.
    pub stall: Duration,
    /// How often it is tried at most, where trying again may help.
    pub attempts: usize,
    /// The wait before the second try; it doubles from there, with jitter.
    pub first_wait: Duration,
}

/// Why a pull failed.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The reference names no digest, so what would be pulled could change underway.
    #[error("{0} names no digest; resolve it first")]
    Unpinned(ImageRef),
    /// The registry did not give it.
    #[error("failed to pull {reference} with {source_used}: {failure}{}", earlier(attempts))]
    Registry {
        /// What was pulled.
        reference: ImageRef,
        /// Which credentials were used.
        source_used: CredentialSource,
        /// The last failure.
        failure: RegistryFailure,
        /// What earlier attempts ended in.
        attempts: Vec<String>,
    },
    /// The engine says that it is done, and does not have what was asked for.
    #[error("pulled {reference}, and docker now holds {found:?} instead")]
    WrongDigest {
        /// What was pulled.
        reference: ImageRef,
        /// The digest by which the repository knows what is there.
        found: Option<Digest>,
    },
    /// The engine itself failed.
    #[error(transparent)]
    Docker(#[from] DockerError),
}

impl Default for PullLimits {
    fn default() -> Self {
        Self { stall: Duration::from_mins(2), attempts: 4, first_wait: Duration::from_secs(2) }
    }
}

impl PullError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Registry { reference, failure, .. } => failure.hint(reference.registry()),
            Self::Docker(error) => error.hint(),
            Self::WrongDigest { .. } => {
                Some("is a registry mirror in between that serves stale images?".to_owned())
            }
            Self::Unpinned(_) => None,
        }
    }
}

fn earlier(attempts: &[String]) -> String {
    if attempts.is_empty() {
        return String::new();
    }
    let mut told: Vec<&str> = attempts.iter().map(String::as_str).collect();
    told.dedup();
    format!(" (tried {} times; before: {})", attempts.len() + 1, told.join("; "))
}

impl Engine {
    /// Pulls the image that a digest names, and proves that the engine has it. The tag of the reference is not set;
    /// an image without a tag falls to the next `docker image prune`, so tag what is to stay.
    ///
    /// `on_progress` is called at every change. Network failures, overload and failures of the registry are tried
    /// again; refusals are not.
    ///
    /// # Errors
    /// If the registry does not give it, nothing moves for too long, or the engine ends up with something else.
    pub async fn pull(
        &self,
        reference: &ImageRef,
        credentials: &Credentials,
        limits: PullLimits,
        mut on_progress: impl FnMut(PullProgress) + Send,
    ) -> Result<Image, PullError> {
        let Some(digest) = reference.digest() else { return Err(PullError::Unpinned(reference.clone())) };
        let waits = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(limits.first_wait)
            .with_max_times(limits.attempts.saturating_sub(1))
            .build();
        let mut attempts = Vec::new();
        let mut waits = waits.into_iter();
        loop {
            let Err(failure) = self.pull_once(reference, credentials, limits.stall, &mut on_progress).await?
            else {
                break;
            };
            let Some(wait) = waits.next().filter(|_| failure.is_transient()) else {
                let (reference, source_used) = (reference.clone(), credentials.source().clone());
                return Err(PullError::Registry { reference, source_used, failure, attempts });
            };
            attempts.push(failure.to_string());
            tokio::time::sleep(wait).await;
        }
        match self.image(reference).await? {
            Some(image) if image.is_known_as(reference, digest) => Ok(image),
            other => {
                let found = other.and_then(|image| image.digest_in(reference).cloned());
                Err(PullError::WrongDigest { reference: reference.clone(), found })
            }
        }
    }

    async fn pull_once(
        &self,
        reference: &ImageRef,
        credentials: &Credentials,
        stall: Duration,
        on_progress: &mut (impl FnMut(PullProgress) + Send),
    ) -> Result<Result<(), RegistryFailure>, DockerError> {
        let name = reference.repo_digest().unwrap_or_else(|| reference.to_string());
        let options = CreateImageOptionsBuilder::default().from_image(&name).build();
        let login = credentials.for_engine(reference.registry());
        let patient = self.docker.clone().with_timeout(stall.saturating_add(Duration::from_secs(1)));
        let messages = patient.create_image(Some(options), None, login);
        pin_mut!(messages);
        let mut layers = Layers::default();
        loop {
            let message = match tokio::time::timeout(stall, messages.next()).await {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(Ok(())),
                Err(_) => {
                    let why = format!("nothing came for {} s", stall.as_secs());
                    return Ok(Err(RegistryFailure::Unreachable { why }));
                }
            };
            match message {
                Ok(message) => {
                    if let Some(progress) = layers.take(&message) {
                        on_progress(progress);
                    }
                }
                Err(EngineError::DockerStreamError { error }) => {
                    return Ok(Err(RegistryFailure::from_message(&error)));
                }
                Err(EngineError::DockerResponseServerError { status_code, message }) => {
                    return Ok(Err(RegistryFailure::from_answer(status_code, &message)));
                }
                Err(error) => return Err(self.failed(format!("pull {name}"), &error)),
            }
        }
    }
}
