//! Looking at the product as it runs, at its image, and at what opsctl keeps of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::host::failing;
use super::outlook::Outlook;
use super::survey::Survey;
use crate::adapters::catalogue::Catalogue;
use crate::adapters::compose_services::own_preflight::PREFLIGHT_ROLE;
use crate::adapters::docker::{Bind, BindAccess, Container, Health, ToolContainer, ToolNetwork};
use crate::adapters::dump_backups::catalogue_fault;
use crate::commands::install::Install;
use crate::commands::operate;
use crate::error::Fault;
use crate::journal::lock::current_holder;
use crate::model::compose_model::{Mount, MountSource};
use crate::model::image_ref::ImageRef;
use crate::preflight::Judgement;
use crate::preflight::product::{self as judge, Selected, SharedSetting};
use crate::profile::{Preflight, ServiceName};

/// How the logs of Compose's services are seen.
pub(in crate::commands) const COMPOSE_LOGS: &str = "docker compose logs --tail 50";

async fn selected(survey: &Survey<'_>) -> Result<Selected, Judgement> {
    let install = survey.install().await?;
    let service = install.model.services.get(install.profile.api().0.as_str());
    let Some(reference) = service.and_then(|service| service.image.clone()) else {
        return Err(Judgement::skipped("the Compose files name no image"));
    };
    let image = match reference.parse::<ImageRef>() {
        Ok(image) => install.engine.image(&image).await,
        Err(_) => match reference.parse() {
            Ok(id) => install.engine.image_by_id(&id).await,
            Err(_) => return Err(Judgement::skipped(format!("{reference} cannot be understood"))),
        },
    };
    let image = image.map_err(|error| Judgement::skipped(error.to_string()))?;
    Ok(Selected {
        pinned: reference.contains("sha256:"),
        id: image.as_ref().map(|image| image.id.to_string()),
        architecture: image.map(|image| image.architecture),
        reference,
    })
}

pub(super) async fn image_present(survey: &Survey<'_>) -> Judgement {
    selected(survey).await.map_or_else(|skipped| skipped, |found| judge::image_present(&found))
}

pub(super) async fn image_digest(survey: &Survey<'_>) -> Judgement {
    let (found, install, containers) =
        match (selected(survey).await, survey.install().await, survey.containers().await) {
            (Ok(found), Ok(install), Ok(containers)) => (found, install, containers),
            (Err(skipped), ..) | (_, Err(skipped), _) | (.., Err(skipped)) => return skipped,
        };
    let running = written_by(install, containers)
        .map(|(_, container)| (container.name.clone(), container.image_id.to_string()))
        .collect();
    judge::image_digest(&found, &running)
}

pub(super) async fn image_architecture(survey: &Survey<'_>) -> Judgement {
    match (selected(survey).await, survey.engine_facts().await) {
        (Ok(found), Ok(facts)) => judge::image_architecture(&found, &facts.architecture),
        (Err(skipped), _) | (_, Err(skipped)) => skipped,
    }
}

/// The running containers of the services that an operation stops, which are the product's own.
fn written_by<'a>(
    install: &'a Install,
    containers: &'a [Container],
) -> impl Iterator<Item = (&'a ServiceName, &'a Container)> {
    let services = install.profile.stop_order();
    containers.iter().filter(|container| container.is_running()).filter_map(move |container| {
        let service = services.iter().find(|name| container.service.as_deref() == Some(name.as_str()))?;
        Some((*service, container))
    })
}

pub(super) fn operation(survey: &Outlook<'_>) -> Judgement {
    if let Some(holder) = current_holder(&survey.place.state.lock()) {
        return Judgement::pass(format!("{} by {} is running", holder.doing.in_words(), holder.actor));
    }
    match operate::unfinished(&survey.place.state) {
        Ok(None) => Judgement::pass("none is unfinished"),
        Ok(Some(progress)) => {
            Judgement::fail(format!("{} did not end", progress.planned.operation), progress.ways_on())
        }
        Err(failure) => failing(&failure.fault),
    }
}

pub(super) async fn health(survey: &Survey<'_>) -> Judgement {
    match survey.found().await {
        Ok(found) => judge::health(found.trouble.as_deref(), found.running.len(), COMPOSE_LOGS),
        Err(skipped) => skipped,
    }
}

pub(super) async fn version(survey: &Survey<'_>) -> Judgement {
    match survey.found().await {
        Ok(found) => judge::version(&found.release.to_string(), &found.drift),
        Err(skipped) => skipped,
    }
}

pub(super) async fn replicas(survey: &Survey<'_>) -> Judgement {
    let (install, containers) = match (survey.install().await, survey.containers().await) {
        (Ok(install), Ok(containers)) => (install, containers),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    let mut by_service: BTreeMap<&ServiceName, Vec<&Container>> = BTreeMap::new();
    for (service, container) in written_by(install, containers) {
        by_service.entry(service).or_default().push(container);
    }
    let instances = by_service.iter().map(|(name, all)| (name.to_string(), all.len() as u64)).collect();
    let unlike: Vec<String> = by_service.values().filter_map(|all| unlike(all)).collect();
    let holds = |name: &str, value: &str| {
        let has = |container: &&Container| {
            container.environment.get(name).is_some_and(|given| given.expose() == value)
        };
        by_service.values().filter(|all| all.len() > 1).flatten().all(has)
    };
    let shared: Vec<SharedSetting> = install
        .profile
        .variables
        .replicated
        .iter()
        .map(|setting| SharedSetting {
            name: setting.name.to_string(),
            needed: setting.value.clone(),
            holds: holds(setting.name.as_str(), &setting.value),
            why: setting.why.clone(),
        })
        .collect();
    judge::replicas(&instances, &unlike, &shared)
}

/// How replicas of one service differ: in their image, or in what they were told.
fn unlike(replicas: &[&Container]) -> Option<String> {
    let (first, others) = replicas.split_first()?;
    others.iter().find_map(|other| {
        if other.image_id != first.image_id {
            return Some(format!("{} and {} run different images", first.name, other.name));
        }
        let names = first.environment.keys().chain(other.environment.keys());
        let value = |container: &Container, name: &str| {
            container.environment.get(name).map(|value| value.expose().to_owned())
        };
        let mut differ: Vec<&str> =
            names.map(String::as_str).filter(|name| value(first, name) != value(other, name)).collect();
        differ.sort_unstable();
        differ.dedup();
        (!differ.is_empty()).then(|| {
            format!("{} and {} have different values of {}", first.name, other.name, differ.join(", "))
        })
    })
}

/// Services that Compose starts only with a profile are beside the product: what watches it, above all.
pub(super) async fn monitoring(survey: &Survey<'_>) -> Judgement {
    let (install, containers) = match (survey.install().await, survey.containers().await) {
        (Ok(install), Ok(containers)) => (install, containers),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    let is_the_products = |name: &str| install.profile.services.keys().any(|known| known.as_str() == name);
    let turned_on = install.model.services.iter().filter(|(_, service)| !service.profiles.is_empty());
    let services = turned_on.filter(|(name, _)| !is_the_products(name)).map(|(name, _)| {
        let runs = containers.iter().any(|container| {
            container.service.as_deref() == Some(name)
                && container.is_running()
                && !matches!(container.health, Health::Unhealthy(_))
        });
        (name.clone(), runs)
    });
    judge::monitoring(&services.collect())
}

pub(super) async fn preflight(survey: &Survey<'_>) -> Judgement {
    let (install, containers) = match (survey.install().await, survey.containers().await) {
        (Ok(install), Ok(containers)) => (install, containers),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    let Some(own) = &install.profile.preflight else {
        return Judgement::skipped("the product has none that is known here");
    };
    let services = match survey.services(install) {
        Ok(services) => services,
        Err(skipped) => return skipped,
    };
    let api = install.profile.api().0;
    let runs = containers
        .iter()
        .find(|container| container.is_running() && container.service.as_deref() == Some(api.as_str()));
    let (place, ran) = match runs {
        Some(container) => {
            (format!("in {}", container.name), services.preflight_inside(own, container).await)
        }
        None => match one_off(survey, install, own).await {
            Ok(tool) => ("in a container of its own".to_owned(), services.preflight_alone(own, tool).await),
            Err(skipped) => return skipped,
        },
    };
    match ran {
        Ok(_) => Judgement::pass(format!("passed, {place}")),
        Err(fault) => {
            let said = [&[format!("{place}: {fault}")], &fault.evidence[..]].concat().join(" | ");
            Judgement::fail(said, "database not reachable: start PostgreSQL, and compare DATABASE_URL")
                .and("pending migrations: `docker compose run --rm` the service that migrates")
                .and("missing settings: compare the environment file with .env.example")
        }
    }
}

/// A container of the API's image, with the API's settings, on the product's network.
async fn one_off(
    survey: &Survey<'_>,
    install: &Install,
    own: &Preflight,
) -> Result<ToolContainer, Judgement> {
    let api = install.profile.api().0;
    let missing = || Judgement::skipped(format!("{api} does not run, and its image is not on this machine"));
    let image = selected(survey).await?.id.and_then(|id| id.parse().ok()).ok_or_else(missing)?;
    let service = install.model.services.get(api.as_str()).ok_or_else(missing)?;
    let network = service.networks.iter().next().and_then(|name| install.model.networks.get(name));
    let environment =
        service.environment.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    let bind = |mount: &Mount| match &mount.source {
        MountSource::Bind(source) => {
            Some(Bind { source: source.clone(), target: mount.target.clone(), access: BindAccess::ReadOnly })
        }
        _ => None,
    };
    Ok(ToolContainer {
        image,
        name: None,
        operation: survey.operation.to_string(),
        project: install.model.project.clone(),
        role: PREFLIGHT_ROLE.to_owned(),
        argv: own.command.clone(),
        environment: environment.collect(),
        user: None,
        binds: service.mounts.iter().filter_map(bind).collect(),
        network: network.map_or(ToolNetwork::Host, |network| ToolNetwork::Named(network.name.clone())),
    })
}

pub(super) fn backup(survey: &Outlook<'_>) -> Judgement {
    let catalogue = match Catalogue::open(survey.place.state.root()) {
        Ok(catalogue) => catalogue,
        Err(error) => return failing(&catalogue_fault(&error)),
    };
    let directory = survey.backup_dir();
    match catalogue.newest(&directory) {
        Ok(newest) => judge::backup(newest.map(|(record, file)| {
            let age = jiff::Timestamp::now().duration_since(record.created_at);
            judge::NewestBackup {
                id: record.id.to_string(),
                age: Duration::try_from(age).unwrap_or_default(),
                verified: record.verified.map(|verified| verified.to_string()),
                file,
            }
        })),
        Err(error) => {
            failing(&Fault::caused_by(format!("{} cannot be looked into", directory.display()), &error))
        }
    }
}
