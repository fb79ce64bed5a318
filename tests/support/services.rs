//! The services and images of the world in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use opsctl::error::Fault;
use opsctl::plan::refusals::Counts;
use opsctl::plan::rotation::{Among, DualSecret, Held, Replicas, Which};
use opsctl::plan::step::{OneOff, Release};
use opsctl::ports::{Answer, Health, Instance, InstanceState, ProgressSink, Question, Services};
use opsctl::profile::{HttpPath, ServiceName};

use super::Fake;
use super::install::{Container, Env, Phase, Role};
use super::releases::{Image, Quality};
use super::settings::held;

/// How long an instance needs until its health check passes.
const WARM_UP: Duration = Duration::from_millis(300);

impl Services for &Fake {
    async fn instances(&self, service: &ServiceName) -> Result<Vec<Instance>, Fault> {
        Ok(self.look(|install| {
            let container = install.services.get(&service.to_string());
            container
                .map(|container| instance(&service.to_string(), container, install.now))
                .into_iter()
                .collect()
        }))
    }

    async fn one_off(&self, name: &str) -> Result<Option<Instance>, Fault> {
        Ok(self.look(|install| {
            install.one_offs.get(name).map(|container| instance(name, container, install.now))
        }))
    }

    async fn pull(&self, release: &Release, _progress: ProgressSink<'_>) -> Result<String, Fault> {
        self.boundary("before a pull")?;
        let image = image_of(release)?;
        self.change(|install| install.local_images.insert(image.id()));
        self.boundary("after a pull")?;
        Ok(image.id())
    }

    async fn image_id(&self, release: &Release) -> Result<String, Fault> {
        let id = image_of(release)?.id();
        if self.look(|install| install.local_images.contains(&id)) {
            return Ok(id);
        }
        Err(Fault::new(format!("the engine does not have {}", release.image)))
    }

    async fn keep(&self, release: &Release) -> Result<(), Fault> {
        self.boundary("before an image is kept")?;
        let image = image_of(release)?;
        self.change(|install| install.kept_images.insert(image.id()));
        self.boundary("after an image is kept")
    }

    async fn stop(&self, service: &ServiceName) -> Result<Option<String>, Fault> {
        self.boundary("before a service is stopped")?;
        self.change(|install| {
            if let Some(container) = install.services.get_mut(&service.to_string())
                && container.runs()
            {
                container.phase = Phase::Exited(0);
            }
        });
        self.boundary("after a service is stopped")?;
        Ok(None)
    }

    /// As Compose does it: the image comes from `.env`, whatever the caller thinks.
    async fn start(&self, services: &[ServiceName], _release: &Release) -> Result<(), Fault> {
        for service in services {
            self.boundary("before a service is started")?;
            self.change(|install| -> Result<(), Fault> {
                let image = selected(&install.env)?;
                if !install.local_images.contains(&image.id()) {
                    return Err(Fault::new(format!("there is no image of {}", image.version)));
                }
                let (name, now, held) = (service.to_string(), install.now, install.env.secret);
                let role = if name == "api" { Role::Api } else { Role::Worker };
                let container =
                    install.services.entry(name).or_insert_with(|| Container::created(image, role, held));
                if container.image != image {
                    *container = Container::created(image, role, held);
                }
                if !container.runs() {
                    container.start(now);
                }
                Ok(())
            })?;
            self.boundary("after a service is started")?;
        }
        Ok(())
    }

    async fn start_one_off(&self, one_off: &OneOff) -> Result<(), Fault> {
        self.boundary("before a one-off container is made")?;
        let image = image_of(&one_off.release)?;
        self.change(|install| {
            let role = match &one_off.program {
                Some(_) => Role::Rehash,
                None if one_off.service == super::service("migrate") => Role::Migration,
                None => Role::Canary,
            };
            if install.one_offs.contains_key(&one_off.name) {
                return Err(Fault::new(format!("the name {} is taken", one_off.name)));
            }
            let container = Container::created(image, role, install.env.secret);
            install.one_offs.insert(one_off.name.clone(), container);
            Ok(())
        })?;
        self.boundary("between making and starting a one-off container")?;
        self.change(|install| {
            let now = install.now;
            if let Some(container) = install.one_offs.get_mut(&one_off.name) {
                container.start(now);
            }
        });
        self.boundary("after a one-off container is started")
    }

    async fn remove_one_off(&self, name: &str) -> Result<(), Fault> {
        self.boundary("before a one-off container is removed")?;
        self.change(|install| install.one_offs.remove(name));
        self.boundary("after a one-off container is removed")
    }

    async fn ask(&self, _service: &ServiceName, instance: &Instance, question: Question) -> Answer {
        let Some(image) = Image::by_reference(&instance.image_id) else {
            return Answer::No("nobody answers".to_owned());
        };
        match (question, image.quality) {
            (Question::Ready, Quality::NeverReady) => Answer::No("503".to_owned()),
            (Question::Version, Quality::WrongVersion) => Answer::Yes("0.9.9".to_owned()),
            _ => Answer::Yes(image.version.to_owned()),
        }
    }

    async fn preflight(&self, _instance: &Instance) -> Result<Option<String>, Fault> {
        Ok(Some("passed".to_owned()))
    }

    async fn log_tail(&self, instance: &Instance, _lines: usize) -> Vec<String> {
        vec![format!("the last line of {}", instance.id)]
    }

    /// As Compose does it: the old container is gone before the new one runs, and one that was made is started.
    async fn recreate(&self, replicas: &[Replicas], _release: &Release, which: Which) -> Result<(), Fault> {
        for Replicas { service, .. } in replicas {
            self.boundary("before a container is made anew")?;
            let name = service.to_string();
            self.change(|install| {
                let held = install.env.secret;
                let Some(container) = install.services.get_mut(&name) else { return };
                if which == Which::All || container.held != held {
                    *container = Container::created(container.image, container.role, held);
                }
            });
            self.boundary("between making and starting a container anew")?;
            self.change(|install| {
                let now = install.now;
                let Some(container) = install.services.get(&name).filter(|container| !container.runs())
                else {
                    return;
                };
                let gets_in = install.lets_in(container.role, container.held);
                if let Some(container) = install.services.get_mut(&name) {
                    container.phase = if gets_in { Phase::Running(now) } else { Phase::Exited(1) };
                }
            });
            self.boundary("after a container is made anew")?;
        }
        Ok(())
    }

    async fn held(
        &self,
        service: &ServiceName,
        _secret: &DualSecret,
        among: Among,
    ) -> Result<Vec<Held>, Fault> {
        Ok(self.look(|install| {
            if among == Among::Files {
                return vec![held(install.env.secret)];
            }
            let container = install.services.get(&service.to_string()).filter(|container| container.runs());
            container.map(|container| held(container.held)).into_iter().collect()
        }))
    }

    async fn try_key(&self, _path: &HttpPath) -> Result<String, Fault> {
        self.boundary("before a key is tried")?;
        Ok("a replica took it".to_owned())
    }

    async fn request_counts(&self) -> Result<BTreeMap<String, Option<Counts>>, Fault> {
        Ok(self.look(|install| {
            let serves = install.services.get("api").is_some_and(Container::runs);
            serves.then(|| ("api".to_owned(), Some(Counts::default()))).into_iter().collect()
        }))
    }

    async fn scan(&self, _progress: ProgressSink<'_>) -> Result<Option<String>, Fault> {
        self.boundary("before a scan")?;
        Ok(None)
    }
}

/// The image that `.env` selects: the pin wins over the version.
pub(crate) fn selected(env: &Env) -> Result<&'static Image, Fault> {
    let reference = env.pin.clone().unwrap_or_else(|| Image::of(&env.version).digest());
    Image::by_reference(&reference).ok_or_else(|| Fault::new(format!("no image {reference}")))
}

fn image_of(release: &Release) -> Result<&'static Image, Fault> {
    let digest = release.digest.as_deref().unwrap_or_default();
    Image::by_reference(digest).ok_or_else(|| Fault::new(format!("no image {}", release.image)))
}

fn instance(name: &str, container: &Container, now: Duration) -> Instance {
    let (state, health) = match container.phase {
        Phase::Created => (InstanceState::Created, Health::Unchecked),
        Phase::Running(since) if now < since + WARM_UP => (InstanceState::Running, Health::Starting),
        Phase::Running(_) => (InstanceState::Running, Health::Healthy),
        Phase::Exited(status) => (InstanceState::Exited { status }, Health::Unchecked),
    };
    Instance {
        id: format!("{name}-of-{}", container.image.version),
        state,
        image_id: container.image.id(),
        restarts: 0,
        out_of_memory: false,
        last_run: (container.starts > 0).then(|| container.starts.to_string()),
        health,
    }
}
