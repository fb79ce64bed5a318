//! Making containers that run once.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::{COMPOSE_LIMIT, ComposeServices, compose_fault, fault, images, instance};
use crate::adapters::compose::{self, ComposeError};
use crate::adapters::docker::{Container, DockerError, LABEL_OPERATION, Removal};
use crate::adapters::files;
use crate::error::Fault;
use crate::plan::step::OneOff;
use crate::ports::InstanceState;

/// How long is waited before a name that is taken is asked for again.
const PAUSES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// What the engine says where a container of the name is there already, or is about to be. The one that was asked for was not
/// made then.
const TAKEN: &str = "is already in use by container";

/// What is there under the name of a container that is to be made.
enum Present {
    /// Nothing that could be taken for it.
    Nothing,
    /// It: an earlier opsctl asked for it, and it was started.
    Begun,
}

impl ComposeServices {
    /// The engine carries out what it was asked for, also when whoever asked was killed: so the container may come to be while
    /// it is asked for again.
    pub(super) async fn make_one_off(&self, one_off: &OneOff) -> Result<(), Fault> {
        let image = self.local_image(&one_off.release).await?;
        let reference = images::exact_reference(&one_off.release, &image)?;
        let overlay = self.write_override(one_off, &reference)?;
        let container = compose::OneOff {
            service: one_off.service.to_string(),
            name: one_off.name.clone(),
            operation: self.operation.to_string(),
            role: one_off.name.clone(),
            command: Vec::new(),
            overrides: vec![overlay],
            limit: COMPOSE_LIMIT,
        };
        let compose = self.compose_for(&one_off.release);
        let mut waits = PAUSES.iter();
        loop {
            if matches!(self.present(&one_off.name).await?, Present::Begun) {
                return Ok(());
            }
            match (compose.create_one_off(&container).await, waits.next()) {
                (Ok(_), _) => return Ok(()),
                (Err(error), Some(wait)) if is_taken(&error) => tokio::time::sleep(*wait).await,
                (Err(error), _) => return Err(compose_fault(&error)),
            }
        }
    }

    /// Looks for a container of this operation, and removes one that was made and never ran: nobody will ever start it.
    async fn present(&self, name: &str) -> Result<Present, Fault> {
        let found = self.engine.container_named(name).await.map_err(|error| fault(&error))?;
        let Some(found) = found.filter(|found| self.is_ours(found)) else { return Ok(Present::Nothing) };
        if instance(&found).state != InstanceState::Created {
            return Ok(Present::Begun);
        }
        // Not by force: whoever asked for it may have asked for its start too, and it must not be cut short then.
        match self.engine.remove(&found.id, Removal::EndedWithAnonymousVolumes).await {
            Ok(()) => Ok(Present::Nothing),
            Err(DockerError::Conflict { .. }) => Ok(Present::Begun),
            Err(error) => Err(fault(&error)),
        }
    }

    fn is_ours(&self, container: &Container) -> bool {
        container.project.as_deref() == Some(&self.project)
            && container.labels.get(LABEL_OPERATION).map(String::as_str) == Some(self.operation.as_str())
    }

    /// Writes what distinguishes a container that runs once from its service. It holds no secret: references to
    /// variables are left for Compose to fill in.
    fn write_override(&self, one_off: &OneOff, image: &str) -> Result<PathBuf, Fault> {
        let mut service = json!({"image": image, "restart": "no", "pull_policy": "never"});
        if let Some(command) = &one_off.command {
            service["command"] = json!(command);
        }
        if let Some(program) = &one_off.program {
            service["entrypoint"] = json!(program);
            service["command"] = json!([]);
        }
        let content = json!({"services": {one_off.service.as_str(): service}});
        let path = self.scratch.join(format!("{}.json", one_off.name));
        files::replace(&path, content.to_string().as_bytes(), files::Mode::Exactly(0o600))
            .map_err(|error| Fault::caused_by("could not describe the container", &error))?;
        Ok(path)
    }
}

fn is_taken(error: &ComposeError) -> bool {
    matches!(error, ComposeError::Failed { said, .. } if said.contains(TAKEN))
}
