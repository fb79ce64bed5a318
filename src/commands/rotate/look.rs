//! What is found before a secret is rotated. Nothing is changed, and no value leaves.

use super::{Ready, login};
use crate::adapters::env_store::EnvStore;
use crate::commands::context::Context;
use crate::commands::install::Install;
use crate::commands::pauses;
use crate::env_file::{Edit, EnvFile};
use crate::error::{Failure, Fault};
use crate::model::secret::Secret;
use crate::operations::rotate::Findings;
use crate::plan::rotation::{Among, DualSecret, Held, Login, Replicas};
use crate::ports::{Databases, Services};
use crate::profile::{Rotation, SecretVariable, ServiceName, VariableName, Way};

/// Looks at the settings, the replicas and the database.
pub(super) async fn before(
    context: &Context,
    ready: &Ready,
    secret: &SecretVariable,
    rotation: &Rotation,
) -> Result<Findings, Failure> {
    let Ready { install, world, .. } = ready;
    let secret = dual(install, secret, rotation);
    let names: Vec<&str> = places(&secret).map(VariableName::as_str).collect();
    let process = &context.surroundings.environment;
    let in_process = names.iter().filter(|name| process.contains_key(**name)).map(ToString::to_string);
    let files: Vec<String> = names.iter().map(|name| format!("{name}_FILE")).collect();
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
    let login = match &secret.login {
        Some(login) => Some(login::before(ready, &secret, login).await?),
        None => None,
    };
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
        login,
        secret,
    })
}

/// The secret as plans name it.
pub(super) fn dual(install: &Install, secret: &SecretVariable, rotation: &Rotation) -> DualSecret {
    DualSecret {
        name: secret.name.clone(),
        previous: rotation.previous.clone(),
        made: rotation.made.clone(),
        login: login::login(install, rotation),
    }
}

/// The settings that hold the secret, or its value before.
fn places(secret: &DualSecret) -> impl Iterator<Item = &VariableName> {
    let urls = secret.login.iter().flat_map(|login| &login.urls);
    std::iter::once(&secret.name).chain(&secret.previous).chain(urls)
}

/// The services that are given the secret, as the resolved model has it.
pub(super) fn having<'s>(
    install: &Install,
    services: impl Iterator<Item = &'s ServiceName>,
    secret: &DualSecret,
) -> Vec<&'s ServiceName> {
    let has = |service: &&ServiceName| {
        let given = install.model.services.get(service.as_str());
        given.is_some_and(|given| {
            let value = |name: &str| given.environment.get(name)?.as_ref().map(Secret::expose);
            let in_address = |login: &Login| {
                login
                    .urls
                    .iter()
                    .any(|url| value(url.as_str()).and_then(|url| login.password_in(url)).is_some())
            };
            given.environment.contains_key(secret.name.as_str())
                || secret.login.as_ref().is_some_and(in_address)
        })
    };
    services.filter(has).collect()
}

/// How many lines of the file assign the secret, and which other settings would follow it.
fn lines(context: &Context, install: &Install, secret: &DualSecret) -> Result<(usize, Vec<String>), Fault> {
    let unreadable = |error: &dyn std::error::Error| Fault::caused_by("the settings cannot be read", error);
    let read = EnvStore::at(&install.env_file).read().map_err(|error| unreadable(&error))?;
    // What holds the secret itself does not follow it.
    let own: Vec<&str> = places(secret).map(VariableName::as_str).collect();
    let process =
        |name: &str| context.surroundings.environment.get(name).filter(|_| !own.contains(&name)).cloned();
    let values = |file: &EnvFile| file.values(&process).map_err(|error| unreadable(&error));
    let (file, before) = (read.file(), values(read.file())?);
    let another = Edit::Set { name: secret.name.clone(), value: "another-value".to_owned() };
    let edited = file.edit(&[another]).map_err(|error| unreadable(&error))?;
    let after = values(&edited)?;
    let holds =
        |name: &str| own.contains(&name) && Some(name) != secret.previous.as_ref().map(VariableName::as_str);
    let follows = |name: &&String| !holds(name) && before.get(*name) != after.get(*name);
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
