//! The product's services as containers of a Compose project: the Engine API for what it can do, `docker compose` for
//! what only it can (making containers as the project's files describe them).

mod bring_up;
mod images;
mod one_off;
pub mod own_preflight;
mod probes;
pub mod rehearsal;
mod request_counts;
mod rotation;
mod scan;
mod walk;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;

use crate::adapters::compose::{self, Compose, ComposeEnvironment, Recreate, Up};
use crate::adapters::docker::{
    Container, ContainerFilter, ContainerKind, ContainerState, DockerError, Engine, EngineSettings,
    Health as EngineHealth, LABEL_OPERATION, LABEL_PROJECT, LogLimits, Removal, Restart,
};
use crate::adapters::http::Http;
use crate::error::Fault;
use crate::model::fingerprint::FingerprintKey;
use crate::model::operation::OperationId;
use crate::model::redaction::Redactor;
use crate::model::secret::Secret;
use crate::plan::refusals::Counts;
use crate::plan::rotation::{Among, DualSecret, Held, Replicas, Which};
use crate::plan::step::{OneOff, Release};
use crate::ports::{Answer, Health, Instance, InstanceState, ProgressSink, Question, Services};
use crate::profile::{HttpPath, Profile, ServiceName};

/// The services of one install, seen and changed for one operation.
pub struct ComposeServices {
    /// The engine that runs them.
    pub engine: Engine,
    /// How the engine is reached, and where its credentials are.
    pub engine_settings: EngineSettings,
    /// The project's files.
    pub compose: Compose,
    /// The project's name.
    pub project: String,
    /// What is known of the product.
    pub profile: Arc<Profile>,
    /// The services whose containers start with the engine, even if they were stopped on purpose: `restart: always`.
    pub started_with_engine: Vec<ServiceName>,
    /// The services of which the files want another number of containers than one.
    pub scaled_by_files: Vec<ServiceName>,
    /// The operation that containers are labelled with.
    pub operation: OperationId,
    /// Where files that belong to the operation are put.
    pub scratch: PathBuf,
    /// Takes secrets out of what containers and tools say.
    pub redactor: Redactor,
    /// Asks containers.
    pub http: Http,
    /// The key for requests that only an administrator may make.
    pub platform_key: Option<Secret>,
    /// By which values of secrets are recognised.
    pub fingerprints: FingerprintKey,
}

/// How long Compose may take to make containers, the stopping of old ones included.
const COMPOSE_LIMIT: Duration = Duration::from_mins(5);

/// Longest log line that is shown.
const LINE: usize = 400;

impl ComposeServices {
    /// The running and stopped replicas of a service.
    async fn replicas(&self, service: &ServiceName) -> Result<Vec<Container>, Fault> {
        let all = self
            .engine
            .containers(ContainerFilter::Project(&self.project))
            .await
            .map_err(|error| fault(&error))?;
        Ok(all
            .into_iter()
            .filter(|container| container.service.as_deref() == Some(service.as_str()))
            .filter(|container| matches!(container.kind, ContainerKind::Replica(_)))
            .collect())
    }

    /// Removes the tool containers that outlived the opsctl that started them: nobody reads what they print, and what they
    /// load into is about to be loaded again or dropped. `recorded` tells the operations of this install. Containers that
    /// migrate are left: they are waited for.
    pub async fn clear_tools(&self, recorded: impl Fn(&str) -> bool) -> Result<(), Fault> {
        let filter = ContainerFilter::Label(LABEL_PROJECT, &self.project);
        let left = self.engine.containers(filter).await.map_err(|error| fault(&error))?;
        let of_ours = |container: &&Container| {
            container.labels.get(LABEL_OPERATION).is_some_and(|operation| recorded(operation))
        };
        for container in left.iter().filter(of_ours) {
            match self.engine.remove(&container.id, Removal::KilledWithAnonymousVolumes).await {
                Err(error) if !error.is_not_found() => return Err(fault(&error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes what is left of the containers that the operation made of the product's services.
    pub async fn clear_one_offs(&self) -> Result<(), Fault> {
        let filter = ContainerFilter::Operation(self.operation.as_str());
        let made = self.engine.containers(filter).await.map_err(|error| fault(&error))?;
        // Identifiers of operations are an install's own.
        for container in made.iter().filter(|made| made.project.as_deref() == Some(&self.project)) {
            match self.engine.remove(&container.id, Removal::KilledWithAnonymousVolumes).await {
                Err(error) if !error.is_not_found() => return Err(fault(&error)),
                _ => {}
            }
        }
        Ok(())
    }

    async fn container_of(&self, instance: &Instance) -> Result<Container, Fault> {
        let vanished = || Fault::new(format!("the container {} vanished", instance.id));
        let id = instance.id.parse().map_err(|_| vanished())?;
        self.engine.container(&id).await.map_err(|error| fault(&error))?.ok_or_else(vanished)
    }

    async fn set_restart(&self, container: &Container, restart: Restart) -> Result<(), Fault> {
        self.engine.set_restart(&container.id, restart).await.map_err(|error| fault(&error))
    }

    /// Lets the containers of services start with the engine again, where their files say so.
    async fn start_with_engine(&self, services: &[ServiceName]) -> Result<(), Fault> {
        for service in services.iter().filter(|service| self.started_with_engine.contains(service)) {
            for container in self.replicas(service).await?.iter().filter(|found| !found.starts_with_engine) {
                self.set_restart(container, Restart::Always).await?;
            }
        }
        Ok(())
    }

    /// Compose, told of the release: never left to what the surrounding environment happens to hold.
    fn compose_for(&self, release: &Release) -> Compose {
        self.compose_with(release, Vec::new())
    }

    /// The same with more variables for Compose to fill in.
    fn compose_with(&self, release: &Release, more: Vec<(String, Secret)>) -> Compose {
        let settings = &self.profile.release;
        let mut set = vec![(settings.version_variable.to_string(), Secret::new(release.version.as_str()))];
        if let Some(variable) = &settings.pin_variable {
            set.push((variable.to_string(), Secret::new(release.pin.as_deref().unwrap_or_default())));
        }
        set.extend(more);
        self.compose.with_environment(ComposeEnvironment { blocked: Vec::new(), set })
    }

    /// Stops a container and says so if it had to be killed.
    async fn stop_container(&self, container: &Container) -> Result<Option<String>, Fault> {
        let grace = container.stop_grace.unwrap_or(self.profile.health.stop_grace);
        self.engine.stop(&container.id, grace).await.map_err(|error| fault(&error))?;
        let after = self.engine.container(&container.id).await.map_err(|error| fault(&error))?;
        let killed = after.is_some_and(|after| after.exit_code == Some(137) && !after.oom_killed);
        Ok(killed
            .then(|| format!("{} did not stop within {} s and was killed", container.name, grace.as_secs())))
    }
}

impl Services for ComposeServices {
    async fn instances(&self, service: &ServiceName) -> Result<Vec<Instance>, Fault> {
        Ok(self.replicas(service).await?.iter().map(instance).collect())
    }

    async fn one_off(&self, name: &str) -> Result<Option<Instance>, Fault> {
        let found = self.engine.container_named(name).await.map_err(|error| fault(&error))?;
        // One that is being removed has no outcome any more.
        let gone = |state| matches!(state, ContainerState::Removing | ContainerState::Dead);
        Ok(found.filter(|container| !gone(container.state)).as_ref().map(instance))
    }

    async fn pull(&self, release: &Release, progress: ProgressSink<'_>) -> Result<String, Fault> {
        self.fetch(release, progress).await
    }

    async fn image_id(&self, release: &Release) -> Result<String, Fault> {
        Ok(self.local_image(release).await?.id.to_string())
    }

    async fn keep(&self, release: &Release) -> Result<(), Fault> {
        self.tag_for_keeping(release).await
    }

    async fn stop(&self, service: &ServiceName) -> Result<Option<String>, Fault> {
        let replicas = self.replicas(service).await?;
        for container in replicas.iter().filter(|container| container.starts_with_engine) {
            // The machine may be started again before the operation has ended.
            self.set_restart(container, Restart::UnlessStopped).await?;
        }
        let running: Vec<Container> =
            replicas.into_iter().filter(|container| stands(container) == Stands::No).collect();
        let notes = try_join_all(running.iter().map(|container| self.stop_container(container))).await?;
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        Ok((!notes.is_empty()).then(|| notes.join("; ")))
    }

    async fn start(&self, services: &[ServiceName], release: &Release) -> Result<(), Fault> {
        self.point_tag_at(release).await?;
        let up = Up {
            services: services.iter().map(ToString::to_string).collect(),
            scale: self.scaled_by_hand(services).await?,
            recreate: Recreate::IfChanged,
            overrides: Vec::new(),
            limit: COMPOSE_LIMIT,
        };
        self.bring_up(&up, services, release, bring_up::met_another).await?;
        self.start_with_engine(services).await
    }

    async fn start_one_off(&self, one_off: &OneOff) -> Result<(), Fault> {
        self.make_one_off(one_off).await
    }

    async fn remove_one_off(&self, name: &str) -> Result<(), Fault> {
        let Some(container) = self.engine.container_named(name).await.map_err(|error| fault(&error))? else {
            return Ok(());
        };
        if stands(&container) == Stands::No {
            self.stop_container(&container).await?;
        }
        match self.engine.remove(&container.id, Removal::KilledWithAnonymousVolumes).await {
            Err(error) if !error.is_not_found() => Err(fault(&error)),
            _ => Ok(()),
        }
    }

    async fn ask(&self, service: &ServiceName, instance: &Instance, question: Question) -> Answer {
        match self.container_of(instance).await {
            Ok(container) => self.probe(service, &container, question).await,
            Err(fault) => Answer::No(fault.to_string()),
        }
    }

    async fn preflight(&self, instance: &Instance) -> Result<Option<String>, Fault> {
        let Some(preflight) = &self.profile.preflight else { return Ok(None) };
        let container = self.container_of(instance).await?;
        self.preflight_inside(preflight, &container).await.map(Some)
    }

    async fn log_tail(&self, instance: &Instance, lines: usize) -> Vec<String> {
        let limits = LogLimits {
            lines: u32::try_from(lines).unwrap_or(u32::MAX),
            bytes: lines * LINE * 4,
            since: None,
        };
        let Ok(id) = instance.id.parse() else { return Vec::new() };
        match self.engine.logs(&id, limits).await {
            Ok(tail) => self.shown(tail.lines.into_iter().map(|line| line.text)),
            Err(error) => vec![format!("(its log could not be read: {error})")],
        }
    }

    async fn recreate(&self, replicas: &[Replicas], release: &Release, which: Which) -> Result<(), Fault> {
        self.make_anew(replicas, release, which).await
    }

    async fn held(
        &self,
        service: &ServiceName,
        secret: &DualSecret,
        among: Among,
    ) -> Result<Vec<Held>, Fault> {
        match among {
            Among::Files => self.given_to(service, secret).await,
            Among::Replicas => self.held_by(service, secret).await,
        }
    }

    async fn try_key(&self, path: &HttpPath) -> Result<String, Fault> {
        self.ask_with_key(path).await
    }

    async fn request_counts(&self) -> Result<BTreeMap<String, Option<Counts>>, Fault> {
        self.counted_requests().await
    }

    async fn scan(&self, progress: ProgressSink<'_>) -> Result<Option<String>, Fault> {
        self.scan_data(progress).await
    }
}

impl ComposeServices {
    /// Lines as they may be shown: without secrets, and not longer than a screen can take.
    fn shown(&self, lines: impl IntoIterator<Item = String>) -> Vec<String> {
        lines
            .into_iter()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let line = self.redactor.redact(&line);
                match line.char_indices().nth(LINE) {
                    Some((end, _)) => format!("{} ...", &line[..end]),
                    None => line,
                }
            })
            .collect()
    }
}

/// Whether a container stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Yes,
    No,
}

fn stands(container: &Container) -> Stands {
    match container.state {
        ContainerState::Running | ContainerState::Paused | ContainerState::Restarting => Stands::No,
        ContainerState::Created
        | ContainerState::Exited
        | ContainerState::Removing
        | ContainerState::Dead => Stands::Yes,
    }
}

fn instance(container: &Container) -> Instance {
    Instance {
        id: container.id.to_string(),
        state: match container.state {
            ContainerState::Created if container.start_error.is_empty() => InstanceState::Created,
            ContainerState::Running | ContainerState::Paused => InstanceState::Running,
            ContainerState::Restarting => InstanceState::Restarting,
            _ => InstanceState::Exited { status: container.exit_code.unwrap_or(-1) },
        },
        image_id: container.image_id.to_string(),
        restarts: u32::try_from(container.restart_count).unwrap_or(u32::MAX),
        out_of_memory: container.oom_killed,
        last_run: container.started_at.map(|began| began.to_string()),
        health: match container.health {
            EngineHealth::Unchecked => Health::Unchecked,
            EngineHealth::Starting(_) => Health::Starting,
            EngineHealth::Healthy => Health::Healthy,
            EngineHealth::Unhealthy(_) => Health::Unhealthy,
        },
    }
}

/// An error of the engine, with what to do about it.
pub(crate) fn fault(error: &DockerError) -> Fault {
    let fault = Fault::caused_by("Docker did not do as asked", error);
    match error.hint() {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// An error of Compose, with what to do about it.
pub(crate) fn compose_fault(error: &compose::ComposeError) -> Fault {
    let fault = Fault::caused_by("Compose did not do as asked", error);
    match error.hint() {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}
