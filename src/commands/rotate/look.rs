//! What is found before a secret is rotated. Nothing is changed, and no value leaves.

use crate::adapters::env_store::EnvStore;
use crate::commands::context::Context;
use crate::commands::install::Install;
use crate::commands::pauses;
use crate::commands::ready::Ready;
use crate::env_file::{Edit, EnvFile};
use crate::error::{Failure, Fault};
use crate::operations::rotate::Findings;
use crate::plan::rotation::{Among, DualSecret, Held, Replicas};
use crate::ports::{Databases, Services};
use crate::profile::{Rotation, SecretVariable, ServiceName, Way};

/// Looks at the settings, the replicas and the database.
pub(super) async fn before(
    context: &Context,
    ready: &Ready,
    secret: &SecretVariable,
    rotation: &Rotation,
) -> Result<Findings, Failure> {
    let Ready { install, world, .. } = ready;
    let secret = dual(secret, rotation);
    let names = [secret.name.as_str(), secret.previous.as_str()];
    let process = &context.surroundings.environment;
    let in_process = names.iter().filter(|name| process.contains_key(**name)).map(ToString::to_string);
    let files = names.map(|name| format!("{name}_FILE"));
    let is_set = |name: &String| install.variables.get(name).is_some_and(|value| !value.is_empty());
    let mut instances = Vec::new();
    for service in having(install, ready.found.running.iter().rev(), &secret) {
        instances.push((service.clone(), world.services.held(service, &secret, Among::Replicas).await?));
    }
    let stored_under = match &rotation.way {
        Way::DualWindow { count: Some(query), .. } => {
            Some(world.databases.stored_under(&world.databases.live(), query).await?.len())
        }
        _ => None,
    };
    let settings = world.settings.held(&secret)?;
    let (assignments, followers) = lines(context, install, &secret)?;
    Ok(Findings {
        in_process: in_process.collect(),
        in_files: files.into_iter().filter(is_set).collect(),
        derived: rotation
            .derived
            .iter()
            .filter(|derived| install.variable(&derived.name).is_none())
            .cloned()
            .collect(),
        settings,
        assignments,
        followers,
        instances,
        stored_under,
        secret,
    })
}

/// The secret as plans name it.
pub(super) fn dual(secret: &SecretVariable, rotation: &Rotation) -> DualSecret {
    DualSecret { name: secret.name.clone(), previous: rotation.previous.clone(), made: rotation.made.clone() }
}

/// The services that are given the secret, as the resolved model has it.
pub(super) fn having<'s>(
    install: &Install,
    services: impl Iterator<Item = &'s ServiceName>,
    secret: &DualSecret,
) -> Vec<&'s ServiceName> {
    let has = |service: &&ServiceName| {
        let given = install.model.services.get(service.as_str());
        given.is_some_and(|given| given.environment.contains_key(secret.name.as_str()))
    };
    services.filter(has).collect()
}

/// How many lines of the file assign the secret, and which other settings would follow it.
fn lines(context: &Context, install: &Install, secret: &DualSecret) -> Result<(usize, Vec<String>), Fault> {
    let unreadable = |error: &dyn std::error::Error| Fault::caused_by("the settings cannot be read", error);
    let read = EnvStore::at(&install.env_file).read().map_err(|error| unreadable(&error))?;
    let own = [secret.name.as_str(), secret.previous.as_str()];
    let process =
        |name: &str| context.surroundings.environment.get(name).filter(|_| !own.contains(&name)).cloned();
    let values = |file: &EnvFile| file.values(&process).map_err(|error| unreadable(&error));
    let (file, before) = (read.file(), values(read.file())?);
    let another = Edit::Set { name: secret.name.clone(), value: "another-value".to_owned() };
    let edited = file.edit(&[another]).map_err(|error| unreadable(&error))?;
    let after = values(&edited)?;
    let follows = |name: &&String| **name != secret.name.as_str() && before.get(*name) != after.get(*name);
    Ok((file.lines_of(&secret.name).len(), after.keys().filter(follows).cloned().collect()))
}

/// How many instances each service keeps.
pub(super) fn replicas(found: &Findings) -> Vec<Replicas> {
    let count = |instances: &Vec<Held>| u32::try_from(instances.len()).unwrap_or(u32::MAX);
    let each = found.instances.iter();
    each.map(|(service, held)| Replicas { service: service.clone(), count: count(held) }).collect()
}

/// A key that is refused now would be refused at every stage.
pub(super) async fn try_key(ready: &Ready, rotation: &Rotation) -> Result<(), Fault> {
    let Some(path) = &rotation.canary else { return Ok(()) };
    if ready.world.services.platform_key.is_none() {
        return Err(pauses::key_missing());
    }
    ready.world.services.try_key(path).await.map(drop)
}
