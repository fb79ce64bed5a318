//! Starting, stopping, waiting for and removing containers.

use std::time::Duration;

use bollard::errors::Error as EngineError;
use bollard::models::{ContainerUpdateBody, RestartPolicy, RestartPolicyNameEnum};
use bollard::query_parameters::{
    KillContainerOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
    StopContainerOptionsBuilder, WaitContainerOptionsBuilder,
};
use futures_util::{StreamExt, pin_mut};

use super::error::DockerError;
use super::{ContainerId, Engine};

/// How long the engine may need on top of the grace, for the kill and its own book-keeping.
const STOP_MARGIN: Duration = Duration::from_mins(1);

/// What is removed, and under which condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The container, if it has ended. Its volumes stay.
    Ended,
    /// The container, if it does not run, and the volumes without a name that it brought along.
    EndedWithAnonymousVolumes,
    /// The container, killed if it runs. Its volumes stay.
    Killed,
    /// The container, killed if it runs, and the volumes without a name that it brought along.
    KilledWithAnonymousVolumes,
}

/// When the engine starts a container by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// When it has ended, and whenever the engine is started, even if it had been stopped on purpose.
    Always,
    /// The same, but not if it was stopped on purpose.
    UnlessStopped,
}

impl Engine {
    /// Starts a container; one that runs already is left as it is.
    ///
    /// # Errors
    /// If it does not exist, or cannot start.
    pub async fn start(&self, id: &ContainerId) -> Result<(), DockerError> {
        let call = self.docker.start_container(id.as_str(), None::<StartContainerOptions>);
        self.ask(format!("start container {}", id.short()), call).await
    }

    /// Asks a container to stop, and kills it if it has not after `grace`; returns when it has ended.
    ///
    /// # Errors
    /// If it does not exist, or does not end even so.
    pub async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), DockerError> {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        // The library's own limit is shorter than many graces and would abandon the stop half-way.
        let patient = self.docker.clone().with_timeout(grace.saturating_add(STOP_MARGIN));
        let call = patient.stop_container(id.as_str(), Some(options));
        let limit = grace.saturating_add(STOP_MARGIN);
        self.ask_within(limit, format!("stop container {}", id.short()), call).await
    }

    /// Changes when the engine starts a container by itself; whether it runs now does not change.
    ///
    /// # Errors
    /// If it does not exist.
    pub async fn set_restart(&self, id: &ContainerId, restart: Restart) -> Result<(), DockerError> {
        let name = match restart {
            Restart::Always => RestartPolicyNameEnum::ALWAYS,
            Restart::UnlessStopped => RestartPolicyNameEnum::UNLESS_STOPPED,
        };
        let policy = RestartPolicy { name: Some(name), maximum_retry_count: None };
        let body = ContainerUpdateBody { restart_policy: Some(policy), ..ContainerUpdateBody::default() };
        let call = self.docker.update_container(id.as_str(), body);
        self.ask(format!("change the restart policy of container {}", id.short()), call).await
    }

    /// Sends a signal, such as `SIGKILL`.
    ///
    /// # Errors
    /// If it does not exist or does not run.
    pub async fn kill(&self, id: &ContainerId, signal: &str) -> Result<(), DockerError> {
        let options = KillContainerOptionsBuilder::default().signal(signal).build();
        let call = self.docker.kill_container(id.as_str(), Some(options));
        self.ask(format!("send {signal} to container {}", id.short()), call).await
    }

    /// Removes a container; that it is gone already counts as done.
    ///
    /// # Errors
    /// If it runs and may not be killed, or the engine cannot remove it.
    pub async fn remove(&self, id: &ContainerId, removal: Removal) -> Result<(), DockerError> {
        let options = RemoveContainerOptionsBuilder::default()
            .force(matches!(removal, Removal::Killed | Removal::KilledWithAnonymousVolumes))
            .v(matches!(removal, Removal::EndedWithAnonymousVolumes | Removal::KilledWithAnonymousVolumes))
            .build();
        let call = self.docker.remove_container(id.as_str(), Some(options));
        match self.ask(format!("remove container {}", id.short()), call).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    /// Waits until a container does not run, and gives its exit code; at once if it has ended already.
    ///
    /// For a container that was never started the engine reports 0: start it first.
    ///
    /// # Errors
    /// If it does not exist, or still runs after `limit`.
    pub async fn wait(&self, id: &ContainerId, limit: Duration) -> Result<i64, DockerError> {
        let doing = || format!("wait for container {}", id.short());
        let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
        let answers = self.docker.wait_container(id.as_str(), Some(options));
        pin_mut!(answers);
        match tokio::time::timeout(limit, answers.next()).await {
            Ok(Some(Ok(ended))) => Ok(ended.status_code),
            Ok(Some(Err(EngineError::DockerContainerWaitError { code, .. }))) => Ok(code),
            Ok(Some(Err(error))) => Err(self.failed(doing(), &error)),
            Ok(None) => Err(DockerError::Broken { doing: doing(), why: "docker hung up".to_owned() }),
            Err(_) => Err(DockerError::TimedOut { doing: doing(), limit }),
        }
    }
}
